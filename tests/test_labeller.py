"""What `textclf.load` gives: probabilities, decisions, and care with odd texts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from textclf.articles import read_article
from textclf.calibration import Calibration, LabelMap
from textclf.errors import DataError, TextclfWarning
from textclf.labeller import Labeller, fit_labeller
from textclf.labels import LabelSet
from textclf.records import MAX_CHARACTERS, Article, Examples, Paragraph
from textclf.thresholds import NEVER


class Counting:
    """A predictor that gives each label the share of its letter in the text, and remembers what it read."""

    def __init__(self, names: str = "ab") -> None:
        self.labels = LabelSet.of(list(names))
        self.read: list[str] = []

    def predict_proba(self, texts: Sequence[str]) -> np.ndarray:
        self.read += texts
        rows = [[text.count(name) / max(1, len(text)) for name in self.labels] for text in texts]
        return np.array(rows, dtype=np.float32).reshape(len(texts), len(self.labels))


def make(thresholds: Sequence[float] = (0.5, 0.5), maps: Sequence[LabelMap] = (LabelMap(), LabelMap())) -> Labeller:
    return Labeller(Counting(), Calibration(tuple(maps)), np.array(thresholds))


def test_a_label_is_carried_from_its_threshold_on() -> None:
    model = make(thresholds=(0.5, 0.25))
    assert model.predict(["aabb", "aaab", "aaaa", "cccc"]) == [("a", "b"), ("a", "b"), ("a",), ()]
    assert make(thresholds=(NEVER, 0.5)).predict(["aaaa"]) == [()]


def test_calibration_comes_before_the_threshold() -> None:
    doubtful = make(maps=(LabelMap("platt", slope=1.0, intercept=-5.0), LabelMap()))
    assert doubtful.predict(["aaab"]) == [()]
    assert doubtful.predict_proba(["aaab"])[0, 0] < 0.05


def test_a_blank_text_carries_nothing_and_is_not_read() -> None:
    model = make(thresholds=(0.0001, 0.0001))
    p = model.predict_proba(["", " \n\t", "ab"])
    assert (p[:2] == 0).all()
    assert model.predict(["", " "]) == [(), ()]
    assert model.predictor.read == ["ab"]  # type: ignore[attr-defined]


def test_of_ten_megabytes_the_beginning_is_read_and_that_is_said() -> None:
    model = make()
    with pytest.warns(TextclfWarning, match=r"10,000,000 characters; only the first 100,000 are read"):
        model.predict_proba(["a" * 10_000_000])
    assert len(model.predictor.read[0]) == MAX_CHARACTERS  # type: ignore[attr-defined]


def test_half_characters_do_not_reach_the_model() -> None:
    model = make()
    model.predict_proba(["a\ud800b"])
    assert model.predictor.read == ["a?b"]  # type: ignore[attr-defined]


@pytest.mark.parametrize("texts", ["one text", [1], [None], [b"bytes"]])
def test_what_is_no_list_of_texts_is_refused(texts: object) -> None:
    with pytest.raises(DataError, match=r"list of texts|is no text but"):
        make().predict_proba(texts)  # type: ignore[arg-type]


def test_no_texts_give_no_rows() -> None:
    assert make().predict_proba([]).shape == (0, 2)
    assert make().predict([]) == []


def test_an_article_is_labelled_paragraph_by_paragraph() -> None:
    labelled = make().label(read_article("A headline of b\n\naaaa.\n\nbbbb.\n"))
    assert [(p.paragraph, p.labels, p.text) for p in labelled] == [(0, ("a",), "aaaa."), (1, ("b",), "bbbb.")]
    assert labelled[0].scores == {"a": 0.8, "b": 0.0}


class InContext(Counting):
    """A predictor that counts letters in the context too, and reads three characters at a time."""

    def predict_proba(self, texts: Sequence[str], contexts: Sequence[str] | None = None) -> np.ndarray:
        self.contexts = contexts
        given = [""] * len(texts) if contexts is None else contexts
        return super().predict_proba([text + context for text, context in zip(texts, given, strict=True)])

    def count_windows(self, texts: Sequence[str], contexts: Sequence[str] | None = None) -> list[int]:
        return [max(1, -(-len(text) // 3)) for text in texts]


def in_context(setting: str) -> Labeller:
    card = {"config": {"data": {"context": setting}}}
    return Labeller(InContext(), Calibration((LabelMap(), LabelMap())), np.array([0.5, 0.5]), card=card)


@pytest.mark.parametrize(
    ("setting", "contexts"),
    [("none", None), ("title", ["T", "T"]), ("previous", ["", "aaaa."]), ("both", ["T", "aaaa.\nT"])],
)
def test_a_model_reads_the_context_it_was_trained_with(setting: str, contexts: list[str] | None) -> None:
    model = in_context(setting)
    article = Article("x", (Paragraph("aaaa.", start=0, end=5), Paragraph("bb.")), title="T")
    labelled = model.label(article)
    assert model.context == setting
    assert model.predictor.contexts == contexts  # type: ignore[attr-defined]
    assert [(p.windows, p.start, p.end) for p in labelled] == [(2, 0, 5), (1, None, None)]


def test_a_blank_text_is_not_read_for_its_context() -> None:
    p = in_context("title").predict_proba([" ", "ab"], ["aaaa", "a\ud800"])
    assert (p[0] == 0).all()
    assert p[1].tolist() == [0.5, 0.25]


def test_a_model_without_a_card_reads_the_text_alone() -> None:
    assert make().context == "none"
    assert make().count_windows(["a" * 10_000]) == [1]


def test_contexts_must_be_as_many_as_texts() -> None:
    with pytest.raises(DataError, match="1 contexts were given for 2 texts"):
        make().predict_proba(["a", "b"], ["c"])
    with pytest.raises(DataError, match="put a single context in a list"):
        make().predict_proba(["a"], "c")
    with pytest.raises(DataError, match="context 0 is no text but NoneType"):
        make().predict_proba(["a"], [None])  # type: ignore[list-item]


def held_out(n: int = 200) -> tuple[Examples, np.ndarray]:
    rng = np.random.default_rng(0)
    targets = (rng.random((n, 2)) < 0.4).astype(np.float32)
    p = np.clip(targets * 0.5 + rng.random((n, 2)) * 0.5, 0.01, 0.99).astype(np.float32)
    return Examples(["text"] * n, targets, np.arange(n) // 4, [str(i) for i in range(n // 4)]), p


def test_what_had_no_positive_in_training_is_never_predicted() -> None:
    examples, p = held_out()
    model, _ = fit_labeller(Counting(), examples, p, calibration="auto", shrinkage=10, seed=0, never=[1])
    assert model.thresholds[1] == NEVER
    assert model.calibration.maps[1].method == "none"
    assert model.thresholds[0] < 1


def test_a_model_that_can_takes_calibration_into_its_weights() -> None:
    class Scaling(Counting):
        scaled: tuple[np.ndarray, np.ndarray] | None = None

        def scale_logits(self, slopes: np.ndarray, intercepts: np.ndarray) -> None:
            self.scaled = (slopes, intercepts)

    examples, p = held_out()
    outside, calibrated = fit_labeller(Counting(), examples, p, calibration="platt", shrinkage=10, seed=0)
    predictor = Scaling()
    inside, same = fit_labeller(predictor, examples, p, calibration="platt", shrinkage=10, seed=0)
    np.testing.assert_array_equal(calibrated, same)
    np.testing.assert_array_equal(outside.thresholds, inside.thresholds)
    assert inside.calibration.in_weights
    assert not outside.calibration.in_weights
    assert predictor.scaled is not None
    np.testing.assert_allclose(predictor.scaled[0], [m.slope for m in outside.calibration.maps])
    np.testing.assert_allclose(inside.calibration(p), p)  # not mapped a second time
    chosen, _ = fit_labeller(Scaling(), examples, p, calibration="auto", shrinkage=10, seed=0)
    assert chosen.calibration.in_weights
    isotonic, _ = fit_labeller(Scaling(), examples, p, calibration="isotonic", shrinkage=10, seed=0)
    assert not isotonic.calibration.in_weights
