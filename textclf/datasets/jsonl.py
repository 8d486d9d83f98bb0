"""Labelled data as JSON Lines: one article a line, or one flat row a line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from textclf.datasets.interface import Format, Head
from textclf.datasets.jsonfile import read_json
from textclf.datasets.raw import Fault, RawArticle
from textclf.datasets.table import Row, group_rows
from textclf.labels import LabelSet
from textclf.records import Article


def sniff(head: Head) -> bool:
    """Tell whether the first record is an article or a flat row of ours."""
    record = head.record
    if not isinstance(record, dict):
        return False
    of_a_tool = {"annotation_id", "answer", "options", "fields"} & set(record)
    return "paragraphs" in record or (not of_a_tool and {"article_id", "text", "labels"} <= set(record))


def read(path: Path, labels: LabelSet | None) -> Iterator[RawArticle | Fault]:
    """Yield each article of a JSON Lines file (or a JSON list), or the fault of its line.

    A line with `paragraphs` is an article; one with `text` and no `paragraphs` is a flat row, and rows of one
    `article_id` become one article.
    """
    rows: list[Row] = []
    for found in read_json(path):
        if isinstance(found, Fault):
            yield found
            continue
        line, record = found
        if isinstance(record, dict) and "text" in record and "paragraphs" not in record:
            rows.append(Row(line, record))
        else:
            yield RawArticle(record, line)
    if rows:
        columns = list(dict.fromkeys(str(name) for row in rows for name in row.cells))
        yield from group_rows(path, columns, rows, labels)


def write(articles: Sequence[Article], path: Path, labels: LabelSet | None) -> None:
    """Write one article a line; nothing is lost."""
    with path.open("w", encoding="utf-8", newline="") as file:
        for article in articles:
            file.write(json.dumps(article.to_json(), ensure_ascii=False) + "\n")


FORMAT = Format(
    "jsonl",
    "textclf's own: one article a line, or one flat row a line",
    (".jsonl", ".ndjson"),
    sniff,
    read,
    write,
)
