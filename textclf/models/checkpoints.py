"""Checkpoints of a training: whole or absent, checked by hash, and of no use to any other training.

A training draws all its chance from its seed and the number of the step, so that weights, the optimizer's moments and
the step are all there is to keep: what goes on from a checkpoint is the same to the last bit as what was never stopped.
"""

from __future__ import annotations

import json
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from textclf.errors import TextclfError
from textclf.files import WriteError, sha256_of, written_aside
from textclf.progress import log

STATE, TENSORS, MANIFEST = "state.json", "tensors.safetensors", "manifest.json"
KEPT = 2  # the newest and the one before, in case the newest is damaged
GONE = ".gone-"  # what a checkpoint that is being removed is called first


class StoppedError(TextclfError):
    """A training that was asked to stop and has kept what it did; the same command goes on with it."""


@dataclass
class Checkpoints:
    """The checkpoints of one training in a folder of its own.

    Attributes:
        folder: Where they lie: ``step-<number>`` each.
        every: Seconds between two.
        keeps: Whether any are kept; a process that helps another to train keeps none, and stops with it.
        stop: Set when the process was asked to stop.
        listening: Whether a training looks at `stop`; where none does, being asked to stop ends it at once.
    """

    folder: Path
    every: float = 120.0
    keeps: bool = True
    stop: threading.Event = field(default_factory=threading.Event)
    listening: bool = False
    _last: float = field(default_factory=time.monotonic)

    def ask_to_stop(self) -> None:
        """Let the training at hand stop at its next step, or end it here where it keeps no checkpoints.

        Raises:
            StoppedError: In the second case.
        """
        self.stop.set()
        if not self.listening:
            raise StoppedError("training was asked to stop, and stopped; this part of it keeps no checkpoints")

    @contextmanager
    def listened(self) -> Iterator[None]:
        """Say that the block looks at `stop` after each step."""
        self.listening = True
        try:
            yield
        finally:
            self.listening = False

    def due(self) -> bool:
        """Tell whether it is time for another, or to stop."""
        return self.stop.is_set() or (self.keeps and time.monotonic() - self._last >= self.every)

    def save(self, step: int, tensors: Mapping[str, Any], state: Mapping[str, Any]) -> None:
        """Keep a state; older ones than the last two are removed. One that cannot be written is warned of.

        Args:
            step: Steps taken.
            tensors: Name to tensor.
            state: JSON-ready; names the training it belongs to.
        """
        from safetensors.torch import save_file

        if not self.keeps:
            return
        target = self.folder / f"step-{step:08d}"
        try:
            check_space(self.folder, sum(t.numel() * t.element_size() for t in tensors.values()))
            with written_aside(target, folder=True) as aside:
                save_file({name: t.detach().cpu().contiguous() for name, t in tensors.items()}, aside / TENSORS)
                (aside / STATE).write_text(json.dumps(dict(state)), encoding="utf-8")
                listed = {name: sha256_of(aside / name) for name in (TENSORS, STATE)}
                (aside / MANIFEST).write_text(json.dumps(listed), encoding="utf-8")
        except WriteError as fault:
            log.warning("no checkpoint at step %d: %s", step, fault)
        self._last = time.monotonic()
        self._remove(self._found()[KEPT:])

    def newest(self, training: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """Return the tensors and state of the newest whole checkpoint, or None.

        Damaged ones are set aside with a warning; those of another training are removed.

        Args:
            training: What its state's ``"training"`` must be.
        """
        from safetensors.torch import load_file

        for folder in self._found() if self.keeps else ():
            try:
                listed = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
                if set(listed) != {TENSORS, STATE} or any(sha256_of(folder / n) != h for n, h in listed.items()):
                    raise ValueError("its files are not those it was saved with")
                state = json.loads((folder / STATE).read_text(encoding="utf-8"))
            except (OSError, ValueError, TypeError, AttributeError) as fault:
                aside = folder.with_name(f"damaged-{folder.name}")
                log.warning("checkpoint %s is damaged (%s); trying the one before", folder.name, fault)
                shutil.rmtree(aside, ignore_errors=True)
                with suppress(OSError):
                    folder.rename(aside)
                continue
            if state.get("training") != training:
                log.info("checkpoint %s is of a training with other settings or data; it is removed", folder.name)
                self._remove([folder])
                continue
            return load_file(folder / TENSORS), state
        return None

    def clear(self) -> None:
        """Remove them all: the training is done."""
        if self.keeps:
            self._remove(self._found())
            shutil.rmtree(self.folder, ignore_errors=True)

    def _remove(self, checkpoints: Sequence[Path]) -> None:
        """Remove checkpoints; a death in the midst leaves each whole or under a name that is none of a checkpoint."""
        for checkpoint in checkpoints:
            with suppress(OSError):
                checkpoint.rename(checkpoint.with_name(f"{GONE}{checkpoint.name}"))
        for gone in self.folder.glob(f"{GONE}*"):
            shutil.rmtree(gone, ignore_errors=True)

    def _found(self) -> list[Path]:
        """Return the checkpoints' folders, newest first."""
        return sorted(self.folder.glob("step-*"), reverse=True)


def check_space(folder: Path, size: int) -> None:
    """Make sure that so many bytes fit beside a folder.

    Raises:
        WriteError: When they do not.
    """
    place = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    free = shutil.disk_usage(place).free
    if free < size * 1.1:
        raise WriteError(f"{free / 2**20:,.0f} MiB are free at {place}, {size / 2**20:,.0f} MiB are needed")


_current: ContextVar[Checkpoints | None] = ContextVar("checkpoints", default=None)


def current_checkpoints() -> Checkpoints | None:
    """Return where the training at hand keeps its checkpoints; None for nowhere."""
    return _current.get()


@contextmanager
def checkpoints_in(folder: Path, *, every: float = 120.0, keeps: bool = True) -> Iterator[Checkpoints]:
    """Let trainings in the block keep checkpoints in a folder, and stop at a checkpoint when SIGTERM comes.

    The folder is removed when the block ends well, and stays when it does not.

    Args:
        folder: Where they lie.
        every: Seconds between two.
        keeps: Whether any are kept; where not, the block can still be asked to stop.
    """
    kept = Checkpoints(folder, every, keeps)
    token = _current.set(kept)
    try:
        with _on_sigterm(kept.ask_to_stop):
            yield kept
    finally:
        _current.reset(token)
    kept.clear()


@contextmanager
def without_checkpoints() -> Iterator[None]:
    """Let trainings in the block keep none: those of folds, which are many and short."""
    token = _current.set(None)
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def _on_sigterm(call: Callable[[], None]) -> Iterator[None]:
    """Call when SIGTERM comes, instead of dying; only the main thread can."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, frame: FrameType | None) -> None:
        call()

    before = signal.signal(signal.SIGTERM, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
