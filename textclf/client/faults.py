"""What a server may answer instead of labels, as errors a user can mend."""

from __future__ import annotations

from typing import Any

from textclf.client.shapes import error_of
from textclf.errors import DataError, TextclfError


class RemoteError(TextclfError):
    """A server that did not answer as asked; the message holds what it said.

    Attributes:
        status: The HTTP status, or None where there was no answer.
        where: The part of the request the server found at fault, where it said so.
    """

    def __init__(self, message: str, *, status: int | None = None, where: str | None = None) -> None:
        super().__init__(message)
        self.status, self.where = status, where


class AccessError(RemoteError):
    """The server asks for a token, or does not accept the one given."""


class RefusedError(RemoteError, DataError):
    """The server cannot read what it was sent."""


class TooLargeError(RemoteError):
    """One text or article is larger than the server takes."""


class BusyError(RemoteError):
    """The server was too busy, or not ready, at every try."""


class UnreachableError(RemoteError):
    """No answer came: no such host, no connection, or not in time."""


KINDS: dict[int, tuple[type[RemoteError], str]] = {
    401: (AccessError, "asks for a token, or does not accept the one given; give token="),
    403: (AccessError, "does not let this token in"),
    404: (RemoteError, "knows no such address; give the URL that `textclf serve` says it serves at"),
    408: (BusyError, "took too long over the request; send less at a time, or ask again later"),
    413: (TooLargeError, "takes no text as large as this one; send a part of it"),
    422: (RefusedError, "cannot read what it was sent"),
    429: (BusyError, "has too many requests; ask again later"),
    503: (BusyError, "is busy or not ready; ask again later"),
}


def fault_of(status: int, answer: Any, *, url: str) -> RemoteError:
    """Return the error for an answer that is none.

    Args:
        status: The HTTP status.
        answer: The JSON that came with it, or None.
        url: The server, for the message.
    """
    kind, told = KINDS.get(status, (RemoteError, f"answered with status {status}"))
    message, where = error_of(answer)
    place = f" (at {where})" if where and where not in message else ""
    return kind(f"{url} {told}{f'. It says: {message}{place}' if message else ''}", status=status, where=where)
