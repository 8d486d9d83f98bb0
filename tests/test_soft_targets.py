"""Targets that are probabilities: what a logistic regression, an encoder's first bias and joined texts make of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.props import quick
from textclf.models.augment import unite
from textclf.models.linear import fit_one_vs_rest, positive_probabilities

NAN = np.nan


@pytest.mark.parametrize(
    ("first", "second", "wanted"),
    [
        (1.0, NAN, 1.0),
        (0.0, 0.0, 0.0),
        (0.0, NAN, NAN),
        (0.5, 0.2, 0.6),
        (0.3, 0.0, 0.3),
        (0.3, 1.0, 1.0),
        (0.3, NAN, NAN),
    ],
)
def test_two_texts_joined_carry_a_label_when_either_does(first: float, second: float, wanted: float) -> None:
    for one, other in ((first, second), (second, first)):
        found = unite(np.array([one], dtype=np.float32), np.array([other], dtype=np.float32))
        np.testing.assert_allclose(found, [wanted], rtol=1e-6)


@quick
@given(st.lists(st.sampled_from([0.1, 0.25, 0.5, 0.8]), min_size=2, max_size=12), st.integers(0, 100))
def test_a_regression_on_probabilities_is_one_on_that_many_answers(shares: list[float], seed: int) -> None:
    """Twenty copies of a row, so many of them yes, teach the same as one row with their share."""
    features = np.random.default_rng(seed).normal(size=(len(shares), 2))
    soft = np.array(shares, dtype=np.float32)[:, None]
    hard = np.concatenate([np.repeat([1.0, 0.0], [round(20 * p), 20 - round(20 * p)]) for p in shares])[:, None]
    settings = {"max_iter": 2_000, "seed": 0}
    one = fit_one_vs_rest(features, soft, C=20.0, **settings)
    many = fit_one_vs_rest(np.repeat(features, 20, axis=0), hard, C=1.0, **settings)
    np.testing.assert_allclose(positive_probabilities(one, features), positive_probabilities(many, features), atol=5e-3)


def test_unknown_rows_stay_out_beside_probabilities() -> None:
    features = np.array([[1.0], [-1.0], [5.0], [0.2]])
    targets = np.array([[0.9], [0.1], [NAN], [0.5]], dtype=np.float32)
    with_it = fit_one_vs_rest(features, targets, C=1.0, max_iter=500, seed=0)
    without = fit_one_vs_rest(features[[0, 1, 3]], targets[[0, 1, 3]], C=1.0, max_iter=500, seed=0)
    np.testing.assert_allclose(with_it.estimators_[0].coef_, without.estimators_[0].coef_)
