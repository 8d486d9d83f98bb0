"""Several processes that train one model together, as torchrun starts them: each computes a share of every batch.

All of them plan the same batches, for chance hangs on the seed and the step alone. Gradients are sums of what each
share adds to the loss of the whole batch, so that loss and gradient are those of one process but for rounding.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np

from textclf.errors import TextclfError
from textclf.progress import log

PATIENCE = timedelta(hours=2)  # for another's share; longer than one of them scores validation texts
LONGEST_WAIT = timedelta(days=30)  # for a training in which the others have no part
BUCKET = 1 << 24  # numbers summed at a time: 64 MiB


class RanksError(TextclfError):
    """Processes that cannot train together, or one of them that is gone."""


@dataclass(frozen=True)
class Ranks:
    """This process among those that train together; one that is alone does all by itself.

    Attributes:
        rank: Its number, from 0. The first one scores, writes and speaks.
        world: How many there are.
        waiting: torch's group of them all for waits that may be long.
    """

    rank: int = 0
    world: int = 1
    waiting: Any = None

    @property
    def first(self) -> bool:
        """Whether this is the process that scores, writes and speaks."""
        return self.rank == 0

    @property
    def alone(self) -> bool:
        """Whether there is no other."""
        return self.world == 1

    def share(self, lengths: Sequence[int]) -> np.ndarray:
        """Return int64 (m,): which rows of a batch are this process's, shorter ones first; there may be none.

        Args:
            lengths: Tokens of each row.
        """
        return np.argsort(np.asarray(lengths, dtype=np.int64), kind="stable")[self.rank :: self.world]

    def sum(self, values: Sequence[float]) -> list[float]:
        """Return the sums of numbers over all processes."""
        import torch

        if self.alone:
            return list(values)
        summed = torch.tensor(values, dtype=torch.float64)
        with _gone_told():
            torch.distributed.all_reduce(summed)
        return [float(value) for value in summed]

    def sum_gradients(self, parameters: Sequence[Any]) -> None:
        """Put into every parameter's gradient the sum over all processes; what has none anywhere keeps none."""
        import torch

        if self.alone:
            return
        touched = self.sum([float(p.grad is not None) for p in parameters])
        moved = [p for p, count in zip(parameters, touched, strict=True) if count]
        for parameter in moved:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        for bucket in _buckets([p.grad for p in moved]):
            flat = torch.cat([gradient.reshape(-1) for gradient in bucket])
            with _gone_told():
                torch.distributed.all_reduce(flat)
            parts = flat.split([gradient.numel() for gradient in bucket])
            for gradient, part in zip(bucket, parts, strict=True):
                gradient.copy_(part.view_as(gradient))

    def hand_out(self, tensors: Sequence[Any]) -> None:
        """Give all processes the first one's tensors, in place."""
        import torch

        if self.alone:
            return
        for tensor in tensors:
            held = tensor.detach()
            whole = held.contiguous()
            with _gone_told():
                torch.distributed.broadcast(whole, src=0)
            if whole.data_ptr() != held.data_ptr():
                held.copy_(whole)

    def told(self, value: Any) -> Any:
        """Return what the first process gave, which must be JSON-ready; NaN is kept."""
        import torch

        if self.alone:
            return value
        text = np.frombuffer(json.dumps(value).encode(), dtype=np.uint8) if self.first else np.zeros(0, np.uint8)
        size = torch.tensor([len(text)])
        self.hand_out([size])
        sent = torch.from_numpy(text.copy()) if self.first else torch.zeros(int(size), dtype=torch.uint8)
        self.hand_out([sent])
        return json.loads(sent.numpy().tobytes())

    def told_tensors(self, tensors: dict[str, Any] | None) -> dict[str, Any]:
        """Return the first process's tensors, by name; the others may give None."""
        import torch

        given = tensors or {}
        if self.alone:
            return given
        listed = self.told([[name, str(t.dtype).removeprefix("torch."), list(t.shape)] for name, t in given.items()])
        if not self.first:
            given = {name: torch.empty(shape, dtype=getattr(torch, dtype)) for name, dtype, shape in listed}
        self.hand_out(list(given.values()))
        return given

    def check_same(self, digest: str) -> None:
        """Make sure that all processes train the same thing.

        Args:
            digest: Hexadecimal; of settings and data.

        Raises:
            RanksError: In all of them, when they do not.
        """
        if self.sum([float(self.told(digest) != digest)])[0]:
            raise RanksError(
                "the processes do not train the same thing: settings, data or devices differ between them. Give every "
                "machine the same config, data files and kind of device"
            )

    def wait(self) -> None:
        """Go on when all processes are here, however long the first one takes."""
        import torch

        if not self.alone:
            with _gone_told():
                torch.distributed.all_reduce(torch.zeros(1), group=self.waiting)


