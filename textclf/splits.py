"""Splitting by article, balanced over labels and their combinations.

A whole article goes to one side, always: paragraphs of one article share names, places and wording, so a split by
paragraph leaks. scikit-learn's `StratifiedGroupKFold` refuses multi-label targets. The idea follows iterative
stratification (Sechidis, Tsoumakas, Vlahavas 2011) with label combinations as further strata (Szymański and
Kajdanowicz 2017), here with articles in place of rows, and a local search after the greedy pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from textclf.errors import DataError
from textclf.labels import LabelSet
from textclf.records import Article, Examples

MOST_PARTNERS = 400  # groups tried as partners of a swap, so that a pass is linear in the groups
MAX_COMBINATIONS = 50  # the most frequent ones; rarer ones are balanced through their single labels


def split_articles(
    articles: Sequence[Article],
    shares: Mapping[str, float],
    labels: LabelSet,
    *,
    seed: int,
    tied: Sequence[int] | np.ndarray | None = None,
) -> dict[str, list[Article]]:
    """Split articles into named parts whose labels and label combinations are alike.

    Args:
        articles: The articles; their order does not change the split, only the order within a part.
        shares: The share of each part, such as ``{"train": 0.8, "test": 0.2}``; they must sum to 1.
        labels: The labels to balance.
        seed: The same seed gives the same split.
        tied: (articles,): a number for each; articles of the same number go to one part together. See
            `textclf.datasets.reprints.tied_articles`. None: each goes by itself.

    Raises:
        DataError: When shares are no shares, or there are fewer articles, or clusters of tied ones, than parts.
    """
    if not shares or not all(share > 0 for share in shares.values()) or abs(sum(shares.values()) - 1) > 1e-6:
        given = ", ".join(f"{name}={share}" for name, share in shares.items())
        raise DataError(f"shares must be above 0 and sum to 1; given: {given}")
    if len(articles) < len(shares):
        raise DataError(f"{len(articles)} article(s) cannot fill {len(shares)} parts; one each is needed")
    order = sorted(range(len(articles)), key=lambda i: articles[i].article_id)
    examples = Examples.of([articles[i] for i in order], labels)
    clusters = _in_order_of_appearance(np.arange(len(order)) if tied is None else np.asarray(tied)[order])
    sizes = np.bincount(clusters)
    if len(sizes) < len(shares):
        raise DataError(
            f"{len(articles)} articles make only {len(sizes)} cluster(s) that share no text, which cannot fill "
            f"{len(shares)} parts; take copies out first, or split without regard to them"
        )
    parts = assign_groups(
        strata(examples.targets, clusters[examples.groups]), list(shares.values()), seed=seed, sizes=sizes
    )[clusters]
    chosen = {articles[i].article_id: int(part) for i, part in zip(order, parts, strict=True)}
    return {
        name: [article for article in articles if chosen[article.article_id] == part]
        for part, name in enumerate(shares)
    }


def _in_order_of_appearance(numbers: np.ndarray) -> np.ndarray:
    """Number things anew from 0, in the order in which each number first comes."""
    _, first, which = np.unique(numbers, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[which.ravel()])


def article_folds(targets: np.ndarray, groups: np.ndarray, *, n_folds: int, seed: int) -> np.ndarray:
    """Return int64 (n,): the fold of each row, articles whole, labels balanced.

    Args:
        targets: float32 (n, k): 1, 0 or NaN.
        groups: (n,): the article of each row, or its cluster of tied articles.
        n_folds: How many folds, at least 2.
        seed: The same seed gives the same folds.

    Raises:
        DataError: When there are fewer articles than folds.
    """
    articles, rows = np.unique(groups, return_inverse=True)
    if len(articles) < n_folds or n_folds < 2:
        raise DataError(f"{n_folds} folds need at least 2 folds and as many articles; there are {len(articles)}")
    parts = assign_groups(strata(targets, rows), [1 / n_folds] * n_folds, seed=seed)
    return parts[rows]


def strata(targets: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return float64 (articles, s): per article its paragraphs, its positives per label, and per combination."""
    positive = np.nan_to_num(targets) > 0
    combinations, which, counts = np.unique(positive, axis=0, return_inverse=True, return_counts=True)
    frequent = np.argsort(-counts, kind="stable")[:MAX_COMBINATIONS]
    columns = [np.ones(len(targets)), *positive.T, *(which.ravel() == index for index in frequent)]
    rows = np.stack(columns, axis=1).astype(np.float64) if len(combinations) else np.zeros((0, 1))
    table = np.zeros((int(groups.max(initial=-1)) + 1, rows.shape[1]))
    np.add.at(table, groups, rows)
    return table


