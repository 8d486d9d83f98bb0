"""Labelling files of any size: passages stream in, one record a paragraph (or sentence) streams out."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TextIO

from textclf.articles import stream_passages
from textclf.articles.sentences import split_units
from textclf.errors import DataError
from textclf.files import written_aside
from textclf.labeller import Labeller
from textclf.labels import LabelSet
from textclf.languages import can_tell, language_of, looked_at
from textclf.progress import log, log_skipped, track
from textclf.records import LabelledPassage, Unit
from textclf.scripts import script_of

BATCH_ROWS = 8_192  # rows of a Parquet row group
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
COLUMNS = ("article_id", "paragraph", "sentence", "text", "labels", "scores", "windows", "start", "end")


class Writer(Protocol):
    """Writes labelled passages one by one."""

    def write(self, passage: LabelledPassage) -> None:
        """Write one record."""
        ...

    def finish(self) -> None:
        """Write what is still held."""
        ...

    def close(self) -> None:
        """Close the file; what is still held is lost."""
        ...


@dataclass
class Summary:
    """What a prediction run did.

    Attributes:
        paragraphs: Paragraphs labelled; sentences, where they are the unit.
        articles: Articles they came from, counted as runs of one id.
        per_label: Paragraphs (or sentences) carrying each label.
        skipped: Files of a folder that were of no known kind.
        unit: What was labelled at a time.
        foreign: Paragraphs by their script, of scripts the model was not trained on.
        unread: Paragraphs without a letter, which were not read.
        heard: Paragraphs whose language was looked at: all, or of many the first 1,000 and then one in ten; none
            where the model's card or the extra `language` is missing.
        languages: Of those, by code, the ones in languages the model was not trained on.
    """

    paragraphs: int = 0
    articles: int = 0
    per_label: dict[str, int] = field(default_factory=dict)
    skipped: list[Path] = field(default_factory=list)
    unit: Unit = "paragraph"
    foreign: dict[str, int] = field(default_factory=dict)
    unread: int = 0
    heard: int = 0
    languages: dict[str, int] = field(default_factory=dict)


def predict_files(
    model: Labeller,
    inputs: Iterable[str | Path],
    *,
    out: str | Path | None = None,
    unit: Unit = "paragraph",
    language: str = "en",
    escape_formulas: bool = False,
) -> Summary:
    """Label every paragraph, or every sentence, of the inputs and write one record each, in order.

    Args:
        model: What `textclf.load` gives.
        inputs: Files, folders, or ``"-"`` (see `textclf.articles.stream_passages`).
        out: A `.jsonl`, `.csv` or `.parquet` file, whole when this returns and absent when it raises; None writes
            JSON Lines to standard output.
        unit: What is labelled at a time: ``"paragraph"`` or ``"sentence"``.
        language: Of the inputs, as sentences end differently (see `split_sentences`).
        escape_formulas: In CSV, put ``'`` before a cell that a spreadsheet would take for a formula.

    Raises:
        DataError: When an input is broken or there is no paragraph in them.
        MissingExtraError: When sentences are asked for and the extra `sentences` is not installed.
        WriteError: When the output cannot be written.
    """
    summary = Summary(per_label=dict.fromkeys(model.labels, 0), unit=unit)
    passages = stream_passages(inputs, exclude=Path(out) if out else None, on_skip=summary.skipped.append)
    units = split_units(passages, unit=unit, language=language)
    labelled = _counted(model.label_stream(units), summary, model)
    with open_writer(out, model.labels, escape_formulas=escape_formulas) as writer:
        for passage in track(labelled, what="labelling", unit=f" {unit}s"):
            writer.write(passage)
        if summary.paragraphs == 0:
            raise DataError("there is no paragraph in the input; nothing was written")
    log_skipped(summary.skipped, why="not a kind of file that is read")
    _warn_of_scripts(summary, known=model.scripts)
    _warn_of_languages(summary, known=model.languages)
    return summary


def _warn_of_scripts(summary: Summary, *, known: frozenset[str]) -> None:
    if summary.foreign:
        told = ", ".join(f"{count:,} {name}" for name, count in sorted(summary.foreign.items()))
        log.warning(
            "of %s %ss, these are in scripts the model was not trained on (it knows %s): %s. Do not rely on their "
            "labels unless you have measured them",
            f"{summary.paragraphs:,}",
            summary.unit,
            ", ".join(sorted(known)) or "none",
            told,
        )


def _warn_of_languages(summary: Summary, *, known: frozenset[str]) -> None:
    if summary.languages:
        of = "" if summary.heard == summary.paragraphs else " whose language was looked at"
        log.warning(
            "of %s %ss%s, these are in languages the model was not trained on (it knows %s): %s. Do not rely on their "
            "labels unless you have measured them",
            f"{summary.heard:,}",
            summary.unit,
            of,
            ", ".join(sorted(known)),
            ", ".join(f"{count:,} {code}" for code, count in sorted(summary.languages.items())),
        )


def _counted(labelled: Iterable[LabelledPassage], summary: Summary, model: Labeller) -> Iterator[LabelledPassage]:
    last: str | None = None
    known, spoken = model.scripts, model.languages if can_tell() else frozenset()
    for passage, listened in zip(labelled, looked_at(), strict=False):
        summary.paragraphs += 1
        summary.articles += passage.article_id != last
        last = passage.article_id
        script = script_of(passage.text)
        summary.unread += not passage.windows
        if script and script not in known:
            summary.foreign[script] = summary.foreign.get(script, 0) + 1
        elif script and spoken and listened:
            summary.heard += 1
            language = language_of(passage.text)
            if language and language not in spoken:
                summary.languages[language] = summary.languages.get(language, 0) + 1
        for name in passage.labels:
            summary.per_label[name] += 1
        yield passage


def check_output(out: str | Path | None) -> None:
    """Make sure that an output is one that can be written, before long work is begun.

    Raises:
        DataError: When its ending is not known or it is a folder.
    """
    if out is not None and Path(out).suffix.lower() not in WRITERS:
        raise DataError(
            f"--out {out}: the ending must be one of {', '.join(WRITERS)}; for a folder of parts, add --engine local"
        )
    if out is not None and Path(out).is_dir():
        raise DataError(f"--out {out} is a folder; give a file, or add --engine local to write a folder of parts")


@contextmanager
def open_writer(out: str | Path | None, labels: LabelSet, *, escape_formulas: bool = False) -> Iterator[Writer]:
    """Give a writer by the output's ending; the file appears only when the block ends well.

    Args:
        out: The file; None is standard output.
        labels: The labels, in column order.
        escape_formulas: See `predict_files`.

    Raises:
        DataError: When the ending is not known.
    """
    if out is None:
        yield JsonLines(sys.stdout)
        sys.stdout.flush()
        return
    out = Path(out)
    check_output(out)
    with written_aside(out) as aside:
        writer = WRITERS[out.suffix.lower()](aside, labels)
        if isinstance(writer, Csv):
            writer.escape = escape_formulas
        try:
            yield writer
            writer.finish()
        finally:
            writer.close()


class JsonLines:
    """One JSON object a line."""

    def __init__(self, file: TextIO) -> None:
        self.file = file

    @classmethod
    def open(cls, path: Path, labels: LabelSet) -> JsonLines:
        """Begin a file."""
        del labels
        return cls(path.open("w", encoding="utf-8", newline="\n"))

    def write(self, passage: LabelledPassage) -> None:
        """Write one record; half characters in a text, which UTF-8 has no bytes for, are escaped."""
        line = json.dumps(passage.to_json(), ensure_ascii=False)
        try:
            self.file.write(line + "\n")
        except UnicodeEncodeError:
            self.file.write(json.dumps(passage.to_json()) + "\n")

    def finish(self) -> None:
        """Write what is still held: nothing."""

    def close(self) -> None:
        """Close the file."""
        self.file.close()


class Csv:
    """One row a paragraph; labels parted by `;`, scores as a JSON object, nothing where a place is not known."""

    escape = False  # whether cells that begin as formulas do are escaped

    def __init__(self, file: TextIO) -> None:
        self.file = file
        self.rows = csv.writer(file)
        self.rows.writerow(COLUMNS)

    @classmethod
    def open(cls, path: Path, labels: LabelSet) -> Csv:
        """Begin a file."""
        del labels
        file = path.open("w", encoding="utf-8", errors="replace", newline="")
        try:
            return cls(file)
        except OSError:  # the header could not be written
            file.close()
            raise

    def write(self, passage: LabelledPassage) -> None:
        """Write one row."""
        record = passage.to_json()
        record |= {"labels": ";".join(passage.labels), "scores": json.dumps(passage.scores, ensure_ascii=False)}
        cells = [record.get(name) for name in COLUMNS]
        self.rows.writerow([_as_text(cell) for cell in cells] if self.escape else cells)

    def finish(self) -> None:
        """Write what is still held: nothing."""

    def close(self) -> None:
        """Close the file."""
        self.file.close()


def _as_text(cell: Any) -> Any:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA_STARTS) else cell


def parquet_schema(labels: LabelSet) -> Any:
    """Return the columns of the Parquet files that predictions are written to."""
    import pyarrow as pa

    types = dict.fromkeys(COLUMNS, pa.int64())
    types |= {"article_id": pa.string(), "text": pa.string(), "labels": pa.list_(pa.string())}
    types["scores"] = pa.struct([pa.field(name, pa.float32()) for name in labels])
    return pa.schema([pa.field(name, kind) for name, kind in types.items()])


def parquet_record(passage: LabelledPassage) -> dict[str, Any]:
    """Return a row of those columns; half characters, which UTF-8 has no bytes for, become question marks."""
    record = passage.to_json()
    for name in ("article_id", "text"):
        record[name] = record[name].encode("utf-8", errors="replace").decode("utf-8")
    return record


class Parquet:
    """Columns of fixed types: text, list of labels, a struct with one float per label; null where it is not known."""

    def __init__(self, path: Path, labels: LabelSet) -> None:
        import pyarrow.parquet as pq

        self.schema = parquet_schema(labels)
        self.file = pq.ParquetWriter(path, self.schema)
        self.held: list[dict[str, Any]] = []

    def write(self, passage: LabelledPassage) -> None:
        """Hold one record, and write a row group when enough are held."""
        self.held.append(parquet_record(passage))
        if len(self.held) >= BATCH_ROWS:
            self.finish()

    def close(self) -> None:
        """Close the file."""
        self.file.close()

    def finish(self) -> None:
        """Write the records still held."""
        import pyarrow as pa

        if self.held:
            self.file.write_table(pa.Table.from_pylist(self.held, schema=self.schema))
            self.held = []


WRITERS: dict[str, Callable[[Path, LabelSet], Writer]] = {
    ".jsonl": JsonLines.open,
    ".csv": Csv.open,
    ".parquet": Parquet,
}
