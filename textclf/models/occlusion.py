"""Explaining any model by what it says of a text when a word is left out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from textclf.calibration import log_odds
from textclf.models.interface import Attribution, Predictor

MOST_PARTS = 128  # parts of a text left out in turn; words of a longer one are left out by phrases


def occlude(predictor: Predictor, text: str, spans: Sequence[tuple[int, int]], *, context: str = "") -> Attribution:
    """Return what each word adds: how much the log-odds fall when it is left out (see `Explains.attribute`).

    A text of more than 128 words is parted into as many phrases of like length at most, and what a phrase adds is
    parted evenly over its words; so a model reads at most 130 texts. A word whose work another one does as well adds
    nothing by this measure, and what two do only together is counted twice: the weights need not add up.
    """
    size = -(-len(spans) // MOST_PARTS) or 1
    firsts = list(range(0, len(spans), size))
    starts = [start for start, _ in spans] + [spans[-1][1] if spans else 0]
    places = [(starts[first], starts[min(first + size, len(spans))]) for first in firsts]
    texts = [text, "", *(text[:begin] + text[end:] for begin, end in places)]
    found = log_odds(predictor.predict_proba(texts, [context] * len(texts) if context else None))
    lengths = np.array([min(size, len(spans) - first) for first in firsts], dtype=np.int64)
    falls = (found[0] - found[2:]) / np.maximum(lengths, 1)[:, None]
    return Attribution(np.repeat(falls, lengths, axis=0), baseline=found[1], log_odds=found[0], method="occlusion")
