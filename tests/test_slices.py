"""Slices: they part the paragraphs, their scores are those of the rows alone, and what cannot be told is not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import LABELS, make_articles
from tests.props import quick
from textclf.calibration import Calibration, LabelMap
from textclf.errors import DataError
from textclf.evaluate import evaluate
from textclf.facets import FACETS, GIVEN_BY_LABELS, Material, facet
from textclf.keywords import holds_keyword, holds_keyword_out_of_fold, keywords_of
from textclf.labeller import Labeller
from textclf.labels import LabelSet
from textclf.records import Article, Examples, Paragraph
from textclf.slices import SCORES, measure_slices

LABEL_SET = LabelSet.of(LABELS)
KEYS = {"fight": "shells", "talk": "envoys", "move": "buses"}


class Words:
    """Knows each label by one word, but is blind where a text holds "blind"."""

    labels = LABEL_SET

    def predict_proba(self, texts: Sequence[str], contexts: Sequence[str] | None = None) -> np.ndarray:
        found = [[0.9 if KEYS[n] in text and "blind" not in text else 0.1 for n in LABELS] for text in texts]
        return np.array(found, dtype=np.float32).reshape(len(texts), len(LABELS))


def labeller() -> Labeller:
    return Labeller(Words(), Calibration((LabelMap(),) * 3), np.full(3, 0.5))


def varied(n: int, *, seed: int = 0, blind: str = "nobody") -> list[Article]:
    """Articles with sources, dates and regions; the model is blind to one source."""
    articles = []
    for i, article in enumerate(make_articles(n, seed=seed)):
        source = ("Wire", "Post", "")[i % 3]
        mark = "blind " if source == blind else ""
        articles.append(
            replace(
                article,
                source=source,
                date=("", "2019-05-01", "2020-05-01", "odd")[i % 4],
                extra={"region": ["east", "west"][i % 2]},
                paragraphs=tuple(replace(p, text=mark + p.text) for p in article.paragraphs),
            )
        )
    return articles


@quick
@given(n=st.integers(1, 30), seed=st.integers(0, 20), fewest=st.integers(1, 12))
def test_every_paragraph_has_just_one_value_of_every_facet(n: int, seed: int, fewest: int) -> None:
    articles = varied(n, seed=seed)
    examples = Examples.of(articles, LABEL_SET)
    held = holds_keyword_out_of_fold(examples.texts, examples.targets, examples.groups, LABEL_SET)
    copied = np.arange(len(examples)) % 3 == 0
    material = Material(articles, examples, held, copied, fewest)
    for name in (*FACETS, "extra.region"):
        found = facet(material, name)
        assert found.codes.shape == (len(examples),), name
        assert set(found.codes.tolist()) == set(range(len(found.names))), name
        assert len(set(found.names)) == len(found.names), name


@settings(quick, max_examples=15)
@given(n=st.integers(3, 20), seed=st.integers(0, 20))
def test_slices_of_a_facet_have_all_paragraphs_between_them(n: int, seed: int) -> None:
    articles = varied(n, seed=seed, blind="Wire")
    found = measure_slices(labeller(), articles, "source,year,length,labels,keywords", resamples=20)
    total = sum(len(a.paragraphs) for a in articles)
    for name in ("source", "year", "length", "labels", "keywords"):
        assert sum(each.n_paragraphs for each in found.slices if each.by == name) == total
    for each in found.slices:
        for estimate in each.scores.values():
            assert np.isnan(estimate.value) or 0 <= estimate.value <= 1


def test_a_slice_scores_as_its_articles_alone_do() -> None:
    articles = varied(60, blind="Wire")
    found = measure_slices(labeller(), articles, ["source"], resamples=100)
    by_value = {each.value: each for each in found.slices}
    assert set(by_value) == {"Wire", "Post", "none given"}
    for source, each in by_value.items():
        alone = [a for a in articles if (a.source or "none given") == source]
        assert each.n_articles == len(alone)
        expected = evaluate(labeller(), alone, resamples=100).overall
        for name in SCORES:
            assert each.scores[name].value == pytest.approx(expected[name].value, nan_ok=True)


def test_what_the_model_is_blind_to_is_the_worst_slice() -> None:
    found = measure_slices(labeller(), varied(60, blind="Wire"), "source,year", resamples=200)
    assert [(each.by, each.value) for each in found.worst] == [("source", "Wire")]
    worst = found.worst[0]
    assert worst.scores["macro_f1"].value == 0
    assert worst.difference.value == -1
    assert worst.difference.interval == (-1, -1)
    assert "by chance alone" in found.notes[0]
    fair = measure_slices(labeller(), varied(60), "source,year", resamples=200)
    assert fair.worst == []
    assert all(each.difference.value == 0 for each in fair.slices if each.by == "source")


def test_too_few_articles_are_never_the_worst() -> None:
    found = measure_slices(labeller(), varied(18, blind="Wire"), resamples=100, fewest_articles=1)
    assert {each.value: each.difference.value for each in found.slices if each.by == "source"}["Wire"] == -1
    assert found.worst == []
    assert "none can be called the worst" in found.notes[0]


def test_slices_by_the_labels_themselves_are_never_the_worst() -> None:
    found = measure_slices(labeller(), varied(90, blind="Wire"), resamples=100)
    assert not {each.by for each in found.worst} & set(GIVEN_BY_LABELS)


def test_the_difference_is_over_labels_that_both_sides_have() -> None:
    """One source reports one label alone, which the model knows; the hard label is elsewhere."""
    easy = [Article(f"e{i}", (Paragraph("shells", ("fight",)), Paragraph("rain")), source="Easy") for i in range(12)]
    hard = [
        Article(f"h{i}", (Paragraph("shells", ("fight",)), Paragraph("dawn", ("talk",))), source="Hard")
        for i in range(12)
    ]
    found = {each.value: each for each in measure_slices(labeller(), [*easy, *hard], "source", resamples=50).slices}
    assert found["Easy"].scores["macro_f1"].value == 1
    assert found["Hard"].scores["macro_f1"].value == 0.5
    assert found["Hard"].difference.value == 0


def test_years_with_few_articles_join_their_neighbours() -> None:
    years = [1990, 1992, 1993, *[2000] * 5, 2004]
    articles = [Article(str(i), (Paragraph("x"),), date=f"{year}-01-01") for i, year in enumerate(years)]
    material = Material(articles, Examples.of(articles, LABEL_SET), np.zeros((9, 3), bool), fewest=3)
    assert facet(material, "year").names == ["1990–1993", "2000–2004"]
    assert facet(replace(material, fewest=1), "year").names == ["1990", "1992", "1993", "2000", "2004"]
    alone = [Article("a", (Paragraph("x"),), date="1990-01-01"), Article("b", (Paragraph("x"),))]
    two = Material(alone, Examples.of(alone, LABEL_SET), np.zeros((2, 3), bool), fewest=3)
    assert facet(two, "year").names == ["1990", "no date"]


def test_small_values_are_pooled_and_never_lost() -> None:
    names = ["Big"] * 6 + ["A", "B", "C", ""]
    articles = [Article(str(i), (Paragraph("x"),), source=name) for i, name in enumerate(names)]
    found = facet(Material(articles, Examples.of(articles, LABEL_SET), np.zeros((10, 3), bool)), "source")
    assert found.names == ["Big", "4 others with under 5 articles each"]
    assert np.bincount(found.codes).tolist() == [6, 4]


@pytest.mark.parametrize(
    ("by", "message"),
    [
        ("sauce", "did you mean 'source'"),
        ("extra.", "known: source, year"),
        ("region", "extra.FIELD"),
        ("extra.regoin", "did you mean 'region'"),
        ("copies", "--training FILE"),
    ],
)
def test_what_cannot_be_sliced_by_is_told(by: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        measure_slices(labeller(), varied(6), by, resamples=20)


def test_copies_are_a_slice_where_they_are_known() -> None:
    articles = varied(30)
    n = sum(len(a.paragraphs) for a in articles)
    found = measure_slices(labeller(), articles, "all,extra.region", copied=np.arange(n) < 10, resamples=20)
    counts = {each.value: each.n_paragraphs for each in found.slices if each.by == "copies"}
    assert counts == {"near-copy of a training paragraph": 10, "unseen": n - 10}
    assert [each.by for each in found.slices][-1] == "extra.region"
    assert json.dumps(found.to_json(), allow_nan=False)


def test_keywords_are_words_that_tell_and_those_of_the_name() -> None:
    texts = ["the shells fell again today"] * 10 + ["the rain fell again today"] * 10 + ["the elders spoke"] * 3
    targets = np.array([[1.0]] * 10 + [[0.0]] * 13, np.float32)
    (found,) = keywords_of(texts, targets, LabelSet.of({"armed_clash": "when the shells have fallen"}))
    assert found == ("armed", "clash", "shells")
    assert holds_keyword(["Shells!", "rain", "an armed man"], [found])[:, 0].tolist() == [True, False, True]
    (unknown,) = keywords_of(texts, np.full((23, 1), np.nan, np.float32), LabelSet.of(["x"]))
    assert unknown == ()


def test_keywords_are_never_taken_from_the_article_itself() -> None:
    """Each article has a word of its own in all its positives; out of fold none of them is a keyword."""
    groups = np.repeat(np.arange(10), 20)
    texts = [f"{'abcdefghij'[g] * 5} here" if i % 2 else "nothing here" for i, g in enumerate(groups)]
    targets = np.array([[float(i % 2)] for i in range(200)], np.float32)
    assert not holds_keyword_out_of_fold(texts, targets, groups, LabelSet.of(["x"])).any()
    assert holds_keyword(texts, keywords_of(texts[:20], targets[:20], LabelSet.of(["x"]))).any()


def test_a_keyword_matcher_is_seen_to_be_one() -> None:
    rng = np.random.default_rng(0)
    articles = []
    for i in range(40):
        paragraphs = []
        for _ in range(5):
            yes, key = rng.random() < 0.5, rng.random() < 0.8
            words = "shells fell" if yes == key else "rain came"
            paragraphs.append(Paragraph(f"{words} {rng.integers(10**6)}", ("fight",) if yes else ()))
        articles.append(Article(str(i), tuple(paragraphs)))
    (check, *_) = measure_slices(labeller(), articles, "keywords", resamples=50).keywords
    assert check.label == "fight"
    assert "shells" in check.keywords
    assert min(check.n_with, check.n_without, check.n_misleading) > 10
    assert (check.recall_with.value, check.recall_without.value, check.false_alarms.value) == (1, 0, 1)


def test_keywords_come_from_training_where_it_is_known() -> None:
    training = [Article(str(i), (Paragraph("mortars fell", ("fight",)), Paragraph("rain"))) for i in range(12)]
    (check, *_) = measure_slices(labeller(), varied(12), "keywords", training=training, resamples=20).keywords
    assert set(check.keywords) == {"fight", "mortars", "fell"}
