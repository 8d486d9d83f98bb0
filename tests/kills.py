"""Killing a training at random moments until it ends, and counting what the kills left behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from textclf.files import sha256_of


@dataclass
class Kills:
    """What kills did.

    Attributes:
        kills: How many hit a training that was under way.
        saving: Those that hit it while a checkpoint was being written beside its place.
        partial: Checkpoints found in place that were not whole.
        resumed: Trainings that began with a checkpoint of a killed one there.
        runs: Trainings that came to their end.
    """

    kills: int = 0
    saving: int = 0
    partial: int = 0
    resumed: int = 0
    runs: int = 0


def drill(
    work: Callable[[Path], None], folder: Path, *, wanted: int, seed: int, check: Callable[[Path], None]
) -> Kills:
    """Kill a training `wanted` times with SIGKILL, at moments spread over the time it takes; check each that ends.

    A training that was killed is gone on with by the next. It runs in a fork, which spares it the imports.

    Args:
        work: Trains with checkpoints in ``folder / "kept"`` and writes its result to the path it is given.
        folder: An empty place.
        wanted: Kills.
        seed: Fixes the moments.
        check: Looks at a result; raises an AssertionError where it is another than it should be.
    """
    found, rng, kept, out = Kills(), np.random.default_rng(seed), folder / "kept", folder / "out"
    started = time.monotonic()
    assert ended(begin(work, out)) == 0
    seconds = time.monotonic() - started
    while True:
        found.resumed += bool(list(kept.glob("step-*")))
        shutil.rmtree(out, ignore_errors=True)
        child = begin(work, out)
        if found.kills < wanted:
            time.sleep(float(rng.uniform(0, seconds)))
            os.kill(child, signal.SIGKILL)
        code = ended(child)
        if code == -signal.SIGKILL:
            found.kills += 1
            found.saving += bool(list(kept.glob(".step-*.partial")))
            found.partial += sum(not is_whole(each) for each in kept.glob("step-*"))
            continue
        assert code == 0
        check(out)
        found.runs += 1
        if found.kills >= wanted:
            return found


def is_whole(checkpoint: Path) -> bool:
    """Tell whether a checkpoint's files are those that its manifest lists."""
    try:
        listed = json.loads((checkpoint / "manifest.json").read_text(encoding="utf-8"))
        return all(sha256_of(checkpoint / name) == digest for name, digest in listed.items())
    except (OSError, ValueError):
        return False


def begin(work: Callable[[Path], None], out: Path) -> int:
    """Let a fork do the work; return its process."""
    child = os.fork()
    if child == 0:
        try:
            work(out)
            os._exit(0)
        finally:
            traceback.print_exc()
            os._exit(1)
    return child


def ended(child: int) -> int:
    """Wait for a process; return how it ended."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
