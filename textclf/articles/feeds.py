"""Tables and JSON Lines of unlabelled text become passages, streamed: JSON Lines, CSV, Parquet.

Every reader yields paragraphs one by one and holds little of its file, so an archive of any size can be read. Pages
are read by `textclf.articles.pages`.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, BinaryIO

from textclf.errors import DataError
from textclf.records import Passage

NOT_UTF8 = "is not valid UTF-8; convert it first, for example with: iconv -f WINDOWS-1252 -t UTF-8"


def read_jsonl(file: BinaryIO, *, name: str, article_id: str) -> Iterator[Passage]:
    """Yield the passages of JSON Lines: an article with `paragraphs`, or a row with `text`, per line."""
    number_row = RowNumbers(article_id)
    for number, record in json_lines(file, name=name):
        place = f"{name}:{number}"
        if not isinstance(record, dict) or not ("paragraphs" in record or "text" in record):
            raise DataError(f"{place}: expected an object with `paragraphs` (an article) or `text` (a paragraph)")
        if "paragraphs" in record:
            yield from of_article(record, place=place, article_id=f"{article_id}-{number}")
        else:
            yield number_row(record, place=place)


def json_lines(file: BinaryIO, *, name: str) -> Iterator[tuple[int, Any]]:
    """Yield the number of each line that is not blank, and what it holds.

    Raises:
        DataError: At the first line that is no JSON or not UTF-8.
    """
    for number, line in enumerate(decode_lines(file, name=name), start=1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except (ValueError, RecursionError) as fault:
                raise DataError(f"{name}:{number}: broken JSON: {fault}") from fault


def read_csv(file: BinaryIO, *, name: str, article_id: str, delimiter: str = ",") -> Iterator[Passage]:
    """Yield one passage per row of a CSV file whose header has `text` and, if possible, `article_id`."""
    csv.field_size_limit(2**31 - 1)
    reader = csv.DictReader(decode_lines(file, name=name), delimiter=delimiter, strict=True)
    number_row = RowNumbers(article_id)
    try:
        header = reader.fieldnames or ()
        if header and header.count("text") != 1:
            number = "two columns" if "text" in header else "no column"
            raise DataError(f"{name}: {number} `text`; found: {', '.join(header)}")
        for row in reader:
            if None in row or None in row.values():
                raise DataError(f"{name}:{reader.line_num}: this row's cells do not match the header's")
            yield number_row(row, place=f"{name}:{reader.line_num}")
    except csv.Error as fault:
        raise DataError(f"{name}:{reader.line_num}: broken CSV: {fault}") from fault


def read_tsv(file: BinaryIO, *, name: str, article_id: str) -> Iterator[Passage]:
    """Yield one passage per row of a tab-separated file; otherwise as `read_csv`."""
    return read_csv(file, name=name, article_id=article_id, delimiter="\t")


def read_parquet(file: BinaryIO, *, name: str, article_id: str) -> Iterator[Passage]:
    """Yield the passages of a Parquet file, a batch of rows at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(file)
        wanted = [
            c for c in ("article_id", "title", "paragraph", "text", "paragraphs") if c in table.schema_arrow.names
        ]
        if not {"text", "paragraphs"} & set(wanted):
            raise DataError(f"{name}: no column `text`; found: {', '.join(table.schema_arrow.names)}")
        number_row, row = RowNumbers(article_id), 0
        for batch in table.iter_batches(batch_size=4_096, columns=wanted):
            for record in batch.to_pylist():
                row += 1
                if "paragraphs" in record:
                    yield from of_article(record, place=f"{name}, row {row}", article_id=f"{article_id}-{row}")
                else:
                    yield number_row(record, place=f"{name}, row {row}")
    except (pa.ArrowException, OSError, UnicodeDecodeError) as fault:
        raise DataError(f"cannot read {name} as Parquet: {fault}") from fault


def decode_lines(file: BinaryIO, *, name: str) -> Iterator[str]:
    """Yield the lines of a UTF-8 file without its byte-order mark, whatever ends its lines.

    Raises:
        DataError: At the first line that is not UTF-8, naming it.
    """
    lines = io.TextIOWrapper(file, encoding="latin-1")  # only to part the lines; each is then read as UTF-8
    try:
        for number, line in enumerate(lines, start=1):
            raw = line.encode("latin-1")
            try:
                yield (raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw).decode("utf-8")
            except UnicodeDecodeError as fault:
                raise DataError(f"{name}:{number}: this line {NOT_UTF8}") from fault
    finally:
        with suppress(ValueError):  # whoever opened the file closes it, and may have done so already
            lines.detach()


class RowNumbers:
    """Turns flat rows into passages, counting the paragraphs of each run of one `article_id`.

    A row with no `article_id` is an article of its own, named after its file and number.
    """

    def __init__(self, file_id: str) -> None:
        self.file_id = file_id
        self.rows = 0
        self.article_id: str | None = None
        self.next_number = 0
        self.previous = ""

    def __call__(self, row: Mapping[str, Any], *, place: str) -> Passage:
        """Return the row's passage.

        Raises:
            DataError: When `text` is no text or `paragraph` is no whole number.
        """
        self.rows += 1
        text = row.get("text")
        if not isinstance(text, str):
            raise DataError(f"{place}: `text` must be a text, found {text!r:.60}")
        title = row.get("title") if isinstance(row.get("title"), str) else ""
        given = row.get("article_id")
        if given is None or given == "":
            return Passage(f"{self.file_id}-{self.rows}", 0, text, title=title or "")
        if given != self.article_id:
            self.article_id, self.next_number, self.previous = given, 0, ""
        number = row.get("paragraph")
        if number is None or number == "":
            number = self.next_number
        elif isinstance(number, str) and number.isascii() and number.isdigit():
            number = int(number)
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 2**63:
            raise DataError(f"{place}: `paragraph` must be a whole number from 0, found {number!r:.60}")
        self.next_number = number + 1
        previous, self.previous = self.previous, text
        return Passage(str(given), number, text, title=title or "", previous=previous)


def of_article(record: Mapping[str, Any], *, place: str, article_id: str) -> Iterator[Passage]:
    """Yield the passages of one record that holds an article; `article_id` names it where the record does not.

    Raises:
        DataError: When its paragraphs are no list of texts.
    """
    paragraphs = record["paragraphs"]
    given = record.get("article_id")
    title = record.get("title") if isinstance(record.get("title"), str) else ""
    if not isinstance(paragraphs, list):
        raise DataError(f"{place}: `paragraphs` must be a list, found {paragraphs!r:.60}")
    previous = ""
    for number, paragraph in enumerate(paragraphs):
        held = paragraph if isinstance(paragraph, Mapping) else {"text": paragraph}
        text, start, end = held.get("text"), held.get("start"), held.get("end")
        if not isinstance(text, str):
            raise DataError(f"{place}: paragraph {number} has no text, found {paragraph!r:.60}")
        start, end = (start, end) if isinstance(start, int) and isinstance(end, int) else (None, None)
        name = article_id if given in (None, "") else str(given)
        yield Passage(name, number, text, start=start, end=end, title=title or "", previous=previous)
        previous = text
