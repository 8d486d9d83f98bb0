"""Where a label is sure: the scores above which it is yes, and below which it is no; in between nobody knows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class CutOffs:
    """Where a label is sure, in calibrated log-odds.

    Attributes:
        yes: Above this it is yes; infinite where it never is.
        no: Below this it is no; minus infinite where it never is.
    """

    yes: float
    no: float

    @property
    def decides(self) -> bool:
        """Whether the label is ever sure."""
        return self.yes < np.inf or self.no > -np.inf

    def to_json(self) -> dict[str, float | None]:
        """Return the two as probabilities; null where there is none."""
        found = {"yes_above": self.yes, "no_below": self.no}
        return {k: round(float(1 / (1 + np.exp(-v))), 4) if np.isfinite(v) else None for k, v in found.items()}


def by_confidence(confidence: float) -> CutOffs:
    """Return cut-offs at a probability for yes, and at its contrary for no."""
    sure = float(np.log(confidence / (1 - confidence)))
    return CutOffs(sure, -sure)


def cut_offs_at(
    precision: float,
    *,
    yes_scores: np.ndarray,
    no_scores: np.ndarray,
    lowest_yes: np.ndarray,
    highest_no: np.ndarray,
    positives: int,
    negatives: int,
) -> CutOffs:
    """Return where a label is sure: there, so many of the answers on held-out paragraphs were right.

    One wrong answer more than was seen is counted, so that few paragraphs vouch for little. A yes is always likelier
    than a no, and the other way round. Of a rare label nearly every answer no is right, sure or not; so a no must also
    lose no more of the label's own paragraphs than the share of answers that may be wrong.

    Args:
        precision: The least share of right answers.
        yes_scores: Quantiles of the calibrated log-odds of paragraphs with the label.
        no_scores: Of those without.
        lowest_yes: The lowest scores of paragraphs with it, rising; some or all.
        highest_no: The highest of those without, falling; some or all.
        positives: Paragraphs with the label.
        negatives: Those without.
    """
    yes = _sure(precision, right=yes_scores, wrong=highest_no, n_right=positives, n_wrong=negatives, most=np.inf)
    most = (1 - precision) * positives + 1e-9  # one in ten of ten is one
    no = _sure(precision, right=-no_scores, wrong=-lowest_yes, n_right=negatives, n_wrong=positives, most=most)
    return CutOffs(yes, -no)


def _sure(precision: float, *, right: np.ndarray, wrong: np.ndarray, n_right: int, n_wrong: int, most: float) -> float:
    """Return the lowest score, of 0 or more, above which so many answers are right; infinite where there is none.

    Args:
        precision: The least share of right answers, one wrong one added.
        right: Quantiles of the scores of paragraphs for which the answer is right.
        wrong: The highest scores of those for which it is wrong, falling.
        n_right: How many paragraphs the first stand for.
        n_wrong: How many there are of the second, in all.
        most: The most wrong answers.
    """
    steps = wrong if len(wrong) < n_wrong else np.append(wrong, -np.inf)
    lowest = np.inf
    for errors, score in enumerate(np.maximum(steps, 0.0)):
        hits = n_right * float(np.mean(right > score)) if len(right) else 0.0
        if errors <= most and hits >= precision * (hits + errors + 1) and hits:
            lowest = float(score)
        if score == 0:
            break
    return lowest
