"""The records everything speaks of: articles, their paragraphs, and what a model says of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from textclf.labels import LabelSet

MAX_CHARACTERS = 100_000
"""A paragraph is at most this long, in characters; a longer text is a whole document that was not split."""

ContextSetting = Literal["none", "title", "previous", "both"]
"""What a model reads beside a paragraph: nothing, its article's title, the paragraph before it, or both."""

TITLE_CHARACTERS = 200  # of a title, its beginning is context
PREVIOUS_CHARACTERS = 500  # of the paragraph before, its end

Unit = Literal["paragraph", "sentence"]
"""What is labelled at a time."""

ROLES = ("paragraph", "heading", "caption", "byline", "teaser", "navigation", "pull_quote", "list")
"""What a block of an article can be. Only a paragraph is labelled."""


@dataclass(frozen=True, slots=True)
class Block:
    """One piece of a page as read: what it is, its text, and where it stands.

    Attributes:
        role: One of `ROLES`.
        text: The text, white space folded and hard-wrapped lines joined.
        start: Where it begins in the input, in characters.
        end: Where it ends; ``input[start:end]`` holds the text as it came.
        reason: Why it has its role, for people.
    """

    role: str
    text: str
    start: int
    end: int
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the block JSON-ready."""
        return {
            "role": self.role,
            "text": self.text,
            "start": self.start,
            "end": self.end,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One paragraph: its text, the labels it carries, and those nobody is sure of (unknown).

    `start` and `end` are its place in the page it was read from, in characters, where that is known.
    """

    text: str
    labels: tuple[str, ...] = ()
    uncertain: tuple[str, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)
    start: int | None = None
    end: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the paragraph as one object of the labelled JSON Lines format."""
        return {"text": self.text, "labels": [*self.labels], "uncertain": [*self.uncertain], **self.extra}


@dataclass(frozen=True, slots=True)
class Article:
    """One article.

    Attributes:
        article_id: Names it.
        paragraphs: Its body paragraphs.
        title: Its headline.
        date: The day it was published; ISO 8601 when it was read from a page.
        source: The outlet or agency.
        annotated: The labels that were looked for at all; None means every one.
        extra: Other keys of the record it was read from.
        byline: Who wrote it, where the page says so.
        dateline: The place, and agency, that its first paragraph opens with: ``BEIRUT``.
        date_raw: The date as the page has it.
        blocks: Everything on the page it was read from, in order, each piece with its role.
    """

    article_id: str
    paragraphs: tuple[Paragraph, ...]
    title: str = ""
    date: str = ""
    source: str = ""
    annotated: tuple[str, ...] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)
    byline: str = ""
    dateline: str = ""
    date_raw: str = ""
    blocks: tuple[Block, ...] = ()

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

    def passages(self) -> Iterator[Passage]:
        """Yield the paragraphs as passages that know the title and the paragraph before them."""
        previous = ""
        for number, p in enumerate(self.paragraphs):
            yield Passage(
                self.article_id, number, p.text, start=p.start, end=p.end, title=self.title, previous=previous
            )
            previous = p.text

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
        texts: The n paragraphs; none where only what is scored was kept (see `textclf.scoring`).
        targets: float32 (n, k): 1, 0, or NaN for unknown.
        groups: int64 (n,): the article each row comes from, as an index into `article_ids`.
        article_ids: The articles' ids, in order.
        contexts: What a model is to read beside each row (see `Passage.context`); None for nothing.
    """

    texts: list[str]
    targets: np.ndarray
    groups: np.ndarray
    article_ids: list[str]
    contexts: list[str] | None = None

    @classmethod
    def of(cls, articles: Iterable[Article], labels: LabelSet, *, context: ContextSetting = "none") -> Examples:
        """Flatten articles into rows, keeping their order, each with the context asked for."""
        texts: list[str] = []
        contexts: list[str] = []
        targets: list[np.ndarray] = [np.zeros((0, len(labels)), np.float32)]
        groups: list[int] = []
        article_ids: list[str] = []
        for article in articles:
            texts.extend(paragraph.text for paragraph in article.paragraphs)
            contexts.extend(passage.context(context) for passage in article.passages())
            targets.append(article.targets(labels))
            groups.extend([len(article_ids)] * len(article.paragraphs))
            article_ids.append(article.article_id)
        beside = None if context == "none" else contexts
        return cls(texts, np.concatenate(targets), np.array(groups, dtype=np.int64), article_ids, beside)

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, rows: Sequence[int] | np.ndarray) -> Examples:
        """Return the chosen rows; `article_ids` stays, so groups keep their meaning."""
        chosen = np.asarray(rows, dtype=np.int64)
        texts = [self.texts[row] for row in chosen]
        beside = None if self.contexts is None else [self.contexts[row] for row in chosen]
        return Examples(texts, self.targets[chosen], self.groups[chosen], self.article_ids, beside)


