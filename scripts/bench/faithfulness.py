"""Measure whether the words an explanation puts first are those the model's probability hangs on.

    python scripts/bench/faithfulness.py MODEL ... DATA [--most 150] [--seed 0] [--occlusion]

For each paragraph that carries a label by the model's own thresholds, the label with the highest probability is
explained, and words are deleted from the paragraph in order of their weight, a tenth at a time, highest first; and
inserted in that order into an empty text, each at its place. The area under the probability on the way, 0 to 1, is
the lower the better for deletion and the higher the better for insertion. Both stand against orders drawn at random,
with 95% intervals from resampling articles. Prints a Markdown table. `--occlusion` has each model explained by leaving
words out as well.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from textclf.bundle import load_bundle
from textclf.datasets import read_labelled
from textclf.explanation import Explanation
from textclf.intervals import bootstrap
from textclf.labeller import Labeller
from textclf.labels import LabelSet
from textclf.models.interface import Predictor
from textclf.records import Examples

STEPS = 10
RANDOM_ORDERS = 5
COLUMNS = (
    "model",
    "method",
    "paragraphs",
    "deletion",
    "at random",
    "difference",
    "insertion",
    "at random",
    "difference",
)


class Opaque:
    """A predictor that shows nothing but its probabilities."""

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor

    @property
    def labels(self) -> LabelSet:
        """The labels."""
        return self.predictor.labels

    def predict_proba(self, texts: Sequence[str], contexts: Sequence[str] | None = None) -> np.ndarray:
        """Return the predictor's probabilities."""
        return self.predictor.predict_proba(texts, contexts)


def with_words(explanation: Explanation, kept: np.ndarray) -> str:
    """Return the text with the chosen words alone, each with the white space behind it."""
    text, starts = explanation.text, [start for start, _ in explanation.spans]
    pieces = [text[begin:end] for begin, end in zip(starts, [*starts[1:], len(text)], strict=True)]
    return "".join(pieces[word] for word in np.sort(kept))


def deleting(explanation: Explanation, order: np.ndarray) -> Iterator[str]:
    """Yield the text with none of its words deleted, with the first tenth of the order deleted, and so on to all."""
    for step in range(STEPS + 1):
        yield with_words(explanation, order[round(len(order) * step / STEPS) :])


def areas(model: Labeller, explanation: Explanation, column: int, context: str, rng: np.random.Generator) -> np.ndarray:
    """Return the area under deletion, under random deletion, under insertion, and under random insertion."""
    words = len(explanation.spans)
    first = np.argsort(-explanation.weights[:, column], kind="stable")
    orders = [first, first[::-1], *(rng.permutation(words) for _ in range(RANDOM_ORDERS))]
    texts = [text for order in orders for text in deleting(explanation, order)]
    found = model.predict_proba(texts, [context] * len(texts) if context else None)[:, column]
    curves = found.reshape(len(orders), STEPS + 1)
    under = (curves[:, 1:] + curves[:, :-1]).mean(axis=1) / 2
    # Deleting the last first is inserting the first first, read backwards; and so with orders drawn at random.
    return np.array([under[0], under[2:].mean(), under[1], under[2:].mean()])


def measure(model: Labeller, examples: Examples, *, most: int, seed: int) -> tuple[np.ndarray, np.ndarray, str]:
    """Return the areas (n, 4) of n paragraphs, the article of each, and how they were explained."""
    scores = model.predict_proba(examples.texts, examples.contexts)
    carrying = np.flatnonzero((scores >= model.thresholds).any(axis=1))
    chosen = np.sort(np.random.default_rng(seed).permutation(carrying)[:most])
    found, method = [], ""
    for row in chosen:
        column = int(np.where(scores[row] >= model.thresholds, scores[row], -1).argmax())
        context = "" if examples.contexts is None else examples.contexts[row]
        explanation = model.explain(examples.texts[row], context, labels=[model.labels[column]])
        found.append(areas(model, explanation, column, context, np.random.default_rng([seed, row])))
        method = explanation.method
    return np.array(found).reshape(-1, 4), examples.groups[chosen], method


def cells(found: np.ndarray, groups: np.ndarray) -> list[str]:
    """Return areas and their differences from chance, each the mean with its interval over articles."""
    values = np.column_stack([found[:, :2], found[:, 0] - found[:, 1], found[:, 2:], found[:, 2] - found[:, 3]])

    def mean(weights: np.ndarray) -> np.ndarray:
        """Return the weighted mean of each column."""
        return np.asarray(weights @ values / weights.sum(axis=1, keepdims=True))

    low, high = np.percentile(bootstrap(mean, groups, n_resamples=1_000, seed=0), [2.5, 97.5], axis=0)
    signs = ["", "", "+", "", "", "+"]
    rows: list[Any] = [*zip(values.mean(axis=0), low, high, signs, strict=True)]
    return [f"{value:{sign}.3f} [{a:{sign}.3f}, {b:{sign}.3f}]" for value, a, b, sign in rows]


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL")
    parser.add_argument("data", type=Path, metavar="DATA", help="labelled articles; their labels are not looked at")
    parser.add_argument("--most", type=int, default=150, help="paragraphs, drawn at random")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--occlusion", action="store_true", help="explain every model by leaving words out as well")
    given = parser.parse_args()
    print(f"| {' | '.join(COLUMNS)} |\n|{' --- |' * len(COLUMNS)}")
    for path in given.models:
        model = load_bundle(path)
        examples = Examples.of(read_labelled(given.data, model.labels), model.labels, context=model.context)
        ways = [model, replace(model, predictor=Opaque(model.predictor))]
        methods = set()
        for way in ways[: 1 + given.occlusion]:
            found, groups, method = measure(way, examples, most=given.most, seed=given.seed)
            if not len(found):
                print(f"| {path.name} | no paragraph carries a label |{' |' * (len(COLUMNS) - 2)}", flush=True)
            elif method not in methods:
                methods.add(method)
                size = f"{len(found)} of {len(np.unique(groups))} articles"
                print(f"| {path.name} | {method} | {size} | {' | '.join(cells(found, groups))} |", flush=True)


if __name__ == "__main__":
    main()
