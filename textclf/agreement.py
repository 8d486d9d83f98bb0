"""How well annotators agree on each label: Krippendorff's alpha with intervals over articles, and every two of them.

Unknown and absent answers are missing values to every measure. Alpha is nominal (Krippendorff 2019, chapter 12). Whole
articles are resampled, and a resample reuses the counts of each article, so that a thousand cost one matrix product.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from textclf.datasets.annotators import Answers
from textclf.errors import import_extra
from textclf.evaluate import Estimate
from textclf.intervals import Interval, bootstrap, percentile_interval


@dataclass(frozen=True)
class Pair:
    """Two annotators on one label.

    Attributes:
        first: One.
        second: The other.
        n: Paragraphs that both answered yes or no.
        percent: The share they answered alike; NaN without any.
        kappa: Cohen's kappa; NaN where chance alone would make them agree.
    """

    first: str
    second: str
    n: int
    percent: float
    kappa: float


@dataclass(frozen=True)
class LabelAgreement:
    """How well all annotators agree on one label.

    Attributes:
        label: The label.
        alpha: Krippendorff's alpha and its interval over articles; NaN where it is undefined.
        percent: The share of answers alike, over all pairs of answers to a paragraph; NaN without any.
        n: Paragraphs that two annotators or more answered yes or no.
        yes: How many of those each annotator answered yes, by name.
        pairs: Every two annotators.
        note: Why alpha is undefined or its interval weak; empty where all is well.
    """

    label: str
    alpha: Estimate
    percent: float
    n: int
    yes: dict[str, int]
    pairs: list[Pair]
    note: str = ""


@dataclass(frozen=True)
class Agreement:
    """How well annotators agree, label by label.

    Attributes:
        answers: What they answered.
        per_label: One a label, in order.
        settings: Resamples, confidence and seed of the intervals.
    """

    answers: Answers
    per_label: list[LabelAgreement]
    settings: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the agreement JSON-ready; what is undefined is null."""
        return {
            "annotators": list(self.answers.annotators),
            "n_articles": len(set(self.answers.groups.tolist())),
            "n_paragraphs": len(self.answers.units),
            "per_label": {
                each.label: {
                    "alpha": _number(each.alpha.value),
                    "interval": [_number(each.alpha.interval.low), _number(each.alpha.interval.high)],
                    "percent": _number(each.percent),
                    "n": each.n,
                    "yes": each.yes,
                    "pairs": [
                        {
                            "annotators": [pair.first, pair.second],
                            "n": pair.n,
                            "percent": _number(pair.percent),
                            "kappa": _number(pair.kappa),
                        }
                        for pair in each.pairs
                    ],
                    "note": each.note,
                }
                for each in self.per_label
            },
            "gaps": [
                {"article_id": gap.article_id, "paragraphs": gap.paragraphs, "had_by": list(gap.had_by)}
                for gap in self.answers.gaps
            ],
            "settings": {**self.settings, "method": "percentile bootstrap over articles"},
        }


def measure(answers: Answers, *, resamples: int = 1_000, confidence: float = 0.95, seed: int = 0) -> Agreement:
    """Measure how well annotators agree on each label.

    Args:
        answers: Their answers, from `datasets.annotators.gather`.
        resamples: Article resamples for the intervals.
        confidence: Of the intervals.
        seed: Fixes the resamples.

    Raises:
        MissingExtraError: When the package krippendorff is not installed.
    """
    known = answers.known()
    counts = coincidences(known, answers.groups)
    samples = bootstrap(
        lambda weights: alpha(np.tensordot(weights, counts, axes=1)),
        np.arange(len(counts)),
        n_resamples=resamples,
        seed=seed,
    )
    intervals = percentile_interval(samples, confidence=confidence)
    per_label = [
        _label(answers, known, counts[:, j], column=j, samples=samples[:, j], interval=intervals[j])
        for j in range(len(answers.labels))
    ]
    return Agreement(answers, per_label, {"resamples": resamples, "confidence": confidence, "seed": seed})


