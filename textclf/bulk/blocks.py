"""The work parted into blocks: which records of which files each holds, the same whenever the input is the same."""

from __future__ import annotations

import hashlib
import io
import json
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from textclf.articles import PAGES, passages_of
from textclf.bulk.repeats import Ids
from textclf.bulk.rows import (
    DELIMITERS,
    READERS,
    NoTextError,
    Record,
    Reject,
    Row,
    csv_header,
    made_id,
    numbers_of,
    state_of,
)
from textclf.bulk.sources import Source, find_sources, open_source
from textclf.errors import DataError
from textclf.progress import track

BLOCK_ROWS = 4_096
BLOCK_BYTES = 16_000_000
ROW_BYTES = 500  # of a page, for each paragraph there may be in it
CHUNK = 1_000_000


@dataclass(frozen=True)
class Span:
    """Neighbouring records of one file, or a whole page. All of it is JSON-ready.

    Attributes:
        place: The file's path or address.
        ending: Its kind.
        article_id: What its articles without an id are named after.
        start: First byte; in Parquet, first row.
        end: Byte or row it stops before.
        line: Lines or rows before it.
        state: Where the counting of rows stands (see `rows.state_of`).
        header: The columns of a CSV file.
        sha256: Of its bytes; in Parquet, of the whole file.
        repeats: Place of a row in the span to its occurrence, of rows whose id an earlier row has.
        occurrence: Of a page, which one of those with its article id it is.
        fault: Why the whole file cannot be read, or "".
    """

    place: str
    ending: str
    article_id: str
    start: int
    end: int
    line: int = 0
    state: Mapping[str, Any] = field(default_factory=dict)
    header: tuple[str, ...] = ()
    sha256: str = ""
    repeats: Mapping[int, int] = field(default_factory=dict)
    occurrence: int = 1
    fault: str = ""

    @property
    def is_page(self) -> bool:
        """Whether it is a page rather than rows."""
        return self.ending in PAGES


