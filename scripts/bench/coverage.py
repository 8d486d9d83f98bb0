"""Simulate how often 95% intervals hold the truth: over articles, by percentiles and BCa, and over paragraphs.

    OMP_NUM_THREADS=1 python scripts/bench/coverage.py [--articles 20 50 100 200] [--clustering 0.2 0.5]
        [--repeats 1000] [--pairs 400] [--resamples 500]

Each repeat draws articles of about nine paragraphs from a world whose scores are known from a very large draw. Three
labels stand in 30%, 12% and 4% of the paragraphs. Whether a paragraph carries a label, and how far the model errs on
it, hang to a given share on the article: the clustering, an intra-article correlation on the underlying normal scale.
Prints a Markdown table: the share of repeats whose interval holds the truth, and the mean width. Where a score is
undefined, for want of a positive, there is no interval, and the repeat is left out. A second table tells how often two
models that are equally good are called different at 5%; McNemar's test, which counts paragraphs, stands beside F1.
"""

from __future__ import annotations

import argparse
import time
from statistics import NormalDist

import numpy as np

from textclf.intervals import (
    Interval,
    bca_interval,
    bootstrap_articles,
    jackknife_articles,
    percentile_interval,
)
from textclf.metrics import Scored, Weights, average_precision, f1, false_alarm_rate, macro_f1
from textclf.significance import mcnemar, permutation_test

SHARES = (0.30, 0.12, 0.04)
SCORES = ("macro-F1", "F1, 12% label", "F1, 4% label", "AP, 12% label", "false-alarm rate")
TESTS = (
    "interval, percentile",
    "interval, percentile widened",
    "interval, BCa widened",
    "articles swapped",
    "McNemar, paragraphs",
)
METHODS = ("articles, percentile", "articles, BCa", "articles, BCa widened", "paragraphs, percentile")


def draw(n_articles: int, clustering: float, rng: np.random.Generator, *, models: int = 1) -> list[Scored]:
    """Draw articles with labels and the answers of equally good models, which share half their errors' variance.

    `clustering` of both labels and errors is common to an article's paragraphs.
    """
    sizes = 1 + rng.poisson(8, size=n_articles)
    groups = np.repeat(np.arange(n_articles), sizes)

    def latent() -> np.ndarray:
        common = rng.normal(size=(n_articles, len(SHARES)))[groups]
        own = rng.normal(size=(len(groups), len(SHARES)))
        return np.sqrt(clustering) * common + np.sqrt(1 - clustering) * own

    cuts = np.array([NormalDist().inv_cdf(1 - share) for share in SHARES])
    targets = (latent() > cuts).astype(np.float32)
    shared, scored = latent() if models > 1 else None, []
    for _ in range(models):
        errors = latent() if shared is None else np.sqrt(0.5) * (shared + latent())
        log_odds = 1.6 * (2 * targets - 1) + np.array([0.0, -0.4, -0.8]) + 1.3 * errors
        probabilities = (1 / (1 + np.exp(-log_odds))).astype(np.float32)
        scored.append(Scored(targets, probabilities, probabilities >= 0.5, groups))
    return scored


def scores(scored: Scored, weights: Weights) -> np.ndarray:
    """Return the scores looked at: (b, 5)."""
    per_label = f1(scored, weights)
    ap = average_precision(scored, weights)[:, 1]
    columns = [macro_f1(scored, weights), per_label[:, 1], per_label[:, 2], ap, false_alarm_rate(scored, weights)]
    return np.stack(columns, axis=1)


def intervals(scored: Scored, *, resamples: int, seed: int) -> dict[str, list[Interval]]:
    """Return the intervals of every score by each method; NaN ends where the score is undefined."""

    def of_articles(times: np.ndarray) -> np.ndarray:
        return scores(scored, Weights(times, scored.groups))

    def of_paragraphs(times: np.ndarray) -> np.ndarray:
        return scores(scored, Weights(times))

    n_articles = int(scored.groups.max()) + 1
    values = of_articles(np.ones((1, n_articles)))[0]
    samples = bootstrap_articles(of_articles, n_articles, n_resamples=resamples, seed=seed)
    single = bootstrap_articles(of_paragraphs, len(scored.targets), n_resamples=resamples, seed=seed)
    left_out = jackknife_articles(of_articles, n_articles)
    found = [
        percentile_interval(samples, confidence=0.95),
        bca_interval(samples, values, left_out, confidence=0.95),
        bca_interval(samples, values, left_out, confidence=0.95, n_articles=n_articles),
        percentile_interval(single, confidence=0.95),
    ]
    undefined = Interval(np.nan, np.nan)
    return {
        method: [undefined if np.isnan(value) else each for value, each in zip(values, ends, strict=True)]
        for method, ends in zip(METHODS, found, strict=True)
    }


