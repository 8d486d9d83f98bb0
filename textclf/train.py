"""Training: a config becomes a bundle."""

from __future__ import annotations

import time
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from textclf.bundle import CARD, check_replaceable, load_bundle, save_bundle
from textclf.config import Config, ThresholdSettings
from textclf.corpus_summary import summarise_corpus
from textclf.data_facts import describe_data, describe_shares
from textclf.datasets.reprints import find_reprints
from textclf.errors import DataError, TextclfWarning
from textclf.evaluate import Evaluation, summarise
from textclf.files import check_writable
from textclf.labeller import Labeller, fit_labeller
from textclf.labels import LabelSet
from textclf.languages import count_languages
from textclf.locks import held
from textclf.memory import peak_memory
from textclf.metrics import Scored
from textclf.models.checkpoints import checkpoints_in, without_checkpoints
from textclf.models.interface import HeldOut, Options, TakesUnlabelled, Trainable
from textclf.models.registry import get_kind
from textclf.models.trackers import tracked
from textclf.progress import log
from textclf.records import Article, Examples
from textclf.scripts import script_of
from textclf.splits import article_folds
from textclf.thresholds import decide
from textclf.training_data import check_bundles, read_splits, unlabelled_of
from textclf.unlabelled import Unlabelled


@dataclass(frozen=True)
class TrainingResult:
    """What a training gave.

    Attributes:
        model: The trained labeller, as saved.
        path: Its bundle.
        validation: Scores on the articles its thresholds were fitted on (so somewhat flattering).
        seconds: Wall time, reading and saving included.
    """

    model: Labeller
    path: Path
    validation: Evaluation
    seconds: float


def train(config: Config, *, out: str | Path | None = None) -> TrainingResult:
    """Train what a config describes and save it as a bundle.

    Args:
        config: From `textclf.config.load_config`.
        out: The bundle's folder; by default the config's `out`.

    Raises:
        DataError: When the data has faults, or two splits share an article.
        BundleError: When `out` holds something that is no bundle.
        WriteError: When it cannot be written.
        LockedError: When another training into the same folder is under way.
    """
    path = Path(out) if out is not None else config.out
    check_replaceable(path)
    check_writable(path)
    with held(path, what="training"):
        return _train(config, path)


def _train(config: Config, path: Path) -> TrainingResult:
    started = time.perf_counter()
    splits = read_splits(config)
    check_bundles(config, splits)
    unlabelled = unlabelled_of(config, splits)
    training, validation = splits["train"], splits.get("validation")
    log.info("training %s on %d articles", config.model.kind, len(training))
    kept = path.parent / f".{path.name}.checkpoints"
    with (
        tracked(run=config.name, settings=config.to_json(), **dict(config.tracking)),
        checkpoints_in(kept),
        peak_memory() as peak,
    ):
        fitted = fit_splits(config, splits, unlabelled)
        cost = {"wall_seconds": round(time.perf_counter() - started, 3), "peak_mib": peak()}
    scores = summarise(
        fitted.model,
        fitted.held_out,
        fitted.scored,
        resamples=config.evaluation.resamples,
        confidence=config.evaluation.confidence,
        interval=config.evaluation.interval,
        seed=config.seed,
    )
    card = {
        **fitted.model.card,
        "config": config.to_json(),
        "data": describe_data(training, validation, context=config.data.context, unlabelled=unlabelled),
        "corpus": {
            name: summarise_corpus(articles, config.labels)
            for name, articles in (("train", training), ("validation", validation))
            if articles
        },
        "scripts": dict(Counter(script_of(p.text) for article in training for p in article.paragraphs)),
        "languages": count_languages([p.text for article in training for p in article.paragraphs]),
        "shares": describe_shares(config.labels, fitted.scored),
        "training": {**getattr(fitted.model.predictor, "info", {}), **cost},
        "validation_scores": {
            "fitted_on": "validation articles" if validation else f"{config.thresholds.folds} article folds",
            "note": "thresholds and calibration were fitted on these articles, so the scores flatter",
            **scores.to_json(),
        },
    }
    model = save_bundle(fitted.model, path, kind=config.model.kind, card=card)
    return TrainingResult(model, path, scores, time.perf_counter() - started)


def fit_splits(config: Config, splits: Mapping[str, Sequence[Article]], unlabelled: Unlabelled | None) -> Fitted:
    """Train what a config describes on articles that were read; nothing is saved (see `fit`).

    Args:
        config: Says how.
        splits: ``"train"``, and ``"validation"`` if there is any.
        unlabelled: For kinds that learn from it.
    """
    validation = splits.get("validation")
    return fit(
        kind=config.model.kind,
        options=config.options(),
        labels=config.labels,
        examples=Examples.of(splits["train"], config.labels, context=config.data.context),
        validation=Examples.of(validation, config.labels, context=config.data.context) if validation else None,
        thresholds=config.thresholds,
        seed=config.seed,
        unlabelled=unlabelled,
    )


@dataclass(frozen=True)
class Fitted:
    """A trained model, and how it did on the held-out paragraphs its thresholds were fitted on.

    Attributes:
        model: The trained labeller, not yet saved.
        held_out: The held-out paragraphs.
        scored: Their truth, calibrated probabilities and decisions.
    """

    model: Labeller
    held_out: Examples
    scored: Scored


