"""Altered copies of texts, for a teacher to answer for: other mixtures of the same words, which no label need fit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

LEAST_KEPT, MOST_KEPT = 0.3, 0.8  # of a text's words, in a stretch cut out of it
FEWEST_WORDS = 8  # a shorter text is not cut


def altered_copy(texts: Sequence[str], *, rng: np.random.Generator) -> list[str]:
    """Return as many texts, each a stretch of one followed by a stretch of another.

    Args:
        texts: n texts.
        rng: Decides which are paired, and where they are cut.
    """
    others = rng.permutation(len(texts))
    return [f"{_stretch(text, rng)} {_stretch(texts[other], rng)}" for text, other in zip(texts, others, strict=True)]


def _stretch(text: str, rng: np.random.Generator) -> str:
    """Return a run of a text's words; a short text as it is."""
    words = text.split()
    if len(words) < FEWEST_WORDS:
        return text
    kept = int(len(words) * rng.uniform(LEAST_KEPT, MOST_KEPT))
    begin = int(rng.integers(0, len(words) - kept + 1))
    return " ".join(words[begin : begin + kept])
