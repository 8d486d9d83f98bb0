"""A process of the local engine: it loads a bundle, then labels the blocks it reads from its standard input.

Run by the engine as ``python -m textclf.bulk.worker JOB``. Both ways go lines of JSON. When its input ends, because
whoever began it is gone, it ends too.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TextIO

from textclf.bulk.blocks import Block
from textclf.bulk.work import Job, do_block, probe_block
from textclf.bundle import load_bundle
from textclf.errors import TextclfError, TextclfWarning
from textclf.labeller import Labeller

MOST_WARNINGS = 3  # of a block


def main() -> None:
    """Label blocks until there are no more."""
    answers, sys.stdout = sys.stdout, sys.stderr  # what a library prints must not stand between answers
    signal.signal(signal.SIGTERM, _leave)
    tasks = _tasks(sys.stdin)
    job = Job(**json.loads(sys.argv[1]))
    with _told(answers) as told:
        model = load_bundle(job.model)
        told |= {"ready": os.getpid()}
    while (task := tasks.get()) is not None:
        with _told(answers) as told:
            _work(model, job, task, told, answers)


def _work(model: Labeller, job: Job, task: dict[str, Any], told: dict[str, Any], answers: TextIO) -> None:
    block = Block.from_json(task["block"])
    if "probe" in task:
        for place in probe_block(model, block, job, start=task["probe"]):
            _say(answers, {"at": place})
    else:
        told |= {"done": do_block(model, block, job, leave_out=frozenset(task["leave_out"])).to_json()}


@contextmanager
def _told(answers: TextIO) -> Iterator[dict[str, Any]]:
    """Give what is to be answered when the block ends, and answer what a user must mend, or know."""
    told: dict[str, Any] = {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", TextclfWarning)
        try:
            yield told
        except TextclfError as fault:
            told |= {"fault": str(fault), "kind": type(fault).__name__}
    known = dict.fromkeys(str(one.message) for one in caught if issubclass(one.category, TextclfWarning))
    _say(answers, {**told, "warnings": list(known)[:MOST_WARNINGS]})


def _say(answers: TextIO, told: dict[str, Any]) -> None:
    answers.write(json.dumps(told) + "\n")
    answers.flush()


def _tasks(given: TextIO) -> queue.SimpleQueue[dict[str, Any] | None]:
    """Return a queue of what is asked; when no more can come, work under way is left off."""
    tasks: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()

    def read() -> None:
        """Read to the end."""
        for line in given:
            tasks.put(json.loads(line))
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=read, daemon=True).start()
    return tasks


def _leave(signum: int, frame: FrameType | None) -> None:
    """End the process; what it was writing is removed on the way."""
    del signum, frame
    sys.exit(0)


if __name__ == "__main__":
    try:
        main()
    except SystemExit:
        os._exit(0)  # at once: the thread that reads may hold what an orderly end would wait for
