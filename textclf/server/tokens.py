"""Who is let in: bearer tokens, compared in constant time and never shown."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from textclf.errors import ConfigError

VARIABLE = "TEXTCLF_TOKENS"
SHORTEST = 16


class Tokens:
    """The tokens that are let in; only their digests are kept."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self._digests = [_digest(token) for token in tokens]

    def __bool__(self) -> bool:
        return bool(self._digests)

    def admits(self, header: str) -> bool:
        """Tell whether a request with this `Authorization` header is let in; every token is compared every time."""
        scheme, _, given = header.partition(" ")
        found = _digest(given.strip())
        same = [hmac.compare_digest(found, known) for known in self._digests]
        return scheme.lower() == "bearer" and any(same)


def read_tokens(file: Path | None, *, environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """Return the tokens of a file, one a line, and of the variable TEXTCLF_TOKENS, parted by white space or commas.

    Args:
        file: Lines that begin with # are left out.
        environment: Where the variable is looked for.

    Raises:
        ConfigError: When the file cannot be read or holds none, or a token is too short or odd. No token is shown.
    """
    found = [(VARIABLE, token) for token in re.split(r"[\s,]+", environment.get(VARIABLE, "")) if token]
    if file is not None:
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as fault:
            told = getattr(fault, "strerror", None) or "it is no text"
            raise ConfigError(f"--token-file {file}: cannot read it: {told}") from fault
        held = [
            (f"{file}, line {n}", line.strip())
            for n, line in enumerate(lines, start=1)
            if line.strip() and not line.startswith("#")
        ]
        if not held:
            raise ConfigError(f"--token-file {file}: there is no token in it; write one a line")
        found += held
    for place, token in found:
        if len(token) < SHORTEST or not re.fullmatch(r"[A-Za-z0-9._~+/=-]+", token):
            raise ConfigError(
                f"{place}: a token has at least {SHORTEST} characters, of letters, digits and ._~+/=- alone. Make one "
                f"with: openssl rand -hex 32"
            )
    return tuple(dict.fromkeys(token for _, token in found))


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", errors="replace")).digest()
