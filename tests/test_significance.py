"""Tests of differences: right under no difference, sharp under one, whole articles swapped, many labels paid for."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.props import quick
from textclf import significance
from textclf.metrics import OVERALL, PER_LABEL, Scored, f1, macro_f1
from textclf.significance import bootstrap_p_value, holm, mcnemar, permutation_test, summarise_seeds


def model(targets: np.ndarray, groups: np.ndarray, *, noise: float, seed: int, clustered: float = 0.0) -> Scored:
    """Score a model whose log-odds err by chance, per paragraph and in common per article."""
    rng = np.random.default_rng(seed)
    shared = clustered * rng.normal(size=(groups.max() + 1, targets.shape[1]))[groups]
    logits = 2 * (np.nan_to_num(targets) - 0.5) + noise * rng.normal(size=targets.shape) + shared
    probabilities = (1 / (1 + np.exp(-logits))).astype(np.float32)
    return Scored(targets, probabilities, probabilities >= 0.5)


def sample(*, n_articles: int = 20, size: int = 4, k: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return (rng.random((n_articles * size, k)) < 0.3).astype(np.float32), np.repeat(np.arange(n_articles), size)


def p_of(metric: object, ours: Scored, theirs: Scored, groups: np.ndarray, **options: int) -> np.ndarray:
    return permutation_test(metric, ours, theirs, groups, **{"n_permutations": 200, "seed": 0, **options})  # type: ignore[arg-type]


def test_a_clear_difference_is_found_and_equal_models_have_p_1():
    targets, groups = sample()
    good, bad = model(targets, groups, noise=0.1, seed=1), model(targets, groups, noise=3, seed=2)
    assert p_of(macro_f1, good, bad, groups) == pytest.approx(1 / 201)
    assert p_of(macro_f1, good, good, groups) == 1


@pytest.mark.parametrize(("name", "metric"), [*OVERALL.items(), *PER_LABEL.items()])
def test_every_metric_can_be_tested_and_the_sides_do_not_matter(name: str, metric: object):
    targets, groups = sample(k=2)
    targets[:5, 0] = np.nan
    one, other = model(targets, groups, noise=1, seed=1), model(targets, groups, noise=2, seed=2)
    p = p_of(metric, one, other, groups)
    assert p.shape == ((2,) if name in PER_LABEL else ())
    assert np.all((p > 0) & (p <= 1))
    assert p == pytest.approx(p_of(metric, other, one, groups))


def test_random_swaps_come_near_the_whole_enumeration():
    targets, groups = sample(n_articles=8)
    ours, theirs = model(targets, groups, noise=1, seed=1), model(targets, groups, noise=2.5, seed=2)

    def gap(swapped: np.ndarray) -> float:
        swap = swapped[groups][:, None]
        first = Scored(targets, ours.probabilities, np.where(swap, theirs.decisions, ours.decisions))
        second = Scored(targets, ours.probabilities, np.where(swap, ours.decisions, theirs.decisions))
        return abs(float((macro_f1(first, first.ones()) - macro_f1(second, second.ones()))[0]))

    every = [gap(np.array(swaps, dtype=bool)) for swaps in itertools.product((0, 1), repeat=8)]
    exact = np.mean(np.array(every) >= every[0] - 1e-12)
    assert p_of(macro_f1, ours, theirs, groups, n_permutations=4_000) == pytest.approx(exact, abs=0.03)


def test_p_values_are_even_under_no_difference_though_articles_are_clustered_while_mcnemar_cries_wolf():
    by_article, by_paragraph = [], []
    for seed in range(60):
        targets, groups = sample(n_articles=20, size=10, k=1, seed=seed)
        targets[:] = 0
        rng = np.random.default_rng(seed + 1)  # a model errs on whole articles
        said = [np.repeat(rng.random(20) < 0.4, 10)[:, None] for _ in range(2)]
        ours, theirs = (Scored(targets, d.astype(np.float32), d) for d in said)
        by_article.append(float(p_of(OVERALL["false_alarm_rate"], ours, theirs, groups)))
        by_paragraph.append(float(mcnemar(ours, theirs).p_values[0]))
    assert np.mean(np.array(by_article) <= 0.1) <= 0.2
    assert np.mean(np.array(by_paragraph) <= 0.1) >= 0.4


def test_swaps_do_not_depend_on_how_many_are_held_at_a_time(monkeypatch: pytest.MonkeyPatch):
    targets, groups = sample()
    one, other = model(targets, groups, noise=1, seed=1), model(targets, groups, noise=1.5, seed=2)
    whole = p_of(f1, one, other, groups)
    monkeypatch.setattr(significance, "BLOCK_CELLS", 4 * len(groups) * 16)
    assert np.array_equal(p_of(f1, one, other, groups), whole)


def test_a_label_without_positives_has_no_p_value():
    targets, groups = sample(k=2)
    targets[:, 1] = 0
    p = p_of(f1, model(targets, groups, noise=1, seed=1), model(targets, groups, noise=2, seed=2), groups)
    assert np.isnan(p).tolist() == [False, True]


def test_models_scored_on_other_rows_are_refused():
    targets, groups = sample()
    ours = model(targets, groups, noise=1, seed=1)
    with pytest.raises(ValueError, match="same rows"):
        p_of(f1, ours, model(1 - targets, groups, noise=1, seed=1), groups)
    with pytest.raises(ValueError, match="of each of 80 rows; given: 3"):
        p_of(f1, ours, ours, groups[:3])


def test_a_bootstrap_p_value_says_when_the_interval_leaves_out_0():
    samples = np.arange(1.0, 1_001.0)  # 40 of 1,000 at or under 0: the 92% interval just reaches it
    assert bootstrap_p_value(samples - 40) == pytest.approx(2 * 41 / 1_001)
    assert bootstrap_p_value(40 - samples) == pytest.approx(2 * 41 / 1_001)
    assert bootstrap_p_value(samples) == pytest.approx(2 / 1_001)
    assert bootstrap_p_value(np.zeros(10)) == 1
    both = np.stack([samples, np.full(1_000, np.nan)], axis=1)
    both[:500, 0] = np.nan
    assert bootstrap_p_value(both) == pytest.approx([2 / 501, math.nan], nan_ok=True)


def test_holm_of_a_worked_example():
    assert holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm(np.array([0.01, np.nan, 0.04])) == pytest.approx([0.02, np.nan, 0.04], nan_ok=True)
    assert holm(np.array([])).shape == (0,)
    assert np.isnan(holm(np.array([np.nan]))).all()


@quick
@given(p=st.lists(st.floats(0, 1), min_size=1, max_size=12), seed=st.integers(0, 100))
def test_holm_only_raises_keeps_the_order_and_lies_within_bonferroni(p: list[float], seed: int):
    values = np.array(p)
    adjusted = holm(values)
    assert np.all(adjusted >= values)
    assert np.all(adjusted <= np.minimum(1, values * len(values)) + 1e-12)
    assert np.all(np.diff(adjusted[np.argsort(values, kind="stable")]) >= 0)
    order = np.random.default_rng(seed).permutation(len(values))
    assert holm(values[order]) == pytest.approx(adjusted[order])


def test_mcnemar_is_the_exact_binomial():
    from scipy.stats import binomtest

    targets = np.array([[1, 0], [1, 0], [1, 0], [0, 0], [0, 0], [0, np.nan]], np.float32)
    right = Scored(targets, np.nan_to_num(targets), targets == 1)
    wrong = Scored(targets, np.nan_to_num(targets), np.array([[0, 0], [0, 0], [0, 0], [1, 0], [0, 0], [0, 1]], bool))
    found = mcnemar(right, wrong)
    assert found.only_ours.tolist() == [4, 0]
    assert found.only_theirs.tolist() == [0, 0]
    assert found.p_values == pytest.approx([binomtest(0, 4, 0.5).pvalue, 1])


@pytest.mark.parametrize(("seed_sd", "article_sd", "share"), [(0.02, 0.02, 0.5), (0.04, 0.01, 0.94), (0.0, 0.02, 0.0)])
def test_variance_is_parted_into_seeds_and_articles(seed_sd: float, article_sd: float, share: float):
    rng = np.random.default_rng(0)
    values = 0.8 + seed_sd * rng.normal(size=200)
    samples = values[:, None] + article_sd * rng.normal(size=(1, 500))
    found = summarise_seeds(values, samples)
    assert found.n_seeds == 200
    assert found.mean == pytest.approx(0.8, abs=0.01)
    assert found.sd == pytest.approx(seed_sd, rel=0.15)
    assert found.seed_share == pytest.approx(share, abs=0.1)
    assert found.standard_error == pytest.approx(math.hypot(seed_sd / math.sqrt(200), article_sd), rel=0.15)


def test_what_articles_add_to_the_spread_of_seeds_is_taken_off():
    rng = np.random.default_rng(1)  # equally good trainings that err on different articles
    values = 0.8 + 0.02 * rng.normal(size=40)
    samples = values[:, None] + 0.02 * rng.normal(size=(40, 400))
    assert summarise_seeds(values, samples).seed_share < 0.25


def test_one_seed_tells_nothing_of_seeds_and_undefined_resamples_are_left_out():
    found = summarise_seeds(np.array([0.5]), np.array([[0.4, 0.6, np.nan]]))
    assert found.mean == 0.5
    assert math.isnan(found.sd)
    assert math.isnan(found.seed_share)
    assert found.standard_error == pytest.approx(0.1)
    with pytest.raises(ValueError, match=r"samples \(seeds, b\)"):
        summarise_seeds(np.array([0.5]), np.zeros((2, 3)))
