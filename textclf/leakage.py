"""Whether articles to evaluate on were in a model's training data, by name or as copies."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from textclf.article_ids import met_by
from textclf.data_facts import describe_data
from textclf.datasets import check_labelled
from textclf.datasets.raw import raise_faults
from textclf.datasets.reprints import seen_in_training
from textclf.errors import DataError, TextclfWarning
from textclf.labeller import Labeller
from textclf.records import Article

REPRINT = 0.5  # of an article's paragraphs are copies: then it is a training article under another id
MOST_COMPARED = 50_000  # paragraphs are looked through for copies unless training files are named


@dataclass(frozen=True)
class Leakage:
    """What a model has met of the articles it is to be evaluated on.

    Attributes:
        seen: Ids of articles that were in its training data.
        reprints: Ids of articles of which half or more of the paragraphs are near-copies of training paragraphs.
        copied: bool (n,), one for each paragraph in order: near-copies of training paragraphs. None where the
            training texts are not known.
        notes: What a reader should know.
    """

    seen: list[str]
    reprints: list[str] = field(default_factory=list)
    copied: np.ndarray | None = None
    notes: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return what was met, JSON-ready; null where nobody could tell."""
        return {
            "articles_seen_in_training": self.seen,
            "articles_copied_from_training": None if self.copied is None else self.reprints,
            "paragraphs_copied_from_training": None if self.copied is None else int(self.copied.sum()),
        }


def find_leakage(
    model: Labeller,
    article_ids: Iterable[str],
    articles: Sequence[Article] | None = None,
    *,
    training: Sequence[Article] | None = None,
) -> Leakage:
    """Find the articles that a model's bundle lists as training articles, and near-copies of training paragraphs.

    Args:
        model: What `textclf.load` gives.
        article_ids: Of the articles to evaluate on.
        articles: Those articles, to look for copies in.
        training: The articles the model was trained on (see `training_articles`); None leaves copies unsought.
    """
    known = met_by(model.card, "train")
    seen = [article_id for article_id in article_ids if article_id in known]
    if articles is None or training is None:
        return Leakage(seen)
    (copied,) = seen_in_training(training, articles)
    ends = np.cumsum([len(article.paragraphs) for article in articles])[:-1]
    shares = [part.mean() if len(part) else 0.0 for part in np.split(copied, ends)]
    reprints = [a.article_id for a, share in zip(articles, shares, strict=True) if share >= REPRINT]
    met = set(seen)
    reprints = [article_id for article_id in reprints if article_id not in met]
    notes = []
    if copied.any():
        notes.append(
            f"{copied.sum()} paragraph(s) here, {copied.mean():.1%}, are near-copies of training paragraphs; scores on "
            f"them flatter (see --slices copies)"
        )
    return Leakage(seen, reprints, copied, notes)


def refuse_leakage(leakage: Leakage, *, allow: bool = False) -> list[str]:
    """Refuse to evaluate on training articles, unless that is asked for; return what must then be said of the scores.

    Raises:
        DataError: When articles were in the training data, or are reprints of such, and `allow` is False.
    """
    met = []
    if leakage.seen:
        met.append(f"{len(leakage.seen)} article(s) were in the model's training data ({_some(leakage.seen)})")
    if leakage.reprints:
        met.append(
            f"{len(leakage.reprints)} article(s) are copies of training articles under other ids "
            f"({_some(leakage.reprints)})"
        )
    if met and not allow:
        raise DataError(
            f"{'; '.join(met)}. Scores on them say nothing of new articles. Evaluate on articles held out (textclf "
            f"data split keeps them apart); where they only happen to have the same ids, rename them; or give "
            f"--allow-leakage to score them all the same"
        )
    return [f"LEAKAGE ALLOWED: {each}; these scores say nothing of new articles" for each in met]


def training_articles(model: Labeller, files: Sequence[str | Path] = ()) -> list[Article] | None:
    """Read the articles a model was trained on; None when no file is named and its config's are gone or have changed.

    Args:
        model: What `textclf.load` gives.
        files: The training files; by default those its config names, which must match its fingerprint.

    Raises:
        DataError: When a file that was named has faults.
    """
    data = model.card.get("config", {}).get("data", {})
    paths = [Path(file) for file in files or data.get("train") or ()]
    if not files and not (paths and all(path.exists() for path in paths)):
        return None
    checked = [check_labelled(path, model.labels) for path in paths]
    if files:
        raise_faults(fault for file in checked for fault in file.faults)
    articles = [article for file in checked for article in file.articles]
    described = describe_data(articles, None, context=data.get("context", "none"))["train"]
    if described["sha256"] != model.card.get("data", {}).get("train", {}).get("sha256"):
        if not files:
            return None
        warnings.warn(
            "the files named as training are not just what the model was trained on; copies are sought all the same",
            TextclfWarning,
            stacklevel=2,
        )
    return articles


def _some(ids: Sequence[str], most: int = 5) -> str:
    return ", ".join(ids[:most]) + (" ..." if len(ids) > most else "")
