"""Intervals: whole articles are drawn, seeds fix the draws, and clustered data get the wider intervals they need."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.props import quick
from textclf import intervals
from textclf.intervals import (
    Interval,
    article_times,
    article_weights,
    bca_interval,
    bootstrap,
    bootstrap_articles,
    jackknife_articles,
    percentile_interval,
    wilson_interval,
)


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


def test_articles_are_drawn_the_same_whether_rows_or_articles_are_weighed():
    groups = np.repeat(np.arange(6), [1, 2, 3, 1, 2, 3])
    (times,) = article_times(6, n_resamples=50, seed=0)
    assert np.array_equal(times[:, groups], all_weights(groups))
    values = np.random.default_rng(0).random(len(groups))
    by_row = bootstrap(mean_of(values), groups, n_resamples=50, seed=0)
    by_article = bootstrap_articles(lambda t: mean_of(values)(t[:, groups]), 6, n_resamples=50, seed=0)
    assert np.array_equal(by_row, by_article)


def test_the_jackknife_leaves_each_article_out_once(monkeypatch: pytest.MonkeyPatch):
    left_out = jackknife_articles(lambda times: times, 7)
    assert sorted(map(tuple, left_out)) == sorted(map(tuple, 1 - np.eye(7)))
    monkeypatch.setattr(intervals, "JACKKNIFE_LUMPS", 3)
    monkeypatch.setattr(intervals, "BLOCK_CELLS", 8 * 14)
    lumps = jackknife_articles(lambda times: times, 7)
    assert (1 - lumps).sum(axis=0).tolist() == [1] * 7
    assert sorted((1 - lumps).sum(axis=1).tolist()) == [2, 2, 3]


def bca_of(values: np.ndarray, statistic: object = None, **options: Any) -> Interval:
    statistic = statistic or mean_of(values)
    samples = bootstrap_articles(statistic, len(values), n_resamples=4_000, seed=0)  # type: ignore[arg-type]
    left_out = jackknife_articles(statistic, len(values))  # type: ignore[arg-type]
    value = statistic(np.ones((1, len(values))))[0]  # type: ignore[operator]
    (found,) = bca_interval(samples, value, left_out, **{"confidence": 0.9, **options})
    return found


def test_bca_is_what_scipy_gives():
    from scipy.stats import bootstrap as scipy_bootstrap

    values = np.random.default_rng(5).exponential(size=25)
    wanted = scipy_bootstrap(
        (values,), np.mean, confidence_level=0.9, n_resamples=20_000, method="BCa", rng=np.random.default_rng(0)
    ).confidence_interval
    assert bca_of(values) == pytest.approx((wanted.low, wanted.high), rel=0.02)


def test_bca_bends_towards_the_long_tail_and_leaves_a_symmetric_score_alone():
    skewed = np.random.default_rng(5).exponential(size=25)
    symmetric = np.concatenate([skewed, -skewed])
    for values, bent in ((skewed, True), (symmetric, False)):
        samples = bootstrap_articles(mean_of(values), len(values), n_resamples=4_000, seed=0)
        (plain,) = percentile_interval(samples, confidence=0.9)
        found = bca_of(values)
        assert (found.low > plain.low + 0.01) == (found.high > plain.high + 0.01) == bent


def test_lumps_give_nearly_the_interval_of_single_articles(monkeypatch: pytest.MonkeyPatch):
    values = np.random.default_rng(6).exponential(size=300)
    single = bca_of(values)
    monkeypatch.setattr(intervals, "JACKKNIFE_LUMPS", 100)
    assert bca_of(values) == pytest.approx(single, abs=0.01)


def test_bca_where_nothing_moves_or_nothing_is_defined():
    constant = np.full(10, 0.7)
    assert bca_of(constant) == pytest.approx((0.7, 0.7))
    undefined = np.full((10, 1), np.nan)
    assert np.isnan(bca_interval(undefined, np.array([np.nan]), undefined, confidence=0.9)).all()
    samples = np.array([0.1, 0.2, np.nan, 0.3])
    (found,) = bca_interval(samples, np.array(0.4), np.array([0.4, np.nan, 0.3]), confidence=0.9)
    assert 0.1 <= found.low <= found.high <= 0.3


@quick
@given(n=st.integers(1, 200), share=st.floats(0, 1), confidence=st.sampled_from([0.8, 0.95, 0.99]))
def test_wilson_is_where_the_score_test_just_rejects(n: int, share: float, confidence: float):
    from scipy.stats import binomtest

    successes = round(share * n)
    found = wilson_interval(successes, n, confidence=confidence)
    wanted = binomtest(successes, n).proportion_ci(confidence, method="wilson")
    assert found == pytest.approx((wanted.low, wanted.high), abs=1e-9)
    assert 0 <= found.low <= successes / n <= found.high <= 1


def test_wilson_of_nothing_and_of_too_much():
    assert np.isnan(wilson_interval(0, 0)).all()
    assert wilson_interval(0, 10).low == 0
    assert wilson_interval(0, 10).high == pytest.approx(0.2775, abs=1e-4)
    with pytest.raises(ValueError, match="between 0 and n = 3; given: 4"):
        wilson_interval(4, 3)


def test_few_articles_get_a_wider_interval_and_many_hardly():
    ratios = []
    for n in (8, 20, 400):
        values = np.random.default_rng(7).normal(size=n)
        plain, widened = bca_of(values), bca_of(values, n_articles=n)
        ratios.append((widened.high - widened.low) / (plain.high - plain.low))
        samples = bootstrap_articles(mean_of(values), n, n_resamples=4_000, seed=0)
        (narrow,), (wide,) = (percentile_interval(samples, confidence=0.9, n_articles=few) for few in (None, n))
        assert wide.low <= narrow.low < narrow.high <= wide.high
    assert ratios[0] > ratios[1] > 1.05 > ratios[2] > 0.999
    assert bca_of(np.array([0.3]), n_articles=1) == pytest.approx((0.3, 0.3))
