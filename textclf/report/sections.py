"""A report put into words, tables and plots: the document that is then set as HTML or Markdown."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from textclf.report.content import Report
from textclf.report.document import (
    Block,
    Cell,
    Code,
    Document,
    Facts,
    Heading,
    Legend,
    Prose,
    Readings,
    Section,
    SideBySide,
    Table,
)
from textclf.report.mistakes import Mistakes
from textclf.report.opening import opening
from textclf.report.panels import ranking_section, reliability_section, threshold_section
from textclf.report.scores import against_section, label_section, leaderboard_section, slices_section
from textclf.report.words import MEANINGS, count, listed, title_of

SHADES = 5  # of a matrix, from nothing to the largest count


def compose(report: Report) -> Document:
    """Return the document that a report makes."""
    names = listed([Path(name).name for name in report.data])
    sections = [
        *([leaderboard_section(report.leaderboard)] if report.leaderboard else []),
        label_section(report),
        *([against_section(report, report.against)] if report.against else []),
        ranking_section(report),
        threshold_section(report),
        reliability_section(report),
        _meetings(report),
        *([slices_section(report, report.slices)] if report.slices and report.slices.slices else []),
        _mistakes(report.mistakes),
        _vocabulary(report),
        _provenance(report),
    ]
    e = report.evaluation
    return Document(
        title=f"{report.model.name} on {names}",
        above="Evaluation of a paragraph classifier",
        below=f"{count(e.n_articles, 'article')}, {count(e.n_paragraphs, 'paragraph')}, "
        f"{count(len(e.labels), 'label')}. Written on {report.written.day} {report.written:%B %Y} "
        f"with textclf {report.environment['textclf']}.",
        opening=opening(report),
        sections=tuple(sections),
    )


def _meetings(report: Report) -> Section:
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
    blocks += _unlike(report)
    n_swapped = int(m.swapped.sum())
    blocks.append(Heading("Taken for one another"))
    if not n_swapped:
        blocks.append(Prose("No paragraph is wrong in exactly two labels, one missed and one given."))
        return Section("meetings", "Labels that meet", tuple(blocks))
    blocks.append(
        Prose(
            f"{count(n_swapped, 'paragraph is', 'paragraphs are')} wrong in exactly two labels, one missed and one "
            f"given in its stead."
        )
    )
    if len(names) == len(report.labels):
        blocks.append(
            _matrix("The missed label (row) and the one given (column)", names, m.swapped, most=_most(m.swapped))
        )
    else:
        rows = [
            (Cell(report.labels[i]), Cell(report.labels[j]), Cell(f"{m.swapped[i, j]:,}")) for i, j in m.most_swapped()
        ]
        blocks.append(
            Table("The most frequent such pairs", ("missed", "given in its stead", "paragraphs"), tuple(rows))
        )
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


def _mistakes(m: Mistakes) -> Section:
    blocks: list[Block] = [
        Prose(
            f"The model makes {count(m.n_false_alarms, 'false alarm')} and {count(m.n_misses, 'miss', 'misses')}. "
            f"These are chosen to be read: the surest errors, spread over labels and articles, no two of nearly the "
            f"same text. They show what goes wrong, not how often. Answers that nobody is sure of are never among them."
        )
    ]
    method = next((x.marked.method for x in (*m.false_alarms, *m.misses) if x.marked.method), "")
    if method:
        blocks.append(Legend(method))
    if m.unexplained:
        blocks.append(Prose(f"The words that drove the decisions are not marked: {m.unexplained}"))
    for title, mistakes in (
        ("False alarms: given, and not there", m.false_alarms),
        ("Misses: there, and not given", m.misses),
    ):
        blocks.append(Heading(title))
        blocks.append(Readings(mistakes) if mistakes else Prose("None."))
    return Section("errors", "Errors worth reading", tuple(blocks))


def _vocabulary(report: Report) -> Section:
    e = report.evaluation
    scores = [name for name in (*e.overall, *e.per_label) if name in MEANINGS]
    labels = [(name, report.labels.definitions.get(name, "")) for name in report.labels]
    blocks: list[Block] = [Facts(tuple((title_of(name), MEANINGS[name]) for name in dict.fromkeys(scores)))]
    if any(definition for _, definition in labels):
        told = tuple((name, definition or "no definition is given") for name, definition in labels)
        blocks += [Heading("What the labels mean"), Facts(told)]
    return Section("words", "Words used here", tuple(blocks))


def _provenance(report: Report) -> Section:
    e, f = report.evaluation, report.fingerprint
    blocks: list[Block] = [
        Facts(
            (
                ("evaluated on", f"{count(f.articles, 'article')}, {count(f.paragraphs, 'paragraph')}"),
                ("files", listed(report.data, most=20)),
                ("SHA-256 of the articles", f.sha256),
                *_trained_on(report),
                ("intervals", _settings(e.settings)),
                ("written with", _versions(report.environment)),
                *([("trained with", _versions(report.model.libraries))] if report.model.libraries else []),
            )
        )
    ]
    if report.command:
        blocks.append(Code(report.command, "To get this report again"))
    if e.notes:
        blocks += [Heading("Notes of the evaluation"), *(Prose(_sentence(note)) for note in e.notes)]
    if report.model.config:
        blocks.append(
            Code(_yaml(report.model.config), "The config of the model, every setting written out", folded=True)
        )
    return Section("provenance", "Where this comes from", tuple(blocks))


def _trained_on(report: Report) -> list[tuple[str, str]]:
    names = {"train": "SHA-256 of the training articles", "validation": "SHA-256 of the validation articles"}
    known = [(names[split], report.model.data.get(split, {})) for split in names]
    return [(name, str(data["sha256"])) for name, data in known if data.get("sha256") and data.get("articles")]


def _settings(settings: dict[str, float]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in settings.items())


def _versions(versions: Any) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _sentence(note: str) -> str:
    return note[:1].upper() + note[1:] + ("" if note.endswith((".", "...")) else ".")


def _yaml(config: Any) -> str:
    return str(yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True, width=100)).strip()
