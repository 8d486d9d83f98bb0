"""Splits: articles whole, parts never empty, reproducible, and balanced over labels."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import DATA, make_articles
from tests.props import quick
from textclf.datasets import read_labelled
from textclf.errors import DataError
from textclf.labels import LabelSet
from textclf.records import Article, Examples
from textclf.splits import article_folds, assign_groups, split_articles, strata

SHARES = st.sampled_from(
    [
        {"train": 1.0},
        {"train": 0.5, "test": 0.5},
        {"train": 0.8, "validation": 0.1, "test": 0.1},
        {"train": 0.97, "b": 0.01, "c": 0.01, "d": 0.01},
    ]
)


def ids(parts: dict[str, list[Article]]) -> dict[str, list[str]]:
    return {name: [a.article_id for a in part] for name, part in parts.items()}


@quick
@given(n=st.integers(4, 30), data_seed=st.integers(0, 50), shares=SHARES, seed=st.integers(0, 2**32 - 1))
def test_every_article_is_in_exactly_one_part_and_no_part_is_empty(
    n: int, data_seed: int, shares: dict[str, float], seed: int
):
    articles = make_articles(n, seed=data_seed)
    parts = split_articles(articles, shares, LabelSet.of(["fight", "talk", "move"]), seed=seed)
    assert list(parts) == list(shares)
    assert Counter(a.article_id for part in parts.values() for a in part) == Counter(a.article_id for a in articles)
    assert all(parts.values())


@quick
@given(order=st.permutations(range(24)), seed=st.integers(0, 5))
def test_the_order_of_the_input_does_not_change_the_split(order: list[int], seed: int):
    articles = make_articles(24)
    labels = LabelSet.of(["fight", "talk", "move"])
    shares = {"train": 0.7, "test": 0.3}
    parts = ids(split_articles(articles, shares, labels, seed=seed))
    shuffled = ids(split_articles([articles[i] for i in order], shares, labels, seed=seed))
    assert {name: set(part) for name, part in parts.items()} == {name: set(part) for name, part in shuffled.items()}
    assert shuffled["train"] == [f"article-{i:03d}" for i in order if f"article-{i:03d}" in set(parts["train"])]


def test_the_same_seed_gives_the_same_split_and_another_another(labels: LabelSet):
    articles = make_articles(60)
    splits = [ids(split_articles(articles, {"a": 0.5, "b": 0.5}, labels, seed=seed)) for seed in (1, 1, 2)]
    assert splits[0] == splits[1]
    assert splits[0] != splits[2]


@pytest.mark.parametrize("parts", [{"train": 0.8, "test": 0.2}, {"train": 0.7, "validation": 0.1, "test": 0.2}])
def test_balance_is_clearly_better_than_chance(parts: dict[str, float]):
    labels = LabelSet.read(DATA / "labels.yaml")
    articles = read_labelled(DATA / "train.jsonl", labels)
    table = strata(*(lambda e: (e.targets, e.groups))(Examples.of(articles, labels)))[:, : 1 + len(labels)]
    number = {article.article_id: row for row, article in enumerate(articles)}
    shares = list(parts.values())

    def misfit(chosen: list[np.ndarray]) -> float:
        """Give the mean relative gap of a part's paragraphs and positives to its share."""
        return float(
            np.mean([np.abs(table[rows].sum(0) / table.sum(0) / s - 1) for rows, s in zip(chosen, shares, strict=True)])
        )

    ours = [
        misfit(
            [
                np.array([number[a.article_id] for a in part])
                for part in split_articles(articles, parts, labels, seed=s).values()
            ]
        )
        for s in range(3)
    ]
    rng = np.random.default_rng(0)
    cuts = np.round(np.cumsum(shares)[:-1] * len(articles)).astype(int)
    chance = [misfit(np.split(rng.permutation(len(articles)), cuts)) for _ in range(200)]
    assert max(ours) < np.quantile(chance, 0.01)
    assert np.mean(ours) < np.mean(chance) / 3
    assert max(ours) < 0.05


def test_sizes_follow_the_shares(labels: LabelSet):
    parts = split_articles(make_articles(200), {"train": 0.8, "validation": 0.1, "test": 0.1}, labels, seed=0)
    assert [len(part) for part in parts.values()] == pytest.approx([160, 20, 20], abs=3)


@pytest.mark.parametrize(
    "shares",
    [{}, {"a": 0.5}, {"a": 0.5, "b": 0.6}, {"a": 1.0, "b": 0.0}, {"a": 1.5, "b": -0.5}, {"a": float("nan"), "b": 0.5}],
)
def test_shares_that_are_none_are_refused(labels: LabelSet, shares: dict[str, float]):
    with pytest.raises(DataError, match="shares must be above 0 and sum to 1"):
        split_articles(make_articles(6), shares, labels, seed=0)


def test_too_few_articles_are_refused(labels: LabelSet):
    with pytest.raises(DataError, match=r"1 article\(s\) cannot fill 2 parts"):
        split_articles(make_articles(1), {"a": 0.5, "b": 0.5}, labels, seed=0)
    with pytest.raises(DataError, match="folds"):
        article_folds(np.zeros((4, 1)), np.array([0, 0, 1, 1]), n_folds=3, seed=0)
    with pytest.raises(DataError, match="folds"):
        article_folds(np.zeros((4, 1)), np.array([0, 0, 1, 1]), n_folds=1, seed=0)


@quick
@given(n=st.integers(5, 25), n_folds=st.integers(2, 5), seed=st.integers(0, 3))
def test_folds_keep_articles_whole_and_are_all_used(n: int, n_folds: int, seed: int):
    examples = Examples.of(make_articles(n, seed=seed), LabelSet.of(["fight", "talk", "move"]))
    folds = article_folds(examples.targets, examples.groups, n_folds=n_folds, seed=seed)
    assert folds.shape == (len(examples),)
    assert set(folds) == set(range(n_folds))
    assert all(len(set(folds[examples.groups == group])) == 1 for group in range(n))
    again = article_folds(examples.targets, examples.groups, n_folds=n_folds, seed=seed)
    assert np.array_equal(folds, again)


def test_folds_share_out_a_rare_label():
    targets = np.zeros((100, 1), np.float32)
    targets[:10] = 1
    groups = np.arange(100)
    folds = article_folds(targets, groups, n_folds=5, seed=0)
    assert [int(targets[folds == fold].sum()) for fold in range(5)] == [2] * 5


def test_folds_take_group_numbers_with_gaps():
    folds = article_folds(np.ones((6, 1)), np.array([7, 7, 100, 100, 3, 3]), n_folds=3, seed=0)
    assert sorted(folds[::2]) == [0, 1, 2]


def test_unknown_targets_count_as_no_positive(labels: LabelSet):
    table = strata(np.array([[1, np.nan], [np.nan, 0]], np.float32), np.array([0, 1]))
    assert table[:, :3].tolist() == [[1, 1, 0], [1, 0, 0]]


def test_more_parts_than_can_be_balanced_still_get_a_group_each():
    parts = assign_groups(np.ones((4, 1)), [0.97, 0.01, 0.01, 0.01], seed=0)
    assert sorted(parts) == [0, 1, 2, 3]
