"""Where a label is sure: worked out by hand, and what holds for any scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.props import quick
from textclf.cut_offs import CutOffs, by_confidence, cut_offs_at

scores = st.lists(st.floats(-8, 8).map(lambda s: round(s, 2)), max_size=40)


def fit(precision: float, yes: Any, no: Any) -> CutOffs:
    """Return the cut-offs where all scores are told."""
    yes, no = np.sort(np.array(yes, dtype=float)), np.sort(np.array(no, dtype=float))
    return cut_offs_at(
        precision,
        yes_scores=yes,
        no_scores=no,
        lowest_yes=yes,
        highest_no=no[::-1],
        positives=len(yes),
        negatives=len(no),
    )


def test_a_yes_begins_above_the_wrong_answers_that_are_too_many() -> None:
    """Nine are right above 1, and 9 of 9 + 1; above 0 there is one wrong besides, and 11 of 11 + 1 + 1."""
    yes, no = [*np.linspace(2, 3, 9), 0.5, 0.5], [1.0, *np.linspace(-3, -1, 20)]
    assert fit(0.9, yes, no).yes == 1.0
    assert fit(0.84, yes, no).yes == 0.0
    assert fit(0.91, yes, no).yes == np.inf


def test_a_no_may_lose_few_of_the_labels_own_paragraphs() -> None:
    """A hundred paragraphs without the label would let it lose all of its ten; it may lose one in ten."""
    yes, no = [-2.0, -1.0, *np.linspace(1, 3, 8)], np.linspace(-6, -3, 100)
    assert fit(0.9, yes, no).no == -1.0
    assert fit(0.95, yes, no).no == -2.0
    assert fit(0.75, yes, no).no == 0.0


def test_few_paragraphs_vouch_for_little() -> None:
    assert not fit(0.95, np.full(18, 3.0), np.full(18, -3.0)).decides
    assert fit(0.95, np.full(19, 3.0), np.full(19, -3.0)) == CutOffs(0.0, 0.0)


def test_a_label_never_met_is_never_yes() -> None:
    assert fit(0.9, [], np.full(50, -2.0)).yes == np.inf


def test_where_only_the_highest_are_told_the_cut_off_stays_among_them() -> None:
    told = {"yes_scores": np.full(50, 4.0), "no_scores": np.full(50, -1.0), "lowest_yes": np.full(50, 4.0)}
    found = cut_offs_at(0.9, **told, highest_no=np.array([2.0, 1.5]), positives=1_000, negatives=500)
    assert found.yes == 1.5


@quick
@given(st.floats(0.55, 0.99), scores, scores)
def test_the_answers_were_right_that_often_and_never_both(precision: float, yes: list[float], no: list[float]) -> None:
    found = fit(precision, yes, no)
    assert found.yes >= 0 >= found.no
    hits, errors = sum(s > found.yes for s in yes), sum(s > found.yes for s in no)
    assert found.yes == np.inf or hits >= precision * (hits + errors + 1) - 1e-6
    hits, errors = sum(s < found.no for s in no), sum(s < found.no for s in yes)
    assert found.no == -np.inf or hits >= precision * (hits + errors + 1) - 1e-6
    assert found.no == -np.inf or errors <= (1 - precision) * len(yes) + 1e-6


@pytest.mark.parametrize("p", [0.6, 0.9, 0.99])
def test_a_confidence_is_a_probability_and_its_contrary(p: float) -> None:
    assert by_confidence(p).to_json() == pytest.approx({"yes_above": p, "no_below": 1 - p}, abs=1e-4)
    assert CutOffs(np.inf, -np.inf).to_json() == {"yes_above": None, "no_below": None}
