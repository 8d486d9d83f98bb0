"""What a model has met before is found, by name and as copies, and refused by the command alone."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import LABELS, make_articles
from textclf.bundle import load_bundle
from textclf.cli import main
from textclf.config import build_config
from textclf.errors import DataError, TextclfWarning
from textclf.evaluate import evaluate
from textclf.labeller import Labeller
from textclf.leakage import find_leakage, refuse_leakage, training_articles
from textclf.progress import log
from textclf.records import Article, Paragraph
from textclf.train import train

Run = Callable[..., tuple[int, str, str]]


def save(path: Path, articles: list[Article]) -> Path:
    path.write_text("".join(json.dumps(a.to_json()) + "\n" for a in articles))
    return path


def named(articles: list[Article], name: str) -> list[Article]:
    return [replace(a, article_id=f"{name}-{i}", source=("Wire", "Post")[i % 2]) for i, a in enumerate(articles)]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny tfidf bundle with training, validation and held-out articles."""
    folder = tmp_path_factory.mktemp("leakage")
    for seed, (name, n) in enumerate({"train": 24, "validation": 12, "test": 20}.items()):
        save(folder / f"{name}.jsonl", named(make_articles(n, seed=seed), name))
    given = {
        "labels": list(LABELS),
        "data": {name: str(folder / f"{name}.jsonl") for name in ("train", "validation")},
        "model": {"kind": "tfidf", "options": {"min_df": 1}},
        "evaluation": {"resamples": 100},
    }
    train(build_config(given, name="t", near=folder / "t.yaml", source="t"), out=folder / "model")
    return folder


