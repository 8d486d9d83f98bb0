"""Per-label decision thresholds that maximise F1, or another F-measure, without chasing noise.

The threshold with the best F1 on a few dozen positives is mostly luck. Two things steady it. F1 is averaged over
resamples of the articles at every threshold before the best one is taken; and that one is drawn towards a threshold
pooled over all labels, the more so the fewer positives a label has.
"""

from __future__ import annotations

import numpy as np

from textclf.calibration import log_odds, sigmoid
from textclf.intervals import article_weights

NEVER = 2.0
"""The threshold of a label that is never predicted: above every probability."""

DEFAULT = 0.5
GRID = np.linspace(-7.0, 7.0, 281)  # the thresholds tried, in log-odds: 0.09% to 99.91%
SLACK = 0.002  # thresholds whose mean F1 is this near the best are as good; the middle of them is taken


def decide(probabilities: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Return bool (n, k): which labels reach their threshold."""
    return np.asarray(probabilities, dtype=np.float32) >= np.asarray(thresholds, dtype=np.float32)


def fit_thresholds(
    targets: np.ndarray,
    probabilities: np.ndarray,
    groups: np.ndarray,
    *,
    beta: float = 1.0,
    shrinkage: float = 100.0,
    towards: np.ndarray | None = None,
    n_resamples: int = 200,
    seed: int = 0,
) -> np.ndarray:
    """Fit one threshold per label for F1, or F-beta.

    Args:
        targets: float32 (n, k): 1, 0 or NaN for unknown.
        probabilities: float32 (n, k), calibrated, from a model that did not train on these rows.
        groups: (n,): the article of each row.
        beta: How many times as much recall matters as precision.
        shrinkage: The number of positives at which a label's own threshold and the pooled one weigh the same;
            0 trusts every label's own, infinity gives all labels the pooled one.
        towards: float64 (k,), each between 0 and 1: thresholds to draw towards in place of the pooled one.
        n_resamples: Article resamples that F1 is averaged over.
        seed: Fixes the resamples.

    Returns:
        float64 (k,). A label with no positive gets the pooled threshold, or the one of `towards`; with no positive
        at all, 0.5.
    """
    k = targets.shape[1]
    support = (targets == 1).sum(axis=0)
    fitted = np.flatnonzero(support > 0)
    if not len(fitted):
        return np.full(k, DEFAULT) if towards is None else np.array(towards, dtype=np.float64)
    curves = np.zeros((len(fitted), len(GRID)))
    drawn = np.zeros(len(fitted))  # resamples that hold a positive of the label; in the others it has no F1
    for weights in article_weights(groups, n_resamples=n_resamples, seed=seed):
        for row, column in enumerate(fitted):
            has_positive = weights @ (targets[:, column] == 1) > 0
            drawn[row] += has_positive.sum()
            drawn_in = weights[has_positive]
            curves[row] += f_curve(targets[:, column], probabilities[:, column], drawn_in, beta=beta).sum(axis=0)
    curves /= np.maximum(drawn, 1)[:, None]
    common = np.full(k, best_of(curves.mean(axis=0), slack=SLACK)) if towards is None else log_odds(towards)
    own = np.array([best_of(curve, slack=SLACK) for curve in curves])
    trust = trust_in(support[fitted], shrinkage)
    thresholds = common.copy()
    thresholds[fitted] = trust * own + (1 - trust) * common[fitted]
    return sigmoid(thresholds)


def trust_in(support: np.ndarray, shrinkage: float) -> np.ndarray:
    """Return what a label's own threshold weighs, from 0 to 1, against the one for all, by its positives (k,)."""
    return np.asarray(support / (support + shrinkage)) if np.isfinite(shrinkage) else np.zeros(len(support))


def best_common_threshold(targets: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the one threshold for all labels at which their mean F1 is highest; 0.5 without any positive."""
    fitted = np.flatnonzero((targets == 1).any(axis=0))
    if not len(fitted):
        return DEFAULT
    ones = np.ones((1, len(targets)))
    curves = np.concatenate([f_curve(targets[:, j], probabilities[:, j], ones) for j in fitted])
    return float(sigmoid(np.array(best_of(curves.mean(axis=0), slack=0.0))))


def best_of(curve: np.ndarray, *, slack: float) -> float:
    """Return the log-odds at which a curve (g,) is highest: the middle of the stretch within `slack` of its peak."""
    peak = int(curve.argmax())
    lower = np.flatnonzero(curve < curve[peak] - slack - 1e-9)
    start = int(lower[lower < peak].max(initial=-1)) + 1
    end = int(lower[lower > peak].min(initial=len(curve))) - 1
    return float(GRID[start] + GRID[end]) / 2


def f_curve(targets: np.ndarray, probabilities: np.ndarray, weights: np.ndarray, *, beta: float = 1.0) -> np.ndarray:
    """Return F-beta (b, g) of one label at every threshold of the grid, for every row weighting."""
    known = ~np.isnan(targets)
    scores = log_odds(probabilities[known])
    order = np.argsort(scores)
    below = np.searchsorted(scores[order], GRID, side="left")  # rows under each threshold
    weights = weights[:, known][:, order]
    said = _sum_from(weights, below)
    hits = _sum_from(weights * (targets[known][order] == 1), below)
    total = (weights @ (targets[known][order] == 1))[:, None]
    below_line = said + beta**2 * total
    return np.asarray(np.divide((1 + beta**2) * hits, below_line, out=np.zeros_like(hits), where=below_line > 0))


def _sum_from(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Return the sums (b, g) of each row of values (b, n) from each start to the end."""
    running = np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, axis=1)], axis=1)
    return np.asarray(running[:, -1:] - running[:, starts])
