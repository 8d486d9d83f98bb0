"""Labelled data: files become `Article` records, or a full list of what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from textclf.datasets import table
from textclf.datasets.interface import Reader
from textclf.datasets.raw import Fault, raise_faults
from textclf.datasets.registry import format_of, get_format
from textclf.datasets.validate import validate
from textclf.datasets.write import write_labelled
from textclf.errors import DataError
from textclf.labels import LabelSet
from textclf.records import Article

__all__ = ["Checked", "check_labelled", "read_labelled", "shared_articles", "stream_labelled", "write_labelled"]


@dataclass(frozen=True)
class Checked:
    """A labelled file as checked: the articles that are whole, every fault of the others, and the file's format."""

    path: Path
    articles: list[Article]
    faults: list[Fault]
    format: str = "jsonl"


def check_labelled(
    path: str | Path,
    labels: LabelSet | None,
    *,
    format: str | None = None,
    columns: Sequence[str] | None = None,
) -> Checked:
    """Read a labelled file to its end and collect every fault on the way.

    Args:
        path: A file or folder of any format in `textclf.datasets.registry.FORMATS`, or ``hf:owner/name[:split]``.
        labels: The labels allowed; None leaves their names unchecked.
        format: The name of its format; None recognises it by what it holds, else by its ending.
        columns: The columns of a text table whose first line does not name them.

    Raises:
        DataError: When the file cannot be opened or its kind is not known.
    """
    path = Path(path)
    faults: list[Fault] = []
    known = get_format(format) if format else format_of(path)
    articles = list(_articles(path, _reader(known.read, known.name, columns), labels, labels, faults))
    faults.sort(key=lambda fault: (fault.line or 0, fault.paragraph if fault.paragraph is not None else -1))
    return Checked(path, articles, faults, known.name)


def stream_labelled(path: str | Path, labels: LabelSet | None, faults: list[Fault]) -> Iterator[Article]:
    """Yield the whole articles of a labelled file one by one, and add what is wrong with the others to `faults`.

    Memory stays flat where the format does: JSON Lines of articles. Flat rows and tables are read as a whole first.

    Args:
        path: As for `check_labelled`.
        labels: Says which columns of a table are labels; label names themselves go unchecked.
        faults: Grows while the articles are read.

    Raises:
        DataError: When the file cannot be opened or its kind is not known.
    """
    path = Path(path)
    yield from _articles(path, format_of(path).read, labels, None, faults)


def _articles(
    path: Path, read: Reader, labels: LabelSet | None, allowed: LabelSet | None, faults: list[Fault]
) -> Iterator[Article]:
    """Yield the whole articles of a file; `labels` is for its reader, `allowed` for the check of names."""
    first_place: dict[str, int] = {}
    records = 0
    for raw in read(path, labels):
        records += 1
        if isinstance(raw, Fault):
            faults.append(raw)
            continue
        article, found = validate(path, raw, allowed)
        faults += found
        article_id = article.article_id if article else raw.article_id
        if article_id is not None:
            if article_id in first_place:
                message = f"this article_id stands already at line {first_place[article_id]}"
                faults.append(Fault(str(path), raw.line, article_id, None, message))
                continue
            first_place[article_id] = raw.line
        if article is not None:
            yield article
    if records == 0:
        faults.append(
            Fault(str(path), None, None, None, "there is no article in it: the file is empty, or a list of nothing")
        )


def read_labelled(path: str | Path, labels: LabelSet) -> list[Article]:
    """Read a labelled file whose every record is whole.

    Raises:
        DataError: When it cannot be read or any record has a fault; the message lists the first twenty.
    """
    checked = check_labelled(path, labels)
    raise_faults(checked.faults)
    return checked.articles


def shared_articles(files: Sequence[Checked]) -> list[Fault]:
    """Return a fault for each article id that stands in more than one of the files: that is leakage."""
    first: dict[str, int] = {}
    faults = []
    for number, checked in enumerate(files):
        for article in checked.articles:
            other = first.setdefault(article.article_id, number)
            if other != number:
                message = f"this article also stands in {files[other].path}; a split may share no article with another"
                faults.append(Fault(str(checked.path), None, article.article_id, None, message))
    return faults


def _reader(read: Reader, name: str, columns: Sequence[str] | None) -> Reader:
    """Return a format's reader, told the columns where it is one of text tables."""
    if columns is None:
        return read
    if name not in ("csv", "tsv"):
        raise DataError(f"columns can be named for csv and tsv, not for {name}")
    return partial(table.read_csv, columns=columns)
