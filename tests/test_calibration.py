"""Calibration: distortions are undone, order is kept, few data are left alone."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.props import quick
from textclf.calibration import LINEAR, Calibration, LabelMap, fit_calibration, log_odds, sigmoid

METHODS = ["temperature", "platt", "beta", "isotonic"]
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


@pytest.mark.parametrize("slope", [0.4, 0.9, 2.5])
def test_temperature_scaling_finds_a_known_slope(slope: float):
    y, p = make(6_000, slope=slope)
    (found,) = fit_calibration(y, p, method="temperature").maps
    assert found.slope == pytest.approx(slope, rel=0.08)
    assert found.intercept == 0


@pytest.mark.parametrize(("rising", "falling", "intercept"), [(0.5, 1.5, 0.0), (2.0, 0.6, 0.4), (1.0, 1.0, 0.0)])
def test_beta_calibration_finds_a_known_distortion(rising: float, falling: float, intercept: float):
    rng = np.random.default_rng(1)
    p = rng.uniform(0.005, 0.995, size=(20_000, 1)).astype(np.float32)
    true = sigmoid(rising * np.log(p) - falling * np.log1p(-p) + intercept)
    (found,) = fit_calibration((rng.random(p.shape) < true).astype(np.float32), p, method="beta").maps
    assert (*found.slopes, found.intercept) == pytest.approx((rising, falling, intercept), abs=0.12)
    assert found(p)[:, 0] == pytest.approx(true[:, 0], abs=0.02)


def test_beta_calibration_by_hand():
    # log-odds of 2 log(0.5) - log(0.5) + 0.5: half a point less log(2)
    (given,) = LabelMap("beta", slopes=(2.0, 1.0), intercept=0.5)(np.array([0.5]))
    assert given == pytest.approx(1 / (1 + np.exp(np.log(2) - 0.5)), abs=1e-6)


def test_beta_calibration_never_falls_though_one_half_of_the_scores_does():
    rng = np.random.default_rng(2)
    p = rng.uniform(0.01, 0.99, size=(4_000, 1)).astype(np.float32)
    y = (rng.random(p.shape) < np.where(p < 0.5, 0.4 - 0.6 * p, p)).astype(np.float32)
    (found,) = fit_calibration(y, p, method="beta").maps
    assert found.method == "beta"
    assert min(found.slopes) == 0


@pytest.mark.parametrize("method", METHODS)
def test_calibrated_probabilities_are_frequencies(method: str):
    y, p = make(8_000, slope=0.4, intercept=0.0 if method == "temperature" else 0.5)
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
    method=st.sampled_from(["auto", *METHODS, "none"]),
)
def test_maps_never_turn_the_order_and_stay_probabilities(n: int, slope: float, seed: int, method: str):
    y, p = make(n, slope=slope, seed=seed)
    mapped = fit_calibration(y, p, method=method)(GRID)
    assert mapped.shape == GRID.shape
    assert mapped.dtype == np.float32
    assert (np.diff(mapped[:, 0]) >= 0).all()
    assert ((mapped >= 0) & (mapped <= 1)).all()


@quick
@given(
    order=st.permutations(range(60)),
    method=st.sampled_from(["auto", *METHODS]),
    grouped=st.booleans(),
    seed=st.integers(0, 9),
)
def test_the_order_of_rows_does_not_matter(order: list[int], method: str, grouped: bool, seed: int):
    y, p = make(60, slope=0.5, seed=seed)
    y[7:12] = np.nan
    groups = np.arange(60) // 3
    plain = fit_calibration(y, p, method=method, groups=groups if grouped else None)
    mixed = fit_calibration(y[order], p[order], method=method, groups=groups[order] if grouped else None)
    assert [m.method for m in mixed.maps] == [m.method for m in plain.maps]
    assert mixed(GRID) == pytest.approx(plain(GRID), abs=1e-4)


def beta_data(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Give probabilities far too high below a half and right above it, which no line in log-odds mends."""
    rng = np.random.default_rng(5)
    p = rng.uniform(0.01, 0.99, size=(n, 1)).astype(np.float32)
    true = sigmoid(3.0 * np.log(p) - 0.5 * np.log1p(-p) + 1.0)
    return (rng.random(p.shape) < true).astype(np.float32), p


