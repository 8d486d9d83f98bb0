"""The Ray engine: actors of a cluster, each with one process of the local engine, and a queue of blocks kept here.

An actor does one block at a time. When one dies, with its node or alone, its block goes back into the queue and another
actor is asked for; a block that was done twice was written twice to one place, with the same bytes. The actors depend
on nothing that a lost node had, so the job needs only this process, and one actor at a time, to come to its end.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import warnings
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from textclf.bulk.blocks import Block
from textclf.bulk.local_engine import KINDS, STOP_SECONDS, DiedError, GivenUpError, Worker, cores, done_by
from textclf.bulk.output import Done, read_manifest
from textclf.bulk.work import Job
from textclf.errors import BundleError, DataError, MissingExtraError, ModelError, TextclfError, import_extra
from textclf.progress import log

LOSSES = 8  # of actors over one block, or one after another before they are ready, until it is given up
STORE_BYTES = 80_000_000  # of a local Ray; no paragraph goes through it
STARTS = 3  # of a local Ray: on a busy machine its parts may not find each other in the seconds they are given
WAIT_SECONDS = 60.0  # with no actor at work, until it is told


def run_on_ray(
    job: Job,
    blocks: Sequence[Block],
    *,
    processes: int | None = None,
    address: str | None = None,
    gpus: float = 0.0,
) -> Iterator[Done]:
    """Label blocks on a Ray cluster (see `textclf.bulk.job.Engine`).

    A Ray that this process is connected to already is used and left running. Each actor computes on one thread of one
    core, so the parts are those of the local engine.

    Args:
        job: The job; its model and its folder must lie in the same place on every node.
        blocks: The blocks.
        processes: How many actors; by default as many as the cluster has cores, or GPUs, for when it begins.
        address: The cluster: ``"auto"``, ``HOST:PORT`` of its head or ``ray://HOST:PORT``. Without one, Ray is
            started on this machine and ended with the job.
        gpus: GPUs of each actor, or the part of one: 0.5 lets two share it.

    Raises:
        MissingExtraError: When Ray is not installed.
        DataError: When the options make no sense, or a file or the job's folder is not there for a worker.
        BundleError: When the model is not there for a worker, or is another one.
        WriteError: When a part cannot be written.
        ModelError: When there is no cluster, or actors die over and over.
    """
    if processes is not None and processes < 1:
        raise DataError(f"--processes must be at least 1, found {processes}")
    if gpus < 0:
        raise DataError(f"--gpus must not be negative, found {gpus:g}")
    ray = import_extra("ray", extra="ray", purpose="--engine ray")
    with _cluster(ray, address, processes):
        wanted = min(processes or _room(ray, gpus), len(blocks))
        log.info("labelling %d blocks with %d Ray actors", len(blocks), wanted)
        yield from _Actors(ray, job, wanted, gpus).label(blocks)


class BlockActor:
    """What runs on a node: one process of the local engine, begun again by itself when a row kills it."""

    def __init__(self, job: dict[str, Any], *, on_gpu: bool = False) -> None:
        if not on_gpu:  # Ray lets an actor that asked for none see all of its node
            os.environ["CUDA_VISIBLE_DEVICES"] = ""
        self._job = Job(**job)
        self._worker = Worker(self._job)

    def check(self) -> dict[str, Any]:
        """Tell what is wrong with what this node sees of the job, if anything."""
        return _told(lambda: check_visible(self._job))

    def do(self, block: dict[str, Any]) -> dict[str, Any]:
        """Label a block, and tell what became of it and what a user should know of it."""
        return _told(lambda: {"done": done_by(self._worker, Block.from_json(block)).to_json()})

    def stop(self) -> None:
        """End the process, which leaves nothing half-written."""
        self._worker.stop()


def check_visible(job: Job) -> dict[str, Any]:
    """Make sure that the model and the job's folder are here what they are where the job was begun.

    Raises:
        BundleError: When the model is not there, or is another one.
        DataError: When the job's folder is not there.
    """
    from textclf.bulk.job import bundle_fingerprint

    shared = "the model and --out must lie on a file system that every node shares, in the same place"
    manifest = read_manifest(Path(job.out))
    if manifest is None or manifest["job"] != job.fingerprint:
        raise DataError(f"a Ray worker does not see the folder {job.out} of this job; {shared}")
    try:
        found = bundle_fingerprint(Path(job.model))
    except BundleError as fault:
        raise BundleError(f"a Ray worker does not see the model {job.model} ({fault}); {shared}") from fault
    if found != manifest["bundle"]:
        raise BundleError(f"a Ray worker sees another model as {job.model}; {shared}")
    return {}


class _Actors:
    """The actors of a job, and what each is doing."""

    def __init__(self, ray: Any, job: Job, wanted: int, gpus: float) -> None:
        self._ray, self._job = ray, asdict(job)
        self._wanted, self._on_gpu = wanted, gpus > 0
        # A block, and beside it the call that ends it; what is lost is begun again here, not by Ray.
        options = {"num_cpus": 1, "num_gpus": gpus, "max_restarts": 0, "max_task_retries": 0, "max_concurrency": 2}
        self._class = ray.remote(**options)(BlockActor)
        self._under_way: dict[Any, tuple[Any, Block | None]] = {}
        self._waiting: deque[Block] = deque()
        self._lost: Counter[int | None] = Counter()
        self._failed: list[str] = []

    def label(self, blocks: Sequence[Block]) -> Iterator[Done]:
        """Yield what became of each block, as each is done."""
        self._waiting.extend(blocks)
        try:
            for _ in range(self._wanted):
                self._begin()
            while self._waiting or any(block for _, block in self._under_way.values()):
                done = self._next()
                if done is not None:
                    yield done
            if self._failed:
                raise ModelError("; ".join(self._failed))
        except (self._ray.exceptions.RayError, ConnectionError) as fault:
            raise ModelError(
                f"the Ray cluster was lost; what is done is kept, go on with --resume ({fault})"
            ) from fault
        finally:
            self._end()

    def _begin(self) -> None:
        actor = self._class.remote(self._job, on_gpu=self._on_gpu)
        self._under_way[actor.check.remote()] = (actor, None)

    def _next(self) -> Done | None:
        """Wait for an actor, take what it tells, and give it its next block.

        Raises:
            TextclfError: What a worker met with.
        """
        ready: list[Any] = []
        while not ready:
            ready, _ = self._ray.wait(list(self._under_way), num_returns=1, timeout=WAIT_SECONDS)
            if not ready and all(block is None for _, block in self._under_way.values()):
                log.warning("no Ray actor has begun for %.0f seconds: the cluster has no free place", WAIT_SECONDS)
        actor, block = self._under_way.pop(ready[0])
        try:
            told = self._ray.get(ready[0])
        except self._ray.exceptions.RayTaskError as fault:
            raise ModelError(f"a Ray worker failed; textclf must be installed on every node alike: {fault}") from fault
        except self._ray.exceptions.RayError as fault:
            self._ray.kill(actor)  # it may only be out of reach, and would keep its place
            self._replace(block, fault)
            return None
        self._lost[None] = 0
        for warning in told["warnings"]:
            log.warning("%s", warning)
        if told.get("kind") == GivenUpError.__name__:
            self._failed.append(told["fault"])
        elif "fault" in told:
            raise KINDS.get(told["kind"], ModelError)(told["fault"])
        if self._waiting:
            following = self._waiting.popleft()
            self._under_way[actor.do.remote(following.to_json())] = (actor, following)
        else:
            self._ray.kill(actor)  # idle: its place, and in time its node, is free
        return Done(**told["done"]) if "done" in told else None

    def _replace(self, block: Block | None, fault: BaseException) -> None:
        """Put the block of a lost actor back into the queue, and begin another actor.

        Raises:
            ModelError: When actor after actor is lost before it is ready.
        """
        number = None if block is None else block.number
        self._lost[number] += 1
        if block is None:
            if self._lost[None] >= LOSSES + self._wanted:
                raise ModelError(f"{self._lost[None]} Ray actors in a row could not begin; the last: {fault}")
        elif self._lost[number] >= LOSSES:
            self._failed.append(f"block {number} was given up after {LOSSES} Ray actors were lost over it ({fault})")
        else:
            log.warning("a Ray actor was lost; block %d, which it had, is done again", number)
            self._waiting.append(block)
        if self._waiting:
            self._begin()

    def _end(self) -> None:
        """End the actors: asked first, so that no part is left half-written, then whatever they say."""
        with suppress(self._ray.exceptions.RayError, ConnectionError):
            at_work = [actor.stop.remote() for actor, block in self._under_way.values() if block is not None]
            if at_work:
                self._ray.wait(at_work, num_returns=len(at_work), timeout=STOP_SECONDS)
            for actor, _ in self._under_way.values():
                self._ray.kill(actor)


def _told(act: Any) -> dict[str, Any]:
    """Return what `act` returns, or the fault that a user must mend, with the warnings that were logged on the way."""
    lines: list[str] = []
    noting = _Noting(lines)
    log.addHandler(noting)
    try:
        told = act()
    except (TextclfError, OSError) as fault:
        told = {"fault": str(fault), "kind": type(fault).__name__}
    except DiedError:
        told = {}  # stopped from outside
    finally:
        log.removeHandler(noting)
    return {**told, "warnings": lines}


class _Noting(logging.Handler):
    """Keeps the messages that are logged."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one."""
        self._lines.append(record.getMessage())


