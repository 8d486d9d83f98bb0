"""The tables of pairs of labels: which stand together, and which are taken for one another."""

from __future__ import annotations

import math

import numpy as np

from textclf.report.content import Report
from textclf.report.document import Block, Cell, Heading, Prose, Section, SideBySide, Table
from textclf.report.words import count

SHADES = 5  # of a matrix, from nothing to the largest count


def pairs_section(report: Report) -> Section:
    """Return which labels meet, in truth and as predicted, and which are taken for one another."""
    m = report.meetings
    if len(report.labels) == 1:
        return Section("meetings", "Labels that meet", (Prose("There is one label, so none meets another."),))
    names = [report.labels[j] for j in m.shown]
    chosen = np.ix_(m.shown, m.shown)
    most = max(_most(m.truth[chosen]), _most(m.predicted[chosen]))  # both are shaded alike
    told = "" if len(names) == len(report.labels) else f" The {len(names)} most frequent labels are shown."
    blocks: list[Block] = [
        Prose(
            "How many paragraphs carry two labels at once, and how many the model gives both; on the diagonal, those "
            f"with the one. Counted where both labels are known.{told}"
        ),
        SideBySide(
            (
                _matrix("In truth", names, m.truth[chosen], most=most),
                _matrix("As predicted", names, m.predicted[chosen], most=most),
            )
        ),
    ]
    blocks += [*_unlike(report), Heading("Taken for one another"), *_swapped(report)]
    return Section("meetings", "Labels that meet", tuple(blocks))


def _unlike(report: Report) -> list[Block]:
    """Return which labels are predicted to meet too often or too rarely: in words, and of many labels in a table."""
    m = report.meetings
    pairs = [(report.labels[i], report.labels[j], int(m.truth[i, j]), int(m.predicted[i, j])) for i, j in m.unlike()]
    if not pairs:
        return [Prose("Every two labels are predicted to meet as often as they do.")]
    one, other, truth, predicted = pairs[0]
    words = Prose(
        f"Most unlike: {one} and {other} meet in {count(truth, 'paragraph')} and are predicted together in "
        f"{predicted:,}."
    )
    if len(m.shown) == len(report.labels):
        return [words]
    rows = tuple((Cell(f"{a} and {b}"), Cell(f"{t:,}"), Cell(f"{p:,}")) for a, b, t, p in pairs)
    columns = ("pair", "in truth", "as predicted")
    return [words, Table("Pairs predicted too often or too rarely", columns, rows)]


def _swapped(report: Report) -> list[Block]:
    """Return which labels are given in another's stead."""
    m, labels = report.meetings, report.labels
    n = int(m.swapped.sum())
    if not n:
        return [Prose("No paragraph is wrong in exactly two labels, one missed and one given.")]
    are = count(n, "paragraph is", "paragraphs are")
    said = f"{are} wrong in exactly two labels, one missed and one given in its stead."
    if len(m.shown) == len(labels):
        caption = "The missed label (row) and the one given (column)"
        return [Prose(said), _matrix(caption, list(labels), m.swapped, most=_most(m.swapped))]
    rows = tuple((Cell(labels[i]), Cell(labels[j]), Cell(f"{m.swapped[i, j]:,}")) for i, j in m.most_swapped())
    return [Prose(said), Table("The most frequent such pairs", ("missed", "given in its stead", "paragraphs"), rows)]


def _most(counts: np.ndarray) -> int:
    """Return the largest count beside the diagonal, and at least 1."""
    return max(int(np.where(np.eye(len(counts), dtype=bool), 0, counts).max(initial=0)), 1)


def _matrix(caption: str, names: list[str], counts: np.ndarray, *, most: int) -> Table:
    """Return counts of labels by labels, shaded by their share of `most`; on the diagonal only what is not 0."""
    rows = []
    for i, name in enumerate(names):
        cells = [
            Cell(f"{counts[i, j]:,}", heat=math.ceil(SHADES * counts[i, j] / most))
            if i != j
            else Cell(f"{counts[i, j]:,}" if counts[i, j] else "")
            for j in range(len(names))
        ]
        rows.append((Cell(name), *cells))
    return Table(caption, ("", *names), tuple(rows), look="matrix")