def fit(
    *,
    kind: str,
    options: Options,
    labels: LabelSet,
    examples: Examples,
    validation: Examples | None,
    thresholds: ThresholdSettings,
    seed: int,
    unlabelled: Unlabelled | None = None,
) -> Fitted:
    """Train a model and fit its calibration and thresholds on held-out articles.

    Without `validation` the held-out probabilities come out of article folds: each fold is predicted by a model
    that did not see it, and the final model trains on everything. `unlabelled` goes to kinds that learn from it.

    Raises:
        DataError: When there is nothing to learn from, or too few articles for folds.
    """
    never = check_trainable(labels, examples.targets) if get_kind(kind).taught else []
    if validation is not None and len(validation):
        held_out = validation
        predictor = begin(kind, labels, options, seed=seed, unlabelled=unlabelled).fit(
            examples.texts,
            examples.targets,
            contexts=examples.contexts,
            validation=HeldOut(validation.texts, validation.targets, validation.contexts),
        )
        probabilities = predictor.predict_proba(held_out.texts, held_out.contexts)
    else:
        held_out = examples
        with without_checkpoints():
            probabilities = out_of_fold(
                kind=kind,
                options=options,
                labels=labels,
                examples=examples,
                n_folds=thresholds.folds,
                seed=seed,
                unlabelled=unlabelled,
            )
        predictor = begin(kind, labels, options, seed=seed, unlabelled=unlabelled).fit(
            examples.texts, examples.targets, contexts=examples.contexts
        )
    model, calibrated = fit_labeller(
        predictor,
        held_out,
        probabilities,
        calibration=thresholds.calibration,
        shrinkage=thresholds.shrinkage,
        seed=seed,
        never=never,
        objectives=thresholds.objectives(labels),
    )
    return Fitted(model, held_out, Scored(held_out.targets, calibrated, decide(calibrated, model.thresholds)))


def begin(kind: str, labels: LabelSet, options: Options, *, seed: int, unlabelled: Unlabelled | None) -> Trainable:
    """Return a model to be trained, which has been given the unlabelled texts if its kind learns from them."""
    model = get_kind(kind)(labels, options, seed=seed)
    if unlabelled is not None and isinstance(model, TakesUnlabelled):
        model.take_unlabelled(unlabelled.texts, unlabelled.contexts)
    return model


def out_of_fold(
    *,
    kind: str,
    options: Options,
    labels: LabelSet,
    examples: Examples,
    n_folds: int,
    seed: int,
    unlabelled: Unlabelled | None = None,
) -> np.ndarray:
    """Return float32 (n, k): each paragraph's probabilities from a model that saw nothing of its article, nor copies.

    Raises:
        DataError: When there are fewer than two articles.
    """
    n_articles = len(np.unique(examples.groups))
    if n_articles < 2:
        raise DataError("thresholds are fitted on held-out articles, and there is only one; give at least two")
    groups = fold_groups(examples)
    n_folds = min(n_folds, len(np.unique(groups)))
    folds = article_folds(examples.targets, groups, n_folds=n_folds, seed=seed)
    probabilities = np.zeros(examples.targets.shape, dtype=np.float32)
    for fold in range(n_folds):
        log.info("fold %d of %d, for thresholds", fold + 1, n_folds)
        rest, rows = examples.take(np.flatnonzero(folds != fold)), np.flatnonzero(folds == fold)
        held_out = examples.take(rows)
        part = begin(kind, labels, options, seed=seed, unlabelled=unlabelled)
        part.fit(rest.texts, rest.targets, contexts=rest.contexts)
        probabilities[rows] = part.predict_proba(held_out.texts, held_out.contexts)
    return probabilities


def fold_groups(examples: Examples) -> np.ndarray:
    """Return int64 (n,): the cluster of tied articles of each row, to be kept in one fold.

    Where copies tie more than half of the rows together, folds by cluster would leave too little to train on, and
    each article stands by itself.
    """
    groups = np.unique(examples.groups, return_inverse=True)[1].reshape(len(examples))
    tied = find_reprints(examples.texts, groups).ties()[groups]
    return groups if np.bincount(tied).max() > len(tied) / 2 else tied


def check_trainable(labels: LabelSet, targets: np.ndarray) -> list[int]:
    """Warn of labels with only one known answer in training; return the columns with no positive.

    Raises:
        DataError: When nothing at all is known.
    """
    if np.isnan(targets).all():
        raise DataError("there is no labelled paragraph to train on")
    has_yes, has_no = (targets == 1).any(axis=0), (targets == 0).any(axis=0)
    never: list[int] = np.flatnonzero(~has_yes).tolist()
    for columns, what, outcome in (
        (never, "no positive example", "it will never be predicted"),
        (
            np.flatnonzero(has_yes & ~has_no).tolist(),
            "no negative example",
            "it will be predicted for every paragraph",
        ),
    ):
        for column in columns:
            warnings.warn(
                f"label {labels[column]!r} has {what} in the training data: {outcome}. Add paragraphs, or take it "
                f"out of the label set",
                TextclfWarning,
                stacklevel=2,
            )
    return never


def is_trained(config: Config) -> bool:
    """Tell whether the config's model is there, trained as it says on the data as they are now.

    Raises:
        DataError: When the data have faults.
        BundleError: When the model is there but damaged.
    """
    if not (config.out / CARD).is_file():
        return False
    card, wanted, splits = load_bundle(config.out).card, config.to_json(), read_splits(config)
    same_settings = all(card["config"].get(key) == wanted[key] for key in ("labels", "model", "seed"))
    unset = ThresholdSettings().model_dump(mode="json")  # what an older card lacks is as it was by default
    same_settings &= {**unset, **card["config"].get("thresholds", {})} == wanted["thresholds"]
    same_context = card["config"].get("data", {}).get("context", "none") == config.data.context
    described = describe_data(
        splits["train"],
        splits.get("validation"),
        context=config.data.context,
        unlabelled=unlabelled_of(config, splits),
    )
    return same_settings and same_context and card.get("data") == described
