"""What both clients are made from, and what the end of a try means for either."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from textclf.client.faults import RemoteError, UnreachableError, fault_of
from textclf.client.remote import check_url
from textclf.client.retrying import PASSING, Retrying, retry_after
from textclf.errors import ConfigError, TextclfWarning, import_extra
from textclf.version import __version__

PREDICT, EXPLAIN, CARD = "/v1/predict", "/v1/predict?explain=true", "/v1/model"


@dataclass
class Settings:
    """Where the server is and how patient to be with it.

    Attributes:
        url: The server.
        token: Its bearer token, where it asks for one.
        timeout: Seconds to wait for an answer.
        retries: How often a request is tried again.
        most_texts: Texts of a request; halved by itself where the server takes fewer.
        httpx: The library.
    """

    url: str
    token: str | None = field(repr=False)
    timeout: float
    retries: int
    most_texts: int
    httpx: ModuleType = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.url = check_url(self.url)
        if not self.timeout > 0 or self.retries < 0 or self.most_texts < 1:
            raise ConfigError(
                f"timeout must be above 0, retries at least 0 and most_texts at least 1, "
                f"not {self.timeout}, {self.retries} and {self.most_texts}"
            )
        if self.token is not None and not (self.token.isascii() and self.token.isprintable() and self.token.strip()):
            raise ConfigError("token must be one line of plain characters")
        self.httpx = import_extra("httpx", extra="client", purpose="asking a server")
        try:
            self.httpx.URL(self.url)
        except self.httpx.InvalidURL as fault:
            raise ConfigError(f"{self.url!r} is no URL: {fault}") from fault

    def for_httpx(self) -> dict[str, Any]:
        """Return what a client of httpx is made from."""
        headers = {"User-Agent": f"textclf/{__version__}", "Accept": "application/json"}
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token.strip()}"
        return {"headers": headers, "timeout": self.timeout}

    def again(self, trying: Retrying, response: Any) -> float | None:
        """Return the seconds to wait before an answered request is tried again, or None where it is not to be."""
        return trying.wait(response.headers) if response.status_code in PASSING else None

    def again_after_fault(self, trying: Retrying, fault: Exception) -> float:
        """Return the seconds to wait after a try that brought no answer.

        A server that was reached and did not answer in time is not asked again: it may still be at work.

        Raises:
            UnreachableError: When there is to be no further try.
        """
        if isinstance(fault, (self.httpx.ReadTimeout, self.httpx.WriteTimeout)):
            raise UnreachableError(
                f"{self.url} did not answer within {self.timeout:g} seconds; give a longer timeout= or send less"
            ) from fault
        wait = trying.wait({})
        if wait is None:
            tries = f"{trying.tried + 1} tries" if trying.tried else "1 try"
            raise UnreachableError(
                f"{self.url} cannot be reached ({fault or type(fault).__name__}) after {tries}; does it run there?"
            ) from fault
        return wait

    def answer_of(self, response: Any) -> Any:
        """Return the JSON of an answer.

        Raises:
            RemoteError: Of the kind the status asks for; or where it is no JSON.
        """
        try:
            answer = response.json()
        except ValueError:
            answer = None
        if response.status_code != 200:
            fault = fault_of(response.status_code, answer, url=self.url)
            wanted = retry_after(response.headers)
            raise type(fault)(
                f"{fault}. It asks to wait {wanted:.0f} seconds" if wanted else str(fault),
                status=fault.status,
                where=fault.where,
            )
        if not isinstance(answer, Mapping):
            raise RemoteError(f"{self.url} answered with no JSON object; is it a `textclf serve`?", status=200)
        return answer


def warn_of_contexts(contexts: Sequence[str] | None) -> None:
    """Warn that a server is sent paragraphs alone, where there is any context."""
    if contexts is not None and any(contexts):
        warnings.warn(
            "a server is sent texts alone; the contexts are left out. Whole articles, sent with label(), keep theirs",
            TextclfWarning,
            stacklevel=3,
        )
