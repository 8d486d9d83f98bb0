"""Scores that look at all labels of one paragraph, averaged over paragraphs; an unknown label is as good as absent."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from textclf.metrics.averaging import ratio
from textclf.metrics.scored import Scored
from textclf.metrics.weights import RowWeights


def example_precision(scored: Scored, weights: RowWeights) -> np.ndarray:
    """Mean (b,) over paragraphs given any label: the share of their given labels that is right."""
    said, hits, _ = _label_counts(scored)
    return _mean_over(said > 0, ratio(hits, said), weights)


def example_recall(scored: Scored, weights: RowWeights) -> np.ndarray:
    """Mean (b,) over paragraphs that carry any label: the share of their labels that is found."""
    _, hits, carried = _label_counts(scored)
    return _mean_over(carried > 0, ratio(hits, carried), weights)


def example_f1(scored: Scored, weights: RowWeights) -> np.ndarray:
    """Mean (b,) over paragraphs that carry or were given any label: the F1 of the two sets of labels."""
    said, hits, carried = _label_counts(scored)
    return _mean_over(said + carried > 0, ratio(2 * hits, said + carried), weights)


def coverage_error(scored: Scored, weights: RowWeights) -> np.ndarray:
    """Mean (b,) over paragraphs that carry a label: how far down their ranked labels all true ones are; 1 is least."""
    return _over_carrying(scored, weights, "coverage", _depths)


def lrap(scored: Scored, weights: RowWeights) -> np.ndarray:
    """Label ranking average precision (b,): over paragraphs that carry a label.

    For each true label, the share of true ones among those ranked as high or higher; its mean over the labels of a
    paragraph, then over paragraphs.
    """
    return _over_carrying(scored, weights, "lrap", _ranking_precisions)


def _label_counts(scored: Scored) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return how many known labels each paragraph was given, given rightly, and carries: (n,) each."""

    def count() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        said, yes = scored.decisions & ~np.isnan(scored.targets), scored.targets == 1
        return said.sum(axis=1), (said & yes).sum(axis=1), yes.sum(axis=1)

    return scored.once("label_counts", count)


def _mean_over(rows: np.ndarray, values: np.ndarray, weights: RowWeights) -> np.ndarray:
    return ratio(weights @ np.where(rows, values, 0.0), weights @ rows)


def _over_carrying(
    scored: Scored, weights: RowWeights, name: str, measure: Callable[[Scored], np.ndarray]
) -> np.ndarray:
    carrying = (scored.targets == 1).any(axis=1)
    return _mean_over(carrying, scored.once(name, lambda: measure(scored)), weights)


def _depths(scored: Scored) -> np.ndarray:
    """Return how many known labels each paragraph's least probable true one is as probable as, or less: (n,)."""
    yes = scored.targets == 1
    lowest = np.where(yes, scored.probabilities, np.inf).min(axis=1, initial=np.inf)
    return np.asarray((~np.isnan(scored.targets) & (scored.probabilities >= lowest[:, None])).sum(axis=1))


def _ranking_precisions(scored: Scored) -> np.ndarray:
    """Return, per paragraph, the mean over its true labels of the share of true ones ranked as high or higher: (n,)."""
    yes, known = scored.targets == 1, ~np.isnan(scored.targets)
    total = np.zeros(len(yes))
    for column in range(yes.shape[1]):
        as_high = scored.probabilities >= scored.probabilities[:, [column]]
        share = ratio((as_high & yes).sum(axis=1), (as_high & known).sum(axis=1))
        total += np.where(yes[:, column], share, 0.0)
    return ratio(total, yes.sum(axis=1))
