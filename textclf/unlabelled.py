"""Articles nobody has labelled, for kinds that learn from them too."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textclf.articles import stream_passages
from textclf.errors import DataError, TextclfWarning
from textclf.labeller import readable
from textclf.progress import log, log_skipped, track
from textclf.records import ContextSetting


@dataclass(frozen=True)
class Unlabelled:
    """Unlabelled paragraphs.

    Attributes:
        texts: The m paragraphs.
        contexts: What stands around each, if the model is to read that.
        n_articles: How many articles they come from.
    """

    texts: list[str]
    contexts: list[str] | None
    n_articles: int

    def to_json(self) -> dict[str, Any]:
        """Return counts and fingerprint, never the text."""
        digest = hashlib.sha256()
        for texts in (self.texts, self.contexts or []):
            digest.update(repr(texts).encode("utf-8", errors="replace"))
        return {"articles": self.n_articles, "paragraphs": len(self.texts), "sha256": digest.hexdigest()}


def read_unlabelled(
    inputs: Iterable[str | Path], *, context: ContextSetting, leave_out: Mapping[str, Set[str]]
) -> Unlabelled:
    """Read the paragraphs of unlabelled articles.

    Args:
        inputs: Files and folders, as `textclf.articles.stream_passages` takes them.
        context: What the model reads beside a paragraph.
        leave_out: Split to the ids of its articles, which are left out here; a warning tells of those held out.

    Raises:
        DataError: When an input is missing or broken, or there is no paragraph left.
    """
    texts, contexts, skipped = list[str](), list[str](), list[Path]()
    articles, met = set[str](), {name: set[str]() for name in leave_out}
    for passage in track(stream_passages(inputs, on_skip=skipped.append), what="reading", unit=" paragraphs"):
        standing = [name for name, ids in leave_out.items() if passage.article_id in ids]
        for name in standing:
            met[name].add(passage.article_id)
        if not standing and passage.text.strip():
            texts.append(readable(passage.text))
            contexts.append(readable(passage.context(context)))
            articles.add(passage.article_id)
    log_skipped(skipped, why="not a kind of file that is read")
    if met.get("train"):
        log.info("%d unlabelled articles are training articles already; they are left out", len(met["train"]))
    for name, ids in met.items():
        if ids and name != "train":
            warnings.warn(
                f"{len(ids)} unlabelled article(s) are articles of {name} ({', '.join(sorted(ids)[:5])}"
                f"{' ...' if len(ids) > 5 else ''}); nothing is learned from them",
                TextclfWarning,
                stacklevel=2,
            )
    if not texts:
        left_out = ", once articles of other splits are left out" if any(met.values()) else ""
        raise DataError(f"there is no paragraph in data.unlabelled{left_out}; give other articles, or leave it out")
    return Unlabelled(texts, None if context == "none" else contexts, len(articles))
