"""Predicting labelled articles window by window: what is scored stays in memory, the texts do not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from textclf.errors import DataError
from textclf.labeller import STREAM_WINDOW, Labeller
from textclf.metrics import Scored
from textclf.records import Article, Examples
from textclf.thresholds import decide


def score_articles(models: Sequence[Labeller], articles: Iterable[Article]) -> tuple[Examples, list[Scored]]:
    """Return the examples less their texts, and what each model says of them.

    Args:
        models: One or more models of the same labels; each reads the context it was trained to read.
        articles: Labelled articles; they are gone through once, some thousand paragraphs at a time.

    Raises:
        DataError: When there is no paragraph, or a label the models do not know.
    """
    labels = models[0].labels
    targets: list[np.ndarray] = []
    groups: list[np.ndarray] = []
    article_ids: list[str] = []
    probabilities: list[list[np.ndarray]] = [[] for _ in models]
    for window in windows(articles):
        for model, found in zip(models, probabilities, strict=True):
            examples = Examples.of(window, labels, context=model.context)
            found.append(model.predict_proba(examples.texts, examples.contexts))
        targets.append(examples.targets)
        groups.append(examples.groups + len(article_ids))
        article_ids += examples.article_ids
    if not sum(map(len, groups)):
        raise DataError("there is no paragraph to evaluate on")
    truth = np.concatenate(targets)
    scored = []
    for model, found in zip(models, probabilities, strict=True):
        whole = np.concatenate(found)
        scored.append(Scored(truth, whole, decide(whole, model.thresholds)))
    return Examples([], truth, np.concatenate(groups), article_ids), scored


def windows(articles: Iterable[Article], *, size: int = STREAM_WINDOW) -> Iterator[list[Article]]:
    """Yield the articles in lists of at least `size` paragraphs each, but for the last."""
    window: list[Article] = []
    paragraphs = 0
    for article in articles:
        window.append(article)
        paragraphs += len(article.paragraphs)
        if paragraphs >= size:
            yield window
            window, paragraphs = [], 0
    if window:
        yield window
