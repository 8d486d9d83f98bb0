"""Scores of multi-label predictions: arrays in, numbers out, for one sample or many weighted ones at once.

Every metric takes the same two things: a `Scored` sample and row weights (b, n). Weight rows of ones give the plain
score; rows of article multiplicities give bootstrap resamples (see `textclf.intervals`). A target that is NaN is
unknown and counts nowhere, for that label. A label with no known positive has no score: NaN, and macro averages
leave it out, while its false alarms still count in the micro average.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Scored:
    """Truth, probabilities and decisions of n paragraphs and k labels.

    Attributes:
        targets: float32 (n, k): 1, 0 or NaN for unknown.
        probabilities: float32 (n, k).
        decisions: bool (n, k).
    """

    targets: np.ndarray
    probabilities: np.ndarray
    decisions: np.ndarray

    def __post_init__(self) -> None:
        shapes = {self.targets.shape, self.probabilities.shape, self.decisions.shape}
        if len(shapes) != 1 or self.targets.ndim != 2:
            raise ValueError(f"targets, probabilities and decisions must all be (n, k); given: {sorted(shapes)}")

    def ones(self) -> np.ndarray:
        """Return the row weights (1, n) of the plain, unresampled score."""
        return np.ones((1, len(self.targets)))


@dataclass(frozen=True)
class Counts:
    """Weighted counts per resample and label, each float64 (b, k)."""

    true_positive: np.ndarray
    false_positive: np.ndarray
    false_negative: np.ndarray

    @property
    def positives(self) -> np.ndarray:
        """Known positives per label: the support."""
        return np.asarray(self.true_positive + self.false_negative)


def counts(scored: Scored, weights: np.ndarray) -> Counts:
    """Count hits, false alarms and misses per label over known targets."""
    yes, no = scored.targets == 1, scored.targets == 0
    said = scored.decisions
    return Counts(weights @ (yes & said), weights @ (no & said), weights @ (yes & ~said))


def precision(scored: Scored, weights: np.ndarray) -> np.ndarray:
    """Precision per label (b, k); NaN where nothing was predicted or the label has no known positive."""
    c = counts(scored, weights)
    return np.where(c.positives > 0, _ratio(c.true_positive, c.true_positive + c.false_positive), np.nan)


def recall(scored: Scored, weights: np.ndarray) -> np.ndarray:
    """Recall per label (b, k); NaN where the label has no known positive."""
    c = counts(scored, weights)
    return _ratio(c.true_positive, c.positives)


def f1(scored: Scored, weights: np.ndarray) -> np.ndarray:
    """F1 per label (b, k); NaN where the label has no known positive."""
    c = counts(scored, weights)
    value = _ratio(2 * c.true_positive, 2 * c.true_positive + c.false_positive + c.false_negative)
    return np.where(c.positives > 0, value, np.nan)


def average_precision(scored: Scored, weights: np.ndarray) -> np.ndarray:
    """Average precision per label (b, k): the area under the precision-recall steps, ties taken together."""
    columns = [
        _average_precision(scored.targets[:, column], scored.probabilities[:, column], weights)
        for column in range(scored.targets.shape[1])
    ]
    return np.stack(columns, axis=1) if columns else np.zeros((len(weights), 0))


def macro_f1(scored: Scored, weights: np.ndarray) -> np.ndarray:
    """Mean F1 (b,) over the labels that have known positives."""
    return _mean_defined(f1(scored, weights))


def macro_ap(scored: Scored, weights: np.ndarray) -> np.ndarray:
    """Mean average precision (b,) over the labels that have known positives."""
    return _mean_defined(average_precision(scored, weights))


def micro_f1(scored: Scored, weights: np.ndarray) -> np.ndarray:
    """F1 (b,) of all paragraph-label pairs taken together."""
    c = counts(scored, weights)
    hits = c.true_positive.sum(axis=1)
    return _ratio(2 * hits, 2 * hits + c.false_positive.sum(axis=1) + c.false_negative.sum(axis=1))


def exact_match(scored: Scored, weights: np.ndarray) -> np.ndarray:
    """Share (b,) of paragraphs right on every known label, of those with any known label."""
    known = ~np.isnan(scored.targets)
    right = ((scored.targets == 1) == scored.decisions) | ~known
    rows = known.any(axis=1)
    return _ratio(weights @ (rows & right.all(axis=1)), weights @ rows)


def false_alarm_rate(scored: Scored, weights: np.ndarray) -> np.ndarray:
    """Share (b,) of paragraphs known to carry no label that were given one all the same."""
    empty = (scored.targets == 0).all(axis=1)
    return _ratio(weights @ (empty & scored.decisions.any(axis=1)), weights @ empty)


Metric = Callable[[Scored, np.ndarray], np.ndarray]

OVERALL: dict[str, Metric] = {
    "macro_f1": macro_f1,
    "micro_f1": micro_f1,
    "macro_ap": macro_ap,
    "exact_match": exact_match,
    "false_alarm_rate": false_alarm_rate,
}
PER_LABEL: dict[str, Metric] = {
    "precision": precision,
    "recall": recall,
    "f1": f1,
    "ap": average_precision,
}


def _average_precision(targets: np.ndarray, probabilities: np.ndarray, weights: np.ndarray) -> np.ndarray:
    known = ~np.isnan(targets)
    order = np.argsort(-probabilities[known], kind="stable")
    ranked = probabilities[known][order]
    weights = weights[:, known][:, order]
    if not len(ranked):
        return np.full(len(weights), np.nan)
    last_of_tie = np.append(ranked[1:] != ranked[:-1], True)
    seen = np.cumsum(weights, axis=1)[:, last_of_tie]
    hits = np.cumsum(weights * (targets[known][order] == 1), axis=1)[:, last_of_tie]
    steps = np.diff(hits, axis=1, prepend=0.0)
    return _ratio((steps * np.divide(hits, seen, out=np.zeros_like(hits), where=seen > 0)).sum(axis=1), hits[:, -1])


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Divide, giving NaN where there is nothing to divide by."""
    above, below = np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64)
    return np.asarray(np.divide(above, below, out=np.full(below.shape, np.nan), where=below > 0))


def _mean_defined(values: np.ndarray) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a resample in which no label is defined is NaN
        return np.asarray(np.nanmean(values, axis=1)) if values.shape[1] else np.full(len(values), np.nan)
