"""One threshold per label for what each is to reach, and how far it may be trusted.

A threshold fitted on few articles would be another on others. How much it wavers is told by fitting it again on
resamples of the articles. What it reaches on the very articles it was fitted on flatters; what is to be expected
elsewhere is told by the articles that each resample left out (the out-of-bag estimate, Breiman 1996).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from textclf.calibration import sigmoid
from textclf.errors import TextclfWarning
from textclf.intervals import Interval, article_weights, percentile_interval
from textclf.objectives import Cuts, Objective
from textclf.thresholds import DEFAULT, NEVER, best_of, decide, f_curve, fit_thresholds, trust_in

FEWEST = 30  # positives, and negatives, from which a threshold is trusted
FEWEST_ARTICLES = 10  # articles with a positive, from which it is
CONFIDENCE = 0.95
CELLS = 2_000_000  # resample weights worked on at a time: some 200 MB with all that is made of them
NOWHERE = Interval(np.nan, np.nan)


@dataclass(frozen=True)
class Reached:
    """What a threshold reaches in one measure.

    Attributes:
        value: On the articles it was fitted on, which flatters.
        interval: The 95% interval of that over article resamples, the threshold held fast.
        expected: On articles left out, by thresholds fitted on the resamples; NaN where there are none.
    """

    value: float
    interval: Interval
    expected: float

    def to_json(self) -> dict[str, Any]:
        """Return the three JSON-ready; what is not known is null."""
        ends = [_number(end) for end in self.interval]
        return {"value": _number(self.value), "interval": ends, "expected": _number(self.expected)}


@dataclass(frozen=True)
class LabelFit:
    """The threshold of one label and how sure it is.

    Attributes:
        objective: What it was fitted for.
        threshold: The threshold.
        interval: Its 95% interval over article resamples.
        positives: Known paragraphs that carry the label.
        negatives: Known paragraphs that do not.
        articles: Articles with one that does.
        met: The objective is reached on these articles.
        reached: Measure to what the threshold reaches in it: precision, recall, and the objective's own.
        reason: Why it is not to be trusted; "" where it is.
    """

    objective: Objective
    threshold: float
    interval: Interval = NOWHERE
    positives: int = 0
    negatives: int = 0
    articles: int = 0
    met: bool = True
    reached: Mapping[str, Reached] = field(default_factory=dict)
    reason: str = ""

    @property
    def trusted(self) -> bool:
        """Whether the threshold rests on enough."""
        return not self.reason

    def to_json(self) -> dict[str, Any]:
        """Return the fit JSON-ready, without the threshold, which the card has beside it."""
        return {
            **self.objective.to_json(),
            "interval": [_number(end) for end in self.interval],
            "support": self.positives,
            "negatives": self.negatives,
            "articles": self.articles,
            "met": self.met,
            "reached": {name: found.to_json() for name, found in self.reached.items()},
            "trusted": self.trusted,
            "reason": self.reason,
        }


def fit_for(
    targets: np.ndarray,
    probabilities: np.ndarray,
    groups: np.ndarray,
    objectives: Sequence[Objective],
    *,
    shrinkage: float = 100.0,
    otherwise: np.ndarray | None = None,
    never: Sequence[int] = (),
    n_resamples: int = 200,
    seed: int = 0,
) -> list[LabelFit]:
    """Fit each label's threshold for its objective.

    F-measures are averaged over resamples and drawn towards one threshold for all labels (see `fit_thresholds`). For
    every other objective the threshold is the exact best on the rows given.

    Args:
        targets: float32 (n, k): 1, 0 or NaN for unknown.
        probabilities: float32 (n, k), calibrated, from a model that did not train on these rows.
        groups: (n,): the article of each row.
        objectives: One per label.
        shrinkage: Of the F-measures.
        otherwise: (k,): the thresholds of labels with no positive. By default the pooled one for F-measures, else 0.5.
        never: Columns that are never to be predicted.
        n_resamples: Article resamples.
        seed: Fixes the resamples.
    """
    held_back = np.isin(np.arange(targets.shape[1]), list(never))
    fittable = (targets == 1).any(axis=0) & ~held_back
    settings: dict[str, Any] = {"shrinkage": shrinkage, "n_resamples": n_resamples, "seed": seed}
    thresholds, met = _best_thresholds(targets, probabilities, groups, objectives, fittable, **settings)
    if otherwise is not None:
        thresholds = np.where(fittable, thresholds, otherwise)
    thresholds[held_back] = NEVER
    found = _Resampled(targets, probabilities, thresholds, objectives, fittable)
    for weights in article_weights(groups, n_resamples=n_resamples, seed=seed):
        for part in np.array_split(weights, -(-weights.size // CELLS) or 1):
            found.add(part, shrinkage=shrinkage)
    fits = []
    for column, objective in enumerate(objectives):
        y = targets[:, column]
        fit = LabelFit(
            objective,
            float(thresholds[column]),
            positives=int((y == 1).sum()),
            negatives=int((y == 0).sum()),
            articles=len(np.unique(groups[y == 1])),
            met=bool(met[column]),
        )
        if fittable[column]:
            fit = replace(fit, interval=found.interval(column), reached=found.reached(column))
        fits.append(replace(fit, reason=_doubt(fit, never=bool(held_back[column]))))
    return fits


def _best_thresholds(
    targets: np.ndarray,
    probabilities: np.ndarray,
    groups: np.ndarray,
    objectives: Sequence[Objective],
    fittable: np.ndarray,
    **settings: Any,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the best threshold of each label (k,), and whether it is what was asked for, bool (k,)."""
    thresholds, met = np.full(len(objectives), DEFAULT), np.ones(len(objectives), dtype=bool)
    for beta in {each.beta for each in objectives if each.beta is not None}:
        columns = [column for column, each in enumerate(objectives) if each.beta == beta]
        thresholds[columns] = fit_thresholds(targets, probabilities, groups, beta=beta, **settings)[columns]
    ones = np.ones((1, len(targets)))
    for column, objective in enumerate(objectives):
        if fittable[column] and objective.beta is None:
            cuts = Cuts.of(targets[:, column], probabilities[:, column], ones)
            chosen, reachable = cuts.best(objective)
            thresholds[column], met[column] = cuts.thresholds(chosen)[0], reachable[0]
    return thresholds, met


