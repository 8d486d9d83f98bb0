"""What annotators disagree on: written down to be decided, read back, and united into one labelled set.

Those who looked for a label in a paragraph agree when all gave the same answer: yes, no or unknown. A label that only
one of them looked for stays as that one has it. Everything else is a disagreement, and unknown until it is decided.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from textclf.datasets.annotators import ABSENT, UNKNOWN, WORDS, YES, Answers
from textclf.errors import DataError, did_you_mean, one_of
from textclf.files import written_aside
from textclf.records import Article, Paragraph

COLUMNS = ("article_id", "paragraph", "text", "label")
DECISION = "decision"
Key = tuple[str, str, str, str]
DECIDED = {"yes": "yes", "1": "yes", "no": "no", "0": "no", "unknown": "unknown", "uncertain": "unknown"}


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One label of one paragraph that annotators answered differently.

    Attributes:
        unit: Which paragraph, as a row of the answers.
        column: Which label, as a column.
        key: Article, paragraph, label and text, by which a row of the file of disagreements is known again.
    """

    unit: int
    column: int
    key: Key


def disagreements(answers: Answers) -> list[Disagreement]:
    """Return every label of every paragraph that annotators answered differently, in order."""
    absent = answers.given == ABSENT
    most = np.where(absent, -1, answers.given).max(axis=0)
    least = np.where(absent, ABSENT, answers.given).min(axis=0)
    differ = (most != least) & ~absent.all(axis=0)
    found = []
    for unit, column in np.argwhere(differ):
        place = answers.units[unit]
        key = (place.article_id, str(place.paragraph), answers.labels[int(column)], _folded(place.text))
        found.append(Disagreement(int(unit), int(column), key))
    return found


def write_disagreements(
    path: Path, answers: Answers, found: Sequence[Disagreement], decisions: Mapping[Key, str]
) -> None:
    """Write the disagreements as CSV, whole or not at all: one a row, with a column for the decision.

    Args:
        path: The file.
        answers: All answers.
        found: The disagreements.
        decisions: What has been decided already, by key; the rest is left empty.

    Raises:
        WriteError: When it cannot be written.
    """
    header = [*COLUMNS, *(f"answer_{name}" for name in answers.annotators), DECISION]
    with written_aside(path) as aside, aside.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(header)
        for each in found:
            article_id, paragraph, label, _ = each.key
            said = [WORDS[answer] for answer in answers.given[:, each.unit, each.column]]
            text = answers.units[each.unit].text
            table.writerow([article_id, paragraph, text, label, *said, decisions.get(each.key, "")])


def read_decisions(path: Path, found: Sequence[Disagreement]) -> dict[Key, str]:
    """Read back a file of disagreements whose `decision` column was filled in; empty cells are undecided.

    A decision is yes, no or unknown (1 and 0 will do).

    Raises:
        DataError: When the file cannot be read, a decision is something else, or a row is no disagreement of these
            annotators; every fault is in the message, with its row.
    """
    known = {each.key for each in found}
    decisions: dict[Key, str] = {}
    faults = []
    for line, row in _rows(path):
        given = (row.get(DECISION) or "").strip().lower()
        article_id, paragraph, text, label = (row.get(name) or "" for name in COLUMNS)
        key = (article_id, paragraph.strip(), label.strip(), _folded(text))
        place = f"{path}:{line}: article {article_id}, paragraph {paragraph}, {label}"
        if not given:
            continue
        if given not in DECIDED:
            hint = did_you_mean(given, DECIDED)
            faults.append(f"{place}: decision {row[DECISION]!r} is none of 'yes', 'no', 'unknown'{hint}")
        elif key not in known:
            faults.append(f"{place}: the annotators do not disagree on this; were their files changed since?")
        elif decisions.setdefault(key, DECIDED[given]) != DECIDED[given]:
            faults.append(f"{place}: decided twice, as {decisions[key]!r} and {DECIDED[given]!r}")
    if faults:
        raise DataError(f"{len(faults)} fault(s) in the decisions:\n" + "\n".join(faults))
    return decisions


def adjudicate(answers: Answers, found: Sequence[Disagreement], decisions: Mapping[Key, str]) -> list[Article]:
    """Unite the annotators' answers: agreed ones as they are, decided ones as decided, the others unknown.

    Only paragraphs that two annotators or more have are in it; title, date and the like are the first annotator's.

    Args:
        answers: All answers.
        found: The disagreements.
        decisions: What has been decided, by key.
    """
    settled = np.where(answers.given == ABSENT, -1, answers.given).max(axis=0)
    settled[settled < 0] = ABSENT
    for each in found:
        settled[each.unit, each.column] = WORDS.index(decisions.get(each.key, "unknown"))
    united = []
    for group in np.unique(answers.groups):
        rows = np.flatnonzero(answers.groups == group)
        united.append(_unite(answers, rows, settled[rows]))
    return united


def _unite(answers: Answers, rows: np.ndarray, settled: np.ndarray) -> Article:
    """Make one article of its paragraphs' settled answers (rows, k)."""
    article = answers.articles[answers.units[rows[0]].article_id]
    looked_for = (settled != ABSENT).any(axis=0)
    names = [name for name, looked in zip(answers.labels, looked_for, strict=True) if looked]
    own = {paragraph.text: paragraph for paragraph in article.paragraphs}
    paragraphs = []
    for row, answer in zip(rows, settled, strict=True):
        text = answers.units[row].text
        labels = tuple(name for name, a in zip(answers.labels, answer, strict=True) if a == YES)
        unsure = tuple(
            name for name, a in zip(answers.labels, answer, strict=True) if name in names and a in (UNKNOWN, ABSENT)
        )
        paragraphs.append(replace(own.get(text, Paragraph(text)), labels=labels, uncertain=unsure))
    annotated = None if len(names) == len(answers.labels) else tuple(names)
    return replace(article, paragraphs=tuple(paragraphs), annotated=annotated)


def _folded(text: str) -> str:
    """Return a text as it is compared: a spreadsheet may change its line ends."""
    return " ".join(text.split())


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Read a CSV with the line each row ends on; a spreadsheet may have parted it by semicolons.

    Raises:
        DataError: When it cannot be read or lacks a column.
    """
    csv.field_size_limit(2**31 - 1)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header = file.readline()
            file.seek(0)
            table = csv.DictReader(file, delimiter=";" if header.count(";") > header.count(",") else ",", strict=True)
            rows = [(table.line_num, row) for row in table]
            columns = table.fieldnames or []
    except OSError as fault:
        raise DataError(f"cannot read {path}: {fault.strerror}") from fault
    except (csv.Error, UnicodeDecodeError) as fault:
        raise DataError(f"{path} is no readable CSV in UTF-8: {fault}") from fault
    missing = [name for name in (*COLUMNS, DECISION) if name not in columns]
    if missing:
        raise DataError(f"{path} has no column {one_of(missing)}; give the file that --out wrote, filled in")
    return rows
