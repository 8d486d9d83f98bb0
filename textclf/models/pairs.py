"""Pairs of texts to learn likeness from, drawn as they are needed and never listed.

What is kept is one list of rows per label and answer, so that memory is linear in the data, however many pairs there
could be. Labels take turns, so that a rare one is drawn as often as a common one; to carry none of them counts as one
label more. A target that is unknown says nothing of its label, and a row with no part in a label is not drawn for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np

TRIES = 32  # draws of a counterpart before an anchor is let go
ANCHORS = 16  # anchors tried for each unlike pair of a batch before it goes with fewer


class Pairs(NamedTuple):
    """Some pairs of rows.

    Attributes:
        first: int64 (b,).
        second: int64 (b,).
        likeness: float32 (b,), from 0 to 1 (see `likeness`); never unknown.
    """

    first: np.ndarray
    second: np.ndarray
    likeness: np.ndarray


class PairSampler:
    """Draws alike and unlike pairs of rows.

    Alike are two rows that are both known to carry a label, or both known to carry none of all. Unlike is an anchor
    and a row that is known not to carry any label that the anchor carries; of an anchor that is known to carry none,
    any row that carries one.

    Args:
        targets: float32 (n, k): 1, 0 or NaN for unknown. They are kept, not copied.
    """

    def __init__(self, targets: np.ndarray) -> None:
        self.targets = targets
        yes = [_rows(column == 1) for column in targets.T]
        no = [_rows(column == 0) for column in targets.T]
        self.members = [*yes, _rows((targets == 0).all(axis=1))]
        self.strangers = [*no, _rows((targets == 1).any(axis=1))]
        groups = range(len(self.members))
        self.alike = [group for group in groups if len(self.members[group]) > 1]
        self.unlike = [group for group in groups if len(self.members[group]) and len(self.strangers[group])]

    def batches(self, n_pairs: int, *, batch_size: int, rng: np.random.Generator) -> Iterator[Pairs]:
        """Yield batches of as many alike as unlike pairs, drawn anew each time.

        A batch in which no pair is unlike is left out, since it would teach only to put everything in one place.

        Args:
            n_pairs: Pairs in all, drawn in batches; those of a batch left out count.
            batch_size: Pairs in a batch.
            rng: Decides everything.
        """
        alike, unlike = _turns(self.alike, rng), _turns(self.unlike, rng)
        for start in range(0, n_pairs, batch_size):
            size = min(batch_size, n_pairs - start)
            n_unlike = max(1, size // 2)
            tried = (self._unlike(group, rng) for group in islice(unlike, ANCHORS * n_unlike))
            apart = list(islice(filter(None, tried), n_unlike))
            if not apart:
                continue
            together = [self._alike(group, rng) for group in islice(alike, size - n_unlike)]
            first, second = np.array(together + apart, dtype=np.int64).T
            yield Pairs(first, second, likeness(self.targets[first], self.targets[second]))

    def _alike(self, group: int, rng: np.random.Generator) -> tuple[int, int]:
        rows = self.members[group]
        one, other = int(rng.integers(len(rows))), int(rng.integers(len(rows) - 1))
        return int(rows[one]), int(rows[other + (other >= one)])

    def _unlike(self, group: int, rng: np.random.Generator) -> tuple[int, int] | None:
        anchor = int(rng.choice(self.members[group]))
        carried = np.flatnonzero(self.targets[anchor] == 1)
        for other in rng.choice(self.strangers[group], size=TRIES):
            if (self.targets[other, carried] == 0).all():
                return anchor, int(other)
        return None


def likeness(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return float32 (...): how alike two rows of targets are, over the labels that are known of both.

    It is the share of the labels carried by either that both carry (Jaccard); 1 where neither carries any label at all.
    NaN, for unknown, where neither is known to carry a label that is known of both, and some label is not.

    Args:
        first: float32 (..., k): 1, 0 or NaN.
        second: Likewise; the two are broadcast.
    """
    known = ~(np.isnan(first) | np.isnan(second))
    both = ((first == 1) & (second == 1)).sum(axis=-1)
    either = (((first == 1) | (second == 1)) & known).sum(axis=-1)
    blank = np.where(known.all(axis=-1), 1.0, np.nan)
    return np.where(either > 0, both / np.maximum(either, 1), blank).astype(np.float32)


def _rows(chosen: np.ndarray) -> np.ndarray:
    """Return int32: where a column is true."""
    return np.flatnonzero(chosen).astype(np.int32)


def _turns(groups: Sequence[int], rng: np.random.Generator) -> Iterator[int]:
    """Yield the groups round after round, each round in an order of its own; nothing where there are none."""
    while groups:
        yield from rng.permutation(groups).tolist()
