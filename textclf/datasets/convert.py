"""Turning labelled data of one format into another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from textclf.datasets import check_labelled, write_labelled
from textclf.datasets.raw import raise_faults
from textclf.datasets.registry import format_for, get_format
from textclf.files import WriteError
from textclf.labels import LabelSet


@dataclass(frozen=True)
class Converted:
    """What a conversion did: the formats, and how much went from one to the other."""

    read_as: str
    written_as: str
    articles: int
    paragraphs: int


def convert_labelled(
    source: str | Path,
    out: str | Path,
    labels: LabelSet | None = None,
    *,
    read_as: str | None = None,
    write_as: str | None = None,
    columns: Sequence[str] | None = None,
) -> Converted:
    """Read labelled data in one format and write them in another; with any fault nothing is written.

    Args:
        source: The file or folder to read, or ``hf:owner/name[:split]``.
        out: The file or folder to write.
        labels: The labels allowed; None leaves their names unchecked.
        read_as: The format of `source`; None recognises it.
        write_as: The format of `out`; None takes it from the ending.
        columns: The columns of a text table without a header.

    Raises:
        DataError: When the data have faults, or a format is not known.
        WriteError: When it cannot be written.
    """
    target = get_format(write_as) if write_as else format_for(Path(out))
    if Path(source).exists() and Path(out).exists() and Path(source).samefile(out):
        raise WriteError(f"{out} is both the input and the output; choose another output")
    checked = check_labelled(source, labels, format=read_as, columns=columns)
    raise_faults(checked.faults)
    write_labelled(checked.articles, out, labels, format=target.name)
    paragraphs = sum(len(article.paragraphs) for article in checked.articles)
    return Converted(checked.format, target.name, len(checked.articles), paragraphs)
