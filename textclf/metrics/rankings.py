"""Scores of a ranking by probability, which need no threshold, and the threshold that would have been best.

All need, at each probability that a positive has, how many positives and negatives are ranked as high. So rows are
sorted once, negatives between two positives are taken together, and what is left is a sparse product and a running
sum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from textclf.metrics.averaging import mean_defined, ratio
from textclf.metrics.scored import Scored
from textclf.metrics.weights import RowWeights, Weights, grouped


def average_precision(scored: Scored, weights: RowWeights) -> np.ndarray:
    """Average precision per label (b, k): the area under the precision-recall steps, ties taken together."""
    return np.asarray(_ranking_scores(scored, weights)[0])


def roc_auc(scored: Scored, weights: RowWeights) -> np.ndarray:
    """Area under the ROC curve per label (b, k): how often a positive outranks a negative, a tie counting half.

    NaN where the label has no known positive or no known negative.
    """
    return np.asarray(_ranking_scores(scored, weights)[1])


def best_f1(scored: Scored, weights: RowWeights) -> np.ndarray:
    """F1 per label (b, k) at the threshold that is best on these very rows: what thresholds alone could gain."""
    return np.asarray(_ranking_scores(scored, weights)[2])


def best_threshold(scored: Scored, weights: RowWeights) -> np.ndarray:
    """Return the threshold per label (b, k) of `best_f1`; the highest where several are as good."""
    return np.asarray(_ranking_scores(scored, weights)[3])


def macro_ap(scored: Scored, weights: RowWeights) -> np.ndarray:
    """Mean average precision (b,) over the labels that have known positives."""
    return mean_defined(average_precision(scored, weights))


@dataclass(frozen=True)
class Ranking:
    """The known rows of one label, sorted into steps: one for each different probability that a positive has.

    Attributes:
        levels: (g,): those probabilities, falling.
        positives: Rows that are positive.
        positive_steps: The step of each.
        negatives: Negatives at least as probable as the least probable positive.
        negative_steps: The first step whose probability each reaches.
        tied: Which of those negatives are just as probable.
        all_negatives: bool (n,): every known negative.
    """

    levels: np.ndarray
    positives: np.ndarray
    positive_steps: np.ndarray
    negatives: np.ndarray
    negative_steps: np.ndarray
    tied: np.ndarray
    all_negatives: np.ndarray

    @classmethod
    def of(cls, targets: np.ndarray, probabilities: np.ndarray) -> Ranking:
        """Sort the rows of one label (n,)."""
        positives = np.flatnonzero(targets == 1)
        rising, step = np.unique(probabilities[positives], return_inverse=True)
        no = targets == 0
        reached = np.searchsorted(rising, probabilities, side="right") - 1  # the highest level reached
        negatives = np.flatnonzero(no & (reached >= 0))
        last = len(rising) - 1
        tied = probabilities[negatives] == rising[reached[negatives]]
        return cls(rising[::-1], positives, last - step, negatives, last - reached[negatives], tied, no)


def _rankings(scored: Scored) -> list[Ranking]:
    return scored.once(
        "rankings", lambda: [Ranking.of(t, p) for t, p in zip(scored.targets.T, scored.probabilities.T, strict=True)]
    )


def _ranking_scores(scored: Scored, weights: RowWeights) -> np.ndarray:
    """Return average precision, ROC-AUC, best F1 and its threshold: (4, b, k)."""
    given = Weights.of(weights)

    def measure() -> np.ndarray:
        """Go through each label's ranking once."""
        found = np.full((4, len(given), scored.targets.shape[1]), np.nan)
        for column, ranking in enumerate(_rankings(scored)):
            if len(ranking.levels):
                _score_label(ranking, given, out=found[:, :, column])
        return found

    scores: np.ndarray = given.by_scored("rankings", scored, measure)
    return scores


def _score_label(ranking: Ranking, weights: Weights, *, out: np.ndarray) -> None:
    """Fill in the four scores (4, b) of one label."""
    shape = (len(ranking.levels), weights.times.shape[1])
    rows, steps, tied = ranking.negatives, ranking.negative_steps, ranking.tied
    positives = grouped(ranking.positive_steps, weights.places(ranking.positives), shape=shape)
    negatives = grouped(steps, weights.places(rows), shape=shape)
    level = grouped(steps[tied], weights.places(rows[tied]), shape=shape) if tied.any() else None
    n_negatives = weights @ ranking.all_negatives
    for part, times in weights.chunks(shape[0]):
        hits = positives @ times
        found, alarms = np.cumsum(hits, axis=0), negatives @ times
        np.cumsum(alarms, axis=0, out=alarms)
        said, n_positives = found + alarms, found[-1]
        shares = np.divide(found, said, out=np.zeros_like(said), where=said > 0)
        out[0, part] = ratio((hits * shares).sum(axis=0), n_positives)
        outranked_by = alarms if level is None else alarms - 0.5 * (level @ times)
        out[1, part] = 1 - ratio((hits * outranked_by).sum(axis=0), n_positives * n_negatives[part])
        f1 = np.divide(2 * found, said + n_positives, out=shares, where=n_positives > 0)
        best = f1.argmax(axis=0)
        out[2, part] = np.where(n_positives > 0, f1[best, np.arange(len(best))], np.nan)
        out[3, part] = np.where(n_positives > 0, ranking.levels[best], np.nan)