@pytest.fixture
def model(project: Path) -> Labeller:
    return load_bundle(project / "model")


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Give a function that runs the command and returns exit code, stdout and stderr."""
    monkeypatch.setattr(log, "handlers", [])  # one made before writes to a stream that is gone

    def call(*arguments: str | Path) -> tuple[int, str, str]:
        capfd.readouterr()
        with pytest.raises(SystemExit) as stopped:
            main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return int(stopped.value.code or 0), out, err

    return call


def test_training_articles_are_found_by_name(model: Labeller) -> None:
    found = find_leakage(model, ["test-0", "train-3", "validation-1", "train-5"])
    assert found.seen == ["train-3", "train-5"]
    assert found.copied is None
    with pytest.raises(DataError, match=r"2 article\(s\) were in the model's training data \(train-3, train-5\)"):
        refuse_leakage(found)
    (said,) = refuse_leakage(found, allow=True)
    assert said.startswith("LEAKAGE ALLOWED: 2 article(s)")
    assert refuse_leakage(find_leakage(model, ["test-0"])) == []


def test_reprints_under_other_names_are_found_and_refused(model: Labeller, project: Path) -> None:
    training = training_articles(model)
    assert training is not None
    fresh = named(make_articles(3, seed=9), "new")
    longest = max((p for a in training for p in a.paragraphs), key=lambda p: len(p.text))
    reprint = Article("reprint", training[0].paragraphs[:-1] or training[0].paragraphs)
    partly = Article("partly", (longest, *[p for a in fresh for p in a.paragraphs]))
    articles = [*fresh, reprint, partly]
    found = find_leakage(model, [a.article_id for a in articles], articles, training=training)
    assert found.seen == []
    assert found.reprints == ["reprint"]
    assert found.copied is not None
    where = sum(len(a.paragraphs) for a in fresh) + len(reprint.paragraphs)
    assert found.copied[where:].tolist() == [True] + [False] * (len(partly.paragraphs) - 1)
    assert "near-copies of training paragraphs" in found.notes[0]
    with pytest.raises(DataError, match=r"copies of training articles under other ids \(reprint\)"):
        refuse_leakage(found)


def test_the_training_files_are_read_only_where_they_are_what_was_trained_on(
    model: Labeller, project: Path, tmp_path: Path
) -> None:
    assert training_articles(model) == named(make_articles(24), "train")
    for files in ([str(project / "test.jsonl")], [str(tmp_path / "gone.jsonl")], None):
        config = {**model.card["config"], "data": {**model.card["config"]["data"], "train": files}}
        assert training_articles(replace(model, card={**model.card, "config": config})) is None
    assert training_articles(replace(model, card={})) is None
    with pytest.warns(TextclfWarning, match="copies are sought all the same"):
        assert training_articles(model, [project / "test.jsonl"]) == named(make_articles(20, seed=2), "test")
    broken = tmp_path / "broken.jsonl"
    broken.write_text("{")
    with pytest.raises(DataError, match="broken JSON"):
        training_articles(model, [broken])


def test_python_notes_what_the_command_refuses(model: Labeller) -> None:
    scores = evaluate(model, named(make_articles(24), "train"), resamples=100)
    assert len(scores.seen_articles) == 24
    assert "not held out" in scores.notes[0]


def test_validation_articles_are_let_through_with_a_word(project: Path, run: Run) -> None:
    code, out, _ = run("evaluate", project / "model", project / "validation.jsonl")
    assert code == 0
    assert "thresholds were fitted on 12 of these articles" in " ".join(out.split())


def test_the_command_tells_of_copies_and_slices_by_them(project: Path, run: Run, tmp_path: Path) -> None:
    copied = max((p for a in make_articles(24) for p in a.paragraphs), key=lambda p: len(p.text))
    test = named(make_articles(20, seed=2), "test")
    longest = max(test, key=lambda a: len(a.paragraphs))
    test = [replace(a, paragraphs=(copied, *a.paragraphs)) if a is longest else a for a in test]
    data = save(tmp_path / "copied.jsonl", test)
    code, out, _ = run("evaluate", project / "model", data, "--slices", "copies,source", "--json", tmp_path / "s.json")
    assert code == 0
    assert "1 paragraph(s) here" in out
    written = json.loads((tmp_path / "s.json").read_text())
    assert written["paragraphs_copied_from_training"] == 1
    assert written["articles_copied_from_training"] == []
    assert written["articles_seen_in_training"] == []
    assert "near-copies" in written["notes"][0]
    counts = {s["value"]: s["n_paragraphs"] for s in written["slices"]["slices"] if s["by"] == "copies"}
    assert counts["near-copy of a training paragraph"] == 1
    assert "copies: unseen" in out
    assert "source: Wire" in out


def test_an_article_of_training_in_other_clothes_is_refused(project: Path, run: Run, tmp_path: Path) -> None:
    data = save(tmp_path / "reprints.jsonl", named(make_articles(24), "other")[:2])
    code, _, err = run("evaluate", project / "model", data)
    assert code == 1
    assert "2 article(s) are copies of training articles under other ids (other-0, other-1)" in err
    code, out, _ = run("evaluate", project / "model", data, "--allow-leakage")
    assert code == 0
    assert "LEAKAGE ALLOWED: 2 article(s) are copies" in out


def test_named_training_files_need_not_be_the_very_ones(project: Path, run: Run, tmp_path: Path) -> None:
    data = save(tmp_path / "d.jsonl", named(make_articles(6, seed=7), "d"))
    assert run("evaluate", project / "model", data, "--training", project / "train.jsonl")[0] == 0
    with warnings.catch_warnings(action="always", category=TextclfWarning):
        code, _, err = run("evaluate", project / "model", data, "--training", project / "test.jsonl")
    assert code == 0
    assert "warning: the files named as training are not just what the model was trained on" in err


def test_labels_of_others_are_mapped_by_the_command(project: Path, run: Run, tmp_path: Path) -> None:
    theirs = {"fight": "battle", "talk": "parley"}
    articles = [
        replace(
            a,
            paragraphs=tuple(
                Paragraph(p.text, tuple(theirs[n] for n in p.labels if n != "move")) for p in a.paragraphs
            ),
        )
        for a in named(make_articles(20, seed=2), "test")
    ]
    data, file = save(tmp_path / "theirs.jsonl", articles), tmp_path / "s.json"
    code, _, err = run("evaluate", project / "model", data)
    assert code == 1
    assert "--map battle=OURS" in err
    assert "--map parley=OURS" in err
    renamed = ["--map", "battle=fight", "--map", "parley=talk"]
    code, _, err = run("evaluate", project / "model", data, *renamed)
    assert code == 1
    assert "--map =move" in err
    arguments = [*renamed, "--map", "=move", "--slices", "keywords", "--json", file]
    code, _, _ = run("evaluate", project / "model", data, *arguments, "--against", project / "model")
    assert code == 0
    written = json.loads(file.read_text())
    assert list(written["per_label"]) == list(written["slices"]["keywords"]) == ["fight", "talk"]
    assert written["macro_f1"] > 0.8
    assert written["difference"]["macro_f1"]["difference"] == 0


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"text": "shells fell", "labels": ["fight"]}, "no paragraph here carries talk, move"),
        ({"text": "shells fell", "labels": []}, "no paragraph here carries fight, talk, move"),
        ({"text": "shells fell", "labels": list(LABELS)}, "every paragraph here carries fight, talk, move"),
        ({"text": "shells fell", "labels": [], "uncertain": list(LABELS)}, "no paragraph here carries fight"),
    ],
)
def test_one_article_of_one_class_is_scored_as_far_as_it_goes(
    record: dict[str, Any], said: str, project: Path, run: Run, tmp_path: Path
) -> None:
    data = tmp_path / "one.jsonl"
    data.write_text(json.dumps({"article_id": "one", "paragraphs": [record]}) + "\n")
    code, out, _ = run("evaluate", project / "model", data, "--slices", "all", "--json", tmp_path / "s.json")
    shown = " ".join(out.split())
    assert code == 0
    assert said in shown
    assert "1 article(s) are too few" in shown
    assert "none can be called the worst" in shown
    json.loads((tmp_path / "s.json").read_text(), parse_constant=pytest.fail)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--slices", "sauce"], "did you mean 'source'"),
        (["--slices", "extra.region"], "no article has a field 'region'"),
        (["--map", "battle"], "write theirs=ours"),
        (["--training", "gone.jsonl"], "no such file: gone.jsonl"),
    ],
)
def test_mistakes_in_evaluating_are_told(arguments: list[str], message: str, project: Path, run: Run) -> None:
    code, _, err = run("evaluate", project / "model", project / "test.jsonl", *arguments)
    assert code == 1
    assert message in err
    assert "Traceback" not in err


def test_very_many_paragraphs_are_read_anew_and_never_held(
    project: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = tmp_path / "held.json"
    streamed = tmp_path / "streamed.json"
    arguments = ["evaluate", project / "model", project / "test.jsonl", "--json"]
    assert run(*arguments, held)[0] == 0
    monkeypatch.setattr("textclf.cli.evaluate_guards.MOST_COMPARED", 10)
    assert run(*arguments, streamed)[0] == 0
    one, other = (json.loads(path.read_text()) for path in (held, streamed))
    assert one.pop("paragraphs_copied_from_training") == 0
    assert other.pop("paragraphs_copied_from_training") is None
    assert (one.pop("articles_copied_from_training"), other.pop("articles_copied_from_training")) == ([], None)
    assert (one.pop("notes"), len(other.pop("notes"))) == ([], 1)
    assert one == other
