"""The tables of metrics: a metric that stands here is evaluated, gets its interval, and is compared."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from textclf.metrics.articles import article_ap, article_f1, article_macro_f1, article_micro_f1
from textclf.metrics.decisions import (
    exact_match,
    f1,
    false_alarm_rate,
    hamming_loss,
    macro_f1,
    micro_f1,
    precision,
    recall,
    weighted_f1,
)
from textclf.metrics.probabilities import brier, ece
from textclf.metrics.rankings import average_precision, best_f1, best_threshold, macro_ap, roc_auc
from textclf.metrics.rows import coverage_error, example_f1, example_precision, example_recall, lrap
from textclf.metrics.scored import Scored
from textclf.metrics.weights import RowWeights, Weights

Metric = Callable[[Scored, RowWeights], np.ndarray]

OVERALL: dict[str, Metric] = {
    "macro_f1": macro_f1,
    "micro_f1": micro_f1,
    "macro_ap": macro_ap,
    "exact_match": exact_match,
    "false_alarm_rate": false_alarm_rate,
    "weighted_f1": weighted_f1,
    "example_precision": example_precision,
    "example_recall": example_recall,
    "example_f1": example_f1,
    "hamming_loss": hamming_loss,
    "coverage_error": coverage_error,
    "lrap": lrap,
    "article_macro_f1": article_macro_f1,
    "article_micro_f1": article_micro_f1,
}
PER_LABEL: dict[str, Metric] = {
    "precision": precision,
    "recall": recall,
    "f1": f1,
    "ap": average_precision,
    "roc_auc": roc_auc,
    "best_f1": best_f1,
    "best_threshold": best_threshold,
    "brier": brier,
    "ece": ece,
    "article_f1": article_f1,
    "article_ap": article_ap,
}


def all_scores(scored: Scored, weights: RowWeights) -> np.ndarray:
    """Return every metric as columns (b, c): the overall ones, then each per-label one for all labels in turn.

    What several metrics need is worked out once.
    """
    given = Weights.of(weights)
    overall = [metric(scored, given)[:, None] for metric in OVERALL.values()]
    return np.concatenate(overall + [metric(scored, given) for metric in PER_LABEL.values()], axis=1)


def column_names(n_labels: int) -> list[tuple[str, int | None]]:
    """Return which metric, and which label's, each column of `all_scores` is."""
    overall: list[tuple[str, int | None]] = [(name, None) for name in OVERALL]
    return overall + [(name, label) for name in PER_LABEL for label in range(n_labels)]
