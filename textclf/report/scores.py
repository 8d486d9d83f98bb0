"""The tables of scores: per label, beside another model, on a leaderboard, in slices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from textclf.evaluate import Evaluation
from textclf.report.content import Against, Leaderboard, Report
from textclf.report.document import Block, Cell, Prose, Section, Table
from textclf.report.protocols import SliceLike, SlicesLike
from textclf.report.words import (
    DASH,
    count,
    difference_cell,
    listed,
    number,
    reach_of,
    score_cell,
    signed,
    span,
    start_of,
    threshold_text,
    title_of,
)

LABEL_SCORES = ("precision", "recall", "f1", "ap")
STAR = "* The interval of the difference leaves out zero."
BOARD_SCORES = ("macro_f1", "micro_f1", "macro_ap", "false_alarm_rate")


def label_section(report: Report) -> Section:
    """Return the scores per label, and all overall scores."""
    e = report.evaluation
    percent = f"{float(e.settings['confidence']):.0%}"
    shown = [name for name in LABEL_SCORES if name in e.per_label]
    columns = ("label", *(title_of(name) for name in shown), "support", "threshold")
    start = start_of(score for name in shown for score in e.per_label[name])
    rows = []
    for j, label in enumerate(e.labels):
        scores = [score_cell(e.per_label[name][j], start=start, why=_why(e, j)) for name in shown]
        rows.append((Cell(label), *scores, Cell(f"{e.support[j]:,}"), Cell(threshold_text(e.thresholds[j]))))
    per_label = Table(
        f"Scores of each label, with {percent} intervals on a scale from {start:g} to 1",
        columns,
        tuple(rows),
        look="cards",
        note="Support is how many paragraphs are known to carry the label; the fewer, the wider its intervals. A "
        "paragraph is given the label when its probability reaches the threshold, fixed before this evaluation.",
    )
    overall = Table(
        f"Scores over all labels, with {percent} intervals on a scale from 0 to 1",
        ("score", "value"),
        tuple((Cell(title_of(name)), score_cell(score)) for name, score in e.overall.items()),
        look="cards",
        flat=True,
    )
    beside = (overall,) if report.against is None else ()  # with another model they stand beside its own
    return Section("labels", "Label by label", (Prose(_extremes(e)), per_label, *beside, *_more_scores(e)))


def _more_scores(e: Evaluation) -> list[Table]:
    """Return the scores of each label that have no column above, to be looked up."""
    names = [name for name in e.per_label if name not in LABEL_SCORES]
    if not names:
        return []
    rows = tuple(
        (Cell(label), *(replace(score_cell(e.per_label[name][j], why=_why(e, j)), strip=None) for name in names))
        for j, label in enumerate(e.labels)
    )
    columns = ("label", *(title_of(name) for name in names))
    return [Table("More scores of each label", columns, rows, folded=True)]


def _why(e: Evaluation, column: int) -> str:
    """Return why a label's score is undefined."""
    if e.support[column] == 0:
        return "no paragraph carries it"
    return "the model never gave it"


def _extremes(e: Evaluation) -> str:
    """Return which labels the model does best and worst."""
    scored = [(f1.value, label, f1) for label, f1 in zip(e.labels, e.per_label["f1"], strict=True)]
    defined = sorted((each for each in scored if not math.isnan(each[0])), key=lambda each: each[0])
    if not defined:
        return "No label has a known positive here, so none can be scored."
    best, worst = defined[-1], defined[0]
    if len(defined) == 1:
        return f"The F1 of {best[1]} is {number(best[0])}."
    return (
        f"The model does best on {best[1]}, with an F1 of {number(best[0])}, and worst on {worst[1]}, with "
        f"{number(worst[0])} (interval {span(worst[2].interval) or 'undefined'})."
    )


