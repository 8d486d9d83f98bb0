"""How a config's model does on each source when it learns from all the others.

Scores differ from source to source for many reasons, so each is set against the same articles as scored by two models
that learnt from one half of that source as well, each on the other half. The paired difference is what not having read
the source costs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from textclf.config import Config
from textclf.datasets.reprints import tied_articles
from textclf.errors import DataError
from textclf.evaluate import Difference, Evaluation, paired_difference, score, summarise
from textclf.facets import article_values
from textclf.labeller import Labeller
from textclf.metrics import Scored
from textclf.progress import log
from textclf.records import Article, Examples
from textclf.splits import LeftOut, article_folds, leave_one_source_out
from textclf.train import fit
from textclf.training_data import read_splits

ALL = "all of these"


@dataclass(frozen=True)
class LeftOutScores:
    """The scores on one source of a model that learnt from the others.

    Attributes:
        source: The source.
        n_training: Articles it learnt from, thresholds included; 0 for all sources together, where it varies.
        n_set_aside: Articles of other sources kept out of training, for they share copied text with this one.
        evaluation: Its scores.
        seen: The scores on the same articles of models that knew half of the source; None where there are none.
        difference: `evaluation` less `seen`, paired over articles.
    """

    source: str
    n_training: int
    n_set_aside: int
    evaluation: Evaluation
    seen: Evaluation | None = None
    difference: Difference | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the scores JSON-ready."""
        return {
            "source": self.source,
            "n_training_articles": self.n_training,
            "n_articles_set_aside": self.n_set_aside,
            **self.evaluation.to_json(),
            "seen": self.seen.to_json() if self.seen else None,
            "difference_to_seen": self.difference.to_json() if self.difference else None,
        }


def leave_out(
    config: Config,
    *,
    by: str = "source",
    sources: Sequence[str] | None = None,
    fewest_articles: int = 10,
    against_seen: bool = True,
    resamples: int = 1_000,
    confidence: float = 0.95,
    seed: int = 13,
) -> list[LeftOutScores]:
    """Leave out each source in turn, train on the others, and score what was left out.

    Training and validation articles of the config are taken; its test files are not scored. A source is left out of
    both, and other articles that share copied text with it are kept out of training. Nothing is saved.

    Args:
        config: From `textclf.config.load_config`.
        by: What a source is: ``source``, or a field of the article's own, such as ``extra.region``.
        sources: Which sources; None is every one with enough articles.
        fewest_articles: How many those are.
        against_seen: Also score the same articles by models that knew half of the source: two trainings more for each.
        resamples: Article resamples.
        confidence: Of the intervals.
        seed: Fixes the resamples and the folds.

    Returns:
        One for each source, the one with most articles first, and, of two or more, one for all of them together.

    Raises:
        DataError: When the data has faults, or no source has enough articles.
    """
    splits = read_splits(_without_test(config))
    articles = [*splits["train"], *splits.get("validation", [])]
    validation = {article.article_id for article in splits.get("validation", [])}
    counted = Counter(value for value in article_values(articles, by) if value)
    chosen = list(sources or [name for name, n in counted.most_common() if n >= fewest_articles])
    if not chosen:
        most = f"; the largest, {counted.most_common(1)[0][0]!r}, has {max(counted.values())}" if counted else ""
        raise DataError(f"no {by} has {fewest_articles} articles{most}. Ask for fewer with --fewest-articles")
    tied = tied_articles(articles)
    settings: dict[str, Any] = {"resamples": resamples, "confidence": confidence, "seed": seed}
    cluster_of = {article.article_id: int(cluster) for article, cluster in zip(articles, tied, strict=True)}
    rows: list[LeftOutScores] = []
    parts: list[tuple[Labeller, Examples, Scored, Scored | None]] = []
    for found in leave_one_source_out(articles, tied=tied, sources=chosen, by=by):
        log.info("leaving out %s: %d of %d articles", found.source, len(found.left_out), len(articles))
        model = _fit(config, found.rest, validation)
        examples = Examples.of(found.left_out, config.labels, context=config.data.context)
        scored = score(model, examples)
        clusters = np.array([cluster_of[a.article_id] for a in found.left_out])
        before = _half_known(config, found, clusters, validation, seed=seed) if against_seen else None
        row = _row(found.source, model, examples, scored, before, settings)
        rows.append(replace(row, n_training=len(found.rest), n_set_aside=len(found.set_aside)))
        parts.append((model, examples, scored, before))
    return rows + ([_together(parts, settings)] if len(parts) > 1 else [])


