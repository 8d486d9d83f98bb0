"""The text that a trained model is fitted to anew, as the model sees it, and what the new bundle keeps of the old."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np

from textclf.bundle import MANIFEST
from textclf.errors import DataError, ModelError
from textclf.files import sha256_of
from textclf.labeller import STREAM_WINDOW, Labeller
from textclf.progress import track
from textclf.records import Article, Examples, Passage


@dataclass(frozen=True)
class Target:
    """The text a model is adapted to, as the model sees it.

    Attributes:
        probabilities: float32 (n, k): calibrated.
        groups: int64 (n,): the article of each row.
        article_ids: The articles' ids, in order.
        sha256: Of its texts.
        targets: float32 (n, k): 1, 0 or NaN, where it is labelled.
    """

    probabilities: np.ndarray
    groups: np.ndarray
    article_ids: list[str]
    sha256: str
    targets: np.ndarray | None = None

    def to_json(self) -> dict[str, Any]:
        """Return counts and fingerprint, and of labelled text the article ids; never the text."""
        found: dict[str, Any] = {
            "articles": len(self.article_ids),
            "paragraphs": len(self.groups),
            "sha256": self.sha256,
        }
        if self.targets is not None:
            found["article_ids"] = sorted(self.article_ids)
        return found


def look_at(model: Labeller, passages: Iterable[Passage]) -> Target:
    """Return what a model gives for passages, read a window at a time: only probabilities and ids are held.

    Raises:
        DataError: When there is no passage with text in it.
    """
    digest, numbers = hashlib.sha256(), dict[str, int]()
    probabilities, groups = [], []
    rest = track((p for p in passages if p.text.strip()), what="reading", unit=" paragraphs")
    while window := list(islice(rest, STREAM_WINDOW)):
        for passage in window:
            digest.update(repr(passage.text).encode())
        contexts = None if model.context == "none" else [passage.context(model.context) for passage in window]
        probabilities.append(model.predict_proba([passage.text for passage in window], contexts))
        groups.append(np.array([numbers.setdefault(passage.article_id, len(numbers)) for passage in window]))
    if not groups:
        raise DataError("there is no paragraph in the input; nothing was changed")
    return Target(np.concatenate(probabilities), np.concatenate(groups), list(numbers), digest.hexdigest())


def look_at_labelled(model: Labeller, articles: Sequence[Article]) -> Target:
    """Return what a model gives for labelled articles.

    Raises:
        DataError: When nothing in them is labelled.
    """
    examples = Examples.of(articles, model.labels, context=model.context)
    if not len(examples) or np.isnan(examples.targets).all():
        raise DataError("there is no labelled paragraph in the input; nothing was changed")
    found = look_at(model, (passage for article in articles for passage in article.passages()))
    rows = [row for row, text in enumerate(examples.texts) if text.strip()]
    return replace(found, targets=examples.targets[rows])


def check_adjustable(model: Labeller) -> None:
    """Make sure that calibration and thresholds of a model can be fitted anew.

    Raises:
        ModelError: When it is a cascade, whose bands hold for the thresholds of its members alone.
    """
    if model.card.get("kind") == "cascade":
        raise ModelError(
            "a cascade promises agreement at the thresholds its members had when it was made. Fit those of its members "
            "anew, each by itself, and make the cascade of them again: textclf cascade FAST SLOW --out DIR"
        )


def origin(model: Labeller) -> dict[str, Any]:
    """Return by what a loaded bundle can be told from others; take it before another is written in its place."""
    fingerprint = None if model.path is None else sha256_of(model.path / MANIFEST)
    return {"sha256": fingerprint, **{key: model.card.get(key) for key in ("created", "textclf_version")}}


def carried_over(model: Labeller, step: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the card of a model made of another keeps, with one more step in its chain of `adaptations`."""
    keys = ("config", "data", "corpus", "scripts", "shares", "training", "validation_scores")
    kept = {key: model.card[key] for key in keys if key in model.card}
    if "validation_scores" in kept:
        note = "of the model as it was trained, before it was adapted"
        kept["validation_scores"] = {**kept["validation_scores"], "note": note}
    return {**kept, "adaptations": [*model.card.get("adaptations", ()), dict(step)]}
