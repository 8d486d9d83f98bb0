"""Labelled data as a flat table (CSV, TSV, Parquet): one paragraph a row.

Labels come as one `labels` column (parted by `;`, `,` or `|`, or a JSON list) or as one column per label that
holds 1, 0 or nothing. Nothing means unknown. A label with no column of its own was not looked for.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from textclf.datasets.raw import NEARLY, NOT_UTF8, Fault, RawArticle, Unreadable
from textclf.errors import DataError, did_you_mean
from textclf.labels import SEPARATORS, LabelSet

ARTICLE_COLUMNS = ("title", "date", "source")
OWN_COLUMNS = ("article_id", "text", "labels", "uncertain", "annotated", "paragraph", *ARTICLE_COLUMNS)
YES = {"1", "1.0", "true", "yes"}
NO = {"0", "0.0", "false", "no"}


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table with the line it begins on, and what made it unreadable, if anything did."""

    line: int
    cells: Mapping[str, Any]
    fault: str | None = None


def read_csv(path: Path, labels: LabelSet | None) -> Iterator[RawArticle | Fault]:
    """Yield the articles of a CSV or TSV file with a header line."""
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    header: list[str] = []
    rows: list[Row] = []
    end = 0
    csv.field_size_limit(2**31 - 1)
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            for cells in reader:
                line, end = end + 1, reader.line_num
                if not cells:
                    continue
                if not header:
                    header = cells
                    continue
                rows.append(Row(line, dict(zip(header, cells, strict=False)), _row_fault(cells, header)))
    except OSError as fault:
        raise DataError(f"cannot read {path}: {fault.strerror}") from fault
    except csv.Error as fault:
        yield Fault(str(path), end + 1, None, None, f"broken CSV after line {end}: {fault}")
    if header:
        yield from group_rows(path, header, rows, labels)


def read_parquet(path: Path, labels: LabelSet | None) -> Iterator[RawArticle | Fault]:
    """Yield the articles of a Parquet file; a row's place is its number from 1."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as fault:
        raise DataError(f"cannot read {path} as Parquet: {fault}") from fault
    yield from read_records(path, table.column_names, table.to_pylist(), labels)


def read_records(
    path: Path, columns: Sequence[str], records: Iterable[Mapping[str, Any]], labels: LabelSet | None
) -> Iterator[RawArticle | Fault]:
    """Yield the articles of a table whose rows are articles (with `paragraphs`) or paragraphs, numbered from 1."""
    if "paragraphs" in columns:
        yield from (RawArticle(record, number) for number, record in enumerate(records, start=1))
    else:
        rows = [Row(number, record) for number, record in enumerate(records, start=1)]
        yield from group_rows(path, columns, rows, labels)


def group_rows(
    path: Path, columns: Sequence[str], rows: Sequence[Row], labels: LabelSet | None
) -> Iterator[RawArticle | Fault]:
    """Join flat rows into one record per `article_id`, in order of first appearance.

    Columns that are missing, doubled or nearly right make one fault each, and then no row is read.
    """
    faults = column_faults(columns, labels)
    if faults:
        yield from (Fault(str(path), 1, None, None, fault) for fault in faults)
        return
    own_columns = [name for name in labels or () if name in columns and name not in OWN_COLUMNS]
    records: dict[str, dict[str, Any]] = {}
    lines: dict[str, list[int]] = {}
    for row in rows:
        given = row.cells.get("article_id")
        article_id = "" if given is None else str(given)
        record = records.setdefault(article_id, {"article_id": article_id, "paragraphs": []})
        lines.setdefault(article_id, []).append(row.line)
        try:
            record["paragraphs"].append(_paragraph(row, own_columns))
        except ValueError as fault:
            record["paragraphs"].append(Unreadable(str(fault)))
        for name in ARTICLE_COLUMNS:
            value = row.cells.get(name)
            if value not in (None, ""):
                record.setdefault(name, value.isoformat() if isinstance(value, date) else value)
        if row.cells.get("annotated") not in (None, ""):
            record.setdefault("annotated", _names(row.cells["annotated"]))
        elif own_columns and "labels" not in columns:
            record["annotated"] = own_columns
    for article_id, record in records.items():
        yield RawArticle(record, lines[article_id][0], tuple(lines[article_id]))


def column_faults(columns: Sequence[str], labels: LabelSet | None) -> list[str]:
    """Return what is wrong with a table's columns."""
    found = ", ".join(columns) if all(map(_is_unicode, columns)) else None
    if found is None:
        return [NOT_UTF8]
    missing = [name for name in ("article_id", "text") if name not in columns]
    faults = [f"no column {' and '.join(missing)}; found: {found}"] if missing else []
    faults += [f"column {name!r} stands there twice" for name in sorted(set(columns)) if columns.count(name) > 1]
    own = [name for name in labels or () if name in columns]
    if not missing and "labels" not in columns and not own:
        known = f", or one column per label ({', '.join(labels)})" if labels else ""
        faults.append(f"no labels: a `labels` column is needed{known}; found: {found}")
    known_columns = [*OWN_COLUMNS, *(labels or () if "labels" not in columns else ())]
    for name in columns:
        near = did_you_mean(name, [k for k in known_columns if k not in columns], cutoff=NEARLY)
        if name not in known_columns and name not in (labels or ()) and near:
            faults.append(f"unknown column {name!r}{near}")
    return faults


def _paragraph(row: Row, own_columns: Sequence[str]) -> dict[str, Any]:
    """Turn one row into a paragraph object.

    Raises:
        ValueError: When a cell cannot be read.
    """
    if row.fault is not None:
        raise ValueError(row.fault)
    cells = row.cells
    extra = {name: value for name, value in cells.items() if name not in (*OWN_COLUMNS, *own_columns)}
    paragraph = {
        **extra,
        "text": cells.get("text"),
        "labels": _names(cells.get("labels")),
        "uncertain": _names(cells.get("uncertain")),
    }
    for name in own_columns:
        answer = "" if cells.get(name) is None else str(cells[name]).strip().lower()
        if answer in YES:
            paragraph["labels"].append(name)
        elif answer == "":
            paragraph["uncertain"].append(name)
        elif answer not in NO:
            raise ValueError(f"column {name!r} holds {cells[name]!r}; allowed: 1, 0, or nothing for unknown")
    return paragraph


def _row_fault(cells: Sequence[str], header: Sequence[str]) -> str | None:
    if len(cells) != len(header):
        return f"{len(cells)} cells where the header has {len(header)}; quote texts with commas"
    return None if all(map(_is_unicode, cells)) else NOT_UTF8


def _names(cell: Any) -> Any:
    """Read a cell of label names: a list, a JSON list, or names parted by `;`, `,` or `|`.

    A cell of another type comes back as it is: the rules of labelled data tell what is wrong with it.
    """
    if cell is None:
        return []
    if not isinstance(cell, str):
        return list(cell) if isinstance(cell, (list, tuple)) else cell
    if cell.lstrip().startswith("["):
        try:
            return json.loads(cell)
        except (ValueError, RecursionError) as fault:
            raise ValueError(f"labels {cell!r:.80} look like a JSON list but are not: {fault}") from fault
    return [name.strip() for name in re.split(f"[{re.escape(SEPARATORS)}]", cell) if name.strip()]


def _is_unicode(cell: str) -> bool:
    """Tell whether a cell was valid UTF-8 (undecodable bytes come as lone surrogates)."""
    return not any("\ud800" <= character <= "\udfff" for character in cell)
