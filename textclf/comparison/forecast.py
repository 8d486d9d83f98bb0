"""What more labelled articles would bring, read off a learning curve; and when it cannot be read off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from textclf.comparison.power_law import FEWEST, FEWEST_FOR_FLOOR, PowerLaws, explained, fit_power_laws
from textclf.evaluate import Estimate
from textclf.intervals import percentile_interval

STEADY = 0.005  # the standard deviation that even the best measured mean is taken to have
ENOUGH_EXPLAINED = 0.8


@dataclass(frozen=True)
class Forecast:
    """A power law through a learning curve, and what it says of more articles.

    Attributes:
        floor: The error that no number of articles would go under; 0 where there were too few sizes to fit one.
        scale: Of the part of the error that falls.
        exponent: How fast it falls.
        has_floor: Whether the floor was fitted.
        explained: The share of the variance between sizes that the law explains.
        missed: The score at the largest size less what the smaller sizes predict for it; None with fewer than four.
        more: How many more articles the gain is of.
        gain: What the score would gain by them: the mean of laws through all sizes and through the larger ones alone,
            with an interval from refits; None where the fit is too poor.
        faults: Why it is too poor; empty where it is not.
    """

    floor: float
    scale: float
    exponent: float
    has_floor: bool
    explained: float
    missed: float | None
    more: int
    gain: Estimate | None
    faults: list[str]

    def score(self, sizes: np.ndarray) -> np.ndarray:
        """Return the scores (s,) that the law gives at sizes (s,)."""
        law = PowerLaws(np.array([self.floor]), np.array([self.scale]), np.array([self.exponent]))
        return np.asarray(1 - law.at(sizes)[0])

    def formula(self) -> str:
        """Return the law in one line."""
        floor = f"{self.floor:.3f} + " if self.has_floor else ""
        return f"error = {floor}{self.scale:.3g} n^-{self.exponent:.2f}"

    def to_json(self) -> dict[str, Any]:
        """Return the forecast JSON-ready."""
        return {
            "floor": round(self.floor, 6) if self.has_floor else None,
            "scale": round(self.scale, 6),
            "exponent": round(self.exponent, 6),
            "explained": round(self.explained, 6),
            "missed": None if self.missed is None else round(self.missed, 6),
            "more_articles": self.more,
            "gain": None if self.gain is None else round(self.gain.value, 6),
            "interval": None if self.gain is None else [round(end, 6) for end in self.gain.interval],
            "faults": self.faults,
        }


def forecast(
    sizes: np.ndarray, scores: np.ndarray, samples: np.ndarray, *, more: int, confidence: float, seed: int = 0
) -> Forecast | None:
    """Fit a power law to a learning curve and predict the gain from more articles.

    Args:
        sizes: int (s,): numbers of training articles, ascending.
        scores: float64 (s,): the mean score at each.
        samples: float64 (b, s): the scores on resamples of repeats and held-out articles, from which refits are made.
        more: Articles beyond the largest size.
        confidence: Of the interval.
        seed: Fixes which misses of the law the refits have.

    Returns:
        None with fewer than three sizes, or where a score is undefined.
    """
    samples = samples[~np.isnan(samples).any(axis=1)]
    if len(sizes) < FEWEST or np.isnan(scores).any() or not len(samples):
        return None
    sizes, errors = np.asarray(sizes, dtype=np.float64), 1 - scores
    weights = 1 / (samples.var(axis=0) + STEADY**2)
    law = _fit(sizes, errors[None], weights)
    share = explained(errors, law.at(sizes)[0], weights=weights)
    missed = None
    if len(sizes) > FEWEST:
        missed = float(_predict(sizes[:-1], errors[:-1], weights[:-1], at=sizes[-1:])[0] - errors[-1])
    faults = _faults(scores, samples, share, missed, confidence)
    if more > sizes[-1]:
        faults.append(f"{more} more than {sizes[-1]:.0f} articles would more than double them, which is too far")
    ends = np.array([sizes[-1], sizes[-1] + more])
    gain = None
    if not faults:
        value = float(-np.diff(_predict(sizes, errors, weights, at=ends))[0])
        refits = _refit(sizes, errors, 1 - samples, weights, at=ends, seed=seed)
        gain = Estimate(value, percentile_interval(refits[:, 0] - refits[:, 1], confidence=confidence)[0])
    return Forecast(
        floor=float(law.floors[0]),
        scale=float(law.scales[0]),
        exponent=float(law.exponents[0]),
        has_floor=len(sizes) >= FEWEST_FOR_FLOOR,
        explained=share,
        missed=missed,
        more=more,
        gain=gain,
        faults=faults,
    )


def _fit(sizes: np.ndarray, errors: np.ndarray, weights: np.ndarray) -> PowerLaws:
    """Fit laws to errors (b, s), with a floor where there are sizes enough to tell it."""
    return fit_power_laws(sizes, errors, weights=weights, floor=len(sizes) >= FEWEST_FOR_FLOOR)


def _starts(sizes: np.ndarray) -> range:
    """Return where a law may begin: at any size with enough after it, since small sizes may follow another law."""
    return range(len(sizes) - FEWEST + 1)


def _predict(sizes: np.ndarray, errors: np.ndarray, weights: np.ndarray, *, at: np.ndarray) -> np.ndarray:
    """Return the errors predicted at other sizes: the mean of laws through all sizes and through the larger ones."""
    laws = [_fit(sizes[start:], errors[None, start:], weights[start:]) for start in _starts(sizes)]
    return np.asarray(np.mean([law.at(at)[0] for law in laws], axis=0))


def _refit(
    sizes: np.ndarray, errors: np.ndarray, samples: np.ndarray, weights: np.ndarray, *, at: np.ndarray, seed: int
) -> np.ndarray:
    """Return the errors (b, at) predicted by refits to resamples of the errors (b, s).

    The resamples take turns at where the law begins. Each refit also keeps the law's own misses or has them the other
    way round (a wild bootstrap, Wu 1986), since a law that is only nearly right is no surer than it is right.
    """
    signs = np.random.default_rng([seed, 3]).choice([-1.0, 1.0], size=samples.shape)
    predicted = np.zeros((len(samples), len(at)))
    for start in _starts(sizes):
        rows = slice(start, None, len(_starts(sizes)))
        later = slice(start, None)
        n, parameters = len(sizes[later]), 2 + (len(sizes[later]) >= FEWEST_FOR_FLOOR)
        fitted = _fit(sizes[later], errors[None, later], weights[later]).at(sizes[later])[0]
        misses = (errors[later] - fitted) * np.sqrt(n / (n - parameters))
        moved = samples[rows, later] - errors[later] + fitted + signs[rows, later] * misses
        predicted[rows] = _fit(sizes[later], moved, weights[later]).at(at)
    return predicted


def _faults(
    scores: np.ndarray, samples: np.ndarray, share: float, missed: float | None, confidence: float
) -> list[str]:
    """Return why a law through these scores would not predict."""
    faults = []
    rise = percentile_interval(samples[:, -1] - samples[:, 0], confidence=confidence)[0]
    if scores[-1] <= scores[0] or rise.low <= 0:
        faults.append("the score does not surely rise from the smallest size to the largest")
    if share < ENOUGH_EXPLAINED:
        faults.append(f"a power law explains {max(share, 0):.0%} of how the score moves with size")
    step, luck = abs(scores[-1] - scores[-2]), float((samples[:, -1] - samples[:, -2]).std())
    if missed is not None and abs(missed) > max(step / 2, 2 * luck):
        faults.append(f"from the smaller sizes one would have missed the score at the largest by {abs(missed):.3f}")
    return faults
