"""What a threshold is to reach, and the cut through a label's ranked scores that reaches it best.

Where no averaging steadies it, a threshold is a place between two scores that were seen: rows at or above the place are
given the label. So there are only as many cuts to tell apart as there are distinct scores, and all of them are tried.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from textclf.calibration import EDGE, log_odds, sigmoid
from textclf.errors import did_you_mean, one_of
from textclf.thresholds import NEVER

Name = Literal["f1", "f_beta", "precision_at_least", "recall_at_least", "cost", "expected_count"]

VALUES = {
    "f_beta": "beta, above 0: how many times as much recall matters as precision",
    "precision_at_least": "the precision to reach, above 0 and at most 1",
    "recall_at_least": "the recall to reach, above 0 and at most 1",
}
"""What `value` means, for the objectives that take one."""


@dataclass(frozen=True)
class Objective:
    """What the threshold of a label is fitted for.

    Attributes:
        name: ``"f1"``; ``"f_beta"``; ``"precision_at_least"``: the highest recall with at least that precision;
            ``"recall_at_least"``: the highest precision with at least that recall; ``"cost"``: the lowest cost of
            misses and false alarms together; ``"expected_count"``: as many paragraphs given the label as carry it.
        value: Of `f_beta`, `precision_at_least` and `recall_at_least` (see `VALUES`).
        miss: What a miss costs, above 0, for `cost`.
        false_alarm: What a false alarm costs, in the same unit.

    Raises:
        ValueError: When a value is missing, out of range, or belongs to another objective.
    """

    name: Name = "f1"
    value: float | None = None
    miss: float | None = None
    false_alarm: float | None = None

    def __post_init__(self) -> None:
        names = get_args(Name)
        if self.name not in names:
            raise ValueError(
                f"unknown objective {self.name!r}{did_you_mean(str(self.name), names)} (allowed: {one_of(names)})"
            )
        if self.name in VALUES:
            self._check_value()
        elif self.value is not None:
            takers = ", ".join(VALUES)
            raise ValueError(f"objective {self.name} takes no `value` (given: {self.value}); it is for {takers}")
        costs = (self.miss, self.false_alarm)
        if self.name == "cost":
            if any(cost is None for cost in costs):
                raise ValueError("objective cost needs `miss` and `false_alarm`: what each costs, in the same unit")
            if not all(0 < float(cost) < np.inf for cost in costs if cost is not None):
                raise ValueError(f"`miss` and `false_alarm` must be above 0; given: {self.miss} and {self.false_alarm}")
        elif costs != (None, None):
            raise ValueError(f"objective {self.name} takes no `miss` and no `false_alarm`; they are for cost")

    def _check_value(self) -> None:
        if self.value is None:
            raise ValueError(f"objective {self.name} needs `value`: {VALUES[self.name]}")
        if not 0 < self.value < np.inf or (self.name != "f_beta" and self.value > 1):
            raise ValueError(f"`value` of objective {self.name} is {VALUES[self.name]}; given: {self.value}")

    @property
    def beta(self) -> float | None:
        """Beta of the F-measure to be maximised; None where the objective is no F-measure."""
        return 1.0 if self.name == "f1" else self.value if self.name == "f_beta" else None

    def to_json(self) -> dict[str, Any]:
        """Return the objective JSON-ready, with what belongs to it alone."""
        given = {"value": self.value, "miss": self.miss, "false_alarm": self.false_alarm}
        return {"objective": self.name, **{key: value for key, value in given.items() if value is not None}}

    def __str__(self) -> str:
        if self.name == "cost":
            return f"cost (miss {self.miss:g}, false alarm {self.false_alarm:g})"
        return self.name if self.value is None else f"{self.name} {self.value:g}"


F1 = Objective()


@dataclass(frozen=True)
class Cuts:
    """Every cut through the ranked scores of one label, the highest first; the first gives the label to no row.

    Attributes:
        levels: float32 (m,): the distinct scores above 0, falling. Cut i gives the label to the rows of the first i.
        said: float64 (b, m + 1): the weight of rows given the label, for each row weighting.
        hits: float64 (b, m + 1): the weight of those that carry it.
        positives: float64 (b,): the weight of rows that carry it.
    """

    levels: np.ndarray
    said: np.ndarray
    hits: np.ndarray
    positives: np.ndarray

    @classmethod
    def of(cls, targets: np.ndarray, probabilities: np.ndarray, weights: np.ndarray) -> Cuts:
        """Rank the known rows of one label.

        Args:
            targets: (n,): 1, 0 or NaN for unknown, which is left out.
            probabilities: (n,); a row at 0 is given the label at no cut.
            weights: (b, n): how often each row counts.
        """
        known = ~np.isnan(targets)
        scores, yes = np.asarray(probabilities, dtype=np.float32)[known], targets[known] == 1
        order = np.argsort(-scores, kind="stable")
        ranked = scores[order]
        levels = np.unique(ranked[ranked > 0])[::-1]
        ends = np.searchsorted(-ranked, -levels, side="right")  # rows at or above each level
        weights = weights[:, known][:, order]
        said, hits = (_sums_to(values, ends) for values in (weights, weights * yes[order]))
        return cls(levels, said, hits, weights @ yes[order])

    def best(self, objective: Objective) -> tuple[np.ndarray, np.ndarray]:
        """Return which cut is best for each row weighting, int64 (b,), and whether it is what was asked, bool (b,).

        Of cuts as good as each other the highest is taken. Where no cut has the precision asked for, it is the one
        with the highest precision, and of those the one with the highest recall; where none has the recall, the one
        with the highest recall.

        Args:
            objective: Any but the F-measures, which `textclf.thresholds` averages over resamples instead.
        """
        precision = np.divide(self.hits, self.said, out=np.zeros_like(self.hits), where=self.said > 0)
        positives = self.positives[:, None]
        recall = np.divide(self.hits, positives, out=np.zeros_like(self.hits), where=positives > 0)
        wanted = objective.value or 0.0
        if objective.name == "precision_at_least":
            enough = (precision >= wanted) & (self.hits > 0)
            found = _first_best(np.where(enough, recall, -1.0), precision)
            closest = _first_best(precision, recall)
            met = enough.any(axis=1)
            return np.where(met, found, closest), met
        if objective.name == "recall_at_least":
            enough = recall >= wanted
            found = _first_best(np.where(enough, precision, -1.0), recall)
            closest = _first_best(recall, precision)
            met = enough.any(axis=1)
            return np.where(met, found, closest), met
        always = np.ones(len(self.said), dtype=bool)
        if objective.name == "cost":
            misses, alarms = positives - self.hits, self.said - self.hits
            spent = misses * (objective.miss or 0.0) + alarms * (objective.false_alarm or 0.0)
            return _first_best(-spent, -self.said), always
        return _first_best(-np.abs(self.said - positives), -self.said), always

    def thresholds(self, cuts: np.ndarray) -> np.ndarray:
        """Return the threshold, float64 (b,), of each cut (b,): half way, in log-odds, to the next score below it.

        Below the lowest score it is that score itself; above the highest, half way to the greatest probability, or
        `NEVER` where nothing is left between.
        """
        above = np.concatenate([np.array([1 - EDGE], dtype=np.float32), self.levels])
        below = np.append(self.levels, self.levels[-1:] if len(self.levels) else np.float32(0.5))
        middle = sigmoid((log_odds(above) + log_odds(below)) / 2).astype(np.float32)
        between = (middle > below) & (middle <= above)
        found = np.where(between, middle, above).astype(np.float64)
        if len(self.levels) and not between[0]:
            found[0] = NEVER
        return np.asarray(found[cuts])


def _sums_to(values: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Return the sums (b, m + 1) of each row of values (b, n) from its beginning to each end, the first of nothing."""
    running = np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, axis=1)], axis=1)
    return np.asarray(running[:, np.concatenate([np.zeros(1, dtype=np.int64), ends])])


def _first_best(first: np.ndarray, then: np.ndarray) -> np.ndarray:
    """Return the first column (b,) where `first` is highest, and of those `then`."""
    equal = first == first.max(axis=1, keepdims=True)
    return np.asarray(np.where(equal, then, -np.inf).argmax(axis=1))
