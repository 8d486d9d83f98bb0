"""Model cards: metadata a hub reads, plain words, and nothing in a label's name that becomes markup."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from huggingface_hub import ModelCard
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.conftest import LABELS, make_articles
from tests.props import quick
from tests.test_bundle import train_tiny
from textclf.bundle import load_bundle
from textclf.config import build_config, load_config
from textclf.errors import BundleError
from textclf.evaluate import evaluate
from textclf.markdown import code, escaped, plain
from textclf.model_card import write_model_card
from textclf.model_metadata import base_models, metadata
from textclf.refit import refit_thresholds
from textclf.saved_scores import describe_scores
from textclf.train import is_trained

MARKUP = {"html_inline", "html_block", "link_open", "image", "em_open", "strong_open", "code_inline", "s_open"}
HOSTILE = [
    "**bold** _or_ `code`",
    "[link](http://example.org) ![x](y)",
    "<script>alert(1)</script>",
    "a \\ b & c &amp; $x$ ~~d~~",
    "---",
    "# title",
    "a__b__ snake_case _x",
    "1. one",
    "- item: 'quoted' \"twice\"",
    "{{ jinja }} {% raw %} ${HOME}",
    "```",
    "\u202etnuocer",
    "line\nbreak\n---\nlicense: mit",
]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tiny(tmp_path_factory.mktemp("card"), "tfidf")


@pytest.fixture(scope="module")
def card(bundle: Path) -> dict[str, Any]:
    return dict(load_bundle(bundle).card)


@pytest.fixture(scope="module")
def scores(bundle: Path) -> dict[str, Any]:
    model = load_bundle(bundle)
    found = evaluate(model, make_articles(12, seed=9), resamples=100)
    return describe_scores(found, "ab" * 32, data=["/home/anna/held_out.jsonl"])


def tokens_of(markdown: str) -> list[Token]:
    body = markdown.split("\n---\n", 1)[1]
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(body)


def inline_kinds(tokens: list[Token]) -> set[str]:
    return {child.type for token in tokens for child in token.children or ()} | {token.type for token in tokens}


def shown(token: Token) -> str:
    return "".join(child.content for child in token.children or ())


def cells_of(tokens: list[Token]) -> list[str]:
    return [shown(tokens[i + 1]) for i, token in enumerate(tokens) if token.type == "td_open"]


def with_labels(card: dict[str, Any], names: list[str], definitions: list[str]) -> dict[str, Any]:
    """Return a card whose labels have other names and definitions."""
    text = json.dumps(card)
    for number in range(len(names)):
        text = text.replace(json.dumps(LABELS[number]), json.dumps(f"\x00{number}"))
    renamed = json.loads(text, object_pairs_hook=lambda pairs: {restore(k, names): v for k, v in pairs})
    pairs = zip(names, definitions, strict=True)
    return {**renamed, "labels": [{"name": name, "definition": text} for name, text in pairs]}


def restore(key: str, names: list[str]) -> str:
    return names[int(key[1:])] if key.startswith("\x00") else key


def test_train_writes_a_card_that_the_manifest_lists(bundle: Path) -> None:
    text = (bundle / "README.md").read_text(encoding="utf-8")
    assert "README.md" in json.loads((bundle / "manifest.json").read_text())
    titles = re.findall(r"^## (.*)$", text, flags=re.MULTILINE)
    assert titles == [
        "What it labels",
        "How good it is",
        "Thresholds and calibration",
        "How to use it",
        "What it was trained on",
        "Limits",
        "How it was made",
    ]
    train = json.loads((bundle / "textclf.json").read_text())["data"]["train"]
    assert train["sha256"] in text
    assert "| to learn from | 24 |" in text
    assert "flatter" in text
    assert str(bundle.parent) not in text.split("## How it was made")[0]


def test_the_hub_reads_the_scores_and_leaves_licence_and_language_to_the_user(
    card: dict[str, Any], scores: dict[str, Any]
) -> None:
    before = ModelCard(write_model_card(card, name="tiny")).data
    assert (before.library_name, before.pipeline_tag) == ("textclf", "text-classification")
    assert before.license is None
    assert before.language is None
    assert {"flatters" in each.dataset_name for each in before.eval_results} == {True}
    after = ModelCard(write_model_card({**card, "evaluations": [scores]}, name="tiny")).data
    assert after.model_name == "tiny"
    found = {each.metric_name: each for each in after.eval_results}
    assert {each.dataset_name for each in found.values()} == {"held_out.jsonl"}
    assert found["macro-F1"].metric_value == scores["macro_f1"]
    assert found["macro-F1"].metric_type == "f1"
    assert found["macro-F1"].metric_args["interval"] == scores["intervals"]["macro_f1"]


def test_scores_of_several_sets_stay_apart_when_the_hub_writes_them_anew(
    card: dict[str, Any], scores: dict[str, Any]
) -> None:
    other = {**scores, "data": "unseen.jsonl", "sha256": "cd" * 32, "macro_f1": 0.25}
    text = write_model_card({**card, "evaluations": [scores, other]}, name="tiny")
    again = ModelCard(str(ModelCard(text))).data
    values = {e.dataset_name: e.metric_value for e in again.eval_results if e.metric_name == "macro-F1"}
    assert values == {"held_out.jsonl": scores["macro_f1"], "unseen.jsonl": 0.25}


def test_what_the_config_says_of_the_card_stands_in_it(card: dict[str, Any]) -> None:
    own = {"language": ["en", "es"], "license": "apache-2.0", "datasets": ["someone/news"]}
    told = {**card, "config": {**card["config"], "card": own}}
    data = ModelCard(write_model_card(told, name="tiny")).data
    assert (data.language, data.license, data.datasets) == (["en", "es"], "apache-2.0", ["someone/news"])
    assert "Language: en, es." in write_model_card(told, name="tiny")


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ({"kind": "finetuned", "options": {"encoder": "FacebookAI/roberta-base"}}, ["FacebookAI/roberta-base"]),
        ({"kind": "finetuned", "options": {"encoder": "/home/anna/encoders/ours"}}, []),
        ({"kind": "finetuned", "options": {"encoder": "tests/models.py"}}, []),
        ({"kind": "tfidf", "options": {}}, []),
        (
            {
                "kind": "ensemble",
                "options": {
                    "members": [
                        {"kind": "tfidf", "options": {}},
                        {"kind": "static", "options": {"encoder": "a/b"}},
                        {"kind": "finetuned", "options": {"encoder": "a/b"}},
                    ]
                },
            },
            ["a/b"],
        ),
    ],
)
def test_only_encoders_of_the_hub_are_named_as_base_models(
    model: dict[str, Any], expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(__file__).parent.parent)
    assert base_models({"config": {"model": model}}) == expected
    exported = {"config": {"model": {"kind": "onnx", "options": {}}}, "export": {"from": {"model": model}}}
    assert base_models(exported) == expected


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_is_shown_as_it_is(text: str) -> None:
    (cell,) = [t for t in MarkdownIt("commonmark").enable("table").parse(f"| a |\n| --- |\n| {escaped(text)} |")
               if t.type == "inline" and shown(t) != "a"]  # fmt: skip
    assert shown(cell) == plain(text)
    assert not inline_kinds([cell]) & MARKUP


@quick
@given(st.text(max_size=60))
def test_no_text_becomes_markup(text: str) -> None:
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(f"| a |\n| --- |\n| x {escaped(text)} |")
    assert cells_of(tokens) == [f"x {plain(text)}".strip()]
    assert not inline_kinds(tokens) & MARKUP


@quick
@given(st.text(alphabet="`~\n ab", max_size=40))
def test_no_code_ends_its_block(content: str) -> None:
    tokens = MarkdownIt("commonmark").parse("\n".join([*code(content, language="yaml"), "", "after"]))
    assert [token.type for token in tokens][:2] == ["fence", "paragraph_open"]


def test_hostile_labels_definitions_and_file_names_leave_the_card_as_it_was_laid_out(
    card: dict[str, Any], scores: dict[str, Any]
) -> None:
    quiet = tokens_of(write_model_card({**card, "evaluations": [scores]}, name="tiny"))
    for first in range(0, len(HOSTILE) - 1, 3):
        definitions = [HOSTILE[(first + i) % len(HOSTILE)] for i in range(3)]
        names = [plain(text).replace("|", "") for text in definitions]
        told = with_labels({**card, "evaluations": [scores]}, names, definitions)
        told["evaluations"][0]["data"] = definitions[0]
        text = write_model_card(told, name=definitions[1])
        tokens = tokens_of(text)
        assert [t.type for t in tokens] == [t.type for t in quiet]
        assert cells_of(tokens)[:6:2] == names
        assert cells_of(tokens)[1:6:2] == [plain(each) for each in definitions]
        data = ModelCard(text).data
        assert data.license is None
        assert {each.dataset_name for each in data.eval_results} == {plain(definitions[0])}


def test_a_model_without_data_or_scores_has_a_card_too(card: dict[str, Any]) -> None:
    bare = {k: v for k, v in card.items() if k not in ("data", "corpus", "validation_scores", "threshold_fit")}
    text = write_model_card(bare, name="tiny")
    assert "Nothing is known of that" in text
    assert "model-index" not in metadata(bare, name="tiny")
    assert ModelCard(text).data.library_name == "textclf"


def test_an_undefined_score_is_no_number_in_the_card(card: dict[str, Any], scores: dict[str, Any]) -> None:
    per_label = {**scores["per_label"], "talk": {**scores["per_label"]["talk"], "f1": None}}
    told = {**card, "evaluations": [{**scores, "macro_f1": None, "per_label": per_label}]}
    text = write_model_card(told, name="tiny")
    assert "| macro-F1 | – |" in text
    assert "macro-F1" not in {each.metric_name for each in ModelCard(text).data.eval_results}


def test_a_bundle_without_a_card_is_loaded_and_may_be_replaced(bundle: Path, tmp_path: Path) -> None:
    old = tmp_path / "old"
    shutil.copytree(bundle, old)
    (old / "README.md").unlink()
    manifest = json.loads((old / "manifest.json").read_text())
    del manifest["README.md"]
    (old / "manifest.json").write_text(json.dumps(manifest))
    assert load_bundle(old).labels.names == LABELS
    refit_thresholds(old, out=old, by_hand={"fight": 0.5})
    assert "| fight | 0.500 | by hand |" in (old / "README.md").read_text()


def test_an_edited_card_does_no_harm_and_is_not_lost(bundle: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(bundle, copy)
    (copy / "README.md").write_text("my own words")
    assert load_bundle(copy).labels.names == LABELS
    with pytest.raises(BundleError, match=r"holds README\.md beside the model, which would be lost"):
        refit_thresholds(bundle, out=copy, by_hand={"fight": 0.5})
    assert (copy / "README.md").read_text() == "my own words"


def test_a_changed_model_tells_what_was_changed_and_keeps_no_scores_of_the_old_one(
    bundle: Path, scores: dict[str, Any], tmp_path: Path
) -> None:
    from textclf.bundle import rewrite_card

    copy = tmp_path / "copy"
    shutil.copytree(bundle, copy)
    rewrite_card(copy, {**load_bundle(copy).card, "evaluations": [scores]})
    assert "### On held" in (copy / "README.md").read_text()
    made = refit_thresholds(copy, out=tmp_path / "new", by_hand={"fight": 2.0})
    text = (tmp_path / "new/README.md").read_text()
    assert "evaluations" not in made.model.card
    assert "It has not been scored on held-out articles" in text
    assert "It never gives fight." in text
    assert "as it was trained, before it was adapted" in text


def test_labels_that_were_not_scored_are_named(card: dict[str, Any], scores: dict[str, Any]) -> None:
    per_label = {name: told for name, told in scores["per_label"].items() if name != "talk"}
    text = write_model_card({**card, "evaluations": [{**scores, "per_label": per_label}]}, name="tiny")
    assert "Not scored here: talk." in text


def test_the_config_in_the_card_is_one_that_trains(bundle: Path, tmp_path: Path) -> None:
    text = (bundle / "README.md").read_text(encoding="utf-8")
    config = text.rpartition("```yaml\n")[2].rpartition("```")[0]
    (tmp_path / "again.yaml").write_text(config, encoding="utf-8")
    again = load_config(tmp_path / "again.yaml", overrides=[f"out={bundle}"])
    assert is_trained(again)


@pytest.mark.parametrize(("given", "expected"), [("en", ("en",)), (["en", "es"], ("en", "es"))])
def test_a_config_says_language_and_licence(bundle: Path, given: Any, expected: tuple[str, ...]) -> None:
    settings = {"labels": list(LABELS), "data": {"train": str(bundle.parent / "train.jsonl")}}
    own = {"language": given, "license": "mit"}
    config = build_config(
        {**settings, "model": {"kind": "tfidf"}, "card": own}, name="x", near=bundle / "x.yaml", source="x"
    )
    assert (config.card.language, config.card.license, config.card.datasets) == (expected, "mit", ())


def test_a_card_still_in_memory_gives_the_same_page(card: dict[str, Any]) -> None:
    settings = {**card["config"], "labels": tuple(map(np.str_, LABELS)), "seed": 3}
    in_memory = {**card, "labels": tuple({**each, "name": np.str_(each["name"])} for each in card["labels"])}
    read_back = {**card, "config": {**card["config"], "seed": 3}}
    assert write_model_card({**in_memory, "config": settings}, name="x") == write_model_card(read_back, name="x")
