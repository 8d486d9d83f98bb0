"""Is a difference more than chance? Paired tests over articles, corrected for many labels, and what seeds add.

The test to trust is `permutation_test`: if two models were alike, swapping their answers on whole articles would
change nothing but luck (Fisher 1935; Edgington and Onghena 2007). `mcnemar` is what reviewers often ask for; it takes
paragraphs for independent, which paragraphs of one article are not.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from textclf.metrics import Scored

BLOCK_CELLS = 20_000_000  # weights held at a time: 160 MB of float64


def permutation_test(
    metric: Callable[[Scored, np.ndarray], np.ndarray],
    ours: Scored,
    theirs: Scored,
    groups: np.ndarray,
    *,
    n_permutations: int = 1_000,
    seed: int = 0,
) -> np.ndarray:
    """Return two-sided p-values of the paired difference of two models, whole articles swapped between them.

    Args:
        metric: Any row-weighted metric, such as those of `metrics.OVERALL` and `metrics.PER_LABEL`.
        ours: One model, scored.
        theirs: The other, scored on the same rows.
        groups: (n,): the article of each row.
        n_permutations: How many random swaps; the smallest p-value is 1 / (1 + n_permutations).
        seed: Fixes the swaps.

    Returns:
        float64, of the shape of the metric: () for an overall one, (k,) for one per label. NaN where the difference
        is undefined; swaps in which it is undefined are left out.

    Raises:
        ValueError: When the two were not scored on the same rows, or `groups` are of others.
    """
    if ours.targets.shape != theirs.targets.shape or not np.array_equal(ours.targets, theirs.targets, equal_nan=True):
        raise ValueError("the two models must be scored on the same rows with the same targets")
    if len(groups) != len(ours.targets):
        raise ValueError(f"groups must name the article of each of {len(ours.targets)} rows; given: {len(groups)}")
    both = Scored(
        np.concatenate([ours.targets, theirs.targets]),
        np.concatenate([ours.probabilities, theirs.probabilities]),
        np.concatenate([ours.decisions, theirs.decisions]),
    )
    articles, rows = np.unique(groups, return_inverse=True)

    def difference(swapped: np.ndarray) -> np.ndarray:
        """Return the metric's difference (b, ...) with articles swapped: (b, articles) of 0 and 1."""
        swaps = swapped[:, rows].astype(np.float64)
        first = metric(both, np.concatenate([1 - swaps, swaps], axis=1))
        return np.asarray(first - metric(both, np.concatenate([swaps, 1 - swaps], axis=1)))

    observed = np.abs(difference(np.zeros((1, len(articles)), dtype=np.int8))[0])
    as_large, defined = np.zeros(observed.shape), np.zeros(observed.shape)
    rng = np.random.default_rng(seed)
    block = max(1, BLOCK_CELLS // max(4 * len(rows), 1))
    for start in range(0, n_permutations, block):
        size = min(block, n_permutations - start)
        found = np.abs(difference(rng.integers(2, size=(size, len(articles)), dtype=np.int8)))
        as_large += (found >= observed - 1e-12).sum(axis=0)  # a NaN is not as large
        defined += (~np.isnan(found)).sum(axis=0)
    return np.asarray(np.where(np.isnan(observed), np.nan, (1 + as_large) / (1 + defined)))


def bootstrap_p_value(samples: np.ndarray) -> np.ndarray:
    """Return two-sided p-values of paired differences from their resamples (b,) or (b, k): is 0 among them?

    The p-value at which the percentile interval first leaves out 0, so that it never disagrees with that interval
    by more than the resamples' grain. Undefined resamples are left out; without any left it is NaN.
    """
    defined = (~np.isnan(samples)).sum(axis=0)
    fewer = np.minimum((samples <= 0).sum(axis=0), (samples >= 0).sum(axis=0))
    return np.asarray(np.where(defined > 0, np.minimum(1.0, 2 * (1 + fewer) / (1 + defined)), np.nan))


def holm(p_values: np.ndarray) -> np.ndarray:
    """Return p-values (k,) adjusted for being k tests at once (Holm 1979); NaN stays NaN and is not counted.

    Calling those under 0.05 significant then errs on any of them in at most 5% of such families.
    """
    p_values = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(p_values.shape, np.nan)
    tested = np.flatnonzero(~np.isnan(p_values))
    order = tested[np.argsort(p_values[tested], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p_values[order] * factors))
    return adjusted


@dataclass(frozen=True)
class McNemar:
    """The test of McNemar (1947), per label, by the exact binomial.

    Attributes:
        p_values: float64 (k,), two-sided; 1 where no decision is right for one model only.
        only_ours: int (k,): known paragraphs that only our model decided rightly.
        only_theirs: int (k,): those that only the other did.
    """

    p_values: np.ndarray
    only_ours: np.ndarray
    only_theirs: np.ndarray


def mcnemar(ours: Scored, theirs: Scored) -> McNemar:
    """Test per label whether two models decide equally many known paragraphs rightly.

    It counts paragraphs as if each were drawn by itself. Paragraphs of one article are alike, so its p-values are
    too small; it is here for comparing with work that reports it. Prefer `permutation_test`.
    """
    from scipy.special import bdtr

    known = ~np.isnan(ours.targets)
    right, also = ((scored.targets == 1) == scored.decisions for scored in (ours, theirs))
    only_ours, only_theirs = (known & right & ~also).sum(axis=0), (known & also & ~right).sum(axis=0)
    fewer = np.minimum(only_ours, only_theirs)
    tail = bdtr(fewer.astype(np.float64), (only_ours + only_theirs).astype(np.int64), 0.5)
    return McNemar(np.minimum(1.0, 2 * tail), only_ours, only_theirs)


@dataclass(frozen=True)
class SeedSummary:
    """One score of a model trained several times, and where its variance comes from.

    Attributes:
        n_seeds: How many trainings.
        mean: Of the score over them.
        sd: Standard deviation over them; NaN for one.
        seed_variance: Of the score between trainings, less what the finite set of articles adds to it; never under 0.
        article_variance: Of one training's score between sets of articles as large as this one.
        seed_share: The seeds' share of the two variances together: near 1, more trainings are needed; near 0, more
            articles are. NaN for one seed.
        standard_error: Of the mean, from seeds and articles both; of articles alone for one seed.
    """

    n_seeds: int
    mean: float
    sd: float
    seed_variance: float
    article_variance: float
    seed_share: float
    standard_error: float


def summarise_seeds(values: np.ndarray, samples: np.ndarray) -> SeedSummary:
    """Part the variance of a score into what another seed and what other articles would change.

    Two trainings differ on a finite set of articles even if they are equally good; that part, seen in how their
    difference moves from resample to resample, is taken off the variance between seeds.

    Args:
        values: (seeds,): the score of each training.
        samples: (seeds, b): each training's score on the same b resamples of the articles.

    Raises:
        ValueError: When there is no training or the two do not fit together.
    """
    values, samples = np.asarray(values, dtype=np.float64), np.asarray(samples, dtype=np.float64)
    if values.ndim != 1 or not len(values) or samples.ndim != 2 or len(samples) != len(values):
        raise ValueError(f"values must be (seeds,) and samples (seeds, b); given: {values.shape} and {samples.shape}")
    samples = samples[:, ~np.isnan(samples).any(axis=0)]
    n = len(values)
    articles = float(samples.var(axis=1).mean()) if samples.shape[1] else math.nan
    common = float(samples.mean(axis=0).var()) if samples.shape[1] else math.nan
    if n == 1:
        error = math.sqrt(articles)
        return SeedSummary(1, float(values[0]), math.nan, math.nan, articles, math.nan, error)
    each_its_own = (articles - common) * n / (n - 1)  # how much articles move one training and not all alike
    seeds = max(0.0, float(values.var(ddof=1)) - each_its_own) if samples.shape[1] else math.nan
    share = seeds / (seeds + articles) if seeds + articles > 0 else math.nan
    return SeedSummary(
        n_seeds=n,
        mean=float(values.mean()),
        sd=float(values.std(ddof=1)),
        seed_variance=seeds,
        article_variance=articles,
        seed_share=share,
        standard_error=math.sqrt(seeds / n + common),
    )
