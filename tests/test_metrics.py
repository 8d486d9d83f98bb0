"""Scores: the same as scikit-learn's where everything is known, and sound where not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.props import quick
from textclf.metrics import OVERALL, PER_LABEL, Scored, counts, macro_f1, micro_f1

METRICS = {**OVERALL, **PER_LABEL}


def make(n: int = 80, k: int = 4, *, seed: int = 0, unknown: float = 0.0, ties: bool = True) -> Scored:
    rng = np.random.default_rng(seed)
    targets = (rng.random((n, k)) < rng.uniform(0.1, 0.5, k)).astype(np.float32)
    probabilities = np.clip(0.3 * targets + rng.random((n, k)) * 0.7, 0, 1).astype(np.float32)
    if ties:
        probabilities = np.round(probabilities, 1)
    targets[rng.random((n, k)) < unknown] = np.nan
    return Scored(targets, probabilities, probabilities >= 0.5)


def plain(name: str, scored: Scored) -> np.ndarray:
    """Give a metric's value on the sample itself."""
    return METRICS[name](scored, scored.ones())[0]


def rows(scored: Scored, chosen: np.ndarray) -> Scored:
    return Scored(scored.targets[chosen], scored.probabilities[chosen], scored.decisions[chosen])


SAMPLES = st.builds(
    make, n=st.integers(1, 40), k=st.integers(1, 4), seed=st.integers(0, 10_000), unknown=st.sampled_from([0, 0.2, 0.9])
)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("ties", [True, False])
def test_known_data_score_as_in_scikit_learn(seed: int, ties: bool):
    from sklearn import metrics as sk

    s = make(seed=seed, ties=ties)
    truth, said = s.targets.astype(int), s.decisions.astype(int)
    wanted = {
        "precision": sk.precision_score(truth, said, average=None, zero_division=0),
        "recall": sk.recall_score(truth, said, average=None),
        "f1": sk.f1_score(truth, said, average=None),
        "ap": [sk.average_precision_score(truth[:, j], s.probabilities[:, j]) for j in range(4)],
        "macro_f1": sk.f1_score(truth, said, average="macro"),
        "micro_f1": sk.f1_score(truth, said, average="micro"),
        "macro_ap": sk.average_precision_score(truth, s.probabilities, average="macro"),
        "exact_match": sk.accuracy_score(truth, said),
    }
    for name, value in wanted.items():
        assert plain(name, s) == pytest.approx(value), name


def test_weights_count_as_in_scikit_learn():
    from sklearn import metrics as sk

    s = make(seed=9)
    weights = np.random.default_rng(9).integers(0, 4, (3, 80)).astype(float)
    for b, w in enumerate(weights):
        ap = [sk.average_precision_score(s.targets[:, j], s.probabilities[:, j], sample_weight=w) for j in range(4)]
        assert METRICS["ap"](s, weights)[b] == pytest.approx(ap)
        f1 = sk.f1_score(s.targets, s.decisions, average="macro", sample_weight=w)
        assert macro_f1(s, weights)[b] == pytest.approx(f1)


@pytest.mark.parametrize("name", [*METRICS])
def test_perfect_and_worst(name: str):
    truth = np.array([[1, 0], [0, 1], [1, 1], [0, 0]], np.float32)
    perfect = plain(name, Scored(truth, truth, truth > 0))
    worst = plain(name, Scored(truth, 1 - truth, truth == 0))
    if name == "false_alarm_rate":
        assert (perfect, worst) == (0, 1)
    else:
        assert np.all(perfect == 1)
        assert np.all(worst < 0.6)
        assert "ap" in name or np.all(worst == 0)


@quick
@given(sample=SAMPLES, name=st.sampled_from([*METRICS]), seed=st.integers(0, 100))
def test_the_order_of_rows_does_not_matter(sample: Scored, name: str, seed: int):
    order = np.random.default_rng(seed).permutation(len(sample.targets))
    assert plain(name, rows(sample, order)) == pytest.approx(plain(name, sample), nan_ok=True)


@quick
@given(sample=SAMPLES, name=st.sampled_from([*METRICS]), seed=st.integers(0, 100))
def test_whole_weights_are_repeated_rows(sample: Scored, name: str, seed: int):
    times = np.random.default_rng(seed).integers(0, 4, len(sample.targets))
    repeated = rows(sample, np.repeat(np.arange(len(times)), times))
    weighted = METRICS[name](sample, times[None].astype(float))[0]
    assert weighted == pytest.approx(plain(name, repeated), nan_ok=True)


@quick
@given(sample=SAMPLES, name=st.sampled_from([*METRICS]))
def test_weight_rows_are_scored_apart_and_scores_stay_within_0_and_1(sample: Scored, name: str):
    weights = np.random.default_rng(0).integers(0, 3, (4, len(sample.targets))).astype(float)
    together = METRICS[name](sample, weights)
    assert len(together) == 4
    for b in range(4):
        assert together[b] == pytest.approx(METRICS[name](sample, weights[b : b + 1])[0], nan_ok=True)
    defined = together[~np.isnan(together)]
    assert np.all((defined >= 0) & (defined <= 1 + 1e-12))


