"""Shares of labels: found under prior shift, left where there is none, and never moved by too little."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.props import quick
from textclf.calibration import log_odds, sigmoid
from textclf.priors import (
    MISFIT,
    WANDER,
    estimate_share,
    expected_f1_threshold,
    known_share,
    likeliest_share,
    misfit,
    refit_threshold,
    shift_from_labels,
    spread_of,
)


def make(n: int, *, old: float, new: float, apart: float = 2.5, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Give targets of the share `new`, and log-odds that are calibrated at the share `old`."""
    rng = np.random.default_rng(seed)
    y = (rng.random(n) < new).astype(np.float32)
    evidence = rng.normal(np.where(y == 1, apart / 2, -apart / 2))
    return y, float(log_odds(np.array(old))) + apart * evidence


def share_of(scores: np.ndarray, *, old: float, pseudo: float = 0.0) -> float:
    return float(sigmoid(likeliest_share(scores, np.ones((1, len(scores))), old=old, pseudo=pseudo))[0])


@quick
@given(old=st.floats(0.1, 0.6), new=st.floats(0.03, 0.8), seed=st.integers(0, 100))
def test_the_true_share_is_recovered_under_prior_shift(old: float, new: float, seed: int):
    y, scores = make(4_000, old=old, new=new, seed=seed)
    assert share_of(scores, old=old) == pytest.approx(y.mean(), abs=0.03)


