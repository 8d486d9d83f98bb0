"""Thresholds by objective: F1 as ever, what is reached and how sure it is, and warnings where it is not."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest

from tests.test_thresholds import f1_at, make
from textclf.calibration import log_odds
from textclf.errors import TextclfWarning
from textclf.objectives import F1, Objective
from textclf.threshold_fit import fit_for, warn_of_fits
from textclf.thresholds import GRID, NEVER, decide, fit_thresholds

PRECISE = Objective("precision_at_least", 0.9)
RECALLING = Objective("recall_at_least", 0.8)
EVERY = [F1, Objective("f_beta", 2.0), PRECISE, RECALLING, Objective("expected_count")]
EVERY += [Objective("cost", miss=2.0, false_alarm=1.0)]


def test_thresholds_for_f1_are_what_they_were():
    y, p, groups = make(gap=0.4, seed=7)
    y[30:60, 1] = np.nan
    assert fit_thresholds(y, p, groups, seed=13) == pytest.approx(
        [0.11920292202211757, 0.25922510081784605, 0.48623444397293575], abs=1e-12
    )
    assert fit_thresholds(y, p, groups, seed=13, shrinkage=0) == pytest.approx(
        [0.11920292202211757, 0.549833997312478, 0.8754466418125836], abs=1e-12
    )


def test_by_objective_f1_is_the_same_fit():
    y, p, groups = make(gap=0.4, seed=7)
    fits = fit_for(y, p, groups, [F1] * 3, seed=13)
    assert [fit.threshold for fit in fits] == fit_thresholds(y, p, groups, seed=13).tolist()


def test_one_label_for_something_else_leaves_the_others_as_they_were():
    y, p, groups = make(gap=0.4)
    fits = fit_for(y, p, groups, [F1, PRECISE, F1])
    plain = fit_thresholds(y, p, groups)
    assert [fits[0].threshold, fits[2].threshold] == [plain[0], plain[2]]
    assert fits[1].threshold != plain[1]


@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
def test_an_f_measure_by_brute_force(beta: float):
    y, p, groups = make(400, gap=0.3, seed=3)

    def measure(threshold: float) -> float:
        said, yes = p[:, 0] >= threshold, y[:, 0] == 1
        return float((1 + beta**2) * (said & yes).sum() / (said.sum() + beta**2 * yes.sum()))

    (fit, *_) = fit_for(y, p, groups, [Objective("f_beta", beta)] * 3, shrinkage=0)
    assert measure(fit.threshold) >= max(measure(level) for level in np.unique(p[:, 0])) - 0.02
    assert fit.reached["f_beta"].value == pytest.approx(measure(fit.threshold))


def test_more_beta_gives_more_recall():
    y, p, groups = make(400, gap=0.3, seed=3)
    recalls = [
        fit_for(y, p, groups, [Objective("f_beta", beta)] * 3)[0].reached["recall"].value for beta in (0.3, 1.0, 3.0)
    ]
    assert recalls == sorted(recalls)
    assert recalls[0] < recalls[-1]


@pytest.mark.parametrize("objective", EVERY, ids=str)
def test_what_is_reached_is_counted_over_known_rows(objective: Objective):
    y, p, groups = make(gap=0.4)
    y[:60, 0] = np.nan
    fit = fit_for(y, p, groups, [objective] * 3)[0]
    known = ~np.isnan(y[:, 0])
    said, yes = decide(p[known, 0], np.array(fit.threshold)), y[known, 0] == 1
    assert (fit.positives, fit.negatives) == (yes.sum(), (~yes).sum())
    assert fit.articles == len(np.unique(groups[y[:, 0] == 1]))
    assert fit.reached["precision"].value == pytest.approx((said & yes).sum() / said.sum())
    assert fit.reached["recall"].value == pytest.approx((said & yes).sum() / yes.sum())
    own = {
        "f1": f1_at(y[:, 0], p[:, 0], fit.threshold),
        "cost_per_paragraph": (2.0 * (yes & ~said).sum() + (said & ~yes).sum()) / known.sum(),
        "count_ratio": said.sum() / yes.sum(),
    }
    for name in set(own) & set(fit.reached):
        assert fit.reached[name].value == pytest.approx(own[name])
    assert fit.interval.low <= fit.interval.high
    for found in fit.reached.values():
        assert found.interval.low <= found.value <= found.interval.high


@pytest.mark.parametrize("objective", EVERY, ids=str)
def test_unknown_rows_do_not_matter(objective: Objective):
    y, p, groups = make(gap=0.4)
    kept = np.arange(len(y)) < 240
    masked, wrong = np.where(kept[:, None], y, np.nan), np.where(kept[:, None], p, 1 - p)
    settings = {"n_resamples": 50}
    fits = fit_for(masked, p, groups, [objective] * 3, **settings)
    assert [f.to_json() for f in fits] == [
        f.to_json() for f in fit_for(masked, wrong, groups, [objective] * 3, **settings)
    ]


@pytest.mark.parametrize("objective", EVERY, ids=str)
def test_the_order_of_rows_does_not_matter(objective: Objective):
    y, p, groups = make(90, gap=0.4)
    order = np.random.default_rng(0).permutation(90)
    plain, mixed = (
        fit_for(y[rows], p[rows], groups[rows], [objective] * 3, n_resamples=30) for rows in (np.arange(90), order)
    )
    for one, other in zip(plain, mixed, strict=True):
        assert other.threshold == pytest.approx(one.threshold)
        assert other.interval == pytest.approx(one.interval)


def test_more_articles_make_a_threshold_surer():
    widths = []
    for n in (60, 3_000):
        y, p, groups = make(n, centres=(0.0,), gap=0.3, seed=2)
        (fit,) = fit_for(y, p, groups, [PRECISE])
        widths.append(np.ptp(log_odds(np.minimum(fit.interval, 0.999))))
    assert widths[1] < widths[0] / 2


def test_the_interval_covers_the_threshold_of_all_there_is():
    y, p, groups = make(6_000, centres=(0.0,), gap=0.3, seed=4)
    wanted = Objective("recall_at_least", 0.8)
    true = fit_for(y, p, groups, [wanted], n_resamples=2)[0].threshold
    rng, covered = np.random.default_rng(0), 0
    for _ in range(40):
        rows = np.isin(groups, rng.choice(2_000, 80, replace=False))
        low, high = fit_for(y[rows], p[rows], groups[rows], [wanted], n_resamples=100)[0].interval
        covered += low <= true <= high
    assert covered >= 32


def test_what_to_expect_elsewhere_is_nearer_the_truth_than_what_was_reached():
    y, p, groups = make(9_000, centres=(0.0,), gap=0.3, seed=5)
    wanted, rng, reached, expected, truly = Objective("precision_at_least", 0.8), np.random.default_rng(1), [], [], []
    for _ in range(40):
        rows = np.isin(groups, rng.choice(3_000, 25, replace=False))
        (fit,) = fit_for(y[rows], p[rows], groups[rows], [wanted], n_resamples=60)
        said = decide(p[~rows, 0], np.array(fit.threshold))
        truly.append(float(y[~rows, 0][said].mean()))
        reached.append(fit.reached["precision"].value)
        expected.append(fit.reached["precision"].expected)
    assert np.mean(reached) > np.mean(truly) + 0.01
    assert abs(np.mean(expected) - np.mean(truly)) < abs(np.mean(reached) - np.mean(truly))


def test_of_one_article_nothing_is_left_out():
    y, p, _ = make(60, gap=0.4)
    (fit, *_) = fit_for(y, p, np.zeros(60), [F1] * 3)
    assert np.isnan(fit.reached["precision"].expected)
    assert fit.to_json()["reached"]["precision"]["expected"] is None


def test_little_support_is_not_trusted():
    y, p, groups = make(300)
    assert fit_for(y, p, groups, [RECALLING] * 3, n_resamples=10)[0].trusted
    few = y.copy()
    few[np.flatnonzero(few[:, 0] == 1)[29:], 0] = 0
    assert "29 in" in fit_for(few, p, groups, [RECALLING] * 3, n_resamples=10)[0].reason
    crowded = fit_for(y, p, groups // 40, [RECALLING] * 3, n_resamples=10)[0]
    assert "in 3 article(s)" in crowded.reason
    turned = fit_for(1 - few, 1 - p, groups, [RECALLING] * 3, n_resamples=10)[0]
    assert "29 negatives are few" in turned.reason


@pytest.mark.parametrize("objective", EVERY, ids=str)
def test_a_label_without_positives_is_told_and_takes_what_is_given(objective: Objective):
    y, p, groups = make(90)
    y[:, 1] = 0
    fit = fit_for(y, p, groups, [objective] * 3, otherwise=np.array([0.1, 0.2, 0.3]), n_resamples=10)[1]
    assert fit.threshold == 0.2
    assert "no threshold can be fitted" in fit.reason
    assert not fit.reached
    without = fit_for(y, p, groups, [objective] * 3, n_resamples=10)[1].threshold
    if objective.beta is None:
        assert without == 0.5
    else:
        assert without == fit_thresholds(y, p, groups, beta=objective.beta, n_resamples=10)[1]


def test_a_label_held_back_is_never_given():
    y, p, groups = make(90)
    fit = fit_for(y, p, groups, [PRECISE] * 3, never=[2], n_resamples=10)[2]
    assert fit.threshold == NEVER
    assert "never given" in fit.reason


@pytest.mark.parametrize("n", [0, 4])
def test_without_anything_known_there_is_no_fault(n: int):
    y, p = np.full((n, 2), np.nan, np.float32), np.full((n, 2), 0.3, np.float32)
    for fit in fit_for(y, p, np.arange(n), [F1, PRECISE], n_resamples=10):
        assert fit.threshold == 0.5
        assert not fit.trusted


def test_a_fit_is_json():
    y, p, groups = make(90)
    for objective in EVERY:
        record = fit_for(y, p, groups, [objective] * 3, n_resamples=10)[0].to_json()
        assert json.loads(json.dumps(record, allow_nan=False)) == record
        assert {"objective", "interval", "support", "reached", "trusted"} <= set(record)


def test_a_precision_out_of_reach_and_little_support_are_warned_of():
    y, p, groups = make(300, gap=0.05, seed=1)
    fits = fit_for(y, p, groups, [Objective("precision_at_least", 1.0), F1, F1], n_resamples=10)
    p[np.argmax(p[:, 0]), 0], y[np.argmax(p[:, 0]), 0] = 1.0, 0.0
    fits = fit_for(y, p, groups, [Objective("precision_at_least", 1.0), F1, F1], n_resamples=10)
    assert not fits[0].met
    with pytest.warns(TextclfWarning, match=r"label 'a': no threshold reaches precision 1 .*--set a=never"):
        warn_of_fits("abc", fits)
    y, p, groups = make(30)
    with pytest.warns(TextclfWarning, match="label 'a': do not trust its threshold for precision_at_least 0.9 yet"):
        warn_of_fits("a", fit_for(y, p, groups, [PRECISE] * 3, n_resamples=10)[:1])
    y[:, 0] = 0
    with pytest.warns(TextclfWarning, match="it has 0.50. Give articles that carry it"):
        warn_of_fits("a", fit_for(y, p, groups, [PRECISE] * 3, n_resamples=10)[:1])


def test_f_measures_of_little_support_are_drawn_together_and_not_warned_of():
    y, p, groups = make(30)
    y[:, 0] = 0
    fits = fit_for(y, p, groups, [F1] * 3, n_resamples=10)
    assert not any(fit.trusted for fit in fits)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_fits("abc", fits)
    assert all(log_odds(np.array(fit.threshold)) <= GRID[-1] for fit in fits)
