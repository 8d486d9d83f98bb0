"""Pairs of texts: none contradicts its targets, the unknown decides none, rare labels have their turn."""

from __future__ import annotations

import tracemalloc

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.props import quick
from textclf.models.pairs import Pairs, PairSampler, likeness

TARGETS = st.tuples(st.integers(1, 14), st.integers(1, 4)).flatmap(
    lambda shape: arrays(np.float32, shape, elements=st.sampled_from([0.0, 1.0, float("nan")]))
)


def draw(targets: np.ndarray, *, seed: int = 0, n_pairs: int = 60, batch_size: int = 6) -> Pairs:
    """Return all pairs of a round in one."""
    drawn = list(PairSampler(targets).batches(n_pairs, batch_size=batch_size, rng=np.random.default_rng(seed)))
    if not drawn:
        nothing = np.zeros(0, dtype=np.int64)
        return Pairs(nothing, nothing, np.zeros(0, dtype=np.float32))
    return Pairs(*(np.concatenate(parts) for parts in zip(*drawn, strict=True)))


def rows(targets: np.ndarray, pairs: Pairs) -> list[tuple[np.ndarray, np.ndarray, float]]:
    return [(targets[a], targets[b], float(s)) for a, b, s in zip(*pairs, strict=True)]


@quick
@given(TARGETS, st.integers(0, 5))
def test_no_pair_contradicts_its_targets(targets: np.ndarray, seed: int) -> None:
    pairs = draw(targets, seed=seed)
    assert (pairs.first != pairs.second).all()
    for one, other, likeness_ in rows(targets, pairs):
        if likeness_ > 0:
            assert ((one == 1) & (other == 1)).any() or ((one == 0) & (other == 0)).all()
        else:
            assert (other[one == 1] == 0).all()
            assert (one == 1).any() or ((one == 0).all() and (other == 1).any())


@quick
@given(TARGETS)
def test_the_unknown_decides_no_pair(targets: np.ndarray) -> None:
    """Without the labels that are unknown of either, a pair is as alike as it was."""
    for one, other, likeness_ in rows(targets, draw(targets)):
        known = ~np.isnan(one) & ~np.isnan(other)
        assert known.any()
        assert likeness(one[known], other[known]) == np.float32(likeness_)


@quick
@given(TARGETS)
def test_a_row_of_which_nothing_is_known_is_never_drawn(targets: np.ndarray) -> None:
    pairs = draw(targets)
    blank = np.flatnonzero(np.isnan(targets).all(axis=1))
    assert not np.isin(np.concatenate([pairs.first, pairs.second]), blank).any()


@quick
@given(TARGETS)
def test_every_label_with_two_positives_has_its_turn(targets: np.ndarray) -> None:
    sampler, pairs = PairSampler(targets), draw(targets)
    if not len(pairs.first):
        return
    for column in np.flatnonzero((targets == 1).sum(axis=0) > 1):
        assert column in sampler.alike
        both = (targets[pairs.first, column] == 1) & (targets[pairs.second, column] == 1)
        assert both.any()


@quick
@given(TARGETS, st.integers(0, 5))
def test_the_seed_decides_everything(targets: np.ndarray, seed: int) -> None:
    for one, other in zip(draw(targets, seed=seed), draw(targets, seed=seed), strict=True):
        np.testing.assert_array_equal(one, other)


@quick
@given(TARGETS)
def test_likeness_is_the_same_both_ways_and_lies_between_none_and_all(targets: np.ndarray) -> None:
    table = likeness(targets[:, None], targets[None])
    np.testing.assert_array_equal(table, table.T)
    known = table[~np.isnan(table)]
    assert ((known >= 0) & (known <= 1)).all()
    whole = ~np.isnan(targets).any(axis=1)
    assert (np.diagonal(table)[whole] == 1).all()


def test_likeness_is_the_share_of_carried_labels_in_common() -> None:
    nan = float("nan")
    first = np.array([[1, 1, 0], [1, nan, 0], [0, 0, 0], [nan, 0, 0], [1, 0, nan]], dtype=np.float32)
    second = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0], [0, 0, 0], [0, 1, 1]], dtype=np.float32)
    np.testing.assert_array_equal(likeness(first, second), np.array([0.5, 1, 1, nan, 0], dtype=np.float32))


def test_a_rare_label_is_drawn_as_often_as_a_common_one() -> None:
    targets = np.zeros((1_000, 2), dtype=np.float32)
    targets[:600, 0] = 1
    targets[600:604, 1] = 1
    pairs = draw(targets, n_pairs=1_200, batch_size=30)
    alike = pairs.likeness > 0
    counts = (targets[pairs.first[alike]] == 1).sum(axis=0)
    none = (targets[pairs.first[alike]] == 0).all(axis=1).sum()
    assert {*counts.tolist(), int(none)} == {200}
    assert (~alike).sum() == 600


def test_where_nothing_is_unlike_no_batch_is_drawn() -> None:
    assert not len(draw(np.ones((5, 2), dtype=np.float32)).first)
    assert not len(draw(np.zeros((5, 2), dtype=np.float32)).first)
    assert not len(draw(np.full((5, 2), np.nan, dtype=np.float32)).first)
    assert not len(draw(np.zeros((0, 2), dtype=np.float32)).first)


def test_one_positive_a_label_is_only_set_apart() -> None:
    pairs = draw(np.eye(3, dtype=np.float32))
    assert len(pairs.first)
    assert (pairs.likeness == 0).all()


def test_memory_is_linear_in_the_data_however_many_pairs_there_could_be() -> None:
    rng = np.random.default_rng(0)
    targets = (rng.random((200_000, 20)) < 0.3).astype(np.float32)
    targets[rng.random(targets.shape) < 0.1] = np.nan
    tracemalloc.start()
    try:
        sampler = PairSampler(targets)
        drawn = sum(len(p.first) for p in sampler.batches(2_000, batch_size=32, rng=rng))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert drawn > 1_500
    assert peak < 2 * targets.nbytes  # 4 bytes a target kept, and what one column needs on the way
