"""Being asked to stop: SIGTERM ends a job as Ctrl-C does, so that workers are ended and nothing is half-written."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from textclf.models.checkpoints import StoppedError


@contextmanager
def stops_cleanly() -> Iterator[None]:
    """Raise StoppedError where the block stands when SIGTERM comes; only the main thread can be asked."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(signum: int, frame: FrameType | None) -> None:
        """Leave the block."""
        del signum, frame
        raise StoppedError("the blocks that are done are kept; go on with --resume")

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
