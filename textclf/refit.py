"""New thresholds for a trained model, without training: a bundle becomes another with the same model in it.

They are fitted on labelled articles for what they are now to reach, or given by hand. Calibration stays as it is.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from textclf.adapt_target import Target, carried_over, check_adjustable, look_at_labelled, origin
from textclf.article_ids import met_by
from textclf.bundle import check_replaceable, load_bundle, save_bundle
from textclf.errors import ConfigError, DataError, TextclfWarning, did_you_mean
from textclf.files import check_writable
from textclf.labeller import Labeller
from textclf.locks import held
from textclf.objectives import F1, Objective
from textclf.records import Article
from textclf.threshold_fit import LabelFit, fit_for, warn_of_fits
from textclf.thresholds import NEVER


@dataclass(frozen=True)
class Refit:
    """A model with new thresholds.

    Attributes:
        model: The labeller, as saved.
        path: Its bundle.
        before: The thresholds it had (k,).
        fits: Label to how its new threshold was fitted; labels that were not fitted are not in it.
        by_hand: Labels whose threshold was given.
        n_articles: Articles they were fitted on.
        n_paragraphs: Paragraphs of those.
    """

    model: Labeller
    path: Path
    before: np.ndarray
    fits: dict[str, LabelFit]
    by_hand: tuple[str, ...]
    n_articles: int = 0
    n_paragraphs: int = 0


def refit_thresholds(
    source: str | Path,
    read_articles: Callable[[Labeller], Sequence[Article]] | None = None,
    objective: Objective = F1,
    *,
    out: str | Path,
    labels: Sequence[str] = (),
    by_hand: Mapping[str, float] | None = None,
    allow_leakage: bool = False,
    n_resamples: int = 200,
    seed: int = 13,
) -> Refit:
    """Give a bundle other thresholds and save it as another.

    Args:
        source: The bundle.
        read_articles: Gives the labelled articles, checked against the labels of the model it is called with. None:
            nothing is fitted, and thresholds are set by hand alone.
        objective: What the thresholds are to reach.
        out: The new bundle's folder; the old one is replaced only where this is its own.
        labels: The labels to fit; the others keep their thresholds. By default all that are ever given.
        by_hand: Thresholds to set as they are given: above 0 and at most 1, or `NEVER`.
        allow_leakage: Take articles that the model was trained on all the same.
        n_resamples: Article resamples of the intervals.
        seed: Fixes the resamples.

    Raises:
        ConfigError: When a label is not known, a threshold is none, or there is nothing to do.
        DataError: When no paragraph is labelled, or the model was trained on one of the articles.
        BundleError: When `source` is no model, or `out` holds something that is none.
        ModelError: When it is a cascade.
    """
    path, given = Path(out), dict(by_hand or {})
    check_replaceable(path)
    model = load_bundle(source)
    check_adjustable(model)
    check_request(model, labels, given, fits=read_articles is not None)
    check_writable(path)
    with held(path, what="fitting of thresholds"):
        came_from = origin(model)
        thresholds, fits, target = model.thresholds.copy(), dict[str, LabelFit](), None
        if read_articles is not None:
            target = look_at_labelled(model, read_articles(model))
            seen = check_unseen(model, target, allow_leakage=allow_leakage)
            chosen = [name for name in model.labels if name not in given and _is_chosen(model, name, labels)]
            fits = fit_anew(model, target, objective, chosen, n_resamples=n_resamples, seed=seed)
            warn_of_fits(list(fits), list(fits.values()))
        for column, name in enumerate(model.labels):
            thresholds[column] = given.get(name, fits[name].threshold if name in fits else thresholds[column])
        step = {
            "from": came_from,
            "method": "thresholds",
            "target": {} if target is None else {**target.to_json(), "seen_in_training": seen},
            "resamples": n_resamples,
            "seed": seed,
            "labels": {
                name: {
                    "outcome": "set by hand" if name in given else "fitted" if name in fits else "kept",
                    "old_threshold": float(old),
                    "new_threshold": float(new),
                    **(fits[name].objective.to_json() if name in fits else {}),
                }
                for name, old, new in zip(model.labels, model.thresholds, thresholds, strict=True)
            },
        }
        told = {**model.card.get("threshold_fit", {}), **{name: fit.to_json() for name, fit in fits.items()}}
        told |= {name: {"objective": "by hand"} for name in given}
        card = {**carried_over(model, step), "threshold_fit": told}
        saved = save_bundle(replace(model, thresholds=thresholds), path, kind=model.card["kind"], card=card)
        counts = (0, 0) if target is None else (len(target.article_ids), len(target.groups))
        return Refit(saved, path, model.thresholds, fits, tuple(given), *counts)


def fit_anew(
    model: Labeller, target: Target, objective: Objective, chosen: Sequence[str], *, n_resamples: int, seed: int
) -> dict[str, LabelFit]:
    """Fit the thresholds of the chosen labels; one that nothing is known to carry keeps what it had.

    The F-measures draw towards what is best for all labels, chosen or not, as in training.

    Args:
        model: The model; it is not changed.
        target: What it gives for labelled articles.
        objective: What the thresholds are to reach.
        chosen: Names of labels.
        n_resamples: Article resamples.
        seed: Fixes the resamples.
    """
    assert target.targets is not None  # noqa: S101 (for the type checker)
    fits = fit_for(
        target.targets,
        target.probabilities,
        target.groups,
        [objective] * len(model.labels),
        shrinkage=float(model.card.get("config", {}).get("thresholds", {}).get("shrinkage", 100.0)),
        otherwise=model.thresholds,
        n_resamples=n_resamples,
        seed=seed,
    )
    return {name: fit for name, fit in zip(model.labels, fits, strict=True) if name in chosen}


def check_request(model: Labeller, labels: Sequence[str], by_hand: Mapping[str, float], *, fits: bool) -> None:
    """Make sure that what is asked for can be done.

    Raises:
        ConfigError: When it cannot.
    """
    if not fits and not by_hand:
        raise ConfigError("nothing to do: give labelled articles to fit thresholds on, or set one by hand")
    if not fits and labels:
        raise ConfigError("labels to fit were named, but no labelled articles given to fit them on")
    for name in (*labels, *by_hand):
        if name not in model.labels.names:
            known = ", ".join(model.labels)
            raise ConfigError(f"unknown label {name!r}{did_you_mean(name, model.labels)} (the model knows: {known})")
    for name in by_hand:
        if name in labels:
            raise ConfigError(f"label {name!r} is both to be fitted and set by hand; choose one")
    for name, threshold in by_hand.items():
        if not 0 < threshold <= 1 and threshold != NEVER:
            raise ConfigError(f"the threshold of {name!r} must be above 0 and at most 1, or never; given: {threshold}")


def check_unseen(model: Labeller, target: Target, *, allow_leakage: bool) -> int:
    """Return how many of the articles the model was trained on, warning of them.

    Raises:
        DataError: When there are any and that is not allowed.
    """
    known = met_by(model.card, "train")
    met = [name for name in target.article_ids if name in known]
    if not met:
        return 0
    told = (
        f"the model was trained on {len(met)} of the {len(target.article_ids)} articles given "
        f"({', '.join(met[:5])}{' ...' if len(met) > 5 else ''}): it is surer of them than of any other, and "
        f"thresholds fitted on them are wrong elsewhere"
    )
    if not allow_leakage:
        raise DataError(f"{told}. Take them out, or say --allow-leakage")
    warnings.warn(told, TextclfWarning, stacklevel=3)
    return len(met)


def _is_chosen(model: Labeller, name: str, labels: Sequence[str]) -> bool:
    """Tell whether a label is to be fitted: where none is named, every one that is not switched off."""
    return name in labels if labels else bool(model.thresholds[model.labels.names.index(name)] != NEVER)
