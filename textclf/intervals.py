"""Confidence intervals by resampling articles, not paragraphs.

Paragraphs of one article are alike, so resampling them one by one gives intervals that are too narrow. Here whole
articles are drawn with replacement (the cluster bootstrap; Davison and Hinkley 1997, section 3.8).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

BLOCK_CELLS = 20_000_000  # resample weights held at a time: 160 MB of float64


class Interval(NamedTuple):
    """A confidence interval; both ends are NaN where the score is undefined."""

    low: float
    high: float


def article_weights(groups: np.ndarray, *, n_resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Yield blocks (b, n) of row weights: how often each row's article was drawn in a resample.

    Args:
        groups: (n,): the article of each row.
        n_resamples: How many resamples in all.
        seed: The same seed gives the same resamples, so that two models can be paired.
    """
    articles, rows = np.unique(groups, return_inverse=True)
    rng = np.random.default_rng(seed)
    block = max(1, BLOCK_CELLS // max(len(rows), 1))
    for start in range(0, n_resamples, block):
        size = min(block, n_resamples - start)
        if not len(articles):
            yield np.zeros((size, 0))
            continue
        drawn = rng.integers(len(articles), size=(size, len(articles)))
        offsets = np.arange(size)[:, None] * len(articles)
        times = np.bincount((drawn + offsets).ravel(), minlength=size * len(articles))
        yield times.reshape(size, len(articles))[:, rows].astype(np.float64)


def bootstrap(
    statistic: Callable[[np.ndarray], np.ndarray], groups: np.ndarray, *, n_resamples: int, seed: int
) -> np.ndarray:
    """Return the statistic of each article resample, stacked: (n_resamples, ...).

    Args:
        statistic: Takes row weights (b, n) and returns (b, ...).
        groups: (n,): the article of each row.
        n_resamples: How many resamples.
        seed: Fixes the resamples.
    """
    blocks = [statistic(weights) for weights in article_weights(groups, n_resamples=n_resamples, seed=seed)]
    return np.concatenate(blocks)


def percentile_interval(samples: np.ndarray, *, confidence: float) -> list[Interval]:
    """Return the percentile interval of each column of samples (b,) or (b, k), leaving out undefined resamples."""
    tail = (1 - confidence) / 2 * 100
    intervals = []
    for column in samples.reshape(len(samples), -1).T:
        defined = column[~np.isnan(column)]
        ends = np.percentile(defined, [tail, 100 - tail]) if len(defined) else (np.nan, np.nan)
        intervals.append(Interval(float(ends[0]), float(ends[1])))
    return intervals
