"""Paragraphs become sentences: every word once, in order, each sentence where it stands."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.props import quick
from textclf.articles.sentences import split_sentences, split_units
from textclf.calibration import Calibration, LabelMap
from textclf.errors import DataError, MissingExtraError
from textclf.labeller import Labeller
from textclf.labels import LabelSet
from textclf.records import Article, Paragraph, Passage


def sentences(text: str, language: str = "en") -> list[str]:
    return [p.text for p in split_sentences([Passage("a", 0, text)], language)]


@pytest.mark.parametrize(
    ("language", "wanted"),
    [
        ("en", ["Gen. Haddad met the U.S. envoy on Jan. 5.", "Talks go on."]),
        ("en", ["“We fled. Nobody came,” she said.", "The road was cut."]),
        ("en", ['He asked: "Who fired?"', "No one knew."]),
        ("en", ["It cost $1.5 million.", "Was it worth it?", "No!"]),
        ("es", ["El Sr. Pérez llegó.", "¿Quién disparó?", "¡Nadie lo sabe!"]),
        ("ar", ["وصل الوفد اليوم.", "هل انتهت الحرب؟", "نعم."]),
        ("en", ["no sentence end at all"]),
        ("no such language", ["One came.", "Two left."]),
    ],
)
def test_sentences_are_told_apart(language: str, wanted: list[str]) -> None:
    assert sentences(" ".join(wanted), language) == wanted


@pytest.mark.parametrize("text", ["", " ", "\n\n"])
def test_a_paragraph_with_nothing_in_it_is_one_sentence(text: str) -> None:
    (only,) = split_sentences([Passage("a", 3, text, start=1, end=1 + len(text))])
    assert (only.paragraph, only.sentence, only.text) == (3, 0, text)


def test_sentences_are_numbered_within_their_paragraph() -> None:
    passages = [Passage("a", 0, "One. Two."), Passage("a", 1, "Three. Four. Five.")]
    assert [(p.paragraph, p.sentence) for p in split_sentences(passages)] == [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2)]


def test_a_sentence_stands_where_it_stands_in_the_input() -> None:
    page = "Title\n\n  One came.  Two left.\nThree stayed.  \n"
    text = page[9:-3]
    found = list(split_sentences([Passage("a", 0, text, start=9, end=len(page) - 3)]))
    assert [page[p.start : p.end] for p in found] == ["One came.", "Two left.", "Three stayed."]
    assert [p.text for p in found] == ["One came.", "Two left.", "Three stayed."]


def test_of_a_folded_paragraph_the_place_is_the_paragraphs() -> None:
    folded = Passage("a", 0, "One came. Two left.", start=5, end=26)  # two characters of white space are gone
    assert [(p.start, p.end) for p in split_sentences([folded])] == [(5, 26)] * 2
    assert [(p.start, p.end) for p in split_sentences([Passage("a", 0, "One. Two.")])] == [(None, None)] * 2


def test_what_stands_before_a_sentence_is_its_context() -> None:
    passage = Passage("a", 1, "One came. Two left. Three stayed.", title="T", previous="Before.")
    found = list(split_sentences([passage]))
    assert [p.previous for p in found] == ["Before.", "One came.", "One came. Two left."]
    assert {p.title for p in found} == {"T"}


@quick
@given(st.text(st.characters(), max_size=60), st.integers(0, 50))
def test_no_word_is_lost_and_every_place_holds_its_sentence(text: str, offset: int) -> None:
    found = list(split_sentences([Passage("a", 0, text, start=offset, end=offset + len(text))]))
    assert found
    page = "-" * offset + text
    assert [page[p.start : p.end] for p in found] == [p.text for p in found]
    assert "".join("".join(p.text for p in found).split()) == "".join(text.split())
    ends = [offset, *(p.end for p in found)]
    assert all(before <= p.start for before, p in zip(ends, found, strict=False) if p.start is not None)


def test_paragraphs_pass_as_they_are_and_other_units_are_refused() -> None:
    passages = [Passage("a", 0, "One. Two.")]
    assert list(split_units(passages, unit="paragraph")) == passages
    with pytest.raises(DataError, match="unit 'page' is not known"):
        split_units(passages, unit="page")  # type: ignore[arg-type]


def test_a_missing_package_is_said_before_anything_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "sentencex":
            raise ImportError(name)
        return plain(name, *args, **kwargs)

    monkeypatch.setitem(__import__("sys").modules, "sentencex", None)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"pip install 'textclf\[sentences\]'"):
        split_units(iter([]), unit="sentence")


class Long:
    """A predictor that carries its only label where a text is over ten characters."""

    labels = LabelSet.of(["long"])

    def predict_proba(self, texts: list[str], contexts: list[str] | None = None) -> np.ndarray:
        return np.array([[float(len(text) > 10)] for text in texts], dtype=np.float32).reshape(-1, 1)


def test_an_article_is_labelled_sentence_by_sentence() -> None:
    model = Labeller(Long(), Calibration((LabelMap(),)), np.array([0.5]))
    article = Article("a", (Paragraph("Short. A good deal longer.", start=0, end=26), Paragraph("End.")))
    found = model.label(article, unit="sentence")
    assert [(p.paragraph, p.sentence, p.labels, p.start, p.end) for p in found] == [
        (0, 0, (), 0, 6),
        (0, 1, ("long",), 7, 26),
        (1, 0, (), None, None),
    ]
    assert [p.sentence for p in model.label(article)] == [None, None]