def assign_groups(
    table: np.ndarray, shares: Sequence[float], *, seed: int, rounds: int = 20, sizes: np.ndarray | None = None
) -> np.ndarray:
    """Return int64 (g,): the part of each group, so that each part holds its share of every stratum.

    Args:
        table: float64 (g, s): how much of each stratum a group holds.
        shares: The wanted share of each part, summing to 1.
        seed: Breaks ties; the same seed gives the same parts.
        rounds: The most passes of the local search.
        sizes: (g,): how many articles each group holds; None means one each.
    """
    rng = np.random.default_rng(seed)
    n_groups = len(table)
    articles = np.ones(n_groups) if sizes is None else sizes
    table = np.column_stack([articles, table])  # the number of articles is a stratum too
    totals = table.sum(axis=0)
    wanted = np.outer(shares, totals)
    scale = 1.0 / np.sqrt(totals + 1.0)  # a rare stratum's misfit weighs more than a common one's
    gaps = wanted * scale  # what each part still lacks
    weights = table * scale
    rarity = (table / (totals + 1e-9)).max(axis=1)
    order = np.lexsort((rng.random(n_groups), -rarity))
    parts = np.zeros(n_groups, dtype=np.int64)
    filled = np.zeros(len(shares), dtype=np.int64)
    for left, group in zip(range(n_groups, 0, -1), order, strict=True):
        cost = np.square(gaps - weights[group]).sum(axis=1) - np.square(gaps).sum(axis=1)
        if left <= (filled == 0).sum():  # as many groups left as empty parts: fill those
            cost[filled > 0] = np.inf
        part = int(np.argmin(cost))
        parts[group] = part
        filled[part] += 1
        gaps[part] -= weights[group]
    for _ in range(rounds):
        if not _improve(parts, filled, gaps, weights, rng):
            break
    return parts


def _improve(
    parts: np.ndarray, sizes: np.ndarray, gaps: np.ndarray, weights: np.ndarray, rng: np.random.Generator
) -> bool:
    """Move or swap single groups while that lowers the squared gaps; tell whether anything moved."""
    moved = False
    for group in rng.permutation(len(parts)):
        partners = (
            np.arange(len(parts)) if len(parts) <= MOST_PARTNERS else rng.integers(len(parts), size=MOST_PARTNERS)
        )
        for there in range(len(gaps)):
            here = parts[group]
            if there == here:
                continue
            candidates = partners[parts[partners] == there]
            # Row 0 is a plain move; row i+1 swaps the group with candidates[i].
            shift = weights[group] - np.vstack([np.zeros_like(weights[:1]), weights[candidates]])
            before = np.square(gaps[here]).sum() + np.square(gaps[there]).sum()
            after = np.square(gaps[here] + shift).sum(axis=1) + np.square(gaps[there] - shift).sum(axis=1)
            if sizes[here] == 1:
                after[0] = np.inf  # no part is left empty
            best = int(np.argmin(after))
            if after[best] < before - 1e-9:
                gaps[here] += shift[best]
                gaps[there] -= shift[best]
                parts[group] = there
                if best:
                    parts[candidates[best - 1]] = here
                else:
                    sizes[here] -= 1
                    sizes[there] += 1
                moved = True
                break
    return moved
