"""The labelled articles a job works on: those of files named, else those a trained model's own config names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from textclf.config import Config, build_config
from textclf.datasets import check_labelled
from textclf.datasets.raw import raise_faults
from textclf.errors import ConfigError
from textclf.labeller import Labeller
from textclf.records import Article


def own_articles(model: Labeller, files: Sequence[str | Path], *, split: str) -> list[Article]:
    """Return the articles of labelled files: those named, else the model's own where all of them are here.

    Args:
        model: What `textclf.load` gives.
        files: The files named; none takes those of the model's config.
        split: ``"train"``, ``"validation"`` or ``"test"``.

    Raises:
        DataError: When the files have faults.
    """
    wanted = [Path(file) for file in files] or list(own_files(model, split))
    checked = [check_labelled(file, model.labels) for file in wanted]
    raise_faults(fault for file in checked for fault in file.faults)
    return [article for file in checked for article in file.articles]


def own_files(model: Labeller, split: str) -> Iterator[Path]:
    """Yield the files a model's config names for a split, if all of them are here."""
    config = dict(model.card.get("config", {}))
    name = config.pop("name", None)
    if name is None:
        return
    given = {**config, "labels": model.labels}
    try:
        found: Config = build_config(given, name=name, near=Path.cwd() / "config.yaml", source="the model's config")
    except ConfigError:
        return
    yield from (file for file in getattr(found.data, split) or () if Path(file).is_file())
