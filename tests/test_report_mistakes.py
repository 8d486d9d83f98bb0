"""What a report picks out: errors worth reading, labels that meet and are swapped, words that drove a decision."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.props import quick
from textclf.labels import LabelSet
from textclf.metrics import Scored
from textclf.records import Article, Paragraph
from textclf.report.marking import MOST_CHARACTERS, mark
from textclf.report.meetings import MOST_LABELS, count_meetings
from textclf.report.mistakes import Mistakes, choose_mistakes, confidence
from textclf.thresholds import NEVER

NAN = np.nan
PLACES = st.integers(-5, 90)


def chosen(
    targets: np.ndarray,
    probabilities: np.ndarray,
    *,
    per_article: int = 4,
    texts: list[str] | None = None,
    thresholds: list[float] | None = None,
    most: int = 30,
) -> Mistakes:
    n, k = targets.shape
    rng = np.random.default_rng(1)
    texts = texts or [" ".join(f"w{x}" for x in rng.integers(10_000, size=12)) for _ in range(n)]
    labels = LabelSet.of([f"label{j}" for j in range(k)])
    articles = [
        Article(f"a{start}", tuple(Paragraph(text) for text in texts[start : start + per_article]))
        for start in range(0, n, per_article)
    ]
    line = thresholds or [0.5] * k
    return choose_mistakes(Scored(targets, probabilities, probabilities >= line), line, articles, labels, most=most)


@quick
@given(st.integers(1, 60), st.integers(1, 5), st.integers(0, 999), st.integers(0, 30))
def test_only_known_errors_are_chosen_each_paragraph_once(n: int, k: int, seed: int, most: int):
    rng = np.random.default_rng(seed)
    targets = rng.choice([0.0, 1.0, NAN], size=(n, k)).astype(np.float32)
    probabilities = rng.random((n, k)).astype(np.float32)
    found = chosen(targets, probabilities, most=most)
    places = []
    for mistakes, truth in ((found.false_alarms, 0.0), (found.misses, 1.0)):
        for m in mistakes:
            row, column = int(m.article.article_id[1:]) + m.paragraph, int(m.label.removeprefix("label"))
            assert targets[row, column] == truth
            assert (probabilities[row, column] >= 0.5) == (truth == 0.0)
            assert (m.label in m.truth, m.label in m.said) == (truth == 1.0, truth == 0.0)
            assert m.label not in m.unknown
            places.append(row)
    assert len(places) == len(set(places)) <= most
    assert found.n_false_alarms == ((targets == 0) & (probabilities >= 0.5)).sum()
    assert found.n_misses == ((targets == 1) & (probabilities < 0.5)).sum()


def test_errors_are_spread_over_labels_and_articles():
    rng = np.random.default_rng(0)
    probabilities = np.full((120, 4), 0.1, np.float32)
    probabilities[:, 0] = 0.9 + 0.1 * rng.random(120)  # the first label is wrong everywhere and surest
    probabilities[::3, 1:] = 0.8
    found = chosen(np.zeros((120, 4), np.float32), probabilities)
    assert len(found.false_alarms) == 30
    by_label = Counter(m.label for m in found.false_alarms)
    assert len(by_label) == 4
    assert max(by_label.values()) <= 12
    assert max(Counter(m.article.article_id for m in found.false_alarms).values()) <= 2
    sure = [m.probability for m in found.false_alarms]
    assert sure == sorted(sure, reverse=True)


def test_of_nearly_the_same_text_one_is_chosen():
    texts = [f"Shells fell on the wool market of Terhan on Tuesday and killed {n} people there" for n in range(8)]
    texts[5] = "A bishop carried a second letter to the rebels and waits for their reply"
    found = chosen(np.zeros((8, 1), np.float32), np.full((8, 1), 0.9, np.float32), texts=texts)
    assert len(found.false_alarms) == 2
    assert found.n_false_alarms == 8


@pytest.mark.parametrize(
    ("alarms", "misses", "shown"),
    [(100, 100, (15, 15)), (4, 100, (4, 26)), (100, 3, (27, 3)), (0, 0, (0, 0)), (5, 6, (5, 6))],
)
def test_half_are_false_alarms_unless_there_are_too_few(alarms: int, misses: int, shown: tuple[int, int]):
    targets = np.array([[0.0]] * alarms + [[1.0]] * misses, np.float32).reshape(-1, 1)
    probabilities = np.array([[0.9]] * alarms + [[0.1]] * misses, np.float32).reshape(-1, 1)
    found = chosen(targets, probabilities, per_article=1)
    assert (len(found.false_alarms), len(found.misses)) == shown


def test_confidence_is_told_from_the_threshold():
    given = np.array([[0.3, 0.2], [0.65, 0.9], [1.0, 0.5]])
    wanted = [[0.0, 0.6], [0.5, 0.8], [1.0, 0.0]]
    assert np.allclose(confidence(given, np.array([0.3, NEVER])), wanted)


def test_meetings_and_swaps_are_counted_where_both_labels_are_known():
    targets = np.array([[1, 1, 0], [1, 0, 0], [1, NAN, 0], [0, 0, 0], [0, 1, 1], [1, 1, 0]], np.float32)
    said = np.array([[1, 1, 0], [0, 1, 0], [1, 1, 0], [1, 0, 0], [0, 1, 1], [0, 0, 1]], bool)
    m = count_meetings(Scored(targets, said.astype(np.float32), said))
    assert m.truth.tolist() == [[4, 2, 0], [2, 3, 1], [0, 1, 1]]
    assert m.predicted.tolist() == [[3, 1, 0], [1, 3, 1], [0, 1, 2]]
    assert m.swapped.tolist() == [[0, 1, 0], [0, 0, 0], [0, 0, 0]]  # the last row misses two
    assert m.most_swapped() == [(0, 1)]
    assert m.unlike() == [(0, 1)]
    assert m.shown == (0, 1, 2)


def test_of_many_labels_the_most_frequent_are_shown():
    targets = np.zeros((40, 30), np.float32)
    targets[:, 7] = targets[:20, 29] = 1
    m = count_meetings(Scored(targets, targets, targets == 1))
    assert len(m.shown) == MOST_LABELS
    assert {7, 29} <= set(m.shown)


@dataclass
class Explanation:
    text: str
    labels: list[str]
    spans: list[tuple[int, int]]
    weights: np.ndarray
    method: str = "test"


def explained(text: str, spans: list[tuple[int, int]], weights: list[float]) -> Explanation:
    column = np.array(weights, dtype=float).reshape(len(spans), 1)
    return Explanation(text, ["x"], spans, column)


@quick
@given(
    st.text(max_size=80), st.lists(st.tuples(st.integers(-5, 90), st.integers(-5, 90), st.floats(-9, 9)), max_size=12)
)
def test_pieces_join_to_the_text_whatever_the_spans(text: str, drawn: list[tuple[int, int, float]]):
    marked = mark(text, "x", explained(text, [(a, b) for a, b, _ in drawn], [w for *_, w in drawn]))
    assert "".join(piece.text for piece in marked.pieces) == text


def test_words_are_marked_by_their_weight_and_sign():
    text = "shells fell on the quiet market"
    marked = mark(
        text, "x", explained(text, [(0, 6), (7, 11), (12, 14), (19, 24), (25, 31)], [2.0, 1.2, 0.1, -0.7, -1.9])
    )
    levels = {piece.text: piece.level for piece in marked.pieces if piece.level}
    assert levels == {"shells": 3, "fell": 2, "quiet": -1, "market": -3}
    assert marked.for_it == (("shells", 2.0), ("fell", 1.2))
    assert [word for word, _ in marked.against_it] == ["market", "quiet"]


def test_a_text_is_plain_without_an_explanation_of_it():
    assert [p.level for p in mark("a b", "x", None).pieces] == [0]
    assert [p.level for p in mark("a b", "x", explained("another", [(0, 3)], [1.0])).pieces] == [0]
    assert [p.level for p in mark("a b", "y", explained("a b", [(0, 1)], [1.0])).pieces] == [0]
    assert [p.level for p in mark("a b", "x", explained("a b", [], [])).pieces] == [0]


def test_a_long_text_is_cut_and_it_is_said_by_how_much():
    text = "word " * 1_000
    marked = mark(text, "x", explained(text, [(0, 4), (4_990, 4_994)], [1.0, 5.0]))
    shown = "".join(piece.text for piece in marked.pieces)
    assert len(shown) <= MOST_CHARACTERS
    assert marked.cut == len(text) - len(shown)
