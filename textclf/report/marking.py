"""The words of a paragraph that drove a decision: the text cut into pieces, each with how much it spoke."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from textclf.report.protocols import ExplanationLike

LEVELS = (0.3, 0.55, 0.8)  # of the strongest word's weight, from which one is marked faintly, clearly, strongly
MOST_CHARACTERS = 1_500  # of a paragraph that are shown
MOST_WORDS = 6  # named under a paragraph, for and against each


@dataclass(frozen=True)
class Piece:
    """A stretch of text.

    Attributes:
        text: The stretch.
        level: 0 where it is not marked; 1, 2, 3 where it spoke for the label, -1, -2, -3 where it spoke against it.
    """

    text: str
    level: int = 0


@dataclass(frozen=True)
class Marked:
    """A paragraph as it is shown.

    Attributes:
        pieces: Its text, in order; joined, they are the text.
        for_it: The words that spoke most for the label, each with its weight in log-odds, strongest first.
        against_it: Those that spoke most against it.
        cut: How many characters at the end are left out.
        method: How the weights were found; empty where there are none.
    """

    pieces: tuple[Piece, ...]
    for_it: tuple[tuple[str, float], ...] = ()
    against_it: tuple[tuple[str, float], ...] = ()
    cut: int = 0
    method: str = ""


def mark(text: str, label: str, explanation: ExplanationLike | None) -> Marked:
    """Cut a text into pieces by how much each word spoke for or against a label.

    Args:
        text: The paragraph.
        label: The label that was decided wrongly.
        explanation: Of that text; None, or one of another text, leaves it unmarked.
    """
    shown = _shortened(text)
    cut = len(text) - len(shown)
    if explanation is None or explanation.text != text or label not in list(explanation.labels):
        return Marked((Piece(shown),), cut=cut)
    column = np.asarray(explanation.weights, dtype=np.float64)[:, list(explanation.labels).index(label)]
    spans, weights = _in_order(explanation.spans, column, len(shown))
    strongest = np.abs(weights).max(initial=0.0)
    pieces, end = [], 0
    for (start, stop), weight in zip(spans, weights, strict=True):
        level = sum(abs(weight) >= share * strongest for share in LEVELS) if strongest else 0
        if level:
            pieces += [Piece(shown[end:start]), Piece(shown[start:stop], level if weight > 0 else -level)]
            end = stop
    pieces = [piece for piece in [*pieces, Piece(shown[end:])] if piece.text]
    words = [(shown[start:stop], float(weight)) for (start, stop), weight in zip(spans, weights, strict=True)]
    return Marked(
        tuple(pieces) or (Piece(""),),
        _strongest(words, 1, least=LEVELS[0] * strongest),
        _strongest(words, -1, least=LEVELS[0] * strongest),
        cut=cut,
        method=explanation.method,
    )


def _shortened(text: str) -> str:
    """Return the beginning of a text that is too long to show, cut between words where it can be."""
    if len(text) <= MOST_CHARACTERS:
        return text
    beginning = text[:MOST_CHARACTERS]
    return beginning.rsplit(maxsplit=1)[0] if " " in beginning else beginning


def _in_order(
    spans: Sequence[tuple[int, int]], weights: np.ndarray, length: int
) -> tuple[list[tuple[int, int]], np.ndarray]:
    """Return the spans that lie within the text, from left to right, none in another, and their weights."""
    kept: list[int] = []
    end = 0
    for row in sorted(range(len(spans)), key=lambda row: spans[row]):
        start, stop = spans[row]
        if end <= start < stop <= length and np.isfinite(weights[row]):
            kept.append(row)
            end = stop
    return [(int(spans[row][0]), int(spans[row][1])) for row in kept], weights[kept]


def _strongest(words: Sequence[tuple[str, float]], sign: int, *, least: float) -> tuple[tuple[str, float], ...]:
    """Return the words whose weights, summed over their places, have this sign and are largest, none below `least`."""
    sums: dict[str, float] = {}
    for word, weight in words:
        sums[word] = sums.get(word, 0.0) + weight
    ranked = sorted(((word, sums[word]) for word in sums if sums[word] * sign > 0), key=lambda each: -sign * each[1])
    return tuple(each for each in ranked[:MOST_WORDS] if abs(each[1]) >= least)
