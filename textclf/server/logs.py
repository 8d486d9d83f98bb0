"""What a server tells on standard error: one line a request, without its texts."""

from __future__ import annotations

import json
import sys
import traceback
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TextIO


class Log:
    """Writes lines for people, or JSON objects for machines.

    Args:
        as_json: One JSON object a line.
        to: Where to; by default standard error as it is when a line is written.
    """

    def __init__(self, *, as_json: bool, to: TextIO | None = None) -> None:
        self._as_json, self._to = as_json, to

    def event(self, message: str, **more: Any) -> None:
        """Tell of something that happened to the server."""
        self._write("event", message, more)

    def request(self, *, method: str, path: str, status: int, seconds: float, request_id: str, **more: Any) -> None:
        """Tell of a request that is over; status 499 is a client that went away."""
        told = {"method": method, "path": path, "status": status, "ms": round(seconds * 1_000, 2)}
        self._write("request", f"{method} {path} {status}", {**told, "request_id": request_id, **more})

    def fault(self, fault: BaseException, *, request_id: str) -> None:
        """Tell of a fault of ours: its kind and where it was raised. Its message may hold a text and is left out."""
        frames = [f"{f.filename}:{f.lineno} in {f.name}" for f in traceback.extract_tb(fault.__traceback__)][-6:]
        self._write("fault", f"{type(fault).__name__}", {"request_id": request_id, "where": frames})

    def _write(self, kind: str, message: str, more: dict[str, Any]) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        if self._as_json:
            line = json.dumps({"time": now, "kind": kind, "message": message, **more})
        else:
            shown = " ".join(f"{key}={value}" for key, value in more.items() if key not in ("method", "path", "status"))
            line = f"{now[11:19]} {message}{f'  {shown}' if shown else ''}"
        stream = self._to or sys.stderr
        with suppress(BrokenPipeError):  # whoever read the log is gone; the server goes on
            stream.write(line + "\n")
            stream.flush()
