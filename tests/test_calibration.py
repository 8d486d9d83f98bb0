"""Calibration: distortions are undone, order is kept, few data are left alone."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.props import quick
from textclf.calibration import Calibration, LabelMap, fit_calibration, log_odds, sigmoid

GRID = np.linspace(0, 1, 101, dtype=np.float32)[:, None]


def make(n: int, *, slope: float = 1.0, intercept: float = 0.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Give targets and probabilities whose true log-odds are slope * given + intercept."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 1)) * 1.5
    targets = (rng.random((n, 1)) < sigmoid(slope * z + intercept)).astype(np.float32)
    return targets, sigmoid(z).astype(np.float32)


def test_sigmoid_and_log_odds_are_inverse_and_never_infinite():
    p = np.array([0, 1e-9, 0.25, 0.5, 1 - 1e-9, 1])
    assert np.isfinite(log_odds(p)).all()
    assert sigmoid(log_odds(p)) == pytest.approx(p, abs=1e-5)
    assert sigmoid(np.array([-1e4, 0, 1e4])).tolist() == [0, 0.5, 1]


@pytest.mark.parametrize(("slope", "intercept"), [(0.5, 0.0), (2.0, 0.0), (1.0, -1.0), (0.6, 0.8)])
def test_platt_scaling_finds_a_known_distortion(slope: float, intercept: float):
    y, p = make(6_000, slope=slope, intercept=intercept)
    (found,) = fit_calibration(y, p, method="platt").maps
    assert (found.slope, found.intercept) == pytest.approx((slope, intercept), abs=0.12)


@pytest.mark.parametrize("method", ["platt", "isotonic"])
def test_calibrated_probabilities_are_frequencies(method: str):
    y, p = make(8_000, slope=0.4, intercept=0.5)
    fitted = fit_calibration(y[:4_000], p[:4_000], method=method)
    held_y, held_p = y[4_000:, 0], p[4_000:]
    for low in (0.3, 0.5, 0.7):
        bucket = (fitted(held_p)[:, 0] >= low) & (fitted(held_p)[:, 0] < low + 0.2)
        assert held_y[bucket].mean() == pytest.approx(fitted(held_p)[bucket, 0].mean(), abs=0.05)
        raw = (held_p[:, 0] >= low) & (held_p[:, 0] < low + 0.2)
        assert (
            abs(held_y[bucket].mean() - fitted(held_p)[bucket, 0].mean())
            < abs(held_y[raw].mean() - held_p[raw].mean()) + 0.02
        )


@quick
@given(
    n=st.integers(30, 200),
    slope=st.floats(-1, 3),
    seed=st.integers(0, 1_000),
    method=st.sampled_from(["auto", "platt", "isotonic", "none"]),
)
def test_maps_never_turn_the_order_and_stay_probabilities(n: int, slope: float, seed: int, method: str):
    y, p = make(n, slope=slope, seed=seed)
    mapped = fit_calibration(y, p, method=method)(GRID)
    assert mapped.shape == GRID.shape
    assert mapped.dtype == np.float32
    assert (np.diff(mapped[:, 0]) >= 0).all()
    assert ((mapped >= 0) & (mapped <= 1)).all()


@quick
@given(order=st.permutations(range(60)), method=st.sampled_from(["platt", "isotonic"]))
def test_the_order_of_rows_does_not_matter(order: list[int], method: str):
    y, p = make(60, seed=4)
    mixed = fit_calibration(y[order], p[order], method=method)(GRID)
    assert mixed == pytest.approx(fit_calibration(y, p, method=method)(GRID), abs=1e-4)


@pytest.mark.parametrize(("n", "method"), [(999, "platt"), (1_000, "isotonic"), (5_000, "isotonic")])
def test_auto_takes_isotonic_regression_for_much_data_only(n: int, method: str):
    y, p = make(n)
    assert fit_calibration(y, p).maps[0].method == method
    assert fit_calibration(y, p, affine_only=True).maps[0].method == "platt"


def test_auto_asks_for_enough_positives_too():
    y, p = make(5_000)
    y[np.flatnonzero(y[:, 0] == 1)[150:]] = 0
    assert fit_calibration(y, p).maps[0].method == "platt"
    y, p = make(5_000)
    y[2_000:] = np.nan
    y[np.flatnonzero(y[:, 0] == 0)[900:]] = np.nan
    y[np.flatnonzero(y[:, 0] == 1)[90:]] = np.nan
    assert fit_calibration(y, p).maps[0].method == "platt"


@pytest.mark.parametrize("method", ["auto", "platt", "isotonic"])
@pytest.mark.parametrize("turned", [False, True])
def test_a_label_with_few_of_a_kind_is_left_as_it_is(method: str, turned: bool):
    y, p = make(300, slope=0.3)
    rare = 1.0 if not turned else 0.0
    y[:] = 1 - rare
    y[:9] = rare
    y[100:200] = np.nan
    fitted = fit_calibration(np.hstack([y, make(300)[0]]), np.hstack([p, p]), method=method)
    assert [m.method == "none" for m in fitted.maps] == [True, False]
    assert np.array_equal(fitted(np.hstack([p, p]))[:, 0], p[:, 0])
    y[9] = rare
    assert fit_calibration(y, p, method="isotonic").maps[0].method == "isotonic"


def test_none_leaves_everything_as_it_is():
    y, p = make(3_000, slope=0.4)
    assert np.array_equal(fit_calibration(y, p, method="none")(p), p)


def test_unknown_targets_are_left_out():
    y, p = make(500)
    masked = np.vstack([y, np.full((100, 1), np.nan, np.float32)])
    noise = np.random.default_rng(0).random((100, 1)).astype(np.float32)
    assert np.array_equal(fit_calibration(masked, np.vstack([p, noise]))(GRID), fit_calibration(y, p)(GRID))


def test_scores_that_go_the_wrong_way_are_not_turned_round():
    y, p = make(500, slope=-1)
    assert fit_calibration(y, p, method="platt").maps[0].method == "none"


def test_clear_classes_do_not_blow_up():
    y = np.array([[0], [1]] * 50, np.float32)
    for method in ("platt", "isotonic"):
        mapped = fit_calibration(y, np.clip(y, 0.01, 0.99), method=method)(GRID)
        assert np.isfinite(mapped).all()
        assert mapped.min() > 0
        assert mapped.max() < 1
    constant = np.full_like(y, 0.3)
    for method in ("platt", "isotonic"):
        assert np.isfinite(fit_calibration(y, constant, method=method)(GRID)).all()


@pytest.mark.parametrize("method", ["platt", "isotonic", "none"])
@pytest.mark.parametrize("in_weights", [False, True])
def test_a_calibration_survives_json(method: str, in_weights: bool):
    y, p = make(200, slope=0.5)
    fitted = fit_calibration(np.hstack([y, y * 0]), np.hstack([p, p]), method=method)
    kept = Calibration(fitted.maps, in_weights)
    again = Calibration.from_json(json.loads(json.dumps(kept.to_json(["a", "b"]))), ["a", "b"])
    assert again == kept
    both = np.hstack([GRID, GRID])
    assert np.array_equal(again(both), kept(both))
    turned = Calibration.from_json(kept.to_json(["a", "b"]), ["b", "a"])  # found by name, whatever the order
    assert turned.maps == kept.maps[::-1]


def test_a_map_already_in_the_weights_is_not_applied_twice():
    fitted = Calibration((LabelMap("platt", slope=2.0, intercept=1.0),), in_weights=True)
    assert np.array_equal(fitted(GRID), GRID)


def test_no_rows_map_to_no_rows():
    for fitted in (Calibration((LabelMap("platt"), LabelMap())), Calibration((LabelMap(), LabelMap()))):
        assert fitted(np.zeros((0, 2), np.float32)).shape == (0, 2)
