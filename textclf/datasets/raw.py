"""What a reader of labelled data gives: raw records with their place in the file, and faults."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textclf.errors import DataError


@dataclass(frozen=True, slots=True)
class Fault:
    """One bad thing in a file. Lines count from 1, paragraphs from 0, as in the record's list."""

    file: str
    line: int | None
    article_id: str | None
    paragraph: int | None
    message: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        where = []
        if self.article_id is not None:
            where.append(f"article {self.article_id}")
        if self.paragraph is not None:
            where.append(f"paragraph {self.paragraph}")
        return f"{place}: {', '.join(where)}: {self.message}" if where else f"{place}: {self.message}"


@dataclass(frozen=True, slots=True)
class RawArticle:
    """One article as read, not yet validated: the record and its line, and of each paragraph line and id, if any."""

    record: Any
    line: int
    paragraph_lines: tuple[int, ...] | None = None
    paragraph_ids: tuple[str | None, ...] | None = None

    @property
    def article_id(self) -> str | None:
        """The record's own id, or None when it has no usable one."""
        found = self.record.get("article_id") if isinstance(self.record, Mapping) else None
        usable = isinstance(found, (str, int)) and not isinstance(found, bool) and str(found).strip()
        return str(found) if usable else None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands in for a paragraph that a reader could not make out, and says why."""

    message: str


def read_lines(path: Path) -> Iterator[tuple[int, str | None]]:
    """Yield `(line number, text)` for each line that is not blank; None where it is not UTF-8.

    Raises:
        DataError: When the file cannot be opened.
    """
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                if number == 1:
                    raw = raw.removeprefix(b"\xef\xbb\xbf")
                if not raw.strip():
                    continue
                try:
                    yield number, raw.decode("utf-8")
                except UnicodeDecodeError:
                    yield number, None
    except OSError as fault:
        raise DataError(f"cannot read {path}: {fault.strerror}") from fault


YES = {"1", "1.0", "true", "yes"}
NO = {"0", "0.0", "false", "no"}
NEARLY = 0.8  # how like a known name an unknown one must be to be taken for a slip of the pen
NOT_UTF8 = "not valid UTF-8; convert the file first, for example with: iconv -f WINDOWS-1252 -t UTF-8"


def raise_faults(faults: Iterable[Fault], *, most: int = 20) -> None:
    """Raise one DataError that lists the faults (the first `most`), or nothing when there are none."""
    listed = [str(fault) for fault in faults]
    if not listed:
        return
    more = f"\n... and {len(listed) - most} more" if len(listed) > most else ""
    hint = "\nMend them, or see them all with: textclf data check FILE"
    raise DataError(f"{len(listed)} fault(s) in the data:\n" + "\n".join(listed[:most]) + more + hint)
