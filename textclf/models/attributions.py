"""From what pieces of a text add (tokens, n-grams) to what its words add."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def share_out(places: np.ndarray, values: np.ndarray, spans: Sequence[tuple[int, int]]) -> np.ndarray:
    """Return float64 (words, k): each piece's values parted over the words it touches, by characters.

    A piece that touches no word, such as one of white space, goes to the next word, or after the last one to that.
    So nothing is lost, unless there is no word at all.

    Args:
        places: int (p, 2): where each piece begins and ends in the text.
        values: (p, k): what each piece adds.
        spans: Where the words are, in order and apart.
    """
    weights = np.zeros((len(spans), values.shape[1]))
    if not len(spans) or not len(places):
        return weights
    starts, ends = np.asarray(places, dtype=np.int64).T
    owner = np.full(max(int(ends.max()), spans[-1][1]), -1)
    for number, (start, end) in enumerate(spans):
        owner[start:end] = number
    sizes = ends - starts
    piece = np.repeat(np.arange(len(starts)), sizes)
    word = owner[np.arange(len(piece)) - np.repeat(np.cumsum(sizes) - sizes - starts, sizes)]
    piece, word = piece[word >= 0], word[word >= 0]
    touched = np.bincount(piece, minlength=len(starts))
    alone = np.flatnonzero(touched == 0)
    following = np.searchsorted([start for start, _ in spans], starts[alone])
    piece = np.concatenate([piece, alone])
    word = np.concatenate([word, np.minimum(following, len(spans) - 1)])
    shares = 1 / np.maximum(touched, 1)[piece]
    for column in range(values.shape[1]):
        weights[:, column] = np.bincount(word, weights=values[piece, column] * shares, minlength=len(spans))
    return weights