@contextmanager
def _cluster(ray: Any, address: str | None, processes: int | None) -> Iterator[None]:
    """Be connected to Ray while the block runs.

    Raises:
        ModelError: When there is no cluster at the address.
    """
    if ray.is_initialized():
        yield
        return
    with _own_signals(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _connect(ray, address, processes)
    try:
        yield
    finally:
        ray.shutdown()


def _connect(ray: Any, address: str | None, processes: int | None) -> None:
    """Connect to a cluster, or start Ray on this machine.

    Raises:
        ModelError: When neither comes to pass.
    """
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address is None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        options |= {"num_cpus": processes or cores(), "object_store_memory": STORE_BYTES, "include_dashboard": False}
    for left in reversed(range(STARTS if address is None else 1)):
        try:
            ray.init(address or "local", **options)
            return
        except TextclfError:
            raise  # asked to stop meanwhile
        except ImportError as fault:
            raise MissingExtraError(f"--address {address} needs a package that is not installed: {fault}") from fault
        except Exception as fault:  # Ray raises this very class when it takes too long to start
            ray.shutdown()
            if not left:
                what = f"no Ray cluster answers at {address}" if address else "Ray did not start on this machine"
                raise ModelError(f"{what}: {fault}".rstrip(": ")) from fault
            log.warning("Ray did not start (%s); it is tried again", fault)


@contextmanager
def _own_signals() -> Iterator[None]:
    """Keep what this process does on SIGTERM: Ray, when it begins, puts its own in its place."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _room(ray: Any, gpus: float) -> int:
    """Return for how many actors the cluster has room as it is now."""
    found = ray.cluster_resources()
    rooms = [int(found.get("CPU", 0)), *([int(found.get("GPU", 0) / gpus)] if gpus else [])]
    return max(1, min(rooms))
