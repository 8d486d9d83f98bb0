"""How much memory this process held at most while something ran."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

PROCESS = Path("/proc/self")


@contextmanager
def peak_memory() -> Iterator[Callable[[], float | None]]:
    """Give a function that returns the most memory, in MiB, that the process has held since the block began.

    What it held before counts too, as long as it is held. Where the system cannot begin to count anew (Linux can), and
    the process has held more at some time before, the function returns None: then nobody knows.
    """
    anew = _forget_peak()
    before = process_peak()

    def measured() -> float | None:
        now = process_peak()
        return None if now is None or before is None or not (anew or now > before) else now

    yield measured


def process_peak() -> float | None:
    """Return the most memory in MiB that this process has held, or None where the system does not tell."""
    try:
        # On Linux `ru_maxrss` of a child begins with what its parent held, and cannot be counted anew.
        for line in (PROCESS / "status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    except (OSError, ValueError):
        pass
    try:
        import resource
    except ImportError:  # Windows
        return None
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(held) / (2**20 if sys.platform == "darwin" else 1024)


def _forget_peak() -> bool:
    """Let the system count the peak from here on; tell whether it does."""
    try:
        (PROCESS / "clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return False
    return True
