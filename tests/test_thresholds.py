"""Thresholds: best F1 where data are plain, steady where they are few."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.props import quick
from textclf import intervals
from textclf.calibration import log_odds, sigmoid
from textclf.thresholds import NEVER, best_common_threshold, decide, fit_thresholds


def make(n: int = 300, *, centres: tuple[float, ...] = (-2.0, 0.0, 2.0), gap: float = 1.5, seed: int = 0):
    """Give targets, probabilities and groups; label j's two classes lie around centres[j], in log-odds."""
    rng = np.random.default_rng(seed)
    targets = (rng.random((n, len(centres))) < 0.3).astype(np.float32)
    scores = np.array(centres) + np.where(targets == 1, gap, -gap) + rng.normal(size=targets.shape) * 0.4
    return targets, sigmoid(scores).astype(np.float32), np.arange(n) // 3


def f1_at(y: np.ndarray, p: np.ndarray, threshold: float) -> float:
    said, yes = p >= threshold, y == 1
    said &= ~np.isnan(y)
    return 2 * (said & yes).sum() / max(said.sum() + yes.sum(), 1)


def best_f1(y: np.ndarray, p: np.ndarray) -> float:
    return max(f1_at(y, p, t) for t in np.unique(p))


def test_plain_data_get_the_best_f1_for_every_label():
    y, p, groups = make()
    thresholds = fit_thresholds(y, p, groups, shrinkage=0)
    for j in range(3):
        assert f1_at(y[:, j], p[:, j], thresholds[j]) >= best_f1(y[:, j], p[:, j]) - 0.01
    assert log_odds(thresholds) == pytest.approx([-2, 0, 2], abs=0.5)


def test_overlapping_data_come_near_the_best_f1():
    y, p, groups = make(2_000, gap=0.3, seed=3)
    thresholds = fit_thresholds(y, p, groups, shrinkage=0)
    for j in range(3):
        assert f1_at(y[:, j], p[:, j], thresholds[j]) >= best_f1(y[:, j], p[:, j]) - 0.02


def test_infinite_shrinkage_gives_every_label_the_pooled_threshold():
    y, p, groups = make()
    pooled = fit_thresholds(y, p, groups, shrinkage=float("inf"))
    assert np.ptp(pooled) == 0
    assert fit_thresholds(y, p, groups, shrinkage=1e12) == pytest.approx(pooled)


def test_shrinkage_draws_towards_the_pooled_threshold_by_the_number_of_positives():
    y, p, groups = make()
    own, half, pooled = (log_odds(fit_thresholds(y, p, groups, shrinkage=s)) for s in (0, 90, float("inf")))
    support = (y == 1).sum(axis=0)
    assert half == pytest.approx(own * support / (support + 90) + pooled * 90 / (support + 90), abs=1e-6)


def test_between_two_clear_classes_the_threshold_is_the_middle():
    y = np.array([[1], [1], [0], [0]] * 10, np.float32)
    p = np.where(y == 1, 0.9, 0.1).astype(np.float32)
    assert best_common_threshold(y, p) == pytest.approx(0.5, abs=0.02)
    assert fit_thresholds(y, p, np.arange(40), shrinkage=0) == pytest.approx([0.5], abs=0.02)


def test_the_common_threshold_is_a_best_one_even_where_two_are_best():
    y = np.array([1, 1, 0, 0, 0, 0, 1, 1, *[0] * 8], np.float32)[:, None]
    p = np.linspace(0.95, 0.05, 16, dtype=np.float32)[:, None]
    found = best_common_threshold(y, p)
    assert f1_at(y[:, 0], p[:, 0], found) == pytest.approx(best_f1(y[:, 0], p[:, 0]))


def test_a_label_whose_positives_stand_in_one_article_is_not_lost():
    groups = np.repeat(np.arange(10), 5)
    y = np.zeros((50, 1), np.float32)
    y[:5] = 1
    p = np.where(y == 1, 0.05, 0.01).astype(np.float32)  # told apart without fault, though far from one half
    found = fit_thresholds(y, p, groups, shrinkage=0)
    assert decide(p, found).tolist() == (y == 1).tolist()


