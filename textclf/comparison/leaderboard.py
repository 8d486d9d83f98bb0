"""Ranking models on one set of articles: scores, paired tests against the best and the baseline, what seeds add.

All of it is paired over articles. Every model is scored on the same resamples of the articles, so the difference of
two has an interval of its own; and whole articles are swapped between two models for the p-value of their difference.
A model trained with several seeds has the mean of its scores, resample by resample.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import lcm
from typing import Any

import numpy as np

from textclf.errors import DataError, did_you_mean, one_of
from textclf.evaluate import Estimate
from textclf.intervals import bootstrap, percentile_interval
from textclf.metrics import Metric, Scored, false_alarm_rate, macro_ap, macro_f1, micro_f1
from textclf.significance import SeedSummary, holm, permutation_test, summarise_seeds

SCORES: dict[str, Metric] = {
    "macro_f1": macro_f1,
    "micro_f1": micro_f1,
    "macro_ap": macro_ap,
    "false_alarm_rate": false_alarm_rate,
}
RANKED_BY = "macro_f1"
FEW_ARTICLES = 10


@dataclass(frozen=True)
class Paired:
    """A model's macro-F1 less another's, on the same articles.

    Attributes:
        difference: With its interval over articles.
        p: Of a permutation test that swaps whole articles; NaN where a score is undefined.
        p_adjusted: The same, adjusted by Holm's method for all the models set against that other.
    """

    difference: Estimate
    p: float
    p_adjusted: float

    def to_json(self) -> dict[str, Any]:
        """Return the difference JSON-ready; what is undefined is null."""
        return {
            "difference": _number(self.difference.value),
            "interval": [_number(end) for end in self.difference.interval],
            "p": _number(self.p),
            "p_adjusted": _number(self.p_adjusted),
        }


@dataclass(frozen=True)
class Standing:
    """One model's place.

    Attributes:
        rank: From 1.
        model: Its name.
        scores: Score name (see `SCORES`) to its mean over seeds, with the interval over articles.
        seeds: What seeds add to macro-F1; with one seed, most of it is NaN.
        by_seed: Macro-F1 of each training.
        to_best: Against the best; None for the best itself.
        to_baseline: Against the baseline; None for the baseline itself.
        distinguishable: Whether it is surely not as good as the best, at the confidence asked for; the best itself
            is not distinguishable from the best.
    """

    rank: int
    model: str
    scores: dict[str, Estimate]
    seeds: SeedSummary
    by_seed: list[float]
    to_best: Paired | None
    to_baseline: Paired | None
    distinguishable: bool

    def to_json(self) -> dict[str, Any]:
        """Return the standing JSON-ready."""
        s = self.seeds
        return {
            "rank": self.rank,
            "model": self.model,
            **{name: _number(estimate.value) for name, estimate in self.scores.items()},
            "intervals": {name: [_number(end) for end in e.interval] for name, e in self.scores.items()},
            "seeds": {
                "n": s.n_seeds,
                RANKED_BY: [_number(value) for value in self.by_seed],
                "sd": _number(s.sd),
                "share_of_variance": _number(s.seed_share),
                "standard_error": _number(s.standard_error),
            },
            "to_best": self.to_best and self.to_best.to_json(),
            "to_baseline": self.to_baseline and self.to_baseline.to_json(),
            "distinguishable_from_best": self.distinguishable,
        }


@dataclass(frozen=True)
class Leaderboard:
    """Models on one set of articles, best first.

    Attributes:
        data: The set's name.
        n_articles: Articles scored.
        n_paragraphs: Paragraphs scored.
        baseline: The name of the model that all are set against.
        standings: One for each model.
        settings: Resamples, permutations, confidence and seed.
        notes: What a reader should know.
    """

    data: str
    n_articles: int
    n_paragraphs: int
    baseline: str
    standings: list[Standing]
    settings: dict[str, float]
    notes: list[str]

    @property
    def best(self) -> Standing:
        """The first."""
        return self.standings[0]

    def as_good(self) -> list[Standing]:
        """Return the models, other than the best, that are not distinguishable from it."""
        return [each for each in self.standings[1:] if not each.distinguishable]

    def to_json(self) -> dict[str, Any]:
        """Return the leaderboard JSON-ready."""
        return {
            "data": self.data,
            "n_articles": self.n_articles,
            "n_paragraphs": self.n_paragraphs,
            "ranked_by": RANKED_BY,
            "baseline": self.baseline,
            "standings": [each.to_json() for each in self.standings],
            "settings": self.settings,
            "notes": self.notes,
        }


def build_leaderboard(
    data: str,
    models: Mapping[str, Sequence[Scored]],
    groups: np.ndarray,
    *,
    baseline: str,
    resamples: int = 1_000,
    permutations: int = 1_000,
    confidence: float = 0.95,
    seed: int = 0,
    notes: Sequence[str] = (),
) -> Leaderboard:
    """Rank models by macro-F1.

    Args:
        data: The set's name.
        models: Name to one `Scored` for each training, all of the same n paragraphs and targets.
        groups: (n,): the article of each paragraph.
        baseline: The name of the model that all are set against.
        resamples: Article resamples of the intervals.
        permutations: Swaps of the paired tests.
        confidence: Of the intervals; what is left of 1 is where a p-value is small enough.
        seed: Fixes resamples and swaps.
        notes: What a reader should know already.

    Raises:
        DataError: When there is no paragraph, or the baseline is none of the models.
    """
    if not len(groups):
        raise DataError(f"{data}: there is no paragraph to compare on")
    check_baseline(baseline, list(models))
    sampled = {name: _Sampled.of(trained, groups, resamples=resamples, seed=seed) for name, trained in models.items()}
    column = list(SCORES).index(RANKED_BY)
    means = {name: float(each.values[:, column].mean()) for name, each in sampled.items()}
    order = sorted(models, key=lambda name: -means[name] if not math.isnan(means[name]) else 1.0)

    def against(other: str) -> dict[str, Paired]:
        return _against(other, models, sampled, groups, permutations=permutations, confidence=confidence, seed=seed)

    to_best, to_baseline = against(order[0]), against(baseline)
    n_articles = len(np.unique(groups))
    told = list(notes)
    if n_articles < FEW_ARTICLES:
        told.append(f"{n_articles} article(s) are too few for intervals and p-values to be trusted")
    if math.isnan(means[order[0]]):
        told.append("no paragraph here carries a label, so that nothing can be ranked")
    standings = [
        Standing(
            rank=rank,
            model=name,
            scores=sampled[name].estimates(confidence),
            seeds=summarise_seeds(sampled[name].values[:, column], sampled[name].samples[:, :, column]),
            by_seed=[float(value) for value in sampled[name].values[:, column]],
            to_best=to_best.get(name),
            to_baseline=to_baseline.get(name),
            distinguishable=name in to_best and to_best[name].p_adjusted < 1 - confidence,
        )
        for rank, name in enumerate(order, start=1)
    ]
    settings = {"resamples": resamples, "permutations": permutations, "confidence": confidence, "seed": seed}
    return Leaderboard(data, n_articles, len(groups), baseline, standings, settings, told)


def check_baseline(baseline: str, names: Sequence[str]) -> None:
    """Make sure that the baseline is one of the models.

    Raises:
        DataError: When it is not; the nearest name is told.
    """
    if baseline not in names:
        raise DataError(
            f"the baseline {baseline!r} is none of the models compared ({one_of(list(names))})"
            f"{did_you_mean(baseline, names)}"
        )


@dataclass(frozen=True)
class _Sampled:
    """Every score of `SCORES` by training: plainly, float64 (t, s), and on each resample, (t, b, s)."""

    values: np.ndarray
    samples: np.ndarray

    @classmethod
    def of(cls, trained: Sequence[Scored], groups: np.ndarray, *, resamples: int, seed: int) -> _Sampled:
        """Score every training, plainly and on each resample of the articles."""

        def scores(weights: np.ndarray) -> np.ndarray:
            each = [[metric(scored, weights) for metric in SCORES.values()] for scored in trained]
            return np.moveaxis(np.array(each), 2, 0)  # (b, t, s)

        values = scores(trained[0].ones())[0]
        return cls(values, np.moveaxis(bootstrap(scores, groups, n_resamples=resamples, seed=seed), 1, 0))

    def estimates(self, confidence: float) -> dict[str, Estimate]:
        """Return the mean over trainings of each score, with its interval over articles."""
        intervals = percentile_interval(self.samples.mean(axis=0), confidence=confidence)
        return {
            name: Estimate(float(value), interval)
            for name, value, interval in zip(SCORES, self.values.mean(axis=0), intervals, strict=True)
        }


def _against(
    other: str,
    models: Mapping[str, Sequence[Scored]],
    sampled: Mapping[str, _Sampled],
    groups: np.ndarray,
    *,
    permutations: int,
    confidence: float,
    seed: int,
) -> dict[str, Paired]:
    """Return every other model's macro-F1 less that of `other`, p-values adjusted for all of them."""
    names = [name for name in models if name != other]
    column = list(SCORES).index(RANKED_BY)
    differences, p_values = [], []
    for name in names:
        ours, theirs = sampled[name], sampled[other]
        value = ours.values[:, column].mean() - theirs.values[:, column].mean()
        samples = ours.samples[:, :, column].mean(axis=0) - theirs.samples[:, :, column].mean(axis=0)
        differences.append(Estimate(float(value), percentile_interval(samples, confidence=confidence)[0]))
        pair = side_by_side(models[name], models[other])
        p_values.append(float(permutation_test(macro_f1, *pair, groups, n_permutations=permutations, seed=seed)))
    adjusted = holm(np.array(p_values))
    return {
        name: Paired(difference, p, float(p_adjusted))
        for name, difference, p, p_adjusted in zip(names, differences, p_values, adjusted, strict=True)
    }


def side_by_side(ours: Sequence[Scored], theirs: Sequence[Scored]) -> tuple[Scored, Scored]:
    """Return two models, each with all its trainings beside one another as so many more labels: (n, labels x m).

    A macro average over those columns is the mean over trainings of each one's macro average, since trainings share
    their targets. Where one model has fewer trainings, each stands there more often, so that both are as wide.
    """
    width = lcm(len(ours), len(theirs))
    return _beside(ours, width // len(ours)), _beside(theirs, width // len(theirs))


def _beside(trained: Sequence[Scored], times: int) -> Scored:
    repeated = [scored for scored in trained for _ in range(times)]
    return Scored(
        np.concatenate([scored.targets for scored in repeated], axis=1),
        np.concatenate([scored.probabilities for scored in repeated], axis=1),
        np.concatenate([scored.decisions for scored in repeated], axis=1),
    )


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 6)
