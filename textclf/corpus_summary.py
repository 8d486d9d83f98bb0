"""What a model card tells of labelled articles: how many carry each label, and from when they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from textclf.facets import day_of
from textclf.labels import LabelSet
from textclf.records import Article, Examples


def summarise_corpus(articles: Sequence[Article], labels: LabelSet) -> dict[str, Any]:
    """Return counts per label and the first and last day, JSON-ready; no text and no id.

    Args:
        articles: The articles.
        labels: The labels to count.
    """
    targets = Examples.of(articles, labels).targets
    days = sorted(day for day in map(day_of, articles) if day is not None)
    known = ~np.isnan(targets)
    return {
        "dates": [days[0].isoformat(), days[-1].isoformat()] if days else None,
        "undated": len(articles) - len(days),
        "without_labels": int((targets == 0).all(axis=1).sum()),
        "labels": {
            name: {"positives": int((targets[:, j] == 1).sum()), "known": int(known[:, j].sum())}
            for j, name in enumerate(labels)
        },
    }