def truth(clustering: float, *, n_articles: int = 400_000) -> np.ndarray:
    """Return the scores (5,) of a world, from a very large draw."""
    (scored,) = draw(n_articles, clustering, np.random.default_rng(0))
    return scores(scored, Weights(scored.ones()))[0]


def coverage(
    n_articles: int, clustering: float, *, repeats: int, resamples: int, wanted: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return how often the intervals hold the truth, and their mean width: (methods, scores) each."""
    ends = np.empty((repeats, len(METHODS), len(SCORES), 2))
    for repeat in range(repeats):
        (scored,) = draw(n_articles, clustering, np.random.default_rng([n_articles, repeat]))
        ends[repeat] = [*intervals(scored, resamples=resamples, seed=repeat).values()]
    low, high = ends[..., 0], ends[..., 1]
    holds = np.where(np.isnan(low), np.nan, (low <= wanted + 1e-12) & (wanted <= high + 1e-12))
    return np.nanmean(holds, axis=0), np.nanmean(high - low, axis=0)


def rejections(n_articles: int, clustering: float, *, repeats: int, resamples: int) -> np.ndarray:
    """Return how often each of `TESTS` calls two equally good models different, at 5%: (tests, scores)."""
    found = np.full((repeats, len(TESTS), len(SCORES)), np.nan)
    for repeat in range(repeats):
        ours, theirs = draw(n_articles, clustering, np.random.default_rng([n_articles, repeat]), models=2)
        found[repeat] = _reject(ours, theirs, n_articles, resamples=resamples, seed=repeat)
    return np.asarray(np.nanmean(found, axis=0))


def _reject(ours: Scored, theirs: Scored, n_articles: int, *, resamples: int, seed: int) -> np.ndarray:
    def difference(times: np.ndarray) -> np.ndarray:
        weights = Weights(times, ours.groups)
        return scores(ours, weights) - scores(theirs, weights)

    value = difference(np.ones((1, n_articles)))[0]
    samples = bootstrap_articles(difference, n_articles, n_resamples=resamples, seed=seed)
    left_out = jackknife_articles(difference, n_articles)
    ends = [
        percentile_interval(samples, confidence=0.95),
        percentile_interval(samples, confidence=0.95, n_articles=n_articles),
        bca_interval(samples, value, left_out, confidence=0.95, n_articles=n_articles),
    ]
    rows = [[low > 0 or high < 0 for low, high in each] for each in ends]
    p_values = permutation_test(scores, ours, theirs, ours.groups, n_permutations=resamples, seed=seed)
    alarm = [np.nan] * len(SCORES)
    alarm[1:3] = (mcnemar(ours, theirs).p_values[1:] <= 0.05).tolist()  # of the decisions that F1 is made of
    return np.where(np.isnan(value), np.nan, np.array([*rows, p_values <= 0.05, alarm], dtype=np.float64))


def main() -> None:
    """Run the simulation and print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", nargs="+", type=int, default=[20, 50, 100, 200])
    parser.add_argument("--clustering", nargs="+", type=float, default=[0.2, 0.5])
    parser.add_argument("--repeats", type=int, default=1_000)
    parser.add_argument("--pairs", type=int, default=400, help="repeats with two models")
    parser.add_argument("--resamples", type=int, default=500)
    given = parser.parse_args()
    started = time.process_time()
    print(f"| clustering | articles | resampled | {' | '.join(SCORES)} |\n{'| --- ' * 3}{'| ---: ' * len(SCORES)}|")
    for clustering in given.clustering:
        wanted = truth(clustering)
        for n_articles in given.articles:
            options = {"repeats": given.repeats, "resamples": given.resamples}
            shares, widths = coverage(n_articles, clustering, wanted=wanted, **options)
            for method, holds, wide in zip(METHODS, shares, widths, strict=True):
                cells = " | ".join(f"{share:.1%} ({width:.3f})" for share, width in zip(holds, wide, strict=True))
                print(f"| {clustering:g} | {n_articles} | {method} | {cells} |", flush=True)
    print(f"\n| clustering | articles | test | {' | '.join(SCORES)} |\n{'| --- ' * 3}{'| ---: ' * len(SCORES)}|")
    for clustering in given.clustering:
        for n_articles in given.articles:
            options = {"repeats": given.pairs, "resamples": given.resamples}
            for test, errs in zip(TESTS, rejections(n_articles, clustering, **options), strict=True):
                cells = " | ".join("–" if np.isnan(share) else f"{share:.1%}" for share in errs)
                print(f"| {clustering:g} | {n_articles} | {test} | {cells} |", flush=True)
    print(f"\n{given.repeats:,} repeats of {given.resamples:,} resamples: {time.process_time() - started:.0f} s")


if __name__ == "__main__":
    main()
