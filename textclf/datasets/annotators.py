"""Several annotators' answers to the same paragraphs, side by side.

Paragraphs are matched by article and text (the same text twice in an article, by order). An answer is yes, no, unknown
(`uncertain`), or absent: the annotator lacks the paragraph or did not look for the label.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from textclf.errors import DataError
from textclf.labels import LabelSet
from textclf.records import Article

NO, YES, UNKNOWN, ABSENT = 0, 1, 2, 3
WORDS = ("no", "yes", "unknown", "")


@dataclass(frozen=True, slots=True)
class Unit:
    """One paragraph that two annotators or more have; `paragraph` is its place in the first one's article, from 0."""

    article_id: str
    paragraph: int
    text: str


@dataclass(frozen=True, slots=True)
class Gap:
    """Paragraphs of one article that not every annotator has, and who has them."""

    article_id: str
    paragraphs: int
    had_by: tuple[str, ...]


@dataclass(frozen=True)
class Answers:
    """Annotators' answers side by side.

    Attributes:
        annotators: Their m names.
        labels: The k labels.
        articles: Each article, by id, as the first annotator who has it gives it.
        units: The n paragraphs that two annotators or more have.
        given: int8 (m, n, k): `NO`, `YES`, `UNKNOWN` or `ABSENT`.
        groups: int64 (n,): the article of each paragraph.
        gaps: What not every annotator has; what only one has is in no other attribute.
    """

    annotators: tuple[str, ...]
    labels: LabelSet
    articles: dict[str, Article]
    units: list[Unit]
    given: np.ndarray
    groups: np.ndarray
    gaps: list[Gap]

    def known(self) -> np.ndarray:
        """Return float64 (m, n, k): 1, 0, or NaN for unknown and absent."""
        return np.where(self.given <= YES, self.given.astype(np.float64), np.nan)


def gather(annotations: Mapping[str, Sequence[Article]], labels: LabelSet) -> Answers:
    """Set annotators' answers to the same paragraphs side by side.

    Args:
        annotations: Annotator's name to the articles as they labelled them; two or more.
        labels: The labels to compare.

    Raises:
        DataError: When there are fewer than two annotators, or no paragraph that two of them have.
    """
    names = tuple(annotations)
    if len(names) < 2:
        raise DataError("agreement needs the files of two annotators or more")
    articles: dict[str, Article] = {}
    places: dict[tuple[str, str, int], Unit] = {}
    found: dict[tuple[str, str, int], dict[int, np.ndarray]] = defaultdict(dict)
    for number, given in enumerate(annotations.values()):
        for article in given:
            articles.setdefault(article.article_id, article)
            for key, unit, row in _rows(article, labels):
                places.setdefault(key, unit)
                found[key][number] = row
    shared = [key for key in places if len(found[key]) > 1]
    if not shared:
        raise DataError(
            f"{', '.join(names)} have no paragraph in common; they are matched by article_id and the paragraph's text"
        )
    order = {article_id: number for number, article_id in enumerate(articles)}
    shared.sort(key=lambda key: (order[key[0]], places[key].paragraph))
    answers = np.full((len(names), len(shared), len(labels)), ABSENT, dtype=np.int8)
    for column, key in enumerate(shared):
        for number, row in found[key].items():
            answers[number, column] = row
    counts: dict[tuple[str, tuple[str, ...]], int] = defaultdict(int)
    for key, had in found.items():
        if len(had) < len(names):
            counts[key[0], tuple(names[number] for number in sorted(had))] += 1
    gaps = [Gap(article_id, n, had_by) for (article_id, had_by), n in counts.items()]
    groups = np.unique([order[key[0]] for key in shared], return_inverse=True)[1].astype(np.int64)
    return Answers(names, labels, articles, [places[key] for key in shared], answers, groups, gaps)


def _rows(article: Article, labels: LabelSet) -> list[tuple[tuple[str, str, int], Unit, np.ndarray]]:
    """Return each paragraph's key for matching, its place and its answers int8 (k,)."""
    looked_for = np.array([article.annotated is None or name in article.annotated for name in labels])
    seen: dict[str, int] = defaultdict(int)
    rows = []
    for number, paragraph in enumerate(article.paragraphs):
        text = " ".join(paragraph.text.split())
        row = np.where(looked_for, NO, ABSENT).astype(np.int8)
        row[[labels.index(name) for name in paragraph.labels]] = YES
        row[[labels.index(name) for name in paragraph.uncertain if looked_for[labels.index(name)]]] = UNKNOWN
        rows.append(((article.article_id, text, seen[text]), Unit(article.article_id, number, paragraph.text), row))
        seen[text] += 1
    return rows
