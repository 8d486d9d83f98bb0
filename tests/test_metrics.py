"""Scores: the same as scikit-learn's where everything is known, and sound where not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.props import quick
from textclf.intervals import article_times
from textclf.metrics import (
    OVERALL,
    PER_LABEL,
    Scored,
    Weights,
    all_scores,
    column_names,
    counts,
    micro_f1,
    reliability,
)

METRICS = {**OVERALL, **PER_LABEL}
BY_ARTICLE = [name for name in METRICS if name.startswith("article_")]
BY_PARAGRAPH = [name for name in METRICS if name not in BY_ARTICLE]
LOSSES = {"false_alarm_rate", "hamming_loss", "brier", "ece"}


def make(n: int = 80, k: int = 4, *, seed: int = 0, unknown: float = 0.0, ties: bool = True) -> Scored:
    rng = np.random.default_rng(seed)
    targets = (rng.random((n, k)) < rng.uniform(0.1, 0.5, k)).astype(np.float32)
    probabilities = np.clip(0.3 * targets + rng.random((n, k)) * 0.7, 0, 1).astype(np.float32)
    if ties:
        probabilities = np.round(probabilities, 1)
    targets[rng.random((n, k)) < unknown] = np.nan
    return Scored(targets, probabilities, probabilities >= 0.5, rng.integers(0, 1 + n // 3, n))


def plain(name: str, scored: Scored) -> np.ndarray:
    """Give a metric's value on the sample itself."""
    return METRICS[name](scored, scored.ones())[0]


def rows(scored: Scored, chosen: np.ndarray) -> Scored:
    assert scored.groups is not None
    return Scored(scored.targets[chosen], scored.probabilities[chosen], scored.decisions[chosen], scored.groups[chosen])


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


@quick
@given(k=st.integers(2, 4), seed=st.integers(0, 10_000), ties=st.booleans(), whole=st.booleans())
def test_weighted_scores_are_those_of_scikit_learn(k: int, seed: int, ties: bool, whole: bool):
    from sklearn import metrics as sk

    s = make(60, k, seed=seed, ties=ties)
    s.targets[:2] = [[0], [1]]  # every label has both
    rng = np.random.default_rng(seed)
    w = rng.integers(0, 4, 60).astype(float) if whole else rng.random(60)
    w[:2] = 1
    truth, said, p = s.targets.astype(int), s.decisions.astype(int), s.probabilities
    either, some, any_said = (truth + said > 0).any(axis=1), truth.any(axis=1), said.any(axis=1)

    def samples(rows: np.ndarray, score: Callable[..., float]) -> float:
        return score(truth[rows], said[rows], average="samples", sample_weight=w[rows], zero_division=0)

    def each(score: Callable[..., float]) -> list[float]:
        return [score(truth[:, j], p[:, j], sample_weight=w) for j in range(k)]

    curves = [sk.precision_recall_curve(truth[:, j], p[:, j], sample_weight=w) for j in range(k)]
    wanted = {
        "precision": sk.precision_score(truth, said, average=None, sample_weight=w, zero_division=np.nan),
        "recall": sk.recall_score(truth, said, average=None, sample_weight=w),
        "f1": sk.f1_score(truth, said, average=None, sample_weight=w),
        "macro_f1": sk.f1_score(truth, said, average="macro", sample_weight=w),
        "micro_f1": sk.f1_score(truth, said, average="micro", sample_weight=w),
        "weighted_f1": sk.f1_score(truth, said, average="weighted", sample_weight=w),
        "hamming_loss": sk.hamming_loss(truth, said, sample_weight=w),
        "exact_match": sk.accuracy_score(truth, said, sample_weight=w),
        "example_f1": samples(either, sk.f1_score),
        "example_recall": samples(some, sk.recall_score),
        "lrap": sk.label_ranking_average_precision_score(truth[some], p[some], sample_weight=w[some]),
        "coverage_error": sk.coverage_error(truth[some], p[some], sample_weight=w[some]),
        "ap": each(sk.average_precision_score),
        "roc_auc": each(sk.roc_auc_score),
        "brier": each(sk.brier_score_loss),
        "best_f1": [np.nanmax(2 * pr * rc / np.maximum(pr + rc, 1e-9)) for pr, rc, _ in curves],
    }
    if w[any_said].sum() > 0:
        wanted["example_precision"] = samples(any_said, sk.precision_score)
    for name, value in wanted.items():
        assert METRICS[name](s, w[None])[0] == pytest.approx(value, abs=1e-6, nan_ok=True), name


