"""Row weights, held once an article, so that thousands of resamples of many paragraphs fit and are summed fast."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from textclf.metrics.remembering import Remembering

if TYPE_CHECKING:
    from textclf.metrics.scored import Scored

CHUNK_BYTES = 16_000_000  # of one array of sums held at a time; they go over the weight rows in chunks
FEWEST_ROWS = 8  # weight rows in a chunk at least, lest walking the rows costs more than summing
MOST_ROWS = 32  # more would not stay in the processor's cache


class Weights(Remembering):
    """Row weights (b, n) in which rows of an article weigh the same.

    Args:
        times: float64 (b, m): the weight of each article in each of b resamples.
        columns: (n,): the column of `times` of each row; by default every row has its own.
    """

    def __init__(self, times: np.ndarray, columns: np.ndarray | None = None) -> None:
        self.times = np.asarray(times, dtype=np.float64)
        self.columns = columns

    @classmethod
    def of(cls, weights: RowWeights) -> Weights:
        """Return weights as they are, or those of an array (b, n)."""
        return weights if isinstance(weights, Weights) else cls(weights)

    def __len__(self) -> int:
        return len(self.times)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Return the weights (b, n) of every row."""
        spread = self.times if self.columns is None else self.times[:, self.columns]
        return np.array(spread, dtype=dtype)

    def __matmul__(self, values: np.ndarray) -> np.ndarray:
        """Return the weighted sums (b,) or (b, c) of row values (n,) or (n, c), which are first summed by article."""
        values = np.asarray(values, dtype=np.float64)
        if self.columns is None:
            return np.asarray(self.times @ values)
        m = self.times.shape[1]
        if values.ndim == 1:
            return np.asarray(self.times @ np.bincount(self.columns, weights=values, minlength=m))
        by_article = [np.bincount(self.columns, weights=column, minlength=m) for column in values.T]
        return np.asarray(self.times @ np.stack(by_article, axis=1)) if by_article else np.zeros((len(self), 0))

    def rows(self, chosen: np.ndarray) -> Weights:
        """Return the weights of the chosen rows, as if they were all."""
        return Weights(self.times[:, chosen if self.columns is None else self.columns[chosen]])

    def places(self, rows: np.ndarray) -> np.ndarray:
        """Return the columns of `times` that the rows have."""
        return rows if self.columns is None else self.columns[rows]

    def chunks(self, n_sums: int) -> Iterator[tuple[slice, np.ndarray]]:
        """Yield which weight rows are next, and their `times` with articles first (m, c), for `n_sums` sums each."""
        size = min(MOST_ROWS, max(FEWEST_ROWS, CHUNK_BYTES // (8 * max(n_sums, 1))))
        for start in range(0, len(self), size):
            part = slice(start, start + size)
            yield part, np.ascontiguousarray(self.times[part].T)

    def by_scored(self, name: str, scored: Scored, make: Any) -> Any:
        """Return what `make` gives for this sample and these weights, worked out once."""
        return self.once((name, id(scored)), lambda: (scored, make()))[1]


RowWeights: TypeAlias = np.ndarray | Weights


def grouped(bins: np.ndarray, places: np.ndarray, values: np.ndarray | None = None, *, shape: tuple[int, int]) -> Any:
    """Return a sparse matrix (bins, places) of summed values: times articles-first weights it sums them in each bin.

    Args:
        bins: (r,): the bin of each row.
        places: (r,): the column of its weight (see `Weights.places`).
        values: (r,): what is summed; 1 by default, which counts.
        shape: How many bins and places there are.
    """
    from scipy.sparse import csr_array

    values = np.ones(len(bins)) if values is None else values
    return csr_array((values, (bins, places)), shape=shape)
