"""One process at a time for work that takes long and ends in one place."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from textclf.errors import TextclfError


class LockedError(TextclfError):
    """Another process is doing the same work in the same place."""


@contextmanager
def held(target: Path, *, what: str) -> Iterator[None]:
    """Keep other processes from the same work on `target` while the block runs.

    The lock is the system's own and ends with the process, however that dies. Where the system has none of this kind
    (Windows) or the file system knows no locks, nothing is kept.

    Args:
        target: The file or folder to be; the lock is a hidden file beside it, gone when the block ends.
        what: What the work is, for the message: ``"training"``.

    Raises:
        LockedError: When another process holds it.
    """
    target = target.absolute()
    handle = _take(target.parent / f".{target.name}.lock", what=what, target=target)
    try:
        yield
    finally:
        if handle is not None:
            with suppress(OSError):
                (target.parent / f".{target.name}.lock").unlink()
            os.close(handle)


def _take(lock: Path, *, what: str, target: Path) -> int | None:
    """Return an open handle that holds the lock, or None where there are no locks."""
    try:
        import fcntl
    except ImportError:
        return None
    while True:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(handle, 20).decode("ascii", errors="replace") or "unknown"
            os.close(handle)
            raise LockedError(
                f"another {what} (process {holder}) is under way for {target}; wait for it, or choose another place"
            ) from None
        except OSError:  # a file system without locks
            os.close(handle)
            return None
        if _is_same(handle, lock):
            with suppress(OSError):  # a full disk: the lock holds all the same
                os.ftruncate(handle, 0)
                os.write(handle, str(os.getpid()).encode())
            return handle
        os.close(handle)  # who held it before took the file away between our opening and our locking


def _is_same(handle: int, lock: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), lock.stat())
    except OSError:
        return False