@dataclass(frozen=True, slots=True)
class Passage:
    """One unit of text on its way to a model.

    Attributes:
        article_id: The article it comes from.
        paragraph: Which paragraph of it, from 0.
        text: The text.
        sentence: Which sentence of the paragraph, from 0, where the unit is a sentence.
        start: Where it begins in the input, in characters, where that is known.
        end: Where it ends.
        title: The article's title.
        previous: The paragraph before it in the article; a model may be trained to read either as context.
    """

    article_id: str
    paragraph: int
    text: str
    sentence: int | None = None
    start: int | None = None
    end: int | None = None
    title: str = ""
    previous: str = ""

    def context(self, setting: ContextSetting) -> str:
        """Return what a model with that setting reads beside the text; "" where there is nothing.

        The end of the previous paragraph comes first (what stands nearest the text counts most), then the beginning
        of the title; a model with too little room leaves out from the front.
        """
        previous = _last_words(self.previous, PREVIOUS_CHARACTERS) if setting in ("previous", "both") else ""
        title = _first_words(self.title, TITLE_CHARACTERS) if setting in ("title", "both") else ""
        return "\n".join(filter(None, (previous, title)))


def _first_words(text: str, n_characters: int) -> str:
    """Return the beginning of a text, cut between words where it can be."""
    text = text.strip()
    if len(text) <= n_characters:
        return text
    cut = text[:n_characters].rsplit(maxsplit=1)
    return cut[0] if cut else ""


def _last_words(text: str, n_characters: int) -> str:
    """Return the end of a text, cut between words where it can be."""
    text = text.strip()
    if len(text) <= n_characters:
        return text
    cut = text[-n_characters:].split(maxsplit=1)
    return cut[-1] if cut else ""


@dataclass(frozen=True, slots=True)
class LabelledPassage:
    """What a model says of one unit of text: the labels it carries and the probability of every label.

    Attributes:
        article_id: The article it comes from.
        paragraph: Which paragraph of it, from 0.
        text: The text.
        labels: The labels it carries, in the label set's order.
        scores: Label to probability.
        windows: In how many overlapping pieces the model read it: more than 1 where it is longer than the model, 0
            where it has no letters and so was not read.
        sentence: Which sentence of the paragraph, from 0, where the unit is a sentence.
        start: Where it begins in the input, in characters, where that is known.
        end: Where it ends.
    """

    article_id: str
    paragraph: int
    text: str
    labels: tuple[str, ...]
    scores: dict[str, float]
    windows: int = 1
    sentence: int | None = None
    start: int | None = None
    end: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the record that `textclf predict` writes."""
        return {
            "article_id": self.article_id,
            "paragraph": self.paragraph,
            "text": self.text,
            "labels": list(self.labels),
            "scores": self.scores,
            "windows": self.windows,
            **{name: value for name in ("sentence", "start", "end") if (value := getattr(self, name)) is not None},
        }
