"""What a learning curve found, as records: scores by size and by share of wrong labels, and what they predict."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from textclf.comparison.forecast import Forecast
from textclf.evaluate import Estimate


@dataclass(frozen=True)
class Point:
    """The scores at one size of the training set, or with one share of its labels wrong.

    Attributes:
        articles: Training articles.
        paragraphs: Their paragraphs, on average over repeats.
        noise: The share of known training labels that were flipped.
        scores: Score name (``macro_f1`` or ``macro_ap``) to its mean over repeats; the interval is over repeats and
            held-out articles.
        by_repeat: Score name to the score of each repeat.
        losses: Score name to what was lost against the same repeats without flipped labels; empty where none are.
    """

    articles: int
    paragraphs: float
    noise: float
    scores: dict[str, Estimate]
    by_repeat: dict[str, list[float]]
    losses: dict[str, Estimate]

    def to_json(self) -> dict[str, Any]:
        """Return the point JSON-ready; an undefined score is null."""
        return {
            "articles": self.articles,
            "paragraphs": round(self.paragraphs, 1),
            "noise": self.noise,
            **{name: _number(estimate.value) for name, estimate in self.scores.items()},
            "intervals": {name: _ends(estimate) for name, estimate in self.scores.items()},
            "by_repeat": {name: [_number(value) for value in values] for name, values in self.by_repeat.items()},
            "losses": {
                name: {"loss": _number(estimate.value), "interval": _ends(estimate)}
                for name, estimate in self.losses.items()
            },
        }


@dataclass(frozen=True)
class LearningCurve:
    """What a learning curve found.

    Attributes:
        model: The config's name.
        n_held_out: Held-out articles scored.
        points: One for each size, ascending.
        forecasts: Score name to what a power law says of more articles; None where there are too few sizes.
        noise: One for each share of flipped labels, all of them at the largest size.
        settings: Repeats, resamples, confidence and seed.
        notes: What a reader should know.
    """

    model: str
    n_held_out: int
    points: list[Point]
    forecasts: dict[str, Forecast | None]
    noise: list[Point]
    settings: dict[str, float]
    notes: list[str]

    def to_json(self) -> dict[str, Any]:
        """Return the curve JSON-ready."""
        return {
            "model": self.model,
            "n_held_out_articles": self.n_held_out,
            "points": [point.to_json() for point in self.points],
            "forecasts": {name: each and each.to_json() for name, each in self.forecasts.items()},
            "noise": [point.to_json() for point in self.noise],
            "settings": self.settings,
            "notes": self.notes,
        }


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 6)


def _ends(estimate: Estimate) -> list[float | None]:
    return [_number(end) for end in estimate.interval]
