"""Label names and columns, records and arrays, and the words of errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import DATA, LABELS, make_articles
from tests.props import quick
from textclf.errors import ConfigError, DataError, MissingExtraError, TextclfError, did_you_mean, import_extra
from textclf.labels import LabelSet
from textclf.records import (
    PREVIOUS_CHARACTERS,
    TITLE_CHARACTERS,
    Article,
    ContextSetting,
    Examples,
    LabelledPassage,
    Paragraph,
    Passage,
)


def test_labels_are_columns_in_the_order_given():
    labels = LabelSet.of(["talk", "fight"])
    assert list(labels) == ["talk", "fight"]
    assert labels.index("fight") == 1
    assert labels[1] == "fight"
    assert len(labels) == 2
    assert "fight" in labels
    assert "move" not in labels


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([], "at least one label"),
        (["a", "a"], "listed twice: 'a'"),
        ([""], "non-empty text"),
        (["  "], "non-empty text"),
        ([True], "not True"),
        ([None], "not None"),
        ([" a"], "may not begin or end with a space"),
        (["a;b"], "'a;b'"),
        (["a,b"], "'a,b'"),
        (["a|b"], "'a|b'"),
        (["a\nb"], r"'a\\nb'"),
    ],
)
def test_a_bad_name_is_refused(names: list[object], said: str):
    with pytest.raises(ConfigError, match=said):
        LabelSet.of(names)


def test_a_list_inside_the_list_is_refused():
    with pytest.raises(ConfigError, match="labels"):
        LabelSet.of([{"fight": "armed force"}])


def test_all_bad_names_are_told_at_once():
    with pytest.raises(ConfigError) as caught:
        LabelSet.of(["a;b", " c", "d", "d"])
    assert all(part in str(caught.value) for part in ("a;b", "' c'", "'d'"))


def test_a_label_file_is_a_list_or_a_mapping(tmp_path: Path):
    names, defined = tmp_path / "names.yaml", tmp_path / "defined.yaml"
    names.write_text("- fight\n- talk\n", encoding="utf-8")
    defined.write_text("\ufefffight: armed\n  force\ntalk:\n", encoding="utf-8")
    assert LabelSet.read(names).names == LabelSet.read(defined).names == ("fight", "talk")
    assert LabelSet.read(defined).definitions == {"fight": "armed force", "talk": ""}


@pytest.mark.parametrize(
    "content",
    [
        b"just text",
        b"3",
        b"",
        b"- [1",
        b"\xff\xfe",
        b"!!python/object/apply:os.getcwd []",
        b"- 2024-13-45\n",
        b"fight: one meaning\nfight: another meaning\n",
        b"[" * 5_000,
    ],
)
def test_a_bad_label_file_is_refused_with_its_name(tmp_path: Path, content: bytes):
    path = tmp_path / "labels.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="labels"):
        LabelSet.read(path)


def test_a_missing_label_file_is_named(tmp_path: Path):
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: No such file"):
        LabelSet.read(tmp_path / "nowhere.yaml")


def test_the_shipped_labels_all_have_definitions():
    labels = LabelSet.read(DATA / "labels.yaml")
    assert len(labels) == 5
    assert all(labels.definitions[name] for name in labels)


def test_an_unknown_label_names_the_nearest(labels: LabelSet):
    with pytest.raises(DataError, match=r"'fihgt' is not in the label set \(fight, talk, move\); did you mean 'fight'"):
        labels.index("fihgt")
    with pytest.raises(DataError) as caught:
        labels.encode([["weather"]])
    assert "did you mean" not in str(caught.value)


@quick
@given(st.lists(st.sets(st.sampled_from(LABELS))))
def test_encode_and_decode_are_inverse(rows: list[set[str]]):
    labels = LabelSet.of(LABELS)
    coded = labels.encode(rows)
    assert coded.shape == (len(rows), 3)
    assert coded.dtype == np.float32
    assert [set(names) for names in labels.decode(coded > 0)] == rows


def test_a_label_set_survives_json():
    labels = LabelSet.of({"fight": "armed force", "talk": None})
    again = LabelSet.from_json(labels.to_json())
    assert again == labels
    assert again.definitions["fight"] == "armed force"


def test_targets_are_yes_no_or_unknown(labels: LabelSet):
    paragraphs = (Paragraph("a", ("fight",), ("talk",)), Paragraph("b"))
    whole = Article("x", paragraphs).targets(labels)
    assert np.array_equal(whole, np.array([[1, np.nan, 0], [0, 0, 0]], np.float32), equal_nan=True)
    partly = Article("x", paragraphs, annotated=("fight", "talk")).targets(labels)
    assert np.array_equal(partly, np.array([[1, np.nan, np.nan], [0, 0, np.nan]], np.float32), equal_nan=True)


def test_targets_refuse_a_label_outside_the_set(labels: LabelSet):
    with pytest.raises(DataError, match="fihgt"):
        Article("x", (Paragraph("a", ("fihgt",)),)).targets(labels)


def test_an_article_writes_everything_it_was_read_with():
    paragraph = Paragraph("a", ("fight",), ("talk",), {"page": 3})
    article = Article("x", (paragraph,), "t", "2020-01-01", "s", ("fight",), {"style": "wire"})
    assert article.to_json() == {
        "article_id": "x",
        "title": "t",
        "date": "2020-01-01",
        "source": "s",
        "style": "wire",
        "annotated": ["fight"],
        "paragraphs": [{"text": "a", "labels": ["fight"], "uncertain": ["talk"], "page": 3}],
    }
    assert "annotated" not in Article("x", (paragraph,)).to_json()


def test_examples_flatten_articles_in_order(labels: LabelSet):
    articles = make_articles(5)
    examples = Examples.of(articles, labels)
    assert examples.texts == [p.text for article in articles for p in article.paragraphs]
    assert [examples.article_ids[g] for g in examples.groups] == [a.article_id for a in articles for _ in a.paragraphs]
    assert np.array_equal(examples.targets, np.concatenate([a.targets(labels) for a in articles]), equal_nan=True)
    chosen = examples.take([4, 1])
    assert chosen.texts == [examples.texts[4], examples.texts[1]]
    assert np.array_equal(chosen.targets, examples.targets[[4, 1]], equal_nan=True)
    assert [chosen.article_ids[g] for g in chosen.groups] == [examples.article_ids[examples.groups[i]] for i in (4, 1)]


def test_passages_know_their_place_and_what_stands_around_them() -> None:
    article = Article("x", (Paragraph("One.", start=3, end=7), Paragraph("Two.")), title="A headline")
    first, second = article.passages()
    assert (first.paragraph, first.start, first.end, first.previous, first.title) == (0, 3, 7, "", "A headline")
    assert (second.paragraph, second.start, second.previous) == (1, None, "One.")


@pytest.mark.parametrize(
    ("setting", "contexts"),
    [
        ("none", None),
        ("title", ["Headline", "Headline"]),
        ("previous", ["", "One."]),
        ("both", ["Headline", "One.\nHeadline"]),
    ],
)
def test_examples_hold_the_context_asked_for(setting: ContextSetting, contexts: list[str] | None, labels: LabelSet):
    article = Article("x", (Paragraph("One."), Paragraph("Two.")), title=" Headline ")
    examples = Examples.of([article], labels, context=setting)
    assert examples.contexts == contexts
    assert examples.take([1]).contexts == (contexts and contexts[1:])


def test_of_a_long_context_the_title_keeps_its_beginning_and_the_paragraph_its_end():
    title, previous = "begin " + "word " * 200, "word " * 400 + "end"
    context = Passage("x", 1, "text", title=title, previous=previous).context("both")
    kept_previous, kept_title = context.split("\n")
    assert kept_previous.endswith("word end")
    assert kept_title.startswith("begin word")
    assert len(kept_previous) <= PREVIOUS_CHARACTERS
    assert len(kept_title) <= TITLE_CHARACTERS
    assert set(context.split()) == {"begin", "word", "end"}  # no word is cut in two
    assert Passage("x", 1, "text", title="a" * 1_000).context("title") == "a" * TITLE_CHARACTERS


def test_no_articles_make_no_rows(labels: LabelSet):
    examples = Examples.of([], labels)
    assert len(examples) == 0
    assert examples.targets.shape == (0, 3)
    assert len(examples.take([])) == 0


def test_a_labelled_passage_writes_the_promised_record():
    passage = LabelledPassage("x", 2, "a", ("fight",), {"fight": 0.9, "talk": 0.1})
    assert passage.to_json() == {
        "article_id": "x",
        "paragraph": 2,
        "text": "a",
        "labels": ["fight"],
        "scores": {"fight": 0.9, "talk": 0.1},
        "windows": 1,
    }
    placed = LabelledPassage("x", 2, "a", (), {}, windows=3, sentence=0, start=0, end=1)
    assert list(placed.to_json())[5:] == ["windows", "sentence", "start", "end"]


def test_a_missing_extra_gives_the_install_line():
    with pytest.raises(MissingExtraError, match=r"(?s)Charts needs.*pip install 'textclf\[charts\]'") as caught:
        import_extra("no_such_package_of_charts", extra="charts", purpose="Charts")
    assert isinstance(caught.value, (TextclfError, ImportError))
    assert import_extra("json", extra="x", purpose="x").__name__ == "json"


def test_only_a_near_name_is_hinted():
    assert did_you_mean("lables", ["labels", "text"]) == "; did you mean 'labels'?"
    assert did_you_mean("zebra", ["labels", "text"]) == ""
