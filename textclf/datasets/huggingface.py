"""Labelled data of Hugging Face `datasets`: a folder saved by `save_to_disk`, a folder of data files, or a hub name.

`hf:owner/name` or `hf:owner/name:split` streams from the hub, and `hf:FOLDER` or `hf:FOLDER:split` from a folder of
data files. Class labels are turned into their names, and with a class of -1 every label is unknown; a column `label` is
taken for `labels` where there is none of that name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from textclf.datasets.interface import Format, Head
from textclf.datasets.raw import Fault, RawArticle
from textclf.datasets.table import arrow_table, read_records
from textclf.errors import DataError, did_you_mean
from textclf.labels import LabelSet
from textclf.records import Article

HUB = "hf:"
SAVED = ("state.json", "dataset_dict.json", "dataset_info.json")
DATA_FILES = (".parquet", ".jsonl", ".json", ".csv", ".arrow")


def sniff(head: Head) -> bool:
    """Tell whether it is a name on the hub, or a folder (whichever else folders are, they are asked first)."""
    return is_hub_name(head.path) or head.path.is_dir()


def is_hub_name(path: Path) -> bool:
    """Tell whether a path is a name such as ``hf:owner/name:train``."""
    return str(path).startswith(HUB)


def read(path: Path, labels: LabelSet | None) -> Iterator[RawArticle | Fault]:
    """Yield the articles of a dataset; a row's place is its number from 1.

    Raises:
        DataError: When there is no such dataset, or it holds several splits and none is named.
    """
    if is_hub_name(path):
        name, _, split = str(path).removeprefix(HUB).partition(":")
        columns, records = _stream(name, split)
    elif not any((path / name).is_file() for name in SAVED) and _has_data(path):
        columns, records = _stream(str(path), "")
    else:
        columns, records = _saved(path)
    yield from read_records(path, columns, records, labels)


def write(articles: Sequence[Article], path: Path, labels: LabelSet | None) -> None:
    """Write a folder as `save_to_disk` does, one paragraph a row."""
    import datasets

    showing = datasets.is_progress_bar_enabled()
    datasets.disable_progress_bars()
    try:
        datasets.Dataset(arrow_table(articles)).save_to_disk(str(path))
    finally:
        if showing:
            datasets.enable_progress_bars()


def _has_data(path: Path) -> bool:
    return path.is_dir() and any(file.suffix in DATA_FILES for file in path.rglob("*"))


def _saved(path: Path) -> tuple[list[str], Iterable[Mapping[str, Any]]]:
    """Return the columns and rows of a saved dataset."""
    import datasets

    try:
        table = datasets.load_from_disk(str(path))
    except (OSError, ValueError) as fault:
        raise DataError(f"{path} is no folder saved by datasets' save_to_disk: {fault}") from fault
    if isinstance(table, datasets.DatasetDict):
        splits = ", ".join(str(path / name) for name in table)
        raise DataError(f"{path} holds several splits; name one of its folders: {splits}")
    return _named(table.column_names, map(dict, table), table.features)


def _stream(name: str, split: str) -> tuple[list[str], Iterable[Mapping[str, Any]]]:
    """Return the columns and rows of a dataset read from the hub or a folder as it comes."""
    import datasets

    try:
        found = datasets.load_dataset(name, streaming=True)
    except (OSError, ValueError, RuntimeError, ImportError, datasets.exceptions.DatasetsError) as fault:
        raise DataError(f"cannot read the dataset {name!r} with `datasets`: {fault}") from fault
    splits = list(found)
    if (split or len(splits) == 1) and (split or splits[0]) in splits:
        table = found[split or splits[0]]
    elif split:
        known = ", ".join(splits)
        raise DataError(f"{name} has no split {split!r}{did_you_mean(split, splits)} (it has {known})")
    else:
        named = ", ".join(f"{HUB}{name}:{known}" for known in splits)
        raise DataError(f"{name} holds several splits; name one: {named}")
    rows = _rows(name, table)
    first = next(rows, None)
    columns = list(table.features or first or ())
    return _named(columns, chain([] if first is None else [first], rows), table.features)


def _rows(name: str, table: Any) -> Iterator[dict[str, Any]]:
    import datasets

    try:
        yield from map(dict, table)
    except (OSError, ValueError, RuntimeError, TypeError, KeyError, datasets.exceptions.DatasetsError) as fault:
        reason = fault.__cause__ or fault
        raise DataError(f"cannot read the dataset {name!r} to its end: {reason}") from fault


def _named(
    columns: Sequence[str], rows: Iterable[Mapping[str, Any]], features: Mapping[str, Any] | None
) -> tuple[list[str], Iterable[Mapping[str, Any]]]:
    """Turn classes into their names, and a column `label` into `labels`."""
    classes = {name: found for name in columns if (found := _class_names((features or {}).get(name))) is not None}
    to_labels = "label" in columns and "labels" not in columns and "paragraphs" not in columns
    renamed = {"label": "labels"} if to_labels else {}
    return [renamed.get(name, name) for name in columns], _decoded(rows, classes, renamed)


def _decoded(
    rows: Iterable[Mapping[str, Any]], classes: Mapping[str, Sequence[str]], renamed: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    for row in rows:
        out = {}
        for name, value in row.items():
            column = renamed.get(name, name)
            if name in classes:
                numbers = value if isinstance(value, list) else [value]
                names = [classes[name][number] for number in numbers if isinstance(number, int) and number >= 0]
                if column == "labels":
                    if any(number is None or number < 0 for number in numbers):
                        out["uncertain"] = [known for known in classes[name] if known not in names]
                    value = names
                else:
                    value = names if isinstance(value, list) else next(iter(names), None)
            out.setdefault(column, value)
        yield out


def _class_names(feature: Any) -> list[str] | None:
    """Return the names of a feature of class labels, or of a list of them; None of another feature."""
    inner = getattr(feature, "feature", feature)
    names = getattr(inner, "names", None)
    return list(names) if isinstance(names, list) and hasattr(inner, "int2str") else None


FORMAT = Format(
    "huggingface",
    "a folder of Hugging Face datasets, or hf:owner/name[:split] on the hub",
    (),
    sniff,
    read,
    write,
    folder=True,
)
