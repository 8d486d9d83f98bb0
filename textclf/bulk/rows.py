"""Files of rows read record by record, so that one that cannot be read is set aside and the next one is read."""

from __future__ import annotations

import base64
import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from textclf.articles.feeds import RowNumbers, of_article
from textclf.errors import DataError
from textclf.records import Passage

LONGEST_LINE = 16_000_000  # bytes; a longer line is read in pieces, none of which is a record
KEPT_PREVIOUS = 2_000  # characters of the paragraph before that a block is begun with; models read 500
MOST_RAW = 1_000_000  # bytes of a rejected record that are kept
COLUMNS = ("id", "article_id", "title", "paragraph", "text", "paragraphs")
_MARKED = re.compile(r"#\d+$")


class NoTextError(DataError):
    """A table in which no column holds texts."""


@dataclass(frozen=True, slots=True)
class Row:
    """One paragraph of a file of rows: the passage, its id and the record it stands in."""

    passage: Passage
    row_id: str
    line: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class Record:
    """A line, or some, of a file: its rows, or why there are none.

    Attributes:
        raw: All of its bytes.
        line: Its number, from 1: of the line or, in Parquet, of the row.
        last: The number it ends with.
        rows: What it holds; nothing where it is blank.
        fault: Why it cannot be read, or "".
    """

    raw: bytes
    line: int
    last: int
    rows: tuple[Row, ...] = ()
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Reject:
    """Something that could not be labelled.

    Attributes:
        file: Where it lies.
        line: Its line (in Parquet its row), from 1; 0 where the whole file is meant.
        reason: Why.
        raw: The bytes of its record.
        row_id: The paragraph's id, where it could be read.
    """

    file: str
    line: int
    reason: str
    raw: bytes = b""
    row_id: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return it JSON-ready: bytes that are UTF-8 as a text, any others in base 64; of a long record the start."""
        told: dict[str, Any] = {"file": self.file, "line": self.line, "reason": self.reason}
        told |= {"id": self.row_id} if self.row_id else {}
        told |= {"raw_bytes": len(self.raw)} if len(self.raw) > MOST_RAW else {}
        kept = self.raw[:MOST_RAW]
        try:
            return told | {"raw": kept.decode("utf-8")}
        except UnicodeDecodeError:
            return told | {"raw_base64": base64.b64encode(kept).decode("ascii")}


def numbers_of(article_id: str, state: Mapping[str, Any]) -> RowNumbers:
    """Return the counter of a file's rows as `state_of` found it."""
    numbers = RowNumbers(article_id)
    for name, value in state.items():
        setattr(numbers, name, value)
    return numbers


def state_of(numbers: RowNumbers) -> dict[str, Any]:
    """Return where a counter of rows stands, JSON-ready, so that reading can begin in the midst of a file."""
    return {
        "rows": numbers.rows,
        "article_id": numbers.article_id,
        "next_number": numbers.next_number,
        "previous": numbers.previous.strip()[-KEPT_PREVIOUS:],
    }


def marked(row_id: str, occurrence: int) -> str:
    """Return the id of the nth row that has an id: the first has it as it is.

    An id that looks marked itself gets a mark even then, so that no two rows ever meet.
    """
    return row_id if occurrence == 1 and not _MARKED.search(row_id) else f"{row_id}#{occurrence}"


def json_records(file: BinaryIO, *, numbers: RowNumbers, line: int, **_: Any) -> Iterator[Record]:
    """Yield the record of every line of JSON Lines, blank lines too.

    Args:
        file: Read from where it stands.
        numbers: Counts the rows; changed.
        line: Lines before.
        _: What other kinds of file need.
    """
    for number, raw in _lines(file, line):
        if not raw.strip():
            yield Record(raw, number, number)
            continue
        try:
            content = json.loads(raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw)
        except (ValueError, RecursionError) as fault:
            numbers.rows += 1  # so that those behind it are named as if it were mended
            what = "is not valid UTF-8" if isinstance(fault, UnicodeDecodeError) else f"broken JSON: {fault}"
            yield Record(raw, number, number, fault=what)
            continue
        yield _record(content, raw, (number, number), numbers, f"{numbers.file_id}-{number}")


