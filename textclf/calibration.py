"""Calibration per label: a model's probabilities are mapped so that 0.7 means seven in ten.

Four maps are known, from the simplest to the freest. Temperature scaling (Guo et al. 2017) is a slope in log-odds and
nothing else. Platt scaling (Platt 1999) is a line there, and needs little data. Beta calibration (Kull, Silva Filho and
Flach 2017) bends either half of that line by itself. Isotonic regression (Zadrozny and Elkan 2002) is any rising step
curve and needs much. Which of them a label takes is found on article folds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Literal

import numpy as np

Method = Literal["auto", "temperature", "platt", "beta", "isotonic", "none"]

LINEAR = ("none", "temperature", "platt")
"""The maps that are a line in log-odds, which the last layer of a network can take in."""

FEWEST_POSITIVES = 10  # with fewer, or as few negatives, a label's probabilities are left as they are
BETA_FROM = 50  # positives, and negatives, from which `auto` tries beta calibration
ISOTONIC_FROM = 1_000  # known paragraphs, a fifth of them positive, from which `auto` tries isotonic regression
FOLDS = 5  # of articles, on which `auto` compares maps
MARGIN = 0.5  # standard errors by which a freer map must do better than a simpler one
STEEPEST = 50.0  # the largest slope of a map: beyond it rounding would decide
FLATTEST = 0.05  # the least: below it a map tells next to nothing
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
        method: ``"temperature"``, ``"platt"``, ``"beta"``, ``"isotonic"`` or ``"none"``.
        slope: Of Platt and temperature scaling, in log-odds; 1 divided by the temperature.
        intercept: Of Platt scaling and beta calibration, in log-odds.
        slopes: Of beta calibration: of log(p), and of -log(1 - p).
        knots: Of isotonic regression: probabilities before and after, joined by straight lines.
        shift: Added to the log-odds that isotonic regression gives; other maps have their intercept for that.
    """

    method: str = "none"
    slope: float = 1.0
    intercept: float = 0.0
    slopes: tuple[float, float] = (1.0, 1.0)
    knots: tuple[tuple[float, float], ...] = ()
    shift: float = 0.0

    def __call__(self, probabilities: np.ndarray) -> np.ndarray:
        """Return calibrated float32 probabilities."""
        if self.method in ("platt", "temperature"):
            probabilities = sigmoid(self.slope * log_odds(probabilities) + self.intercept)
        elif self.method == "beta":
            yes, no = _logs(probabilities)
            probabilities = sigmoid(self.slopes[0] * yes - self.slopes[1] * no + self.intercept)
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
        method = "beta" if self.method == "beta" else "platt"
        return replace(self, method=method, intercept=self.intercept + by)


@dataclass(frozen=True)
class Calibration:
    """One map per label.

    Attributes:
        maps: The maps, in the label set's order.
        in_weights: The maps (all of them `LINEAR`) were already worked into the model's last layer, so that any
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
            elif label_map.method == "temperature":
                labels[name] |= {"slope": label_map.slope}
            elif label_map.method == "beta":
                labels[name] |= {"slopes": list(label_map.slopes), "intercept": label_map.intercept}
            elif label_map.method == "isotonic":
                labels[name] |= {"knots": [list(knot) for knot in label_map.knots]}
            if label_map.shift:
                labels[name] |= {"shift": label_map.shift}
        return {"in_weights": self.in_weights, "labels": labels}

    @classmethod
    def from_json(cls, record: Mapping[str, Any], names: Sequence[str]) -> Calibration:
        """Read back what `to_json` gave.

        Raises:
            ValueError: When a map is of a method that is not known.
        """
        maps = []
        for name in names:
            entry = dict(record["labels"][name])
            if entry.get("method", "none") not in ("none", *FITS):
                raise ValueError(f"the calibration of {name!r} is {entry['method']!r}, which is not known here")
            if "slopes" in entry:
                rising, falling = entry["slopes"]
                entry["slopes"] = (float(rising), float(falling))
            entry["knots"] = tuple((float(a), float(b)) for a, b in entry.get("knots", ()))
            maps.append(LabelMap(**entry))
        return cls(tuple(maps), bool(record["in_weights"]))


def fit_calibration(
    targets: np.ndarray,
    probabilities: np.ndarray,
    *,
    method: Method = "auto",
    affine_only: bool = False,
    groups: np.ndarray | None = None,
) -> Calibration:
    """Fit one map per label on held-out probabilities.

    Args:
        targets: float32 (n, k): 1, 0 or NaN for unknown, which is left out.
        probabilities: float32 (n, k), from a model that did not train on these rows.
        method: ``"auto"`` takes, for each label, the map with the lowest log loss on article folds it was not fitted
            on; a freer map must do better than a simpler one by more than half a standard error. Beta calibration is
            tried from 50 positives and negatives, isotonic regression from 1,000 known paragraphs, 200 of either
            answer. No map at all is not tried, since a slope of 1 is as good. A label with under ten positives or
            negatives is left as it is, whatever the method.
        affine_only: Make ``"auto"`` keep to lines in log-odds, which a linear last layer can take in.
        groups: (n,): the article of each row; without it each row is taken for an article.
    """
    maps = []
    for column in range(targets.shape[1]):
        known = ~np.isnan(targets[:, column])
        y, p = targets[known, column] == 1, probabilities[known, column]
        few = int(min(y.sum(), (~y).sum()))
        if method == "none" or few < FEWEST_POSITIVES:
            maps.append(LabelMap())
            continue
        chosen: str = method
        if method == "auto":
            tried = ["temperature", "platt"]
            if not affine_only:
                tried += ["beta"] if few >= BETA_FROM else []
                tried += ["isotonic"] if len(y) >= ISOTONIC_FROM and few * 5 >= ISOTONIC_FROM else []
            articles = np.lexsort((p, y)).argsort() if groups is None else groups[known]
            chosen = _choose(y, p, articles, tried)
        maps.append(FITS[chosen](y, p))
    return Calibration(tuple(maps))


def _choose(y: np.ndarray, p: np.ndarray, groups: np.ndarray, tried: Sequence[str]) -> str:
    """Return the best method of those tried, in log loss on article folds; Platt scaling where folds cannot tell.

    Args:
        y: bool (n,).
        p: (n,): probabilities.
        groups: (n,): articles.
        tried: Methods, the simplest first.
    """
    articles, rows = np.unique(groups, return_inverse=True)
    rows = rows.ravel()
    folds = _folds(y, rows, n_folds=min(FOLDS, len(articles)))
    parts = [(folds != fold, folds == fold) for fold in np.unique(folds)]
    if not all(0 < y[rest].sum() < rest.sum() for rest, _ in parts):
        return "platt"  # one article holds all of a kind
    losses = {method: np.zeros(len(y)) for method in tried}
    for method, (rest, held_out) in product(tried, parts):
        losses[method][held_out] = _log_loss(y[held_out], FITS[method](y[rest], p[rest])(p[held_out]))
    best = tried[0]
    for method in tried[1:]:
        gains = np.bincount(rows, weights=losses[best] - losses[method])  # by article: paragraphs of one are alike
        if gains.sum() > max(MARGIN * np.sqrt(len(gains)) * gains.std(), 1e-9 * len(y)):
            best = method
    return best


def _folds(y: np.ndarray, rows: np.ndarray, *, n_folds: int) -> np.ndarray:
    """Return the fold (n,) of each row: articles are dealt out in turn, those with the most positives first."""
    order = np.lexsort((-np.bincount(rows), -np.bincount(rows, weights=y)))
    folds = np.empty(len(order), dtype=np.int64)
    folds[order] = np.arange(len(order)) % n_folds
    return np.asarray(folds[rows])


def _log_loss(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    z = log_odds(p)
    return np.asarray(np.logaddexp(0.0, np.where(y, -z, z)))


def _logs(probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the logarithms of probabilities and of what they lack of 1, as float64."""
    p = np.clip(np.asarray(probabilities, dtype=np.float64), EDGE, 1 - EDGE)
    return np.log(p), np.log1p(-p)