def step_data(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Give probabilities of which only steps are true."""
    rng = np.random.default_rng(6)
    p = rng.uniform(0.01, 0.99, size=(n, 1)).astype(np.float32)
    true = np.select([p < 0.3, p < 0.8], [0.02, 0.5], 0.98)
    return (rng.random(p.shape) < true).astype(np.float32), p


@pytest.mark.parametrize(
    ("slope", "intercept", "method"), [(1.0, 0.0, "temperature"), (0.4, 0.0, "temperature"), (0.4, -1.0, "platt")]
)
def test_auto_mostly_takes_the_simplest_map_that_does(slope: float, intercept: float, method: str):
    drawn = [make(800, slope=slope, intercept=intercept, seed=seed) for seed in range(12)]
    taken = [fit_calibration(y, p).maps[0].method for y, p in drawn]
    assert max(set(taken), key=taken.count) == method


def test_auto_takes_a_freer_map_where_no_line_does():
    assert fit_calibration(*beta_data(900)).maps[0].method == "beta"
    assert fit_calibration(*step_data(6_000)).maps[0].method == "isotonic"


@pytest.mark.parametrize("data", [beta_data, step_data])
def test_a_model_that_takes_calibration_into_its_weights_keeps_to_lines(data):
    assert fit_calibration(*data(6_000), affine_only=True).maps[0].method in LINEAR


@pytest.mark.parametrize("n", [200, 999])
def test_auto_takes_isotonic_regression_for_much_data_only(n: int):
    assert fit_calibration(*step_data(n)).maps[0].method != "isotonic"


def test_auto_asks_for_enough_positives_too():
    y, p = step_data(6_000)
    y[np.flatnonzero(y[:, 0] == 1)[150:]] = np.nan
    assert fit_calibration(y, p).maps[0].method != "isotonic"
    y, p = beta_data(6_000)
    y[np.flatnonzero(y[:, 0] == 1)[49:]] = np.nan
    assert fit_calibration(y, p).maps[0].method in LINEAR


def test_auto_goes_by_articles_not_paragraphs():
    # Within each article all paragraphs are the same, so that a fold of paragraphs would know its answers.
    rng = np.random.default_rng(3)
    scores = np.repeat(rng.uniform(0.01, 0.99, 60), 40).astype(np.float32)[:, None]
    y = np.repeat((rng.random(60) < 0.5).astype(np.float32), 40)[:, None]
    assert fit_calibration(y, scores).maps[0].method == "isotonic"
    assert fit_calibration(y, scores, groups=np.arange(2_400) // 40).maps[0].method != "isotonic"


def test_where_one_article_holds_all_of_a_kind_it_is_platt_scaling():
    y, p = make(200)
    y[:] = 0
    y[:20] = 1
    groups = np.maximum(np.arange(200) // 4, 4)
    assert fit_calibration(y, p + y * 0.2, groups=groups).maps[0].method == "platt"


@pytest.mark.parametrize("method", ["auto", "platt", "isotonic"])
@pytest.mark.parametrize("turned", [False, True])
def test_a_label_with_few_of_a_kind_is_left_as_it_is(method: str, turned: bool):
    y, p = make(300, slope=0.3)
    rare = 1.0 if not turned else 0.0
    y[:] = 1 - rare
    y[:9] = rare
    y[100:200] = np.nan
    fitted = fit_calibration(np.hstack([y, make(300, slope=0.3)[0]]), np.hstack([p, p]), method=method)
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
    for method in ("platt", "temperature", "beta", "auto"):
        assert fit_calibration(y, p, method=method).maps[0].method == "none"


def test_clear_classes_do_not_blow_up():
    y = np.array([[0], [1]] * 50, np.float32)
    for method in METHODS:
        mapped = fit_calibration(y, np.clip(y, 0.01, 0.99), method=method)(GRID)
        assert np.isfinite(mapped).all()
        assert mapped.min() > 0
        assert mapped.max() < 1
    constant = np.full_like(y, 0.3)
    for method in METHODS:
        assert np.isfinite(fit_calibration(y, constant, method=method)(GRID)).all()


@pytest.mark.parametrize("method", [*METHODS, "none"])
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


@quick
@given(
    label_map=st.one_of(
        st.builds(LabelMap, st.just("temperature"), slope=st.floats(0.05, 50)),
        st.builds(LabelMap, st.just("platt"), slope=st.floats(0.05, 50), intercept=st.floats(-9, 9)),
        st.builds(
            LabelMap,
            st.just("beta"),
            slopes=st.tuples(st.floats(0, 50), st.floats(0, 50)),
            intercept=st.floats(-9, 9),
        ),
        st.builds(LabelMap, st.just("isotonic"), knots=st.just(((0.1, 0.2), (0.6, 0.6), (0.9, 0.95)))),
        st.just(LabelMap()),
    ),
    by=st.floats(-6, 6),
)
def test_any_map_rises_and_is_shifted_in_log_odds_and_survives_json(label_map: LabelMap, by: float):
    shifted = label_map.shifted(by)
    for each in (label_map, shifted):
        mapped = each(GRID[:, 0])
        assert (np.diff(mapped) >= 0).all()
        assert ((mapped >= 0) & (mapped <= 1)).all()
        kept = Calibration((each,))
        assert Calibration.from_json(json.loads(json.dumps(kept.to_json(["a"]))), ["a"]) == kept
    inner = (mapped > 1e-3) & (mapped < 1 - 1e-3) & (label_map(GRID[:, 0]) > 1e-3) & (label_map(GRID[:, 0]) < 1 - 1e-3)
    assert log_odds(mapped)[inner] == pytest.approx(log_odds(label_map(GRID[:, 0]))[inner] + by, abs=1e-2)


def test_a_calibration_from_before_there_were_more_maps_is_read():
    record = {
        "in_weights": False,
        "labels": {
            "a": {"method": "platt", "slope": 2.0, "intercept": 1.0},
            "b": {"method": "isotonic", "knots": [[0.1, 0.2], [0.9, 0.8]], "shift": 0.5},
            "c": {"method": "none"},
        },
    }
    maps = Calibration.from_json(record, ["a", "b", "c"]).maps
    assert maps[0] == LabelMap("platt", slope=2.0, intercept=1.0)
    assert maps[1] == LabelMap("isotonic", knots=((0.1, 0.2), (0.9, 0.8)), shift=0.5)
    assert maps[2] == LabelMap()


def test_a_map_that_is_not_known_is_refused():
    with pytest.raises(ValueError, match="the calibration of 'a' is 'spline', which is not known here"):
        Calibration.from_json({"in_weights": False, "labels": {"a": {"method": "spline"}}}, ["a"])


def test_a_map_already_in_the_weights_is_not_applied_twice():
    fitted = Calibration((LabelMap("platt", slope=2.0, intercept=1.0),), in_weights=True)
    assert np.array_equal(fitted(GRID), GRID)


def test_no_rows_map_to_no_rows():
    for fitted in (Calibration((LabelMap("platt"), LabelMap())), Calibration((LabelMap(), LabelMap()))):
        assert fitted(np.zeros((0, 2), np.float32)).shape == (0, 2)
