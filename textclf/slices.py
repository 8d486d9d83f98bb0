"""How a model does on each part of the articles: by source, year, length, labels, keywords, copies, or another field.

A slice is set against the rest of the same articles, both on the same resamples. Scores of slices differ for more
than one reason: F1 and average precision are lower where a label is rarer, however good the model. The difference is
therefore taken over the labels that both sides have, and slices that the labels themselves define (`labels`,
`keywords`) are never called the worst.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from textclf.evaluate import Estimate, score
from textclf.facets import FACETS, GIVEN_BY_LABELS, Faceted, Material, check_facet, facet
from textclf.intervals import Interval, bootstrap, percentile_interval
from textclf.keywords import holds_keyword, holds_keyword_out_of_fold, keywords_of
from textclf.labeller import Labeller
from textclf.labels import LabelSet
from textclf.metrics import Metric, Scored, f1, false_alarm_rate, macro_ap, macro_f1, micro_f1
from textclf.records import Article, Examples

SCORES: dict[str, Metric] = {
    "macro_f1": macro_f1,
    "micro_f1": micro_f1,
    "macro_ap": macro_ap,
    "false_alarm_rate": false_alarm_rate,
}
Statistic = Callable[[np.ndarray], np.ndarray]
FEWEST_TO_TELL = 10  # articles in a slice, and outside it, before it can be called one of the worst


@dataclass(frozen=True)
class Slice:
    """The paragraphs with one value of a facet.

    Attributes:
        by: The facet: ``source``, ``year``, ``extra.region`` and so on.
        value: Its value.
        n_articles: Articles with such a paragraph.
        n_paragraphs: How many paragraphs.
        scores: Score name (see `SCORES`) to estimate; NaN where it is undefined.
        difference: Macro-F1 here less macro-F1 of the rest, over the labels that both have.
    """

    by: str
    value: str
    n_articles: int
    n_paragraphs: int
    scores: dict[str, Estimate]
    difference: Estimate

    def to_json(self) -> dict[str, Any]:
        """Return the slice JSON-ready; an undefined score is null."""
        return {
            "by": self.by,
            "value": self.value,
            "n_articles": self.n_articles,
            "n_paragraphs": self.n_paragraphs,
            **{name: _number(estimate.value) for name, estimate in self.scores.items()},
            "intervals": {name: _ends(estimate) for name, estimate in self.scores.items()},
            "difference": {"difference": _number(self.difference.value), "interval": _ends(self.difference)},
        }


@dataclass(frozen=True)
class KeywordCheck:
    """Whether a model knows a label beyond its keywords.

    Attributes:
        label: The label.
        keywords: Its keywords; of several folds, those of all the evaluated articles.
        n_with: Paragraphs that carry the label and hold a keyword.
        n_without: Paragraphs that carry it and hold none.
        n_misleading: Paragraphs that hold a keyword and do not carry it.
        recall_with: The share of the first that is found.
        recall_without: The share of the second that is found: a mere keyword matcher finds none.
        false_alarms: The share of the third that is given the label: a mere keyword matcher gives it to all.
    """

    label: str
    keywords: tuple[str, ...]
    n_with: int
    n_without: int
    n_misleading: int
    recall_with: Estimate
    recall_without: Estimate
    false_alarms: Estimate

    def to_json(self) -> dict[str, Any]:
        """Return the check JSON-ready."""
        shares = {name: getattr(self, name) for name in ("recall_with", "recall_without", "false_alarms")}
        return {
            "keywords": list(self.keywords),
            **{name: getattr(self, name) for name in ("n_with", "n_without", "n_misleading")},
            **{name: _number(estimate.value) for name, estimate in shares.items()},
            "intervals": {name: _ends(estimate) for name, estimate in shares.items()},
        }


@dataclass(frozen=True)
class Slices:
    """A model's scores by slice.

    Attributes:
        slices: Every slice, facet by facet.
        worst: Those that are clearly below the rest, the surest first: the interval of the difference lies under 0,
            and there are articles enough on both sides.
        keywords: One check for each label, where asked for.
        settings: Resamples, confidence and seed.
        notes: What a reader should know.
    """

    slices: list[Slice]
    worst: list[Slice]
    keywords: list[KeywordCheck]
    settings: dict[str, float]
    notes: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return everything JSON-ready."""
        return {
            "slices": [each.to_json() for each in self.slices],
            "worst": [{"by": each.by, "value": each.value} for each in self.worst],
            "keywords": {check.label: check.to_json() for check in self.keywords},
            "settings": self.settings,
            "notes": self.notes,
        }


