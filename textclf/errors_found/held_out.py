"""What a model that has not read them says of labelled paragraphs: the only ground on which errors can be told.

A model has learnt the labels of its training articles, wrong ones too, and repeats them. So articles it was trained on,
and articles with near-copies of training paragraphs, are judged by models of the same kind that are trained on other
folds of the training articles. All others are judged by the model itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from textclf.calibration import fit_calibration
from textclf.config import Config
from textclf.errors import ConfigError, DataError
from textclf.errors_found.doubt import doubted_targets
from textclf.labeller import Labeller, readable
from textclf.labels import LabelSet
from textclf.leakage import MOST_COMPARED, find_leakage, training_articles
from textclf.models.checkpoints import without_checkpoints
from textclf.models.interface import Options
from textclf.models.registry import get_kind
from textclf.progress import log
from textclf.records import Article, ContextSetting, Examples
from textclf.thresholds import NEVER, fit_thresholds
from textclf.train import out_of_fold


@dataclass(frozen=True)
class Recipe:
    """How the models of article folds are trained.

    Attributes:
        kind: Their kind.
        options: Its options.
        context: What they read beside a paragraph.
        n_folds: How many folds.
        shrinkage: Of the thresholds (see `fit_thresholds`).
        seed: Of folds and models.
        files: The training files; empty for those that the model's bundle names.
        said: Where all this is from, for people.
    """

    kind: str
    options: Options
    context: ContextSetting
    n_folds: int
    shrinkage: float
    seed: int
    files: tuple[Path, ...]
    said: str

    @classmethod
    def of_model(cls, model: Labeller) -> Recipe:
        """Take everything from the model's card.

        Raises:
            DataError: When the card does not say how the model was trained.
        """
        config: Any = model.card.get("config", {})
        try:
            kind, options = config["model"]["kind"], config["model"]["options"]
        except KeyError:
            raise DataError(
                "the model does not say how it was trained, so no models of article folds can be trained; give --config"
            ) from None
        thresholds = config.get("thresholds", {})
        return cls(
            kind=kind,
            options=get_kind(kind).options_type.model_validate(options),
            context=model.context,
            n_folds=int(thresholds.get("folds", 5)),
            shrinkage=float(thresholds.get("shrinkage", 100.0)),
            seed=int(config.get("seed", 13)),
            files=(),
            said=f"the model's own kind, {kind}",
        )

    @classmethod
    def of_config(cls, config: Config, labels: LabelSet) -> Recipe:
        """Take everything from a config: a quicker kind than the model's, or training files that have moved.

        Raises:
            ConfigError: When the config has other labels than the model.
        """
        if config.labels.names != labels.names:
            theirs, ours = ", ".join(config.labels), ", ".join(labels)
            raise ConfigError(f"--config has the labels {theirs}, the model has {ours}; they must be the same")
        return cls(
            kind=config.model.kind,
            options=config.options(),
            context=config.data.context,
            n_folds=config.thresholds.folds,
            shrinkage=config.thresholds.shrinkage,
            seed=config.seed,
            files=tuple(config.data.train),
            said=f"the kind of {config.name}, {config.model.kind}",
        )


@dataclass(frozen=True)
class Judged:
    """Labelled paragraphs with what a model says that has not read them.

    Attributes:
        examples: The n paragraphs.
        probabilities: float32 (n, k), calibrated.
        thresholds: float64 (n, k): the threshold of each label, as it is for this paragraph's judge.
        folded: bool (n,): whether the judge is a model of article folds, and not the model itself.
        notes: Where the probabilities come from, for people.
    """

    examples: Examples
    probabilities: np.ndarray
    thresholds: np.ndarray
    folded: np.ndarray
    notes: list[str] = field(default_factory=list)

    @property
    def decisions(self) -> np.ndarray:
        """Which labels reach their threshold: bool (n, k)."""
        return np.asarray(self.probabilities >= self.thresholds.astype(np.float32))


def judge(model: Labeller, articles: Sequence[Article], recipe: Recipe | None = None, *, twice: bool = False) -> Judged:
    """Return what the model says of articles it has not read, and models of article folds of those it has.

    Args:
        model: What `textclf.load` gives.
        articles: Labelled articles.
        recipe: How to train the models of folds; None as the model itself was trained.
        twice: Train those a second time, without the targets that the first ones doubt.

    Raises:
        DataError: When there is no paragraph, or an article must be folded and there is no second one to learn from.
    """
    examples = Examples.of(articles, model.labels, context=model.context)
    if not len(examples):
        raise DataError("there is no paragraph to look for errors in")
    taught = get_kind(str(model.card["kind"])).taught if "kind" in model.card else True
    training = _training(model, articles, recipe)
    met = _met(model, articles, training) if taught else np.zeros(len(articles), dtype=bool)
    folded = met[examples.groups]
    probabilities = np.zeros(examples.targets.shape, dtype=np.float32)
    thresholds = np.tile(np.asarray(model.thresholds, dtype=np.float64), (len(examples), 1))
    rest = examples.take(np.flatnonzero(~folded))
    if len(rest):
        probabilities[~folded] = model.predict_proba(rest.texts, rest.contexts)
    notes = []
    if not folded.all():
        notes.append(f"{(~met).sum()} article(s) are held out: the model's own probabilities")
    if met.any():
        chosen = recipe or Recipe.of_model(model)
        mine = [article for article, is_met in zip(articles, met, strict=True) if is_met]
        pool = _pool(mine, training)
        p, t = judge_by_folds(pool, chosen, model.labels, twice=twice)
        probabilities[folded], thresholds[folded] = p[: folded.sum()], t
        n_folds = min(chosen.n_folds, len(pool))
        notes.append(
            f"{met.sum()} article(s) were in the model's training data, or share text with it: probabilities from "
            f"{n_folds} article folds of {len(pool)} articles ({chosen.said}), never from the model itself"
            + (", in a second round without the targets doubted in the first" if twice else "")
        )
    if taught and training is None:
        notes.append("copies of training paragraphs were not looked for: " + _why_unsought(articles))
    return Judged(examples, probabilities, thresholds, folded, notes)


def _training(model: Labeller, articles: Sequence[Article], recipe: Recipe | None) -> list[Article] | None:
    """Return the training articles, where they are known and not too many to look for copies in."""
    if sum(len(article.paragraphs) for article in articles) > MOST_COMPARED:
        return None
    return training_articles(model, recipe.files if recipe else ())


def _met(model: Labeller, articles: Sequence[Article], training: Sequence[Article] | None) -> np.ndarray:
    """Return bool (articles,): those the model was trained on, and those with copies of what it was trained on."""
    ids = [article.article_id for article in articles]
    leakage = find_leakage(model, ids, articles if training is not None else None, training=training)
    met = np.isin(np.array(ids, dtype=object), np.array(leakage.seen, dtype=object))
    if leakage.copied is not None:
        ends = np.cumsum([len(article.paragraphs) for article in articles])[:-1]
        met |= np.array([bool(part.any()) for part in np.split(leakage.copied, ends)], dtype=bool)
    return met


def _pool(mine: Sequence[Article], training: Sequence[Article] | None) -> list[Article]:
    """Return the articles to be folded first, with their labels as they are now, and then the rest of training."""
    ids = {article.article_id for article in mine}
    return [*mine, *(article for article in training or () if article.article_id not in ids)]


def judge_by_folds(
    articles: Sequence[Article], recipe: Recipe, labels: LabelSet, *, twice: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Return calibrated probabilities, float32 (n, k), and thresholds, float64 (k,), out of article folds.

    Calibration and thresholds are fitted on the folds, as in training without validation articles. Calibration has two
    numbers a label, too few to learn a single wrong label by heart.

    Args:
        articles: Labelled articles.
        recipe: How to train.
        labels: The labels.
        twice: Train a second time, without the targets that the first round doubts: a wrong one then misleads none.

    Raises:
        DataError: When there are fewer than two articles.
        MissingExtraError: When `twice` is asked for and cleanlab is not installed.
    """
    if len(articles) < 2:
        raise DataError(
            f"the model was trained on article {articles[0].article_id!r}, so another, trained on other articles, "
            f"must judge it, and there are none: the files the model was trained on are gone or have changed. Name "
            f"them in a config and give it with --config"
        )
    examples = Examples.of(articles, labels, context=recipe.context)
    examples = replace(examples, texts=[readable(text) for text in examples.texts])
    probabilities = _out_of_fold(examples, recipe, labels)
    if twice:
        doubted = doubted_targets(examples.targets, probabilities)
        examples = replace(examples, targets=np.where(doubted, np.float32(np.nan), examples.targets))
        probabilities = _out_of_fold(examples, recipe, labels)
    thresholds = fit_thresholds(
        examples.targets, probabilities, examples.groups, shrinkage=recipe.shrinkage, seed=recipe.seed
    )
    thresholds[~(examples.targets == 1).any(axis=0)] = NEVER
    return probabilities, thresholds


def _out_of_fold(examples: Examples, recipe: Recipe, labels: LabelSet) -> np.ndarray:
    """Return calibrated probabilities (n, k) out of article folds."""
    log.info("training models on %d folds of %d articles", recipe.n_folds, len(examples.article_ids))
    with without_checkpoints():
        raw = out_of_fold(
            kind=recipe.kind,
            options=recipe.options,
            labels=labels,
            examples=examples,
            n_folds=recipe.n_folds,
            seed=recipe.seed,
        )
    return fit_calibration(examples.targets, raw, affine_only=True)(raw)


def _why_unsought(articles: Sequence[Article]) -> str:
    if sum(len(article.paragraphs) for article in articles) > MOST_COMPARED:
        return f"there are more than {MOST_COMPARED:,} paragraphs"
    return "the files the model was trained on are not where its config says, or have changed"
