"""Intervals: whole articles are drawn, seeds fix the draws, and clustered data get the wider intervals they need."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.props import quick
from textclf import intervals
from textclf.intervals import Interval, article_weights, bootstrap, percentile_interval


def mean_of(values: np.ndarray):
    """Give the weighted mean as a statistic."""
    return lambda weights: weights @ values / weights.sum(axis=1)


def all_weights(groups: np.ndarray, **options: int) -> np.ndarray:
    return np.concatenate(list(article_weights(groups, **{"n_resamples": 50, "seed": 0, **options})))


@quick
@given(sizes=st.lists(st.integers(1, 5), min_size=1, max_size=8), seed=st.integers(0, 100))
def test_each_resample_draws_as_many_articles_as_there_are_and_whole(sizes: list[int], seed: int):
    groups = np.repeat(np.arange(len(sizes)) * 10 + 3, sizes)
    weights = all_weights(groups, seed=seed)
    assert weights.shape == (50, len(groups))
    firsts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    assert np.array_equal(weights, np.repeat(weights[:, firsts], sizes, axis=1))  # rows of an article weigh the same
    assert (weights[:, firsts].sum(axis=1) == len(sizes)).all()
    assert np.array_equal(weights, np.round(weights))


def test_rows_of_an_article_need_not_stand_together():
    together = all_weights(np.array([0, 0, 1, 1, 2]))
    apart = all_weights(np.array([2, 0, 1, 0, 1]))
    assert np.array_equal(apart, together[:, [4, 0, 2, 1, 3]])


def test_the_seed_fixes_the_resamples():
    groups = np.arange(9)
    assert np.array_equal(all_weights(groups), all_weights(groups))
    assert not np.array_equal(all_weights(groups), all_weights(groups, seed=1))


def test_resamples_do_not_depend_on_how_many_are_held_at_a_time(monkeypatch: pytest.MonkeyPatch):
    groups = np.repeat(np.arange(7), 3)
    whole = all_weights(groups)
    monkeypatch.setattr(intervals, "BLOCK_CELLS", 64)
    blocks = list(article_weights(groups, n_resamples=50, seed=0))
    assert len(blocks) > 10
    assert np.array_equal(np.concatenate(blocks), whole)


def test_articles_are_drawn_evenly():
    weights = all_weights(np.arange(5), n_resamples=20_000)
    assert weights.mean(axis=0) == pytest.approx(np.ones(5), abs=0.05)
    assert (weights == 0).mean() == pytest.approx(0.8**5, abs=0.02)


def test_clustered_data_get_wider_intervals_than_single_paragraphs_would():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 10)
    values = rng.normal(size=40)[groups] + 0.1 * rng.normal(size=400)

    def width(by: np.ndarray) -> float:
        samples = bootstrap(mean_of(values), by, n_resamples=1_000, seed=0)
        (found,) = percentile_interval(samples, confidence=0.95)
        return found.high - found.low

    assert width(groups) > 2 * width(np.arange(400))
    # and the right width: that of the mean of forty articles
    articles = values.reshape(40, 10).mean(axis=1)
    assert width(groups) == pytest.approx(2 * 1.96 * articles.std() / np.sqrt(40), rel=0.15)


def test_independent_paragraphs_get_the_same_width_either_way():
    values = np.random.default_rng(1).normal(size=400)
    widths = []
    for by in (np.repeat(np.arange(200), 2), np.arange(400)):
        (found,) = percentile_interval(bootstrap(mean_of(values), by, n_resamples=1_000, seed=0), confidence=0.95)
        widths.append(found.high - found.low)
    assert widths[0] == pytest.approx(widths[1], rel=0.2)


def test_a_higher_confidence_is_a_wider_interval_around_the_score():
    values = np.random.default_rng(2).random(60)
    samples = bootstrap(mean_of(values), np.repeat(np.arange(20), 3), n_resamples=500, seed=0)
    (narrow,), (wide,) = (percentile_interval(samples, confidence=c) for c in (0.5, 0.99))
    assert wide.low < narrow.low < values.mean() < narrow.high < wide.high


def test_a_statistic_may_give_a_value_per_label():
    values = np.random.default_rng(3).random((12, 2))
    samples = bootstrap(lambda w: w @ values, np.arange(12), n_resamples=30, seed=0)
    assert samples.shape == (30, 2)
    assert len(percentile_interval(samples, confidence=0.9)) == 2


def test_undefined_resamples_are_left_out():
    samples = np.array([[1.0, np.nan], [2.0, np.nan], [np.nan, np.nan]])
    first, second = percentile_interval(samples, confidence=1.0)
    assert first == Interval(1.0, 2.0)
    assert np.isnan(second).all()


def test_one_article_and_one_value_give_a_point():
    samples = bootstrap(mean_of(np.array([0.2, 0.4])), np.array([5, 5]), n_resamples=20, seed=0)
    (found,) = percentile_interval(samples, confidence=0.95)
    assert found == pytest.approx((0.3, 0.3))
    assert percentile_interval(np.full(10, 0.7), confidence=0.95) == [Interval(0.7, 0.7)]


def test_no_rows_give_empty_weights():
    assert all_weights(np.zeros(0, dtype=np.int64)).shape == (50, 0)