@quick
@given(sample=SAMPLES, name=st.sampled_from([*PER_LABEL]))
def test_an_unknown_cell_is_as_good_as_absent(sample: Scored, name: str):
    together = plain(name, sample)
    for j in range(sample.targets.shape[1]):
        known = ~np.isnan(sample.targets[:, j])
        alone = Scored(
            sample.targets[known, j : j + 1], sample.probabilities[known, j : j + 1], sample.decisions[known, j : j + 1]
        )
        assert together[j] == pytest.approx(plain(name, alone)[0], nan_ok=True)


@quick
@given(sample=SAMPLES, name=st.sampled_from([*METRICS]))
def test_what_is_said_of_an_unknown_cell_changes_nothing(sample: Scored, name: str):
    unknown = np.isnan(sample.targets)
    other = Scored(
        sample.targets,
        np.where(unknown, 1 - sample.probabilities, sample.probabilities),
        np.where(unknown, ~sample.decisions, sample.decisions),
    )
    assert plain(name, other) == pytest.approx(plain(name, sample), nan_ok=True)


def test_a_label_without_positives_has_no_score_but_its_false_alarms_count():
    targets = np.array([[1, 0], [0, 0], [1, np.nan]], np.float32)
    silent = Scored(targets, targets, np.array([[1, 0], [0, 0], [1, 0]], bool))
    alarmed = Scored(targets, targets, np.array([[1, 1], [0, 1], [1, 1]], bool))
    for name in PER_LABEL:
        assert np.isnan(plain(name, alarmed)[1]), name
        assert plain(name, alarmed)[0] == 1, name
    assert plain("macro_f1", alarmed) == plain("macro_f1", silent) == 1
    assert plain("macro_ap", alarmed) == 1
    assert plain("micro_f1", silent) == 1
    assert plain("micro_f1", alarmed) == pytest.approx(4 / 6)  # two hits, two false alarms; the unknown is none


def test_predicting_nothing_has_recall_0_and_no_precision():
    s = Scored(np.array([[1], [0]], np.float32), np.zeros((2, 1), np.float32), np.zeros((2, 1), bool))
    assert plain("recall", s)[0] == plain("f1", s)[0] == 0
    assert np.isnan(plain("precision", s)[0])


def test_counts_are_of_known_cells():
    s = Scored(
        np.array([[1], [1], [0], [0], [np.nan]], np.float32),
        np.zeros((5, 1), np.float32),
        np.array([[1], [0], [1], [0], [1]], bool),
    )
    found = counts(s, np.array([[1, 2, 3, 4, 5.0]]))
    assert [found.true_positive, found.false_negative, found.false_positive] == [[[1]], [[2]], [[3]]]
    assert found.positives == [[3]]


def test_exact_match_and_false_alarms_of_a_worked_example():
    targets = np.array([[1, 0], [0, 0], [0, 0], [0, np.nan], [np.nan, np.nan]], np.float32)
    said = np.array([[1, 0], [0, 0], [0, 1], [0, 1], [1, 1]], bool)
    s = Scored(targets, targets, said)
    assert plain("exact_match", s) == pytest.approx(3 / 4)
    assert plain("false_alarm_rate", s) == pytest.approx(1 / 2)


def test_tied_probabilities_are_taken_together():
    s = Scored(np.array([[1], [0], [0], [0]], np.float32), np.full((4, 1), 0.5, np.float32), np.ones((4, 1), bool))
    assert plain("ap", s)[0] == plain("macro_ap", rows(s, np.array([3, 2, 1, 0]))) == pytest.approx(0.25)


@pytest.mark.parametrize("shape", [(0, 3), (0, 0)])
@pytest.mark.parametrize("metric", OVERALL.values())
def test_nothing_to_score_is_undefined_and_no_crash(shape: tuple[int, int], metric: Callable[..., np.ndarray]):
    s = Scored(np.zeros(shape, np.float32), np.zeros(shape, np.float32), np.zeros(shape, bool))
    assert np.isnan(metric(s, s.ones())).all()


def test_shapes_must_agree():
    with pytest.raises(ValueError, match=r"must all be \(n, k\)"):
        Scored(np.zeros((3, 2)), np.zeros((3, 1)), np.zeros((3, 2), bool))
    with pytest.raises(ValueError, match=r"must all be \(n, k\)"):
        Scored(np.zeros(3), np.zeros(3), np.zeros(3, bool))


def test_unknown_everywhere_is_undefined():
    s = Scored(np.full((3, 2), np.nan, np.float32), np.ones((3, 2), np.float32), np.ones((3, 2), bool))
    assert np.isnan([plain(name, s) for name in OVERALL]).all()
    assert np.isnan(micro_f1(s, s.ones())).all()