@dataclass(frozen=True)
class Block:
    """What is labelled and written at a time.

    Attributes:
        number: From 0, in the order of the input.
        spans: What it holds.
    """

    number: int
    spans: tuple[Span, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it JSON-ready."""
        return asdict(self)

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Block:
        """Return the block that `to_json` told of."""
        spans = []
        for one in told["spans"]:
            repeats = {int(row): occurrence for row, occurrence in one["repeats"].items()}
            spans.append(Span(**{**one, "header": tuple(one["header"]), "repeats": repeats}))
        return cls(told["number"], tuple(spans))

    @property
    def sha256(self) -> str:
        """A digest of its content; where the files lie is no part of it."""
        told = [{k: v for k, v in asdict(span).items() if k != "place"} for span in self.spans]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode("utf-8", errors="surrogatepass")).hexdigest()


@dataclass(frozen=True)
class Plan:
    """The whole input, parted.

    Attributes:
        blocks: In order.
        passed_over: Files of folders that are of no known kind.
        repeated: How many rows and pages have an id that an earlier one has.
    """

    blocks: list[Block]
    passed_over: list[str]
    repeated: int

    @property
    def sha256(self) -> str:
        """A digest of the whole input as parted."""
        return hashlib.sha256("".join(block.sha256 for block in self.blocks).encode()).hexdigest()


def make_plan(inputs: Iterable[str | Path], *, block_rows: int = BLOCK_ROWS, exclude: Path | None = None) -> Plan:
    """Part the input into blocks; it is read once from end to end, which numbers its rows and finds repeated ids.

    Args:
        inputs: Files, folders and addresses (see `find_sources`).
        block_rows: The rows of a block; an article in one record is never parted, nor is a page.
        exclude: A folder that is not read: the output.

    Raises:
        DataError: When an input is missing, of no known kind, or a table without texts, or there is nothing in them.
    """
    sources, passed_over = find_sources(inputs, exclude=exclude)
    ids = Ids(source.article_id for source in sources if source.ending in PAGES)
    spans: list[tuple[Span, int]] = []
    for source in track(sources, what="reading", total=len(sources), unit=" files"):
        spans += _page(source) if source.ending in PAGES else _scan(source, ids, block_rows)
    if not any(rows for _, rows in spans):
        raise DataError("there is no paragraph in the input; nothing was written")
    return Plan(list(_blocks(ids.settled(spans), block_rows)), passed_over, ids.repeated)


def read_span(span: Span) -> Iterator[Row | Reject]:
    """Yield the paragraphs of a span, and in their place the records that cannot be read.

    Raises:
        DataError: When its file has changed since it was parted.
    """
    if span.fault:
        yield Reject(span.place, 0, span.fault)
    elif span.is_page:
        yield from _read_page(span)
    else:
        for record in _records(span):
            if record.fault:
                yield Reject(span.place, record.line, record.fault, record.raw)
            yield from record.rows


def _records(span: Span) -> Iterator[Record]:
    numbers = numbers_of(span.article_id, span.state)
    with open_source(span.place) as file:
        if span.ending != ".parquet":
            file.seek(span.start)
            raw = file.read(span.end - span.start)
            _check(span, hashlib.sha256(raw).hexdigest())
            file = io.BytesIO(raw)
        yield from READERS[span.ending](file, numbers=numbers, **_settings(span))


def _settings(span: Span) -> dict[str, Any]:
    return {
        "line": span.line,
        "end": span.end,
        "header": span.header,
        "delimiter": DELIMITERS.get(span.ending, ","),
    }


def _check(span: Span, found: str) -> None:
    if found != span.sha256:
        raise DataError(f"{span.place} has changed while it was being labelled; label it again into another folder")


def _read_page(span: Span) -> Iterator[Row | Reject]:
    with open_source(span.place) as file:
        raw = file.read()
    _check(span, hashlib.sha256(raw).hexdigest())
    try:
        articles = PAGES[span.ending](io.BytesIO(raw), name=span.place, article_id=span.article_id)
        passages = list(passages_of(articles, name=span.place))
    except DataError as fault:
        yield Reject(span.place, 0, str(fault), raw)
        return
    for passage in passages:
        yield Row(passage, made_id(passage), 0, b"")


def _page(source: Source) -> Iterator[tuple[Span, int]]:
    """Yield the span of a page with how many paragraphs it may hold."""
    sha256, size = _digest(source.place)
    yield Span(source.place, source.ending, source.article_id, 0, size, sha256=sha256), 1 + size // ROW_BYTES


def _scan(source: Source, ids: Ids, block_rows: int) -> Iterator[tuple[Span, int]]:
    """Yield the spans of a file of rows, each with its number of rows; `ids` learns the ids of each."""
    whole = Span(source.place, source.ending, source.article_id, 0, source.size)
    with open_source(source.place) as file:
        if source.ending in DELIMITERS:
            header, line, start = csv_header(file, name=source.place, delimiter=DELIMITERS[source.ending])
            whole = replace(whole, header=tuple(header), line=line, start=start)
            file.seek(start)
        elif source.ending == ".parquet":
            whole = replace(whole, end=2**62, sha256=_digest(source.place)[0])
        try:
            yield from _cut(whole, file, ids, block_rows)
        except NoTextError as fault:
            raise DataError(f"{source.place}: {fault}") from fault
        except DataError as fault:
            yield replace(whole, fault=str(fault)), 1


def _cut(whole: Span, file: BinaryIO, ids: Ids, block_rows: int) -> Iterator[tuple[Span, int]]:
    """Yield spans that hold the rows of a block, or its bytes, or are what is left."""
    numbers, by_row = numbers_of(whole.article_id, {}), whole.ending == ".parquet"
    span, rows, size, digest, hashes = replace(whole, state=state_of(numbers)), 0, 0, hashlib.sha256(), array("Q")
    place, line = whole.start, whole.line

    def cut() -> Span:
        """Return what was read since the last span."""
        ids.learn(hashes)
        return replace(span, end=place, sha256=whole.sha256 or digest.hexdigest())

    for record in READERS[whole.ending](file, numbers=numbers, **_settings(whole)):
        digest.update(record.raw)
        size += len(record.raw)
        line, place = record.last, record.last if by_row else place + len(record.raw)
        hashes.extend(ids.hash_of(row.row_id) for row in record.rows)
        rows += len(record.rows) or bool(record.fault)
        if rows >= block_rows or size >= BLOCK_BYTES:
            yield cut(), rows
            span = replace(whole, start=place, line=line, state=state_of(numbers))
            rows, size, digest, hashes = 0, 0, hashlib.sha256(), array("Q")
    if size or rows:
        yield cut(), rows


def _digest(place: str) -> tuple[str, int]:
    """Return the SHA-256 and the size of a file."""
    digest, size = hashlib.sha256(), 0
    with open_source(place) as file:
        while raw := file.read(CHUNK):
            digest.update(raw)
            size += len(raw)
    return digest.hexdigest(), size


def _blocks(spans: Sequence[tuple[Span, int]], block_rows: int) -> Iterator[Block]:
    """Yield blocks, each filled with spans until it has its rows: small files share one."""
    number, held, rows = 0, list[Span](), 0
    for span, count in spans:
        if held and rows + count > block_rows:
            yield Block(number, tuple(held))
            number, held, rows = number + 1, [], 0
        held.append(span)
        rows += count
    if held:
        yield Block(number, tuple(held))
