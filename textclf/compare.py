"""Several models on the same held-out articles, side by side: scores, ranks, paired tests and costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from textclf.bundle import load_bundle
from textclf.comparison.contenders import Contender
from textclf.comparison.costs import Cost, mean_cost, predicting_cost, trained_cost
from textclf.comparison.folds import Folds, score_folds
from textclf.comparison.leaderboard import Leaderboard, build_leaderboard, check_baseline
from textclf.errors import DataError
from textclf.evaluate import Difference, Evaluation, check_comparable, paired_difference, score, summarise
from textclf.labeller import Labeller
from textclf.metrics import Scored
from textclf.progress import log
from textclf.records import Article, Examples

BASELINE_KIND = "tfidf"


@dataclass(frozen=True)
class Row:
    """One model on one set of articles.

    Attributes:
        model: The model's name.
        data: The set's name.
        evaluation: Its scores.
        difference: The paired difference to the first model; None for that one itself.
    """

    model: str
    data: str
    evaluation: Evaluation
    difference: Difference | None

    def to_json(self) -> dict[str, Any]:
        """Return the row JSON-ready."""
        difference = self.difference.to_json() if self.difference else None
        return {"model": self.model, "data": self.data, **self.evaluation.to_json(), "difference_to_first": difference}


@dataclass(frozen=True)
class Comparison:
    """What a comparison found.

    Attributes:
        leaderboards: One for each set of articles.
        costs: Model's name to what it costs; of its trainings the mean, predicting measured on the last of them.
        rows: Every training on every set, with the scores of each label; none for folds.
        notes: What a reader should know.
    """

    leaderboards: list[Leaderboard]
    costs: dict[str, Cost]
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return the comparison JSON-ready."""
        return {
            "leaderboards": [board.to_json() for board in self.leaderboards],
            "costs": {name: cost.to_json() for name, cost in self.costs.items()},
            "rows": [row.to_json() for row in self.rows],
            "notes": self.notes,
        }


def compare(
    models: Mapping[str, Labeller],
    datasets: Mapping[str, Sequence[Article]],
    *,
    resamples: int = 1_000,
    confidence: float = 0.95,
    seed: int = 0,
) -> list[Row]:
    """Evaluate every model on every set; the first model is the baseline the others are set against.

    Raises:
        DataError: When the models' labels differ or a set is empty.
    """
    settings: dict[str, Any] = {"resamples": resamples, "confidence": confidence, "seed": seed}
    baseline, *others = models.values()
    for other in others:
        check_comparable(other, baseline)
    rows = []
    for data, articles in datasets.items():
        reference: Scored | None = None
        for name, model in models.items():
            row, scored = _score_row(name, data, model, articles, reference, settings)
            reference = reference or scored
            rows.append(row)
    return rows


def compare_trained(
    contenders: Sequence[Contender],
    datasets: Mapping[str, Sequence[Article]],
    *,
    baseline: str | None = None,
    resamples: int = 1_000,
    permutations: int = 1_000,
    confidence: float = 0.95,
    seed: int = 0,
    costs: bool = True,
) -> Comparison:
    """Rank trained models on held-out articles.

    One model is in memory at a time.

    Args:
        contenders: From `find_contenders`, all of them trained (see `train_missing`).
        datasets: Name of a set to its articles.
        baseline: The name of the model that all are set against; by default see `choose_baseline`.
        resamples: Article resamples of the intervals.
        permutations: Swaps of the paired tests.
        confidence: Of the intervals, and of what is called distinguishable.
        seed: Fixes resamples and swaps.
        costs: Measure what predicting costs, in a process for each model, which takes seconds.

    Raises:
        BundleError: When a model is not there.
        DataError: When labels differ, a set is empty, or the baseline is none of the models.
    """
    if not datasets:
        raise DataError("no held-out articles to compare on")
    against = choose_baseline(contenders, baseline)
    settings: dict[str, Any] = {"resamples": resamples, "confidence": confidence, "seed": seed}
    answers: dict[str, dict[str, list[Scored]]] = {data: {} for data in datasets}
    rows: list[Row] = []
    spent: dict[str, Cost] = {}
    for contender in contenders:
        parts = []
        for bundle in contender.bundles:
            log.info("scoring %s", bundle)
            model = load_bundle(bundle)
            parts.append(trained_cost(bundle, model.card))
            for data, articles in datasets.items():
                first = next(iter(answers[data].values()), [None])[0]
                row, scored = _score_row(str(bundle), data, model, articles, first, settings)
                answers[data].setdefault(contender.name, []).append(scored)
                rows.append(row)
        if costs:
            parts.append(predicting_cost(bundle, _together(datasets, model)))
        spent[contender.name] = mean_cost(parts)
    boards = []
    for data, articles in datasets.items():
        groups = Examples.of(articles, model.labels).groups
        found = build_leaderboard(data, answers[data], groups, baseline=against, permutations=permutations, **settings)
        boards.append(found)
    ordered = [row for data in datasets for row in rows if row.data == data]
    return Comparison(boards, spent, ordered, _notes(ordered))


