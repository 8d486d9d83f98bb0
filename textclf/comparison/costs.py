"""What a model costs: training as its bundle tells it, predicting as measured here and now, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from textclf.bundle import load_bundle
from textclf.labeller import Labeller
from textclf.memory import process_peak
from textclf.progress import log
from textclf.records import Examples

MOST_TEXTS = 256  # paragraphs of a pass, drawn evenly from all
MOST_PASSES = 5
ENOUGH_SECONDS = 3.0  # no further pass is begun after so long


@dataclass(frozen=True)
class Cost:
    """What a model costs; None is what nobody has measured.

    Attributes:
        training_seconds: Wall time of the training, reading included; with several seeds the mean. A training that
            went on from a checkpoint tells of its last part alone.
        training_peak_mib: The most main memory that the training's process held.
        paragraphs_per_second: Of the fastest of up to five passes over up to 256 held-out paragraphs.
        bundle_mib: Size of the bundle.
        inference_peak_mib: The most main memory held by a process that loads the model and predicts these paragraphs,
            interpreter and libraries included.
    """

    training_seconds: float | None = None
    training_peak_mib: float | None = None
    paragraphs_per_second: float | None = None
    bundle_mib: float | None = None
    inference_peak_mib: float | None = None

    def to_json(self) -> dict[str, float | None]:
        """Return the cost JSON-ready."""
        return {name: None if value is None else round(value, 3) for name, value in asdict(self).items()}


def trained_cost(bundle: Path, card: Mapping[str, Any]) -> Cost:
    """Return what a trained model has cost so far: its training, as its card tells, and its place on the disk."""
    told = card.get("training", {})
    size = sum(file.stat().st_size for file in bundle.rglob("*") if file.is_file()) / 2**20
    return Cost(training_seconds=told.get("wall_seconds"), training_peak_mib=told.get("peak_mib"), bundle_mib=size)


def predicting_cost(bundle: Path, examples: Examples) -> Cost:
    """Measure what predicting costs, on this machine as busy as it is."""
    log.info("measuring how fast %s predicts", bundle)
    rate, peak = measure_inference(bundle, examples)
    return Cost(paragraphs_per_second=rate, inference_peak_mib=peak)


def mean_cost(costs: Sequence[Cost]) -> Cost:
    """Return the mean of costs, each over those that have it."""
    means: dict[str, float | None] = {}
    for each in fields(Cost):
        known = [value for cost in costs if (value := getattr(cost, each.name)) is not None]
        means[each.name] = sum(known) / len(known) if known else None
    return Cost(**means)


def measure_inference(bundle: Path, examples: Examples) -> tuple[float | None, float | None]:
    """Return paragraphs per second and peak memory in MiB of a fresh process that loads a model and predicts.

    The process has an empty embedding cache, so that nothing which was scored before helps it. Where it fails, a
    warning is logged and both are None.
    """
    step = max(1, -(-len(examples) // MOST_TEXTS))
    sample = examples.take(range(0, len(examples), step))
    task = {"bundle": str(bundle.absolute()), "texts": sample.texts, "contexts": sample.contexts}
    package = str(Path(__file__).parent.parent.parent)
    paths = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
    with tempfile.TemporaryDirectory() as cache:
        done = subprocess.run(
            [sys.executable, "-c", "from textclf.comparison.costs import measure_here; measure_here()"],
            input=json.dumps(task),
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
            env={**os.environ, "PYTHONPATH": paths, "PYTHONIOENCODING": "utf-8", "TEXTCLF_CACHE": cache},
        )
    try:
        measured = json.loads(done.stdout)
        return measured["paragraphs_per_second"], measured["peak_mib"]
    except (ValueError, KeyError):
        last = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        log.warning("speed and memory of %s could not be measured: %s", bundle, last[0])
        return None, None


def measure_here() -> None:
    """Load and time the model that standard input names, and write what was measured to standard output."""
    task = json.load(sys.stdin)
    model = load_bundle(task["bundle"])
    rate = passes_per_second(model, task["texts"], task["contexts"]) * len(task["texts"])
    json.dump({"paragraphs_per_second": rate, "peak_mib": process_peak()}, sys.stdout)


def passes_per_second(model: Labeller, texts: Sequence[str], contexts: Sequence[str] | None) -> float:
    """Return one over the seconds of the fastest pass, after a short one that warms up.

    Every pass reads each text with a number of its own behind it, so that no pass profits from embeddings kept by an
    earlier one.
    """
    model.predict_proba([f"{text} 0" for text in texts[:8]], None if contexts is None else contexts[:8])
    times: list[float] = []
    while len(times) < MOST_PASSES and sum(times) < ENOUGH_SECONDS:
        numbered = [f"{text} {len(times) + 1}" for text in texts]
        started = time.perf_counter()
        model.predict_proba(numbered, contexts)
        times.append(time.perf_counter() - started)
    return 1 / max(min(times), 1e-9)
