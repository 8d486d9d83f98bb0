"""Scores of multi-label predictions: arrays in, numbers out, for one sample or many weighted ones at once.

Every metric takes the same two things: a `Scored` sample and row weights, an array (b, n) or a `Weights`. Weight rows
of ones give the plain score; rows of article multiplicities give bootstrap resamples (see `textclf.intervals`). A
target that is NaN is unknown and counts nowhere, for that label. A label with no known positive has no score: NaN, and
macro averages leave it out, while its false alarms still count in the micro average. docs/statistics.md says what each
means.
"""

from __future__ import annotations

from textclf.metrics.articles import article_ap, article_f1, article_macro_f1, article_micro_f1
from textclf.metrics.decisions import (
    Counts,
    counts,
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
from textclf.metrics.probabilities import ReliabilityBin, brier, ece, reliability
from textclf.metrics.rankings import average_precision, best_f1, best_threshold, macro_ap, roc_auc
from textclf.metrics.rows import coverage_error, example_f1, example_precision, example_recall, lrap
from textclf.metrics.scored import Scored
from textclf.metrics.tables import OVERALL, PER_LABEL, Metric, all_scores, column_names
from textclf.metrics.weights import RowWeights, Weights

__all__ = [
    "OVERALL",
    "PER_LABEL",
    "Counts",
    "Metric",
    "ReliabilityBin",
    "RowWeights",
    "Scored",
    "Weights",
    "all_scores",
    "article_ap",
    "article_f1",
    "article_macro_f1",
    "article_micro_f1",
    "average_precision",
    "best_f1",
    "best_threshold",
    "brier",
    "column_names",
    "counts",
    "coverage_error",
    "ece",
    "exact_match",
    "example_f1",
    "example_precision",
    "example_recall",
    "f1",
    "false_alarm_rate",
    "hamming_loss",
    "lrap",
    "macro_ap",
    "macro_f1",
    "micro_f1",
    "precision",
    "recall",
    "reliability",
    "roc_auc",
    "weighted_f1",
]
