"""Curves of one label: how precision, recall and F1 move with the threshold, and how probabilities keep their word.

Arrays in, arrays out. A target that is NaN is unknown and counts nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from textclf.intervals import Interval, bootstrap, percentile_interval

BINS = 10  # of equal width, before small neighbours are joined
FEWEST_IN_BIN = 10  # paragraphs; a bin with fewer takes in its neighbour
MOST_POINTS = 160  # of a curve: more cannot be told apart in a picture


@dataclass(frozen=True)
class ThresholdCurve:
    """Scores of one label at every threshold that tells paragraphs apart, from the highest to the lowest.

    Attributes:
        thresholds: float64 (m,), falling: a paragraph is called positive when its probability reaches it.
        precision: float64 (m,).
        recall: float64 (m,), rising from near 0 to 1.
        f1: float64 (m,).
    """

    thresholds: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray

    def __len__(self) -> int:
        return len(self.thresholds)

    def at(self, threshold: float) -> tuple[float, float, float]:
        """Return precision, recall and F1 at a threshold; precision is NaN where nothing reaches it."""
        called = int(np.searchsorted(-self.thresholds, -threshold, side="right"))
        if called == 0:
            return float("nan"), 0.0, 0.0
        return float(self.precision[called - 1]), float(self.recall[called - 1]), float(self.f1[called - 1])

    def best_precision_from(self, recall: float) -> float:
        """Return the highest precision that still finds this share of the positives; NaN where there is none."""
        reached = self.precision[self.recall >= recall - 1e-9]
        return float(reached.max()) if len(reached) else float("nan")

    def thinned(self, most: int = MOST_POINTS) -> ThresholdCurve:
        """Return the curve with at most so many points, both ends among them, evenly spread along its length."""
        if len(self) <= most:
            return self
        steps = np.abs(np.diff(self.recall)) + np.abs(np.diff(self.precision)) + np.abs(np.diff(self.thresholds))
        along = np.concatenate([[0.0], np.cumsum(steps)])
        kept = np.unique(np.searchsorted(along, np.linspace(0, along[-1], most)).clip(0, len(self) - 1))
        return ThresholdCurve(self.thresholds[kept], self.precision[kept], self.recall[kept], self.f1[kept])


def threshold_curve(targets: np.ndarray, probabilities: np.ndarray) -> ThresholdCurve:
    """Return precision, recall and F1 of one label at every distinct probability.

    Args:
        targets: (n,): 1, 0 or NaN for unknown.
        probabilities: (n,).

    Returns:
        A curve without points when no known target is 1.
    """
    known = ~np.isnan(targets)
    yes, scores = targets[known] == 1, np.asarray(probabilities[known], dtype=np.float64)
    if not yes.any():
        none = np.zeros(0)
        return ThresholdCurve(none, none, none, none)
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    last_of_tie = np.append(ranked[1:] != ranked[:-1], True)
    hits = np.cumsum(yes[order])[last_of_tie].astype(np.float64)
    called = np.flatnonzero(last_of_tie) + 1.0
    total = float(yes.sum())
    return ThresholdCurve(ranked[last_of_tie], hits / called, hits / total, 2 * hits / (called + total))


@dataclass(frozen=True)
class Bin:
    """Paragraphs whose probabilities lie close together.

    Attributes:
        low: The lower edge; in the bin.
        high: The upper edge; in the bin only where it is 1.
        n: How many known paragraphs.
        mean: Their mean probability.
        share: The share of them that carries the label.
        interval: The interval of that share, articles drawn anew.
    """

    low: float
    high: float
    n: int
    mean: float
    share: float
    interval: Interval


def reliability(
    targets: np.ndarray,
    probabilities: np.ndarray,
    groups: np.ndarray,
    *,
    resamples: int = 200,
    confidence: float = 0.95,
    seed: int = 0,
) -> list[Bin]:
    """Return how often a label is there, by the probability it was given: 0.7 should mean seven in ten.

    Args:
        targets: (n,): 1, 0 or NaN for unknown.
        probabilities: (n,).
        groups: (n,): the article of each row.
        resamples: Article resamples for the intervals.
        confidence: Of the intervals.
        seed: Fixes the resamples.
    """
    known = ~np.isnan(targets)
    yes, scores, of = targets[known] == 1, np.asarray(probabilities[known], dtype=np.float64), groups[known]
    edges = _edges(scores)
    if not len(scores):
        return []
    place = np.clip(np.searchsorted(edges, scores, side="right") - 1, 0, len(edges) - 2)
    within = place[:, None] == np.arange(len(edges) - 1)

    def shares(weights: np.ndarray) -> np.ndarray:
        """Return the share of each bin that carries the label, by row weights."""
        there = weights @ within
        return np.asarray(
            np.divide(weights @ (within & yes[:, None]), there, out=np.full(there.shape, np.nan), where=there > 0)
        )

    intervals = percentile_interval(bootstrap(shares, of, n_resamples=resamples, seed=seed), confidence=confidence)
    found = []
    for j, interval in enumerate(intervals):
        rows = within[:, j]
        mean, share = float(scores[rows].mean()), float(yes[rows].mean())
        found.append(Bin(float(edges[j]), float(edges[j + 1]), int(rows.sum()), mean, share, interval))
    return found


def calibration_gap(bins: list[Bin]) -> float:
    """Return how far shares lie from mean probabilities, averaged over paragraphs; NaN without any."""
    n = sum(each.n for each in bins)
    return sum(each.n * abs(each.mean - each.share) for each in bins) / n if n else float("nan")


def _edges(scores: np.ndarray) -> np.ndarray:
    """Return edges of bins with enough in each: equal widths, small ones joined to the next above, the last below."""
    regular = np.arange(BINS + 1) / BINS
    place = np.clip(np.searchsorted(regular, scores, side="right") - 1, 0, BINS - 1)
    edges, held = [0.0], 0
    for j, count in enumerate(np.bincount(place, minlength=BINS).tolist()):
        held += count
        if held >= FEWEST_IN_BIN:
            edges.append(float(regular[j + 1]))
            held = 0
    if len(edges) == 1:
        return np.array([0.0, 1.0])
    if held:
        edges[-1] = 1.0
    return np.array(edges)
