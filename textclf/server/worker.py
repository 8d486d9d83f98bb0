"""One of several processes behind a port, begun by `workers` as ``python -m textclf.server.worker``.

Its orders come as a line of JSON on standard input, which ends when the parent does; it tells the parent what it is to
know in lines of JSON on standard output.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from textclf.errors import TextclfError
from textclf.server.logs import Log
from textclf.server.run import BACKLOG, run_server
from textclf.server.served import Served
from textclf.server.settings import ServerSettings


class SharedListener(socket.socket):
    """A socket that several processes listen at.

    An event loop takes as many connections at a time as it was told may wait. Here it is told one, so that a process
    leaves the others theirs, and that many may wait all the same.
    """

    def listen(self, backlog: int = BACKLOG, /) -> None:
        """Listen, and let as many wait as ever."""
        super().listen(max(backlog, BACKLOG))


def work(orders: Mapping[str, Any]) -> None:
    """Serve a model at a port that is open, until SIGTERM.

    Args:
        orders: `path`, `listener` (the number of the socket) and `settings`.

    Raises:
        TextclfError: When the model does not load.
    """
    given = orders["settings"]
    settings = ServerSettings(**{**given, "tokens": tuple(given["tokens"]), "page": Path(given["page"])})
    path, log = Path(orders["path"]), Log(as_json=settings.log_json)
    served = Served.load(path, name=settings.name)
    with SharedListener(fileno=orders["listener"]) as listener:
        ready = {"name": served.name, "version": served.version}
        run_server(
            path,
            served,
            settings,
            listener,
            log=log,
            at_a_time=1,
            on_ready=lambda: tell("ready", **ready),
            tell_others=lambda: tell("reload"),
        )


def tell(what: str, **more: Any) -> None:
    """Tell the parent something; where there is no parent any more, nobody."""
    try:
        os.write(1, json.dumps({"is": what, **more}).encode() + b"\n")
    except BrokenPipeError:
        return


def leave_with_parent() -> None:
    """Wait for the end of the parent, and leave then."""
    while os.read(0, 1):
        continue
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> int:
    """Take orders and work; return the exit code."""
    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(0, 65_536)
        if not piece:
            return 1
        line += piece
    threading.Thread(target=leave_with_parent, daemon=True).start()
    try:
        work(json.loads(line))
    except TextclfError as fault:
        tell("fault", message=str(fault))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