@quick
@given(sample=SAMPLES)
def test_deciding_at_the_best_threshold_gives_the_best_f1(sample: Scored):
    thresholds = plain("best_threshold", sample)
    at = Scored(sample.targets, sample.probabilities, sample.probabilities >= thresholds.astype(np.float32))
    assert plain("f1", at) == pytest.approx(plain("best_f1", sample), nan_ok=True)
    assert np.all(np.nan_to_num(plain("best_f1", sample) - plain("f1", sample)) >= 0)


@pytest.mark.parametrize("name", [*METRICS])
def test_perfect_and_worst(name: str):
    truth = np.array([[1, 0], [0, 1], [1, 1], [0, 0]], np.float32)
    perfect = plain(name, Scored(truth, truth, truth > 0, np.arange(4)))
    worst = plain(name, Scored(truth, 1 - truth, truth == 0, np.arange(4)))
    if name in LOSSES:
        assert np.all(perfect == 0)
        assert name == "ece" or np.all(worst == 1)  # four paragraphs are one bin
    elif name == "coverage_error":
        assert (perfect, worst) == pytest.approx((4 / 3, 2))
    elif name == "best_threshold":
        assert np.all(perfect == 1)
    else:
        assert np.all(perfect == 1)
        assert np.all(worst < 0.7)
        assert "ap" in name or name == "best_f1" or np.all(worst == 0)


@quick
@given(sample=SAMPLES, name=st.sampled_from([*METRICS]), seed=st.integers(0, 100))
def test_the_order_of_rows_does_not_matter(sample: Scored, name: str, seed: int):
    order = np.random.default_rng(seed).permutation(len(sample.targets))
    assert plain(name, rows(sample, order)) == pytest.approx(plain(name, sample), nan_ok=True)


@quick
@given(sample=SAMPLES, name=st.sampled_from([n for n in BY_PARAGRAPH if n != "ece"]), seed=st.integers(0, 100))
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
    most = sample.targets.shape[1] if name == "coverage_error" else 1
    assert np.all((defined >= 0) & (defined <= most + 1e-12))


@quick
@given(sample=SAMPLES, name=st.sampled_from([*PER_LABEL]))
def test_an_unknown_cell_is_as_good_as_absent(sample: Scored, name: str):
    together = plain(name, sample)
    for j in range(sample.targets.shape[1]):
        known = ~np.isnan(sample.targets[:, j])
        if name in BY_ARTICLE and not known.all():
            continue  # an unknown paragraph can make its article unknown
        kept = rows(sample, known)
        column = slice(j, j + 1)
        alone = Scored(kept.targets[:, column], kept.probabilities[:, column], kept.decisions[:, column], kept.groups)
        assert together[j] == pytest.approx(plain(name, alone)[0], nan_ok=True)


@quick
@given(sample=SAMPLES, name=st.sampled_from([*METRICS]))
def test_what_is_said_of_an_unknown_cell_changes_nothing(sample: Scored, name: str):
    unknown = np.isnan(sample.targets)
    other = Scored(
        sample.targets,
        np.where(unknown, 1 - sample.probabilities, sample.probabilities),
        np.where(unknown, ~sample.decisions, sample.decisions),
        sample.groups,
    )
    assert plain(name, other) == pytest.approx(plain(name, sample), nan_ok=True)


