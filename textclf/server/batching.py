"""Requests that come together share batches, take turns, and leave when nobody waits for them.

One thread runs the model. While it works, texts gather, and the next batch begins when it is done. A text waits for
company, at most `max_wait_s`, only while fewer requests are there than there were at the last batch: clients that were
just answered tend to come back together, and one that is alone is not kept waiting. A batch takes from every waiting
request in turn, so that a long one does not hold up short ones, until it holds `budget` characters; its texts are
sorted by length, which leaves little padding. Each request gets its results in order, in parts, as batches are done.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol, Self

Work = Callable[[list[Any]], Sequence[Any]]
LEAST_COST = 32  # characters a text counts for at least, so that blank ones count, too


class QueueFullError(Exception):
    """There is no room to wait; `retry_after` tells in how many seconds there may be."""

    def __init__(self, retry_after: int) -> None:
        super().__init__("the queue is full")
        self.retry_after = retry_after


class TooLateError(Exception):
    """The deadline came before the results."""


class WorkError(Exception):
    """The model raised; `__cause__` is what."""


class BatchMeter(Protocol):
    """What is told of batches and of the queue."""

    def batch(self, *, texts: int, characters: int, seconds: float) -> None:
        """Count a batch that was run."""
        ...

    def queue(self, *, texts: int, characters: int) -> None:
        """Take down what waits."""
        ...


@dataclass(eq=False)
class Job:
    """The texts of one request on their way through the model; iterate over it for results, a part at a time.

    Leave it (as a context manager does) when nobody waits for the rest.
    """

    batcher: Batcher
    work: Work
    items: Sequence[Any]
    costs: Sequence[int]
    deadline: float
    alone: bool
    arrived: float
    taken: int = 0
    given: int = 0
    parts: asyncio.Queue[Sequence[Any] | WorkError] = field(default_factory=asyncio.Queue)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Sequence[Any]:
        if self.given == len(self.items):
            raise StopAsyncIteration
        try:
            async with asyncio.timeout_at(self.deadline):
                part = await self.parts.get()
        except TimeoutError as fault:
            raise TooLateError("the model was not done in time") from fault
        if isinstance(part, WorkError):
            raise part
        self.given += len(part)
        return part

    async def all(self) -> list[Any]:
        """Return all results, in order, and leave.

        Raises:
            TooLateError: When the deadline comes first.
            WorkError: When the model raises.
        """
        with self:
            return [result async for part in self for result in part]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.batcher.leave(self)


@dataclass(frozen=True)
class Part:
    """Some neighbouring texts of a job that stand in a batch."""

    job: Job
    start: int
    end: int


class Batcher:
    """The queue before the model, and the one thread that runs it.

    Args:
        budget: Characters of a batch.
        max_wait_s: How long a text waits for company.
        max_queue: Characters that may wait. A request that would wait alone is always taken.
        meter: Is told of batches and of what waits.
    """

    def __init__(self, *, budget: int, max_wait_s: float, max_queue: int, meter: BatchMeter) -> None:
        self.budget, self.max_wait_s, self.max_queue, self.meter = budget, max_wait_s, max_queue, meter
        self.waiting_texts = self.waiting_cost = 0
        self._jobs: deque[Job] = deque()
        self._changed = asyncio.Event()
        self._pace = 0.0  # characters a second, of late
        self._company = 1  # requests in the last batch, and beside it
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="textclf-model")
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to work; an event loop must be running."""
        self._task = asyncio.get_running_loop().create_task(self._go_on())

    async def stop(self) -> None:
        """End the work; what waits is not done."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        self._thread.shutdown(wait=True)

    def submit(
        self, work: Work, items: Sequence[Any], lengths: Sequence[int], *, deadline: float, alone: bool = False
    ) -> Job:
        """Let texts wait for the model.

        Args:
            work: What to do with a batch of items; it gives one result an item. Jobs share batches where it is equal.
            items: What it is to be given.
            lengths: The characters of each.
            deadline: By the event loop's clock.
            alone: Whether each item is a batch of its own, as slow work is.

        Raises:
            QueueFullError: When there is no room.
        """
        costs = [max(length, LEAST_COST) for length in lengths]
        if self.waiting_cost and self.waiting_cost + sum(costs) > self.max_queue:
            raise QueueFullError(self.retry_after())
        job = Job(self, work, items, costs, deadline, alone, asyncio.get_running_loop().time())
        if items:
            self._jobs.append(job)
            self._count(job, 0, len(items), sign=1)
            self._changed.set()
        return job

    def leave(self, job: Job) -> None:
        """Take what is left of a job out of the queue."""
        if job in self._jobs:
            self._jobs.remove(job)
            self._count(job, job.taken, len(job.items), sign=-1)

    def retry_after(self) -> int:
        """Return in how many seconds the queue may be done, from 1 to 60, as far as the last batches tell."""
        return min(max(math.ceil(self.waiting_cost / self._pace), 1), 60) if self._pace else 1

    def _count(self, job: Job, start: int, end: int, *, sign: int) -> None:
        self.waiting_texts += sign * (end - start)
        self.waiting_cost += sign * sum(job.costs[start:end])
        self.meter.queue(texts=self.waiting_texts, characters=self.waiting_cost)

    async def _go_on(self) -> None:
        while True:
            await self._gather()
            if parts := self._take():
                await self._run(parts)

    async def _gather(self) -> None:
        """Wait until there is a text, and then, for a while, for others."""
        while not self._jobs:
            self._changed.clear()
            await self._changed.wait()
        latest = min(job.arrived for job in self._jobs) + self.max_wait_s
        try:
            async with asyncio.timeout_at(latest):
                while self._awaits_company():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return

    def _awaits_company(self) -> bool:
        too_few = 0 < len(self._jobs) < self._company and not self._jobs[0].alone
        return too_few and self.waiting_cost < self.budget

    def _take(self) -> list[Part]:
        """Take a batch from the queue: a share of each job in turn, from jobs whose work is the same."""
        parts: list[Part] = []
        held = 0
        while self._jobs and held < self.budget:
            job = self._jobs[0]
            if parts and (job.alone or job.work != parts[0].job.work):
                break
            self._jobs.popleft()
            share = (self.budget - held) / (len(self._jobs) + 1)
            start, end, cost = job.taken, job.taken + 1, job.costs[job.taken]
            while not job.alone and end < len(job.items) and cost + job.costs[end] <= share:
                cost, end = cost + job.costs[end], end + 1
            parts.append(Part(job, start, end))
            self._count(job, start, end, sign=-1)
            held, job.taken = held + cost, end
            if end < len(job.items):
                self._jobs.append(job)
            if job.alone:
                break
        return parts

    async def _run(self, parts: Sequence[Part]) -> None:
        """Run a batch; where the model raises, each part again by itself, so that one text spoils no other's."""
        done = await self._results(parts)
        self._company = len({part.job for part in parts} | set(self._jobs))
        if isinstance(done, WorkError) and len(parts) > 1:
            for part in parts:
                again = await self._results([part])
                part.job.parts.put_nowait(again if isinstance(again, WorkError) else again[0])
            return
        for number, part in enumerate(parts):
            part.job.parts.put_nowait(done if isinstance(done, WorkError) else done[number])

    async def _results(self, parts: Sequence[Part]) -> list[list[Any]] | WorkError:
        """Return the results of each part, in order, or what went wrong."""
        rows = [(part.job, row) for part in parts for row in range(part.start, part.end)]
        order = sorted(range(len(rows)), key=lambda place: rows[place][0].costs[rows[place][1]])
        items = [rows[place][0].items[rows[place][1]] for place in order]
        began = time.perf_counter()
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._thread, parts[0].job.work, items)
        await asyncio.wait([future])  # which raises nothing of the model's: whatever that is, the queue goes on
        fault = future.exception()
        if fault is not None:
            failed = WorkError("the model failed on this request")
            failed.__cause__ = fault
            return failed
        results: list[Any] = [None] * len(rows)
        for place, result in zip(order, future.result(), strict=True):
            results[place] = result
        self._met(rows, time.perf_counter() - began)
        rest = iter(results)
        return [[next(rest) for _ in range(part.start, part.end)] for part in parts]

    def _met(self, rows: Sequence[tuple[Job, int]], seconds: float) -> None:
        cost = sum(job.costs[row] for job, row in rows)
        pace = cost / max(seconds, 1e-6)
        self._pace = pace if not self._pace else 0.8 * self._pace + 0.2 * pace
        self.meter.batch(texts=len(rows), characters=cost, seconds=seconds)
