"""Scores by article, gathered from its paragraphs as `Scored.by_article` says."""

from __future__ import annotations

import numpy as np

from textclf.metrics.averaging import mean_defined
from textclf.metrics.decisions import f1, micro_f1
from textclf.metrics.rankings import average_precision
from textclf.metrics.scored import Scored
from textclf.metrics.weights import RowWeights, Weights


def article_f1(scored: Scored, weights: RowWeights) -> np.ndarray:
    """F1 per label (b, k) over articles; NaN where no article is known to have the label, or groups are not given."""
    if scored.groups is None:
        return np.full((len(weights), scored.targets.shape[1]), np.nan)
    return f1(*_by_article(scored, weights))


def article_ap(scored: Scored, weights: RowWeights) -> np.ndarray:
    """Average precision per label (b, k) over articles, ranked by their most probable paragraph."""
    if scored.groups is None:
        return np.full((len(weights), scored.targets.shape[1]), np.nan)
    return average_precision(*_by_article(scored, weights))


def article_macro_f1(scored: Scored, weights: RowWeights) -> np.ndarray:
    """Mean `article_f1` (b,) over the labels that some article is known to have."""
    return mean_defined(article_f1(scored, weights))


def article_micro_f1(scored: Scored, weights: RowWeights) -> np.ndarray:
    """F1 (b,) of all article-label pairs taken together."""
    if scored.groups is None:
        return np.full(len(weights), np.nan)
    return micro_f1(*_by_article(scored, weights))


def _by_article(scored: Scored, weights: RowWeights) -> tuple[Scored, Weights]:
    """Return the articles, scored, and the weight of each: that of its first row, for all its rows weigh the same."""
    articles, first = scored.by_article()
    given = Weights.of(weights)
    of_articles: Weights = given.by_scored("articles", scored, lambda: given.rows(first))
    return articles, of_articles
