"""Fragments: a sentence gone, or a text that breaks off. What a label rested on may go with it."""

from __future__ import annotations

import re

import numpy as np

from textclf.perturb.chance import one
from textclf.perturb.sentences import sentence_starts

FEWEST_WORDS = 8  # a shorter text does not break off
LEAST_KEPT, MOST_KEPT = 0.5, 0.9  # of its words
BREAKS = ("", "", "...", "…", " ...", " [...]")


def first_sentence_cut(text: str, _: np.random.Generator) -> str:
    """Return a text less its first sentence; one of a single sentence as it is."""
    starts = sentence_starts(text)
    return text[starts[1] :] if len(starts) > 1 else text


def last_sentence_cut(text: str, _: np.random.Generator) -> str:
    """Return a text less its last sentence; one of a single sentence as it is."""
    starts = sentence_starts(text)
    return text[: starts[-1]].rstrip() if len(starts) > 1 else text


def cut_short(text: str, rng: np.random.Generator) -> str:
    """Return a text that breaks off between two words, as teasers and feeds do."""
    words = list(re.finditer(r"\S+", text))
    if len(words) < FEWEST_WORDS:
        return text
    kept = int(len(words) * rng.uniform(LEAST_KEPT, MOST_KEPT))
    return text[: words[kept - 1].end()] + one(BREAKS, rng)
