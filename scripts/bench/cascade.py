"""Make cascades of two trained models at several targets, and score them on held-out articles against the slow one.

    python scripts/bench/cascade.py FAST SLOW --data FILE ... [--targets 0.99 0.995] [--per paragraph decision]
        [--texts PATH ...] [--resamples N]

Prints Markdown, a row for each cascade and file: what was promised, the share that the fast model answers, the
agreement found with its 90% interval over articles, macro-F1 of all three and the paired difference to the slow model
with its 95% interval, and how many times as fast as the slow model the cascade is, per CPU second: all models take
turns on the same texts of the file, so that a busy machine slows all alike. Nothing is kept.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from textclf.bundle import load_bundle
from textclf.cascade import cascade
from textclf.datasets import read_labelled
from textclf.errors import ModelError
from textclf.evaluate import Sampling, paired_difference, score
from textclf.labeller import Labeller
from textclf.metrics import macro_f1
from textclf.records import Examples
from textclf.speeds import measure_speeds

HEAD = ("per", "target", "file", "FAST answers", "agreement", "F1 FAST", "F1 SLOW", "F1 cascade", "difference", "speed")


def rows_for(
    made: dict[str, Labeller], fast: Labeller, slow: Labeller, examples: Examples, resamples: int
) -> dict[str, list[str]]:
    """Return what is told of each cascade on one file."""
    timed = examples.take(range(0, len(examples), max(1, len(examples) // 200)))
    speeds = measure_speeds({"fast": fast, "slow": slow, **made}, timed.texts, timed.contexts)
    print(f"FAST {speeds['fast'].per_cpu_second:.0f}, SLOW {speeds['slow'].per_cpu_second:.0f} a CPU second\n")
    wanted, cheap, rows = score(slow, examples), score(fast, examples), {}
    for name, model in made.items():
        found = score(model, examples)
        sure = model.predictor.sure(examples.texts, examples.contexts)  # type: ignore[attr-defined]
        agree = found.decisions == wanted.decisions
        alike = agree.all(axis=1) if name.startswith("paragraph") else agree.mean(axis=1)

        def share(weights: Any, alike: np.ndarray = alike) -> np.ndarray:
            return np.asarray((weights @ alike / (weights @ np.ones(len(alike))))[:, None])

        (agreement,) = Sampling(examples.groups, resamples, 0.9, 0, "widened").estimate(share)
        settings: dict[str, Any] = {"resamples": resamples, "confidence": 0.95, "seed": 0}
        less = paired_difference(slow.labels, examples, found, wanted, **settings).overall["macro_f1"]
        f1 = [float(macro_f1(each, each.ones())[0]) for each in (cheap, wanted, found)]
        times = speeds[name].per_cpu_second / speeds["slow"].per_cpu_second
        low, high = agreement.interval
        rows[name] = [
            f"{sure.mean():.1%}",
            f"{agreement.value:.4f} [{low:.4f}, {high:.4f}]",
            *(f"{each:.3f}" for each in f1),
            f"{less.value:+.3f} [{less.interval.low:+.3f}, {less.interval.high:+.3f}]",
            f"{times:.2f}",
        ]
    return rows


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("fast", type=Path)
    parser.add_argument("slow", type=Path)
    parser.add_argument("--data", nargs="+", type=Path, required=True)
    parser.add_argument("--targets", nargs="+", type=float, default=[0.99, 0.995])
    parser.add_argument("--per", nargs="+", default=["paragraph"], choices=["paragraph", "decision"])
    parser.add_argument("--texts", nargs="*", type=Path, default=[])
    parser.add_argument("--resamples", type=int, default=1_000)
    given = parser.parse_args()
    fast, slow = load_bundle(given.fast), load_bundle(given.slow)
    made: dict[str, Labeller] = {}
    with tempfile.TemporaryDirectory() as folder:
        for per, target in itertools.product(given.per, given.targets):
            settings: dict[str, Any] = {"target": target, "per": per, "texts": given.texts}
            try:
                found = cascade(given.fast, given.slow, out=Path(folder) / f"{per}-{target}", **settings)
            except ModelError as fault:
                print(f"{per} {target}: {fault}\n")
                continue
            told = f"{found.share:.1%} answered by FAST, agreement {found.fit.agreement:.4f}"
            print(f"{per} {target}: fitted on {len(found.fit.sure)} paragraphs: {told}, F1 {found.difference}\n")
            made[f"{per} {target}"] = found.model
        lines = []
        for file in given.data:
            examples = Examples.of(read_labelled(file, slow.labels), slow.labels, context=slow.context)
            for name, cells in rows_for(made, fast, slow, examples, given.resamples).items():
                lines.append([*name.split(), file.stem, *cells])
    for line in (HEAD, ["---"] * len(HEAD), *lines):
        print("| " + " | ".join(line) + " |")


if __name__ == "__main__":
    main()
