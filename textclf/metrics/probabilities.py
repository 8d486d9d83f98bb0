"""Scores of probabilities as such: is 0.7 seven in ten?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from textclf.metrics.averaging import ratio
from textclf.metrics.scored import Scored
from textclf.metrics.weights import RowWeights, Weights, grouped

BINS = 15  # at most
FEWEST_IN_BIN = 10  # known paragraphs; with fewer there are fewer bins


@dataclass(frozen=True)
class ReliabilityBin:
    """Paragraphs of about the same probability.

    Attributes:
        predicted: Their mean probability.
        observed: The share that carries the label.
        count: How many they are.
    """

    predicted: float
    observed: float
    count: int


def brier(scored: Scored, weights: RowWeights) -> np.ndarray:
    """Brier score per label (b, k): the mean squared distance of probability and truth; 0 is best."""
    known, gap = ~np.isnan(scored.targets), _gaps(scored)
    return _where_positive(scored, weights, ratio(weights @ gap**2, weights @ known))


def ece(scored: Scored, weights: RowWeights) -> np.ndarray:
    """Adaptive expected calibration error per label (b, k): how far predicted and observed shares lie apart; 0 is best.

    Over bins of equally many paragraphs, the mean distance of a bin's mean probability and its observed share. The
    bins are laid once, by the unweighted sample, so that resamples speak of the same bins.
    """
    given = Weights.of(weights)
    known, gaps = ~np.isnan(scored.targets), _gaps(scored)
    apart = np.zeros((len(given), known.shape[1]))
    for column, bins in enumerate(_bins(scored)):
        rows = np.flatnonzero(known[:, column])
        shape = (int(bins.max(initial=-1)) + 1, given.times.shape[1])
        summed = grouped(bins, given.places(rows), gaps[rows, column], shape=shape)
        for part, times in given.chunks(shape[0]):
            apart[part, column] = np.abs(summed @ times).sum(axis=0)
    return _where_positive(scored, weights, ratio(apart, given @ known))


def reliability(scored: Scored) -> list[list[ReliabilityBin]]:
    """Return the reliability curve of each label: the bins that `ece` looks at, by rising probability."""
    curves = []
    for column, bins in enumerate(_bins(scored)):
        rows = np.flatnonzero(~np.isnan(scored.targets[:, column]))
        counts = np.bincount(bins)
        predicted = np.bincount(bins, weights=scored.probabilities[rows, column]) / np.maximum(counts, 1)
        observed = np.bincount(bins, weights=scored.targets[rows, column]) / np.maximum(counts, 1)
        curves.append(
            [
                ReliabilityBin(float(p), float(o), int(n))
                for p, o, n in zip(predicted, observed, counts, strict=True)
                if n > 0
            ]
        )
    return curves


def _gaps(scored: Scored) -> np.ndarray:
    """Return probability less truth (n, k), 0 where that is unknown."""
    targets = scored.targets.astype(np.float64)
    return np.where(np.isnan(targets), 0.0, scored.probabilities - targets)


def _bins(scored: Scored) -> list[np.ndarray]:
    """Return the bin of each known row, per label: equally many rows in each but for ties, which stay together."""

    def lay() -> list[np.ndarray]:
        """Lay the bins once for this sample."""
        laid = []
        for targets, probabilities in zip(scored.targets.T, scored.probabilities.T, strict=True):
            known = np.sort(probabilities[~np.isnan(targets)])
            n_bins = min(BINS, max(1, len(known) // FEWEST_IN_BIN))
            ranks = np.searchsorted(known, probabilities[~np.isnan(targets)], side="left")
            laid.append(ranks * n_bins // max(len(known), 1))
        return laid

    return scored.once("bins", lay)


def _where_positive(scored: Scored, weights: RowWeights, values: np.ndarray) -> np.ndarray:
    return np.where(weights @ (scored.targets == 1) > 0, values, np.nan)
