"""What a model's card tells of the data it learnt from: counts, fingerprints, shares of labels."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from textclf.calibration import log_odds
from textclf.labels import LabelSet
from textclf.metrics import Scored
from textclf.records import Article, ContextSetting
from textclf.unlabelled import Unlabelled

FURTHEST = 100  # held-out scores furthest on the wrong side that a card keeps, of yes and of no


def describe_data(
    training: Sequence[Article],
    validation: Sequence[Article] | None,
    *,
    context: ContextSetting = "none",
    unlabelled: Unlabelled | None = None,
) -> dict[str, Any]:
    """Return fingerprint, counts and article ids of the data a model was trained and its thresholds fitted on.

    Titles are part of the fingerprint where they are part of the context.
    """
    described: dict[str, Any] = {}
    for name, articles in (("train", training), ("validation", validation or [])):
        described[name] = {
            "articles": len(articles),
            "paragraphs": sum(len(article.paragraphs) for article in articles),
            "sha256": fingerprint_of(articles, context=context),
        }
        described[name]["article_ids"] = sorted(article.article_id for article in articles)
    return described if unlabelled is None else {**described, "unlabelled": unlabelled.to_json()}


def fingerprint_of(articles: Iterable[Article], *, context: ContextSetting = "none") -> str:
    """Return the SHA-256 of labelled articles: ids, texts and labels, and titles where they are part of the context."""
    digest = hashlib.sha256()
    for article in articles:
        digest.update(repr((article.article_id, article.annotated)).encode())
        if context in ("title", "both"):
            digest.update(repr(article.title).encode())
        for p in article.paragraphs:
            digest.update(repr((p.text, p.labels, p.uncertain)).encode())
    return digest.hexdigest()


def describe_shares(labels: LabelSet, scored: Scored) -> dict[str, dict[str, Any]]:
    """Return how often each label stands in the paragraphs that calibration was fitted on, and how those were scored.

    Calibrated probabilities hold at this share; `textclf.adapt` starts from it. `yes_scores` and `no_scores` are
    quantiles of the calibrated log-odds of paragraphs with the label and without it, by which it tells whether a text
    is a mix of the same two kinds. `lowest_yes` and `highest_no` are the scores furthest on the wrong side, by which
    `textclf.pseudo_label` tells where a label is sure.
    """
    described = {}
    for j, name in enumerate(labels):
        y, scores = scored.targets[:, j], log_odds(scored.probabilities[:, j])
        described[name] = {
            "positives": int((y == 1).sum()),
            "known": int((~np.isnan(y)).sum()),
            "yes_scores": _quantiles(scores[y == 1]),
            "no_scores": _quantiles(scores[y == 0]),
            "lowest_yes": [round(float(s), 4) for s in np.sort(scores[y == 1])[:FURTHEST]],
            "highest_no": [round(float(s), 4) for s in np.sort(-scores[y == 0])[:FURTHEST] * -1],
        }
    return described


def _quantiles(scores: np.ndarray, *, most: int = 50) -> list[float]:
    """Return so many quantiles of scores, evenly spread, or all of them where there are fewer."""
    n = min(most, len(scores))
    return [round(float(q), 2) for q in np.quantile(scores, (np.arange(n) + 0.5) / n)] if n else []
