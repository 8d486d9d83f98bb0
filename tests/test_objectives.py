"""Objectives: what is asked for is reached where it can be, and no cut does better."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.props import quick
from textclf.objectives import Cuts, Objective
from textclf.thresholds import NEVER, decide

PRECISE, RECALLING = Objective("precision_at_least", 0.75), Objective("recall_at_least", 0.75)
COST, COUNT = Objective("cost", miss=3.0, false_alarm=1.0), Objective("expected_count")
EXACT = [PRECISE, RECALLING, COST, COUNT]

#        9    8    7    6    5    4    3    2   (tenths)
ROWS = ((1, 1, 0, 1, 0, 0, 1, 0), (0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2))


def fit(y: np.ndarray, p: np.ndarray, objective: Objective) -> tuple[float, bool]:
    cuts = Cuts.of(y, p, np.ones((1, len(y))))
    chosen, met = cuts.best(objective)
    return float(cuts.thresholds(chosen)[0]), bool(met[0])


def arrays(y: Any, p: Any) -> tuple[np.ndarray, np.ndarray]:
    return np.array(y, np.float32), np.array(p, np.float32)


def scores(y: np.ndarray, p: np.ndarray, threshold: float) -> tuple[float, float, int, int, int]:
    """Give precision, recall, rows given the label, misses and false alarms, over known rows."""
    known = ~np.isnan(y)
    said, yes = decide(p[known], np.array(threshold)), y[known] == 1
    hits = int((said & yes).sum())
    precision = hits / said.sum() if said.any() else 0.0
    return (
        precision,
        hits / yes.sum() if yes.any() else 0.0,
        int(said.sum()),
        int(yes.sum()) - hits,
        int(said.sum()) - hits,
    )


@pytest.mark.parametrize(
    ("objective", "between"),
    [
        (Objective("precision_at_least", 0.75), (0.5, 0.6)),  # 3 of 4 right, 3 of 4 found
        (Objective("precision_at_least", 0.8), (0.7, 0.8)),  # 2 of 2 right
        (Objective("precision_at_least", 0.5), (0.2, 0.3)),  # 4 of 7 right, all found
        (Objective("recall_at_least", 0.75), (0.5, 0.6)),
        (Objective("recall_at_least", 0.5), (0.7, 0.8)),
        (Objective("recall_at_least", 1.0), (0.2, 0.3)),
        (Objective("cost", miss=1, false_alarm=1), (0.7, 0.8)),  # 2 misses; as dear as 1 miss and 1 alarm, and higher
        (Objective("cost", miss=1.5, false_alarm=1), (0.5, 0.6)),  # 1 miss and 1 alarm: 2.5, against 3
        (Objective("cost", miss=3, false_alarm=1), (0.2, 0.3)),  # 3 alarms: 3, against 4
        (Objective("expected_count"), (0.5, 0.6)),  # 4 of 8 carry it
    ],
)
def test_the_best_cut_by_hand(objective: Objective, between: tuple[float, float]):
    threshold, met = fit(*arrays(*ROWS), objective)
    assert met
    assert between[0] < threshold < between[1]


def test_the_threshold_stands_half_way_between_two_scores_in_log_odds():
    threshold, _ = fit(*arrays([1, 0], [0.9, 0.1]), COUNT)
    assert threshold == pytest.approx(0.5, abs=1e-6)


def test_scores_that_are_equal_are_not_parted():
    y, p = arrays([1, 1, 0, 0], [0.8, 0.6, 0.6, 0.1])
    threshold, met = fit(y, p, Objective("precision_at_least", 0.7))
    assert met
    assert decide(p, np.array(threshold)).tolist() == [True, False, False, False]
    threshold, _ = fit(y, p, Objective("recall_at_least", 0.9))
    assert decide(p, np.array(threshold)).tolist() == [True, True, True, False]


def test_a_precision_out_of_reach_gives_the_highest_there_is():
    y, p = arrays([0, 1, 1, 0, 0, 1], [0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
    threshold, met = fit(y, p, Objective("precision_at_least", 0.9))
    assert not met
    assert 0.6 < threshold < 0.7  # two of three; no cut has more


def test_a_score_of_nothing_is_never_a_yes():
    y, p = arrays([1, 1, 0], [0.5, 0.0, 0.0])  # as a blank text has
    threshold, met = fit(y, p, Objective("recall_at_least", 0.9))
    assert not met
    assert threshold > 0
    assert decide(p, np.array(threshold)).tolist() == [True, False, False]


def test_where_a_false_alarm_is_dearer_than_all_hits_the_label_is_given_to_no_row():
    y, p = arrays([0, 1, 0], [0.9, 0.8, 0.2])
    threshold, _ = fit(y, p, Objective("cost", miss=1, false_alarm=50))
    assert 0.9 < threshold < 1
    assert fit(y, np.array([1, 0.8, 0.2], np.float32), Objective("cost", miss=1, false_alarm=50))[0] == NEVER


cells = st.tuples(st.sampled_from([0, 0, 1, np.nan]), st.integers(0, 12).map(lambda tenth: tenth / 12))
some_rows = st.lists(cells, min_size=1, max_size=14)
objectives = st.one_of(
    st.builds(Objective, st.just("precision_at_least"), st.sampled_from([0.3, 0.5, 0.7, 0.9, 1.0])),
    st.builds(Objective, st.just("recall_at_least"), st.sampled_from([0.3, 0.5, 0.7, 0.9, 1.0])),
    st.builds(
        lambda miss, alarm: Objective("cost", miss=miss, false_alarm=alarm),
        st.sampled_from([1, 2, 7]),
        st.sampled_from([1, 3]),
    ),
    st.just(COUNT),
)


def worth(objective: Objective, y: np.ndarray, p: np.ndarray, threshold: float) -> tuple[float, ...]:
    """Give how good a threshold is, written a second time, row by row: more is better."""
    precision, recall, said, misses, alarms = scores(y, p, threshold)
    if objective.name == "precision_at_least":
        met = said > 0 and precision >= float(objective.value or 0) and recall > 0
        return (1.0, recall, precision) if met else (0.0, precision, recall)
    if objective.name == "recall_at_least":
        met = recall >= float(objective.value or 0)
        return (1.0, precision, recall) if met else (0.0, recall, precision)
    if objective.name == "cost":
        return (-(misses * float(objective.miss or 0) + alarms * float(objective.false_alarm or 0)), -said)
    return (-abs(said - float((y == 1).sum())), -said)


@quick
@given(rows=some_rows, objective=objectives)
def test_no_cut_of_all_there_are_does_better(rows: list[tuple[float, float]], objective: Objective):
    y, p = arrays([row[0] for row in rows], [row[1] for row in rows])
    if not (y == 1).any():
        return
    threshold, met = fit(y, p, objective)
    every = [float(level) for level in np.unique(p) if level > 0] + [NEVER]
    best = max(worth(objective, y, p, each) for each in every)
    assert worth(objective, y, p, threshold) == pytest.approx(best)
    if objective.name.endswith("_at_least"):
        assert met == (best[0] == 1.0)


@quick
@given(rows=some_rows, objective=objectives)
def test_what_is_said_to_be_met_is_met_on_the_fitting_data(rows: list[tuple[float, float]], objective: Objective):
    y, p = arrays([row[0] for row in rows], [row[1] for row in rows])
    threshold, met = fit(y, p, objective)
    precision, recall, *_ = scores(y, p, threshold)
    if met and objective.name == "precision_at_least":
        assert precision >= float(objective.value or 0)
    if met and objective.name == "recall_at_least" and (y == 1).any():
        assert recall >= float(objective.value or 0)


@quick
@given(rows=some_rows, objective=objectives, data=st.data())
def test_unknown_rows_and_the_order_of_rows_do_not_matter(
    rows: list[tuple[float, float]], objective: Objective, data: st.DataObject
):
    y, p = arrays([row[0] for row in rows], [row[1] for row in rows])
    plain = fit(y, p, objective)
    order = data.draw(st.permutations(range(len(y))))
    assert fit(y[order], p[order], objective) == plain
    known = ~np.isnan(y)
    assert fit(y[known], p[known], objective) == plain


@quick
@given(rows=some_rows, times=st.lists(st.integers(0, 3), min_size=14, max_size=14), objective=objectives)
def test_weights_count_as_so_many_rows(rows: list[tuple[float, float]], times: list[int], objective: Objective):
    y, p = arrays([row[0] for row in rows], [row[1] for row in rows])
    weights = np.array(times[: len(y)])
    cuts = Cuts.of(y, p, np.vstack([weights, np.ones(len(y))]).astype(np.float64))
    chosen, met = cuts.best(objective)
    repeated = fit(np.repeat(y, weights), np.repeat(p, weights), objective)
    assert met[0] == repeated[1]
    levels = p[(weights > 0)]
    said = decide(levels, cuts.thresholds(chosen)[:1])
    assert said.tolist() == decide(levels, np.array(repeated[0])).tolist()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Objective("precision_at_last", 0.9), "did you mean 'precision_at_least'"),  # type: ignore[arg-type]
        (lambda: Objective("precision_at_least"), "precision_at_least needs `value`: the precision to reach"),
        (lambda: Objective("recall_at_least", 1.2), "at most 1; given: 1.2"),
        (lambda: Objective("precision_at_least", 0.0), "above 0"),
        (lambda: Objective("recall_at_least", math.nan), "given: nan"),
        (lambda: Objective("f_beta"), "f_beta needs `value`: beta"),
        (lambda: Objective("f_beta", -1.0), "beta, above 0"),
        (lambda: Objective("f1", 2.0), r"f1 takes no `value` \(given: 2.0\); it is for f_beta"),
        (lambda: Objective("cost"), "cost needs `miss` and `false_alarm`"),
        (lambda: Objective("cost", miss=1.0), "cost needs"),
        (lambda: Objective("cost", miss=1.0, false_alarm=0.0), "must be above 0; given: 1.0 and 0.0"),
        (lambda: Objective("cost", 3.0, 1.0, 1.0), "cost takes no `value`"),
        (lambda: Objective("expected_count", miss=1.0), "takes no `miss`"),
    ],
)
def test_an_objective_that_makes_no_sense_is_told(make: Callable[[], Objective], said: str):
    with pytest.raises(ValueError, match=said):
        make()


def test_an_objective_is_told_in_words_and_json():
    assert str(PRECISE) == "precision_at_least 0.75"
    assert str(COST) == "cost (miss 3, false alarm 1)"
    assert COST.to_json() == {"objective": "cost", "miss": 3.0, "false_alarm": 1.0}
    assert [Objective("f_beta", 2.0).beta, Objective().beta, COUNT.beta] == [2.0, 1.0, None]
