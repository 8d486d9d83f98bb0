"""Measure bulk labelling: paragraphs a second and memory, for a plain loop and each engine, over one bundle.

    python scripts/bench/bulk.py MODEL [--paragraphs 50000] [--processes 1 2] [--engines local ray] [--block-rows 4096]
        [--json FILE]

The paragraphs are those of data/, each with a number of its own behind it, over and over until there are enough, in
one JSON Lines file. The plain loop is `Labeller.label_stream` over that file, on one thread, with nothing written.
Engines write their parts to a scratch folder. Seconds after start-up count from the first part written: what was
written before it is not counted then, and the rate is that of the rest. Memory is read from /proc while the job runs:
of each process begun by it, the largest share of memory that is its own (PSS, shared pages parted among those who
share them) and the largest RSS. Prints Markdown. Set OMP_NUM_THREADS=1, so that the loop computes as the workers do.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from textclf.articles import stream_passages
from textclf.bulk.blocks import Block
from textclf.bulk.job import _engine, label_in_bulk
from textclf.bulk.output import Done
from textclf.bulk.work import Job
from textclf.bundle import load_bundle

ROOT = Path(__file__).parent.parent.parent


def write_input(path: Path, n: int) -> None:
    """Write n paragraphs, no two alike."""
    texts = [p.text for p in stream_passages(sorted((ROOT / "data").glob("*.jsonl")))]
    with path.open("w", encoding="utf-8") as file:
        for number in range(n):
            record = {"article_id": f"a{number // 8}", "text": f"{texts[number % len(texts)]} {number}"}
            file.write(json.dumps(record) + "\n")


@contextmanager
def watched_memory() -> Iterator[dict[int, tuple[float, float]]]:
    """Give process to its largest PSS and RSS in MiB, of all processes below this one, while the block runs."""
    found: dict[int, tuple[float, float]] = {}
    ended = threading.Event()

    def watch() -> None:
        """Look twice a second."""
        while not ended.wait(0.5):
            for process in below(os.getpid()):
                pss, rss = memory_of(process)
                before = found.get(process, (0.0, 0.0))
                found[process] = (max(before[0], pss), max(before[1], rss))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()


def below(process: int) -> list[int]:
    """Return the processes that a process began, and those that these began."""
    try:
        told = [
            number
            for task in Path(f"/proc/{process}/task").iterdir()
            for number in map(int, (task / "children").read_text().split())
        ]
    except OSError:
        return []
    return [*told, *(further for one in told for further in below(one))]


def memory_of(process: int) -> tuple[float, float]:
    """Return PSS and RSS of a process in MiB; 0 when it is gone."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0, 0.0
    sizes = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines[1:] if line.endswith("kB")}
    return sizes.get("Pss", 0.0), sizes.get("Rss", 0.0)


def plain_loop(model: Path, source: Path) -> dict[str, Any]:
    """Measure the loop that needs no engine."""
    labeller = load_bundle(model)
    list(labeller.label_stream(list(stream_passages([source]))[:64]))  # wakes the runtime
    began = time.perf_counter()
    rows = sum(1 for _ in labeller.label_stream(stream_passages([source])))
    seconds = time.perf_counter() - began
    pss, rss = memory_of(os.getpid())
    return {"name": "plain loop", "seconds": seconds, "per_second": rows / seconds, "steady": rows / seconds} | {
        "pss": [pss],
        "rss": [rss],
    }


def engine_run(model: Path, source: Path, out: Path, name: str, processes: int, block_rows: int) -> dict[str, Any]:
    """Measure one engine."""
    times: list[tuple[float, int]] = []
    run = _engine(name, processes, {})

    def timed(job: Job, blocks: Sequence[Block]) -> Iterator[Done]:
        """Note when each block was done."""
        for done in run(job, blocks):
            times.append((time.perf_counter(), done.rows))
            yield done

    began = time.perf_counter()
    with watched_memory() as memory:
        summary = label_in_bulk(model, [source], out, engine=timed, block_rows=block_rows)
    seconds = time.perf_counter() - began
    first = times[min(processes, len(times) - 1) - 1] if len(times) > 1 else times[0]
    rest = sum(rows for when, rows in times if when > first[0])
    workers = sorted(memory.values(), reverse=True)[:processes]
    return {
        "name": f"{name}, {processes}",
        "seconds": seconds,
        "per_second": summary.paragraphs / seconds,
        "steady": rest / (times[-1][0] - first[0]) if rest else None,
        "pss": [pss for pss, _ in workers],
        "rss": [rss for _, rss in workers],
    }


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--paragraphs", type=int, default=50_000)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--engines", nargs="+", default=["local", "ray"])
    parser.add_argument("--block-rows", type=int, default=4_096)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    engines = [name for name in given.engines if name != "ray" or importlib.util.find_spec("ray")]
    numbers = count()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_input(folder / "in.jsonl", given.paragraphs)
        rows = [plain_loop(given.model, folder / "in.jsonl")]
        for name in engines:
            for processes in given.processes:
                out = folder / f"out{next(numbers)}"
                rows.append(engine_run(given.model, folder / "in.jsonl", out, name, processes, given.block_rows))
    print(f"\n{given.paragraphs:,} paragraphs, {given.model.name}\n")
    print("| engine, processes | seconds | paragraphs/s | after start-up | to the loop | PSS, MiB | RSS, MiB |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for row in rows:
        steady = "-" if row["steady"] is None else f"{row['steady']:.1f}"
        ratio = "-" if row["steady"] is None else f"{row['steady'] / rows[0]['steady']:.2f}"
        memory = " | ".join(", ".join(f"{size:.0f}" for size in row[name]) for name in ("pss", "rss"))
        print(f"| {row['name']} | {row['seconds']:.1f} | {row['per_second']:.1f} | {steady} | {ratio} | {memory} |")
    if given.json:
        given.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
