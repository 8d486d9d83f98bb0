"""The formats of labelled data: one line a format, in the order they are asked whether a file is theirs."""

from __future__ import annotations

import os
import re
from pathlib import Path

from textclf.datasets import argilla, brat, conflibert, doccano, huggingface, jsonl, label_studio, prodigy, spacy, table
from textclf.datasets.interface import Format, Head
from textclf.datasets.jsonfile import first_record
from textclf.errors import DataError, did_you_mean

FORMATS: dict[str, Format] = {
    known.name: known
    for known in (
        jsonl.FORMAT,
        table.CSV,
        table.TSV,
        table.PARQUET,
        label_studio.FORMAT,
        argilla.FORMAT,
        prodigy.FORMAT,
        doccano.FORMAT,
        brat.FORMAT,
        huggingface.FORMAT,
        spacy.FORMAT,
        conflibert.FORMAT,
    )
}
LOOKED_AT = 2**20  # bytes are read to recognise a format


def get_format(name: str) -> Format:
    """Return the format of a name.

    Raises:
        DataError: When there is none; all are named.
    """
    try:
        return FORMATS[name]
    except KeyError:
        raise DataError(
            f"there is no format {name!r}{did_you_mean(name, FORMATS)} (known: {', '.join(FORMATS)})"
        ) from None


def format_of(path: Path) -> Format:
    """Recognise the format of a file or folder by what it holds, else by its ending.

    Raises:
        DataError: When there is no such file, or it is of no format that is read.
    """
    head = _head(path)
    for known in FORMATS.values():
        if known.sniff(head):
            return known
    found = _by_ending(path)
    if len(found) == 1:
        return found[0]
    if head.start.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(f"{path} is in UTF-16; convert it first, for example with: iconv -f UTF-16 -t UTF-8")
    if found:
        names = " or ".join(known.name for known in found)
        raise DataError(
            f"{path}: the JSON in it is of no format that is recognised, such as {names}; "
            f"known formats: {', '.join(FORMATS)}"
        )
    endings = ", ".join(dict.fromkeys(ending for known in FORMATS.values() for ending in known.endings))
    raise DataError(
        f"{path}: labelled data is read from {endings} or a folder, not {path.suffix or 'this'}; "
        f"what it holds is of no known format either ({', '.join(FORMATS)})"
    )


def format_for(path: Path) -> Format:
    """Return the format a path to write to names by its ending.

    Raises:
        DataError: When it names none, or more than one.
    """
    found = _by_ending(path)
    if len(found) == 1:
        return found[0]
    which = f"{path.suffix} can be {' or '.join(known.name for known in found)}" if found else "its ending tells none"
    raise DataError(f"in which format is {path} to be written? {which}; say it with --to, one of {', '.join(FORMATS)}")


def _by_ending(path: Path) -> list[Format]:
    return [known for known in FORMATS.values() if path.suffix.lower() in known.endings]


def _head(path: Path) -> Head:
    """Read the beginning of a file."""
    if huggingface.is_hub_name(path):
        return Head(path)
    try:
        if path.is_dir():
            return Head(path)
        if not path.exists():
            raise DataError(f"no such file: {path} (looked in {os.fspath(path.absolute().parent)})")
        with path.open("rb") as file:
            start = file.read(LOOKED_AT)
    except (OSError, ValueError) as fault:
        if isinstance(fault, DataError):
            raise
        raise DataError(f"cannot read {path}: {getattr(fault, 'strerror', None) or fault}") from fault
    text = start.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    first_line = text.lstrip().partition("\n")[0].rstrip("\r")
    cells = max((re.split(mark, first_line) for mark in "\t,;"), key=len)
    return Head(path, start, first_record(text), tuple(cell.strip().strip('"') for cell in cells))
