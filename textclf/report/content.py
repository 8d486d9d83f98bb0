"""What a report holds, as values: an evaluation with its model, data, curves, meetings of labels, and errors."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np

from textclf.bundle import library_versions
from textclf.curves import Bin, ThresholdCurve, reliability, threshold_curve
from textclf.data_facts import describe_data
from textclf.errors import DataError
from textclf.evaluate import Difference, Estimate, Evaluation
from textclf.intervals import bootstrap, percentile_interval
from textclf.labeller import Labeller
from textclf.labels import LabelSet
from textclf.metrics import Scored, counts
from textclf.records import Article, Examples
from textclf.report.meetings import Meetings, count_meetings
from textclf.report.mistakes import Mistakes, choose_mistakes
from textclf.report.protocols import Explain, SlicesLike
from textclf.version import __version__


@dataclass(frozen=True)
class ModelFacts:
    """What is known of a model from its card.

    Attributes:
        name: As a reader knows it: its folder.
        kind: Its kind, such as ``"tfidf"``.
        created: When it was trained.
        data: For ``"train"`` and ``"validation"``: ``articles``, ``paragraphs``, ``sha256``; empty where unknown.
        config: Its resolved config.
        libraries: Versions it was trained with.
        adaptations: How often its calibration and thresholds were fitted anew, without training (`textclf adapt`).
    """

    name: str
    kind: str = ""
    created: str = ""
    data: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    libraries: Mapping[str, str] = field(default_factory=dict)
    adaptations: int = 0

    @classmethod
    def of(cls, model: Labeller, name: str) -> ModelFacts:
        """Read them from a model's card."""
        card = model.card
        libraries = {"textclf": card["textclf_version"]} if "textclf_version" in card else {}
        return cls(
            name,
            str(card.get("kind", "")),
            str(card.get("created", "")),
            dict(card.get("data", {})),
            dict(card.get("config", {})),
            {**libraries, **card.get("libraries", {})},
            len(card.get("adaptations", ())),
        )


@dataclass(frozen=True)
class Against:
    """Another model on the same articles, and the paired difference: the reported model's scores less its."""

    model: ModelFacts
    evaluation: Evaluation
    difference: Difference


@dataclass(frozen=True)
class Contender:
    """One row of a leaderboard.

    Attributes:
        name: The model.
        overall: Score name (see `metrics.OVERALL`) to estimate.
        difference: Of the leaderboard's score to its reference model, paired; None for that model itself.
        costs: What it costs, such as ``{"training": "8 s", "bundle": "3 MiB"}``.
    """

    name: str
    overall: Mapping[str, Estimate]
    difference: Estimate | None = None
    costs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Leaderboard:
    """Several models on the same articles.

    Attributes:
        rows: The models, in the order they are to stand in.
        reference: The name of the model the differences are to.
        score: The name of the score that is compared.
    """

    rows: Sequence[Contender]
    reference: str
    score: str = "macro_f1"


@dataclass(frozen=True)
class LabelCurves:
    """The curves of one label."""

    label: str
    threshold: float
    curve: ThresholdCurve
    bins: list[Bin]


@dataclass(frozen=True)
class Fingerprint:
    """What was evaluated on, so that it can be told whether other articles are the same."""

    articles: int
    paragraphs: int
    sha256: str


@dataclass(frozen=True)
class Report:
    """Everything a report holds. `sections.compose` puts it into words and tables.

    Attributes:
        model: The model.
        data: The files the articles came from.
        labels: The labels.
        evaluation: The scores.
        given_right: Of the labels the model gives, the share that is right, all labels together.
        found: Of the labels there are, the share it finds, all labels together.
        n_labelled: Paragraphs that carry at least one label.
        n_empty: Paragraphs known to carry none.
        curves: One set per label.
        meetings: Which labels meet and are swapped.
        mistakes: The errors worth reading.
        fingerprint: Of the evaluated articles.
        written: The moment of the report, in UTC.
        environment: Versions it was written with.
        against: Another model on the same articles.
        leaderboard: Several models.
        slices: The scores of parts of the articles.
        command: What to type to get the report again.
        notes: What must be said of the scores at the head, beside what the evaluation itself tells.
    """

    model: ModelFacts
    data: tuple[str, ...]
    labels: LabelSet
    evaluation: Evaluation
    given_right: Estimate
    found: Estimate
    n_labelled: int
    n_empty: int
    curves: tuple[LabelCurves, ...]
    meetings: Meetings
    mistakes: Mistakes
    fingerprint: Fingerprint
    written: datetime
    environment: Mapping[str, str]
    against: Against | None = None
    leaderboard: Leaderboard | None = None
    slices: SlicesLike | None = None
    command: str = ""
    notes: tuple[str, ...] = ()


