"""Actors of the Ray engine over which a test has power, by files beside the job's folder.

``kill-before-N`` and ``kill-after-N`` kill the actor once, before or after it does block N; ``full`` stands for a disk
with no space left.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from textclf.bulk import local_engine
from textclf.bulk.ray_engine import BlockActor

plain_write = pq.write_table


class FragileActor(BlockActor):
    def __init__(self, job: dict[str, Any], **options: Any) -> None:
        local_engine.COMMAND = (sys.executable, "-m", "tests.ray_actors")  # type: ignore[assignment]
        super().__init__(job, **options)
        self._power = Path(job["out"]).parent

    def do(self, block: dict[str, Any]) -> dict[str, Any]:
        self._die(f"kill-before-{block['number']}")
        told = super().do(block)
        self._die(f"kill-after-{block['number']}")
        return told

    def _die(self, wanted: str) -> None:
        if (self._power / wanted).exists():
            (self._power / wanted).unlink()
            os.kill(os.getpid(), signal.SIGKILL)


def write_table(table: Any, where: Any, **options: Any) -> None:
    if (Path(where).parent.parent.parent / "full").exists():
        Path(where).write_bytes(b"PAR1")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    plain_write(table, where, **options)


if __name__ == "__main__":
    from tests.bulk_worker import deadly
    from textclf.bulk import worker
    from textclf.labeller import Labeller

    pq.write_table = write_table
    Labeller.predict_proba = deadly  # type: ignore[method-assign]
    try:
        worker.main()
    except SystemExit:
        os._exit(0)
