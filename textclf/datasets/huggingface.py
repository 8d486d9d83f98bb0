"""Labelled data as a folder saved by Hugging Face `datasets` (`save_to_disk`): flat rows or articles."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from textclf.datasets.raw import Fault, RawArticle
from textclf.datasets.table import read_records
from textclf.errors import DataError
from textclf.labels import LabelSet


def read(path: Path, labels: LabelSet | None) -> Iterator[RawArticle | Fault]:
    """Yield the articles of a saved `Dataset`; a row's place is its number from 1.

    Raises:
        DataError: When the folder is no saved dataset, or holds several splits.
    """
    import datasets

    try:
        table = datasets.load_from_disk(str(path))
    except (OSError, ValueError) as fault:
        raise DataError(f"{path} is no folder saved by datasets' save_to_disk: {fault}") from fault
    if isinstance(table, datasets.DatasetDict):
        splits = ", ".join(str(path / name) for name in table)
        raise DataError(f"{path} holds several splits; name one of its folders: {splits}")
    yield from read_records(path, table.column_names, map(dict, table), labels)