def test_a_label_without_positives_has_no_score_but_its_false_alarms_count():
    targets = np.array([[1, 0], [0, 0], [1, np.nan]], np.float32)
    silent = Scored(targets, targets, np.array([[1, 0], [0, 0], [1, 0]], bool), np.arange(3))
    alarmed = Scored(targets, targets, np.array([[1, 1], [0, 1], [1, 1]], bool), np.arange(3))
    for name in PER_LABEL:
        assert np.isnan(plain(name, alarmed)[1]), name
        assert plain(name, alarmed)[0] == (0 if name in LOSSES else 1), name
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
    assert plain("ap", s)[0] == plain("macro_ap", s) == pytest.approx(0.25)
    assert plain("roc_auc", s)[0] == 0.5


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
    with pytest.raises(ValueError, match=r"groups must be \(n,\)"):
        Scored(np.zeros((3, 1)), np.zeros((3, 1)), np.zeros((3, 1), bool), np.zeros(2))


def test_unknown_everywhere_is_undefined():
    s = Scored(np.full((3, 2), np.nan, np.float32), np.ones((3, 2), np.float32), np.ones((3, 2), bool), np.arange(3))
    assert np.isnan([plain(name, s) for name in OVERALL]).all()
    assert np.isnan(micro_f1(s, s.ones())).all()


def test_a_label_that_is_always_there_has_no_roc_auc():
    s = Scored(np.ones((3, 1), np.float32), np.ones((3, 1), np.float32), np.ones((3, 1), bool))
    assert np.isnan(plain("roc_auc", s)[0])
    assert plain("ap", s)[0] == 1


def test_ranking_and_threshold_faults_are_told_apart():
    """All positives rank first, but stand under the threshold."""
    p = np.array([[0.4], [0.35], [0.1], [0.05]], np.float32)
    s = Scored(np.array([[1], [1], [0], [0]], np.float32), p, p >= 0.5)
    assert plain("f1", s)[0] == 0
    assert plain("best_f1", s)[0] == plain("roc_auc", s)[0] == 1
    assert plain("best_threshold", s)[0] == pytest.approx(0.35)


def test_rows_of_labels_of_a_worked_example():
    targets = np.array([[1, 1, 0], [1, 0, np.nan], [0, 0, 0], [0, np.nan, 0]], np.float32)
    said = np.array([[1, 0, 1], [1, 0, 1], [0, 1, 0], [0, 1, 0]], bool)
    p = np.array([[0.9, 0.2, 0.8], [0.3, 0.4, 0.9], [0, 1, 0], [0, 1, 0]], np.float32)
    s = Scored(targets, p, said)
    assert plain("example_precision", s) == pytest.approx((1 / 2 + 1 + 0) / 3)
    assert plain("example_recall", s) == pytest.approx((1 / 2 + 1) / 2)
    assert plain("example_f1", s) == pytest.approx((1 / 2 + 1 + 0) / 3)
    assert plain("hamming_loss", s) == pytest.approx(3 / 10)
    assert plain("coverage_error", s) == pytest.approx((3 + 2) / 2)
    assert plain("lrap", s) == pytest.approx(((1 + 2 / 3) / 2 + 1 / 2) / 2)


def test_articles_of_a_worked_example():
    """Each article has two paragraphs: yes and unknown, no and unknown, no and no, no and no, yes and no."""
    targets = np.array([[1, np.nan, 0, np.nan, 0, 0, 0, 0, 1, 0]], np.float32).T
    p = np.array([[0.2, 0.9, 0.6, 0.7, 0.3, 0.8, 0.1, 0.2, 0.4, 0.6]], np.float32).T
    s = Scored(targets, p, p >= 0.5, np.repeat(np.arange(5), 2))
    articles, first = s.by_article()
    assert first.tolist() == [0, 2, 4, 6, 8]
    assert articles.targets[:, 0] == pytest.approx([1, np.nan, 0, 0, 1], nan_ok=True)
    assert articles.probabilities[:, 0] == pytest.approx([0.2, 0.6, 0.8, 0.2, 0.6])
    assert articles.decisions[:, 0].tolist() == [False, True, True, False, True]  # what is unknown is not asked
    assert plain("article_f1", s)[0] == plain("article_macro_f1", s) == plain("article_micro_f1", s) == 0.5
    assert plain("article_ap", s)[0] == pytest.approx((1 / 2 + 2 / 4) / 2)
    without = Scored(targets, p, p >= 0.5)
    assert all(np.isnan(plain(name, without)).all() for name in BY_ARTICLE)
    with pytest.raises(ValueError, match="need the groups"):
        without.by_article()