def _without_test(config: Config) -> Config:
    """Return the config without its test files."""
    return config.model_copy(update={"data": config.data.model_copy(update={"test": None})})


def _fit(config: Config, articles: Sequence[Article], validation: set[str]) -> Labeller:
    """Train on articles; those of the validation set serve for thresholds, where there are any."""
    learn, check = (
        Examples.of(
            [a for a in articles if (a.article_id in validation) == held], config.labels, context=config.data.context
        )
        for held in (False, True)
    )
    if not len(learn):
        raise DataError("with this left out, no training article remains")
    fitted = fit(
        kind=config.model.kind,
        options=config.options(),
        labels=config.labels,
        examples=learn,
        validation=check if len(check) else None,
        thresholds=config.thresholds,
        seed=config.seed,
    )
    return fitted.model


def _half_known(
    config: Config, found: LeftOut, clusters: np.ndarray, validation: set[str], *, seed: int
) -> Scored | None:
    """Return what models that learnt from the other half of a source say of each half, in the order of its articles.

    None where its articles all hang together by copied text, or there is only one.
    """
    if len(np.unique(clusters)) < 2:
        return None
    examples = Examples.of(found.left_out, config.labels, context=config.data.context)
    halves = article_folds(examples.targets, clusters[examples.groups], n_folds=2, seed=seed)
    probabilities = np.zeros(examples.targets.shape, dtype=np.float32)
    decisions = np.zeros(examples.targets.shape, dtype=bool)
    for half in (0, 1):
        log.info("the same with half of %s known, %d of 2", found.source, half + 1)
        rows = halves == half
        known = set(examples.groups[~rows].tolist())
        also = [article for number, article in enumerate(found.left_out) if number in known]
        scored = score(_fit(config, [*found.rest, *also], validation), examples.take(np.flatnonzero(rows)))
        probabilities[rows], decisions[rows] = scored.probabilities, scored.decisions
    return Scored(examples.targets, probabilities, decisions)


def _row(
    source: str,
    model: Labeller,
    examples: Examples,
    scored: Scored,
    before: Scored | None,
    settings: dict[str, Any],
) -> LeftOutScores:
    evaluation = summarise(model, examples, scored, **settings)
    if before is None:
        return LeftOutScores(source, 0, 0, evaluation)
    seen = summarise(model, examples, before, **settings)
    return LeftOutScores(
        source, 0, 0, evaluation, seen, paired_difference(model.labels, examples, scored, before, **settings)
    )


def _together(
    parts: Sequence[tuple[Labeller, Examples, Scored, Scored | None]], settings: dict[str, Any]
) -> LeftOutScores:
    """Return the scores on all sources left out, each as scored by the model that had not read it."""
    groups, ids = [], list[str]()
    for _, examples, _, _ in parts:
        groups.append(examples.groups + len(ids))
        ids += examples.article_ids
    scored = _joined([part[2] for part in parts])
    before = [part[3] for part in parts if part[3] is not None]
    examples = Examples([], scored.targets, np.concatenate(groups), ids)
    return _row(ALL, parts[0][0], examples, scored, _joined(before) if len(before) == len(parts) else None, settings)


def _joined(parts: Sequence[Scored]) -> Scored:
    return Scored(
        np.concatenate([part.targets for part in parts]),
        np.concatenate([part.probabilities for part in parts]),
        np.concatenate([part.decisions for part in parts]),
    )
