"""The plainest engine: this process labels one block after another, with a model that is loaded already."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from textclf.bulk.blocks import Block
from textclf.bulk.job import Engine
from textclf.bulk.output import Done
from textclf.bulk.work import Job, do_block
from textclf.labeller import Labeller


def in_process(model: Labeller) -> Engine:
    """Return an engine that labels here, and so reads addresses that this process alone knows (``memory://``).

    A row that ends the process ends the job; other engines find it.

    Args:
        model: The bundle that the job names, loaded.
    """

    def run(job: Job, blocks: Sequence[Block]) -> Iterator[Done]:
        """Yield what became of each block, in order."""
        for block in blocks:
            yield do_block(model, block, job)

    return run
