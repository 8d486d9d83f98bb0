"""Numbers, counts and scores as a reader meets them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from textclf.evaluate import Estimate
from textclf.intervals import Interval
from textclf.report.document import Cell, Strip

DASH = "–"
MINUS = "−"

TITLES = {
    "macro_f1": "macro-F1",
    "micro_f1": "micro-F1",
    "macro_ap": "macro average precision",
    "exact_match": "exact match",
    "false_alarm_rate": "false-alarm rate",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "ap": "average precision",
    "weighted_f1": "weighted F1",
    "example_precision": "precision by paragraph",
    "example_recall": "recall by paragraph",
    "example_f1": "F1 by paragraph",
    "hamming_loss": "wrong answers",
    "coverage_error": "coverage error",
    "lrap": "label ranking",
    "article_macro_f1": "macro-F1 of articles",
    "article_micro_f1": "micro-F1 of articles",
    "roc_auc": "area under the ROC curve",
    "best_f1": "best F1",
    "best_threshold": "threshold of the best F1",
    "brier": "Brier score",
    "ece": "calibration error",
    "article_f1": "F1 of articles",
    "article_ap": "average precision of articles",
}
MEANINGS = {
    "macro_f1": "F1 averaged over the labels, each counting the same however rare it is",
    "micro_f1": "F1 of all answers taken together, so that frequent labels count for more",
    "macro_ap": "average precision averaged over the labels; no threshold enters into it",
    "exact_match": "the share of paragraphs that are right in every label",
    "false_alarm_rate": "the share of paragraphs that carry no label and were given one all the same",
    "precision": "of the paragraphs given the label, the share that carries it",
    "recall": "of the paragraphs that carry the label, the share that is given it",
    "f1": "the harmonic mean of precision and recall: high only where both are",
    "ap": "precision averaged over all thresholds: how well paragraphs with the label are ranked above those without",
    "weighted_f1": "F1 averaged over the labels, each counting by how frequent it is",
    "example_precision": "precision of each paragraph that was given a label, averaged",
    "example_recall": "recall of each paragraph that carries a label, averaged",
    "example_f1": "F1 of each paragraph that carries a label or was given one, averaged",
    "hamming_loss": "the share of answers, paragraph by label, that are wrong (Hamming loss)",
    "coverage_error": "how far down the ranked labels one must go to have all that a paragraph carries",
    "lrap": "how high the labels a paragraph carries rank among all (label ranking average precision)",
    "article_macro_f1": "macro-F1 where an article carries what any of its paragraphs does",
    "article_micro_f1": "micro-F1 where an article carries what any of its paragraphs does",
    "roc_auc": "how often a paragraph with the label scores above one without",
    "best_f1": "the F1 that the best threshold on these very articles would have: more than can be had",
    "best_threshold": "the threshold of that best F1",
    "brier": "the mean squared distance of probability and truth: lower is better",
    "ece": "how far probabilities are from the shares they claim, on average: lower is better",
    "article_f1": "F1 where an article carries what any of its paragraphs does",
    "article_ap": "average precision of articles by their highest paragraph",
}


def title_of(metric: str) -> str:
    """Return what a score is called; one that is not known here goes by its own name."""
    return TITLES.get(metric, metric.replace("_", " "))


def number(value: float) -> str:
    """Return a score with three digits; a dash where it is undefined."""
    return DASH if math.isnan(value) else f"{value:.3f}".replace("-", MINUS)


def signed(value: float) -> str:
    """Return a difference with its sign; a dash where it is undefined."""
    return DASH if math.isnan(value) else f"{value:+.3f}".replace("-", MINUS)


def span(interval: Interval, *, with_sign: bool = False) -> str:
    """Return an interval; nothing where it is undefined."""
    if math.isnan(interval.low) or math.isnan(interval.high):
        return ""
    if with_sign:
        return f"{signed(interval.low)} to {signed(interval.high)}"
    return f"{number(interval.low)} to {number(interval.high)}"


def score_cell(
    estimate: Estimate, *, start: float = 0.0, why: str = "undefined here", mark: float | None = None
) -> Cell:
    """Return a score with its interval as a cell; one that is no share has no place on the scale.

    Args:
        estimate: The score.
        start: Where its scale begins; it ends at 1.
        why: What to say where it is undefined.
        mark: A score to set it against.
    """
    if math.isnan(estimate.value):
        return Cell(DASH, why)
    mark = None if mark is None or math.isnan(mark) else mark
    strip = Strip(estimate.value, *estimate.interval, scale=(start, 1.0), mark=mark)
    return Cell(number(estimate.value), span(estimate.interval), strip if 0 <= estimate.value <= 1 else None)


def start_of(estimates: Iterable[Estimate]) -> float:
    """Return where a scale up to 1 may begin to hold these scores: at 0.5 where all are above it, else at 0."""
    ends = [end for e in estimates for end in (e.value, e.interval.low) if not math.isnan(end)]
    return 0.5 if ends and min(ends) >= 0.5 else 0.0


def difference_cell(estimate: Estimate | None, *, reach: float, none: str = "") -> Cell:
    """Return a difference with its interval as a cell, starred where that leaves out 0, which is in the strip's middle.

    Args:
        estimate: The difference.
        reach: How far the scale goes to either side.
        none: What to say where there is no difference to tell.
    """
    if estimate is None:
        return Cell(none or DASH)
    if math.isnan(estimate.value):
        return Cell(DASH, "undefined here")
    low, high = estimate.interval
    strip = Strip(estimate.value, low, high, scale=(-reach, reach), mark=0.0)
    star = " *" if tells_apart(estimate) else ""
    on_scale = max(abs(end) for end in (estimate.value, low, high) if not math.isnan(end)) <= reach
    return Cell(signed(estimate.value), span(estimate.interval, with_sign=True) + star, strip if on_scale else None)


def reach_of(estimates: Sequence[Estimate | None]) -> float:
    """Return how far a scale must go to either side of 0 to hold these differences: a tenth, or as many as it takes."""
    ends = [abs(end) for e in estimates if e is not None for end in (e.value, *e.interval) if not math.isnan(end)]
    return max(0.1, math.ceil(max(ends, default=0.0) * 10) / 10)


def tells_apart(estimate: Estimate) -> bool:
    """Tell whether the interval of a difference leaves out 0; one without width, as of one article, tells nothing."""
    low, high = estimate.interval
    return low < high and (low > 0 or high < 0)


def in_hundred(value: float) -> str:
    """Return a share as so many in a hundred."""
    shown = 100 * value
    return f"{shown:.1f}" if 0 < shown < 1 else f"{shown:.0f}"


def range_in_hundred(estimate: Estimate, *, confidence: float) -> str:
    """Return the interval of a share in hundredths, in brackets; nothing where it is undefined."""
    low, high = estimate.interval
    if math.isnan(low) or math.isnan(high):
        return ""
    return f" ({confidence:.0%} interval: {in_hundred(low)} to {in_hundred(high)})"


def count(n: int, one: str, many: str = "") -> str:
    """Return a number of things: ``1 article``, ``2,224 paragraphs``."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def sentence(note: str) -> str:
    """Return a note of an evaluation as a sentence."""
    return note[:1].upper() + note[1:] + ("" if note.endswith(".") else ".")


def listed(names: Sequence[str], *, most: int = 8) -> str:
    """Return names as a reader lists them: ``a, b and c``; of very many the first."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else list(names))


def threshold_text(threshold: float) -> str:
    """Return a threshold, or that there is none a probability can reach."""
    return f"{threshold:.2f}" if threshold <= 1 else "never given"
