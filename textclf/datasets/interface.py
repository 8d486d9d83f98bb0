"""What a format of labelled data is: a name, a reader, a writer, and how its files are told from others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textclf.datasets.raw import Fault, RawArticle
from textclf.labels import LabelSet
from textclf.records import Article

Reader = Callable[[Path, LabelSet | None], Iterator[RawArticle | Fault]]
Writer = Callable[[Sequence[Article], Path, LabelSet | None], None]

HELD = {
    "articles": "which article a paragraph is of (each becomes an article of its own)",
    "head": "titles, dates and sources",
    "annotated": "which labels were looked for",
    "unknown": "which labels are unknown (they become plain no)",
    "extra": "keys of your own",
}
"""What a format may or may not have room for, and how its loss is told."""


@dataclass(frozen=True)
class Head:
    """The beginning of a file or folder, as a format looks at it to recognise its own.

    Attributes:
        path: What is read.
        start: The first bytes of a file; empty for a folder or a name on the hub.
        record: The first JSON value in it, or the first item of a JSON list; None where there is none.
        first_row: The cells of the first line of a text table, whichever of tab, comma or semicolon parts most.
    """

    path: Path
    start: bytes = b""
    record: Any = None
    first_row: tuple[str, ...] = ()


@dataclass(frozen=True)
class Format:
    """A format of labelled data.

    Attributes:
        name: For ``--from`` and ``--to``.
        about: One line, for people.
        endings: The file endings it goes by; the first format that names an ending is taken for it.
        sniff: Tells from the beginning whether a file or folder is of this format.
        read: Yields its articles and faults.
        write: Writes articles to a path that does not exist yet, or into an empty folder.
        folder: Whether it is written as a folder.
        holds: What of `HELD` it has room for.
        setup: Gives the labelling set-up that its tool wants beside the data, where there is one.
    """

    name: str
    about: str
    endings: tuple[str, ...]
    sniff: Callable[[Head], bool]
    read: Reader
    write: Writer
    folder: bool = False
    holds: tuple[str, ...] = tuple(HELD)
    setup: Callable[[LabelSet], str] | None = None
