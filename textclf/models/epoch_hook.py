"""What a training tells of each epoch to whoever listens: trackers, a search that prunes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

OnEpoch = Callable[[int, Mapping[str, float]], None]

_listeners: ContextVar[tuple[OnEpoch, ...]] = ContextVar("on_epoch", default=())


@contextmanager
def reporting_epochs(callback: OnEpoch) -> Iterator[None]:
    """Call with each epoch's number (from 1) and scores while the block runs; what it raises ends the training."""
    token = _listeners.set((*_listeners.get(), callback))
    try:
        yield
    finally:
        _listeners.reset(token)


@contextmanager
def unreported() -> Iterator[None]:
    """Tell nobody of the epochs in the block: they are those of a model that only helps to train another."""
    token = _listeners.set(())
    try:
        yield
    finally:
        _listeners.reset(token)


def report_epoch(epoch: int, scores: Mapping[str, float]) -> None:
    """Tell every listener of an epoch, the one that came first first."""
    for callback in _listeners.get():
        callback(epoch, scores)
