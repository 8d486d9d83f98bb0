"""Keeping held-out scores with a model: in its card, whole or not at all, and only where they are held out."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import make_articles
from tests.test_bundle import train_tiny
from tests.test_cli import Run, run
from textclf.bundle import load_bundle
from textclf.evaluate import evaluate
from textclf.files import written_aside
from textclf.saved_scores import NotSavedError, save_scores

__all__ = ["run"]  # a fixture


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tiny(tmp_path_factory.mktemp("scores"), "tfidf")


@pytest.fixture
def bundle(trained: Path, tmp_path: Path) -> Path:
    shutil.copytree(trained, tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def held_out(tmp_path: Path) -> Path:
    lines = [json.dumps(article.to_json()) for article in make_articles(12, seed=9)]
    (tmp_path / "held_out.jsonl").write_text("\n".join(lines))
    return tmp_path / "held_out.jsonl"


def state(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}


def save(bundle: Path, *, seed: int = 9, data: str = "x.jsonl") -> bool:
    model, articles = load_bundle(bundle), make_articles(12, seed=seed)
    return save_scores(model, evaluate(model, articles, resamples=100), articles, data=[data])


def card_of(bundle: Path) -> dict[str, Any]:
    return dict(json.loads((bundle / "textclf.json").read_text()))


def test_evaluate_keeps_scores_only_when_asked(bundle: Path, held_out: Path, run: Run) -> None:
    before = state(bundle)
    code, _, _ = run("evaluate", bundle, held_out)
    assert (code, state(bundle)) == (0, before)
    code, out, _ = run("evaluate", bundle, held_out, "--save-scores", "--json", bundle.parent / "s.json")
    assert code == 0
    assert "the scores are in" in out
    (entry,) = card_of(bundle)["evaluations"]
    written = json.loads((bundle.parent / "s.json").read_text())
    for told in written["per_label"].values():
        del told["reliability"]  # too long to be kept
    assert entry["data"] == "held_out.jsonl"
    assert {key: entry[key] for key in ("n_articles", "macro_f1", "per_label", "intervals")} == {
        key: written[key] for key in ("n_articles", "macro_f1", "per_label", "intervals")
    }
    assert len(entry["sha256"]) == 64
    assert "### On held_out.jsonl" in (bundle / "README.md").read_text()
    assert load_bundle(bundle).card["evaluations"] == [entry]
    after = state(bundle)
    assert {name for name in after if after[name] != before[name]} == {"textclf.json", "README.md", "manifest.json"}


def test_the_newest_scores_of_each_data_set_are_kept(bundle: Path) -> None:
    save(bundle, seed=9, data="one.jsonl")
    save(bundle, seed=10, data="two.jsonl")
    save(bundle, seed=9, data="renamed.jsonl")  # the same articles
    save(bundle, seed=11, data="two.jsonl")  # the same name, other articles
    found = card_of(bundle)["evaluations"]
    assert [each["data"] for each in found] == ["renamed.jsonl", "two.jsonl"]


def test_what_else_lies_in_the_folder_stays(bundle: Path) -> None:
    (bundle / "notes.txt").write_text("years of work")
    (bundle / "README.md").write_text("my own words")
    assert not save(bundle)
    assert (bundle / "notes.txt").read_text() == "years of work"
    assert (bundle / "README.md").read_text() == "my own words"
    assert len(load_bundle(bundle).card["evaluations"]) == 1
    (bundle / "README.md").unlink()
    assert save(bundle, data="y.jsonl")
    assert (bundle / "README.md").is_file()


def test_a_read_only_bundle_is_only_noted(bundle: Path, held_out: Path, run: Run) -> None:
    before = state(bundle)
    bundle.chmod(0o555)
    code, out, _ = run("evaluate", bundle, held_out, "--save-scores")
    bundle.chmod(0o755)
    assert code == 0
    assert "macro-F1" in out
    assert "the scores were not saved with the model" in out
    assert "read-only" in out
    assert state(bundle) == before


def test_scores_on_training_articles_are_not_kept(bundle: Path, trained: Path, run: Run) -> None:
    before = state(bundle)
    training = trained.parent / "train.jsonl"
    code, out, _ = run("evaluate", bundle, training, "--allow-leakage", "--save-scores")
    assert code == 0
    assert "no held-out scores" in out
    assert state(bundle) == before


def test_scores_of_another_model_are_not_kept(bundle: Path, tmp_path: Path) -> None:
    model, articles = load_bundle(bundle), make_articles(12, seed=9)
    found = evaluate(model, articles, resamples=100)
    (tmp_path / "other").mkdir()
    other = train_tiny(tmp_path / "other", "tfidf", seed=5)
    shutil.rmtree(bundle)
    shutil.copytree(other, bundle)
    with pytest.raises(NotSavedError, match="another model has been written"):
        save_scores(model, found, articles, data=["x.jsonl"])


def test_a_failure_on_the_way_leaves_the_bundle_as_it_was(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = state(bundle)

    def fail(*arguments: object, **options: object) -> str:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("textclf.model_card.write_model_card", fail)
    with pytest.raises(NotSavedError, match="No space left"):
        save(bundle)
    assert state(bundle) == before
    assert [path.name for path in bundle.parent.iterdir() if path.name.startswith(".")] == []


def test_where_files_cannot_be_linked_they_are_copied(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise PermissionError(1, "not here")

    monkeypatch.setattr("textclf.bundle.os.link", refuse)
    assert save(bundle)
    assert len(load_bundle(bundle).card["evaluations"]) == 1


def test_a_bundle_behind_a_link_stays_behind_it(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "latest").symlink_to(bundle)
    save(tmp_path / "latest")
    assert (tmp_path / "latest").is_symlink()
    assert len(card_of(bundle)["evaluations"]) == 1


def test_a_copy_that_shares_its_files_is_not_written_into(bundle: Path, tmp_path: Path) -> None:
    shutil.copytree(bundle, tmp_path / "shared", copy_function=os.link)
    before = state(tmp_path / "shared")
    save(bundle)
    assert state(tmp_path / "shared") == before
    with written_aside(tmp_path / "probe") as aside:  # nothing of ours is left that would be removed here
        aside.write_text("")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model", "probe", "shared"]