def coincidences(known: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Count coinciding answers per article and label: float64 (articles, k, 3) of both yes, both no, one of each.

    Every ordered pair of answers to one paragraph counts 1 / (its answers - 1); one of each counts yes-no only.

    Args:
        known: (m, n, k): 1, 0 or NaN.
        groups: (n,): the article of each paragraph, from 0.
    """
    yes, no = (known == 1).sum(axis=0), (known == 0).sum(axis=0)
    weight = np.where(yes + no > 1, 1.0 / np.maximum(yes + no - 1, 1), 0.0)
    per_unit = np.stack([yes * (yes - 1) * weight, no * (no - 1) * weight, yes * no * weight], axis=-1)
    counts = np.zeros((int(groups.max(initial=-1)) + 1, *per_unit.shape[1:]))
    np.add.at(counts, groups, per_unit)
    return counts


def alpha(counts: np.ndarray) -> np.ndarray:
    """Return Krippendorff's nominal alpha of coincidences (..., 3); NaN where one answer is all there is."""
    both_yes, both_no, mixed = np.moveaxis(counts, -1, 0)
    yes, no = both_yes + mixed, both_no + mixed
    chance = yes * no
    return np.asarray(
        1 - np.divide((yes + no - 1) * mixed, chance, out=np.full(chance.shape, np.nan), where=chance > 0)
    )


def _label(
    answers: Answers, known: np.ndarray, counts: np.ndarray, *, column: int, samples: np.ndarray, interval: Interval
) -> LabelAgreement:
    """Gather all measures of one label; `counts` is (articles, 3) and `samples` (resamples,)."""
    label = known[:, :, column]
    pairable = (~np.isnan(label)).sum(axis=0) > 1
    value, note = _point(label, counts)
    undefined = float(np.isnan(samples).mean())
    if math.isnan(value):
        interval = Interval(math.nan, math.nan)
    elif undefined > 0.05:
        note = f"{undefined:.0%} of the resamples hold one answer only; the interval leaves them out"
    elif value == 1:
        note = "no two answers differ, so the interval cannot tell what more articles would bring"
    total = counts.sum(axis=0) @ np.array([1.0, 1.0, 2.0])
    alike = counts.sum(axis=0)[:2].sum() / total if total else math.nan
    yes = {name: int((label[m, pairable] == 1).sum()) for m, name in enumerate(answers.annotators)}
    pairs = [
        _pair(answers.annotators[a], answers.annotators[b], label[a], label[b])
        for a, b in itertools.combinations(range(len(label)), 2)
    ]
    name = answers.labels[column]
    return LabelAgreement(name, Estimate(value, interval), float(alike), int(pairable.sum()), yes, pairs, note)


def _point(label: np.ndarray, counts: np.ndarray) -> tuple[float, str]:
    """Return alpha of answers (m, n) by the package krippendorff, or NaN and why it is undefined."""
    krippendorff = import_extra("krippendorff", extra="agreement", purpose="measuring agreement")
    yes, no = (label == 1).sum(axis=0), (label == 0).sum(axis=0)
    pairable = yes + no > 1
    if not pairable.any():
        return math.nan, "no paragraph was answered by two annotators"
    if not yes[pairable].any() or not no[pairable].any():
        answer = "yes" if yes[pairable].any() else "no"
        return math.nan, f"every answer is {answer}, so chance cannot be told from agreement"
    if (counts.sum(axis=1) > 0).sum() < 2:
        return math.nan, "only one article was answered by two annotators; alpha over articles needs more"
    values = np.stack([no, yes], axis=1)
    return float(krippendorff.alpha(value_counts=values, level_of_measurement="nominal")), ""


def _pair(first: str, second: str, one: np.ndarray, other: np.ndarray) -> Pair:
    both = ~np.isnan(one) & ~np.isnan(other)
    n = int(both.sum())
    if n == 0:
        return Pair(first, second, 0, math.nan, math.nan)
    a, b = one[both], other[both]
    alike = float((a == b).mean())
    chance = float(a.mean() * b.mean() + (1 - a.mean()) * (1 - b.mean()))
    constant = len(set(a.tolist() + b.tolist())) == 1
    return Pair(first, second, n, alike, math.nan if constant else (alike - chance) / (1 - chance))


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 6)
