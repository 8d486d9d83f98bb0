"""Labelled data: files become `Article` records, or a full list of what is wrong with them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from textclf.datasets import huggingface, jsonl, table
from textclf.datasets.raw import Fault, RawArticle, raise_faults
from textclf.datasets.validate import validate
from textclf.errors import DataError
from textclf.labels import LabelSet
from textclf.records import Article

Reader = Callable[[Path, LabelSet | None], Iterator[RawArticle | Fault]]

READERS: dict[str, Reader] = {
    ".jsonl": jsonl.read,
    ".ndjson": jsonl.read,
    ".csv": table.read_csv,
    ".tsv": table.read_csv,
    ".parquet": table.read_parquet,
}


@dataclass(frozen=True)
class Checked:
    """A labelled file as checked: the articles that are whole, and every fault of the others."""

    path: Path
    articles: list[Article]
    faults: list[Fault]


def check_labelled(path: str | Path, labels: LabelSet | None) -> Checked:
    """Read a labelled file to its end and collect every fault on the way.

    Args:
        path: A `.jsonl`, `.csv`, `.tsv` or `.parquet` file, or a folder saved by Hugging Face `datasets`.
        labels: The labels allowed; None leaves their names unchecked.

    Raises:
        DataError: When the file cannot be opened or its kind is not known.
    """
    path = Path(path)
    articles: list[Article] = []
    faults: list[Fault] = []
    first_line: dict[str, int] = {}
    records = 0
    for raw in _reader(path)(path, labels):
        records += 1
        if isinstance(raw, Fault):
            faults.append(raw)
            continue
        article, found = validate(path, raw, labels)
        faults += found
        article_id = article.article_id if article else raw.article_id
        if article_id is not None:
            earlier = first_line.setdefault(article_id, raw.line)
            if earlier != raw.line:
                message = f"this article_id stands already at line {earlier}"
                faults.append(Fault(str(path), raw.line, article_id, None, message))
                continue
        if article is not None:
            articles.append(article)
    if records == 0:
        faults.append(Fault(str(path), None, None, None, "the file is empty; expected one article a line"))
    faults.sort(key=lambda fault: (fault.line or 0, fault.paragraph if fault.paragraph is not None else -1))
    return Checked(path, articles, faults)


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


def _reader(path: Path) -> Reader:
    if path.is_dir():
        return huggingface.read
    if not path.exists():
        raise DataError(f"no such file: {path} (looked in {os.fspath(path.absolute().parent)})")
    try:
        return READERS[path.suffix.lower()]
    except KeyError:
        known = ", ".join(READERS)
        raise DataError(
            f"{path}: labelled data is read from {known} or a saved `datasets` folder, not {path.suffix or 'this'}"
        ) from None
