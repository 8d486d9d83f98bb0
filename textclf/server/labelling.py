"""From a request's texts or article to labelled paragraphs, as they come out of the queue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from textclf.errors import DataError
from textclf.labeller import says_something
from textclf.records import Article, Passage
from textclf.server.batching import Job
from textclf.server.guard import Notes
from textclf.server.reading_process import ReadingError
from textclf.server.refusals import RefusalError, invalid
from textclf.server.schemas import PredictRequest
from textclf.server.served import Served
from textclf.server.settings import ServerSettings
from textclf.server.state import ServerState, too_late


@dataclass(frozen=True)
class Reading:
    """What a request gives to label.

    Attributes:
        passages: The paragraphs.
        article: Where they are from, unless they were sent as texts.
    """

    passages: tuple[Passage, ...]
    article: Article | None = None

    def lengths(self) -> list[int]:
        """Return the characters of each paragraph."""
        return [len(passage.text) for passage in self.passages]

    def items(self, served: Served) -> list[tuple[str, str]]:
        """Return each paragraph with what the model reads beside it."""
        return [(passage.text, passage.context(served.labeller.context)) for passage in self.passages]

    def front(self) -> dict[str, Any]:
        """Return what an answer tells of the article; JSON-ready."""
        article = self.article
        if article is None:
            return {"article": None, "blocks": []}
        names = ("title", "date", "byline", "source", "dateline")
        number = iter(range(len(self.passages)))
        return {
            "article": {name: getattr(article, name) for name in names},
            "blocks": [
                {**block.to_json(), "paragraph": next(number) if block.role == "paragraph" else None}
                for block in article.blocks
            ],
        }


def passages_of_texts(texts: Sequence[str], settings: ServerSettings, *, at: str = "body.texts") -> tuple[Passage, ...]:
    """Return texts as passages that know nothing of each other.

    Args:
        texts: The texts.
        settings: The limits.
        at: Where in the request they stand.

    Raises:
        RefusalError: When there are too many, or one is too long.
    """
    passages = tuple(Passage("", number, text, start=0, end=len(text)) for number, text in enumerate(texts))
    check_limits(passages, settings, at=at)
    return passages


def check_limits(passages: Sequence[Passage], settings: ServerSettings, *, at: str) -> None:
    """Make sure that there are not too many paragraphs, and none is too long.

    Raises:
        RefusalError: Naming each that is too long.
    """
    if len(passages) > settings.max_texts:
        raise invalid((at, f"{len(passages)} paragraphs; at most {settings.max_texts} are taken at a time"))
    most = settings.max_characters
    long = [p for p in passages if len(p.text) > most]
    if long:
        raise invalid(*((f"{at}[{p.paragraph}]", f"{len(p.text)} characters; at most {most} are taken") for p in long))


async def read_request(body: PredictRequest, state: ServerState, notes: Notes) -> Reading:
    """Return what a request gives to label; an article's page is read in a process of its own.

    Raises:
        RefusalError: When there is nothing in the article, or more than is allowed.
    """
    if body.texts is not None:
        return Reading(passages_of_texts(body.texts, state.settings))
    try:
        async with asyncio.timeout_at(notes.deadline):
            article = await state.reading.read(body.article or "")
    except (DataError, ReadingError) as fault:
        raise invalid(("body.article", str(fault))) from fault
    except TimeoutError as fault:
        raise too_late(state.settings) from fault
    passages = tuple(article.passages())
    check_limits(passages, state.settings, at="body.article.paragraphs")
    return Reading(passages, article)


async def score(served: Served, passages: Sequence[Passage], state: ServerState, notes: Notes) -> list[np.ndarray]:
    """Return the probabilities (k,) of each text, counted as labelled.

    Raises:
        RefusalError: When there is no room.
        TooLateError: When they are not there in time.
        WorkError: When the model raises.
    """
    reading = Reading(tuple(passages))
    with state.submit(served.score, reading.items(served), reading.lengths(), deadline=notes.deadline) as job:
        rows = await job.all()
    for row, passage in zip(rows, passages, strict=True):
        state.measures.labelled(characters=len(passage.text), labels=served.decide(row)[0])
    notes.log.update(texts=len(rows), characters=sum(reading.lengths()))
    return rows


async def label(
    served: Served, reading: Reading, job: Job, state: ServerState, notes: Notes, *, explain: bool
) -> AsyncIterator[dict[str, Any]]:
    """Yield each paragraph as labelled, as soon as its batch is done and those before it were yielded.

    Args:
        served: The model.
        reading: The paragraphs.
        job: Their scores to come.
        state: Of the server.
        notes: Of the request.
        explain: Explain each paragraph for the labels it carries, or for the one it comes nearest to.

    Raises:
        RefusalError: When there is no room for explanations.
        TooLateError: When a paragraph is not done in time.
        WorkError: When the model raises.
    """
    notes.log.update(texts=len(reading.passages), characters=sum(reading.lengths()))
    if not explain:
        rest: Iterator[Passage] = iter(reading.passages)
        with job:
            async for part in job:
                for row in part:
                    yield _record(served, next(rest), row, state)
        return
    rows = await job.all()
    records = [_record(served, passage, row, state) for passage, row in zip(reading.passages, rows, strict=True)]
    chosen = [tuple(r["labels"]) or (max(r["scores"], key=r["scores"].__getitem__),) for r in records]
    items = [(*item, labels) for item, labels in zip(reading.items(served), chosen, strict=True)]
    ready = iter(records)
    explaining = state.submit(served.explain, items, reading.lengths(), deadline=notes.deadline, alone=True)
    with explaining:
        async for part in explaining:
            for explanation in part:
                yield {**next(ready), "explanation": explanation}


def check_explained(reading: Reading, settings: ServerSettings) -> None:
    """Make sure that not too much is to be explained.

    Raises:
        RefusalError: When it is.
    """
    if len(reading.passages) > settings.max_explained:
        told = f"{len(reading.passages)} paragraphs; at most {settings.max_explained} are explained at a time"
        raise RefusalError(422, told, faults=[("query.explain", told)])


def _record(served: Served, passage: Passage, row: np.ndarray, state: ServerState) -> dict[str, Any]:
    labels, scores = served.decide(row)
    state.measures.labelled(characters=len(passage.text), labels=labels)
    return {
        "paragraph": passage.paragraph,
        "text": passage.text,
        "labels": [*labels],
        "scores": scores,
        "read": says_something(passage.text),
        "start": passage.start,
        "end": passage.end,
    }
