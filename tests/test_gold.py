"""Labels of other data: refused until it is said what they are, and then scored as said."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import LABELS, make_articles
from tests.props import quick
from textclf.calibration import Calibration, LabelMap
from textclf.datasets import check_labelled
from textclf.errors import ConfigError, DataError, TextclfWarning
from textclf.gold import Renaming, open_gold
from textclf.labeller import Labeller
from textclf.labels import LabelSet
from textclf.narrowed import narrow_labeller
from textclf.records import Article, Examples, Paragraph

OURS = LabelSet.of(LABELS)
Write = Callable[..., Path]


def article(*paragraphs: tuple[list[str], list[str]], name: str = "a", annotated: list[str] | None = None) -> Any:
    record: dict[str, Any] = {
        "article_id": name,
        "paragraphs": [
            {"text": f"text {i}", "labels": labels, "uncertain": unsure}
            for i, (labels, unsure) in enumerate(paragraphs)
        ],
    }
    return record if annotated is None else {**record, "annotated": annotated}


def opened(path: Path, *pairs: str) -> Any:
    return open_gold([path], OURS, renaming=Renaming.parse(pairs, OURS))


def test_gold_in_our_labels_is_read_as_it_stands(write_jsonl: Write) -> None:
    path = write_jsonl(make_articles(9))
    gold = opened(path)
    assert list(gold) == check_labelled(path, OURS).articles == list(gold)  # again and again
    assert gold.labels.names == LABELS
    assert len(gold) == 9
    assert gold.n_paragraphs == sum(len(a.paragraphs) for a in make_articles(9))


def test_labels_the_model_does_not_know_are_refused_with_the_way_out(write_jsonl: Write) -> None:
    path = write_jsonl([article((["fihgt"], []), (["fihgt", "talk"], ["riot"]))])
    with pytest.raises(DataError) as caught:
        opened(path)
    message = str(caught.value)
    assert "label 'fihgt' (2 paragraph(s), first in article a, paragraph 0)" in message
    assert "did you mean 'fight'?" in message
    assert "--map riot=OURS, or leave it out with --map riot=" in message


def test_a_renaming_says_what_theirs_are(write_jsonl: Write) -> None:
    path = write_jsonl(
        [article((["battle", "riot"], []), ([], ["battle"]), (["shelling"], ["battle"]), (["parley", "riot"], []))]
    )
    gold = opened(path, "battle=fight", "shelling=fight", "parley=talk", "parley=move", "riot=")
    (found,) = gold
    assert [p.labels for p in found.paragraphs] == [("fight",), (), ("fight",), ("talk", "move")]
    assert [p.uncertain for p in found.paragraphs] == [(), ("fight",), (), ()]


def test_a_label_stands_for_several_of_theirs_only_where_all_were_looked_for(write_jsonl: Write) -> None:
    path = write_jsonl(
        [
            article((["battle"], []), ([], []), annotated=["battle", "talk"]),
            article((["shelling"], []), ([], []), name="b", annotated=["battle", "shelling", "talk", "move"]),
        ]
    )
    gold = opened(path, "battle=fight", "shelling=fight")
    targets = [a.targets(OURS).tolist() for a in gold]
    assert np.array_equal(targets[0], [[1, 0, np.nan], [np.nan, 0, np.nan]], equal_nan=True)
    assert targets[1] == [[1, 0, 0], [0, 0, 0]]


def test_labels_nobody_looked_for_are_refused_or_not_scored(write_jsonl: Write) -> None:
    path = write_jsonl([article((["fight"], []), annotated=["fight", "talk"])])
    with pytest.raises(DataError, match=r"'move' of the model was looked for in no article .*--map =move"):
        opened(path)
    assert opened(path, "=move").labels.names == ("fight", "talk")


def test_a_label_absent_from_other_labels_must_be_spoken_of(write_jsonl: Write) -> None:
    path = write_jsonl([article((["battle"], []), (["talk"], []))])
    with pytest.raises(DataError, match=r"'move' of the model stands nowhere .*--map move=move"):
        opened(path, "battle=fight")
    assert opened(path, "battle=fight", "=move").labels.names == ("fight", "talk")
    (found,) = opened(path, "battle=fight", "move=move")
    assert found.targets(OURS)[:, 2].tolist() == [0, 0]


def test_a_label_that_only_happens_to_be_absent_is_no_fault(write_jsonl: Write) -> None:
    assert opened(write_jsonl([article((["fight"], []))])).labels.names == LABELS


def test_columns_of_a_table_are_renamed_too(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("article_id,text,battle,talk\na,one,1,0\na,two,,1\n")
    (found,) = opened(path, "battle=fight", "=move")
    assert np.array_equal(found.targets(OURS)[:, :2], [[1, 0], [np.nan, 1]], equal_nan=True)


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (["fight"], "write theirs=ours"),
        (["="], "write theirs=ours"),
        (["battle=fihgt"], "did you mean 'fight'"),
        (["battle=fight", "battle="], "both what it is and that it is left out"),
        (["battle=", "battle=fight"], "both what it is and that it is left out"),
        (["battle=move", "=move"], "both what it is and that it is left out"),
        (["=fight", "=talk", "=move"], "nothing to score"),
    ],
)
def test_a_renaming_that_says_nothing_is_refused(pairs: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Renaming.parse(pairs, OURS)


def test_a_name_that_stands_nowhere_is_warned_of(write_jsonl: Write) -> None:
    path = write_jsonl([article((["battle"], []), (["talk", "move"], []))])
    with pytest.warns(TextclfWarning, match="'battel', which stands nowhere in the data; did you mean 'battle'"):
        opened(path, "battle=fight", "battel=fight")


def test_faults_come_first_and_all_at_once(write_jsonl: Write, tmp_path: Path) -> None:
    good = write_jsonl([article((["riot"], []))])
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"article_id": "b", "paragraphs": []}\n{broken\n' + json.dumps(article(([], []), name="a")) + "\n")
    with pytest.raises(DataError, match=r"3 fault\(s\)") as caught:
        open_gold([good, bad], OURS)
    assert f"this article also stands in {good}" in str(caught.value)
    assert "bad.jsonl:2: broken JSON" in str(caught.value)


def test_files_that_change_under_way_are_noticed(write_jsonl: Write) -> None:
    path = write_jsonl(make_articles(3))
    gold = opened(path)
    path.write_text("{broken\n")
    with pytest.raises(DataError, match="broken JSON"):
        list(gold)


@quick
@given(columns=st.lists(st.sampled_from(LABELS), unique=True, min_size=1), seed=st.integers(0, 5))
def test_a_narrowed_model_says_of_its_labels_what_the_whole_one_does(columns: list[str], seed: int) -> None:
    class Chance:
        labels = OURS

        def predict_proba(self, texts: Any, contexts: Any = None) -> np.ndarray:
            return np.random.default_rng(len(texts)).random((len(texts), 3)).astype(np.float32)

    maps = (LabelMap("platt", slope=2.0, intercept=0.5), LabelMap(), LabelMap("platt", slope=0.5, intercept=-1.0))
    whole = Labeller(Chance(), Calibration(maps), np.array([0.2, 0.5, 0.8]))
    narrow = narrow_labeller(whole, LabelSet.of(columns))
    texts = ["a", " ", *["b"] * seed]
    chosen = [LABELS.index(name) for name in columns]
    assert np.array_equal(narrow.predict_proba(texts), whole.predict_proba(texts)[:, chosen])
    assert [set(labels) for labels in narrow.predict(texts)] == [set(c) & set(columns) for c in whole.predict(texts)]
    assert narrow_labeller(whole, OURS) is whole


def test_scoring_in_windows_is_scoring_at_once() -> None:
    from textclf.scoring import score_articles, windows

    class ByText:
        labels = OURS

        def predict_proba(self, texts: Any, contexts: Any = None) -> np.ndarray:
            beside = contexts or [""] * len(texts)
            seen = [[len(t) % 7 / 7, len(c) % 5 / 5, 0.3] for t, c in zip(texts, beside, strict=True)]
            return np.array(seen, np.float32).reshape(len(texts), 3)

    card = {"config": {"data": {"context": "both"}}}
    model = Labeller(ByText(), Calibration((LabelMap(),) * 3), np.full(3, 0.5), card=card)
    other = replace(model, card={})
    articles = [*make_articles(20), Article("empty", ()), Article("last", (Paragraph("x"),))]
    parts = list(windows(articles, size=7))
    assert [a for part in parts for a in part] == articles
    assert all(sum(len(a.paragraphs) for a in part) >= 7 for part in parts[:-1])
    examples, scored = score_articles([model, other], iter(articles))
    whole = Examples.of(articles, OURS, context="both")
    assert np.array_equal(examples.groups, whole.groups)
    assert np.array_equal(examples.targets, whole.targets, equal_nan=True)
    assert examples.article_ids == whole.article_ids
    assert len(examples) == len(whole)
    assert np.array_equal(scored[0].probabilities, model.predict_proba(whole.texts, whole.contexts))
    assert np.array_equal(scored[1].probabilities, other.predict_proba(whole.texts))
