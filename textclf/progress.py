"""Progress: a bar on a terminal, plain log lines elsewhere."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
log = logging.getLogger("textclf")


def track(steps: Iterable[T], *, what: str, total: int | None = None, unit: str = "batch") -> Iterator[T]:
    """Yield the steps, showing a bar on stderr when it is a terminal and logging is at INFO or below."""
    if sys.stderr.isatty() and log.isEnabledFor(logging.INFO):
        from tqdm import tqdm

        yield from tqdm(steps, desc=what, total=total, unit=unit, leave=False, dynamic_ncols=True)
    else:
        yield from steps


def log_skipped(paths: Sequence[Path], *, why: str, most: int = 5) -> None:
    """Warn of files that were passed over: the first few by name, the rest by their number."""
    for path in paths[:most]:
        log.warning("skipped %s: %s", path, why)
    if len(paths) > most:
        log.warning("skipped %d more: %s", len(paths) - most, why)


def show_progress() -> None:
    """Let log lines of this package through to stderr, once, as ``12:30:05 message``."""
    log.setLevel(logging.INFO)
    if not log.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", datefmt="%H:%M:%S"))
        log.addHandler(handler)
        log.propagate = False