def _doubt(fit: LabelFit, *, never: bool) -> str:
    """Return why a threshold is not to be trusted, or ""."""
    if never:
        return "it had no positive in training and is never given"
    if not fit.positives:
        return "nothing here is known to carry it, so no threshold can be fitted"
    if not fit.met:
        return f"no threshold reaches {fit.objective} on these articles"
    if fit.positives < FEWEST or fit.articles < FEWEST_ARTICLES:
        wanted = f"{FEWEST} in {FEWEST_ARTICLES} are wanted"
        return f"its positives are few ({fit.positives} in {fit.articles} article(s)); {wanted}"
    return f"{fit.negatives} negatives are few; {FEWEST} are wanted" if fit.negatives < FEWEST else ""


class _Resampled:
    """What each label's threshold is on every resample, and what it reaches there and on the rows left out."""

    def __init__(
        self,
        targets: np.ndarray,
        probabilities: np.ndarray,
        thresholds: np.ndarray,
        objectives: Sequence[Objective],
        fittable: np.ndarray,
    ) -> None:
        self.targets, self.probabilities, self.objectives = targets, probabilities, objectives
        self.decisions = decide(probabilities, thresholds)
        self.columns = np.flatnonzero(fittable).tolist()
        self.drawn: dict[int, list[np.ndarray]] = {column: [] for column in self.columns}
        self.counted: dict[int, list[np.ndarray]] = {column: [] for column in self.columns}
        self.left_out = {column: np.zeros(4) for column in self.columns}

    def add(self, weights: np.ndarray, *, shrinkage: float) -> None:
        """Take in a block (b, n) of row weights."""
        pooled = {
            beta: self._f_thresholds(weights, beta=beta, shrinkage=shrinkage)
            for beta in {self.objectives[column].beta for column in self.columns} - {None}
        }
        for column in self.columns:
            y, p, objective = self.targets[:, column], self.probabilities[:, column], self.objectives[column]
            if objective.beta is not None:
                thresholds = pooled[objective.beta][column]
            else:
                cuts = Cuts.of(y, p, weights)
                thresholds = cuts.thresholds(cuts.best(objective)[0])
            thresholds = np.where(weights @ (y == 1) > 0, thresholds, np.nan)
            self.drawn[column].append(thresholds)
            self.counted[column].append(_counts(y, self.decisions[None, :, column], weights))
            said = decide(p[None, :], thresholds[:, None])  # nothing, where there is no threshold
            out = ((weights == 0) & ~np.isnan(thresholds)[:, None]).astype(np.float64)
            self.left_out[column] += _counts(y, said, out).sum(axis=0)

    def _f_thresholds(self, weights: np.ndarray, *, beta: float | None, shrinkage: float) -> dict[int, np.ndarray]:
        """Return each label's threshold (b,) for an F-measure on every resample, drawn towards the pooled one."""
        curves = np.stack(
            [f_curve(self.targets[:, j], self.probabilities[:, j], weights, beta=beta or 1.0) for j in self.columns],
            axis=1,
        )
        common = np.array([best_of(curve, slack=0.0) for curve in curves.mean(axis=1)])
        trust = trust_in((self.targets[:, self.columns] == 1).sum(axis=0), shrinkage)
        own = np.array([[best_of(curve, slack=0.0) for curve in rows] for rows in curves])
        drawn = sigmoid(trust * own + (1 - trust) * common[:, None])
        return {column: drawn[:, place] for place, column in enumerate(self.columns)}

    def interval(self, column: int) -> Interval:
        """Return the 95% interval of a label's threshold."""
        return percentile_interval(np.concatenate(self.drawn[column]), confidence=CONFIDENCE)[0]

    def reached(self, column: int) -> dict[str, Reached]:
        """Return what a label's threshold reaches, by measure."""
        objective, y = self.objectives[column], self.targets[:, column]
        plain = _measures(objective, _counts(y, self.decisions[None, :, column], np.ones((1, len(y)))))
        samples = _measures(objective, np.concatenate(self.counted[column]))
        elsewhere = _measures(objective, self.left_out[column][None, :])
        return {
            name: Reached(
                float(plain[name][0]),
                percentile_interval(samples[name], confidence=CONFIDENCE)[0],
                float(elsewhere[name][0]),
            )
            for name in plain
        }


