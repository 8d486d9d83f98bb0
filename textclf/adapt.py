"""Adapting a model to text in which its labels are rarer or more frequent: a bundle becomes another bundle.

The model itself is not trained again. What changes is the intercept of each label's calibration, and its threshold.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from textclf.adapt_changes import HeldShare, LabelChange, find_changes, held_shares
from textclf.adapt_target import Target, carried_over, check_adjustable, look_at, look_at_labelled, origin
from textclf.article_ids import met_by
from textclf.articles import stream_passages
from textclf.bundle import check_replaceable, load_bundle, save_bundle
from textclf.errors import DataError, TextclfWarning
from textclf.files import check_writable
from textclf.labeller import Labeller, shift_labeller
from textclf.locks import held
from textclf.progress import log_skipped
from textclf.records import Article

Method = Literal["unlabelled", "labelled"]

FEWEST_PARAGRAPHS = 200  # below this a target is called small


@dataclass(frozen=True)
class Adaptation:
    """An adapted model.

    Attributes:
        model: The adapted labeller, as saved.
        path: Its bundle.
        method: What it was adapted by.
        changes: Label to what was done to it.
        n_articles: Articles of the target.
        n_paragraphs: Paragraphs of the target.
    """

    model: Labeller
    path: Path
    method: Method
    changes: dict[str, LabelChange]
    n_articles: int
    n_paragraphs: int


def adapt_unlabelled(
    source: str | Path, inputs: Sequence[str | Path], *, out: str | Path, n_resamples: int = 200, seed: int = 13
) -> Adaptation:
    """Adapt a bundle to unlabelled text and save it as another.

    Args:
        source: The bundle.
        inputs: Files, folders or ``"-"``, as `textclf.predict.predict_files` takes them.
        out: The new bundle's folder; the old one is replaced only where this is its own.
        n_resamples: Article resamples of the intervals.
        seed: Fixes the resamples.

    Raises:
        DataError: When there is no paragraph, or only articles the model knows.
        BundleError: When `source` is no model, or `out` holds something that is none.
        ModelError: When it is a cascade.
    """

    def read(model: Labeller) -> Target:
        """Return the target as the model sees it."""
        skipped: list[Path] = []
        target = look_at(model, stream_passages(inputs, on_skip=skipped.append))
        log_skipped(skipped, why="not a kind of file that is read")
        return target

    return _adapt(source, read, out=out, method="unlabelled", n_resamples=n_resamples, seed=seed)


def adapt_labelled(
    source: str | Path,
    read_articles: Callable[[Labeller], Sequence[Article]],
    *,
    out: str | Path,
    n_resamples: int = 200,
    seed: int = 13,
) -> Adaptation:
    """Adapt a bundle to a labelled sample of the text it is for, and save it as another.

    Args:
        source: The bundle.
        read_articles: Gives the labelled articles, checked against the labels of the model it is called with.
        out: The new bundle's folder; the old one is replaced only where this is its own.
        n_resamples: Article resamples of the intervals.
        seed: Fixes the resamples.

    Raises:
        DataError: When there is no labelled paragraph, or only articles the model knows.
        BundleError: When `source` is no model, or `out` holds something that is none.
        ModelError: When it is a cascade.
    """

    def read(model: Labeller) -> Target:
        """Return the target as the model sees it."""
        return look_at_labelled(model, read_articles(model))

    return _adapt(source, read, out=out, method="labelled", n_resamples=n_resamples, seed=seed)


def _adapt(
    source: str | Path,
    read: Callable[[Labeller], Target],
    *,
    out: str | Path,
    method: Method,
    n_resamples: int,
    seed: int,
) -> Adaptation:
    path = Path(out)
    check_replaceable(path)
    model = load_bundle(source)
    check_adjustable(model)
    shares = held_shares(model, with_scores=method == "unlabelled")
    check_writable(path)
    with held(path, what="adaptation"):
        came_from = origin(model)
        target = read(model)
        check_target(model, target)
        changes = find_changes(model, target, shares, n_resamples=n_resamples, seed=seed)
        if all(change.reason for change in changes):
            warnings.warn("no label changed; the adapted model decides as the old one", TextclfWarning, stacklevel=3)
        shifted = shift_labeller(model, np.array([change.shift for change in changes]))
        adapted = replace(shifted, thresholds=np.array([change.new_threshold for change in changes]))
        named = dict(zip(model.labels, changes, strict=True))
        step = {
            "from": came_from,
            "method": "labelled sample" if target.targets is not None else "expectation-maximisation",
            "target": target.to_json(),
            "resamples": n_resamples,
            "seed": seed,
            "labels": {name: change.to_json() for name, change in named.items()},
        }
        saved = save_bundle(adapted, path, kind=model.card["kind"], card=_card(model, target, shares, named, step))
        return Adaptation(saved, path, method, named, len(target.article_ids), len(target.groups))


def check_target(model: Labeller, target: Target) -> None:
    """Warn of a small target, and of articles that the model was trained or its thresholds fitted on.

    Raises:
        DataError: When there are no other articles.
    """
    known = met_by(model.card, "train") | met_by(model.card, "validation")
    met = [name for name in target.article_ids if name in known]
    if len(met) == len(target.article_ids):
        raise DataError(
            f"all {len(met)} articles given are ones this model was trained or its thresholds fitted on: they tell "
            f"nothing of other text. Give text of the source the model is to be used on"
        )
    if met:
        warnings.warn(
            f"{len(met)} of {len(target.article_ids)} articles given are ones this model was trained or its thresholds "
            f"fitted on ({', '.join(met[:5])}{' ...' if len(met) > 5 else ''}); leave them out for a fair estimate",
            TextclfWarning,
            stacklevel=2,
        )
    if len(target.groups) < FEWEST_PARAGRAPHS:
        warnings.warn(
            f"{len(target.groups)} paragraphs are few to adapt to; give {FEWEST_PARAGRAPHS} or more if you can. The "
            f"fewer there are, the nearer the model stays to what it was",
            TextclfWarning,
            stacklevel=2,
        )


def _card(
    model: Labeller,
    target: Target,
    shares: Sequence[HeldShare],
    changes: Mapping[str, LabelChange],
    step: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the card of the adapted model: the source's, with the new shares and one more step in its chain."""
    held: dict[str, dict[str, Any]] = {}
    for column, (name, share) in enumerate(zip(model.labels, shares, strict=True)):
        counted = np.zeros(0) if target.targets is None or changes[name].reason else target.targets[:, column]
        held[name] = {
            "positives": share.positives + int((counted == 1).sum()),
            "known": share.known + int((~np.isnan(counted)).sum()),
            "yes_scores": [round(score + changes[name].shift, 4) for score in share.yes],
            "no_scores": [round(score + changes[name].shift, 4) for score in share.no],
        }
        if not np.isnan(changes[name].new_share):
            held[name]["share"] = changes[name].new_share
    return {**carried_over(model, step), "shares": held}
