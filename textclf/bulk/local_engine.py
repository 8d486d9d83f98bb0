"""The local engine: processes of this machine, each of which loads the bundle once and labels one block at a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from queue import Empty, SimpleQueue
from typing import Any

from textclf.bulk.blocks import Block
from textclf.bulk.output import Done
from textclf.bulk.work import Job
from textclf.errors import BundleError, DataError, MissingExtraError, ModelError, TextclfError
from textclf.files import WriteError
from textclf.progress import log

COMMAND = (sys.executable, "-m", "textclf.bulk.worker")
LOOKED_THROUGH = 2  # deaths over one block until its rows are looked at
TRIES = 4  # deaths over one block until it is given up
STOP_SECONDS = 10.0  # for a process to end when asked
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")
KINDS: dict[str, type[TextclfError]] = {
    kind.__name__: kind for kind in (BundleError, DataError, MissingExtraError, ModelError, WriteError)
}


class DiedError(Exception):
    """A worker process ended in the midst of its work."""


def run_locally(job: Job, blocks: Sequence[Block], *, processes: int | None = None) -> Iterator[Done]:
    """Label blocks in processes of this machine (see `textclf.bulk.job.Engine`).

    Every process computes on one thread, so the parts are the same for any number of processes.

    Args:
        job: The job.
        blocks: The blocks.
        processes: How many; by default as many as there are cores.

    Raises:
        DataError: When there would be no process, or a file has changed.
        WriteError: When a part cannot be written.
        ModelError: When a block's process dies over and over, once all others are done.
    """
    if processes is not None and processes < 1:
        raise DataError(f"--processes must be at least 1, found {processes}")
    wanted = min(processes or cores(), len(blocks))
    waiting, told = SimpleQueue[Block](), SimpleQueue[Done | BaseException | None]()
    for block in blocks:
        waiting.put(block)
    workers = [Worker(job) for _ in range(wanted)]
    threads = [threading.Thread(target=_serve, args=(worker, waiting, told), daemon=True) for worker in workers]
    failed: list[BaseException] = []
    try:
        for thread in threads:
            thread.start()
        ended = 0
        while ended < wanted:
            found = told.get()
            if isinstance(found, Done):
                yield found
            elif found is None:
                ended += 1
            elif isinstance(found, GivenUpError):
                failed.append(found)
            else:
                raise found
        if failed:
            raise ModelError("; ".join(map(str, failed)))
    finally:
        for worker in workers:
            worker.stop()
        for thread in threads:
            if thread.ident is not None:
                thread.join()
        for worker in workers:
            worker.close()


class GivenUpError(TextclfError):
    """A block over which process after process died."""


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _serve(worker: Worker, waiting: SimpleQueue[Block], told: SimpleQueue[Done | BaseException | None]) -> None:
    """Let a worker do blocks until there are no more, or it was stopped."""
    try:
        while not worker.stopped:
            block = waiting.get_nowait()
            try:
                told.put(done_by(worker, block))
            except GivenUpError as fault:
                told.put(fault)
    except Empty:
        pass
    except DiedError:
        pass  # stopped from outside
    except (TextclfError, OSError) as fault:
        told.put(fault)
    finally:
        told.put(None)


def done_by(worker: Worker, block: Block) -> Done:
    """Return what became of a block; when processes die over it, those of its rows that kill them are left out.

    A first death may have any cause, and the block is simply done again. After a second one its rows are looked
    through one by one; a row is rejected when two processes have died over it alone.

    Raises:
        GivenUpError: When processes die over it though no single row kills them.
        DiedError: When the worker was stopped.
    """
    leave_out: list[int] = []
    deaths = 0
    while deaths < TRIES:
        with suppress(DiedError):
            return worker.do(block, leave_out)
        worker.check_stopped()
        deaths += 1
        log.warning("a process died over block %d; it is done again by another", block.number)
        if deaths == LOOKED_THROUGH:
            found = _deadly_rows(worker, block, leave_out)
            leave_out += found
            deaths = 0 if found else deaths
    raise GivenUpError(
        f"block {block.number} (from {block.spans[0].place}) ended {TRIES} processes, though none of its rows does by "
        f"itself; memory may be short. Go on with --resume and fewer --processes; all other blocks are done"
    )


def _deadly_rows(worker: Worker, block: Block, known: Sequence[int]) -> list[int]:
    """Return the places of those rows of a block over which two processes died."""
    found, suspect, start = list[int](), -1, 0
    while True:
        at = worker.probe(block, start)
        worker.check_stopped()
        if at is None or at < 0:
            return [place for place in found if place not in known]
        if at == suspect:
            found.append(at)
            start = at + 1
        else:
            suspect, start = at, at


class Worker:
    """A process that labels blocks; it is begun when needed, and again after it died."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()
        self.stopped = False
        self._unready = 0

    def do(self, block: Block, leave_out: Sequence[int]) -> Done:
        """Return what became of a block.

        Raises:
            DiedError: When the process died.
        """
        return Done(**self._ask({"block": block.to_json(), "leave_out": list(leave_out)})["done"])

    def probe(self, block: Block, start: int) -> int | None:
        """Return the place of the row that the process died over; None when it came through, -1 when before any."""
        at = -1
        with suppress(DiedError):
            answer = self._ask({"block": block.to_json(), "probe": start})
            while "at" in answer:
                at = answer["at"]
                answer = self._answer()
            return None
        return at

    def check_stopped(self) -> None:
        """Raise DiedError where the death of the process was wanted."""
        if self.stopped:
            raise DiedError

    def stop(self) -> None:
        """End the process, which leaves nothing half-written, and begin no other."""
        with self._lock:
            self.stopped = True
            process = self._process
        if process is not None:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def close(self) -> None:
        """Close what led to the process, once nobody asks it any more."""
        if self._process is not None:
            for pipe in (self._process.stdin, self._process.stdout):
                with suppress(OSError):  # what was to be sent to a process that is gone
                    assert pipe is not None  # noqa: S101 (they were asked for)
                    pipe.close()

    def _ask(self, told: Mapping[str, Any]) -> dict[str, Any]:
        process = self._begun()
        assert process.stdin is not None  # noqa: S101 (a pipe was asked for)
        try:
            process.stdin.write(json.dumps(told) + "\n")
            process.stdin.flush()
        except OSError as fault:
            self._bury()
            raise DiedError from fault
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        """Return the next answer.

        Raises:
            DiedError: When there is none.
            TextclfError: What the process met with.
        """
        process = self._process
        assert process is not None  # noqa: S101 (it was asked)
        assert process.stdout is not None  # noqa: S101
        line = process.stdout.readline()
        if not line.endswith("\n"):
            self._bury()
            raise DiedError
        answer: dict[str, Any] = json.loads(line)
        for warning in answer.get("warnings", ()):
            log.warning("%s", warning)
        if "fault" in answer:
            raise KINDS.get(answer["kind"], ModelError)(answer["fault"])
        return answer

    def _begun(self) -> subprocess.Popen[str]:
        """Return the process, with its bundle loaded.

        Raises:
            ModelError: When process after process dies while it loads the bundle.
        """
        while self._process is None:
            with self._lock:
                self.check_stopped()
                command = [*COMMAND, json.dumps(asdict(self._job))]
                pipe = subprocess.PIPE
                self._process = subprocess.Popen(  # noqa: S603 (our own module)
                    command, stdin=pipe, stdout=pipe, encoding="utf-8", env=_environment(), start_new_session=True
                )
            try:
                self._answer()
                self._unready = 0
            except DiedError:
                self.check_stopped()
                self._unready += 1
                if self._unready >= TRIES:
                    raise ModelError(
                        f"{TRIES} processes died while they loaded {self._job.model}; memory may be short"
                    ) from None
        return self._process

    def _bury(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()


def _environment() -> dict[str, str]:
    """Return what a process is to know: that it computes on one thread, and where this package lies."""
    package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # noqa: PTH100, PTH120
    path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH", ""))))
    return {**os.environ, **dict.fromkeys(THREADS, "1"), "TOKENIZERS_PARALLELISM": "false", "PYTHONPATH": path}
