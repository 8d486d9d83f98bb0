"""Keeping held-out scores with the model they are of: in `textclf.json`, and in the model card."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from textclf.article_ids import LISTED
from textclf.bundle import CARD, read_json, rewrite_card
from textclf.bundle_check import raise_bundle_faults
from textclf.data_facts import fingerprint_of
from textclf.errors import BundleError, DataError, TextclfError
from textclf.evaluate import Evaluation
from textclf.files import WriteError
from textclf.labeller import Labeller
from textclf.records import Article
from textclf.version import __version__


class NotSavedError(TextclfError):
    """Scores that were not kept with the model; it is as it was."""


def save_scores(
    model: Labeller, evaluation: Evaluation, articles: Iterable[Article], *, data: Sequence[str | Path]
) -> bool:
    """Put held-out scores into a model's bundle, in place of older ones of the same data.

    The data are the same when their articles are, or their files' names: then they have changed since.

    Args:
        model: What `textclf.load` gave.
        evaluation: Of this model on these articles.
        articles: What was scored.
        data: The files it was read from. Only their names are kept, not where they lie.

    Returns:
        Whether README.md was written too; one that was edited by hand is left alone.

    Raises:
        NotSavedError: When the model was trained on some of the articles, or has no bundle, or another lies there now;
            or when the bundle is read-only or cannot be written.
    """
    if evaluation.seen_articles:
        raise NotSavedError("the model was trained on some of these articles, so they are no held-out scores")
    if model.path is None:
        raise NotSavedError("the model is not in a folder")
    entry = describe_scores(evaluation, fingerprint_of(articles, context=model.context), data=data)
    try:
        raise_bundle_faults(model.path)
        card = read_json(model.path / CARD)
        if _without_scores(card) != _without_scores(model.card):
            raise NotSavedError(f"another model has been written to {model.path} since this one was loaded")
        kept = [each for each in card.get("evaluations", ()) if not _same_data(each, entry)]
        return rewrite_card(model.path, {**card, "evaluations": [*kept, entry]})
    except (BundleError, WriteError, OSError) as fault:
        raise NotSavedError(str(fault)) from fault


def describe_scores(evaluation: Evaluation, fingerprint: str, *, data: Sequence[str | Path]) -> dict[str, Any]:
    """Return what a bundle keeps of an evaluation: scores, intervals, counts and date; no article's id.

    Raises:
        DataError: When no data is named.
    """
    if not data:
        raise DataError("say which data the scores are of")
    scores = {key: value for key, value in evaluation.to_json().items() if key not in LISTED}
    scores["per_label"] = {  # scores alone, none of the longer things that an evaluation may tell of a label
        label: {name: value for name, value in told.items() if not isinstance(value, (list, dict))}
        for label, told in scores["per_label"].items()
    }
    return {
        "data": " + ".join(Path(each).name for each in data),
        "sha256": fingerprint,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "textclf_version": __version__,
        **scores,
    }


def _same_data(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return any(one.get(key) == other[key] for key in ("sha256", "data"))


def _without_scores(card: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in card.items() if key != "evaluations"}