@quick
@given(old=st.floats(0.05, 0.6), seed=st.integers(0, 100))
def test_without_a_shift_the_share_stays(old: float, seed: int):
    _, scores = make(4_000, old=old, new=old, seed=seed)
    p = sigmoid(scores)
    assert share_of(scores, old=old) == pytest.approx(old, abs=0.035)
    found = estimate_share(p, np.arange(4_000) // 8, old=old, spread=0.05, n_resamples=30)
    assert abs(found.shift) < 0.25


@quick
@given(old=st.floats(0.1, 0.6), new=st.floats(0.1, 0.6), seed=st.integers(0, 100), pseudo=st.sampled_from([0.0, 20.0]))
def test_it_is_where_expectation_maximisation_ends(old: float, new: float, seed: int, pseudo: float):
    _, scores = make(300, old=old, new=new, seed=seed)
    share = old
    for _ in range(3_000):
        adjusted = sigmoid(scores + log_odds(np.array(share)) - log_odds(np.array(old)))
        share = (adjusted.sum() + pseudo * old) / (len(scores) + pseudo)
    assert share_of(scores, old=old, pseudo=pseudo) == pytest.approx(share, abs=1e-4)


@quick
@given(seed=st.integers(0, 100), row=st.integers(0, 79), by=st.floats(0.1, 5))
def test_a_likelier_paragraph_never_lowers_the_share(seed: int, row: int, by: float):
    _, scores = make(80, old=0.3, new=0.3, seed=seed)
    higher = scores.copy()
    higher[row] += by
    assert share_of(higher, old=0.3) >= share_of(scores, old=0.3) - 1e-6


@quick
@given(order=st.permutations(range(60)))
def test_the_order_of_paragraphs_does_not_matter(order: list[int]):
    y, scores = make(60, old=0.3, new=0.5)
    p, groups = sigmoid(scores), np.arange(60) // 5
    one, other = (
        estimate_share(p[rows], groups[rows], old=0.3, spread=0.1, n_resamples=40) for rows in (np.arange(60), order)
    )
    assert one == pytest.approx(other)
    assert shift_from_labels(y[order], p[order]) == pytest.approx(shift_from_labels(y, p))
    assert expected_f1_threshold(p[order]) == pytest.approx(expected_f1_threshold(p))


def test_a_weight_of_two_is_a_row_twice():
    _, scores = make(50, old=0.3, new=0.5)
    weights = np.ones((1, 50))
    weights[0, :10] = 2
    weights[0, 40:] = 0
    written_out = np.concatenate([scores[:40], scores[:10]])
    assert likeliest_share(scores, weights, old=0.3) == pytest.approx(
        likeliest_share(written_out, np.ones((1, 50)), old=0.3)
    )


def test_nothing_moves_nothing():
    empty = np.zeros(0)
    start = float(log_odds(np.array(0.3)))
    assert likeliest_share(empty, np.zeros((2, 0)), old=0.3) == pytest.approx([start, start])
    assert likeliest_share(np.array([2.0]), np.zeros((1, 1)), old=0.3) == pytest.approx(start)
    assert shift_from_labels(np.array([np.nan, np.nan]), np.array([0.2, 0.9])) == pytest.approx(0, abs=1e-5)
    assert expected_f1_threshold(empty) == 0.5
    assert expected_f1_threshold(np.zeros(3)) == 0.5
    assert refit_threshold(empty, 0.3) == pytest.approx(0.3)


@pytest.mark.parametrize("p", [0.0, 1e-9, 0.2, 0.9, 1.0])
@pytest.mark.parametrize("n", [1, 40])
def test_equal_scores_and_single_rows_give_numbers_and_move_little(p: float, n: int):
    found = estimate_share(np.full(n, p), np.zeros(n), old=0.3, spread=0.05)
    assert np.isnan(found.interval.low)
    assert np.isfinite([found.value, found.taken, found.shift]).all()
    if n == 1:
        assert abs(found.shift) < 0.1


def test_an_estimate_is_drawn_towards_the_old_share_the_more_the_less_is_known():
    drawn = []
    for n in (10, 100, 1_000, 10_000):
        _, scores = make(n, old=0.3, new=0.05)
        found = estimate_share(sigmoid(scores), np.arange(n) // 5, old=0.3, spread=0.01, n_resamples=50)
        assert 0.05 * 0.5 < found.taken < 0.3
        drawn.append(found.taken)
    assert drawn == sorted(drawn, reverse=True)
    assert drawn[-1] == pytest.approx(0.05, abs=0.01)
    plain = estimate_share(sigmoid(scores), np.arange(10_000) // 5, old=0.3, spread=0.01, cautious=False, n_resamples=5)
    assert plain.taken == pytest.approx(plain.value)


def test_the_interval_holds_the_share_and_is_wider_for_articles_of_one_kind():
    y, scores = make(600, old=0.3, new=0.4)
    single = estimate_share(sigmoid(scores), np.arange(600), old=0.3, spread=0.05)
    assert single.interval.low < y.mean() < single.interval.high
    together = np.argsort(y, kind="stable")
    grouped = estimate_share(sigmoid(scores[together]), np.arange(600) // 20, old=0.3, spread=0.05)
    assert grouped.interval.high - grouped.interval.low > 2 * (single.interval.high - single.interval.low)
    counted = known_share(np.append(y, np.nan), np.append(np.arange(600), 0))
    assert counted.low < y.mean() < counted.high
    assert np.isnan(known_share(y, np.zeros(600)).low)


@quick
@given(old=st.floats(0.1, 0.6), new=st.floats(0.1, 0.6), seed=st.integers(0, 50))
def test_labels_give_the_shift_between_two_shares(old: float, new: float, seed: int):
    y, scores = make(6_000, old=old, new=new, seed=seed)
    expected = float(log_odds(np.array(y.mean())) - log_odds(np.array(old)))
    assert shift_from_labels(y, sigmoid(scores)) == pytest.approx(expected, abs=0.2)


def test_two_labelled_paragraphs_move_little():
    assert 0 < shift_from_labels(np.ones(2), np.full(2, 0.1)) < WANDER**2
    assert -(WANDER**2) < shift_from_labels(np.zeros(2), np.full(2, 0.9)) < 0


@quick
@given(p=st.lists(st.floats(0.01, 0.99), min_size=1, max_size=30))
def test_the_threshold_is_the_one_with_the_best_expected_f1(p: list[float]):
    probabilities = np.array(p)
    threshold = expected_f1_threshold(probabilities)

    def expected(chosen: np.ndarray) -> float:
        return float(2 * probabilities[chosen].sum() / max(chosen.sum() + probabilities.sum(), 1e-12))

    best = max(expected(probabilities >= cut) for cut in p)
    assert expected(probabilities >= threshold - 1e-12) == pytest.approx(best)
    assert threshold == pytest.approx(best / 2)


def test_a_threshold_is_drawn_to_the_targets_own_by_what_is_to_be_expected_in_it():
    p = sigmoid(make(2_000, old=0.3, new=0.3)[1])
    own = expected_f1_threshold(p)
    assert refit_threshold(p, 0.9) == pytest.approx(own, abs=0.05)
    assert 0.7 < refit_threshold(p[:3], 0.9) < 0.9
    assert refit_threshold(p, own) == pytest.approx(own)


def test_a_mix_fits_and_another_kind_of_text_does_not():
    y, scores = make(1_000, old=0.3, new=0.3)
    yes, no = np.sort(scores[y == 1]), np.sort(scores[y == 0])
    counts = {"positives": len(yes), "negatives": len(no)}
    for new in (0.05, 0.3, 0.7):
        _, shifted = make(500, old=0.3, new=new, seed=1)
        assert misfit(sigmoid(shifted), yes, no, share=new, **counts) < MISFIT
        assert misfit(sigmoid(shifted * 0.5), yes, no, share=new, **counts) > MISFIT


def test_the_spread_of_a_share_falls_with_what_was_counted():
    assert spread_of(0, 0) > spread_of(5, 50) > spread_of(50, 500) > 0
