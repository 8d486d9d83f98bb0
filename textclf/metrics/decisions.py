"""Scores of decisions: how many hits, false alarms and misses there are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from textclf.metrics.averaging import mean_defined, ratio
from textclf.metrics.scored import Scored
from textclf.metrics.weights import RowWeights, Weights


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


def counts(scored: Scored, weights: RowWeights) -> Counts:
    """Count hits, false alarms and misses per label over known targets."""
    given = Weights.of(weights)

    def count() -> Counts:
        """Count once for these weights."""
        yes, no = scored.targets == 1, scored.targets == 0
        said = scored.decisions
        return Counts(given @ (yes & said), given @ (no & said), given @ (yes & ~said))

    found: Counts = given.by_scored("counts", scored, count)
    return found


def precision(scored: Scored, weights: RowWeights) -> np.ndarray:
    """Precision per label (b, k); NaN where nothing was predicted or the label has no known positive."""
    c = counts(scored, weights)
    return np.where(c.positives > 0, ratio(c.true_positive, c.true_positive + c.false_positive), np.nan)


def recall(scored: Scored, weights: RowWeights) -> np.ndarray:
    """Recall per label (b, k); NaN where the label has no known positive."""
    c = counts(scored, weights)
    return ratio(c.true_positive, c.positives)


def f1(scored: Scored, weights: RowWeights) -> np.ndarray:
    """F1 per label (b, k); NaN where the label has no known positive."""
    c = counts(scored, weights)
    value = ratio(2 * c.true_positive, 2 * c.true_positive + c.false_positive + c.false_negative)
    return np.where(c.positives > 0, value, np.nan)


def macro_f1(scored: Scored, weights: RowWeights) -> np.ndarray:
    """Mean F1 (b,) over the labels that have known positives."""
    return mean_defined(f1(scored, weights))


def weighted_f1(scored: Scored, weights: RowWeights) -> np.ndarray:
    """Mean F1 (b,) over labels, each weighed by its known positives."""
    support = counts(scored, weights).positives
    return ratio((np.nan_to_num(f1(scored, weights)) * support).sum(axis=1), support.sum(axis=1))


def micro_f1(scored: Scored, weights: RowWeights) -> np.ndarray:
    """F1 (b,) of all paragraph-label pairs taken together."""
    c = counts(scored, weights)
    hits = c.true_positive.sum(axis=1)
    return ratio(2 * hits, 2 * hits + c.false_positive.sum(axis=1) + c.false_negative.sum(axis=1))


def hamming_loss(scored: Scored, weights: RowWeights) -> np.ndarray:
    """Share (b,) of known paragraph-label pairs that are decided wrongly."""
    known = ~np.isnan(scored.targets)
    wrong = known & ((scored.targets == 1) != scored.decisions)
    return ratio(weights @ wrong.sum(axis=1), weights @ known.sum(axis=1))


def exact_match(scored: Scored, weights: RowWeights) -> np.ndarray:
    """Share (b,) of paragraphs right on every known label, of those with any known label."""
    known = ~np.isnan(scored.targets)
    right = ((scored.targets == 1) == scored.decisions) | ~known
    rows = known.any(axis=1)
    return ratio(weights @ (rows & right.all(axis=1)), weights @ rows)


def false_alarm_rate(scored: Scored, weights: RowWeights) -> np.ndarray:
    """Share (b,) of paragraphs known to carry no label that were given one all the same."""
    empty = (scored.targets == 0).all(axis=1)
    return ratio(weights @ (empty & scored.decisions.any(axis=1)), weights @ empty)
