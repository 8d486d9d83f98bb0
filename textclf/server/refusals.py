"""What a request is refused with: one shape for every fault."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, Field
from starlette.responses import JSONResponse


class Fault(BaseModel):
    """One fault of a request, with its place."""

    at: str = Field(description="Where it is.", examples=["body.texts[3]"])
    message: str = Field(description="What is wrong there.", examples=["Input should be a valid string"])


class Refused(BaseModel):
    """Why a request was not answered."""

    error: str = Field(description="What is wrong, and what to do.", examples=["the body has 1 fault"])
    faults: list[Fault] = Field(default=[], description="Each fault with its place, where the body is at fault.")
    request_id: str | None = Field(default=None, description="As in the header X-Request-ID.", examples=["a1b2c3"])


class RefusalError(Exception):
    """A request is not answered, and why.

    Args:
        status: The HTTP status.
        message: What is wrong and what to do. It holds nothing of the texts.
        faults: The places, each with its message.
        headers: Further headers of the answer.
        reason: A word for the counter of rejections.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        faults: Sequence[tuple[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        reason: str = "invalid",
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.faults, self.reason = status, message, tuple(faults), reason
        self.headers = dict(headers or {})

    def record(self, request_id: str | None) -> dict[str, Any]:
        """Return the answer's body (see `Refused`)."""
        faults = [{"at": mended(at), "message": mended(message)} for at, message in self.faults]
        return {"error": mended(self.message), "faults": faults, "request_id": request_id}

    def response(self, request_id: str | None) -> JSONResponse:
        """Return the answer."""
        return JSONResponse(self.record(request_id), status_code=self.status, headers=self.headers)


def invalid(*faults: tuple[str, str]) -> RefusalError:
    """Return the refusal of a body with faults, each a place and a message."""
    many = f"{len(faults)} faults" if len(faults) != 1 else "1 fault"
    first = "; ".join(f"{at}: {message}" for at, message in faults[:3])
    return RefusalError(422, f"the request has {many}: {first}", faults=faults)


def place(path: Sequence[str | int]) -> str:
    """Return a path of keys and places as ``body.texts[3]``."""
    shown = "".join(f"[{step}]" if isinstance(step, int) else f".{step[:100]}" for step in path)
    return shown.removeprefix(".")


def mended(text: str) -> str:
    """Return a text without half characters, which no answer can hold."""
    return text.encode("utf-8", errors="replace").decode("utf-8")