@quick
@given(order=st.permutations(range(45)), seed=st.integers(0, 3))
def test_the_order_of_rows_does_not_matter(order: list[int], seed: int):
    y, p, groups = make(45, gap=0.4, seed=seed)
    y[3:9, 0] = np.nan
    mixed = fit_thresholds(y[order], p[order], groups[order], n_resamples=20)
    assert mixed == pytest.approx(fit_thresholds(y, p, groups, n_resamples=20))


def test_the_order_of_labels_does_not_matter():
    y, p, groups = make(gap=0.4)
    turned = fit_thresholds(y[:, ::-1], p[:, ::-1], groups)
    assert turned[::-1] == pytest.approx(fit_thresholds(y, p, groups))


def test_unknown_targets_are_left_out():
    y, p, groups = make()
    kept = np.arange(len(y)) < 240
    masked = np.where(kept[:, None], y, np.nan)
    wrong = np.where(kept[:, None], p, 1 - p)  # what is said of unknown paragraphs must not matter
    found = fit_thresholds(masked, p, groups)
    assert found == pytest.approx(fit_thresholds(masked, wrong, groups))
    assert best_common_threshold(masked, p) == best_common_threshold(y[kept], p[kept])


def test_a_label_without_positives_takes_the_pooled_threshold():
    y, p, groups = make()
    y[:, 1] = 0
    found = fit_thresholds(y, p, groups, shrinkage=0)
    assert found[1] == pytest.approx(fit_thresholds(y, p, groups, shrinkage=float("inf"))[0])


@pytest.mark.parametrize("n", [0, 5])
def test_without_any_positive_it_is_one_half(n: int):
    y, p = np.zeros((n, 2), np.float32), np.full((n, 2), 0.3, np.float32)
    assert fit_thresholds(y, p, np.arange(n)).tolist() == [0.5, 0.5]
    assert best_common_threshold(y, p) == 0.5


def test_the_seed_fixes_the_thresholds_and_memory_does_not_change_them(monkeypatch: pytest.MonkeyPatch):
    y, p, groups = make(gap=0.2)
    found = fit_thresholds(y, p, groups)
    assert np.array_equal(found, fit_thresholds(y, p, groups))
    assert not np.array_equal(found, fit_thresholds(y, p, groups, seed=1))
    monkeypatch.setattr(intervals, "BLOCK_CELLS", 1_000)
    assert np.array_equal(found, fit_thresholds(y, p, groups))


def test_the_average_of_resamples_is_steadier_than_one_best():
    ours, single = [], []
    for seed in range(12):
        y, p, groups = make(60, centres=(0.0,), gap=0.3, seed=seed)
        ours.append(float(log_odds(fit_thresholds(y, p, groups, n_resamples=100))[0]))
        grid = np.unique(p)
        single.append(float(log_odds(grid[np.argmax([f1_at(y[:, 0], p[:, 0], t) for t in grid])])))
    assert np.std(ours) < np.std(single)


def test_a_probability_at_its_threshold_is_a_yes():
    p = np.array([[0.3, 0.3, 1.0]], np.float32)
    assert decide(p, np.array([0.3, 0.30001, NEVER])).tolist() == [[True, False, False]]


@quick
@given(st.lists(st.tuples(st.sampled_from([0, 1, np.nan]), st.floats(0, 1, width=32)), max_size=12), st.integers(0, 9))
def test_any_data_get_thresholds_between_0_and_1(cells: list[tuple[float, float]], seed: int):
    y = np.array([c[0] for c in cells], np.float32).reshape(-1, 1)
    p = np.array([c[1] for c in cells], np.float32).reshape(-1, 1)
    found = fit_thresholds(y, p, np.arange(len(y)) // 2, n_resamples=10, seed=seed)
    assert found.shape == (1,)
    assert 0 < found[0] < 1
    assert 0 < best_common_threshold(y, p) < 1
