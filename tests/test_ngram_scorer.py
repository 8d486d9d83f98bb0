"""The n-grams of a text, scored by numpy alone: what scikit-learn's pipeline gives, for any text."""

from __future__ import annotations

import copy
import itertools
import threading
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import make_articles
from tests.props import quick
from textclf.errors import ModelError
from textclf.labels import LabelSet
from textclf.models import ngram_scorer
from textclf.models.ngram_scorer import normalized, pieces_of
from textclf.models.tfidf import Tfidf, TfidfOptions
from textclf.records import Examples

TRAINING = [
    "Shells fell near the Bridge; shells fell, shells fell on Al-Qa'im.",
    "Envoys met the élders, naïve café Ünïcode e\u0301lders — “quoted” words",
    "a b ab c_d 1 22 333 a1 _ __ snake_case x",
    "القوات الحكومية دخلت المدينة القديمة",
    "停火协议 停火协议谈判 谈判",
    "🙂🙂 🙂 moved 👩‍👩‍👧 families ½ ﬁne ⅷ Ⅷ",
    "ΑΣ ΑΣΑ ας ΟΔΟΣ İstanbul ISTANBUL straße STRASSE",
    "\ud800 shells \udfff\ud800 half \x00 nul \x1f unit\u00a0space\u2003em \u00a8 \ufdfa",
    "families families families families were moved moved along the river corridor",
    "w" * 200 + " " + "ab" * 60,
]
WORDS = sorted({word for text in TRAINING for word in text.split()})
TEXTS = st.lists(
    st.text(st.characters(codec=None), max_size=40)
    | st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join)
    | st.lists(st.sampled_from([*WORDS, " ", "\n\n", "-", "_", "\u0301", ".", "e"]), max_size=20).map("".join),
    min_size=1,
    max_size=4,
)
RANGES = [(a, b) for a, b in itertools.product(range(1, 8), repeat=2) if a <= b]


@cache
def fitted(options: TfidfOptions, k: int) -> Tfidf:
    """Fit a model of k labels to texts of many scripts, to targets of chance."""
    labels = LabelSet.of([f"label {j}" for j in range(k)])
    targets = np.random.default_rng(0).integers(0, 2, (len(TRAINING), k)).astype(np.float32)
    targets[:2] = [[0.0] * k, [1.0] * k]
    return Tfidf(labels, options, seed=0).fit(TRAINING, targets)


def by_scikit_learn(model: Tfidf, texts: list[str]) -> np.ndarray:
    found: np.ndarray = model.pipeline.predict_proba(texts)[:, -len(model.labels) :]
    return found


def by_numpy(model: Tfidf, texts: list[str]) -> np.ndarray:
    assert model._scorer is not None
    return np.asarray(1 / (1 + np.exp(-model._scorer(texts))))


@quick
@given(TEXTS)
def test_it_gives_what_scikit_learn_gives_for_any_text(texts: list[str]) -> None:
    model = fitted(TfidfOptions(min_df=1), 3)
    np.testing.assert_allclose(by_numpy(model, texts), by_scikit_learn(model, texts), atol=1e-12, rtol=0)


@quick
@given(
    TEXTS,
    st.sampled_from(RANGES),
    st.none() | st.sampled_from(RANGES),
    st.booleans(),
    st.sampled_from([None, 1, 7, 60]),
    st.integers(1, 2),
)
def test_it_does_so_under_any_options(
    texts: list[str],
    words: tuple[int, int],
    characters: tuple[int, int] | None,
    lowercase: bool,
    most: int | None,
    k: int,
) -> None:
    words = (min(words[0], 3), words[1])  # of longer runs alone there are none in these texts
    options: dict[str, Any] = {"word_ngrams": words, "char_ngrams": characters, "lowercase": lowercase}
    model = fitted(TfidfOptions(**options, max_features=most, min_df=1), k)
    texts = [*texts, *TRAINING, ""]
    np.testing.assert_allclose(by_numpy(model, texts), by_scikit_learn(model, texts), atol=1e-12, rtol=0)


