"""Which labels meet in one paragraph, in truth and as predicted, and which are taken for one another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from textclf.metrics import Scored

MOST_LABELS = 12  # in a table of pairs: with more nobody reads it, and the most frequent are taken
MOST_PAIRS = 12


@dataclass(frozen=True)
class Meetings:
    """Labels by labels, as counts of paragraphs.

    Attributes:
        truth: int64 (k, k): paragraphs that carry both; on the diagonal those that carry the one.
        predicted: int64 (k, k): paragraphs that were given both. Both count where both labels are known.
        swapped: int64 (k, k): paragraphs wrong in exactly two labels, the row's missed and the column's given.
        shown: Columns worth showing, in order: all, or the most frequent where there are many.
    """

    truth: np.ndarray
    predicted: np.ndarray
    swapped: np.ndarray
    shown: tuple[int, ...]

    def unlike(self) -> list[tuple[int, int]]:
        """Return the pairs of labels whose meetings are predicted most wrongly, the worst first."""
        gaps = np.triu(np.abs(self.truth - self.predicted), k=1)
        return _largest(gaps)

    def most_swapped(self) -> list[tuple[int, int]]:
        """Return the pairs (missed, given) that were swapped most often, the most frequent first."""
        return _largest(self.swapped)


def count_meetings(scored: Scored) -> Meetings:
    """Count which labels meet and which are swapped; unknown targets count nowhere."""
    known = ~np.isnan(scored.targets)
    yes, said = scored.targets == 1, scored.decisions & known
    missed, alarm = yes & ~scored.decisions, (scored.targets == 0) & scored.decisions
    one_each = (missed.sum(axis=1) == 1) & (alarm.sum(axis=1) == 1)
    truth = yes.T.astype(np.int64) @ yes.astype(np.int64)
    predicted = said.T.astype(np.int64) @ said.astype(np.int64)
    swapped = missed[one_each].T.astype(np.int64) @ alarm[one_each].astype(np.int64)
    frequent = np.argsort(-np.maximum(truth.diagonal(), predicted.diagonal()), kind="stable")[:MOST_LABELS]
    return Meetings(truth, predicted, swapped, tuple(sorted(int(j) for j in frequent)))


def _largest(counts: np.ndarray) -> list[tuple[int, int]]:
    order = np.argsort(-counts, axis=None, kind="stable")[:MOST_PAIRS]
    return [(int(i), int(j)) for i, j in zip(*np.unravel_index(order, counts.shape), strict=True) if counts[i, j] > 0]
