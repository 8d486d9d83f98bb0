"""Wrong paragraphs as a file for an annotation tool, each with the reason why it is there.

The paragraphs keep the labels they have, to be corrected. What is said of them are keys of their own, which tools show
beside the text: `why`, `suspected`, `rank`, `group`, `suggested` (the model's labels) and `in_article` (the number of
the paragraph in its article, from 0). A key of the data's own with such a name gives way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from textclf.datasets import label_studio, write_labelled
from textclf.datasets.corrections import IN_ARTICLE
from textclf.datasets.units import SUGGESTED
from textclf.errors import DataError, did_you_mean
from textclf.errors_found.found import ErrorsFound
from textclf.errors_found.suspects import Mistake
from textclf.files import written_aside
from textclf.labels import LabelSet
from textclf.records import Article

FILES = {
    "label_studio": "to_label.json",
    "prodigy": "to_label.jsonl",
    "argilla": "to_label.json",
    "jsonl": "to_label.jsonl",
    "csv": "to_label.csv",
}
"""The formats that wrong paragraphs are written in, and the name of the file."""


def check_format(name: str) -> str:
    """Return the name of a format.

    Raises:
        DataError: When wrong paragraphs are not written in such a format.
    """
    if name not in FILES:
        raise DataError(f"--format {name!r}: errors are written as {', '.join(FILES)}{did_you_mean(name, FILES)}")
    return name


def write_to_label(
    found: ErrorsFound, articles: Sequence[Article], folder: Path, labels: LabelSet, *, format: str
) -> list[Path]:
    """Write the wrong paragraphs for an annotation tool; return the files, none where nothing is wrong.

    Args:
        found: The errors.
        articles: The articles they were found in.
        folder: Where to write.
        labels: The label set.
        format: One of `FILES`.

    Raises:
        WriteError: When it cannot be written.
    """
    wrong = to_label(found, articles)
    if not wrong:
        return []
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILES[check_format(format)]
    write_labelled(wrong, path, labels, format=format)
    if format != "label_studio":
        return [path]
    setup = path.with_suffix(".xml")
    with written_aside(setup) as aside:
        aside.write_text(label_studio.setup(labels, beside=("why",)), encoding="utf-8")
    return [path, setup]


def to_label(found: ErrorsFound, articles: Sequence[Article]) -> list[Article]:
    """Return articles of the wrong paragraphs alone, those with the most urgent paragraph first."""
    by_row: dict[int, list[Mistake]] = {}
    for each in found.mistakes:
        by_row.setdefault(each.row, []).append(each)
    ranks = {row: rank for rank, row in enumerate(by_row, start=1)}
    groups = {row: group.name for group in found.groups for row in group.rows}
    row, wrong = 0, list[tuple[int, Article]]()
    for article in articles:
        kept = []
        for number, paragraph in enumerate(article.paragraphs):
            if row in by_row:
                said: dict[str, Any] = {
                    "why": _why(by_row[row]),
                    "suspected": _suspected(by_row[row]),
                    "rank": ranks[row],
                }
                said |= {"group": groups[row], SUGGESTED: list(found.decided[row]), IN_ARTICLE: number}
                kept.append((ranks[row], replace(paragraph, extra={**paragraph.extra, **said})))
            row += 1
        if kept:
            rank = min(rank for rank, _ in kept)
            wrong.append((rank, replace(article, paragraphs=tuple(paragraph for _, paragraph in kept))))
    return [article for _, article in sorted(wrong, key=lambda pair: pair[0])]


def _why(mistakes: Sequence[Mistake]) -> str:
    return "; ".join(f"likely {each.suspected} error, {each}" for each in mistakes)


def _suspected(mistakes: Sequence[Mistake]) -> str:
    return " and ".join(dict.fromkeys(each.suspected for each in mistakes))
