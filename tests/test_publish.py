"""Folders for a hub: they load here and in transformers, and tell nothing that they should not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import ModelCard

from tests.conftest import LABELS, make_articles
from tests.models import make_encoder
from tests.test_bundle import TEXTS, train_tiny
from tests.test_cli import Run, run
from textclf.adapt import check_target
from textclf.adapt_target import look_at_labelled
from textclf.article_ids import hash_of, met_by, without_ids
from textclf.bundle import load_bundle, read_parts
from textclf.datasets import read_labelled
from textclf.errors import BundleError, DataError
from textclf.evaluate import evaluate
from textclf.leakage import find_leakage, training_articles
from textclf.publish import publish
from textclf.refit import refit_thresholds
from textclf.saved_scores import save_scores

__all__ = ["run"]  # a fixture


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    made: dict[str, Path] = {}

    def get(kind: str) -> Path:
        if kind not in made:
            encoder = None if kind == "tfidf" else make_encoder(tmp_path_factory.mktemp("secret") / "encoder")
            made[kind] = train_tiny(tmp_path_factory.mktemp("secret-place"), kind, encoder=encoder)
        return made[kind]

    return get


@pytest.mark.parametrize("kind", ["tfidf", "finetuned"])
def test_what_is_published_loads_and_says_the_same(kind: str, bundles: Callable[[str], Path], tmp_path: Path) -> None:
    made = publish(bundles(kind), tmp_path / "war-news", license="apache-2.0", language=["en"])
    model, published = load_bundle(bundles(kind)), load_bundle(made.path)
    np.testing.assert_array_equal(model.predict_proba(TEXTS), published.predict_proba(TEXTS))
    assert model.predict(TEXTS) == published.predict(TEXTS)
    assert made.flat == (kind == "finetuned")
    assert made.missing == ()
    assert made.upload == f"hf upload USER/war-news {made.path} ."
    data = ModelCard.load(made.path / "README.md").data
    assert (data.license, data.language, data.model_name) == ("apache-2.0", ["en"], "war-news")
    assert data.library_name == ("transformers" if kind == "finetuned" else "textclf")
    assert "placeholder" in (made.path / "LICENSE").read_text()
    assert "*.safetensors filter=lfs" in (made.path / ".gitattributes").read_text()
    listed = set(json.loads((made.path / "manifest.json").read_text()))
    assert listed == {f.relative_to(made.path).as_posix() for f in made.path.rglob("*") if f.is_file()} - {
        "manifest.json"
    }


def test_a_published_finetuned_model_loads_in_plain_transformers(
    bundles: Callable[[str], Path], tmp_path: Path
) -> None:
    from transformers import AutoModelForSequenceClassification, pipeline

    made = publish(bundles("finetuned"), tmp_path / "war-news")
    model = AutoModelForSequenceClassification.from_pretrained(made.path)
    assert tuple(model.config.id2label.values()) == LABELS
    card = (made.path / "README.md").read_text()
    assert "model='./war-news', top_k=None, function_to_apply=\"sigmoid\"" in card
    classify = pipeline("text-classification", model=str(made.path), top_k=None, function_to_apply="sigmoid")
    found = [{row["label"]: row["score"] for row in rows} for rows in classify(TEXTS, truncation=True)]
    theirs = np.array([[scores[name] for name in LABELS] for scores in found])
    np.testing.assert_allclose(load_bundle(made.path).predict_proba(TEXTS), theirs, atol=1e-5)


@pytest.mark.parametrize("kind", ["tfidf", "finetuned"])
def test_no_article_id_and_no_path_of_this_machine_is_published(
    kind: str, bundles: Callable[[str], Path], tmp_path: Path
) -> None:
    made = publish(bundles(kind), tmp_path / "war-news")
    assert not made.article_ids
    for file in made.path.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert b"article-0" not in content, file
            assert b"secret" not in content, file
    kept = publish(bundles(kind), tmp_path / "open", article_ids=True)
    assert kept.article_ids
    assert b"train-article-001" in (kept.path / "textclf.json").read_bytes()


def test_a_published_model_still_knows_what_it_was_trained_on(bundles: Callable[[str], Path], tmp_path: Path) -> None:
    source = bundles("tfidf")
    made = publish(source, tmp_path / "war-news")
    model = load_bundle(made.path)
    train = read_labelled(source.parent / "train.jsonl", model.labels)
    validation = read_labelled(source.parent / "validation.jsonl", model.labels)
    assert len(find_leakage(model, [a.article_id for a in [*train[:3], *make_articles(4)]]).seen) == 3
    assert len(evaluate(model, train, resamples=100).seen_articles) == 24
    assert len(evaluate(model, validation, resamples=100).fitted_articles) == 12
    assert training_articles(model, [source.parent / "train.jsonl"]) == train
    with pytest.raises(DataError, match="was trained on 24 of the 24"):
        refit_thresholds(made.path, lambda _: train, out=tmp_path / "x")
    with pytest.raises(DataError, match="all 24 articles given"):
        check_target(model, look_at_labelled(model, train))


def test_an_adapted_models_articles_are_hidden_and_known_too(bundles: Callable[[str], Path], tmp_path: Path) -> None:
    articles = make_articles(12, seed=9)
    refit_thresholds(bundles("tfidf"), lambda _: articles, out=tmp_path / "refit")
    made = publish(tmp_path / "refit", tmp_path / "war-news")
    assert b"article-0" not in (made.path / "textclf.json").read_bytes()
    assert len(evaluate(load_bundle(made.path), articles, resamples=100).fitted_articles) == 12


def test_hashes_stand_where_lists_of_ids_stood_and_nothing_else_is_touched() -> None:
    record = {"a": [{"article_ids": ["y", "x"], "n": 1}], "article_ids": 0.5, "articles_seen_in_training": ["z"]}
    hidden = without_ids(record)
    assert hidden == {"a": [{"n": 1, "article_id_sha256": sorted([hash_of("x"), hash_of("y")])}], "article_ids": 0.5}
    known = met_by({"data": {"train": hidden["a"][0]}}, "train")
    assert "x" in known
    assert "z" not in known


def test_a_published_model_takes_scores_and_is_published_again(bundles: Callable[[str], Path], tmp_path: Path) -> None:
    made = publish(bundles("finetuned"), tmp_path / "war-news")
    model, articles = load_bundle(made.path), make_articles(12, seed=9)
    assert save_scores(model, evaluate(model, articles, resamples=100), articles, data=["held_out.jsonl"])
    again = publish(made.path, tmp_path / "again")
    assert again.flat
    assert load_bundle(again.path).card["evaluations"][0]["data"] == "held_out.jsonl"
    assert "### On held_out.jsonl" in (again.path / "README.md").read_text()


def test_a_file_slipped_beside_a_published_model_is_refused(bundles: Callable[[str], Path], tmp_path: Path) -> None:
    made = publish(bundles("finetuned"), tmp_path / "war-news")
    (made.path / ".cache").mkdir()
    (made.path / ".cache/download.json").write_text("{}")  # as hf download leaves it
    (made.path / "LICENSE").write_text("Apache License")
    assert load_bundle(made.path).labels.names == LABELS
    (made.path / "adapter_config.json").write_text("{}")
    with pytest.raises(BundleError, match=r"adapter_config\.json is not in manifest\.json"):
        load_bundle(made.path)


def test_publishing_again_replaces_but_never_what_was_edited(bundles: Callable[[str], Path], tmp_path: Path) -> None:
    first = publish(bundles("finetuned"), tmp_path / "war-news")
    assert publish(bundles("tfidf"), tmp_path / "war-news").path == first.path
    assert read_parts(first.path).card["kind"] == "tfidf"
    (first.path / "LICENSE").write_text("Apache License")
    with pytest.raises(BundleError, match="holds LICENSE beside the model, which would be lost"):
        publish(bundles("tfidf"), tmp_path / "war-news")


def test_a_model_is_not_published_into_itself_nor_when_damaged(
    bundles: Callable[[str], Path], tmp_path: Path, run: Run
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(bundles("tfidf"), copy)
    for place in (copy, copy / "hub", tmp_path):
        with pytest.raises(BundleError, match="must not lie one in the other"):
            publish(copy, place)
    (copy / "model/vocabulary_words.json").write_text("[]")
    code, _, err = run("publish", copy, tmp_path / "hub")
    assert code == 1
    assert "is damaged" in err
    assert not (tmp_path / "hub").exists()


def test_the_command_says_what_to_type(bundles: Callable[[str], Path], tmp_path: Path, run: Run) -> None:
    code, out, _ = run("publish", bundles("finetuned"), tmp_path / "war-news", "--language", "en")
    assert code == 0
    assert f"hf upload USER/war-news {tmp_path}/war-news ." in out
    assert "does not say the license; give --license" in out
    assert "from_pretrained" in out
