"""Batches of texts of like length, so that little of a batch is padding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

WINDOW = 4_096  # texts tokenized and sorted at a time, so that memory stays flat
BATCH_TOKENS = 4_096  # padded tokens per batch when predicting: fills two cores, holds memory flat


def batches_by_length(lengths: Sequence[int], *, max_tokens: int) -> list[np.ndarray]:
    """Part rows into batches of like length, longest first.

    Args:
        lengths: Tokens of each row.
        max_tokens: The most tokens of a batch with its padding; a longer row is a batch of its own.
    """
    order = np.argsort(-np.asarray(lengths, dtype=np.int64), kind="stable")
    batches: list[np.ndarray] = []
    start = 0
    while start < len(order):
        size = max(1, max_tokens // max(int(lengths[order[start]]), 1))
        batches.append(order[start : start + size])
        start += size
    return batches


def shuffled_batches(
    lengths: Sequence[int], *, batch_size: int, rng: np.random.Generator, pool: int = 16
) -> list[np.ndarray]:
    """Part rows into random training batches whose rows are of like length.

    Rows are shuffled, sorted by length within pools of `pool` batches, cut into batches, and the batches shuffled.

    Args:
        lengths: Tokens of each row.
        batch_size: Rows per batch; the last one may be smaller.
        rng: Decides the order.
        pool: Batches per pool: more means less padding and less chance.
    """
    order = rng.permutation(len(lengths))
    sizes = np.asarray(lengths, dtype=np.int64)
    batches = []
    for start in range(0, len(order), batch_size * pool):
        chunk = order[start : start + batch_size * pool]
        chunk = chunk[np.argsort(sizes[chunk], kind="stable")]
        batches += [chunk[i : i + batch_size] for i in range(0, len(chunk), batch_size)]
    return [batches[i] for i in rng.permutation(len(batches))]
