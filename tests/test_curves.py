"""Curves of one label: the same as scikit-learn's where everything is known, and sound where not."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.props import quick
from textclf.curves import FEWEST_IN_BIN, calibration_gap, reliability, threshold_curve


def sample(n: int, *, seed: int, unknown: float = 0.0, digits: int = 2) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    targets = (rng.random(n) < 0.3).astype(np.float32)
    probabilities = np.round(np.clip(0.3 * targets + 0.7 * rng.random(n), 0, 1), digits).astype(np.float32)
    targets[rng.random(n) < unknown] = np.nan
    return targets, probabilities


SAMPLES = st.builds(
    sample,
    st.integers(1, 200),
    seed=st.integers(0, 999),
    unknown=st.sampled_from([0.0, 0.3, 1.0]),
    digits=st.integers(1, 6),
)


@pytest.mark.parametrize("digits", [1, 6])
def test_precision_and_recall_are_those_of_scikit_learn(digits: int):
    from sklearn.metrics import precision_recall_curve

    targets, probabilities = sample(200, seed=3, digits=digits)
    precision, recall, thresholds = precision_recall_curve(targets.astype(int), probabilities)
    curve = threshold_curve(targets, probabilities)
    assert np.allclose(curve.thresholds[::-1], thresholds)
    assert np.allclose(curve.precision[::-1], precision[:-1])
    assert np.allclose(curve.recall[::-1], recall[:-1])
    both = curve.precision + curve.recall
    assert np.allclose(curve.f1 * both, 2 * curve.precision * curve.recall)


@quick
@given(SAMPLES)
def test_the_curve_gives_what_deciding_at_a_threshold_gives(drawn: tuple[np.ndarray, np.ndarray]):
    targets, probabilities = drawn
    curve = threshold_curve(targets, probabilities)
    known = ~np.isnan(targets)
    yes = targets[known] == 1
    if not yes.any():
        assert len(curve) == 0
        assert np.isnan(curve.at(0.5)[0])
        return
    for threshold in (0.0, 0.25, float(probabilities[0]), 0.7, 2.0):
        said = probabilities[known].astype(np.float64) >= threshold
        precision, recall, f1 = curve.at(threshold)
        hits = (said & yes).sum()
        assert recall == pytest.approx(hits / yes.sum())
        assert f1 == pytest.approx(2 * hits / (said.sum() + yes.sum()))
        assert np.isnan(precision) if not said.any() else precision == pytest.approx(hits / said.sum())


@quick
@given(SAMPLES, st.integers(2, 40))
def test_a_thinned_curve_keeps_its_ends_and_only_points_of_the_whole(drawn: tuple[np.ndarray, np.ndarray], most: int):
    curve = threshold_curve(*drawn)
    thin = curve.thinned(most)
    assert len(thin) <= max(most, 0)
    assert set(thin.thresholds) <= set(curve.thresholds)
    if len(curve):
        assert thin.thresholds[0] == curve.thresholds[0]
        assert thin.recall[-1] == 1.0


@quick
@given(SAMPLES)
def test_bins_part_the_known_paragraphs(drawn: tuple[np.ndarray, np.ndarray]):
    targets, probabilities = drawn
    bins = reliability(targets, probabilities, np.arange(len(targets)) // 3, resamples=20)
    known = ~np.isnan(targets)
    assert sum(b.n for b in bins) == known.sum()
    assert sum(b.n * b.share for b in bins) == pytest.approx((targets[known] == 1).sum())
    assert all(b.low - 1e-6 <= b.mean <= b.high + 1e-6 for b in bins)
    assert all(a.high == b.low for a, b in pairwise(bins))
    assert len(bins) == 1 or all(b.n >= FEWEST_IN_BIN for b in bins)
    assert all(np.isnan(b.interval.low) or b.interval.low <= b.share <= b.interval.high for b in bins if b.n > 30)


def test_probabilities_that_keep_their_word_have_a_small_gap():
    rng = np.random.default_rng(0)
    probabilities = rng.random(20_000)
    targets = (rng.random(20_000) < probabilities).astype(float)
    groups = np.arange(20_000)
    assert calibration_gap(reliability(targets, probabilities, groups, resamples=20)) < 0.02
    sure = reliability(targets, np.where(probabilities > 0.5, 0.99, 0.01), groups, resamples=20)
    assert calibration_gap(sure) == pytest.approx(0.24, abs=0.02)
    assert np.isnan(calibration_gap([]))
