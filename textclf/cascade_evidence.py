"""The paragraphs a cascade is fitted on: of articles that neither of its models was trained on, labelled or not."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from textclf.article_ids import KnownIds, ids_in, met_by
from textclf.articles import stream_passages
from textclf.errors import DataError, TextclfWarning
from textclf.labeller import Labeller
from textclf.own_articles import own_articles, own_files
from textclf.progress import log_skipped
from textclf.records import Article, Examples, Passage


def evidence(
    fast: Labeller, slow: Labeller, validation: Sequence[str | Path], texts: Sequence[str | Path]
) -> tuple[Examples, int]:
    """Return the paragraphs to fit on, and how many of their first are of labelled articles.

    Articles that either model was trained on are left out, with a warning; so are paragraphs without text.

    Raises:
        DataError: When there is none, or files have faults.
    """
    files = list(validation)
    if not files:
        files = list(
            {file.resolve(): file for model in (slow, fast) for file in own_files(model, "validation")}.values()
        )
    articles: list[Article] = own_articles(slow, files, split="validation") if files else []
    skipped: list[Path] = []
    passages = list(stream_passages(texts, on_skip=skipped.append)) if texts else []
    log_skipped(skipped, why="not a kind of file that is read")
    known = met_articles(fast, "train") | met_articles(slow, "train")
    met = {a.article_id for a in articles if a.article_id in known}
    if met:
        warnings.warn(
            f"{len(met)} of the articles given are ones that one of the models was trained on "
            f"({', '.join(sorted(met)[:5])}{' ...' if len(met) > 5 else ''}); they are left out: models agree more on "
            f"these than on others",
            TextclfWarning,
            stacklevel=3,
        )
    labelled = Examples.of([a for a in articles if a.article_id not in known], slow.labels, context=slow.context)
    labelled = labelled.take([row for row, text in enumerate(labelled.texts) if text.strip()])
    others = _unlabelled([p for p in passages if p.text.strip() and p.article_id not in known], slow)
    if not len(labelled) and not len(others):
        raise DataError(
            "there is no article to fit on: the validation files of the two models are not to be found here, or hold "
            "nothing but training articles. Name labelled ones with --validation FILE, or any text of the kind the "
            "cascade is for with --texts PATH"
        )
    return _joined(labelled, others), len(labelled)


def met_articles(model: Labeller, split: str) -> KnownIds:
    """Return the ids of the articles a model was trained on (`train`), or its thresholds fitted on (`validation`)."""
    known = met_by(model.card, split)
    if split == "validation":
        for step in model.card.get("adaptations", ()):
            known |= ids_in(step["target"])
    return known


def _unlabelled(passages: Sequence[Passage], model: Labeller) -> Examples:
    """Return passages as rows of which no target is known."""
    numbers: dict[str, int] = {}
    groups = np.array([numbers.setdefault(p.article_id, len(numbers)) for p in passages], dtype=np.int64)
    contexts = None if model.context == "none" else [p.context(model.context) for p in passages]
    targets = np.full((len(passages), len(model.labels)), np.nan, dtype=np.float32)
    return Examples([p.text for p in passages], targets, groups, list(numbers), contexts)


def _joined(first: Examples, second: Examples) -> Examples:
    """Return the rows of both; their articles stay apart."""
    contexts = None if first.contexts is None else [*first.contexts, *(second.contexts or ())]
    return Examples(
        [*first.texts, *second.texts],
        np.concatenate([first.targets, second.targets]),
        np.concatenate([first.groups, second.groups + len(first.article_ids)]),
        [*first.article_ids, *second.article_ids],
        contexts,
    )
