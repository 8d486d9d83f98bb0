"""Where a cheap model's answer may stand for an expensive one's: a band per label in which it may not.

How far a score lies from its threshold, in log-odds, is its margin. How likely two models decide otherwise falls with
the margin; a logistic curve per label and side of the threshold says how (one slope for all, an offset each, drawn
towards each other). A risk that is allowed cuts these curves into bands. The risk is the greatest for which agreement
on articles that the curves were not fitted on is as asked for: risks are tried from the least up, and the first that
fails ends the search, so that having tried many costs no confidence (fixed-sequence testing; Angelopoulos et al. 2021).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from textclf.calibration import log_odds, sigmoid
from textclf.intervals import Interval, bootstrap_articles, percentile_interval, wilson_interval

Per = Literal["paragraph", "decision"]

NEVER_SURE = 30.0  # a margin that no score has
RISKS = np.linspace(-12.0, 0.0, 241)  # of a decision's coming out otherwise, in log-odds: 0.0006% to 50%
FOLDS = 10  # of articles
OFFSET_SPREAD = 1.0  # standard deviation of the offsets around their mean, in log-odds
SLOPES = (0.05, 20.0)  # the least slope and the greatest


@dataclass(frozen=True)
class Bands:
    """Per label, the margins between which a paragraph is unsure.

    Attributes:
        low: float64 (k,), at most 0: a margin below it is a sure no.
        high: float64 (k,), at least 0: a margin above it is a sure yes.
    """

    low: np.ndarray
    high: np.ndarray

    def sure(self, margins: np.ndarray) -> np.ndarray:
        """Return bool (n,): whether the margins (n, k) of all labels lie outside their bands."""
        return np.asarray(((margins < self.low) | (margins > self.high)).all(axis=1))

    def to_json(self, names: Sequence[str]) -> dict[str, list[float]]:
        """Return both ends by label name, JSON-ready."""
        return {name: [float(low), float(high)] for name, low, high in zip(names, self.low, self.high, strict=True)}

    @classmethod
    def from_json(cls, record: Mapping[str, Any], names: Sequence[str]) -> Bands:
        """Read back what `to_json` gave.

        Raises:
            ValueError: When a band does not lie around 0.
        """
        ends = np.array([[float(end) for end in record[name]] for name in names]).reshape(len(names), 2)
        if not ((ends[:, 0] <= 0) & (ends[:, 1] >= 0)).all():
            raise ValueError("a band must begin at 0 or below it and end at 0 or above it")
        return cls(ends[:, 0], ends[:, 1])


@dataclass(frozen=True)
class Risks:
    """How likely decisions come out otherwise: ``sigmoid(offset - slope * |margin|)``.

    Attributes:
        offsets: float64 (2, k): of a no, and of a yes.
        slope: Of all.
    """

    offsets: np.ndarray
    slope: float

    def bands(self, risk: float) -> Bands:
        """Return the bands in which a decision is riskier than that, in log-odds."""
        reach = np.clip((self.offsets - risk) / self.slope, 0, NEVER_SURE)
        return Bands(-reach[0], reach[1])

    def sure(self, margins: np.ndarray) -> np.ndarray:
        """Return bool (n, risks): whether the bands of each of `RISKS` leave out the margins (n, k)."""
        found = np.where(margins >= 0, self.offsets[1], self.offsets[0]) - self.slope * np.abs(margins)
        found[margins == 0] = np.inf
        return np.asarray(found.max(axis=1)[:, None] < RISKS)


@dataclass(frozen=True)
class Fit:
    """Bands, and what they are good for on articles they were not fitted on.

    Attributes:
        bands: Fitted on all articles.
        risk: The risk allowed to a decision.
        sure: bool (n,): the paragraphs found sure by bands that were fitted on other articles.
        agreement: The share of paragraphs (or decisions) on which the two agree where those answer; 1 - 0 elsewhere.
        interval: Of the agreement, over articles.
    """

    bands: Bands
    risk: float
    sure: np.ndarray
    agreement: float
    interval: Interval


def margins_of(probabilities: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Return float64 (n, k): the log-odds of probabilities less those of their thresholds; no less than 0 is a yes."""
    return np.asarray(log_odds(probabilities) - log_odds(thresholds))


