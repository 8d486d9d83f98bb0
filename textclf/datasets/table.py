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
from functools import partial
from pathlib import Path
from typing import Any

from textclf.datasets.headerless import is_header, recognise
from textclf.datasets.interface import Format, Head
from textclf.datasets.raw import NEARLY, NO, NOT_UTF8, YES, Fault, RawArticle
from textclf.datasets.units import HEAD_KEYS, Unit, join, metadata
from textclf.errors import DataError, did_you_mean
from textclf.labels import SEPARATORS, LabelSet
from textclf.records import Article

OWN_COLUMNS = ("article_id", "text", "labels", "uncertain", "annotated", "paragraph", *HEAD_KEYS)
ID_COLUMNS = ("id", "doc", "doc_id", "document", "document_id", "article", "story_id", "url")
"""Columns that may name an article: a table with one of these and no `article_id` must say which it is."""
DELIMITERS = "\t,;"


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table with the line it begins on, and what made it unreadable, if anything did."""

    line: int
    cells: Mapping[str, Any]
    fault: str | None = None


def read_csv(
    path: Path, labels: LabelSet | None, *, columns: Sequence[str] | None = None, delimiter: str | None = None
) -> Iterator[RawArticle | Fault]:
    """Yield the articles of a CSV or TSV file.

    Args:
        path: The file.
        labels: The labels allowed, or None.
        columns: The columns' names, where the first line is no header; a first line that holds one of them is taken
            for a header and passed over. None: the first line is a header, or the columns can be recognised.
        delimiter: What parts the cells; None: a tab in a `.tsv` file, else a comma, unless the first line is plainly
            parted otherwise.
    """
    rows: list[tuple[int, list[str]]] = []
    end = 0
    csv.field_size_limit(2**31 - 1)
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            delimiter = delimiter or _delimiter(file.readline(), "\t" if path.suffix.lower() == ".tsv" else ",")
            file.seek(0)
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            for cells in reader:
                line, end = end + 1, reader.line_num
                if cells:
                    rows.append((line, cells))
    except OSError as fault:
        raise DataError(f"cannot read {path}: {fault.strerror}") from fault
    except csv.Error as fault:
        yield Fault(str(path), end + 1, None, None, f"broken CSV after line {end}: {fault}")
    if not rows:
        return
    header, has_header = _header([cells for _, cells in rows], columns, labels)
    where = "the header has" if has_header else "the columns are"
    body = rows[1:] if has_header else rows
    yield from group_rows(
        path,
        header,
        [Row(line, dict(zip(header, cells, strict=False)), _row_fault(cells, header, where)) for line, cells in body],
        labels,
    )


def read_parquet(path: Path, labels: LabelSet | None) -> Iterator[RawArticle | Fault]:
    """Yield the articles of a Parquet file; a row's place is its number from 1."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        if path.is_dir():
            raise OSError("it is a folder")
        table = pq.read_table(path)
        columns, records = table.column_names, table.to_pylist()
    except (OSError, pa.ArrowException, ValueError, OverflowError) as fault:  # of bytes that are no text, or no date
        raise DataError(f"cannot read {path} as Parquet: {fault}") from fault
    yield from read_records(path, columns, records, labels)


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

    Columns that are missing, doubled or nearly right make one fault each, and then no row is read. In a table without
    a column that could name the article, each row is an article of its own, with a warning.
    """
    faults = column_faults(columns, labels)
    if faults:
        yield from (Fault(str(path), 1, None, None, fault) for fault in faults)
        return
    own_columns = [name for name in labels or () if name in columns and name not in OWN_COLUMNS]
    judged = own_columns if own_columns and "labels" not in columns else None
    yield from join(path, [_unit(row, columns, own_columns, judged) for row in rows], labels, may_grow=False)


def column_faults(columns: Sequence[str], labels: LabelSet | None) -> list[str]:
    """Return what is wrong with a table's columns."""
    found = ", ".join(columns) if all(map(_is_unicode, columns)) else None
    if found is None:
        return [NOT_UTF8]
    wanted = ("text",) if not any(name.lower() in ID_COLUMNS for name in columns) else ("article_id", "text")
    wanted = wanted if "text" in columns else ("article_id", "text")
    missing = [name for name in wanted if name not in columns]
    faults = [f"no column {' and '.join(missing)}; found: {found}; {HOW_TO_NAME}"] if missing else []
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


HOW_TO_NAME = "rename it, or name the columns in order with --columns of `textclf data convert`"


def write_csv(articles: Sequence[Article], path: Path, labels: LabelSet | None, *, delimiter: str = ",") -> None:
    """Write one paragraph a row, labels parted by `;`; values of your own keys that are no texts become JSON."""
    rows = flat_rows(articles)
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, delimiter=delimiter)
        table.writerow(columns := _columns(rows))
        for row in rows:
            table.writerow([_cell(row.get(name)) for name in columns])


def write_tsv(articles: Sequence[Article], path: Path, labels: LabelSet | None) -> None:
    """Write one paragraph a row, cells parted by tabs."""
    write_csv(articles, path, labels, delimiter="\t")


def write_parquet(articles: Sequence[Article], path: Path, labels: LabelSet | None) -> None:
    """Write one paragraph a row, labels as lists."""
    import pyarrow.parquet as pq

    pq.write_table(arrow_table(articles), path)


