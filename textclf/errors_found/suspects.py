"""Wrong decisions, one a label of a paragraph, parted into likely label errors and likely model errors.

A decision is wrong where it differs from a known target; what is unknown is never listed. Which of the two is at fault
is told by confident learning (see `doubt.py`): where the target is doubted, it is likely the label's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from textclf.calibration import log_odds
from textclf.errors_found.doubt import doubted_targets
from textclf.errors_found.held_out import Judged
from textclf.records import Article
from textclf.thresholds import decide

Suspect = Literal["label", "model"]


@dataclass(frozen=True, slots=True)
class Mistake:
    """One wrong decision.

    Attributes:
        row: The paragraph, as a row of what was judged.
        column: The label, as a column.
        article_id: Its article.
        paragraph: Which paragraph of it, from 0.
        text: Its text.
        label: The label's name.
        given: Whether the paragraph is marked with the label.
        probability: What the model says, calibrated.
        threshold: From which on it gives the label.
        trust: How far the target is to be trusted, 0 to 1: the probability of the label as it is given.
        suspected: Whose fault it likely is.
        folded: Whether a model of article folds says so, and not the model itself.
    """

    row: int
    column: int
    article_id: str
    paragraph: int
    text: str
    label: str
    given: bool
    probability: float
    threshold: float
    trust: float
    suspected: Suspect
    folded: bool

    @property
    def kind(self) -> str:
        """``"missed"``: marked, and the model does not give it; ``"false alarm"``: the other way round."""
        return "missed" if self.given else "false alarm"

    @property
    def margin(self) -> float:
        """How far the probability lies on the wrong side of the threshold, in log-odds."""
        gap = log_odds(np.array([self.probability, self.threshold]))
        return abs(float(gap[0] - gap[1]))

    def __str__(self) -> str:
        marked = "marked" if self.given else "not marked"
        at = f"threshold {self.threshold:.2f}" if self.threshold <= 1 else "never given"
        return f"{self.label}: {marked}, model {self.probability:.2f} ({at})"

    def to_json(self) -> dict[str, Any]:
        """Return the mistake JSON-ready."""
        return {
            "article_id": self.article_id,
            "paragraph": self.paragraph,
            "text": self.text,
            "label": self.label,
            "given": self.given,
            "kind": self.kind,
            "probability": round(self.probability, 6),
            "threshold": round(self.threshold, 6),
            "trust": round(self.trust, 6),
            "suspected": self.suspected,
            "judged_by": "article folds" if self.folded else "the model",
        }


def find_mistakes(judged: Judged, articles: Sequence[Article], labels: Sequence[str]) -> list[Mistake]:
    """Return every wrong decision on a known target, row by row.

    Args:
        judged: Of those articles.
        articles: The articles.
        labels: The names of the columns.

    Raises:
        MissingExtraError: When cleanlab is not installed.
    """
    targets = judged.examples.targets
    wrong = ~np.isnan(targets) & (decide(judged.probabilities, judged.thresholds) != (targets == 1))
    doubted = doubted_targets(targets, judged.probabilities)
    places = [(article, number) for article in articles for number in range(len(article.paragraphs))]
    found = []
    for row, column in np.argwhere(wrong).tolist():
        article, number = places[row]
        given, p = bool(targets[row, column] == 1), float(judged.probabilities[row, column])
        found.append(
            Mistake(
                row=row,
                column=column,
                article_id=article.article_id,
                paragraph=number,
                text=article.paragraphs[number].text,
                label=labels[column],
                given=given,
                probability=p,
                threshold=float(judged.thresholds[row, column]),
                trust=p if given else 1 - p,
                suspected="label" if doubted[row, column] else "model",
                folded=bool(judged.folded[row]),
            )
        )
    return found


def likely_label_errors(mistakes: Sequence[Mistake]) -> list[Mistake]:
    """Return the mistakes whose label is doubted, the least trusted first."""
    return sorted((each for each in mistakes if each.suspected == "label"), key=lambda m: (m.trust, m.row, m.column))


def likely_model_errors(mistakes: Sequence[Mistake]) -> list[Mistake]:
    """Return the mistakes whose label is not doubted, those furthest from the threshold first."""
    return sorted((each for each in mistakes if each.suspected == "model"), key=lambda m: (-m.margin, m.row, m.column))