def against_section(report: Report, against: Against) -> Section:
    """Return both models' scores and the paired differences."""
    e, other, difference = report.evaluation, against.evaluation, against.difference
    triples = [
        (title_of(name), e.overall[name], other.overall[name], gain) for name, gain in difference.overall.items()
    ]
    f1 = zip(e.labels, e.per_label["f1"], other.per_label["f1"], difference.per_label["f1"], strict=True)
    triples += [(f"F1 {label}", ours, theirs, gain) for label, ours, theirs, gain in f1]
    reach = reach_of([gain for _, ours, theirs, gain in triples if max(ours.value, theirs.value) <= 1])
    rows = tuple(
        (Cell(name), score_cell(ours), score_cell(theirs), difference_cell(gain, reach=reach))
        for name, ours, theirs, gain in triples
    )
    table = Table(
        f"Scores of both models, and the difference on a scale from {signed(-reach)} to {signed(reach)}",
        ("score", report.model.name, against.model.name, "difference"),
        rows,
        look="cards",
        note="Each resample of the articles scores both models, so what makes articles hard is common to both and "
        f"cancels. {STAR} Of rates of error, such as the false-alarm rate, lower is better.",
    )
    return Section("against", f"Beside {against.model.name}", (table,))


def leaderboard_section(board: Leaderboard) -> Section:
    """Return the models side by side."""
    shown = [name for name in BOARD_SCORES if any(name in row.overall for row in board.rows)]
    costs = list(dict.fromkeys(name for row in board.rows for name in row.costs))
    reach = reach_of([row.difference for row in board.rows])
    compared = title_of(board.score)
    rows = []
    for row in board.rows:
        scores = [score_cell(row.overall[name]) if name in row.overall else Cell(DASH, "not given") for name in shown]
        difference = difference_cell(row.difference, reach=reach, none="the reference")
        rows.append((Cell(row.name), *scores, difference))
    table = Table(
        f"Models on the same articles; the difference is in {compared}, to {board.reference}",
        ("model", *(title_of(name) for name in shown), "difference"),
        tuple(rows),
        look="cards",
        note=f"Differences are paired over articles; their scale goes from {signed(-reach)} to {signed(reach)}. {STAR}",
    )
    if not costs:
        return Section("leaderboard", "Leaderboard", (table,))
    spent = tuple((Cell(row.name), *(Cell(row.costs.get(name, DASH)) for name in costs)) for row in board.rows)
    return Section("leaderboard", "Leaderboard", (table, Table("What they cost", ("model", *costs), spent)))


def slices_section(report: Report, slices: SlicesLike) -> Section:
    """Return the scores of parts of the articles, one table for each way they are parted."""
    overall = report.evaluation.overall["macro_f1"].value
    blocks: list[Block] = [Prose(_worst(slices.worst, overall))]
    for by in dict.fromkeys(each.by for each in slices.slices):
        blocks.append(_slice_table(by, [each for each in slices.slices if each.by == by], overall))
    return Section("slices", "Parts of the articles", tuple(blocks))


def _worst(worst: Sequence[SliceLike], overall: float) -> str:
    """Return which parts are clearly below the rest."""
    if not worst:
        return "No part of the articles is clearly below the rest."
    parts = [
        f"{each.by} {each.value} (macro-F1 {number(each.scores['macro_f1'].value)}, "
        f"{count(each.n_paragraphs, 'paragraph')} of {count(each.n_articles, 'article')})"
        for each in worst
    ]
    return f"Clearly below the rest, the surest first: {listed(parts)}. Over all articles it is {number(overall)}."


def _slice_table(by: str, parts: Sequence[SliceLike], overall: float) -> Table:
    reach = reach_of([part.difference for part in parts])
    rows = tuple(
        (
            Cell(part.value or "not said"),
            Cell(f"{part.n_articles:,}"),
            Cell(f"{part.n_paragraphs:,}"),
            score_cell(part.scores["macro_f1"], mark=overall),
            difference_cell(part.difference, reach=reach),
        )
        for part in parts
    )
    return Table(
        f"Macro-F1 by {by}; the upright line is the score of all articles, {number(overall)}",
        (by, "articles", "paragraphs", "macro-F1", "difference"),
        rows,
        look="cards",
        flat=True,
        note=f"The difference is to the rest of the articles; its scale goes from {signed(-reach)} to {signed(reach)}. "
        f"{STAR}",
    )
