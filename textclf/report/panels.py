"""The small plots of each label: precision against recall, kept promises, and what other thresholds would give."""

from __future__ import annotations

import math

import numpy as np

from textclf.curves import Bin, calibration_gap
from textclf.report.content import LabelCurves, Report
from textclf.report.document import Cell, Line, Panel, Panels, Plot, Points, Prose, Section, Table
from textclf.report.words import DASH, number, span, threshold_text

LEVELS = tuple(round(0.1 * i, 1) for i in range(1, 10))
NO_POSITIVE = "no paragraph here is known to carry it"


def ranking_section(report: Report) -> Section:
    """Return precision against recall, per label."""
    panels = tuple(_ranking(each, report) for each in report.curves)
    rows = tuple(
        (Cell(c.label), *(Cell(number(c.curve.best_precision_from(level))) for level in LEVELS)) for c in report.curves
    )
    table = Table(
        "The precision that can be had at each recall",
        ("label", *(f"recall {level}" for level in LEVELS)),
        rows,
        folded=True,
    )
    said = Prose(
        "A lower threshold finds more of the paragraphs that carry a label and takes more that do not. Each curve "
        "shows what can be had; the dot is where the model's threshold puts it. The dotted line is what guessing would "
        "give."
    )
    key = (("solid", "what can be had"), ("dot", "the threshold in use"), ("dotted", "guessing"))
    return Section("ranking", "Precision against recall", (said, Panels(panels, key), table))


def _ranking(c: LabelCurves, report: Report) -> Panel:
    if not len(c.curve):
        return Panel(c.label, None, NO_POSITIVE)
    drawn = c.curve.thinned()
    precision, recall, _ = c.curve.at(c.threshold)
    x, y = np.concatenate([[0.0], drawn.recall]), np.concatenate([drawn.precision[:1], drawn.precision])
    lines = [Line(x, y, "accent", steps=True)]
    known = sum(each.n for each in c.bins)
    share = report.evaluation.support[report.labels.index(c.label)] / known if known else math.nan
    lines.append(Line(np.array([0.0, 1.0]), np.array([share, share]), "faint", "dotted"))
    dot = None if math.isnan(precision) else Points(np.array([recall]), np.array([precision]))
    average = report.evaluation.per_label["ap"][report.labels.index(c.label)]
    at = (
        "the model never gives it"
        if math.isnan(precision)
        else f"at the threshold {c.threshold:.2f} precision is {number(precision)} and recall {number(recall)}"
    )
    words = f"average precision {number(average.value)}; {at}"
    return Panel(c.label, Plot("recall", "precision", tuple(lines), dot), words)


def reliability_section(report: Report) -> Section:
    """Return how often each label is there by the probability it was given."""
    panels = tuple(_reliability(each) for each in report.curves)
    rows = tuple(
        (
            Cell(c.label),
            Cell(f"{b.low:.1f} to {b.high:.1f}"),
            Cell(f"{b.n:,}"),
            Cell(number(b.mean)),
            Cell(number(b.share), span(b.interval)),
        )
        for c in report.curves
        for b in c.bins
    )
    table = Table(
        "How often each label is there, by the probability it was given",
        ("label", "probability", "paragraphs", "mean probability", "share that carries it"),
        rows,
        folded=True,
    )
    said = Prose(
        "Where a label is given a probability of 0.7 it should be there seven times in ten. Points on the dotted line "
        "keep that promise; above it the model is too cautious, below it too sure. Bars are intervals over articles, "
        "and the area of a point tells how many paragraphs it stands for."
    )
    key = (("dot", "share that carries the label"), ("bar", "its interval"), ("dotted", "promise kept"))
    return Section("reliability", "Do probabilities hold", (said, Panels(panels, key), table))


def _reliability(c: LabelCurves) -> Panel:
    if not c.bins:
        return Panel(c.label, None, "nothing is known of it here")
    kept = Line(np.array([0.0, 1.0]), np.array([0.0, 1.0]), "faint", "dotted")
    points = Points(
        np.array([b.mean for b in c.bins]),
        np.array([b.share for b in c.bins]),
        np.array([b.interval.low for b in c.bins]),
        np.array([b.interval.high for b in c.bins]),
        np.array([b.n for b in c.bins], dtype=float),
    )
    gap = number(calibration_gap(c.bins))
    words = f"on average probabilities lie {gap} from the share that carries it; {_farthest(c.bins)}"
    return Panel(c.label, Plot("probability", "share", (kept,), points), words)


def _farthest(bins: list[Bin]) -> str:
    far = max(bins, key=lambda b: abs(b.mean - b.share))
    return f"farthest off, of {far.n:,} given {number(far.mean)} on average, a share of {number(far.share)} carries it"


def threshold_section(report: Report) -> Section:
    """Return what other thresholds would give, per label."""
    panels = tuple(_thresholds(each) for each in report.curves)
    rows = tuple((Cell(c.label), *(Cell(_three(c, level)) for level in LEVELS)) for c in report.curves)
    table = Table(
        "Precision / recall / F1 at each threshold",
        ("label", *(f"at {level}" for level in LEVELS)),
        rows,
        folded=True,
    )
    said = Prose(
        "The upright line is the threshold in use. It was fixed before this evaluation and is not moved here: choosing "
        "the best one by these curves would make the scores above too good."
    )
    key = (("thick", "F1"), ("solid", "precision"), ("dashed", "recall"), ("upright", "the threshold in use"))
    return Section("thresholds", "Other thresholds", (said, Panels(panels, key), table))


def _thresholds(c: LabelCurves) -> Panel:
    if not len(c.curve):
        return Panel(c.label, None, NO_POSITIVE)
    drawn = c.curve.thinned()
    x = drawn.thresholds
    lines = (
        Line(x, drawn.precision, "accent"),
        Line(x, drawn.recall, "second", "dashed"),
        Line(x, drawn.f1, "ink"),
    )
    best = int(c.curve.f1.argmax())
    words = (
        f"threshold {threshold_text(c.threshold)}, F1 there {number(c.curve.at(c.threshold)[2])}; the highest F1 on "
        f"these articles is {number(float(c.curve.f1[best]))}, at {c.curve.thresholds[best]:.2f}"
    )
    upright = c.threshold if c.threshold <= 1 else None
    return Panel(c.label, Plot("threshold", "score", lines, upright=upright), words)


def _three(c: LabelCurves, level: float) -> str:
    if not len(c.curve):
        return DASH
    return " / ".join(DASH if math.isnan(value) else f"{value:.2f}" for value in c.curve.at(level))
