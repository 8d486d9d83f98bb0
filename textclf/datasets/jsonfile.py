"""JSON as the tools export it: a list of records, or one record a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from textclf.datasets.raw import NOT_UTF8, Fault, read_lines
from textclf.errors import DataError

SPACE = " \t\r\n"


def read_json(path: Path) -> Iterator[tuple[int, Any] | Fault]:
    """Yield `(place, record)` for each record, or the fault of its place.

    One record a line has its line for a place. A file that begins with ``[`` is one list, unless its first line is a
    whole JSON value and more lines follow; an item's place is its number from 1. A file whose first line is a lone
    ``{`` is one record.

    Raises:
        DataError: When the file cannot be opened.
    """
    lines = read_lines(path)
    first = next(lines, None)
    if first is None:
        return
    opening = (first[1] or "").strip(SPACE)
    if opening.startswith("[") and (not is_json(opening) or next(lines, None) is None):
        yield from _read_list(path)
    elif opening == "{":
        yield from _read_one(path)
    else:
        yield from _read_each_line(path)


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


def is_json(text: str) -> bool:
    """Tell whether a text is one whole JSON value."""
    try:
        parse(text)
    except ValueError:
        return False
    return True


def first_record(start: str) -> Any:
    """Return the first JSON value of a text, or the first item where that is a list; None where there is none."""
    text = start.lstrip(SPACE)
    line = text.partition("\n")[0]
    if text.startswith("[") and not (line.strip(SPACE) != "[" and is_json(line) and text[len(line) :].strip(SPACE)):
        text = text[1:].lstrip(SPACE)
    try:
        return _DECODER.raw_decode(text)[0]
    except (ValueError, RecursionError):
        return None


def _read_each_line(path: Path) -> Iterator[tuple[int, Any] | Fault]:
    for line, text in read_lines(path):
        if text is None:
            yield Fault(str(path), line, None, None, NOT_UTF8)
            continue
        try:
            yield line, parse(text)
        except ValueError as fault:
            yield Fault(str(path), line, None, None, f"broken JSON: {fault}")


def _read_one(path: Path) -> Iterator[tuple[int, Any] | Fault]:
    text = _text(path)
    if isinstance(text, Fault):
        yield text
        return
    try:
        record, end = _DECODER.raw_decode(text.lstrip(SPACE))
        if text.lstrip(SPACE)[end:].strip(SPACE):
            raise ValueError("more follows the first record; put each record on a line of its own, or all in one list")
        yield 1, record
    except (ValueError, RecursionError) as fault:
        yield Fault(str(path), 1, None, None, f"broken JSON: {_reason(fault)}")


def _read_list(path: Path) -> Iterator[tuple[int, Any] | Fault]:
    text = _text(path)
    if isinstance(text, Fault):
        yield text
        return
    position, number = _skip(text, text.index("[") + 1), 0
    closed = text[position : position + 1] == "]"
    while not closed:
        number += 1
        try:
            record, position = _DECODER.raw_decode(text, position)
        except (ValueError, RecursionError) as fault:
            yield Fault(str(path), number, None, None, f"broken JSON in record {number}: {_reason(fault)}{STOPPED}")
            return
        yield number, record
        position = _skip(text, position)
        closed = text[position : position + 1] == "]"
        if not closed and text[position : position + 1] != ",":
            ends = "the file ends" if position >= len(text) else f"{text[position]!r} stands"
            message = f"broken JSON after record {number}: {ends} where ',' or ']' should{STOPPED}"
            yield Fault(str(path), number, None, None, message)
            return
        position = position if closed else _skip(text, position + 1)
    if text[position + 1 :].strip(SPACE):
        yield Fault(str(path), number or 1, None, None, "something follows the end of the JSON list")


STOPPED = "; nothing after it was read"


def _text(path: Path) -> str | Fault:
    """Return a whole file as text, or its fault."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = fault.object.count(b"\n", 0, fault.start) + 1
        return Fault(str(path), None, None, None, f"line {line}: {NOT_UTF8}")
    except OSError as fault:
        raise DataError(f"cannot read {path}: {fault.strerror}") from fault


def _skip(text: str, position: int) -> int:
    while position < len(text) and text[position] in SPACE:
        position += 1
    return position


def _reason(fault: Exception) -> str:
    if isinstance(fault, json.JSONDecodeError):
        return f"{fault.msg} at line {fault.lineno}, column {fault.colno}"
    return "nested too deeply" if isinstance(fault, RecursionError) else str(fault)


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not a JSON value; write null")


_DECODER = json.JSONDecoder(parse_constant=_refuse)
