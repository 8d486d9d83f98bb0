"""What a training tells of each epoch to whoever listens: trackers, a search that prunes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

OnEpoch = Callable[[int, Mapping[str, float]], None]

_listener: ContextVar[OnEpoch | None] = ContextVar("on_epoch", default=None)


@contextmanager
def reporting_epochs(callback: OnEpoch) -> Iterator[None]:
    """Call with each epoch's number (from 1) and scores while the block runs; what it raises ends the training."""
    token = _listener.set(callback)
    try:
        yield
    finally:
        _listener.reset(token)


def report_epoch(epoch: int, scores: Mapping[str, float]) -> None:
    """Tell the listener of an epoch, if there is one."""
    callback = _listener.get()
    if callback is not None:
        callback(epoch, scores)
