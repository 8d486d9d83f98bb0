"""Batches of texts of like length, so that little of a batch is padding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

WINDOW = 4_096  # texts tokenized and sorted at a time, so that memory stays flat
BATCH_TOKENS = 1_024  # padded tokens of a batch when predicting on a CPU: what its caches hold
DEVICE_BATCH_TOKENS = 16_384  # and on an accelerator


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


def token_batches(
    lengths: Sequence[int], *, max_tokens: int, rng: np.random.Generator, alike: bool
) -> list[np.ndarray]:
    """Part rows into random training batches of at most so many tokens.

    Args:
        lengths: Tokens of each row.
        max_tokens: The most of a batch, padding counted where rows are alike; a longer row is a batch of its own.
        rng: Decides the order.
        alike: Whether rows of a batch are of like length, as padded batches need: rows are sorted within random pools.
            Else every batch is a random draw.
    """
    sizes = np.asarray(lengths, dtype=np.int64)
    order = rng.permutation(len(sizes))
    if alike:
        pool = max(1, 16 * max_tokens // max(1, int(sizes.mean())))
        order = np.concatenate(
            [part[np.argsort(sizes[part], kind="stable")] for part in np.split(order, range(pool, len(order), pool))]
        )
    batches: list[np.ndarray] = []
    begin, held, longest = 0, 0, 0
    for place, row in enumerate(order.tolist()):
        longest, held = max(longest, int(sizes[row])), held + int(sizes[row])
        size = longest * (place - begin + 1) if alike else held
        if place > begin and size > max_tokens:
            batches.append(order[begin:place])
            begin, held, longest = place, int(sizes[row]), int(sizes[row])
    batches.append(order[begin:])
    return [batches[i] for i in rng.permutation(len(batches))] if alike else batches