def _fit_temperature(y: np.ndarray, p: np.ndarray) -> LabelMap:
    """Fit a slope alone; one that is not rising is not taken."""
    (slope,) = _fit_slopes(y, [log_odds(p)], intercept=False)
    return LabelMap("temperature", slope=slope) if slope > FLATTEST else LabelMap()


def _fit_beta(y: np.ndarray, p: np.ndarray) -> LabelMap:
    """Fit a slope of log(p), one of -log(1 - p), neither below 0, and an intercept."""
    yes, no = _logs(p)
    rising, falling, intercept = _fit_slopes(y, [yes, -no], intercept=True)
    if rising + falling <= 2 * FLATTEST:
        return LabelMap()
    return LabelMap("beta", slopes=(rising, falling), intercept=intercept)


def _fit_platt(y: np.ndarray, p: np.ndarray) -> LabelMap:
    """Fit slope and intercept; a slope that is not rising is not taken."""
    from scipy.optimize import minimize

    found = minimize(_loss_of(y, [log_odds(p), 1.0]), np.array([1.0, 0.0]), jac=True, method="BFGS").x
    if not np.isfinite(found).all() or found[0] <= FLATTEST:
        return LabelMap()
    slope = min(float(found[0]), STEEPEST)
    return LabelMap("platt", slope=slope, intercept=float(found[1]) * slope / float(found[0]))


def _fit_slopes(y: np.ndarray, features: list[Any], *, intercept: bool) -> list[float]:
    """Return the likeliest slopes of features, each from 0 to the steepest, and after them the intercept if any."""
    from scipy.optimize import minimize

    start, bounds = [1.0] * len(features), [(0.0, STEEPEST)] * len(features)
    if intercept:
        features, start = [*features, 1.0], [*start, 0.0]
        bounds = [*bounds, (-STEEPEST, STEEPEST)]
    settings = {"ftol": 1e-13, "gtol": 1e-8}
    found = minimize(
        _loss_of(y, features), np.array(start), jac=True, method="L-BFGS-B", bounds=bounds, options=settings
    )
    return [float(parameter) for parameter in found.x]


def _loss_of(y: np.ndarray, features: Sequence[Any]) -> Callable[[np.ndarray], tuple[float, np.ndarray]]:
    """Return the mean log loss, with its gradient, of a weighted sum of features against Platt's smoothed targets."""
    smoothed = np.where(y, (y.sum() + 1) / (y.sum() + 2), 1 / ((~y).sum() + 2))

    def log_loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the mean log loss at these weights, and its gradient."""
        z = np.zeros(len(y))
        for parameter, feature in zip(parameters, features, strict=True):
            z = z + parameter * feature
        residual = sigmoid(z) - smoothed
        value = np.logaddexp(0.0, z) - smoothed * z
        return float(value.mean()), np.array([(residual * feature).mean() for feature in features])

    return log_loss


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


FITS: dict[str, Callable[[np.ndarray, np.ndarray], LabelMap]] = {
    "temperature": _fit_temperature,
    "platt": _fit_platt,
    "beta": _fit_beta,
    "isotonic": _fit_isotonic,
}
"""How each map is fitted to answers, bool (n,), and probabilities (n,); the simplest first."""
