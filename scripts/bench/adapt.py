"""Adapt bundles on one half of labelled articles and score them on the other, both ways, over random halvings.

    python scripts/bench/adapt.py --models runs/tfidf ... --data FILE ... [--halvings 20] [--rarer 1 0.1 0.01]

Prints Markdown: macro-F1 before; and the difference after plain maximum likelihood (thresholds kept), after
`textclf adapt --unlabelled`, and after `--labelled`, with 95% intervals from resampling articles, each resample scored
in every halving with and without. `--rarer 0.1` draws articles by 0.1 to the power of the share of their paragraphs
that carry any label: an article full of events is ten times as rare as one without. Bundles are only read.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from textclf.adapt_changes import LabelChange, find_changes, held_shares
from textclf.adapt_target import Target, look_at_labelled
from textclf.bundle import load_bundle
from textclf.calibration import log_odds, sigmoid
from textclf.datasets import read_labelled
from textclf.intervals import article_weights
from textclf.labeller import Labeller
from textclf.metrics import Scored, f1
from textclf.thresholds import decide

WAYS = ("plain EM", "unlabelled", "labelled")


def rarity(targets: np.ndarray, groups: np.ndarray, factor: float) -> np.ndarray:
    """Return the weight (articles,) of each article: the factor to the power of its share of labelled paragraphs."""
    eventful = np.nan_to_num(targets).max(axis=1)
    return np.asarray(factor ** (np.bincount(groups, weights=eventful) / np.bincount(groups)))


def drawn(target: Target, articles: np.ndarray) -> Target:
    """Return the target with the articles drawn, copies counted as articles of their own."""
    rows = [np.flatnonzero(target.groups == article) for article in articles]
    taken = np.concatenate(rows)
    groups = np.repeat(np.arange(len(rows)), [len(r) for r in rows])
    assert target.targets is not None  # noqa: S101
    return replace(target, probabilities=target.probabilities[taken], groups=groups, targets=target.targets[taken])


def rescored(whole: Target, changes: list[LabelChange]) -> Scored:
    """Return all rows as the adapted model would decide them."""
    assert whole.targets is not None  # noqa: S101
    p = sigmoid(log_odds(whole.probabilities) + np.array([change.shift for change in changes]))
    return Scored(whole.targets, p, decide(p, np.array([change.new_threshold for change in changes])))


def halving(model: Labeller, whole: Target, half: np.ndarray, chances: np.ndarray, seed: int) -> list[Scored]:
    """Return the model before, and adapted on that half of the articles each way."""
    rng, shares = np.random.default_rng(seed), held_shares(model)
    chosen = rng.choice(half, size=len(half), p=chances[half] / chances[half].sum()) if np.ptp(chances) else half
    sample = drawn(whole, chosen)
    unlabelled = replace(sample, targets=None)
    return [
        Scored(whole.targets, whole.probabilities, decide(whole.probabilities, model.thresholds)),
        rescored(whole, find_changes(model, unlabelled, shares, cautious=False, n_resamples=100, seed=seed)),
        rescored(whole, find_changes(model, unlabelled, shares, n_resamples=100, seed=seed)),
        rescored(whole, find_changes(model, sample, shares, n_resamples=100, seed=seed)),
    ]


def measure(model: Labeller, whole: Target, *, factor: float, halvings: int, resamples: int) -> np.ndarray:
    """Return F1 (ways, resamples + 1, labels): mean over halvings; the first resample is the articles themselves."""
    assert whole.targets is not None  # noqa: S101
    groups, n_articles = whole.groups, len(whole.article_ids)
    chances = rarity(whole.targets, groups, factor)
    blocks = [np.ones((1, len(groups))), *article_weights(groups, n_resamples=resamples, seed=0)]
    weights = np.concatenate(blocks) * chances[groups]
    sums = np.zeros((len(WAYS) + 1, len(weights), len(model.labels)))
    counts = np.zeros_like(sums)
    for number in range(halvings):
        order = np.random.default_rng(number).permutation(n_articles)
        for half, other in ((order[::2], order[1::2]), (order[1::2], order[::2])):
            held_out = weights * np.isin(groups, other)
            for way, scored in enumerate(halving(model, whole, half, chances, number)):
                found = f1(scored, held_out)
                sums[way] += np.nan_to_num(found)
                counts[way] += ~np.isnan(found)
    return np.divide(sums, counts, out=np.full_like(sums, np.nan), where=counts > 0)


def show(values: np.ndarray, *, sign: str = "+") -> str:
    """Return the first value and the 95% interval of the others."""
    low, high = np.nanpercentile(values[1:], [2.5, 97.5])
    return f"{values[0]:{sign}.3f} [{low:{sign}.3f}, {high:{sign}.3f}]"


def main() -> None:
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", type=Path, required=True)
    parser.add_argument("--data", nargs="+", type=Path, required=True, help="labelled articles the models have not met")
    parser.add_argument("--halvings", type=int, default=20)
    parser.add_argument("--rarer", nargs="+", type=float, default=[1.0, 0.1, 0.01])
    parser.add_argument("--resamples", type=int, default=400)
    given = parser.parse_args()
    print(f"| data | rarer | model | F1 of | before | {' | '.join(WAYS)} |\n|{' --- |' * (len(WAYS) + 5)}")
    for data in given.data:
        for path in given.models:
            model = load_bundle(path)
            whole = look_at_labelled(model, read_labelled(data, model.labels))
            for factor in given.rarer:
                scores = measure(model, whole, factor=factor, halvings=given.halvings, resamples=given.resamples)
                rows = {"all (macro)": np.nanmean(scores, axis=2)}
                rows |= {name: scores[:, :, j] for j, name in enumerate(model.labels)}
                for name, row in rows.items():
                    cells = [show(row[0], sign=""), *(show(row[way] - row[0]) for way in range(1, len(row)))]
                    print(f"| {data.stem} | {factor:g} | {path.name} | {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