ALONE = Ranks()
_current: ContextVar[Ranks] = ContextVar("ranks", default=ALONE)


def current_ranks() -> Ranks:
    """Return which of the processes that train together this is; outside `training_with` it is alone."""
    return _current.get()


@contextmanager
def training_with(ranks: Ranks) -> Iterator[None]:
    """Let trainings in the block share their batches with the other processes, which must come to the same block."""
    token = _current.set(ranks)
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def joined_ranks() -> Iterator[Ranks]:
    """Join the processes that torchrun started with this one, until the block ends; without torchrun it is alone.

    The others than the first say nothing but what is wrong.

    Raises:
        RanksError: When there are more of them than GPUs on this machine, or they do not find each other.
    """
    world = os.environ.get("WORLD_SIZE", "1")
    if world == "1" or "RANK" not in os.environ:
        yield ALONE
        return
    import torch

    backend = "gloo"
    if torch.cuda.is_available():
        _take_device()
        backend = "cpu:gloo,cuda:nccl"
    with _gone_told():
        try:
            torch.distributed.init_process_group(backend, timeout=PATIENCE)
            waiting = torch.distributed.new_group(backend="gloo", timeout=LONGEST_WAIT)
        except ValueError as fault:  # MASTER_ADDR or the like is not set
            raise RanksError(
                f"RANK and WORLD_SIZE are set, and the processes cannot find each other ({fault}); start them with "
                f"torchrun, or unset both to train in one process"
            ) from fault
    ranks = Ranks(torch.distributed.get_rank(), torch.distributed.get_world_size(), waiting)
    level = log.level
    if not ranks.first:
        log.setLevel(logging.WARNING)
    try:
        yield ranks
    finally:
        log.setLevel(level)
    torch.distributed.destroy_process_group()  # not after a fault: the others may be gone, and this process ends


def _take_device() -> None:
    """Take a GPU of one's own."""
    import torch

    own, there = int(os.environ.get("LOCAL_RANK", "0")), torch.cuda.device_count()
    if own >= there:
        raise RanksError(
            f"this machine has {there} GPU(s), and process {own + 1} on it would have none; give torchrun "
            f"--nproc_per_node {there}, or hide the GPUs with CUDA_VISIBLE_DEVICES= to train on the CPU"
        )
    torch.cuda.set_device(own)


@contextmanager
def _gone_told() -> Iterator[None]:
    """Say what it means when a message between processes fails."""
    try:
        yield
    except RuntimeError as fault:
        line = (str(fault).strip() or type(fault).__name__).splitlines()[0]
        raise RanksError(
            f"another of the processes that train together is gone or cannot be reached ({line[:200]}). What is in "
            f"the newest checkpoint is kept, and the same command goes on with it"
        ) from fault


def _buckets(tensors: Sequence[Any]) -> Iterator[list[Any]]:
    """Yield tensors in runs of at most `BUCKET` numbers, or one that is larger."""
    bucket: list[Any] = []
    size = 0
    for tensor in tensors:
        if bucket and size + tensor.numel() > BUCKET:
            yield bucket
            bucket, size = [], 0
        bucket.append(tensor)
        size += tensor.numel()
    if bucket:
        yield bucket