def arrow_table(articles: Sequence[Article]) -> Any:
    """Return the articles as an Arrow table of one paragraph a row.

    A column of your own whose values are of several types becomes JSON text.
    """
    import pyarrow as pa

    names = pa.list_(pa.string())
    types = {"paragraph": pa.int64(), "labels": names, "uncertain": names, "annotated": names}
    rows = flat_rows(articles)
    arrays = {}
    for column in _columns(rows):
        values = [row.get(column) for row in rows]
        if column in OWN_COLUMNS:
            arrays[column] = pa.array(values, types.get(column, pa.string()))
            continue
        try:
            arrays[column] = pa.array(values)
        except (pa.ArrowException, OverflowError):
            arrays[column] = pa.array([None if value is None else _cell(value) for value in values], pa.string())
    return pa.table(arrays)


def flat_rows(articles: Sequence[Article]) -> list[dict[str, Any]]:
    """Return one record a paragraph: its text, labels, and what the metadata of a flat format hold."""
    rows = []
    for article in articles:
        for number, paragraph in enumerate(article.paragraphs):
            meta = metadata(article, number)
            own = {key: value for key, value in meta.items() if key not in ("text", "labels")}
            rows.append({**own, "text": paragraph.text, "labels": list(paragraph.labels)})
    return rows


def _columns(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return every column of the rows: ours in our order, then the others as they come."""
    present = dict.fromkeys(name for row in rows for name in row)
    ours = ("article_id", "paragraph", *HEAD_KEYS, "text", "labels", "uncertain", "annotated")
    used = [name for name in ours if name in present or name in ("labels", "uncertain")]
    return [*used, *(name for name in present if name not in ours)]


def _cell(value: Any) -> str:
    """Return a value as the text of one cell: nothing as an empty one, label names parted by `;`."""
    if value is None or isinstance(value, str):
        return value or ""
    names = isinstance(value, list) and value and all(isinstance(name, str) and _is_plain(name) for name in value)
    return ";".join(value) if names else json.dumps(value, ensure_ascii=False)


def _is_plain(name: str) -> bool:
    return bool(name.strip()) and not name.startswith("[") and not any(c in SEPARATORS for c in name)


def _unit(row: Row, columns: Sequence[str], own_columns: Sequence[str], judged: Sequence[str] | None) -> Unit:
    """Turn one row into a paragraph; what cannot be read becomes its fault."""
    cells = row.cells
    meta = {name: value for name, value in cells.items() if name not in ("text", "labels", "uncertain", *own_columns)}
    if "article_id" in columns:
        meta.setdefault("article_id", None)
    try:
        if row.fault is not None:
            raise ValueError(row.fault)
        if cells.get("annotated") not in (None, ""):
            meta["annotated"] = _names(cells["annotated"])
        carried, unsure = _names(cells.get("labels")), _names(cells.get("uncertain"))
        for name in own_columns:
            answer = "" if cells.get(name) is None else str(cells[name]).strip().lower()
            if answer in YES:
                carried.append(name)
            elif answer == "":
                unsure.append(name)
            elif answer not in NO:
                raise ValueError(f"column {name!r} holds {cells[name]!r:.80}; allowed: 1, 0, or nothing for unknown")
    except ValueError as fault:
        return Unit(row.line, cells.get("text"), meta=meta, fault=str(fault))
    return Unit(row.line, cells.get("text"), carried, unsure, judged, meta)


def _header(
    rows: Sequence[list[str]], columns: Sequence[str] | None, labels: LabelSet | None
) -> tuple[list[str], bool]:
    """Return the columns' names, and whether the first row is a header."""
    if columns is not None:
        return list(columns), any(cell in columns for cell in rows[0])
    if not is_header(rows[0], OWN_COLUMNS):
        recognised = recognise(rows, labels)
        if recognised is not None:
            return recognised, False
    return rows[0], True


def _delimiter(line: str, usual: str) -> str:
    """Return what parts the cells of the first line: the usual, unless another finds the column `text` in it."""
    line = line.removeprefix("\ufeff").strip("\r\n")
    parted = {mark: [cell.strip('"') for cell in line.split(mark)] for mark in (usual, *DELIMITERS)}
    return next((mark for mark, cells in parted.items() if len(cells) > 1 and "text" in cells), usual)


def _row_fault(cells: Sequence[str], header: Sequence[str], where: str) -> str | None:
    if len(cells) != len(header):
        return f"{len(cells)} cells where {where} {len(header)}; quote texts with commas or tabs in them"
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


def _sniff(head: Head, *, tabs: bool) -> bool:
    """Tell whether the file begins with a header that names `text`, parted by tabs or otherwise."""
    return "text" in head.first_row and tabs == (b"\t" in head.start.lstrip().partition(b"\n")[0])


CSV = Format("csv", "a table, cells parted by commas", (".csv",), partial(_sniff, tabs=False), read_csv, write_csv)
TSV = Format("tsv", "a table, cells parted by tabs", (".tsv", ".tab"), partial(_sniff, tabs=True), read_csv, write_tsv)
PARQUET = Format(
    "parquet",
    "a table, one paragraph or one article a row",
    (".parquet",),
    lambda head: head.start.startswith(b"PAR1"),
    read_parquet,
    write_parquet,
)
