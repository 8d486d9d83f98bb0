"""What is done to one block, whoever does it: read, label, set aside what cannot be labelled, write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textclf.articles.sentences import check_unit, split_units
from textclf.bulk.blocks import Block, read_span
from textclf.bulk.output import Done, write_part
from textclf.bulk.rows import Reject, marked
from textclf.errors import TextclfError
from textclf.labeller import Labeller
from textclf.labels import LabelSet
from textclf.predict import parquet_record, parquet_schema
from textclf.records import LabelledPassage, Passage
from textclf.scripts import script_of

FAULTS = (TextclfError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RuntimeError)
"""What a model may raise over a text. Anything else ends the process, and the block is looked through by another."""


@dataclass(frozen=True)
class Job:
    """What every worker must know. JSON-ready.

    Attributes:
        model: The bundle's folder.
        out: The folder that parts are written to.
        fingerprint: Of input, bundle and options together; stands in every part.
        unit: What is labelled at a time.
        language: Of the text, where sentences are the unit.
    """

    model: str
    out: str
    fingerprint: str
    unit: str = "paragraph"
    language: str = "en"


@dataclass(frozen=True)
class Unit:
    """A paragraph or sentence on its way, with the id of its row in the output and where it came from."""

    row_id: str
    passage: Passage
    place: str
    line: int
    raw: bytes

    def reject(self, reason: str) -> Reject:
        """Return it as one that could not be labelled."""
        raw = self.raw or self.passage.text.encode("utf-8", errors="replace")
        return Reject(self.place, self.line, reason, raw, self.row_id)


@dataclass(frozen=True)
class BlockResult:
    """A block labelled.

    Attributes:
        table: A pyarrow table: `id`, and the columns of `textclf predict`.
        rejects: What could not be labelled.
        repeated: For each row whose id an earlier row has: file, line, the id it came with and the one it was given.
        labelled: The rows of the table.
    """

    table: Any
    rejects: list[Reject]
    repeated: list[dict[str, Any]]
    labelled: list[LabelledPassage]


def do_block(model: Labeller, block: Block, job: Job, *, leave_out: Collection[int] = ()) -> Done:
    """Label a block and write its part.

    Args:
        model: The bundle of `job.model`, loaded.
        block: The block.
        job: The job.
        leave_out: Units, by their place in the block, that a process has died over: they are rejected unread.

    Raises:
        DataError: When its file has changed since the work was parted.
        WriteError: When the part cannot be written.
    """
    found = label_block(model, block, job, leave_out=leave_out)
    scripts = Counter(filter(None, (script_of(row.text) for row in found.labelled)))
    done = Done(
        block.number,
        job.fingerprint,
        block.sha256,
        rows=len(found.labelled),
        rejects=len(found.rejects),
        repeated=len(found.repeated),
        unread=sum(not row.windows for row in found.labelled),
        per_label={name: sum(name in row.labels for row in found.labelled) for name in model.labels},
        foreign={name: count for name, count in sorted(scripts.items()) if name not in model.scripts},
    )
    rejects = [reject.to_json() for reject in found.rejects]
    write_part(Path(job.out), done, found.table, rejects=rejects, repeated=found.repeated)
    return done


def label_block(model: Labeller, block: Block, job: Job, *, leave_out: Collection[int] = ()) -> BlockResult:
    """Label a block; the same block, model and options give the same result, byte for byte.

    Args:
        model: The model.
        block: The block.
        job: Says what the unit is.
        leave_out: See `do_block`.

    Raises:
        DataError: When its file has changed since the work was parted.
    """
    units, rejects, repeated = read_block(block, job)
    asked = [unit for place, unit in enumerate(units) if place not in leave_out]
    rejects += [units[place].reject("the process that read it died over it, twice") for place in sorted(leave_out)]
    labelled, poison = _label(model, asked)
    rows = [(unit.row_id, row) for unit, row in labelled]
    return BlockResult(_table(rows, model.labels), [*rejects, *poison], repeated, [row for _, row in rows])


def read_block(block: Block, job: Job) -> tuple[list[Unit], list[Reject], list[dict[str, Any]]]:
    """Return the units of a block, what could not be read, and the rows whose ids an earlier row has.

    Raises:
        DataError: When its file has changed since the work was parted.
    """
    units, rejects, repeated = list[Unit](), list[Reject](), list[dict[str, Any]]()
    for span in block.spans:
        place = 0
        for row in read_span(span):
            if isinstance(row, Reject):
                rejects.append(row)
                continue
            occurrence = span.occurrence if span.is_page else span.repeats.get(place, 1)
            row_id = marked(row.row_id, occurrence)
            if occurrence > 1:
                repeated.append({"file": span.place, "line": row.line, "id": row.row_id, "made": row_id})
            place += 1
            for passage in split_units([row.passage], unit=check_unit(job.unit), language=job.language):
                own = row_id if passage.sentence is None else f"{row_id}.{passage.sentence}"
                units.append(Unit(own, passage, span.place, row.line, row.raw))
    return units, rejects, repeated


def probe_block(model: Labeller, block: Block, job: Job, *, start: int = 0) -> Iterator[int]:
    """Yield the place of each unit of a block just before it is labelled alone: the last one told is a deadly one.

    Args:
        model: The model.
        block: The block.
        job: The job.
        start: The first unit to look at.
    """
    units, _, _ = read_block(block, job)
    for place in range(start, len(units)):
        yield place
        _label(model, [units[place]])


def _label(model: Labeller, units: Sequence[Unit]) -> tuple[list[tuple[Unit, LabelledPassage]], list[Reject]]:
    """Label units together; where the model raises, halve them until those it raises on stand alone."""
    if not units:
        return [], []
    try:
        rows = list(model.label_stream(unit.passage for unit in units))
        return list(zip(units, rows, strict=True)), []
    except FAULTS as fault:
        if len(units) == 1:
            return [], [units[0].reject(f"the model cannot read it: {type(fault).__name__}: {fault}"[:500])]
    middle = len(units) // 2
    first, second = _label(model, units[:middle]), _label(model, units[middle:])
    return first[0] + second[0], first[1] + second[1]


def _table(rows: Sequence[tuple[str, LabelledPassage]], labels: LabelSet) -> Any:
    """Return rows as a pyarrow table."""
    import pyarrow as pa

    schema = parquet_schema(labels).insert(0, pa.field("id", pa.string()))
    records: list[Mapping[str, Any]] = []
    for row_id, row in rows:
        record = parquet_record(row)
        records.append({"id": row_id.encode("utf-8", errors="backslashreplace").decode("utf-8"), **record})
    return pa.Table.from_pylist(records, schema=schema)