def _counts(y: np.ndarray, said: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return (b, 4): known rows given the label, those of them that carry it, all that carry it, all that are known.

    Args:
        y: (n,): 1, 0 or NaN.
        said: bool (b, n) or (1, n).
        weights: (b, n).
    """
    yes, known = (y == 1).astype(np.float64), (~np.isnan(y)).astype(np.float64)
    given = weights * said
    return np.stack([given @ known, given @ yes, weights @ yes, weights @ known], axis=1)


def _measures(objective: Objective, counts: np.ndarray) -> dict[str, np.ndarray]:
    """Return measures (b,) from counts (b, 4); NaN where one is undefined."""
    said, hits, positives, known = counts.T
    found = {"precision": _ratio(hits, said), "recall": _ratio(hits, positives)}
    if objective.beta is not None:
        square = objective.beta**2
        found[objective.name] = np.where(positives > 0, _ratio((1 + square) * hits, said + square * positives), np.nan)
    elif objective.name == "cost":
        spent = (positives - hits) * (objective.miss or 0.0) + (said - hits) * (objective.false_alarm or 0.0)
        found["cost_per_paragraph"] = _ratio(spent, known)
    elif objective.name == "expected_count":
        found["count_ratio"] = _ratio(said, positives)
    return found


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.asarray(np.divide(above, below, out=np.full(len(below), np.nan), where=below > 0))


def warn_of_fits(names: Sequence[str], fits: Sequence[LabelFit]) -> None:
    """Warn of objectives that cannot be reached, and of thresholds that rest on too little.

    F-measures are drawn towards the pooled threshold where a label has little, so of those there is no warning.
    """
    for name, fit in zip(names, fits, strict=True):
        never = fit.threshold == NEVER and not fit.reached
        if fit.trusted or never or fit.objective.beta is not None:
            continue
        told = f"label {name!r}: do not trust its threshold for {fit.objective} yet: {fit.reason}"
        if not fit.reached:
            told = f"label {name!r}: {fit.reason}; it has {fit.threshold:.2f}. Give articles that carry it"
        elif not fit.met:
            measure = fit.objective.name.removesuffix("_at_least")
            told = (
                f"label {name!r}: no threshold reaches {measure} {fit.objective.value:g} on these articles. The "
                f"nearest to it is taken, {fit.threshold:.2f}, with {measure} {fit.reached[measure].value:.2f}. Ask "
                f"for less, or stop giving the label: textclf thresholds MODEL --set {name}=never --out DIR"
            )
        warnings.warn(told, TextclfWarning, stacklevel=3)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)
