"""The engine on Ray Data: actors on the nodes of a cluster, each of which labels blocks as the local engine does.

An actor holds a process of the local engine, so one row gives the same bytes on every engine, and a row that ends its
process is found and set aside by the same rule; neither costs the actor. Ray does again what a lost actor or node had
in hand. A block always goes to the same part, which is written whole, so what is done twice is there once.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import signal
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from textclf.bulk.blocks import Block
from textclf.bulk.job import bundle_fingerprint
from textclf.bulk.local_engine import KINDS, TRIES, GivenUpError, Worker, label_block_in
from textclf.bulk.output import Done, read_manifest
from textclf.bulk.work import Job
from textclf.bundle import MANIFEST, read_json
from textclf.errors import BundleError, DataError, ModelError, TextclfError, import_extra
from textclf.files import written_aside
from textclf.progress import log

LARGEST_SENT = 200_000_000  # bytes of a bundle that travels with the job
FAULTS_OF_A_START = (ConnectionError, RuntimeError, ValueError, OSError)


def run_on_ray(
    job: Job, blocks: Sequence[Block], *, processes: int | None = None, address: str | None = None, gpus: float = 0.0
) -> Iterator[Done]:
    """Label blocks by actors of a Ray cluster (see `textclf.bulk.job.Engine`).

    Args:
        job: The job. Every node must see its output folder and its input; a bundle of up to 200 MB is sent along.
        blocks: The blocks.
        processes: The most actors; by default one for each core of the cluster (each GPU share, where `gpus` is given).
        address: Of the cluster (``"auto"`` finds it); by default a Ray of this machine is begun, and ended at the end.
            A Ray that this process is connected to already is used as it is.
        gpus: The share of a GPU that each actor is to have.

    Raises:
        MissingExtraError: When Ray is not installed.
        DataError: When there is no cluster there, or a node does not see the output folder or the input.
        BundleError: When a node does not see a bundle that is too large to be sent.
        WriteError: When a part cannot be written.
        ModelError: When a block's process dies over and over, or Ray gives the job up.
    """
    if processes is not None and processes < 1:
        raise DataError(f"--processes must be at least 1, found {processes}")
    ray = _import_ray()
    with _connected(ray, address):
        failed: list[str] = []
        for told in _told(ray, job, blocks, processes=processes, gpus=gpus):
            for warning in told["warnings"]:
                log.warning("%s", warning)
            if "done" in told:
                yield Done(**told["done"])
            elif told["kind"] == GivenUpError.__name__:
                failed.append(told["fault"])
            else:
                raise KINDS.get(told["kind"], ModelError)(told["fault"])
        if failed:
            raise ModelError("; ".join(failed))


def _import_ray() -> Any:
    """Return Ray, which is to tell nobody of its use, and to say only what went wrong."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    ray = import_extra("ray", extra="ray", purpose="--engine ray")
    import_extra("ray.data", extra="ray", purpose="--engine ray")
    return ray


@contextmanager
def _connected(ray: Any, address: str | None) -> Iterator[None]:
    """Be connected to a cluster, or to a Ray of this machine begun for the block, while it runs.

    Raises:
        DataError: When there is no cluster at the address.
    """
    if ray.is_initialized():
        yield
        return
    given = {"address": address} if address else {"address": "local", "include_dashboard": False}
    try:
        with _own_signals():
            ray.init(**given, log_to_driver=False, logging_level=logging.ERROR)
    except FAULTS_OF_A_START as fault:
        what = f"there is no Ray cluster at --address {address}" if address else "Ray cannot be begun here"
        told = str(fault).strip().splitlines() or [type(fault).__name__]
        raise DataError(f"{what}: {told[0]}. Begin one with `ray start --head`, or leave out --address") from fault
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def _own_signals() -> Iterator[None]:
    """Keep the answer to SIGTERM, which Ray replaces when it begins."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _told(
    ray: Any, job: Job, blocks: Sequence[Block], *, processes: int | None, gpus: float
) -> Iterator[dict[str, Any]]:
    """Yield what each block's actor answers, as it comes.

    Raises:
        ModelError: When Ray gives up.
    """
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    fingerprint = bundle_fingerprint(Path(job.model))
    sent = _packed(Path(job.model))
    given = (job, fingerprint, None if sent is None else [ray.put(sent)])
    most = min(processes or _room(ray.cluster_resources(), gpus), len(blocks))
    rows = [{"block": json.dumps(block.to_json())} for block in blocks]
    # One row a block of Ray's, or small ones collapse into a few: then few actors work, and a death costs much.
    found = ray.data.from_items(rows).repartition(target_num_rows_per_block=1)
    found = found.map(
        Actor,
        fn_constructor_args=given,
        compute=ray.data.ActorPoolStrategy(
            min_size=1, max_size=most, initial_size=most, max_tasks_in_flight_per_actor=2
        ),
        num_cpus=1,
        num_gpus=gpus,
        max_restarts=-1,
        max_task_retries=TRIES,
    )
    try:
        for batch in found.iter_batches(batch_size=None, prefetch_batches=0, batch_format="pyarrow"):
            for answer in batch.column("told").to_pylist():
                yield json.loads(answer)
    except ray.exceptions.RayError as fault:
        lines = str(fault).strip().splitlines() or [type(fault).__name__]
        raise ModelError(
            f"Ray gave the job up: {lines[-1].strip()}. What is done is kept; every node needs the same textclf and "
            f"memory for its actors. Go on with --resume"
        ) from fault


def _room(resources: Mapping[str, float], gpus: float) -> int:
    """Return for how many actors a cluster has room."""
    cores = int(resources.get("CPU", 1))
    return max(1, min(cores, int(resources.get("GPU", 0) / gpus)) if gpus else cores)


def _packed(bundle: Path) -> dict[str, bytes] | None:
    """Return what a bundle's manifest lists, and the manifest; None where that is too much to send."""
    names = [MANIFEST, *read_json(bundle / MANIFEST)]
    files = [bundle / name for name in names if (bundle / name).is_file()]
    if sum(file.stat().st_size for file in files) > LARGEST_SENT:
        return None
    return {file.relative_to(bundle).as_posix(): file.read_bytes() for file in files}


