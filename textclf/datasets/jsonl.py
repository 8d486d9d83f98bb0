"""Labelled data as JSON Lines: one article a line, or one flat row a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from textclf.datasets.raw import NOT_UTF8, Fault, RawArticle, read_lines
from textclf.datasets.table import Row, group_rows
from textclf.labels import LabelSet


def read(path: Path, labels: LabelSet | None) -> Iterator[RawArticle | Fault]:
    """Yield each article of a JSON Lines file, or the fault of its line.

    A line with `paragraphs` is an article; one with `text` and no `paragraphs` is a flat row, and rows of one
    `article_id` become one article.
    """
    rows: list[Row] = []
    for line, text in read_lines(path):
        if text is None:
            yield Fault(str(path), line, None, None, NOT_UTF8)
            continue
        try:
            record = parse(text)
        except ValueError as fault:
            yield Fault(str(path), line, None, None, f"broken JSON: {fault}")
            continue
        if isinstance(record, dict) and "text" in record and "paragraphs" not in record:
            rows.append(Row(line, record))
        else:
            yield RawArticle(record, line)
    if rows:
        columns = list(dict.fromkeys(str(name) for row in rows for name in row.cells))
        yield from group_rows(path, columns, rows, labels)


def parse(text: str) -> Any:
    """Parse one line of JSON; NaN and Infinity, which are no JSON, are refused, and so is endless nesting.

    Raises:
        ValueError: When the line is not JSON; the message is short and names the column.
    """
    try:
        return json.loads(text, parse_constant=_refuse)
    except json.JSONDecodeError as fault:
        raise ValueError(f"{fault.msg} at column {fault.colno}") from fault
    except RecursionError as fault:
        raise ValueError("nested too deeply") from fault


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not a JSON value; write null")