def build_report(
    model: Labeller,
    articles: Sequence[Article],
    evaluation: Evaluation,
    scored: Scored,
    *,
    name: str,
    data: Sequence[str],
    against: Against | None = None,
    leaderboard: Leaderboard | None = None,
    slices: SlicesLike | None = None,
    explain: Explain | None = None,
    command: str = "",
    notes: Sequence[str] = (),
    written: datetime | None = None,
) -> Report:
    """Gather what a report of one evaluation holds.

    Args:
        model: The model that was evaluated.
        articles: The labelled articles it was evaluated on.
        evaluation: What `evaluate` gave for the two.
        scored: Truth, probabilities and decisions of every paragraph, in order.
        name: What to call the model: its folder.
        data: What to call the articles: their files.
        against: Another model on the same articles.
        leaderboard: Several models, for a table.
        slices: Scores of parts of the articles.
        explain: Tells which words of a text drove the decisions; without it errors are shown plain.
        command: What to type to get the report again.
        notes: What must be said of the scores at the head, such as that some texts are copies of training texts.
        written: The moment of the report; by default now.

    Raises:
        DataError: When `scored` has not a row for each paragraph.
    """
    examples = Examples.of(articles, model.labels)
    if len(examples) != len(scored.targets):
        raise DataError(f"{len(scored.targets)} paragraphs were scored, but the articles have {len(examples)}")
    given_right, found = _in_all(scored, examples.groups, evaluation.settings)
    described = describe_data(articles, None, context=model.context)["train"]
    return Report(
        model=ModelFacts.of(model, name),
        data=tuple(data),
        labels=model.labels,
        evaluation=evaluation,
        given_right=given_right,
        found=found,
        n_labelled=int((scored.targets == 1).any(axis=1).sum()),
        n_empty=int((scored.targets == 0).all(axis=1).sum()),
        curves=tuple(_curves(scored, examples.groups, evaluation)),
        meetings=count_meetings(scored),
        mistakes=choose_mistakes(scored, evaluation.thresholds, articles, model.labels, explain=explain),
        fingerprint=Fingerprint(described["articles"], described["paragraphs"], described["sha256"]),
        written=written or datetime.now(UTC),
        environment={"textclf": __version__, "Python": platform.python_version(), **library_versions()},
        against=against,
        leaderboard=leaderboard,
        slices=slices,
        command=command,
        notes=tuple(notes),
    )


def _curves(scored: Scored, groups: np.ndarray, evaluation: Evaluation) -> list[LabelCurves]:
    confidence, seed = float(evaluation.settings["confidence"]), int(evaluation.settings["seed"])
    found = []
    for j, label in enumerate(evaluation.labels):
        y, p = scored.targets[:, j], scored.probabilities[:, j]
        bins = reliability(y, p, groups, confidence=confidence, seed=seed)
        found.append(LabelCurves(label, evaluation.thresholds[j], threshold_curve(y, p), bins))
    return found


def _in_all(scored: Scored, groups: np.ndarray, settings: Mapping[str, float]) -> tuple[Estimate, Estimate]:
    """Return precision and recall over all labels together, with intervals."""

    def shares(weights: np.ndarray) -> np.ndarray:
        """Return precision and recall, (b, 2), by row weights."""
        c = counts(scored, weights)
        hits, alarms, misses = (x.sum(axis=1) for x in (c.true_positive, c.false_positive, c.false_negative))
        below = np.stack([hits + alarms, hits + misses], axis=1)
        above = np.stack([hits, hits], axis=1)
        return np.asarray(np.divide(above, below, out=np.full(below.shape, np.nan), where=below > 0))

    values = shares(scored.ones())[0]
    samples = bootstrap(shares, groups, n_resamples=int(settings["resamples"]), seed=int(settings["seed"]))
    intervals = percentile_interval(samples, confidence=float(settings["confidence"]))
    given_right, found = (Estimate(float(v), interval) for v, interval in zip(values, intervals, strict=True))
    return given_right, found
