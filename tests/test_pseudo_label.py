"""Labelling unlabelled articles where a model is sure: what is written, what is left open, what is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import LABELS, WORDS, make_articles
from tests.test_cli import Run, project, run
from textclf.bundle import CARD, MANIFEST, load_bundle
from textclf.calibration import log_odds
from textclf.config import load_config
from textclf.datasets import read_labelled
from textclf.errors import BundleError, ConfigError, DataError, TextclfWarning
from textclf.files import sha256_of
from textclf.pseudo_label import pseudo_label
from textclf.train import train

__all__ = ["project", "run"]  # fixtures

Write = Callable[..., Path]


def fresh(n: int = 30, *, seed: int = 7) -> list[dict[str, Any]]:
    """Return unlabelled articles under ids of their own, a blank paragraph in the first."""
    made = [{**a.to_json(), "article_id": f"fresh-{i}"} for i, a in enumerate(make_articles(n, seed=seed))]
    bare = [{**record, "paragraphs": [{"text": p["text"]} for p in record["paragraphs"]]} for record in made]
    bare[0]["paragraphs"].append({"text": "  "})
    return bare


def change_card(bundle: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change a bundle's card, and its manifest accordingly."""
    card = json.loads((bundle / CARD).read_text())
    change(card)
    (bundle / CARD).write_text(json.dumps(card))
    manifest = json.loads((bundle / MANIFEST).read_text())
    manifest[CARD] = {"size": (bundle / CARD).stat().st_size, "sha256": sha256_of(bundle / CARD)}
    (bundle / MANIFEST).write_text(json.dumps(manifest))


@pytest.fixture
def model(project: Path, tmp_path: Path) -> Path:
    """A baseline as a bundle of this test's own."""
    return shutil.copytree(project / "runs" / "tfidf", tmp_path / "model")


def test_labels_stand_where_the_model_is_sure_and_are_unknown_elsewhere(
    model: Path, tmp_path: Path, write_jsonl: Write
) -> None:
    found = pseudo_label(model, [write_jsonl(fresh())], out=tmp_path / "out.jsonl", confidence=0.8)
    loaded = load_bundle(model)
    articles = read_labelled(tmp_path / "out.jsonl", loaded.labels)
    p = loaded.predict_proba([paragraph.text for article in articles for paragraph in article.paragraphs])
    wanted = np.where(p > 0.8, 1, np.where(p < 0.2, 0, np.nan))
    said = np.concatenate([article.targets(loaded.labels) for article in articles])
    np.testing.assert_array_equal(said, wanted)
    assert {0.0, 1.0} <= set(said[~np.isnan(said)])
    assert found.n_articles == 30
    assert found.n_paragraphs == len(said)
    assert [found.yes[name] for name in loaded.labels] == (said == 1).sum(axis=0).tolist()
    assert [found.no[name] for name in loaded.labels] == (said == 0).sum(axis=0).tolist()


def test_each_article_says_which_model_labelled_it(model: Path, tmp_path: Path, write_jsonl: Write) -> None:
    pseudo_label(model, [write_jsonl(fresh(3))], out=tmp_path / "out.jsonl", confidence=0.8)
    articles = read_labelled(tmp_path / "out.jsonl", load_bundle(model).labels)
    by = {"sha256": sha256_of(model / MANIFEST), "kind": "tfidf", "confidence": 0.8}
    assert [article.extra["pseudo_labelled_by"] for article in articles] == [by] * 3
    assert [article.title for article in articles] == ["Headline 0", "Headline 1", "Headline 2"]
    assert all(set(article.annotated or ()) == set(LABELS) for article in articles)


@pytest.mark.filterwarnings("ignore:label .* is never")
def test_a_precision_holds_on_the_articles_it_was_fitted_on(project: Path, model: Path, tmp_path: Path) -> None:
    """The validation articles, under other ids: of the answers given there, so many are right."""
    loaded = load_bundle(model)
    validation = read_labelled(project / "data" / "validation.jsonl", loaded.labels)
    renamed = [{**article.to_json(), "article_id": f"new-{article.article_id}"} for article in validation]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(record) + "\n" for record in renamed))
    found = pseudo_label(model, [tmp_path / "in.jsonl"], out=tmp_path / "out.jsonl", precision=0.8)
    said = np.concatenate([a.targets(loaded.labels) for a in read_labelled(tmp_path / "out.jsonl", loaded.labels)])
    truth = np.concatenate([a.targets(loaded.labels) for a in validation])
    for answer in (0, 1):
        given = (said == answer) & ~np.isnan(truth)
        assert (truth[given] == answer).mean() >= 0.8
    assert sum(found.yes.values()) > 10
    assert sum(found.no.values()) > 10


def test_a_model_is_trained_on_both_files(project: Path, model: Path, tmp_path: Path, write_jsonl: Write) -> None:
    pseudo_label(model, [write_jsonl(fresh())], out=tmp_path / "more.jsonl", confidence=0.7)
    config = load_config(
        project / "configs" / "tfidf.yaml",
        overrides=[f"data.train=[{project / 'data' / 'train.jsonl'}, {tmp_path / 'more.jsonl'}]"],
    )
    assert train(config, out=tmp_path / "next").model.card["data"]["train"]["articles"] == 54