def csv_records(
    file: BinaryIO, *, numbers: RowNumbers, line: int, header: Sequence[str], delimiter: str = ",", **_: Any
) -> Iterator[Record]:
    """Yield the records of a CSV file below its header.

    A record that spans lines and is broken loses its first line alone; reading goes on with the second, so that a
    stray quotation mark costs one row and not all behind it.

    Args:
        file: Read from where it stands.
        numbers: Counts the rows; changed.
        line: Lines before.
        header: The columns.
        delimiter: Between cells.
        _: What other kinds of file need.
    """
    lines = _CsvLines(file, line)
    while raw := lines.begin():
        number = lines.number
        cells, fault = _cells(lines, delimiter)
        if fault or (cells and len(cells) != len(header)):
            fault = fault or "this row's cells do not match the header's"
            lines.keep_first()
            numbers.rows += 1
            yield Record(raw, number, number, fault=fault)
        elif not cells:
            yield Record(lines.taken(), number, lines.last)
        else:
            content = dict(zip(header, cells, strict=True))
            content.pop("paragraphs", None)  # a cell holds no list
            yield _record(content, lines.taken(), (number, lines.last), numbers, "")


def csv_header(file: BinaryIO, *, name: str, delimiter: str) -> tuple[list[str], int, int]:
    """Return the columns of a CSV file, and the lines and bytes they take.

    Raises:
        DataError: When there is not one column `text`.
    """
    lines, header, size = _CsvLines(file, 0), list[str](), 0
    while not header and lines.begin():
        header, fault = _cells(lines, delimiter)
        size += len(lines.taken())
        if fault:
            raise DataError(f"{name}:{lines.number}: broken CSV: {fault}")
    if header and header.count("text") != 1:
        number = "two columns" if "text" in header else "no column"
        raise DataError(f"{name}: {number} `text`; found: {', '.join(header)}")
    return header, lines.last, size


def parquet_records(file: BinaryIO, *, numbers: RowNumbers, line: int, end: int, **_: Any) -> Iterator[Record]:
    """Yield the records of a Parquet file, each with its columns as JSON for its bytes.

    Args:
        file: An open file.
        numbers: Counts the rows; changed.
        line: Rows before.
        end: The row to stop before.
        _: What other kinds of file need.

    Raises:
        DataError: When it is no Parquet or has no column `text`.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(file)
        names = table.schema_arrow.names
    except (pa.ArrowException, OSError) as fault:
        raise DataError(f"cannot be read as Parquet: {fault}") from fault
    if not {"text", "paragraphs"} & set(names):
        raise NoTextError(f"no column `text`; found: {', '.join(names)}")
    wanted, row = [name for name in COLUMNS if name in names], 0
    for group in range(table.metadata.num_row_groups):
        size = table.metadata.row_group(group).num_rows
        if row + size > line and row < end:
            yield from _of_group(table, group, (row, size), (line, end), wanted, numbers)
        row += size


def _of_group(
    table: Any, group: int, held: tuple[int, int], asked: tuple[int, int], wanted: list[str], numbers: RowNumbers
) -> Iterator[Record]:
    """Yield the records of a row group that were asked for; where it breaks off, one that stands for the rest."""
    import pyarrow as pa

    row, (begin, size), (line, end) = held[0], held, asked
    try:
        for batch in table.iter_batches(batch_size=1_024, row_groups=[group], columns=wanted):
            if row + len(batch) > line and row < end:
                first, last = max(line - row, 0), min(end - row, len(batch))
                for place, content in enumerate(batch.slice(first, last - first).to_pylist(), start=row + first + 1):
                    raw = json.dumps(content, ensure_ascii=False, default=str).encode("utf-8", errors="replace")
                    yield _record(content, raw, (place, place), numbers, f"{numbers.file_id}-{place}")
            row += len(batch)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as fault:
        place, last = max(row, line), min(begin + size, end)
        numbers.rows += last - place
        yield Record(b"", place + 1, last, fault=f"rows {place + 1} to {last} cannot be read: {fault}")


def _record(content: Any, raw: bytes, lines: tuple[int, int], numbers: RowNumbers, article_id: str) -> Record:
    """Return a record that was taken apart: an article's paragraphs, or one row."""
    if not isinstance(content, Mapping) or not ("paragraphs" in content or "text" in content):
        numbers.rows += 1
        fault = "expected an object with `paragraphs` (an article) or `text` (a paragraph)"
        return Record(raw, *lines, fault=fault)
    own = content.get("id")
    own = "" if own is None or isinstance(own, (dict, list, float, bool)) else str(own)
    place = "this record"
    try:
        if "paragraphs" in content:
            passages = tuple(of_article(content, place=place, article_id=article_id))
            return Record(raw, *lines, tuple(Row(p, made_id(p), lines[0], raw) for p in passages))
        passage = numbers(content, place=place)
    except DataError as fault:
        return Record(raw, *lines, fault=str(fault))
    return Record(raw, *lines, (Row(passage, own or made_id(passage), lines[0], raw),))


