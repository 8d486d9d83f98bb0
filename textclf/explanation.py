"""What an explanation is: how much each word of a text adds to each label's log-odds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from textclf.errors import DataError
from textclf.labels import LabelSet


@dataclass(frozen=True, eq=False)
class Explanation:
    """How a model came to its scores for one text, word by word.

    The log-odds are those after calibration, where a label's map is linear in log-odds (Platt scaling, or none). A
    label calibrated in another way (isotonic regression) is explained before it, and stands in `before_calibration`.

    Attributes:
        text: The text.
        labels: The labels, in column order.
        spans: Where each word begins and ends in the text (see `textclf.words`); of a text over 100,000 characters,
            the words that are read.
        weights: float32 (words, k): what each word adds to the label's log-odds. Here and below, columns that were not
            asked for are NaN.
        scores: float32 (k,): the calibrated probabilities.
        baseline: float64 (k,): the log-odds with nothing of the text read.
        method: ``"exact"``, ``"integrated gradients"`` or ``"occlusion"``.
        error: float64 (k,): the baseline plus all weights, less the model's log-odds. 0 but for rounding where the
            method is exact, small for integrated gradients; occlusion does not add up, and this says by how much.
        before_calibration: The labels whose log-odds here are those before calibration.
    """

    text: str
    labels: LabelSet
    spans: tuple[tuple[int, int], ...]
    weights: np.ndarray
    scores: np.ndarray
    baseline: np.ndarray
    method: str
    error: np.ndarray
    before_calibration: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """The words, in order."""
        return tuple(self.text[start:end] for start, end in self.spans)

    @property
    def log_odds(self) -> np.ndarray:
        """The model's log-odds (k,), which baseline and weights account for."""
        return np.asarray(self.baseline + self.weights.sum(axis=0, dtype=np.float64) - self.error)

    def column(self, label: str) -> np.ndarray:
        """Return what each word adds to one label's log-odds, float32 (words,).

        Raises:
            DataError: When there is no such label, or it was not asked for.
        """
        column = self.labels.index(label)
        if np.isnan(self.baseline[column]):
            raise DataError(f"label {label!r} was not explained; leave out labels=, or name it there")
        return np.asarray(self.weights[:, column])

    def top(self, label: str, n: int = 5, *, against: bool = False) -> list[tuple[str, float]]:
        """Return at most n (word, weight): those that add most to a label, the highest first.

        A word that stands twice may come twice. Of equals the first in the text comes first.

        Args:
            label: The label.
            n: How many.
            against: Give the words that take most away from it instead.

        Raises:
            DataError: When there is no such label, or it was not asked for.
        """
        weights = self.column(label)
        signed = -weights if against else weights
        chosen = [word for word in np.argsort(-signed, kind="stable")[: max(n, 0)] if signed[word] > 0]
        return [(self.text[slice(*self.spans[word])], float(weights[word])) for word in chosen]

    def to_json(self, labels: Sequence[str] | None = None) -> dict[str, Any]:
        """Return the explanation JSON-ready: the words with their places, and each label's numbers.

        Args:
            labels: Which to give; by default those that were asked for.
        """
        asked = [name for j, name in enumerate(self.labels) if not np.isnan(self.baseline[j])]
        told: dict[str, Any] = {}
        for name in asked if labels is None else labels:
            j = self.labels.index(name)
            told[name] = {
                "score": round(float(self.scores[j]), 6),
                "log_odds": round(float(self.log_odds[j]), 6),
                "baseline": round(float(self.baseline[j]), 6),
                "error": round(float(self.error[j]), 6),
                "calibrated": name not in self.before_calibration,
                "weights": [round(float(weight), 6) for weight in self.column(name)],
            }
        places = zip(self.words, self.spans, strict=True)
        words = [{"word": word, "start": start, "end": end} for word, (start, end) in places]
        return {"method": self.method, "words": words, "labels": told}
