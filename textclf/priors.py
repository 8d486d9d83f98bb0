"""Another share of each label: what a stream of text that training did not foresee asks of calibrated probabilities.

Calibrated probabilities hold at the share a label had where calibration was fitted. Where its share is another and
paragraphs with and without it look as before (prior shift), every log-odds moves by the same amount: the difference
between the log-odds of the two shares. Each label is a binary problem of its own.

From text without labels the share is estimated by maximum likelihood (Saerens, Latinne, Decaestecker 2002). Their
expectation-maximisation steps climb to the one peak of a concave likelihood; here each step only tells on which side
of a share the peak lies, and bisection goes on from there, so that it ends after as many steps on flat peaks too.
Plainly taken, that estimate runs to 0 for a rare label on little text and costs more F1 than it brings. So it is made
with pseudo-paragraphs at the old share, and drawn back the more, the more it wavers between articles. And where the
text itself is of another kind, so that a model scores even the same events lower, no share explains the scores:
`misfit` tells.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from textclf.calibration import log_odds, sigmoid
from textclf.intervals import Interval, article_weights, percentile_interval

PSEUDO = 30.0  # paragraphs at the old share that stand beside the target's
WANDER = 0.5  # how far the log-odds of shares usually move between sources: a standard deviation
ALIKE = 2.0  # paragraphs of one article are alike: so many count as one
LEAN = 10.0  # expected positives at which the target's own threshold and the given one weigh the same
MISFIT = 1.36  # Kolmogorov's distance, scaled, that chance exceeds once in twenty: beyond it a text is another kind
CELL = 0.02  # log-odds are rounded to multiples of this, so that resamples of any size are as quick
WIDEST = 12.0  # shares are looked for between log-odds of this size: 0.0006% to 99.9994%
STEPS = 26  # of bisection, each halving the error; the last is under 1e-6


@dataclass(frozen=True)
class ShareEstimate:
    """The share of one label in a target.

    Attributes:
        value: The plain estimate.
        interval: Its 95% interval, from resampling articles; NaN for a single article.
        taken: The share to use: drawn towards the old one, the more the less is known.
        shift: What that adds to the label's log-odds.
    """

    value: float
    interval: Interval
    taken: float
    shift: float


def likeliest_share(scores: np.ndarray, weights: np.ndarray, *, old: float, pseudo: float = 0.0) -> np.ndarray:
    """Return the log-odds (b,) of the share under which scores are likeliest, for every row weighting.

    Args:
        scores: float64 (n,): calibrated log-odds, which hold at the share `old`.
        weights: float64 (b, n): how often each row counts.
        old: The share that calibration was fitted at, strictly between 0 and 1.
        pseudo: Paragraphs at the old share counted beside the rows.

    Returns:
        Between -12 and 12. Where no row has a weight and `pseudo` is 0, the old share.
    """
    start = float(log_odds(np.array(old)))
    total = weights.sum(axis=1) + pseudo
    if not len(scores):
        return np.full(len(weights), start)
    low, high = np.full(len(weights), -WIDEST), np.full(len(weights), WIDEST)
    for _ in range(STEPS):
        middle = (low + high) / 2
        adjusted = sigmoid(scores[None, :] + (middle - start)[:, None])
        stepped = (weights * adjusted).sum(axis=1) + pseudo * old  # a step of expectation-maximisation, times total
        rising = stepped > sigmoid(middle) * total
        low, high = np.where(rising, middle, low), np.where(rising, high, middle)
    return np.where(total > 0, (low + high) / 2, start)


def estimate_share(
    probabilities: np.ndarray,
    groups: np.ndarray,
    *,
    old: float,
    spread: float,
    cautious: bool = True,
    n_resamples: int = 200,
    seed: int = 0,
) -> ShareEstimate:
    """Estimate the share of one label in unlabelled paragraphs.

    Args:
        probabilities: (n,): calibrated at the share `old`.
        groups: (n,): the article of each row.
        old: The share that calibration was fitted at, strictly between 0 and 1.
        spread: The variance of that share's log-odds (see `spread_of`).
        cautious: Draw the estimate towards the old share; else it is taken as it is.
        n_resamples: Article resamples of the interval.
        seed: Fixes the resamples.
    """
    cells, which = np.unique(np.round(log_odds(probabilities) / CELL), return_inverse=True)
    scores, which = cells * CELL, which.ravel()
    ones = np.bincount(which, minlength=len(scores)).astype(np.float64)[None, :]
    plain, steady = [], []
    for weights in article_weights(groups, n_resamples=n_resamples, seed=seed):
        counts = np.stack([np.bincount(which, weights=row, minlength=len(scores)) for row in weights])
        plain.append(likeliest_share(scores, counts, old=old))
        steady.append(likeliest_share(scores, counts, old=old, pseudo=PSEUDO))
    value = float(likeliest_share(scores, ones, old=old)[0])
    start = float(log_odds(np.array(old)))
    shift = value - start
    if cautious:
        peak = float(likeliest_share(scores, ones, old=old, pseudo=PSEUDO)[0])
        share = float(sigmoid(np.array(peak)))
        wavering = max(float(np.concatenate(steady).var()), spread_of(share * len(groups), (1 - share) * len(groups)))
        shift = (peak - start) * WANDER**2 / (WANDER**2 + spread + wavering)
    (interval,) = percentile_interval(sigmoid(np.concatenate(plain)), confidence=0.95)
    if len(np.unique(groups)) < 2:  # one article says nothing of how articles differ
        interval = Interval(np.nan, np.nan)
    taken = float(sigmoid(np.array(start + shift)))
    return ShareEstimate(float(sigmoid(np.array(value))), interval, taken, shift)


def known_share(targets: np.ndarray, groups: np.ndarray, *, n_resamples: int = 200, seed: int = 0) -> Interval:
    """Return the 95% interval of a label's share among known targets (n,), from resampling articles."""
    yes, known = (targets == 1).astype(np.float64), (~np.isnan(targets)).astype(np.float64)
    drawn = []
    for weights in article_weights(groups, n_resamples=n_resamples, seed=seed):
        total = weights @ known
        drawn.append(np.divide(weights @ yes, total, out=np.full(len(total), np.nan), where=total > 0))
    if len(np.unique(groups)) < 2:
        return Interval(np.nan, np.nan)
    return percentile_interval(np.concatenate(drawn), confidence=0.95)[0]


