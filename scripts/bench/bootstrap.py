"""Measure how long all scores take on many article resamples, beside scikit-learn called in a loop.

    OMP_NUM_THREADS=1 python scripts/bench/bootstrap.py [--paragraphs 100000] [--articles 10000] [--labels 5]
        [--resamples 2000] [--loop 3]

Data are random, each label in a tenth of the paragraphs. scikit-learn scores the same resamples, passed as sample
weights, with every score of the tables that it has, and no other; a few resamples are timed and multiplied. Whether
both give the same numbers is checked on those. Times are of the processor. Prints a Markdown table; the peak memory is
that of the process before scikit-learn ran.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time

import numpy as np
from sklearn import metrics as sk

from textclf.intervals import article_times, bootstrap_articles
from textclf.metrics import OVERALL, PER_LABEL, Scored, Weights, all_scores, column_names

Scores = dict[tuple[str, int | None], float]


def make(n: int, n_articles: int, k: int) -> Scored:
    """Return n random paragraphs of articles; a third of the probabilities are told to two places, and so tie."""
    rng = np.random.default_rng(0)
    targets = (rng.random((n, k)) < 0.1).astype(np.float32)
    probabilities = 1 / (1 + np.exp(3 - 3 * targets - 1.5 * rng.normal(size=(n, k))))
    rounded = rng.random((n, k)) < 1 / 3
    probabilities = np.where(rounded, np.round(probabilities, 2), probabilities).astype(np.float32)
    return Scored(targets, probabilities, probabilities >= 0.5, np.sort(rng.integers(n_articles, size=n)))


def by_scikit_learn(scored: Scored, weights: np.ndarray) -> Scores:
    """Return every score that scikit-learn has, for one row of weights (n,)."""
    truth, said, p = scored.targets.astype(int), scored.decisions.astype(int), scored.probabilities
    some = truth.any(axis=1)  # rankings of labels are of paragraphs that carry one
    found: Scores = {
        ("micro_f1", None): sk.f1_score(truth, said, average="micro", sample_weight=weights),
        ("exact_match", None): sk.accuracy_score(truth, said, sample_weight=weights),
        ("hamming_loss", None): sk.hamming_loss(truth, said, sample_weight=weights),
        ("lrap", None): sk.label_ranking_average_precision_score(truth[some], p[some], sample_weight=weights[some]),
        ("coverage_error", None): sk.coverage_error(truth[some], p[some], sample_weight=weights[some]),
    }
    each = sk.precision_recall_fscore_support(truth, said, sample_weight=weights)
    for name, values in zip(("precision", "recall", "f1"), each, strict=False):
        found |= {(name, j): value for j, value in enumerate(values)}
    found["macro_f1", None] = np.mean(each[2])
    found["weighted_f1", None] = np.average(each[2], weights=each[3])
    for j in range(truth.shape[1]):
        y, score = truth[:, j], p[:, j]
        found["ap", j] = sk.average_precision_score(y, score, sample_weight=weights)
        found["roc_auc", j] = sk.roc_auc_score(y, score, sample_weight=weights)
        found["brier", j] = sk.brier_score_loss(y, score, sample_weight=weights)
        precision, recall, _ = sk.precision_recall_curve(y, score, sample_weight=weights)
        found["best_f1", j] = (2 * precision * recall / np.maximum(precision + recall, 1e-12)).max()
    found["macro_ap", None] = np.mean([found["ap", j] for j in range(truth.shape[1])])
    return found


def main() -> None:
    """Run the benchmark and print its line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--paragraphs", type=int, default=100_000)
    parser.add_argument("--articles", type=int, default=10_000)
    parser.add_argument("--labels", type=int, default=5)
    parser.add_argument("--resamples", type=int, default=2_000)
    parser.add_argument("--loop", type=int, default=3, help="resamples that scikit-learn scores; 0 leaves it out")
    given = parser.parse_args()
    scored = make(given.paragraphs, given.articles, given.labels)
    articles, rows = np.unique(scored.groups, return_inverse=True)
    started = time.process_time()
    samples = bootstrap_articles(
        lambda times: all_scores(scored, Weights(times, rows)), len(articles), n_resamples=given.resamples, seed=0
    )
    ours = time.process_time() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    cells = f"{given.paragraphs:,} | {len(articles):,} | {given.resamples:,} | {ours:.1f} s | {peak:,.0f} MiB"
    if given.loop:
        times = next(article_times(len(articles), n_resamples=given.loop, seed=0))
        started = time.process_time()
        theirs = [by_scikit_learn(scored, weights[rows]) for weights in times]
        loop = (time.process_time() - started) / given.loop * given.resamples
        names = column_names(given.labels)
        for found, sample in zip(theirs, samples, strict=False):
            mine = dict(zip(names, sample, strict=True))
            wrong = [key for key, value in found.items() if abs(mine[key] - value) > 1e-6]
            if wrong:
                sys.exit(f"scikit-learn gives another {wrong}")
        cells += f" | {loop:,.0f} s, extrapolated from {given.loop} | {loop / ours:.0f} times"
    print(f"{len(OVERALL)} overall scores and {len(PER_LABEL)} of each of {given.labels} labels\n")
    print("| paragraphs | articles | resamples | processor time | peak memory | scikit-learn in a loop | faster by |")
    print("| ---: " * 7 + "|")
    print(f"| {cells} |")


if __name__ == "__main__":
    main()
