"""What every model kind promises when it is asked why, and what the exact ones and the encoders promise beside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import FILLER, WORDS, make_articles
from tests.models import make_encoder, options_of
from tests.props import quick
from textclf.calibration import Calibration, LabelMap, log_odds, sigmoid
from textclf.errors import DataError, MissingExtraError
from textclf.explanation import Explanation
from textclf.labeller import Labeller
from textclf.labels import LabelSet
from textclf.models import integrated_gradients, occlusion
from textclf.models.attributions import share_out
from textclf.models.interface import Explains, TakesCalibration
from textclf.models.ngrams import placed_ngrams
from textclf.models.registry import KINDS, get_kind
from textclf.records import Examples
from textclf.words import word_spans

LABEL_SET = LabelSet.of(WORDS)
TRAINING = Examples.of(make_articles(24), LABEL_SET)
TEXT = f"{FILLER[1]}. Later {WORDS['fight']}, and {FILLER[2]}."
ODD = {
    "empty": "",
    "blank": " \n\t",
    "no letters": "... — !!! 12,000",
    "emoji": "🙂🙂 shells 👩‍👧 fell",
    "right to left": "قصف السوق \u202bshells\u202c fell، مجددا",
    "half a character": "shells \ud800 fell near\udfff",
    "one word": "shells",
    "control": "shells\x00 fell\x1b[31m",
    "changes length": "ﬁve oﬃces İstanbul shells ½ Straße",
}
PLATT = LabelMap("platt", slope=1.7, intercept=-0.4)
MAPS = (PLATT, LabelMap("isotonic", knots=((0.0, 0.05), (0.5, 0.3), (1.0, 0.9))), LabelMap())


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_encoder(tmp_path_factory.mktemp("encoder"))


def trained(kind: str, encoder: Path, **changes: Any) -> Labeller:
    made = get_kind(kind)
    model = made(LABEL_SET, made.options_type.model_validate(options_of(kind, encoder, **changes)), seed=0)
    maps = (PLATT, *MAPS[1:]) if not isinstance(model, TakesCalibration) else (PLATT, PLATT, LabelMap())
    return Labeller(model.fit(TRAINING.texts, TRAINING.targets), Calibration(maps), np.full(3, 0.5))


@pytest.fixture(scope="module", params=sorted(KINDS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def model(kind: str, encoder: Path) -> Labeller:
    return trained(kind, encoder)


@pytest.fixture(scope="module")
def tfidf(encoder: Path) -> Labeller:
    return trained("tfidf", encoder)


@pytest.fixture(scope="module")
def finetuned(encoder: Path) -> Labeller:
    return trained("finetuned", encoder)


def check(explanation: Explanation, text: str) -> None:
    """Check what is promised of every explanation."""
    n, k = len(explanation.spans), len(LABEL_SET)
    assert explanation.text == text
    assert explanation.weights.shape == (n, k)
    assert explanation.weights.dtype == np.float32
    assert explanation.scores.shape == explanation.baseline.shape == explanation.error.shape == (k,)
    assert all(np.isfinite(part).all() for part in (explanation.weights, explanation.baseline, explanation.error))
    read = text if any(map(str.isalpha, text)) else ""  # a text without letters is not read
    assert "".join(explanation.words) == "".join(read.split())
    limit = {"exact": 2e-5, "integrated gradients": 0.2}.get(explanation.method, np.inf)
    assert np.abs(explanation.error).max() <= limit


# ---- the contract of every kind


def test_it_explains_a_text(model: Labeller) -> None:
    explanation = model.explain(TEXT)
    check(explanation, TEXT)
    np.testing.assert_allclose(explanation.scores, model.predict_proba([TEXT])[0], atol=1e-6)
    assert explanation.words[:4] == ("rain", "fell", "on", "the")


def test_its_log_odds_are_those_of_the_scores_where_the_map_is_a_line(model: Labeller) -> None:
    explanation = model.explain(TEXT)
    before = model.predictor.predict_proba([TEXT])[0]
    for column, label_map in enumerate(model.calibration.maps):
        is_line = label_map.method != "isotonic"
        shown = explanation.scores[column] if is_line else before[column]
        assert (LABEL_SET[column] in explanation.before_calibration) != is_line
        np.testing.assert_allclose(sigmoid(explanation.log_odds[column]), shown, atol=1e-4)


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_odd_texts_are_explained(model: Labeller, text: str) -> None:
    check(model.explain(text), text)


def test_nothing_read_is_the_baseline(model: Labeller) -> None:
    explanation = model.explain("")
    assert explanation.weights.shape == (0, 3)
    assert (explanation.scores == 0).all()
    np.testing.assert_allclose(explanation.error, 0, atol=1e-6)


def test_a_text_of_three_thousand_words_is_explained(model: Labeller) -> None:
    text = " ".join([*["rain fell on the old mill"] * 250, WORDS["fight"], *["rain fell on the old mill"] * 248])
    explanation = model.explain(text, labels=["fight"])
    assert len(explanation.spans) == 498 * 6 + 10
    assert np.isfinite(explanation.weights[:, 0]).all()


def test_it_is_the_same_again_and_alters_nothing(model: Labeller) -> None:
    before = model.predict_proba(TRAINING.texts[:5])
    first = model.explain(TEXT)
    model.explain("something else entirely")
    again = model.explain(TEXT)
    np.testing.assert_array_equal(first.weights, again.weights)
    np.testing.assert_array_equal(first.error, again.error)
    np.testing.assert_array_equal(model.predict_proba(TRAINING.texts[:5]), before)


def test_only_the_labels_asked_for_are_explained(model: Labeller) -> None:
    whole, part = model.explain(TEXT), model.explain(TEXT, labels=["talk"])
    column = LABEL_SET.index("talk")
    np.testing.assert_allclose(part.weights[:, column], whole.weights[:, column], atol=1e-3)
    assert np.isnan(part.weights[:, [0, 2]]).all()
    assert np.isnan(part.error[[0, 2]]).all()
    with pytest.raises(DataError, match="was not explained"):
        part.top("fight")
    assert list(part.to_json()["labels"]) == ["talk"]


def test_a_context_is_read_and_has_no_words(model: Labeller) -> None:
    explanation = model.explain(TEXT, "envoys met the elders")
    assert explanation.words == model.explain(TEXT).words
    np.testing.assert_allclose(explanation.scores, model.predict_proba([TEXT], ["envoys met the elders"])[0], atol=1e-6)


# ---- a planted word


def planted(encoder: Path, kind: str, **changes: Any) -> Labeller:
    """Train a model whose first label hangs on one word alone, in any company."""
    rng = np.random.default_rng(0)
    company = sorted({word for text in (*WORDS.values(), *FILLER) for word in text.split()} - {"bridge"})
    texts, targets = [], np.zeros((120, 3), dtype=np.float32)
    for row in range(120):
        chosen = list(rng.choice(company, size=7, replace=False))
        if row % 2:
            chosen[int(rng.integers(7))], targets[row, 0] = "bridge", 1
        targets[row, 1:] = rng.random(2) < 0.5
        texts.append(" ".join(chosen))
    made = get_kind(kind)
    model = made(LABEL_SET, made.options_type.model_validate(options_of(kind, encoder, **changes)), seed=0)
    return Labeller(model.fit(texts, targets), Calibration((LabelMap(),) * 3), np.full(3, 0.5))


@pytest.mark.parametrize("kind", ["tfidf", "static", "finetuned", "ensemble", "setfit"])
def test_the_one_word_a_label_hangs_on_has_the_highest_weight(kind: str, encoder: Path) -> None:
    model = planted(encoder, kind)
    explanation = model.explain("a teacher walked over the bridge, rain fell on her garden")
    assert explanation.top("fight", 1)[0][0] == "bridge"


# ---- exact kinds


def test_tfidf_adds_up_to_the_decision_function_of_its_pipeline(tfidf: Labeller) -> None:
    pipeline: Any = tfidf.predictor.pipeline  # type: ignore[attr-defined]
    for text in (TEXT, *TRAINING.texts[:10], *ODD.values()):
        if any(map(str.isalpha, text)) and "\ud800" not in text:
            explanation = tfidf.explain(text)
            decided = pipeline.decision_function([text])[0]
            wanted = [PLATT.slope * decided[0] + PLATT.intercept, decided[1], decided[2]]
            np.testing.assert_allclose(explanation.baseline + explanation.weights.sum(axis=0), wanted, atol=1e-5)
            assert explanation.method == "exact"


def test_without_characters_a_word_outside_the_vocabulary_adds_nothing(encoder: Path) -> None:
    model = trained("tfidf", encoder, char_ngrams=None)
    explanation = model.explain("unheard shells unseen")
    assert (explanation.weights[[0, 2]] == 0).all()
    assert explanation.weights[1, 0] > 0


TEXTS = st.text(st.sampled_from("aAbİßΣσﬁ½é\u0301\u0345 한  .'-\n\u00a0¨قـ🙂軍1"), max_size=25) | st.text(max_size=25)


@quick
@given(TEXTS, st.sampled_from([(1, 1), (1, 2), (2, 3)]), st.sampled_from([(3, 5), (1, 2), (2, 4)]), st.booleans())
def test_ngrams_found_again_are_those_the_vectorizer_counts(
    text: str, words: tuple[int, int], characters: tuple[int, int], lowercase: bool
) -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer

    for analyzer, sizes in (("word", words), ("char_wb", characters)):
        vectorizer = TfidfVectorizer(
            analyzer=analyzer, ngram_range=sizes, lowercase=lowercase, strip_accents="unicode", sublinear_tf=True
        )
        found = list(placed_ngrams(vectorizer, text))
        assert Counter(term for term, _ in found) == Counter(vectorizer.build_analyzer()(text))
        assert all(0 <= start < end <= len(text) for _, places in found for start, end in places)


def test_an_ngram_has_the_places_it_comes_from() -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(ngram_range=(1, 2), strip_accents="unicode")
    text = "The ﬁeld, İzmir"
    found = {term: [text[start:end] for start, end in places] for term, places in placed_ngrams(vectorizer, text)}
    assert found["field"] == ["ﬁeld"]
    assert found["field izmir"] == ["ﬁeld", "İzmir"]


@pytest.mark.parametrize("with_max", [True, False])
def test_static_is_exact_where_its_head_is_linear(encoder: Path, with_max: bool) -> None:
    model = trained("static", encoder, hidden=0, with_max=with_max)
    explanation = model.explain(TEXT)
    assert explanation.method == "exact"
    np.testing.assert_allclose(explanation.error, 0, atol=1e-5)
    np.testing.assert_allclose(explanation.scores[0], model.predict_proba([TEXT])[0, 0], atol=1e-6)
    assert np.abs(explanation.weights).sum() > 0.1


def test_static_with_a_hidden_layer_is_explained_by_leaving_words_out(encoder: Path) -> None:
    assert trained("static", encoder, hidden=8).explain(TEXT).method == "occlusion"


# ---- sharing out


@quick
@given(
    st.text("ab .", min_size=1, max_size=20),
    st.lists(st.tuples(st.integers(0, 19), st.integers(0, 6)), max_size=8),
)
def test_what_is_shared_out_is_all_there_and_goes_to_words_touched(text: str, pieces: list[tuple[int, int]]) -> None:
    spans = word_spans(text)
    places = np.array([(start, start + size) for start, size in pieces], dtype=np.int64).reshape(-1, 2)
    values = np.arange(1.0, len(pieces) + 1)[:, None] * np.array([1.0, -2.0])
    weights = share_out(places, values, spans)
    assert weights.shape == (len(spans), 2)
    if spans:
        np.testing.assert_allclose(weights.sum(axis=0), values.sum(axis=0))


def test_a_piece_is_shared_by_characters_and_one_of_white_space_goes_to_the_next_word() -> None:
    spans = word_spans("abc de  f")
    places = np.array([(1, 6), (6, 8), (9, 9)])
    shared = share_out(places, np.array([[4.0], [10.0], [100.0]]), spans)
    np.testing.assert_allclose(shared[:, 0], [2.0, 2.0, 110.0])


# ---- encoders


def test_integrated_gradients_add_up(finetuned: Labeller) -> None:
    for text in (TEXT, *TRAINING.texts[:4]):
        explanation = finetuned.explain(text)
        assert explanation.method == "integrated gradients"
        assert np.abs(explanation.error).max() <= integrated_gradients.TOLERANCE * 1.7 + 1e-4  # times Platt's slope


def test_labels_that_do_not_fit_in_one_reading_are_read_in_turn(
    finetuned: Labeller, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = finetuned.explain(TEXT)
    monkeypatch.setattr(integrated_gradients, "GRADIENT_TOKENS", 1)
    np.testing.assert_allclose(finetuned.explain(TEXT).weights, together.weights, atol=1e-4)


def test_more_steps_are_taken_where_few_do_not_add_up(finetuned: Labeller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(integrated_gradients, "FEWEST_STEPS", 1)
    monkeypatch.setattr(integrated_gradients, "MOST_STEPS", 1)
    rough = np.abs(finetuned.explain(TEXT).error).max()
    monkeypatch.setattr(integrated_gradients, "MOST_STEPS", 256)
    monkeypatch.setattr(integrated_gradients, "TOLERANCE", 1e-3)
    assert np.abs(finetuned.explain(TEXT).error).max() < min(rough, 2e-2)


@pytest.mark.parametrize("how", ["max", "mean", "first"])
@pytest.mark.parametrize("pooling", ["native", "mean"])
def test_of_a_long_text_the_windows_that_count_are_explained(encoder: Path, how: str, pooling: str) -> None:
    model = trained("finetuned", encoder, long_texts=how, overlap=8, epochs=4, pooling=pooling)
    text = " ".join([*["rain fell on the mill"] * 20, WORDS["fight"], *["rain fell on the mill"] * 20])
    explanation = model.explain(text)
    check(explanation, text)
    added = [set(np.flatnonzero(column)) for column in explanation.weights.T]
    if how == "first":
        assert all(max(column) < 62 for column in added)
    elif how == "mean":
        assert all(len(column) == len(explanation.spans) for column in added)
    else:
        assert all(max(column) - min(column) < 62 for column in added)
        assert set(range(100, 110)) <= added[0]


def test_a_context_stays_in_every_window(encoder: Path) -> None:
    made = get_kind("finetuned")
    options = made.options_type.model_validate(options_of("finetuned", encoder, epochs=3))
    beside = ["envoys met the elders." for _ in TRAINING.texts]
    fitted = made(LABEL_SET, options, seed=0).fit(TRAINING.texts, TRAINING.targets, contexts=beside)
    model = Labeller(fitted, Calibration((LabelMap(),) * 3), np.full(3, 0.5))
    text = "rain fell on the mill " * 30
    explanation = model.explain(text, beside[0])
    assert np.abs(explanation.error).max() < 0.2
    np.testing.assert_allclose(explanation.log_odds, log_odds(model.predict_proba([text], beside[:1]))[0], atol=1e-2)
    alone = model.explain(text)
    assert np.abs(alone.baseline - explanation.baseline).max() > 1e-3


def test_a_tokenizer_with_a_mask_blanks_with_it(finetuned: Labeller, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = finetuned.predictor.tokenizer  # type: ignore[attr-defined]
    assert integrated_gradients._blank(tokenizer) == tokenizer.pad_token_id
    monkeypatch.setattr(type(tokenizer), "mask_token_id", 7, raising=False)
    assert integrated_gradients._blank(tokenizer) == 7


def test_without_captum_the_extra_is_named(finetuned: Labeller, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with pytest.raises(MissingExtraError, match=r"textclf\[explain\]"):
        finetuned.explain(TEXT)


# ---- leaving words out


class Keyword:
    """Gives its label when one word is there; counts the texts it reads."""

    labels = LabelSet.of(["alarm"])

    def __init__(self) -> None:
        self.read = 0

    def predict_proba(self, texts: Sequence[str], contexts: Sequence[str] | None = None) -> np.ndarray:
        self.read += len(texts)
        beside = contexts or [""] * len(texts)
        found = [0.9 if "fire" in text.split() or "fire" in c else 0.1 for text, c in zip(texts, beside, strict=True)]
        return np.array(found, dtype=np.float32)[:, None]


def keyword() -> Labeller:
    return Labeller(Keyword(), Calibration((LabelMap(),)), np.array([0.5]))


def test_any_predictor_is_explained_by_leaving_words_out() -> None:
    model = keyword()
    explanation = model.explain("rain put out the fire at last")
    assert not isinstance(model.predictor, Explains)
    assert explanation.method == "occlusion"
    np.testing.assert_allclose(explanation.column("alarm")[4], 2 * np.log(9), atol=1e-4)
    assert np.count_nonzero(explanation.weights) == 1
    np.testing.assert_allclose(explanation.error, 0, atol=1e-4)
    assert explanation.top("alarm") == [("fire", pytest.approx(2 * np.log(9), abs=1e-4))]
    assert explanation.top("alarm", against=True) == []
    assert keyword().explain("rain", "a fire").column("alarm").tolist() == [0.0]


def test_a_long_text_costs_a_bounded_number_of_readings() -> None:
    model = keyword()
    words = ["rain"] * 3_000
    words[1_500] = "fire"
    explanation = model.explain(" ".join(words))
    assert model.predictor.read <= occlusion.MOST_PARTS + 3  # type: ignore[attr-defined]
    chosen = np.flatnonzero(explanation.weights)
    assert 1_500 in chosen
    assert len(chosen) == -(-3_000 // occlusion.MOST_PARTS)


def test_two_words_that_do_the_same_work_hide_each_other_and_the_error_says_so() -> None:
    explanation = keyword().explain("fire after fire")
    assert np.count_nonzero(explanation.weights) == 0
    np.testing.assert_allclose(explanation.error, -2 * np.log(9), atol=1e-4)


# ---- the type


def test_the_first_of_equals_comes_first_and_at_most_n_come() -> None:
    weights = np.array([[1.0], [3.0], [-2.0], [3.0], [0.0]], dtype=np.float32)
    labels = LabelSet.of(["alarm"])
    given_spans = word_spans("a b c d e")
    made = Explanation("a b c d e", labels, given_spans, weights, np.ones(1), np.zeros(1), "exact", np.zeros(1))
    assert made.top("alarm", 2) == [("b", 3.0), ("d", 3.0)]
    assert made.top("alarm") == [("b", 3.0), ("d", 3.0), ("a", 1.0)]
    assert made.top("alarm", against=True) == [("c", -2.0)]
    assert made.top("alarm", 0) == []
    assert made.log_odds.tolist() == [5.0]
    with pytest.raises(DataError, match="'alarm'"):
        made.top("alarms")


def test_what_cannot_be_explained_is_refused(tfidf: Labeller) -> None:
    with pytest.raises(DataError, match="did you mean 'fight'"):
        tfidf.explain(TEXT, labels=["figth"])
    with pytest.raises(DataError, match="no text"):
        tfidf.explain(None)  # type: ignore[arg-type]


def test_platt_scaling_in_the_weights_is_not_taken_twice(encoder: Path) -> None:
    model = trained("finetuned", encoder, epochs=3)
    assert isinstance(model.predictor, TakesCalibration)
    model.predictor.scale_logits(np.array([1.7, 1.0, 1.0]), np.array([-0.4, 0.0, 0.0]))
    inside = replace(model, calibration=Calibration((PLATT, LabelMap(), LabelMap()), in_weights=True))
    explanation = inside.explain(TEXT)
    np.testing.assert_allclose(explanation.log_odds, log_odds(inside.predict_proba([TEXT]))[0], atol=1e-2)