def misfit(
    probabilities: np.ndarray, yes: np.ndarray, no: np.ndarray, *, share: float, positives: int, negatives: int
) -> float:
    """Return how far scores are from any mix of held-out paragraphs with the label and without, in that share.

    The Kolmogorov-Smirnov distance in units of its spread, about 0.8 where the mix holds. Where it does not, the text
    differs in more than the share of the label, and no share explains it.

    Args:
        probabilities: (n,): calibrated, of the target.
        yes: Quantiles of the held-out log-odds of paragraphs with the label.
        no: Quantiles of those without it.
        share: The share of the label in the target.
        positives: Held-out paragraphs that `yes` stands for.
        negatives: Held-out paragraphs that `no` stands for.
    """
    scores = log_odds(probabilities)
    places = np.concatenate([scores, yes, no])
    gaps = _below(scores, places) - share * _below(yes, places) - (1 - share) * _below(no, places)
    variance = 1 / len(scores) + share**2 / positives + (1 - share) ** 2 / negatives
    return float(np.abs(gaps).max() / np.sqrt(variance))


def _below(scores: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return the share of scores at or below each place."""
    return np.searchsorted(np.sort(scores), places, side="right") / len(scores)


def spread_of(positives: float, negatives: float) -> float:
    """Return the variance of the log-odds of a share that was counted; half a paragraph is added to either count."""
    return ALIKE * (1 / (positives + 0.5) + 1 / (negatives + 0.5))


def shift_from_labels(targets: np.ndarray, probabilities: np.ndarray) -> float:
    """Return what to add to one label's log-odds, given labelled paragraphs of the target.

    The likeliest shift under a normal prior around 0, so that two paragraphs move little and none move nothing. The
    slope of the calibration is left alone: to fit it too brought nothing, at up to 50 articles.

    Args:
        targets: (n,): 1, 0 or NaN for unknown, which is left out.
        probabilities: (n,): calibrated.
    """
    known = ~np.isnan(targets)
    yes, scores = (targets[known] == 1).astype(np.float64), log_odds(probabilities[known])
    low, high = -WIDEST, WIDEST
    for _ in range(STEPS):
        shift = (low + high) / 2
        slope = float((yes - sigmoid(scores + shift)).sum()) / ALIKE - shift / WANDER**2
        low, high = (shift, high) if slope > 0 else (low, shift)
    return (low + high) / 2


def expected_f1_threshold(probabilities: np.ndarray) -> float:
    """Return the threshold at which the F1 that calibrated probabilities (n,) lead one to expect is highest.

    It is half of that F1 (Lipton, Elkan, Naryanaswamy 2014). Without any probability above 0 it is 0.5.
    """
    ranked = np.sort(np.asarray(probabilities, dtype=np.float64))[::-1]
    total = ranked.sum()
    if total <= 0:
        return 0.5
    expected = 2 * np.cumsum(ranked) / (np.arange(1, len(ranked) + 1) + total)
    return float(expected.max()) / 2


def refit_threshold(probabilities: np.ndarray, threshold: float) -> float:
    """Return the threshold for a target's adjusted probabilities (n,), drawn towards the one given, in log-odds.

    The target's own weighs ``e / (e + 10)``, where e is the number of positives to be expected in it.
    """
    expected = float(np.asarray(probabilities, dtype=np.float64).sum())
    own, given = log_odds(np.array([expected_f1_threshold(probabilities), threshold]))
    return float(sigmoid(given + expected / (expected + LEAN) * (own - given)))