def test_a_label_that_cannot_be_vouched_for_is_not_annotated(model: Path, tmp_path: Path, write_jsonl: Write) -> None:
    def forget(card: dict[str, Any]) -> None:
        card["thresholds"]["talk"] = 2.0
        card["shares"]["move"] |= {"positives": 2, "known": 4, "yes_scores": [1.0, 2.0], "lowest_yes": [1.0, 2.0]}
        card["shares"]["move"] |= {"no_scores": [-1.0, -2.0], "highest_no": [-1.0, -2.0]}

    change_card(model, forget)
    with pytest.warns(TextclfWarning, match="'(talk|move)' is never yes and never no"):
        found = pseudo_label(model, [write_jsonl(fresh())], out=tmp_path / "out.jsonl", precision=0.8)
    assert not found.cut_offs["talk"].decides
    articles = read_labelled(tmp_path / "out.jsonl", load_bundle(model).labels)
    assert {article.annotated for article in articles} == {("fight",)}
    assert found.yes["fight"] > 0


def test_training_articles_are_left_out_and_held_out_ones_refused(
    project: Path, model: Path, tmp_path: Path, write_jsonl: Write
) -> None:
    known = [json.loads(line) for line in (project / "data" / "train.jsonl").read_text().splitlines()]
    with pytest.warns(TextclfWarning, match=r"2 article\(s\) are ones the model was trained on \(train-0, train-1\)"):
        found = pseudo_label(model, [write_jsonl([*known[:2], *fresh(4)])], out=tmp_path / "out.jsonl", confidence=0.8)
    assert found.n_articles == 4
    fitted = [json.loads(line) for line in (project / "data" / "validation.jsonl").read_text().splitlines()]
    with pytest.raises(DataError, match="article validation-3 is one the model's thresholds were fitted on"):
        pseudo_label(model, [write_jsonl([*fresh(4), fitted[3]])], out=tmp_path / "no.jsonl", confidence=0.8)
    for given in (project / "data" / "test.jsonl", project / "data", project / "data" / "validation.jsonl"):
        with pytest.raises(DataError, match=r"which the model at .* has for its (test|validation) articles"):
            pseudo_label(model, [given], out=tmp_path / "no.jsonl", confidence=0.8)
    with pytest.raises(DataError, match="no paragraph in the input that the model was not trained on"):
        pseudo_label(model, [write_jsonl(known)], out=tmp_path / "no.jsonl", confidence=0.8)
    assert not (tmp_path / "no.jsonl").exists()


def test_an_article_in_two_places_is_refused(model: Path, tmp_path: Path, write_jsonl: Write) -> None:
    records = fresh(3)
    with pytest.raises(DataError, match="article fresh-0 stands in two places"):
        pseudo_label(model, [write_jsonl([*records, records[0]])], out=tmp_path / "out.jsonl", confidence=0.8)


def test_a_bundle_that_does_not_tell_its_scores_is_refused_for_a_precision(
    model: Path, tmp_path: Path, write_jsonl: Write
) -> None:
    change_card(model, lambda card: card["shares"]["talk"].pop("highest_no"))
    with pytest.raises(BundleError, match="Train it again, or give a confidence"):
        pseudo_label(model, [write_jsonl(fresh(2))], out=tmp_path / "out.jsonl")
    assert pseudo_label(model, [write_jsonl(fresh(2))], out=tmp_path / "out.jsonl", confidence=0.8).n_articles == 2


@pytest.mark.parametrize(
    ("out", "how", "told"),
    [
        ("out.jsonl", {"precision": 0.9, "confidence": 0.9}, "not both"),
        ("out.jsonl", {"precision": 1.0}, "precision must be above 0.5 and below 1, not 1"),
        ("out.jsonl", {"confidence": 0.5}, "confidence must be above 0.5"),
        ("out.csv", {}, r"let it end in \.jsonl"),
    ],
)
def test_what_cannot_be_done_is_told_first(tmp_path: Path, out: str, how: dict[str, float], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        pseudo_label(tmp_path / "nowhere", ["x"], out=tmp_path / out, **how)


def test_a_label_over_and_under_its_cut_offs(model: Path, tmp_path: Path) -> None:
    """One paragraph from a page, above a confidence that lies just beneath its probability, and not above the next."""
    (tmp_path / "page.txt").write_text(f"A quiet headline\n\n{WORDS['fight'].capitalize()} on Tuesday.\n")
    loaded = load_bundle(model)
    p = float(loaded.predict_proba([f"{WORDS['fight'].capitalize()} on Tuesday."])[0, 0])
    assert log_odds(np.array([p]))[0] > 0
    for confidence, wanted in ((p - 0.01, ("fight",)), (p + 0.001, ())):
        pseudo_label(model, [tmp_path / "page.txt"], out=tmp_path / "out.jsonl", confidence=confidence)
        (article,) = read_labelled(tmp_path / "out.jsonl", loaded.labels)
        assert tuple(name for name in article.paragraphs[0].labels if name == "fight") == wanted


def test_the_command_shows_where_labels_were_sure(project: Path, run: Run, tmp_path: Path, write_jsonl: Write) -> None:
    model, out = project / "runs" / "tfidf", tmp_path / "more.jsonl"
    code, shown, _ = run("pseudo-label", model, write_jsonl(fresh()), "--out", out, "--confidence", "0.8")
    assert code == 0
    assert "yes above" in shown
    assert "0.800" in shown
    assert "name it under data.train" in shown
    assert len(out.read_text().splitlines()) == 30
    code, _, told = run("pseudo-label", model, project / "data" / "test.jsonl", "--out", tmp_path / "x.jsonl")
    assert code == 1
    assert "has for its test articles" in told
