"""Whole-word masking (Cui et al. 2019): words are hidden with all their tokens or not at all."""

from __future__ import annotations

from typing import Any

import numpy as np

IGNORED = -100  # the label of a token that is not asked for, as torch's cross-entropy has it
HIDDEN, KEPT = 0.8, 0.1  # of the tokens asked for: shown as the mask, and as they are; the rest as any other token


def word_beginnings(text: str, encoding: Any) -> np.ndarray:
    """Return bool (tokens,): whether each token of a text begins a word.

    The tokenizer's own words count; where it parts a text into none, as some do that read spaces as letters, white
    space parts them.

    Args:
        text: The text.
        encoding: What a tokenizer of the `tokenizers` library made of it, without special tokens.
    """
    words, places = encoding.word_ids, encoding.offsets
    begins = np.ones(len(words), dtype=bool)
    for i in range(1, len(words)):
        if words[i] is not None and words[i] == words[i - 1]:
            between = text[max(0, places[i - 1][1] - 1) : places[i][0] + 1]  # a token of white space, too
            begins[i] = any(c.isspace() for c in between)
    return begins


def mask_words(
    ids: np.ndarray, words: np.ndarray, *, share: float, rng: np.random.Generator, mask: int, others: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Choose words at random and hide them.

    Of the tokens chosen eight in ten become the mask, one in ten any other token, and one in ten stays.

    Args:
        ids: int64 (tokens,).
        words: int64 (tokens,): the word each token belongs to; below 0 for what is never chosen, special tokens first
            of all.
        share: Of the tokens that can be chosen; met to half a word, but at least one word is chosen.
        rng: Draws.
        mask: The mask's token.
        others: int64 (v,): what "any other token" is drawn from.

    Returns:
        The tokens to show, and the labels: what stood where a token was chosen, and -100 elsewhere.
    """
    shown, labels = ids.copy(), np.full(len(ids), IGNORED, dtype=np.int64)
    able = np.flatnonzero(words >= 0)
    if not len(able):
        return shown, labels
    _, number, sizes = np.unique(words[able], return_inverse=True, return_counts=True)
    order = rng.permutation(len(sizes))
    enough = 1 + int(np.argmin(np.abs(np.cumsum(sizes[order]) - share * len(able))))
    chosen = np.zeros(len(sizes), dtype=bool)
    chosen[order[:enough]] = True
    places = able[chosen[number]]
    labels[places] = ids[places]
    fate = rng.random(len(places))
    shown[places[fate < HIDDEN]] = mask
    swapped = places[fate >= HIDDEN + KEPT]
    shown[swapped] = others[rng.integers(len(others), size=len(swapped))]
    return shown, labels
