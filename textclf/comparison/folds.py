"""Nested cross-validation by article, for data too few to hold a test set out of.

Every article is scored once, by a model that saw nothing of it, nor of its copies, neither in training nor when
thresholds were fitted. Articles that share copies stand in one fold together.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from textclf.comparison.contenders import Contender
from textclf.comparison.costs import Cost
from textclf.comparison.fits import fit_and_score
from textclf.config import Config
from textclf.datasets.reprints import tied_articles
from textclf.errors import ConfigError, DataError, TextclfWarning
from textclf.metrics import Scored
from textclf.progress import log
from textclf.records import Article, Examples
from textclf.splits import article_folds
from textclf.training_data import read_splits

CLUSTERS_A_FOLD = 2


@dataclass(frozen=True)
class Folds:
    """Articles parted into folds, and how much of the rest of each fits thresholds, model by model.

    Attributes:
        articles: All of them.
        folds: int64 (articles,): the fold of each.
        clusters: int64 (articles,): the cluster of tied articles of each.
        n_folds: How many.
        validation_shares: Model's name to the share of the articles outside a fold that its thresholds are fitted on,
            as its config parts them; 0 fits them out of fold.
    """

    articles: list[Article]
    folds: np.ndarray
    clusters: np.ndarray
    n_folds: int
    validation_shares: Mapping[str, float]


def make_folds(
    contenders: Sequence[Contender], *, n_folds: int, given: Sequence[Article] | None = None, seed: int
) -> Folds:
    """Part the articles that the configs train on (validation articles among them) into folds.

    Args:
        contenders: Configs, all of the same articles.
        n_folds: At least 2.
        given: Labelled articles to take in place of the configs' own.
        seed: Fixes the folds.

    Raises:
        ConfigError: When one is a trained model.
        DataError: When the data have faults, the configs name different articles, or there are too few.
    """
    for contender in contenders:
        if not contender.configs:
            raise ConfigError(
                f"{contender.bundles[0]} is a trained model, which has seen its articles; folds train anew, so give "
                f"the config it was trained from"
            )
    first = contenders[0].configs[0]
    articles, shares = list(given or ()), {}
    for contender in contenders:
        own, shares[contender.name] = _articles_of(contender.configs[0])
        if not articles:
            articles = own
        elif given is None and set(map(repr, own)) != set(map(repr, articles)):
            raise DataError(
                f"{contenders[0].name} and {contender.name} train on different articles, so that their folds would not "
                f"be the same; give --data FILE to take the same ones for all"
            )
    clusters = tied_articles(articles)
    check_enough(clusters, np.array([len(article.paragraphs) for article in articles]), n_folds=n_folds)
    examples = Examples.of(articles, first.labels)
    rows = article_folds(examples.targets, clusters[examples.groups], n_folds=n_folds, seed=seed)
    folds = np.zeros(len(articles), dtype=np.int64)
    folds[examples.groups] = rows
    return Folds(articles, folds, clusters, n_folds, shares)


def check_enough(clusters: np.ndarray, paragraphs: np.ndarray, *, n_folds: int) -> None:
    """Make sure that folds can be made of articles.

    Args:
        clusters: int64 (articles,): the cluster of each.
        paragraphs: int64 (articles,): how many paragraphs each has.
        n_folds: The folds wanted.

    Raises:
        DataError: When there are too few clusters, or one holds most of the paragraphs.
    """
    n_clusters, needed = len(np.unique(clusters)), CLUSTERS_A_FOLD * n_folds
    if n_folds < 2:
        raise DataError(f"--folds {n_folds}: give at least 2")
    if n_clusters < needed:
        tied = f" in {n_clusters} cluster(s) that share no text" if n_clusters < len(clusters) else ""
        raise DataError(
            f"--folds {n_folds} needs at least {needed} articles, {CLUSTERS_A_FOLD} a fold, that are no copies of one "
            f"another; there are {len(clusters)}{tied}. Ask for fewer folds, or label more"
        )
    largest = np.bincount(clusters, weights=paragraphs).max()
    if largest > paragraphs.sum() / 2:
        raise DataError(
            f"copies tie {largest:.0f} of {paragraphs.sum()} paragraphs together, so that no folds can be made which "
            f"do not share them; take copies out first, with `textclf data dedupe`"
        )


def score_folds(contender: Contender, folds: Folds) -> tuple[list[Scored], Cost]:
    """Return for each training of a contender its answers for all articles, each from the model that did not see it.

    The cost is that of one training on all but one fold.

    Raises:
        DataError: When there is too little to train on.
    """
    trained, seconds = [], []
    for config in contender.configs:
        examples = Examples.of(folds.articles, config.labels, context=config.data.context)
        probabilities = np.zeros(examples.targets.shape, dtype=np.float32)
        decisions = np.zeros(examples.targets.shape, dtype=bool)
        for fold in range(folds.n_folds):
            log.info("%s, seed %d: fold %d of %d", contender.name, config.seed, fold + 1, folds.n_folds)
            training, validation, held_out = parts_of(
                folds, fold, examples, validation_share=folds.validation_shares[contender.name], seed=config.seed
            )
            with warnings.catch_warnings():
                if fold:  # a label too rare for one fold is too rare for all; once is enough
                    warnings.simplefilter("ignore", TextclfWarning)
                done = fit_and_score(
                    config,
                    examples.take(training),
                    examples.take(held_out),
                    validation=examples.take(validation) if len(validation) else None,
                    seed=config.seed,
                )
            probabilities[held_out], decisions[held_out] = done.scored.probabilities, done.scored.decisions
            seconds.append(done.seconds)
        trained.append(Scored(examples.targets, probabilities, decisions))
    return trained, Cost(training_seconds=sum(seconds) / len(seconds))


def parts_of(
    folds: Folds, fold: int, examples: Examples, *, validation_share: float, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the rows to train on, those to fit thresholds on (perhaps none), and those to score, in that order."""
    of_row = folds.folds[examples.groups]
    rest, held_out = np.flatnonzero(of_row != fold), np.flatnonzero(of_row == fold)
    if not validation_share:
        return rest, rest[:0], held_out
    clusters = folds.clusters[examples.groups[rest]]
    n_parts = min(max(2, round(1 / validation_share)), len(np.unique(clusters)))
    inner = article_folds(examples.targets[rest], clusters, n_folds=n_parts, seed=seed)
    return rest[inner != 0], rest[inner == 0], held_out


def without_test(config: Config) -> Config:
    """Return a config that names no test articles, so that they are not read."""
    return config.model_copy(update={"data": config.data.model_copy(update={"test": None})})


def _articles_of(config: Config) -> tuple[list[Article], float]:
    """Return a config's training and validation articles, and the share of the latter."""
    splits = read_splits(without_test(config))
    validation = splits.get("validation", [])
    articles = [*splits["train"], *validation]
    return articles, len(validation) / max(len(articles), 1)
