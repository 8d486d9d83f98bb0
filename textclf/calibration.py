"""Calibration per label: a model's probabilities are mapped so that 0.7 means seven in ten.

Two maps are known. Platt scaling (Platt 1999) is a line in log-odds and needs little data. Isotonic regression
(Zadrozny and Elkan 2002) is any rising step curve and needs much.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

Method = Literal["auto", "platt", "isotonic", "none"]

FEWEST_POSITIVES = 10  # with fewer, a label's probabilities are left as they are
ISOTONIC_FROM = 1_000  # known paragraphs, a fifth of them positive, from which `auto` takes isotonic regression
STEEPEST = 50.0  # the largest slope of Platt scaling: beyond it rounding would decide
EDGE = 1e-6  # probabilities are held this far from 0 and 1 before taking log-odds


def log_odds(probabilities: np.ndarray) -> np.ndarray:
    """Return the log-odds (natural logarithm) of probabilities, as float64."""
    p = np.clip(np.asarray(probabilities, dtype=np.float64), EDGE, 1 - EDGE)
    return np.asarray(np.log(p) - np.log1p(-p))


def sigmoid(log_odds: np.ndarray) -> np.ndarray:
    """Turn log-odds or logits into probabilities; the one place where that is done."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * np.asarray(log_odds, dtype=np.float64))))


@dataclass(frozen=True)
class LabelMap:
    """The calibration of one label.

    Attributes:
        method: ``"platt"``, ``"isotonic"`` or ``"none"``.
        slope: Of Platt scaling, in log-odds.
        intercept: Of Platt scaling, in log-odds.
        knots: Of isotonic regression: probabilities before and after, joined by straight lines.
        shift: Added to the log-odds that isotonic regression gives; Platt scaling has its intercept for that.
    """

    method: str = "none"
    slope: float = 1.0
    intercept: float = 0.0
    knots: tuple[tuple[float, float], ...] = ()
    shift: float = 0.0

    def __call__(self, probabilities: np.ndarray) -> np.ndarray:
        """Return calibrated float32 probabilities."""
        if self.method == "platt":
            probabilities = sigmoid(self.slope * log_odds(probabilities) + self.intercept)
        elif self.method == "isotonic":
            before, after = zip(*self.knots, strict=True)
            probabilities = np.interp(probabilities, before, after)
            if self.shift:
                probabilities = sigmoid(log_odds(probabilities) + self.shift)
        return np.asarray(probabilities, dtype=np.float32)

    def shifted(self, by: float) -> LabelMap:
        """Return this map followed by a shift in log-odds; by 0 it stays as it is."""
        if by == 0:
            return self
        if self.method == "isotonic":
            return replace(self, shift=self.shift + by)
        return replace(self, method="platt", intercept=self.intercept + by)


@dataclass(frozen=True)
class Calibration:
    """One map per label.

    Attributes:
        maps: The maps, in the label set's order.
        in_weights: The maps (all Platt or none) were already worked into the model's last layer, so that any
            tool that runs the model gives calibrated probabilities; they are kept here as a record.
    """

    maps: tuple[LabelMap, ...]
    in_weights: bool = False

    def __call__(self, probabilities: np.ndarray) -> np.ndarray:
        """Map probabilities (n, k) to calibrated ones, float32 (n, k)."""
        if self.in_weights or all(label_map.method == "none" for label_map in self.maps):
            return np.asarray(probabilities, dtype=np.float32)
        columns = [label_map(probabilities[:, j]) for j, label_map in enumerate(self.maps)]
        return np.stack(columns, axis=1)

    def to_json(self, names: Sequence[str]) -> dict[str, Any]:
        """Return the maps by label name, JSON-ready."""
        labels: dict[str, dict[str, Any]] = {}
        for name, label_map in zip(names, self.maps, strict=True):
            labels[name] = {"method": label_map.method}
            if label_map.method == "platt":
                labels[name] |= {"slope": label_map.slope, "intercept": label_map.intercept}
            elif label_map.method == "isotonic":
                labels[name] |= {"knots": [list(knot) for knot in label_map.knots]}
            if label_map.shift:
                labels[name] |= {"shift": label_map.shift}
        return {"in_weights": self.in_weights, "labels": labels}

    @classmethod
    def from_json(cls, record: Mapping[str, Any], names: Sequence[str]) -> Calibration:
        """Read back what `to_json` gave."""
        maps = []
        for name in names:
            entry = dict(record["labels"][name])
            entry["knots"] = tuple((float(a), float(b)) for a, b in entry.get("knots", ()))
            maps.append(LabelMap(**entry))
        return cls(tuple(maps), bool(record["in_weights"]))


