"""Bands: monotone in what is asked for, true to it on the data they were fitted on and on others, never outside 0."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.props import quick
from textclf.bands import (
    NEVER_SURE,
    RISKS,
    Bands,
    Fit,
    Per,
    fit_bands,
    fit_risks,
    margins_of,
    most_promised,
    paragraphs_needed,
)
from textclf.calibration import sigmoid

Sample = tuple[np.ndarray, np.ndarray, np.ndarray]


def draw(n: int, *, k: int = 3, slope: float = 1.0, offset: float = 0.0, seed: int = 0) -> Sample:
    """Draw margins, where decisions come out otherwise, and articles of five paragraphs each."""
    rng = np.random.default_rng(seed)
    margins = rng.normal(-1.5, 3.0, (n, k))
    apart = rng.random((n, k)) < sigmoid(offset - slope * np.abs(margins))
    return margins, apart, np.arange(n) // 5


def fit(sample: Sample, target: float, *, per: Per = "paragraph") -> Fit:
    return fit_bands(*sample, target=target, per=per, n_resamples=100)


samples = st.builds(
    draw,
    st.integers(1, 300),
    k=st.integers(1, 4),
    slope=st.floats(0, 3),
    offset=st.floats(-4, 2),
    seed=st.integers(0, 1_000),
)
targets = st.floats(0.5, 0.999)


@quick
@given(samples, targets, targets, st.sampled_from(["paragraph", "decision"]))
def test_a_higher_target_never_narrows_a_band(sample: Sample, one: float, other: float, per: Per) -> None:
    lax, strict = (fit(sample, target, per=per) for target in sorted((one, other)))
    assert (strict.bands.low <= lax.bands.low).all()
    assert (strict.bands.high >= lax.bands.high).all()
    assert not (strict.sure & ~lax.sure).any()


@quick
@given(samples, targets, st.sampled_from(["paragraph", "decision"]))
def test_agreement_holds_on_the_data_it_was_fitted_on(sample: Sample, target: float, per: Per) -> None:
    margins, apart, _ = sample
    found = fit(sample, target, per=per)
    lost = apart & found.bands.sure(margins)[:, None]
    agreement = 1 - (lost.any(axis=1) if per == "paragraph" else lost.mean(axis=1)).mean()
    assert agreement >= target
    assert found.interval.low >= target
    assert found.interval.low <= found.agreement <= 1
    assert (found.bands.low <= 0).all()
    assert (found.bands.high >= 0).all()


@pytest.mark.parametrize("per", ["paragraph", "decision"])
def test_agreement_holds_on_articles_never_seen_about_as_often_as_promised(per: Per) -> None:
    held, shares = 0, []
    for seed in range(40):
        found = fit(draw(500, seed=seed), 0.97, per=per)
        margins, apart, _ = draw(4_000, seed=1_000 + seed)
        lost = apart & found.bands.sure(margins)[:, None]
        held += 1 - (lost.any(axis=1) if per == "paragraph" else lost.mean(axis=1)).mean() >= 0.97
        shares.append(found.sure.mean())
    assert held >= 36  # of 40: promised are 38
    assert np.mean(shares) > 0.1


def test_more_paragraphs_promise_more() -> None:
    few, many = (fit(draw(n, seed=4), 0.99).sure.mean() for n in (300, 6_000))
    assert many > few + 0.03


def test_agreement_counted_by_decision_asks_less() -> None:
    sample = draw(800, seed=2)
    assert fit(sample, 0.98, per="decision").sure.mean() > fit(sample, 0.98).sure.mean()


def test_without_any_disagreement_few_paragraphs_still_promise_little() -> None:
    margins, apart, groups = draw(100)
    none = np.zeros_like(apart)
    assert not fit((margins, none, groups), 0.999).sure.any()
    assert fit((margins, none, groups), 0.9).sure.all()


def test_where_nothing_agrees_nothing_is_sure() -> None:
    margins, apart, groups = draw(300)
    found = fit((margins, np.ones_like(apart), groups), 0.9)
    assert not found.bands.sure(margins).any()


def test_a_label_that_comes_out_otherwise_more_often_has_the_wider_band() -> None:
    margins, _, groups = draw(3_000, k=2, seed=3)
    chance = sigmoid(np.array([1.0, -2.0]) - np.abs(margins))
    apart = np.random.default_rng(0).random(margins.shape) < chance
    risks = fit_risks(margins, apart)
    np.testing.assert_allclose(risks.offsets, [[1.0, -2.0]] * 2, atol=0.6)
    assert risks.slope == pytest.approx(1, abs=0.1)
    bands = fit((margins, apart, groups), 0.97).bands
    assert bands.high[0] - bands.low[0] > bands.high[1] - bands.low[1]


@quick
@given(st.integers(0, 1_000), st.sampled_from(list(RISKS)))
def test_bands_are_where_the_curve_passes_the_risk(seed: int, risk: float) -> None:
    margins, apart, _ = draw(60, seed=seed)
    risks = fit_risks(margins, apart)
    bands = risks.bands(risk)
    np.testing.assert_array_equal(bands.sure(margins), risks.sure(margins)[:, risk == RISKS][:, 0])
    for side, ends in enumerate((-bands.low, bands.high)):
        inside = (ends > 0) & (ends < NEVER_SURE)
        np.testing.assert_allclose((risks.offsets[side] - risks.slope * ends)[inside], risk, atol=1e-9)


def test_a_paragraph_is_sure_only_where_every_label_is() -> None:
    bands = Bands(np.array([-1.0, 0.0]), np.array([2.0, 0.0]))
    margins = np.array([[-2, -1], [-1, -1], [3, 1], [2, 1], [0, 1], [3, 0]])
    assert bands.sure(margins).tolist() == [True, False, True, False, False, False]
    assert bands.sure(np.zeros((0, 2))).shape == (0,)


def test_bands_come_back_as_they_were_and_odd_ones_are_refused() -> None:
    bands = Bands(np.array([-1.25, 0.0]), np.array([2.5, NEVER_SURE]))
    again = Bands.from_json(bands.to_json(["a", "b"]), ["a", "b"])
    np.testing.assert_array_equal([again.low, again.high], [bands.low, bands.high])
    for odd in ([0.5, 1.0], [-1.0, -0.5], [math.nan, 1.0]):
        with pytest.raises(ValueError, match="begin at 0 or below"):
            Bands.from_json({"a": odd}, ["a"])


def test_margins_are_signed_as_decisions_are() -> None:
    p, thresholds = np.array([[0.2, 0.7], [0.5, 0.5]], dtype=np.float32), np.array([0.5, 0.5])
    assert np.sign(margins_of(p, thresholds)).tolist() == [[-1, 1], [0, 0]]


def test_how_many_paragraphs_a_promise_takes() -> None:
    for target in (0.9, 0.99, 0.995):
        needed = paragraphs_needed(target)
        assert most_promised(needed) >= target > most_promised(needed - 1)
    assert paragraphs_needed(0.995) == 539