def fit_risks(margins: np.ndarray, apart: np.ndarray) -> Risks:
    """Fit how likely decisions (n, k) come out otherwise, given their margins.

    Args:
        margins: float64 (n, k).
        apart: bool (n, k): which decisions came out otherwise.
    """
    from scipy.optimize import minimize

    k = margins.shape[1]
    side = np.where(margins >= 0, k, 0) + np.arange(k)
    x, y, cell = np.abs(margins).ravel(), apart.ravel().astype(np.float64), side.ravel()

    def cost(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the log loss with the priors' cost, and its gradient; parameters: mean, slope, offsets (2k,)."""
        mean, slope, offsets = parameters[0], parameters[1], parameters[2:]
        z = offsets[cell] - slope * x
        residual = sigmoid(z) - y
        off = (offsets - mean) / OFFSET_SPREAD**2
        value = (np.logaddexp(0, z) - y * z).sum() + (off * (offsets - mean)).sum() / 2 + mean**2 / 8
        value += 2 * (slope - 1) ** 2  # calibrated scores that are right about themselves have a slope of 1
        gradient = np.bincount(cell, weights=residual, minlength=2 * k) + off
        return float(value), np.array([mean / 4 - off.sum(), 4 * (slope - 1) - (residual * x).sum(), *gradient])

    start = np.array([0.0, 1.0, *np.zeros(2 * k)])
    bounds = [(None, None), SLOPES, *[(None, None)] * (2 * k)]
    found = minimize(cost, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return Risks(found[2:].reshape(2, k), float(found[1]))


def fit_bands(
    margins: np.ndarray,
    apart: np.ndarray,
    groups: np.ndarray,
    *,
    target: float,
    per: Per = "paragraph",
    confidence: float = 0.95,
    n_resamples: int = 1_000,
    seed: int = 0,
) -> Fit:
    """Fit bands that leave out as many paragraphs as they can while the agreement is what it should be.

    With the confidence given the agreement is at least `target` on articles that bands were not fitted on, and on those
    they were it is so as well. Where nothing reaches that, no paragraph is sure. A higher target never narrows a band.

    Args:
        margins: float64 (n, k), of the cheap model.
        apart: bool (n, k): where the expensive one decides otherwise.
        groups: (n,): the article of each row.
        target: The agreement, such as 0.99.
        per: What is counted: paragraphs on which all decisions agree, or decisions.
        confidence: That the agreement reaches the target.
        n_resamples: Article resamples.
        seed: Of folds and resamples.
    """
    wrong = np.asarray(apart.any(axis=1) if per == "paragraph" else apart.mean(axis=1), dtype=np.float64)
    whole = fit_risks(margins, apart)
    sure = _sure_elsewhere(margins, apart, groups, seed=seed)
    lows, highs = _agreement(sure, wrong, groups, confidence=confidence, n_resamples=n_resamples, seed=seed)
    here = 1 - (wrong[:, None] * whole.sure(margins)).mean(axis=0)
    fails = np.flatnonzero((lows < target) | (here < target))
    kept = (fails[0] if len(fails) else len(RISKS)) - 1
    if kept < 0:
        none = np.full(margins.shape[1], NEVER_SURE)
        return Fit(Bands(-none, none), float("-inf"), np.zeros(len(margins), dtype=bool), 1.0, Interval(1.0, 1.0))
    agreement = 1 - float((wrong * sure[:, kept]).mean())
    ends = Interval(float(lows[kept]), float(highs[kept]))
    return Fit(whole.bands(RISKS[kept]), float(RISKS[kept]), sure[:, kept], agreement, ends)


def most_promised(n: int, *, confidence: float = 0.95) -> float:
    """Return the agreement that n paragraphs without a single disagreement would promise."""
    return wilson_interval(n, n, confidence=2 * confidence - 1).low


def paragraphs_needed(target: float, *, confidence: float = 0.95) -> int:
    """Return how many paragraphs, all agreeing, promise an agreement for all of them; the least there is."""
    needed = 1
    while most_promised(needed, confidence=confidence) < target:
        needed *= 2
    low, high = needed // 2, needed
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if most_promised(middle, confidence=confidence) >= target else (middle, high)
    return high


def _sure_elsewhere(margins: np.ndarray, apart: np.ndarray, groups: np.ndarray, *, seed: int) -> np.ndarray:
    """Return bool (n, risks): which paragraphs are sure at each risk by curves fitted on other articles."""
    articles, rows = np.unique(groups, return_inverse=True)
    folds = np.random.default_rng(seed).permutation(len(articles)) % FOLDS
    sure = np.zeros((len(margins), len(RISKS)), dtype=bool)
    for fold in np.unique(folds):
        held_out = folds[rows] == fold
        sure[held_out] = fit_risks(margins[~held_out], apart[~held_out]).sure(margins[held_out])
    return sure


def _agreement(
    sure: np.ndarray, wrong: np.ndarray, groups: np.ndarray, *, confidence: float, n_resamples: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends (risks,) of the interval of the agreement at each risk.

    Resamples without a disagreement promise everything. So the lower end is also no higher than Wilson's for the
    paragraphs that are sure: none seen in a hundred is not none.
    """
    articles, rows = np.unique(groups, return_inverse=True)
    errors, counts = np.zeros((len(articles), sure.shape[1])), np.bincount(rows)
    np.add.at(errors, rows, sure * wrong[:, None])

    def statistic(times: np.ndarray) -> np.ndarray:
        return np.asarray(1 - (times @ errors) / np.maximum(times @ counts, 1)[:, None])

    central = 2 * confidence - 1
    samples = bootstrap_articles(statistic, len(articles), n_resamples=n_resamples, seed=seed)
    ends = np.array(percentile_interval(samples, confidence=central, n_articles=len(articles)))
    n, answered, lost = len(sure), sure.sum(axis=0), errors.sum(axis=0)
    few = [wilson_interval(m - e, m, confidence=central).low if m else 1.0 for m, e in zip(answered, lost, strict=True)]
    return np.minimum(ends[:, 0], 1 - answered / n * (1 - np.array(few))), ends[:, 1]
