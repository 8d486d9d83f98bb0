"""A report put into words, tables and plots: the document that is then set as HTML or Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from textclf.report.content import Report
from textclf.report.document import Block, Code, Document, Facts, Heading, Legend, Prose, Readings, Section
from textclf.report.mistakes import Mistakes
from textclf.report.opening import opening
from textclf.report.pairs import pairs_section
from textclf.report.panels import ranking_section, reliability_section, threshold_section
from textclf.report.scores import against_section, label_section, leaderboard_section, slices_section
from textclf.report.words import MEANINGS, count, listed, sentence, title_of


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
        pairs_section(report),
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
        blocks += [Heading("Notes of the evaluation"), *(Prose(sentence(note)) for note in e.notes)]
    if report.model.config:
        blocks.append(
            Code(_yaml(report.model.config), "The config of the model, every setting written out", folded=True)
        )
    return Section("provenance", "Where this comes from", tuple(blocks))


def _trained_on(report: Report) -> list[tuple[str, str]]:
    names = {"train": "SHA-256 of the training articles", "validation": "SHA-256 of the validation articles"}
    known = [(names[split], report.model.data.get(split, {})) for split in names]
    return [(name, str(data["sha256"])) for name, data in known if data.get("sha256") and data.get("articles")]


def _settings(settings: Mapping[str, Any]) -> str:
    shown = {name: f"{value:g}" if isinstance(value, float) else str(value) for name, value in settings.items()}
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in shown.items())


def _versions(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _yaml(config: Mapping[str, Any]) -> str:
    return str(yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True, width=100)).strip()
