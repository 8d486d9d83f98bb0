"""Labelled data as a flat table (CSV, TSV, Parquet): one paragraph a row.

Labels come as one `labels` column (parted by `;`, `,` or `|`, or a JSON list) or as one column per label that
holds 1, 0 or nothing. Nothing means unknown. A label with no column of its own was not looked for.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textclf.datasets.raw import NOT_UTF8, Fault, RawArticle
from textclf.errors import DataError
from textclf.labels import SEPARATORS, LabelSet

ARTICLE_COLUMNS = ("title", "date", "source")
OWN_COLUMNS = ("article_id", "text", "labels", "uncertain", "annotated", "paragraph", *ARTICLE_COLUMNS)
YES = {"1", "1.0", "true", "yes"}
NO = {"0", "0.0", "false", "no"}


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table with the line it begins on."""

    line: int
    cells: Mapping[str, Any]


def read_csv(path: Path, labels: LabelSet | None) -> Iterator[RawArticle | Fault]:
    """Yield the articles of a CSV or TSV file with a header line."""
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    rows: list[Row] = []
    before = 0
    csv.field_size_limit(2**31 - 1)
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            header = next(reader, [])
            missing = [name for name in ("article_id", "text") if name not in header]
            if header and missing:
                found = ", ".join(header)
                yield Fault(str(path), 1, None, None, f"no column {' and '.join(missing)}; found: {found}")
                return
            before = reader.line_num
            for cells in reader:
                line, before = before + 1, reader.line_num
                if not cells:
                    continue
                if len(cells) != len(header):
                    fault = f"{len(cells)} cells where the header has {len(header)}; quote texts with commas"
                    yield Fault(str(path), line, None, None, fault)
                elif any(not _is_unicode(cell) for cell in cells):
                    yield Fault(str(path), line, None, None, NOT_UTF8)
                else:
                    rows.append(Row(line, dict(zip(header, cells, strict=True))))
    except OSError as fault:
        raise DataError(f"cannot read {path}: {fault.strerror}") from fault
    except csv.Error as fault:
        yield Fault(str(path), None, None, None, f"broken CSV after line {before}: {fault}")
    yield from group_rows(path, rows, labels)


def read_parquet(path: Path, labels: LabelSet | None) -> Iterator[RawArticle | Fault]:
    """Yield the articles of a Parquet file; a row's place is its number from 1."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path).to_pylist()
    except (OSError, pa.ArrowException) as fault:
        raise DataError(f"cannot read {path} as Parquet: {fault}") from fault
    if table and "paragraphs" in table[0]:
        yield from (RawArticle(record, number) for number, record in enumerate(table, start=1))
        return
    yield from group_rows(path, [Row(number, record) for number, record in enumerate(table, start=1)], labels)


def group_rows(path: Path, rows: Sequence[Row], labels: LabelSet | None) -> Iterator[RawArticle | Fault]:
    """Join flat rows into one record per `article_id`, in order of first appearance.

    A row with an unreadable label cell is a fault, and so is its article's absence from what follows.
    """
    records: dict[str, dict[str, Any]] = {}
    lines: dict[str, list[int]] = {}
    for row in rows:
        article_id = str(row.cells.get("article_id") or "")
        number = len(lines.get(article_id, []))
        try:
            paragraph, annotated = _paragraph(row.cells, labels)
        except ValueError as fault:
            yield Fault(str(path), row.line, article_id or None, number, str(fault))
            continue
        record = records.setdefault(article_id, {"article_id": article_id, "paragraphs": []})
        lines.setdefault(article_id, []).append(row.line)
        for name in ARTICLE_COLUMNS:
            if row.cells.get(name):
                record.setdefault(name, row.cells[name])
        if annotated is not None:
            record["annotated"] = annotated
        record["paragraphs"].append(paragraph)
    for article_id, record in records.items():
        yield RawArticle(record, lines[article_id][0], tuple(lines[article_id]))


def _paragraph(cells: Mapping[str, Any], labels: LabelSet | None) -> tuple[dict[str, Any], list[str] | None]:
    """Turn one row into a paragraph object, and the labels that were looked for (None: every one)."""
    columns = [name for name in labels or () if name in cells and name not in OWN_COLUMNS]
    paragraph: dict[str, Any] = {"text": cells.get("text") or "", "labels": [], "uncertain": []}
    if cells.get("labels") is None and not columns:
        known = f", or one column per label ({', '.join(labels)})" if labels else ""
        raise ValueError(f"no labels: a row needs a `labels` column{known}")
    paragraph["labels"] = split_labels(cells.get("labels"))
    paragraph["uncertain"] = split_labels(cells.get("uncertain"))
    extra = {name: value for name, value in cells.items() if name not in (*OWN_COLUMNS, *columns)}
    for name in columns:
        answer = "" if cells[name] is None else str(cells[name]).strip().lower()
        if answer in YES:
            paragraph["labels"].append(name)
        elif answer == "":
            paragraph["uncertain"].append(name)
        elif answer not in NO:
            raise ValueError(f"column {name!r} holds {cells[name]!r}; allowed: 1, 0, or nothing for unknown")
    annotated = split_labels(cells.get("annotated")) or (columns if columns and "labels" not in cells else None)
    return {**extra, **paragraph}, annotated


def split_labels(cell: Any) -> list[str]:
    """Read a cell of label names: a list, a JSON list, or names parted by `;`, `,` or `|`."""
    if cell is None:
        return []
    if not isinstance(cell, str):
        return list(cell)
    if cell.lstrip().startswith("["):
        try:
            return list(json.loads(cell))
        except ValueError as fault:
            raise ValueError(f"labels {cell!r} look like a JSON list but are not: {fault}") from fault
    return [name.strip() for name in re.split(f"[{re.escape(SEPARATORS)}]", cell) if name.strip()]


def _is_unicode(cell: str) -> bool:
    """Tell whether a cell was valid UTF-8 (undecodable bytes come as lone surrogates)."""
    return not any("\ud800" <= character <= "\udfff" for character in cell)
