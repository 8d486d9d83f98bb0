"""Splitting by article, balanced over labels and their combinations.

A whole article goes to one side, always: paragraphs of one article share names, places and wording, so a split by
paragraph leaks. scikit-learn's `StratifiedGroupKFold` refuses multi-label targets. The idea follows iterative
stratification (Sechidis, Tsoumakas, Vlahavas 2011) with label combinations as further strata (Szymański and
Kajdanowicz 2017), here with articles in place of rows, and a local search after the greedy pass.

Two other splits ask for more: `split_by_date` whether a model holds for news after what it learnt from, and
`leave_one_source_out` whether it holds for an outlet it never read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from textclf.errors import DataError, did_you_mean
from textclf.facets import article_values, day_of
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
    _check_shares(shares, len(articles))
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


def _check_shares(shares: Mapping[str, float], n_articles: int) -> None:
    if not shares or not all(share > 0 for share in shares.values()) or abs(sum(shares.values()) - 1) > 1e-6:
        given = ", ".join(f"{name}={share}" for name, share in shares.items())
        raise DataError(f"shares must be above 0 and sum to 1; given: {given}")
    if n_articles < len(shares):
        raise DataError(f"{n_articles} article(s) cannot fill {len(shares)} parts; one each is needed")


def split_by_date(
    articles: Sequence[Article],
    shares: Mapping[str, float],
    *,
    tied: Sequence[int] | np.ndarray | None = None,
    undated: str | None = None,
) -> dict[str, list[Article]]:
    """Split articles by day into named parts, the oldest articles in the first part and the newest in the last.

    No day is divided, and no cluster of tied articles: a part begins only on a day that no cluster reaches across. So
    every article of a part is older than every one of the next, and shares are met as nearly as that allows.

    Args:
        articles: The articles; their order does not change the split, only the order within a part.
        shares: The share of each part, the oldest first; they must sum to 1.
        tied: (articles,): as for `split_articles`.
        undated: The part for articles without a day that are tied to none with one; None refuses them.

    Raises:
        DataError: When shares are no shares, an article has no day, or there are not enough days.
    """
    _check_shares(shares, len(articles))
    if undated is not None and undated not in shares:
        raise DataError(f"articles without a date were to go to {undated!r}, which is no part ({', '.join(shares)})")
    clusters = np.arange(len(articles)) if tied is None else np.asarray(tied)
    spans: dict[int, tuple[int, int]] = {}
    for article, cluster in zip(articles, clusters.tolist(), strict=True):
        if (day := day_of(article)) is not None:
            first, last = spans.get(cluster, (day.toordinal(), day.toordinal()))
            spans[cluster] = min(first, day.toordinal()), max(last, day.toordinal())
    lost = [article for article, cluster in zip(articles, clusters.tolist(), strict=True) if cluster not in spans]
    if lost and undated is None:
        listed = ", ".join(f"{article.article_id} ({article.date!r})" for article in lost[:5])
        raise DataError(
            f"{len(lost)} of {len(articles)} articles have no date that names a day, so they cannot be put in order: "
            f"{listed}{' ...' if len(lost) > 5 else ''}. Give each a date such as 2017-05-04, or name the part they "
            f"are to go to with --undated"
        )
    stretch = _stretches(spans)
    sizes = np.bincount(np.array([stretch[c] for c in clusters.tolist() if c in stretch], dtype=np.int64))
    if len(sizes) < len(shares):
        raise DataError(
            f"the dates fall into only {len(sizes)} stretch(es) that share neither a day nor copied text, which cannot "
            f"fill {len(shares)} parts; take copies out first, or split without regard to them"
        )
    part_of = _contiguous(sizes, list(shares.values()))
    names = list(shares)
    chosen = [names[part_of[stretch[c]]] if c in stretch else undated for c in clusters.tolist()]
    return {name: [a for a, part in zip(articles, chosen, strict=True) if part == name] for name in names}


def _stretches(spans: Mapping[int, tuple[int, int]]) -> dict[int, int]:
    """Number, in order, the stretches of days that clusters cover; clusters whose days overlap are in one."""
    numbers: dict[int, int] = {}
    number, reach = -1, -1
    for cluster, (first, last) in sorted(spans.items(), key=lambda item: item[1]):
        number += first > reach
        reach = max(reach, last)
        numbers[cluster] = number
    return numbers


def _contiguous(sizes: np.ndarray, shares: Sequence[float]) -> np.ndarray:
    """Return int64 (s,): the part of each of s things in order, parts never empty, each near its share of `sizes`."""
    ends, parts = np.cumsum(sizes), np.zeros(len(sizes), dtype=np.int64)
    begin = 0
    for part, wanted in enumerate(np.cumsum(shares)[:-1] * ends[-1], start=1):
        possible = np.arange(begin + 1, len(sizes) - (len(shares) - part) + 1)  # where this part may begin
        begin = int(possible[np.argmin(np.abs(ends[possible - 1] - wanted))])
        parts[begin:] = part
    return parts


class LeftOut(NamedTuple):
    """One source apart from the others.

    Attributes:
        source: Its name.
        rest: The articles of other sources that share no copied text with it.
        left_out: Its articles.
        set_aside: The articles of other sources that do share copied text with it; they belong on neither side.
    """

    source: str
    rest: list[Article]
    left_out: list[Article]
    set_aside: list[Article]


def leave_one_source_out(
    articles: Sequence[Article],
    *,
    tied: Sequence[int] | np.ndarray | None = None,
    sources: Sequence[str] | None = None,
    by: str = "source",
) -> Iterator[LeftOut]:
    """Yield each source's articles apart from all others; articles that name no source are always of the others.

    Args:
        articles: The articles.
        tied: (articles,): as for `split_articles`.
        sources: Which sources, in this order; None is every one, in order of appearance.
        by: What a source is: ``source``, or a field of the article's own, such as ``extra.region``.

    Raises:
        DataError: When an article has no such source, or nothing would be left.
    """
    values = article_values(articles, by)
    clusters = np.arange(len(articles)) if tied is None else np.asarray(tied)
    known = [value for value in dict.fromkeys(values) if value]
    for source in known if sources is None else sources:
        if source not in known:
            raise DataError(f"no article has the {by} {source!r}{did_you_mean(source, known)}")
        out = np.array([value == source for value in values])
        beside = np.isin(clusters, clusters[out]) & ~out
        sides = [[a for a, on in zip(articles, side, strict=True) if on] for side in (~out & ~beside, out, beside)]
        if not sides[0]:
            raise DataError(f"without the {by} {source!r}, and what shares copied text with it, no article is left")
        yield LeftOut(source, *sides)


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
