"""Measure starting up: `import textclf`, and one article labelled from the start of the process.

    python scripts/bench/cold_start.py MODEL ... [--transformers MODEL] [--article FILE] [--repeats 9]

Every run is a process of its own; what is measured takes turns, and the first turn, which fills the system's cache of
files, is not counted. Each MODEL labels the article by `textclf predict`. With --transformers, a fine-tuned bundle also
labels the article's paragraphs through `transformers.pipeline`. Prints Markdown: medians of wall and processor time in
seconds, and the middle half of the processor times.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from textclf.articles import read_article
from textclf.bundle import CARD

ROOT = Path(__file__).parent.parent.parent

WITH_TRANSFORMERS = """
import sys
from transformers import pipeline
classify = pipeline("text-classification", model=sys.argv[1], top_k=None, function_to_apply="sigmoid")
print(classify(sys.argv[2:], truncation=True))
"""


class Run(NamedTuple):
    """What one process took, in seconds."""

    wall: float
    processor: float


def run(command: list[str]) -> Run:
    """Run a command to its end and return what it took.

    Raises:
        SystemExit: When it fails.
    """
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"this failed: {' '.join(command)[:300]}")
    return Run(time.perf_counter() - started, used.ru_utime + used.ru_stime)


def commands(models: list[Path], transformers: Path | None, article: Path) -> dict[str, list[str]]:
    """Return what is measured, by what it is called."""
    found = {
        "an empty Python": [sys.executable, "-c", "pass"],
        "`import textclf`": [sys.executable, "-c", "import textclf"],
        "`import numpy`": [sys.executable, "-c", "import numpy"],
    }
    for path in models:
        size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) / 2**20
        kind = json.loads((path / CARD).read_text(encoding="utf-8"))["kind"]
        found[f"`textclf predict`, {kind} of {size:.0f} MiB"] = [
            *(sys.executable, "-m", "textclf", "predict", str(path), str(article)),
        ]
    if transformers is not None:
        texts = [paragraph.text for paragraph in read_article(article).paragraphs]
        command = [sys.executable, "-c", WITH_TRANSFORMERS, str(transformers / "model"), *texts]
        found["`transformers.pipeline`, fine-tuned"] = command
    return found


def measure(chosen: Mapping[str, list[str]], *, repeats: int) -> dict[str, list[Run]]:
    """Run everything in turn, once more than is counted."""
    runs: dict[str, list[Run]] = {name: [] for name in chosen}
    for turn in range(repeats + 1):
        for name, command in chosen.items():
            done = run(command)
            if turn:
                runs[name].append(done)
    return runs


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, nargs="*", metavar="MODEL")
    parser.add_argument("--transformers", type=Path, metavar="MODEL", help="A fine-tuned bundle.")
    parser.add_argument("--article", type=Path, default=ROOT / "data" / "sample_article.txt")
    parser.add_argument("--repeats", type=int, default=9)
    given = parser.parse_args()
    runs = measure(commands(given.models, given.transformers, given.article), repeats=given.repeats)
    print("| from the start of the process | wall, s | processor, s |")
    print("| --- | --- | --- |")
    for name, taken in runs.items():
        wall, processor = np.median(taken, axis=0)
        low, high = np.percentile([each.processor for each in taken], [25, 75])
        print(f"| {name} | {wall:.2f} | {processor:.2f} ({low:.2f} to {high:.2f}) |")


if __name__ == "__main__":
    main()