def test_calibration_is_measured_in_bins_of_equally_many_paragraphs():
    rng = np.random.default_rng(0)
    p = np.sort(rng.random((3_000, 1)), axis=0).astype(np.float32)
    even = Scored((rng.random((3_000, 1)) < p).astype(np.float32), p, p >= 0.5)
    assert plain("ece", even)[0] < 0.04
    (curve,) = reliability(even)
    assert [each.count for each in curve] == [200] * 15
    assert all(abs(each.predicted - each.observed) < 0.12 for each in curve)
    by_hand = np.mean([abs(each.predicted - each.observed) for each in curve])
    assert plain("ece", even)[0] == pytest.approx(by_hand, abs=1e-6)
    sure = Scored(even.targets, np.round(p), p >= 0.5)  # only two values: two bins
    assert [each.count for each in reliability(sure)[0]] == np.bincount((p[:, 0] >= 0.5).astype(int)).tolist()
    assert plain("ece", sure)[0] == pytest.approx(0.25, abs=0.03)


def test_resamples_are_measured_in_the_bins_of_the_sample():
    s = make(100, 2, seed=3)
    weights = np.random.default_rng(0).integers(0, 3, (2, 100)).astype(float)
    for j, curve in enumerate(reliability(s)):
        edges = np.cumsum([each.count for each in curve])[:-1]
        order = np.argsort(s.probabilities[:, j], kind="stable")
        gaps = (s.probabilities - s.targets)[order, j] * weights[:, order]
        by_hand = sum(np.abs(part.sum(axis=1)) for part in np.split(gaps, edges, axis=1)) / weights.sum(axis=1)
        assert METRICS["ece"](s, weights)[:, j] == pytest.approx(by_hand, abs=1e-6)


@quick
@given(sample=SAMPLES, seed=st.integers(0, 100))
def test_weights_held_by_article_score_as_the_same_weights_by_row(sample: Scored, seed: int):
    articles, columns = np.unique(sample.groups, return_inverse=True)
    times = next(article_times(len(articles), n_resamples=3, seed=seed))
    held, spread = Weights(times, columns), times[:, columns]
    assert np.array_equal(np.asarray(held), spread)
    together = all_scores(sample, held)
    assert together == pytest.approx(all_scores(sample, spread), nan_ok=True)
    for (name, label), column in zip(column_names(sample.targets.shape[1]), together.T, strict=True):
        alone = METRICS[name](sample, spread)
        assert column == pytest.approx(alone if label is None else alone[:, label], nan_ok=True), name


def test_article_scores_of_a_resample_are_those_of_articles_repeated():
    s = make(60, 2, seed=5)
    articles, columns = np.unique(s.groups, return_inverse=True)
    (times,) = next(article_times(len(articles), n_resamples=1, seed=1))
    members = [np.flatnonzero(columns == a) for a, n in enumerate(times.astype(int)) for _ in range(n)]
    repeated = rows(s, np.concatenate(members))
    anew = Scored(
        repeated.targets,
        repeated.probabilities,
        repeated.decisions,
        np.repeat(np.arange(len(members)), [*map(len, members)]),
    )
    for name in BY_ARTICLE:
        assert METRICS[name](s, Weights(times[None], columns))[0] == pytest.approx(plain(name, anew)), name