def measure_slices(
    model: Labeller,
    articles: Sequence[Article],
    by: str | Sequence[str] | None = None,
    *,
    copied: np.ndarray | None = None,
    training: Sequence[Article] | None = None,
    fewest_articles: int = 5,
    resamples: int = 1_000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Slices:
    """Score a model on each part of labelled articles.

    Args:
        model: What `textclf.load` gives.
        articles: Labelled articles.
        by: Facets (see `textclf.facets.FACETS`) or fields of the articles' `extra` such as ``extra.region``, as a list
            or parted by commas. None or ``"all"`` is every facet that these articles have more than one value of.
        copied: bool (n,): the paragraphs that are near-copies of training paragraphs; None where that is not known.
        training: The training articles, to take keywords from; None takes them from the other evaluated articles.
        fewest_articles: Values with fewer are pooled.
        resamples: Article resamples.
        confidence: Of the intervals.
        seed: Fixes the resamples.

    Raises:
        DataError: When there is no paragraph, or a facet is unknown or not known of these articles.
    """
    wanted = chosen_facets(by)
    examples = Examples.of(articles, model.labels, context=model.context)
    scored = score(model, examples)
    keywords, held = _keywords(examples, model.labels, training)
    facets = _facets(Material(articles, examples, held, copied, fewest_articles), wanted)
    parts = [
        (name, value, found.codes == code) for name, found in facets.items() for code, value in enumerate(found.names)
    ]
    statistics = [_slice_statistic(scored, rows) for _, _, rows in parts]
    if "keywords" in facets:
        statistics += [_keyword_statistic(scored, held, column) for column in range(len(model.labels))]

    def statistic(weights: np.ndarray) -> np.ndarray:
        return np.concatenate([each(weights) for each in statistics], axis=1)

    estimates = _estimates(statistic, examples.groups, resamples=resamples, confidence=confidence, seed=seed)
    slices = [
        Slice(
            name,
            value,
            n_articles=len(np.unique(examples.groups[rows])),
            n_paragraphs=int(rows.sum()),
            scores={score_name: next(estimates) for score_name in SCORES},
            difference=next(estimates),
        )
        for name, value, rows in parts
    ]
    checks = []
    for column, label in enumerate(model.labels if "keywords" in facets else ()):
        n_with, n_without, n_misleading = (int(rows.sum()) for rows in _keyword_rows(scored, held, column))
        counted = n_with, n_without, n_misleading
        checks.append(
            KeywordCheck(label, keywords[column], *counted, next(estimates), next(estimates), next(estimates))
        )
    settings = {"resamples": resamples, "confidence": confidence, "seed": seed}
    n_articles = len(np.unique(examples.groups))
    return Slices(slices, _worst(slices, n_articles), checks, settings, _notes(slices, n_articles, confidence))


def chosen_facets(by: str | Sequence[str] | None) -> dict[str, bool]:
    """Return facets by name, each with whether it was named itself, or came with ``"all"``.

    Raises:
        DataError: When there is no such facet.
    """
    names = [name.strip() for name in by.split(",")] if isinstance(by, str) else list(by or ["all"])
    chosen: dict[str, bool] = {}
    for name in names:
        if name == "all":
            chosen = dict.fromkeys(FACETS, False) | chosen
        else:
            check_facet(name)
            chosen[name] = True
    return chosen


def _facets(material: Material, wanted: Mapping[str, bool]) -> dict[str, Faceted]:
    """Return the facets wanted, without those that nobody named and that say nothing here."""
    facets = {}
    for name, named in wanted.items():
        if name == "copies" and material.copied is None and not named:
            continue
        found = facet(material, name)
        if named or len(found.names) > 1:
            facets[name] = found
    return facets


def _keywords(
    examples: Examples, labels: LabelSet, training: Sequence[Article] | None
) -> tuple[list[tuple[str, ...]], np.ndarray]:
    """Return the keywords of each label, and bool (n, k): which paragraphs hold one, out of sample."""
    if training is not None:
        learnt = Examples.of(training, labels)
        keywords = keywords_of(learnt.texts, learnt.targets, labels)
        return keywords, holds_keyword(examples.texts, keywords)
    held = holds_keyword_out_of_fold(examples.texts, examples.targets, examples.groups, labels)
    return keywords_of(examples.texts, examples.targets, labels), held


def _slice_statistic(scored: Scored, rows: np.ndarray) -> Statistic:
    """Return a function from row weights (b, n) to the scores of some rows and their difference to the rest, (b, 5)."""
    inside, outside = _rows(scored, rows), _rows(scored, ~rows)

    def statistic(weights: np.ndarray) -> np.ndarray:
        """Return the scores and the difference."""
        within = weights[:, rows]
        columns = [metric(inside, within) for metric in SCORES.values()]
        gaps = f1(inside, within) - f1(outside, weights[:, ~rows])  # NaN where one side lacks the label
        return np.stack([*columns, _mean_defined(gaps)], axis=1)

    return statistic


def _keyword_statistic(scored: Scored, held: np.ndarray, column: int) -> Statistic:
    """Return a function from row weights (b, n) to the three shares of a `KeywordCheck`, (b, 3)."""
    said = scored.decisions[:, column]
    among = np.stack(_keyword_rows(scored, held, column), axis=1)

    def statistic(weights: np.ndarray) -> np.ndarray:
        """Return the three shares."""
        all_rows = weights @ among
        hits = weights @ (among & said[:, None])
        return np.asarray(np.divide(hits, all_rows, out=np.full(hits.shape, np.nan), where=all_rows > 0))

    return statistic


def _keyword_rows(scored: Scored, held: np.ndarray, column: int) -> list[np.ndarray]:
    """Return which rows carry a label and hold a keyword, carry it and hold none, hold one and do not carry it."""
    yes, no = scored.targets[:, column] == 1, scored.targets[:, column] == 0
    return [yes & held[:, column], yes & ~held[:, column], no & held[:, column]]


def _rows(scored: Scored, rows: np.ndarray) -> Scored:
    return Scored(scored.targets[rows], scored.probabilities[rows], scored.decisions[rows])


def _mean_defined(values: np.ndarray) -> np.ndarray:
    """Return the mean (b,) of the defined numbers of each row (b, k); NaN where there is none."""
    defined = ~np.isnan(values)
    n = defined.sum(axis=1)
    total = np.where(defined, values, 0.0).sum(axis=1)
    return np.asarray(np.divide(total, n, out=np.full(len(values), np.nan), where=n > 0))


def _estimates(
    statistic: Statistic, groups: np.ndarray, *, resamples: int, confidence: float, seed: int
) -> Iterator[Estimate]:
    """Yield each column of a statistic with its interval."""
    values = statistic(np.ones((1, len(groups))))[0]
    samples = bootstrap(statistic, groups, n_resamples=resamples, seed=seed)
    for value, interval in zip(values, percentile_interval(samples, confidence=confidence), strict=True):
        yield Estimate(float(value), Interval(math.nan, math.nan) if math.isnan(value) else interval)


def _worst(slices: Sequence[Slice], n_articles: int) -> list[Slice]:
    """Return the slices that are clearly below the rest, the surest first."""
    clear = [each for each in slices if _can_tell(each, n_articles) and each.difference.interval.high < 0]
    return sorted(clear, key=lambda each: each.difference.interval.high)


def _can_tell(each: Slice, n_articles: int) -> bool:
    """Tell whether a slice may be called one of the worst: articles enough, and not chosen by its labels."""
    return each.by not in GIVEN_BY_LABELS and each.n_articles >= FEWEST_TO_TELL and n_articles >= 2 * FEWEST_TO_TELL


def _notes(slices: Sequence[Slice], n_articles: int, confidence: float) -> list[str]:
    asked = sum(_can_tell(each, n_articles) for each in slices)
    if not asked:
        return [
            f"none can be called the worst: that takes {FEWEST_TO_TELL} articles in a slice, {2 * FEWEST_TO_TELL} in "
            f"all, and a slice that is not made by {' or '.join(GIVEN_BY_LABELS)}"
        ]
    return [
        f"{asked} of {len(slices)} slices have articles enough ({FEWEST_TO_TELL}) to be called below the rest; by "
        f"chance alone about {asked * (1 - confidence) / 2:.1f} of them would be"
    ]


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 6)


def _ends(estimate: Estimate) -> list[float | None]:
    return [_number(estimate.interval.low), _number(estimate.interval.high)]
