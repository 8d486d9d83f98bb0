"""ConfliBERT's tables: no header, tabs, the text first and then 1, 0 or nothing for each label in the set's order.

Nothing means unknown. There is no room for articles, so each row is one.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from textclf.datasets.headerless import is_marks
from textclf.datasets.interface import Format, Head
from textclf.datasets.raw import Fault, RawArticle
from textclf.datasets.table import read_csv
from textclf.datasets.units import unknown_labels
from textclf.errors import DataError
from textclf.labels import LabelSet
from textclf.records import Article


def sniff(head: Head) -> bool:
    """Tell whether the first row is a text and then marks, parted by tabs."""
    start = io.StringIO(head.start.decode("utf-8-sig", "replace"), newline="")
    try:
        text, *marks = next(csv.reader(start, delimiter="\t", strict=True), None) or [""]
    except csv.Error:
        return False
    return bool(text.strip()) and bool(marks) and is_marks(marks) and (len(marks) > 1 or marks[0].strip() != "")


def read(path: Path, labels: LabelSet | None) -> Iterator[RawArticle | Fault]:
    """Yield each row as an article of one paragraph.

    Raises:
        DataError: Without a label set, since the columns have no names of their own.
    """
    if labels is None:
        raise DataError(f"{path}: a table of this kind does not name its labels; give them in order with --labels FILE")
    yield from read_csv(path, labels, columns=["text", *labels], delimiter="\t")


def write(articles: Sequence[Article], path: Path, labels: LabelSet | None) -> None:
    """Write one paragraph a row.

    Raises:
        DataError: Without a label set, whose order the columns take.
    """
    if labels is None:
        raise DataError("this table has a column per label and no header; give the labels in order with --labels FILE")
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, delimiter="\t", lineterminator="\n")
        for article in articles:
            for number, paragraph in enumerate(article.paragraphs):
                unknown = unknown_labels(article, number, labels.names)
                marks = ["" if name in unknown else int(name in paragraph.labels) for name in labels]
                table.writerow([paragraph.text, *marks])


FORMAT = Format(
    "conflibert",
    "a table without a header: text, then 1, 0 or nothing per label, parted by tabs",
    (),
    sniff,
    read,
    write,
    holds=("annotated", "unknown"),
)
