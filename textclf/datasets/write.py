"""Writing labelled articles in any format, with a word of warning about what it has no room for."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

from textclf.datasets.interface import HELD, Format
from textclf.datasets.registry import format_for, get_format
from textclf.datasets.units import label_names
from textclf.errors import DataError, TextclfWarning
from textclf.files import WriteError, written_aside
from textclf.labels import LabelSet
from textclf.records import Article


def write_labelled(
    articles: Sequence[Article], path: str | Path, labels: LabelSet | None = None, *, format: str | None = None
) -> None:
    """Write labelled articles in a format; the file or folder is whole when this returns and absent when it raises.

    What the format has no room for is lost, and one warning names it.

    Args:
        articles: The articles.
        path: The file to write, or the folder, which may not hold anything yet.
        labels: The label set; None takes the names the articles mention.
        format: The format's name; None takes it from the ending.

    Raises:
        DataError: When the format is not known or cannot be written without a label set, or an article has a label
            outside it.
        WriteError: When it cannot be written.
    """
    path = Path(path)
    target = get_format(format) if format else format_for(path)
    if target.folder and path.is_dir() and next(path.iterdir(), None) is not None:
        raise WriteError(f"{path} is there already and holds something; choose another place")
    if not articles:
        raise DataError(f"there is no article to write; {path} is not written")
    stray = [name for name in label_names(articles, None) if labels is not None and name not in labels]
    if labels is not None and stray:
        raise DataError(f"{path} is not written: " + "; ".join(map(labels.unknown, stray)))
    lost = [HELD[part] for part in _present(articles) if part not in target.holds]
    with written_aside(path, folder=target.folder) as aside:
        target.write(articles, aside, labels)
    if lost:
        message = f"{path}: the format {target.name} has no room for these, which are lost: {'; '.join(lost)}"
        warnings.warn(message, TextclfWarning, stacklevel=2)


def setup_of(format: str, labels: LabelSet) -> str:
    """Return the labelling set-up that goes with a format, such as Label Studio's XML.

    Raises:
        DataError: When the format has none.
    """
    target: Format = get_format(format)
    if target.setup is None:
        raise DataError(f"the format {format} has no labelling set-up; label_studio has one")
    return target.setup(labels)


def _present(articles: Sequence[Article]) -> list[str]:
    """Return what of `HELD` the articles have."""
    there = {
        "articles": True,
        "head": any(article.title or article.date or article.source for article in articles),
        "annotated": any(article.annotated is not None for article in articles),
        "unknown": any(paragraph.uncertain for article in articles for paragraph in article.paragraphs),
        "extra": any(article.extra or any(paragraph.extra for paragraph in article.paragraphs) for article in articles),
    }
    return [part for part in HELD if there[part]]
