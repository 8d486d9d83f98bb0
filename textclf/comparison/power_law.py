"""Power laws through the errors of a learning curve: error = floor + scale x n^-exponent.

Error of text classifiers falls with the number of training articles about so, until a floor of what the labels do not
settle (Hestness et al. 2017). Few sizes cannot tell three numbers apart; then the floor is taken to be 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

EXPONENTS = np.linspace(0.01, 2.0, 200)
FEWEST = 3  # sizes through which a law without a floor is drawn; two always fit
FEWEST_FOR_FLOOR = 5


@dataclass(frozen=True)
class PowerLaws:
    """One or many power laws, fitted to as many curves.

    Attributes:
        floors: float64 (b,): the error that no number of articles goes under, at least 0.
        scales: float64 (b,): of the part that falls, at one article; at least 0.
        exponents: float64 (b,): how fast it falls.
    """

    floors: np.ndarray
    scales: np.ndarray
    exponents: np.ndarray

    def at(self, sizes: np.ndarray) -> np.ndarray:
        """Return the errors (b, s) at sizes (s,)."""
        falling = np.asarray(sizes, dtype=np.float64)[None] ** -self.exponents[:, None]
        return np.asarray(self.floors[:, None] + self.scales[:, None] * falling)


def fit_power_laws(
    sizes: np.ndarray, errors: np.ndarray, *, weights: np.ndarray | None = None, floor: bool = True
) -> PowerLaws:
    """Fit a power law to each curve by weighted least squares, floor and scale at least 0.

    The exponent is the best of 200; given it, floor and scale are a linear fit.

    Args:
        sizes: (s,): numbers of articles, at least two of them different.
        errors: (b, s): b curves.
        weights: (s,): how much each size counts; None counts them alike.
        floor: Fit the floor; else it is 0.

    Raises:
        ValueError: When there are fewer than two sizes.
    """
    sizes, errors = np.asarray(sizes, dtype=np.float64), np.atleast_2d(np.asarray(errors, dtype=np.float64))
    if len(np.unique(sizes)) < 2:
        raise ValueError(f"a power law needs at least two sizes; given: {sizes.tolist()}")
    w = np.ones(len(sizes)) if weights is None else np.asarray(weights, dtype=np.float64) / np.mean(weights)
    unit = sizes.max()
    x = (sizes[None] / unit) ** -EXPONENTS[:, None]  # (g, s), 1 at the largest size
    total, sx, sxx = w.sum(), x @ w, (x * x) @ w
    se, sxe = errors @ w, (errors * w) @ x.T  # (b,), (b, g)
    through_zero = np.maximum(sxe / sxx, 0)
    if floor:
        spread = total * sxx - sx**2
        slope = (total * sxe - sx * se[:, None]) / spread
        level = (se[:, None] - slope * sx) / total
        flat = slope < 0
        slope, level = np.where(flat, 0, slope), np.where(flat, (se / total)[:, None], level)
        under = level < 0
        slope, level = np.where(under, through_zero, slope), np.where(under, 0, level)
    else:
        slope, level = through_zero, np.zeros_like(through_zero)
    missed = errors[:, None] - level[:, :, None] - slope[:, :, None] * x[None]
    best = np.argmin((missed**2) @ w, axis=1)
    rows = np.arange(len(errors))
    exponents = EXPONENTS[best]
    return PowerLaws(level[rows, best], slope[rows, best] * unit**exponents, exponents)


def explained(errors: np.ndarray, fitted: np.ndarray, *, weights: np.ndarray) -> float:
    """Return the share of the (weighted) variance of errors (s,) that fitted ones explain; 0 where there is none."""
    mean = np.average(errors, weights=weights)
    spread = np.average((errors - mean) ** 2, weights=weights)
    missed = np.average((errors - fitted) ** 2, weights=weights)
    return float(1 - missed / spread) if spread > 0 else 0.0
