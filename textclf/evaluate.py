"""Scoring a model on labelled articles, with intervals over articles, alone or against another model."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, TypeVar

import numpy as np

from textclf.article_ids import ids_in, met_by
from textclf.errors import DataError
from textclf.intervals import (
    Interval,
    Method,
    bca_interval,
    bootstrap_articles,
    jackknife_articles,
    percentile_interval,
)
from textclf.labeller import Labeller
from textclf.labels import LabelSet
from textclf.metrics import OVERALL, PER_LABEL, ReliabilityBin, Scored, Weights, all_scores, counts, reliability
from textclf.records import Article, Examples
from textclf.scoring import score_articles
from textclf.significance import holm, permutation_test
from textclf.thresholds import decide

T = TypeVar("T")
METHOD_NAMES: dict[Method, str] = {
    "percentile": "percentile bootstrap over articles",
    "bca": "BCa bootstrap over articles, widened for few of them",
}


@dataclass(frozen=True)
class Estimate:
    """A score with its confidence interval; NaN where it is undefined."""

    value: float
    interval: Interval

    def __str__(self) -> str:
        if math.isnan(self.value):
            return "–"
        if math.isnan(self.interval.low):
            return f"{self.value:.3f}"
        return f"{self.value:.3f} [{self.interval.low:.3f}, {self.interval.high:.3f}]"


@dataclass(frozen=True)
class Evaluation:
    """The scores of one model on one set of articles.

    Attributes:
        labels: The label set.
        overall: Score name (see `metrics.OVERALL`) to estimate.
        per_label: Score name (see `metrics.PER_LABEL`) to one estimate per label.
        support: Known positives per label.
        thresholds: The thresholds used, per label.
        n_articles: Articles scored.
        n_paragraphs: Paragraphs scored.
        n_known: Known targets, of n_paragraphs x labels.
        seen_articles: Ids of articles the model was trained on: scores on them are not held out.
        fitted_articles: Ids of articles its thresholds were fitted on: scores on them flatter a little.
        settings: Resamples, confidence and seed of the intervals.
        notes: What a reader should know.
        interval: How the intervals were read off the resamples.
        reliability: Per label, what was predicted and what observed, by bins of rising probability.
        scored: What was scored, a row for each paragraph in the order of the articles; not written as JSON.
    """

    labels: LabelSet
    overall: dict[str, Estimate]
    per_label: dict[str, list[Estimate]]
    support: list[int]
    thresholds: list[float]
    n_articles: int
    n_paragraphs: int
    n_known: int
    seen_articles: list[str]
    fitted_articles: list[str]
    settings: dict[str, float]
    notes: list[str] = field(default_factory=list)
    interval: Method = "bca"
    reliability: list[list[ReliabilityBin]] = field(default_factory=list)
    scored: Scored | None = field(default=None, repr=False, compare=False)

    def to_json(self) -> dict[str, Any]:
        """Return the evaluation JSON-ready; an undefined score is null."""
        per_label: dict[str, Any] = {}
        label_intervals: dict[str, Any] = {}
        for j, label in enumerate(self.labels):
            per_label[label] = {name: _number(scores[j].value) for name, scores in self.per_label.items()}
            per_label[label] |= {"support": self.support[j], "threshold": self.thresholds[j]}
            label_intervals[label] = {name: _ends(scores[j]) for name, scores in self.per_label.items()}
            if self.reliability:
                per_label[label]["reliability"] = [_rounded(asdict(each)) for each in self.reliability[j]]
        return {
            "n_articles": self.n_articles,
            "n_paragraphs": self.n_paragraphs,
            "n_known_targets": self.n_known,
            **{name: _number(score.value) for name, score in self.overall.items()},
            "per_label": per_label,
            "intervals": {
                **{name: _ends(score) for name, score in self.overall.items()},
                "per_label": label_intervals,
                **self.settings,
                "method": METHOD_NAMES[self.interval],
            },
            "articles_seen_in_training": self.seen_articles,
            "articles_thresholds_were_fitted_on": self.fitted_articles,
            "notes": self.notes,
        }


@dataclass(frozen=True)
class Difference:
    """The paired difference of two models on the same articles: this one's score less the other's.

    Attributes:
        overall: Score name to difference.
        per_label: Score name to one difference per label.
        labels: The label set.
        p_values: Score name to p-value, by swapping whole articles between the models.
        label_p_values: Score name to one p-value per label.
        holm: Those, adjusted for being as many tests as the score has labels.
    """

    labels: LabelSet
    overall: dict[str, Estimate]
    per_label: dict[str, list[Estimate]]
    p_values: dict[str, float]
    label_p_values: dict[str, list[float]]
    holm: dict[str, list[float]]

    def to_json(self) -> dict[str, Any]:
        """Return the differences JSON-ready."""
        per_label: dict[str, Any] = {label: {} for label in self.labels}
        for name, scores in self.per_label.items():
            for j, label in enumerate(self.labels):
                per_label[label][name] = {
                    "difference": _number(scores[j].value),
                    "interval": _ends(scores[j]),
                    "p_value": _number(self.label_p_values[name][j]),
                    "p_value_holm": _number(self.holm[name][j]),
                }
        return {
            **{
                name: {
                    "difference": _number(score.value),
                    "interval": _ends(score),
                    "p_value": _number(self.p_values[name]),
                }
                for name, score in self.overall.items()
            },
            "per_label": per_label,
            "intervals": f"paired {METHOD_NAMES['percentile']}, widened for few of them",
            "p_values": "two-sided, paired: whole articles swapped between the models; Holm's adjustment over labels",
        }


def evaluate(
    model: Labeller,
    articles: Iterable[Article],
    *,
    resamples: int = 1_000,
    confidence: float = 0.95,
    seed: int = 0,
    interval: Method = "bca",
) -> Evaluation:
    """Score a model on labelled articles, with bootstrap intervals over articles.

    Args:
        model: What `textclf.load` gives.
        articles: Labelled articles, gone through once; unknown labels count nowhere.
        resamples: Article resamples.
        confidence: Of the intervals.
        seed: Fixes the resamples.
        interval: How intervals are read off the resamples; docs/statistics.md tells which is nearer the truth when.

    Raises:
        DataError: When there is no paragraph, or a label the model does not know.
    """
    examples, (scored,) = score_articles([model], articles)
    return summarise(model, examples, scored, resamples=resamples, confidence=confidence, seed=seed, interval=interval)


def evaluate_against(
    model: Labeller,
    other: Labeller,
    articles: Iterable[Article],
    *,
    resamples: int = 1_000,
    confidence: float = 0.95,
    seed: int = 0,
    interval: Method = "bca",
) -> tuple[Evaluation, Evaluation, Difference]:
    """Score two models on the same articles and the paired difference between them.

    Each resample of the articles scores both models, so what makes articles hard is common to both and cancels.
    The p-values come from as many random swaps of articles.

    Raises:
        DataError: When the two have different labels, or as `evaluate` does.
    """
    check_comparable(model, other)
    settings: dict[str, Any] = {"resamples": resamples, "confidence": confidence, "seed": seed}
    examples, (ours, theirs) = score_articles([model, other], articles)
    return (
        summarise(model, examples, ours, interval=interval, **settings),
        summarise(other, examples, theirs, interval=interval, **settings),
        paired_difference(model.labels, examples, ours, theirs, **settings),
    )


def check_comparable(model: Labeller, other: Labeller) -> None:
    """Make sure that two models have the same labels in the same order.

    Raises:
        DataError: When they have not.
    """
    if model.labels.names != other.labels.names:
        ours, theirs = ", ".join(model.labels), ", ".join(other.labels)
        raise DataError(f"the two models have different labels ({ours} against {theirs}); they cannot be compared")


def paired_difference(
    labels: LabelSet,
    examples: Examples,
    ours: Scored,
    theirs: Scored,
    *,
    resamples: int,
    confidence: float,
    seed: int,
) -> Difference:
    """Return the difference of two scored models, both scored anew on each resample of the articles.

    Its intervals are percentiles, widened for few articles: of equal models they leave out 0 less often than BCa ones.
    """
    ours, theirs = (replace(scored, groups=examples.groups) for scored in (ours, theirs))
    sampling = Sampling(examples.groups, resamples, confidence, seed, interval="widened")
    estimates = sampling.estimate(lambda weights: all_scores(ours, weights) - all_scores(theirs, weights))
    p_values = permutation_test(all_scores, ours, theirs, examples.groups, n_permutations=resamples, seed=seed)
    overall, of_labels = sort_out(p_values.tolist(), len(labels))
    adjusted = {name: holm(np.array(values)).tolist() for name, values in of_labels.items()}
    return Difference(labels, *sort_out(estimates, len(labels)), overall, of_labels, adjusted)


def score(model: Labeller, examples: Examples) -> Scored:
    """Return truth, probabilities and decisions of a model on examples, which hold the context it reads.

    Raises:
        DataError: When there is nothing to score.
    """
    if not len(examples):
        raise DataError("there is no paragraph to evaluate on")
    probabilities = model.predict_proba(examples.texts, examples.contexts)
    return Scored(examples.targets, probabilities, decide(probabilities, model.thresholds))


def summarise(
    model: Labeller,
    examples: Examples,
    scored: Scored,
    *,
    resamples: int,
    confidence: float,
    seed: int,
    interval: Method = "bca",
) -> Evaluation:
    """Turn scored examples into an `Evaluation`, noting articles the model has met before."""
    scored = replace(scored, groups=examples.groups)
    sampling = Sampling(examples.groups, resamples=resamples, confidence=confidence, seed=seed, interval=interval)
    estimates = sampling.estimate(lambda weights: all_scores(scored, weights))
    overall, per_label = sort_out(estimates, len(model.labels))
    support = counts(scored, scored.ones()).positives[0].astype(int).tolist()
    seen, fitted = (known_articles(model, examples, split) for split in ("train", "validation"))
    notes = []
    if seen:
        notes.append(
            f"{len(seen)} of these articles were in the model's training data; scores on them are not held out: "
            f"{', '.join(seen[:5])}{' ...' if len(seen) > 5 else ''}"
        )
    if fitted:
        notes.append(f"the model's thresholds were fitted on {len(fitted)} of these articles; scores on them flatter")
    empty = [label for label, n in zip(model.labels, support, strict=True) if n == 0]
    if empty:
        notes.append(f"no paragraph here carries {', '.join(empty)}: no score for it, and none in the macro scores")
    known = (~np.isnan(examples.targets)).sum(axis=0).tolist()
    always = [label for label, n, of in zip(model.labels, support, known, strict=True) if n == of > 0]
    if always:
        notes.append(
            f"every paragraph here carries {', '.join(always)}, as far as is known: there can be no false alarm, and "
            f"average precision is 1 whatever the model says"
        )
    n_articles = len(np.unique(examples.groups))
    if n_articles < 10:
        notes.append(f"{n_articles} article(s) are too few for intervals to be trusted")
    return Evaluation(
        labels=model.labels,
        overall=overall,
        per_label=per_label,
        support=support,
        thresholds=[float(t) for t in model.thresholds],
        n_articles=n_articles,
        n_paragraphs=len(examples),
        n_known=int((~np.isnan(examples.targets)).sum()),
        seen_articles=seen,
        fitted_articles=fitted,
        settings={"resamples": resamples, "confidence": confidence, "seed": seed},
        notes=notes,
        interval=interval,
        reliability=reliability(scored),
        scored=scored,
    )


def known_articles(model: Labeller, examples: Examples, split: str) -> list[str]:
    """Return the ids of articles that the model's bundle says were in its ``"train"`` or ``"validation"`` split.

    Labelled articles that a model was adapted to count as validation articles: its thresholds were fitted on them.
    """
    known = met_by(model.card, split)
    if split == "validation":
        for step in model.card.get("adaptations", ()):
            known |= ids_in(step["target"])
    return [article_id for article_id in examples.article_ids if article_id in known]


@dataclass(frozen=True)
class Sampling:
    """How estimates of scores on some articles get their intervals.

    Attributes:
        groups: (n,): the article of each row.
        resamples: Article resamples.
        confidence: Of the intervals.
        seed: Fixes the resamples.
        interval: How they are read off; ``"widened"`` are percentiles, widened for few articles.
    """

    groups: np.ndarray
    resamples: int
    confidence: float
    seed: int
    interval: Literal[Method, "widened"]

    def estimate(self, scores: Callable[[Weights], np.ndarray]) -> list[Estimate]:
        """Return an estimate of each column of scores (b, c); an undefined score has no interval."""
        articles, rows = np.unique(self.groups, return_inverse=True)
        n_articles = len(articles)

        def statistic(times: np.ndarray) -> np.ndarray:
            return scores(Weights(times, rows))

        values = statistic(np.ones((1, n_articles)))[0]
        samples = bootstrap_articles(statistic, n_articles, n_resamples=self.resamples, seed=self.seed)
        if self.interval == "bca":
            left_out = jackknife_articles(statistic, n_articles)
            intervals = bca_interval(samples, values, left_out, confidence=self.confidence, n_articles=n_articles)
        else:
            few = n_articles if self.interval == "widened" else None
            intervals = percentile_interval(samples, confidence=self.confidence, n_articles=few)
        return [
            Estimate(float(value), interval if not math.isnan(value) else Interval(math.nan, math.nan))
            for value, interval in zip(values, intervals, strict=True)
        ]


def sort_out(columns: list[T], k: int) -> tuple[dict[str, T], dict[str, list[T]]]:
    """Part what there is of each column of `metrics.all_scores` by score: overall ones, and per-label ones by label."""
    rest = columns[len(OVERALL) :]
    per_label = {name: rest[i * k : (i + 1) * k] for i, name in enumerate(PER_LABEL)}
    return dict(zip(OVERALL, columns, strict=False)), per_label


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 6)


def _ends(estimate: Estimate) -> list[float | None]:
    return [_number(estimate.interval.low), _number(estimate.interval.high)]


def _rounded(record: dict[str, Any]) -> dict[str, Any]:
    return {key: round(value, 6) if isinstance(value, float) else value for key, value in record.items()}
