"""Writing files and folders so that each is whole or absent, whatever is killed or full."""

from __future__ import annotations

import ctypes
import errno
import glob
import hashlib
import os
import platform
import shutil
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from textclf.errors import TextclfError

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


class WriteError(TextclfError):
    """A file or folder that could not be written; what was there before is untouched."""


@contextmanager
def written_aside(target: Path, *, folder: bool = False) -> Iterator[Path]:
    """Give a path beside `target` to write to, and put it in place of `target` when the block ends well.

    When the block raises, what was written is removed and `target` stays as it was.

    Args:
        target: The file or folder to be.
        folder: Make the path a new folder; else it does not exist yet.

    Raises:
        WriteError: When it cannot be written: no space, no permission, a read-only place.
    """
    target = target.absolute()
    mark = f".{target.name}.{this_host()}-"
    aside = target.parent / f"{mark}{os.getpid()}-{uuid.uuid4().hex[:8]}.partial"
    if target.exists() and target.is_dir() != folder:
        kind = ("a file", "a folder") if folder else ("a folder", "a file")
        raise WriteError(f"{target} is {kind[0]}, and {kind[1]} is to be written there; choose another place")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(target.parent, mark)
        if folder:
            aside.mkdir()
        yield aside
        _sync(aside)
        _put_in_place(aside, target)
    except Exception as fault:
        _remove(aside)
        reason = _reason(fault, aside, target)
        if reason is None:
            raise
        raise WriteError(f"cannot write {target}: {reason}. What was there before is untouched.") from fault
    except BaseException:  # an interrupt leaves nothing half-written either
        _remove(aside)
        raise


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_writable(target: Path) -> None:
    """Make sure that something can be written beside `target`, before long work is begun.

    Raises:
        WriteError: When it cannot.
    """
    with written_aside(target.parent / f".{target.name}.probe") as aside:
        aside.write_bytes(b"")
    with suppress(OSError):
        (target.parent / f".{target.name}.probe").unlink()


def this_host() -> str:
    """Return a short name of this machine, of letters and digits."""
    return "".join(c for c in platform.node() if c.isalnum())[:32] or "host"


def _remove_leftovers(folder: Path, mark: str) -> None:
    """Remove what killed processes of this machine left beside the target."""
    for path in folder.glob(f"{glob.escape(mark)}*.partial"):
        process = path.name.removeprefix(mark).split("-")[0]
        if process.isdigit() and not is_alive(int(process)):
            _remove(path)


def is_alive(process: int) -> bool:
    """Tell whether a process of this machine is there, by its id; where one cannot ask, it is taken to be."""
    if os.name != "posix":
        return True  # elsewhere asking would be a signal
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _reason(fault: Exception, aside: Path, target: Path) -> str | None:
    """Return what to tell of a failed write, or None when the fault is something else."""
    if isinstance(fault, OSError):
        if fault.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            return f"{fault.strerror}; free some space or choose another place"
        if fault.filename is not None:
            place = Path(os.fsdecode(fault.filename)).absolute()
            if not place.is_relative_to(aside) and not target.is_relative_to(place):
                return None  # the block failed to read something else
        return fault.strerror or str(fault)
    if type(fault).__name__ == "SafetensorError":  # what safetensors raises when a write fails
        return f"{fault}; free some space or choose another place"
    return None


def _put_in_place(aside: Path, target: Path) -> None:
    if aside.is_file():
        aside.replace(target)
    elif not target.exists() and _moves_in(aside, target):
        pass
    elif _exchange(aside, target):
        shutil.rmtree(aside, ignore_errors=True)  # the new one is in place; the old one is only in the way
    else:  # no atomic exchange here: the old folder steps aside, and back if the new one cannot move in
        old = target.parent / f".{target.name}.{uuid.uuid4().hex[:8]}.old"
        target.replace(old)
        try:
            aside.replace(target)
        except OSError:
            old.replace(target)
            raise
        shutil.rmtree(old, ignore_errors=True)
    _sync_folder(target.parent)


def _moves_in(aside: Path, target: Path) -> bool:
    """Move a folder to where nothing is; tell whether that was so: another process may have been there first."""
    try:
        aside.replace(target)
    except OSError as fault:
        if fault.errno in (errno.ENOTEMPTY, errno.EEXIST):
            return False
        raise
    return True


def _exchange(one: Path, other: Path) -> bool:
    """Swap two folders in one step (Linux); tell whether that worked."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    names = os.fsencode(one), os.fsencode(other)
    return bool(renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) == 0)


def _sync(path: Path) -> None:
    """Make sure that what was written is on the disk before it is put in place."""
    for file in [path] if path.is_file() else sorted(path.rglob("*")):
        if file.is_file():
            with file.open("rb") as handle:
                os.fsync(handle.fileno())
    _sync_folder(path if path.is_dir() else path.parent)


def _sync_folder(folder: Path) -> None:
    with suppress(OSError):  # some file systems cannot sync a folder
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