def made_id(passage: Passage) -> str:
    """Return the id of a paragraph that came without one of its own."""
    return f"{passage.article_id}/{passage.paragraph}"


def _lines(file: BinaryIO, line: int) -> Iterator[tuple[int, bytes]]:
    r"""Yield number and bytes of each line, whatever ends it: ``\n``, ``\r\n`` or ``\r``."""
    while held := file.readline(LONGEST_LINE):
        for raw in held.splitlines(keepends=True):
            line += 1
            yield line, raw


class _CsvLines:
    """The lines of a CSV file as its parser takes them; those of the present record can be given back."""

    def __init__(self, file: BinaryIO, line: int) -> None:
        self._coming = _lines(file, line)
        self._back: list[tuple[int, bytes]] = []
        self._taken: list[tuple[int, bytes]] = []
        self._size = 0

    @property
    def number(self) -> int:
        """The line that the present record begins with."""
        return self._taken[0][0] if self._taken else 0

    @property
    def last(self) -> int:
        """The line that it ends with."""
        return self._taken[-1][0] if self._taken else 0

    def begin(self) -> bytes:
        """Begin a record; return its first line, or nothing at the end."""
        self._taken, self._size = [], 0
        first = self._back.pop() if self._back else next(self._coming, None)
        if first is None:
            return b""
        self._back.append(first)
        self._taken = [first]  # so that its number is known
        return first[1]

    def __iter__(self) -> Iterator[str]:
        """Yield the lines of the present record."""
        self._taken = []
        while self._size < LONGEST_LINE:
            line = self._back.pop() if self._back else next(self._coming, None)
            if line is None:
                return
            self._taken.append(line)
            self._size += len(line[1])
            text = line[1].decode("utf-8", errors="surrogateescape")
            yield text.removeprefix("\ufeff") if line[0] == 1 else text

    def taken(self) -> bytes:
        """Return the bytes of the present record."""
        return b"".join(raw for _, raw in self._taken)

    def keep_first(self) -> None:
        """Give back all lines of the present record but the first."""
        self._back += reversed(self._taken[1:])


def _cells(lines: _CsvLines, delimiter: str) -> tuple[list[str], str]:
    """Return the cells of the present record, and what is wrong with it."""
    csv.field_size_limit(2**31 - 1)
    try:
        cells = next(csv.reader(lines, delimiter=delimiter, strict=True), [])
    except csv.Error as fault:
        return [], f"broken CSV: {fault}"
    try:
        "".join(cells).encode()
    except UnicodeEncodeError:  # what could not be decoded stands in it as half characters
        return [], "is not valid UTF-8"
    return cells, ""


READERS: dict[str, Callable[..., Iterator[Record]]] = {
    ".jsonl": json_records,
    ".ndjson": json_records,
    ".csv": csv_records,
    ".tsv": csv_records,
    ".parquet": parquet_records,
}
DELIMITERS = {".csv": ",", ".tsv": "\t"}
