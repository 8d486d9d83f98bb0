"""The records everything speaks of: articles, their paragraphs, and what a model says of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from textclf.labels import LabelSet

MAX_CHARACTERS = 100_000
"""A paragraph is at most this long, in characters; a longer text is a whole document that was not split."""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One paragraph: its text, the labels it carries, and those nobody is sure of (unknown)."""

    text: str
    labels: tuple[str, ...] = ()
    uncertain: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def to_json(self) -> dict[str, Any]:
        """Return the paragraph as one object of the labelled JSON Lines format."""
        return {"text": self.text, "labels": [*self.labels], "uncertain": [*self.uncertain], **self.extra}


@dataclass(frozen=True, slots=True)
class Article:
    """One article. `annotated` names the labels that were looked for at all; None means every one."""

    article_id: str
    paragraphs: tuple[Paragraph, ...]
    title: str = ""
    date: str = ""
    source: str = ""
    annotated: tuple[str, ...] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def to_json(self) -> dict[str, Any]:
        """Return the article as one line of the labelled JSON Lines format; nothing read is lost."""
        record: dict[str, Any] = {
            "article_id": self.article_id,
            "title": self.title,
            "date": self.date,
            "source": self.source,
            **self.extra,
        }
        if self.annotated is not None:
            record["annotated"] = list(self.annotated)
        record["paragraphs"] = [paragraph.to_json() for paragraph in self.paragraphs]
        return record

    def targets(self, labels: LabelSet) -> np.ndarray:
        """Return float32 (paragraphs, k): 1 carries the label, 0 does not, NaN is unknown.

        Raises:
            DataError: When a paragraph names a label outside `labels`.
        """
        targets = labels.encode(paragraph.labels for paragraph in self.paragraphs)
        unknown = labels.encode(paragraph.uncertain for paragraph in self.paragraphs) > 0
        if self.annotated is not None:
            looked_for = [name in self.annotated for name in labels]
            unknown |= ~np.array(looked_for) & (targets == 0)
        targets[unknown] = np.nan
        return targets


@dataclass(frozen=True)
class Examples:
    """Articles as arrays: one row a paragraph.

    Attributes:
        texts: The n paragraphs.
        targets: float32 (n, k): 1, 0, or NaN for unknown.
        groups: int64 (n,): the article each row comes from, as an index into `article_ids`.
        article_ids: The articles' ids, in order.
    """

    texts: list[str]
    targets: np.ndarray
    groups: np.ndarray
    article_ids: list[str]

    @classmethod
    def of(cls, articles: Iterable[Article], labels: LabelSet) -> Examples:
        """Flatten articles into rows, keeping their order."""
        texts: list[str] = []
        targets: list[np.ndarray] = [np.zeros((0, len(labels)), np.float32)]
        groups: list[int] = []
        article_ids: list[str] = []
        for article in articles:
            texts.extend(paragraph.text for paragraph in article.paragraphs)
            targets.append(article.targets(labels))
            groups.extend([len(article_ids)] * len(article.paragraphs))
            article_ids.append(article.article_id)
        return cls(texts, np.concatenate(targets), np.array(groups, dtype=np.int64), article_ids)

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: Sequence[int] | np.ndarray) -> Examples:
        """Return the chosen rows; `article_ids` stays, so groups keep their meaning."""
        chosen = np.asarray(rows, dtype=np.int64)
        texts = [self.texts[row] for row in chosen]
        return Examples(texts, self.targets[chosen], self.groups[chosen], self.article_ids)


@dataclass(frozen=True, slots=True)
class Passage:
    """One paragraph on its way to a model: which article, which paragraph (from 0), and its text."""

    article_id: str
    paragraph: int
    text: str


@dataclass(frozen=True, slots=True)
class LabelledPassage:
    """What a model says of one paragraph: the labels it carries and the probability of every label."""

    article_id: str
    paragraph: int
    text: str
    labels: tuple[str, ...]
    scores: dict[str, float]

    def to_json(self) -> dict[str, Any]:
        """Return the record that `textclf predict` writes."""
        return {
            "article_id": self.article_id,
            "paragraph": self.paragraph,
            "text": self.text,
            "labels": list(self.labels),
            "scores": self.scores,
        }