def fit_calibration(
    targets: np.ndarray, probabilities: np.ndarray, *, method: Method = "auto", affine_only: bool = False
) -> Calibration:
    """Fit one map per label on held-out probabilities.

    Args:
        targets: float32 (n, k): 1, 0 or NaN for unknown, which is left out.
        probabilities: float32 (n, k), from a model that did not train on these rows.
        method: ``"auto"`` takes isotonic regression for a label with many known paragraphs, else Platt scaling.
            A label with under ten positives or negatives is left as it is, whatever the method.
        affine_only: Make ``"auto"`` keep to Platt scaling, which a linear last layer can take in.
    """
    maps = []
    for column in range(targets.shape[1]):
        known = ~np.isnan(targets[:, column])
        y, p = targets[known, column] == 1, probabilities[known, column]
        few = min(y.sum(), (~y).sum())
        if method == "none" or few < FEWEST_POSITIVES:
            maps.append(LabelMap())
        elif method == "isotonic" or (
            method == "auto" and not affine_only and len(y) >= ISOTONIC_FROM and few * 5 >= ISOTONIC_FROM
        ):
            maps.append(_fit_isotonic(y, p))
        else:
            maps.append(_fit_platt(y, p))
    return Calibration(tuple(maps))


def _fit_platt(y: np.ndarray, p: np.ndarray) -> LabelMap:
    """Fit slope and intercept with Platt's smoothed targets; a slope that is not rising is not taken."""
    from scipy.optimize import minimize

    x = log_odds(p)
    smoothed = np.where(y, (y.sum() + 1) / (y.sum() + 2), 1 / ((~y).sum() + 2))

    def log_loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the mean log loss of a slope and an intercept, and its gradient."""
        z = parameters[0] * x + parameters[1]
        residual = sigmoid(z) - smoothed
        value = np.logaddexp(0.0, z) - smoothed * z
        return float(value.mean()), np.array([(residual * x).mean(), residual.mean()])

    found = minimize(log_loss, np.array([1.0, 0.0]), jac=True, method="BFGS").x
    if not np.isfinite(found).all() or found[0] <= 0.05:
        return LabelMap()
    slope = min(float(found[0]), STEEPEST)
    return LabelMap("platt", slope=slope, intercept=float(found[1]) * slope / float(found[0]))


def _fit_isotonic(y: np.ndarray, p: np.ndarray) -> LabelMap:
    """Fit a rising curve; equal neighbours are dropped, and its ends are held off 0 and 1."""
    from scipy.optimize import isotonic_regression

    before, which = np.unique(p.astype(np.float64), return_inverse=True)
    weights = np.bincount(which)
    after = isotonic_regression(np.bincount(which, weights=y) / weights, weights=weights).x
    after = np.clip(after, 1 / (len(y) + 2), 1 - 1 / (len(y) + 2))
    flat = np.zeros(len(after), dtype=bool)
    flat[1:-1] = (after[1:-1] == after[:-2]) & (after[1:-1] == after[2:])
    knots = zip(before[~flat].tolist(), after[~flat].tolist(), strict=True)
    return LabelMap("isotonic", knots=tuple(knots))