class Actor:
    """What Ray keeps on a node: a process that labels blocks, begun with the first of them."""

    def __init__(self, job: Job, fingerprint: str, sent: Sequence[Any] | None) -> None:
        self._job, self._fingerprint, self._sent = job, fingerprint, sent
        self._worker: Worker | None = None

    def __call__(self, row: Mapping[str, Any]) -> dict[str, str]:
        """Label a block and return what became of it, or what is to be raised where the job was begun."""
        block = Block.from_json(json.loads(row["block"]))
        with _heard() as warnings:
            try:
                told: dict[str, Any] = {"done": label_block_in(self._begun(), block).to_json()}
            except TextclfError as fault:
                told = {"fault": f"{fault} (on the node {platform.node()})", "kind": type(fault).__name__}
        return {"told": json.dumps({**told, "warnings": warnings})}

    def stop(self) -> None:
        """End the process."""
        if self._worker is not None:
            self._worker.stop()
            self._worker.close()
            self._worker = None

    def __del__(self) -> None:
        self.stop()

    def _begun(self) -> Worker:
        """Return the process.

        Raises:
            DataError: When the output folder of the job is not the one that the node sees.
            BundleError: When the node does not see the bundle and was sent none.
        """
        if self._worker is None:
            there = read_manifest(Path(self._job.out))
            if there is None or there["job"] != self._job.fingerprint:
                raise DataError(
                    f"--out {self._job.out} is not the folder that the job was begun in; give one that all nodes share"
                )
            model = _model_here(Path(self._job.model), self._fingerprint, self._sent)
            self._worker = Worker(replace(self._job, model=str(model)))
        return self._worker


def _model_here(model: Path, fingerprint: str, sent: Sequence[Any] | None) -> Path:
    """Return where a node has the bundle: at its own path, or unpacked, once, in the folder of temporary files.

    Raises:
        BundleError: When the bundle is at neither place and was not sent.
    """
    own = os.getuid() if hasattr(os, "getuid") else 0
    unpacked = Path(tempfile.gettempdir()) / f"textclf-{own}" / fingerprint[:32]
    for place in (model, unpacked):
        if _is(place, fingerprint):
            return place
    if sent is None:
        raise BundleError(
            f"{model} is not there, or is another bundle, and one of more than {LARGEST_SENT // 1_000_000} MB is not "
            f"sent along; put it at the same path on every node, or on a disk that they share"
        )
    import ray

    with written_aside(unpacked, folder=True) as folder:
        for name, content in ray.get(sent[0]).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
    return unpacked


def _is(place: Path, fingerprint: str) -> bool:
    """Tell whether a bundle is there; that its files are those of its manifest is looked at when it is loaded."""
    try:
        return bundle_fingerprint(place) == fingerprint
    except BundleError:
        return False


@contextmanager
def _heard() -> Iterator[list[str]]:
    """Give the warnings that are logged in the block, for they would stay on the node."""
    heard: list[str] = []

    class Ear(logging.Handler):
        """Keeps what is said."""

        def emit(self, record: logging.LogRecord) -> None:
            """Keep one line."""
            heard.append(record.getMessage())

    ear = Ear(logging.WARNING)
    log.addHandler(ear)
    try:
        yield heard
    finally:
        log.removeHandler(ear)
