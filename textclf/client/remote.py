"""Requests and answers: what is sent to a server, and what its JSON means."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from textclf.articles.decode import decode
from textclf.articles.html import declared_encoding
from textclf.client.faults import RemoteError
from textclf.client.shapes import words_of
from textclf.errors import ConfigError, DataError
from textclf.labels import LabelSet
from textclf.records import LabelledPassage

MOST_TEXTS = 256  # of a request
MOST_BYTES = 500_000  # of a request's texts, as JSON
PLAIN = (".txt", ".text", ".html", ".htm", ".xhtml", "")


@dataclass(frozen=True)
class RemoteModel:
    """The model a server answers with.

    Attributes:
        id: Its name.
        version: Which of that name.
        labels: Its labels, in order.
        thresholds: float64 (k,): from which score on a paragraph carries each label.
    """

    id: str
    version: str
    labels: LabelSet
    thresholds: np.ndarray


@dataclass(frozen=True, eq=False)
class WordWeights:
    """What each word of a text adds to each label's log-odds, as a server tells it.

    Attributes:
        text: The text.
        labels: The labels, in column order.
        spans: Where each word begins and ends in the text.
        weights: float32 (words, k); columns of labels that were not explained are NaN.
        scores: float32 (k,): the probabilities.
        method: How the weights were found (see docs/explaining.md).
    """

    text: str
    labels: LabelSet
    spans: tuple[tuple[int, int], ...]
    weights: np.ndarray
    scores: np.ndarray
    method: str

    @property
    def words(self) -> tuple[str, ...]:
        """The words, in order."""
        return tuple(self.text[start:end] for start, end in self.spans)

    def column(self, label: str) -> np.ndarray:
        """Return what each word adds to one label's log-odds, float32 (words,).

        Raises:
            DataError: When there is no such label, or the server did not explain it.
        """
        column = np.asarray(self.weights[:, self.labels.index(label)])
        if np.isnan(column).any():
            raise DataError(f"label {label!r} was not explained; a server may explain only what a text carries")
        return column

    def top(self, label: str, n: int = 5, *, against: bool = False) -> list[tuple[str, float]]:
        """Return at most n (word, weight): those that add most to a label, or take most from it, the highest first."""
        weights, sign = self.column(label), -1 if against else 1
        order = np.argsort(-sign * weights, kind="stable")[: max(n, 0)]
        return [(self.text[slice(*self.spans[at])], float(weights[at])) for at in order if sign * weights[at] > 0]


@dataclass(frozen=True)
class Answer:
    """What a server said of the texts or the article of one request."""

    model: RemoteModel
    paragraphs: list[dict[str, Any]]

    def scores(self) -> np.ndarray:
        """Return the probabilities, float32 (paragraphs, k)."""
        rows = [[paragraph["scores"][name] for name in self.model.labels] for paragraph in self.paragraphs]
        return np.array(rows, dtype=np.float32).reshape(len(rows), len(self.model.labels))

    def carried(self) -> list[tuple[str, ...]]:
        """Return the labels each paragraph carries, in the model's order."""
        return [tuple(name for name in self.model.labels if name in each["labels"]) for each in self.paragraphs]

    def passages(self, article_id: str) -> list[LabelledPassage]:
        """Return the paragraphs as `Labeller.label` gives them."""
        return [
            LabelledPassage(
                article_id,
                int(each["paragraph"]),
                each["text"],
                labels,
                {name: float(each["scores"][name]) for name in self.model.labels},
                windows=int(each.get("read", True)),
                start=each.get("start"),
                end=each.get("end"),
            )
            for each, labels in zip(self.paragraphs, self.carried(), strict=True)
        ]

    def words(self) -> WordWeights:
        """Return the first paragraph's explanation."""
        (paragraph, *_) = self.paragraphs
        told, labels = paragraph.get("explanation"), self.model.labels
        if told is None:
            raise RemoteError("the server gave no explanation")
        spans, added = words_of(told)
        weights = np.full((len(spans), len(labels)), np.nan, dtype=np.float32)
        for name, column in added.items():
            weights[:, labels.index(name)] = column
        return WordWeights(paragraph["text"], labels, tuple(spans), weights, self.scores()[0], str(told["method"]))


def read_answer(answer: Any, *, url: str, texts: int | None = None) -> Answer:
    """Read the JSON of an answer to a prediction.

    Args:
        answer: The JSON.
        url: The server, for messages.
        texts: How many texts it is to speak of, where that is known.

    Raises:
        RemoteError: When it is not what a server of textclf answers, or speaks of another number of texts.
    """
    try:
        found = Answer(read_model(answer), answer["paragraphs"])
        found.scores()
        found.passages("")
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as fault:
        raise RemoteError(
            f"{url} answered something else than labels ({type(fault).__name__}: {fault}); "
            f"is it a `textclf serve`, of this version?"
        ) from fault
    if texts is not None and len(found.paragraphs) != texts:
        raise RemoteError(f"{url} was sent {texts} texts and answered about {len(found.paragraphs)}")
    return found


def read_model(answer: Mapping[str, Any]) -> RemoteModel:
    """Read what an answer says of the model; anything missing raises a KeyError."""
    labels = LabelSet.of(list(answer["thresholds"]))
    thresholds = np.array([float(answer["thresholds"][name]) for name in labels])
    return RemoteModel(str(answer["model"]["name"]), str(answer["model"]["version"]), labels, thresholds)


def batches(texts: Sequence[str], *, most: int) -> Iterator[list[str]]:
    """Yield the texts in order, in lists that are small enough for a request; a large text stands alone."""
    batch: list[str] = []
    size = 0
    for text in texts:
        length = len(json.dumps(text))
        if batch and (len(batch) >= most or size + length > MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += length
    if batch:
        yield batch


def whole_characters(text: str) -> str:
    """Return a text without half characters, which no request can hold."""
    return text.encode("utf-8", errors="replace").decode("utf-8")


def page_of(source: str | Path) -> tuple[str, str]:
    """Return an article's raw text or HTML, and an id for it.

    Args:
        source: The page itself, or the path of a text or HTML file: a `Path`, or a one-line string that names one.

    Raises:
        DataError: When the file cannot be read, is no text, or is of a kind only `textclf.read_article` reads.
    """
    path = source if isinstance(source, Path) else _path_in(source)
    if path is None:
        return whole_characters(str(source)), "article"
    if path.suffix.lower() not in PLAIN:
        raise DataError(f"{path} is neither text nor HTML; read it with textclf.read_article and give the article")
    try:
        raw = path.read_bytes()
    except OSError as fault:
        raise DataError(f"cannot read {path}: {fault.strerror or fault}") from fault
    return whole_characters(decode(raw, name=str(path), declared=declared_encoding(raw)).text), path.stem


def _path_in(text: str) -> Path | None:
    if "\n" in text or len(text) > 1_000:
        return None
    ending = " " not in text and text.lower().endswith(PLAIN[:-1])  # meant as a path, so that the error says so
    try:
        return Path(text) if ending or Path(text).is_file() else None
    except (OSError, ValueError):  # a name no file system takes
        return None


def check_url(url: str) -> str:
    """Return a server's URL without its last slash.

    Raises:
        ConfigError: When it is no URL of a server.
    """
    host = url.partition("://")[2].partition("/")[0]
    if "@" in host:
        raise ConfigError("a server's URL holds no name or password; give a token with token=")
    if not url.startswith(("http://", "https://")) or not host:
        raise ConfigError(f"{url!r} is no URL of a server; give one such as http://127.0.0.1:8000")
    return url.rstrip("/")