def compare_folds(
    contenders: Sequence[Contender],
    folds: Folds,
    *,
    baseline: str | None = None,
    resamples: int = 1_000,
    permutations: int = 1_000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Comparison:
    """Rank configs by nested cross-validation: every article scored by a model that saw nothing of it.

    Args:
        contenders: Configs, from `find_contenders`; they need not be trained.
        folds: From `make_folds`.
        baseline: As for `compare_trained`.
        resamples: Article resamples of the intervals.
        permutations: Swaps of the paired tests.
        confidence: Of the intervals, and of what is called distinguishable.
        seed: Fixes resamples and swaps.

    Raises:
        DataError: When there is too little to train on, or the baseline is none of the models.
    """
    against = choose_baseline(contenders, baseline)
    answers, costs = {}, {}
    for contender in contenders:
        answers[contender.name], costs[contender.name] = score_folds(contender, folds)
    board = build_leaderboard(
        f"{folds.n_folds} folds",
        answers,
        Examples.of(folds.articles, contenders[0].configs[0].labels).groups,
        baseline=against,
        resamples=resamples,
        permutations=permutations,
        confidence=confidence,
        seed=seed,
    )
    note = (
        f"each of the {board.n_articles} articles was scored by a model trained on the other {folds.n_folds - 1} "
        f"folds; the intervals are over articles, and leave out that the models of the folds share training articles"
    )
    return Comparison([board], costs, notes=[note])


def choose_baseline(contenders: Sequence[Contender], wanted: str | None) -> str:
    """Return the name of the baseline: the one asked for, else the first `tfidf` model, else the first.

    Args:
        contenders: Those compared.
        wanted: A name, a config's path or a folder of one of them.

    Raises:
        DataError: When it is none of them.
    """
    if wanted is None:
        return next((each.name for each in contenders if each.kind == BASELINE_KIND), contenders[0].name)
    for each in contenders:
        if wanted in (each.name, str(each.bundles[0])) or Path(wanted) in (each.given, each.bundles[0]):
            return each.name
    check_baseline(wanted, [each.name for each in contenders])
    return wanted


def _score_row(
    name: str,
    data: str,
    model: Labeller,
    articles: Sequence[Article],
    reference: Scored | None,
    settings: Mapping[str, Any],
) -> tuple[Row, Scored]:
    """Score a model on a set, and against a reference where there is one."""
    examples = Examples.of(articles, model.labels, context=model.context)
    scored = score(model, examples)
    difference = None
    if reference is not None:
        difference = paired_difference(model.labels, examples, scored, reference, **settings)
    return Row(name, data, summarise(model, examples, scored, **settings), difference), scored


def _together(datasets: Mapping[str, Sequence[Article]], model: Labeller) -> Examples:
    """Return the paragraphs of all sets, with the context the model reads."""
    everything = [article for articles in datasets.values() for article in articles]
    return Examples.of(everything, model.labels, context=model.context)


def _notes(rows: Sequence[Row]) -> list[str]:
    """Return what a reader should know of each row, each note once."""
    return list({f"{row.model} on {row.data}: {note}": None for row in rows for note in row.evaluation.notes})