@quick
@given(st.text(st.characters(codec=None), max_size=60), st.booleans())
def test_texts_are_made_plain_as_scikit_learn_does(text: str, lowercase: bool) -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer

    theirs = TfidfVectorizer(strip_accents="unicode", lowercase=lowercase).build_preprocessor()
    assert normalized(text, lowercase=lowercase) == theirs(text)


@quick
@given(st.text(st.characters(codec=None), max_size=12), st.sampled_from(RANGES))
def test_words_fall_into_the_pieces_scikit_learn_takes(text: str, lengths: tuple[int, int]) -> None:
    from sklearn.feature_extraction.text import CountVectorizer

    theirs = CountVectorizer(analyzer="char_wb", ngram_range=lengths, lowercase=False).build_analyzer()
    assert [piece for word in text.split() for piece in pieces_of(word, lengths)] == theirs(text)


def test_a_text_without_a_known_n_gram_has_the_intercepts_alone() -> None:
    model = fitted(TfidfOptions(min_df=1), 3)
    assert model._scorer is not None
    np.testing.assert_array_equal(model._scorer(["", "\x01", "ǂ"]), [model.intercepts] * 3)


def test_a_text_may_say_one_thing_more_often_than_counts_are_tabled() -> None:
    model = fitted(TfidfOptions(min_df=1), 3)
    texts = ["shells fell " * (ngram_scorer.TABLED + 1), "w" * 3 * ngram_scorer.TABLED, "x " * ngram_scorer.TABLED]
    np.testing.assert_allclose(by_numpy(model, texts), by_scikit_learn(model, texts), atol=1e-12, rtol=0)


def test_a_row_is_the_same_to_the_last_bit_beside_any_others() -> None:
    model = fitted(TfidfOptions(min_df=1), 3)
    together = model.predict_proba(TRAINING)
    np.testing.assert_array_equal(together, [model.predict_proba([text])[0] for text in TRAINING])


def test_words_are_forgotten_when_there_are_too_many_and_long_ones_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model = copy.deepcopy(fitted(TfidfOptions(min_df=1), 3))
    assert model._scorer is not None
    expected, remembered = model.predict_proba(TRAINING), model._scorer._pieces
    assert "w" * 200 not in remembered
    assert "shells" in remembered
    remembered.clear()
    monkeypatch.setattr(ngram_scorer, "REMEMBERED", 3)
    np.testing.assert_array_equal(model.predict_proba(TRAINING), expected)
    assert 0 < len(remembered) <= 3


def test_threads_may_share_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ngram_scorer, "REMEMBERED", 3)
    model = copy.deepcopy(fitted(TfidfOptions(min_df=1), 3))
    expected, found = model.predict_proba(TRAINING), []
    threads = [threading.Thread(target=lambda: found.append(model.predict_proba(TRAINING))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for each in found:
        np.testing.assert_array_equal(each, expected)
    assert len(found) == 4


def test_the_pipeline_comes_back_after_saving_and_is_that_of_the_last_training(tmp_path: Path) -> None:
    examples = Examples.of(make_articles(24), LabelSet.of(["fight", "talk", "move"]))
    model = Tfidf(LabelSet.of(["fight", "talk", "move"]), TfidfOptions(min_df=1), seed=0)
    with pytest.raises(ModelError, match="not trained"):
        assert model.pipeline
    model.fit(examples.texts, examples.targets)
    model.save(tmp_path)
    loaded = Tfidf.load(tmp_path, model.labels, model.options, seed=0)
    np.testing.assert_array_equal(by_numpy(loaded, examples.texts), by_numpy(model, examples.texts))
    np.testing.assert_allclose(by_scikit_learn(loaded, examples.texts), by_numpy(model, examples.texts), atol=1e-12)
    before = model.pipeline
    assert model.pipeline is before
    model.fit(examples.texts[:20], examples.targets[:20])
    np.testing.assert_allclose(by_scikit_learn(model, examples.texts), by_numpy(model, examples.texts), atol=1e-12)
