"""The errors most worth reading: confident ones, spread over labels and articles, no two of nearly the same text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from textclf.datasets.duplicates import similarity
from textclf.errors import TextclfError
from textclf.labels import LabelSet
from textclf.metrics import Scored
from textclf.records import Article
from textclf.report.marking import Marked, mark
from textclf.report.protocols import Explain, ExplanationLike
from textclf.thresholds import DEFAULT

MOST = 30
SAME_LABEL, SAME_ARTICLE = 0.75, 0.5  # what an error is worth after each one chosen that shares its label or article
ALIKE, WITHIN = 0.6, 0.85  # Jaccard similarity, and containment of the shorter, of texts not both worth reading

Kind = Literal["false alarm", "miss"]


@dataclass(frozen=True)
class Mistake:
    """One label decided wrongly for one paragraph.

    Attributes:
        kind: ``"false alarm"`` or ``"miss"``.
        label: The label.
        probability: What the model gave it.
        threshold: What it would have taken; above 1 for a label that is never given.
        article: The article.
        paragraph: Which paragraph of it, from 0.
        truth: The labels the paragraph carries.
        said: The labels the model gave it.
        unknown: The labels nobody is sure of; they count for nothing.
        marked: The text, with the words that drove the decision where an explanation is at hand.
    """

    kind: Kind
    label: str
    probability: float
    threshold: float
    article: Article
    paragraph: int
    truth: tuple[str, ...]
    said: tuple[str, ...]
    unknown: tuple[str, ...]
    marked: Marked


@dataclass(frozen=True)
class Mistakes:
    """The errors chosen for reading, the most confident first, and of how many they are.

    Attributes:
        false_alarms: Labels given that are not there.
        misses: Labels not given that are there.
        n_false_alarms: All such, of which these were chosen.
        n_misses: All such.
        unexplained: Why no words are marked although that was asked for; empty otherwise.
    """

    false_alarms: tuple[Mistake, ...]
    misses: tuple[Mistake, ...]
    n_false_alarms: int
    n_misses: int
    unexplained: str = ""


def choose_mistakes(
    scored: Scored,
    thresholds: Sequence[float],
    articles: Sequence[Article],
    labels: LabelSet,
    *,
    explain: Explain | None = None,
    most: int = MOST,
) -> Mistakes:
    """Choose the errors most worth reading, half of them false alarms and half misses where there are enough.

    Args:
        scored: Truth, probabilities and decisions of every paragraph of the articles, in order.
        thresholds: (k,), as used.
        articles: The articles.
        labels: The labels.
        explain: Tells which words of a text drove the decisions.
        most: How many to choose in all.
    """
    rows = [(article, number) for article in articles for number in range(len(article.paragraphs))]
    texts = [article.paragraphs[number].text for article, number in rows]
    of = np.repeat(np.arange(len(articles)), [len(article.paragraphs) for article in articles])
    alarms = (scored.targets == 0) & scored.decisions
    misses = (scored.targets == 1) & ~scored.decisions
    worth = confidence(scored.probabilities, np.asarray(thresholds, dtype=np.float64))
    wanted = _quotas(int(alarms.sum()), int(misses.sum()), most)
    first = _choose(alarms, worth, of, texts, wanted[0])
    misses_left = misses.copy()
    misses_left[[row for row, _ in first]] = False  # a paragraph is shown once
    chosen = [first, _choose(misses_left, worth, of, texts, wanted[1])]
    explained, unexplained = _explained(explain, [texts[row] for cells in chosen for row, _ in cells])

    def described(kind: Kind, row: int, column: int) -> Mistake:
        """Return one error with what a reader needs to understand it."""
        truth, unknown = scored.targets[row] == 1, np.isnan(scored.targets[row])
        named = labels.decode(np.stack([truth, scored.decisions[row], unknown]))
        return Mistake(
            kind=kind,
            label=labels[column],
            probability=float(scored.probabilities[row, column]),
            threshold=float(thresholds[column]),
            article=rows[row][0],
            paragraph=rows[row][1],
            truth=named[0],
            said=named[1],
            unknown=named[2],
            marked=mark(texts[row], labels[column], explained.get(texts[row])),
        )

    return Mistakes(
        tuple(described("false alarm", *cell) for cell in chosen[0]),
        tuple(described("miss", *cell) for cell in chosen[1]),
        int(alarms.sum()),
        int(misses.sum()),
        unexplained,
    )


def confidence(probabilities: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Return how sure each decision was, (n, k): 0 at the threshold, 1 at a probability of 0 or 1.

    A label that is never given has no threshold to be near to; 0.5 stands in for it.
    """
    line = np.where(thresholds > 1, DEFAULT, np.clip(thresholds, 1e-6, 1 - 1e-6))
    above = (probabilities - line) / (1 - line)
    return np.asarray(np.where(probabilities >= line, above, (line - probabilities) / line), dtype=np.float64)


def _quotas(n_alarms: int, n_misses: int, most: int) -> tuple[int, int]:
    """Return how many of each to choose: half and half, and what one lacks goes to the other."""
    half = most // 2
    misses = min(n_misses, max(half, most - n_alarms))
    return min(n_alarms, most - min(misses, n_misses)), misses


def _choose(
    wrong: np.ndarray, worth: np.ndarray, of: np.ndarray, texts: Sequence[str], most: int
) -> list[tuple[int, int]]:
    """Return at most so many cells (row, column), each time the one worth most beside those already chosen."""
    rows, columns = np.nonzero(wrong)
    left = worth[rows, columns] + 1e-9
    chosen: list[tuple[int, int]] = []
    while len(chosen) < most and (left > 0).any():
        best = int(left.argmax())
        row, column = int(rows[best]), int(columns[best])
        left[rows == row] = 0.0
        if any(_nearly_the_same(texts[row], texts[other]) for other, _ in chosen):
            continue
        chosen.append((row, column))
        left[columns == column] *= SAME_LABEL
        left[of[rows] == of[row]] *= SAME_ARTICLE
    return sorted(chosen, key=lambda cell: -worth[cell])


def _nearly_the_same(one: str, other: str) -> bool:
    jaccard, containment = similarity(one, other)
    return jaccard >= ALIKE or containment >= WITHIN


def _explained(explain: Explain | None, texts: Sequence[str]) -> tuple[dict[str, ExplanationLike], str]:
    """Return the explanation of each text, or none and why."""
    if explain is None:
        return {}, ""
    try:
        return {text: explain(text) for text in texts}, ""
    except TextclfError as fault:  # a kind that cannot tell, or a missing extra: the report is good without
        return {}, str(fault)
