"""Measure how fast `tfidf` predicts: scikit-learn's own pipeline against the numpy path, on the same model.

    python scripts/bench/tfidf_speed.py [MODEL] [--sizes 1 32 1000 10000] [--repeats 15]

MODEL is a `tfidf` bundle; without one, configs/tfidf.yaml is trained first. The paragraphs are those of data/, drawn
afresh for every call, so that a call seldom sees the paragraphs of the last. The two take turns and are timed in
processor time on one thread, which a busy machine disturbs least. Prints Markdown: microseconds a paragraph, the median
and the middle half of the repeats; the median of the ratios; and the greatest difference between the probabilities of
the two. Small calls are timed a hundred paragraphs at a time. `cold` is a single call for which no word is remembered.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from textclf.articles import stream_passages
from textclf.bundle import load_bundle
from textclf.calibration import sigmoid
from textclf.config import load_config
from textclf.labeller import Labeller
from textclf.models.ngram_scorer import NgramScorer
from textclf.models.tfidf import Tfidf
from textclf.train import train

ROOT = Path(__file__).parent.parent.parent
ENOUGH = 100  # paragraphs timed together at the least, as the clock is coarse

Predict = Callable[[list[str]], np.ndarray]


def open_model(path: Path | None, folder: Path) -> Labeller:
    """Load the bundle, or train one."""
    if path is None:
        train(load_config(ROOT / "configs" / "tfidf.yaml"), out=folder / "tfidf")
        path = folder / "tfidf"
    return load_bundle(path)


def timed(predict: Predict, batches: Sequence[list[str]]) -> float:
    """Return processor time in microseconds a paragraph."""
    started = time.process_time()
    for batch in batches:
        predict(batch)
    return (time.process_time() - started) / sum(map(len, batches)) * 1e6


def show(values: list[float]) -> str:
    """Return the median and the middle half."""
    low, middle, high = np.percentile(values, [25, 50, 75])
    return f"{middle:,.0f} ({low:,.0f} to {high:,.0f})"


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, nargs="?")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 32, 1_000, 10_000])
    parser.add_argument("--repeats", type=int, default=15)
    given = parser.parse_args()
    files = sorted((ROOT / "data").glob("*.jsonl"))
    paragraphs = [passage.text for passage in stream_passages(files)]
    with tempfile.TemporaryDirectory() as folder:
        model = open_model(given.model, Path(folder)).predictor
    if not isinstance(model, Tfidf):
        parser.error(f"{given.model} is no tfidf model")
    pipeline, rng = model.pipeline, np.random.default_rng(0)
    k = len(model.labels)

    def by_scikit_learn(texts: list[str]) -> np.ndarray:
        return np.asarray(pipeline.predict_proba(texts)[:, -k:])

    def forgetful() -> NgramScorer:
        return NgramScorer(model.sorts, model.coefficients, model.intercepts, lowercase=model.options.lowercase)

    model.predict_proba(paragraphs)  # their words are remembered from here on
    apart = np.abs(sigmoid(forgetful()(paragraphs)) - by_scikit_learn(paragraphs)).max()
    mean = np.mean([len(text) for text in paragraphs])
    print(
        f"{len(paragraphs):,} paragraphs of {mean:.0f} characters on average, {len(model.coefficients.T):,} features."
    )
    print(f"The greatest difference between the probabilities of the two, in double precision, is {apart:.1e}.\n")
    print("| paragraphs a call | scikit-learn, µs each | ours, µs each | ratio | ours cold, µs each |")
    print("| --- | --- | --- | --- | --- |")
    for size in given.sizes:
        rows: list[tuple[float, float]] = []
        fresh = [forgetful() for _ in range(given.repeats)]
        for _ in range(given.repeats):
            calls = max(1, ENOUGH // size)
            batches = [[paragraphs[i] for i in rng.integers(0, len(paragraphs), size)] for _ in range(calls)]
            rows.append((timed(by_scikit_learn, batches), timed(model.predict_proba, batches)))
        cold = [timed(each, batches[:1]) for each in fresh]
        plain, fast = (list(column) for column in zip(*rows, strict=True))
        ratio = np.median([row[0] / row[1] for row in rows])
        print(f"| {size:,} | {show(plain)} | {show(fast)} | {ratio:.1f} | {show(cold)} |")


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
