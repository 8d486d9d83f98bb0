"""What a server allows and how long it waits."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from textclf.errors import ConfigError
from textclf.records import MAX_CHARACTERS

PAGE = Path(__file__).parent / "page"


@dataclass(frozen=True)
class ServerSettings:
    """The settings of a server.

    Attributes:
        name: What the model is called; by default what its config is called.
        max_wait_ms: How long a text waits for others, where there were others of late, to share its batch.
        batch_characters: A batch takes no further text once it holds so many characters.
        max_queue: Characters that may wait for the model; past it requests are refused (429).
        max_requests: Requests worked on at a time; past it others are refused (429).
        max_body: Bytes of a request's body.
        max_texts: Texts of a request, or paragraphs of an article.
        max_characters: Characters of a text, or of an article's paragraph.
        max_explained: Texts of a request that asks for explanations.
        max_nesting: How deep brackets of a JSON body may nest.
        timeout_s: Seconds from a request's first byte to its answer; past it it is answered 408.
        read_s: Seconds in which an article's page must be read; past it it is answered 422.
        drain_s: Seconds between SIGTERM and the closing of the port, for a proxy to read `/readyz`.
        tokens: Those that are let in; none lets everybody in.
        log_json: Log one JSON object a line.
        page: The folder of the web page.
    """

    name: str | None = None
    max_wait_ms: float = 5.0
    batch_characters: int = 16_384
    max_queue: int = 1_000_000
    max_requests: int = 256
    max_body: int = 4 * 2**20
    max_texts: int = 1_000
    max_characters: int = MAX_CHARACTERS
    max_explained: int = 64
    max_nesting: int = 16
    timeout_s: float = 30.0
    read_s: float = 10.0
    drain_s: float = 2.0
    tokens: tuple[str, ...] = field(default=(), repr=False)
    log_json: bool = False
    page: Path = PAGE

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ConfigError: With every one that is out of bounds.
        """
        whole = ("batch_characters", "max_queue", "max_requests", "max_body", "max_texts", "max_characters")
        least = dict.fromkeys((*whole, "max_explained", "max_nesting"), 1)
        faults = [
            f"{name} must be at least {bound}, not {getattr(self, name)}"
            for name, bound in {**least, "max_wait_ms": 0, "drain_s": 0}.items()
            if not getattr(self, name) >= bound
        ]
        faults += [
            f"{name} must be above 0, not {getattr(self, name)}"
            for name in ("timeout_s", "read_s")
            if not getattr(self, name) > 0
        ]
        if self.max_characters > MAX_CHARACTERS:
            faults.append(f"max_characters must be at most {MAX_CHARACTERS}, which is what models read of a text")
        if faults:
            raise ConfigError("; ".join(faults))
