"""A student of a teacher: what it is to match, worked out by hand; what is refused; what a training does with it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from tests.conftest import LABELS, WORDS, make_articles
from tests.models import TINY_OPTIONS, make_encoder
from textclf.bundle import MANIFEST, load_bundle
from textclf.calibration import log_odds
from textclf.config import Config, build_config, load_config
from textclf.errors import BundleError, ConfigError, DataError, ModelError, TextclfWarning
from textclf.files import sha256_of
from textclf.labels import LabelSet
from textclf.models.distilled import Distilled, DistilledOptions, blend, soften
from textclf.models.epoch_hook import reporting_epochs
from textclf.models.interface import CountsWindows, TakesCalibration, TakesUnlabelled
from textclf.models.tfidf import Tfidf
from textclf.records import Article, Examples
from textclf.train import is_trained, train

Write = Callable[..., Path]
LABEL_SET = LabelSet.of(LABELS)
TRAINING, HELD_OUT = Examples.of(make_articles(24), LABEL_SET), Examples.of(make_articles(12, seed=1), LABEL_SET)
TFIDF = {"kind": "tfidf", "options": {"min_df": 1}}


def make(teacher: Any = TFIDF, student: Any = TFIDF, *, labels: LabelSet = LABEL_SET, **options: Any) -> Distilled:
    given = {"teacher": teacher, "student": student, **options}
    return Distilled(labels, DistilledOptions.model_validate(given), seed=0)


def config(train_file: Path, *, data: dict[str, Any] | None = None, **options: Any) -> Config:
    model = {"kind": "distilled", "options": {"teacher": TFIDF, "student": TFIDF, **options}}
    settings = {"labels": list(LABELS), "data": {"train": str(train_file), **(data or {})}, "model": model}
    settings |= {"evaluation": {"resamples": 100}, "thresholds": {"folds": 2}}
    return build_config(settings, name="t", near=train_file.parent / "t.yaml", source="t")


def named(articles: list[Article], prefix: str) -> list[Article]:
    """Return the articles under ids of their own."""
    return [Article(f"{prefix}-{number}", a.paragraphs, title=a.title) for number, a in enumerate(articles)]


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A baseline as a bundle, with validation articles of its own."""
    folder = tmp_path_factory.mktemp("teacher")
    for name, seed in (("train", 5), ("validation", 6)):
        lines = [json.dumps(a.to_json()) + "\n" for a in named(make_articles(30, seed=seed), f"{name}-of-teacher")]
        (folder / f"{name}.jsonl").write_text("".join(lines))
    settings = {
        "labels": list(LABELS),
        "data": {name: str(folder / f"{name}.jsonl") for name in ("train", "validation")},
        "model": TFIDF,
        "evaluation": {"resamples": 100},
    }
    train(build_config(settings, name="t", near=folder / "t.yaml", source="t"), out=folder / "bundle")
    return folder / "bundle"


@pytest.mark.parametrize(
    ("known", "told", "weight", "wanted"),
    [
        (1.0, 0.6, 0.5, 0.8),
        (0.0, 0.6, 0.5, 0.3),
        (1.0, 0.6, 0.2, 0.92),
        (0.0, 0.6, 0.0, 0.0),
        (1.0, 0.6, 1.0, 0.6),
        (np.nan, 0.6, 0.0, 0.6),
        (np.nan, 0.6, 0.5, 0.6),
    ],
)
def test_a_known_answer_and_the_teachers_are_weighed(known: float, told: float, weight: float, wanted: float) -> None:
    assert blend(np.array([[known]]), np.array([[told]]), weight) == pytest.approx(np.array([[wanted]]))


@pytest.mark.parametrize(("p", "temperature", "wanted"), [(0.9, 2.0, 0.75), (0.2, 2.0, 1 / 3), (0.8, 1.0, 0.8)])
def test_a_temperature_divides_the_log_odds(p: float, temperature: float, wanted: float) -> None:
    assert soften(log_odds(np.array([p])), temperature) == pytest.approx([wanted], abs=1e-6)


def seen_by_student(model: Distilled, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return what the student is trained on, filled when the model is fitted."""
    seen: dict[str, Any] = {}
    own = model.student.fit

    def fit(texts: list[str], targets: np.ndarray, **rest: Any) -> Any:
        seen.update(texts=texts, targets=targets, **rest)
        return own(texts, targets, **rest)

    monkeypatch.setattr(model.student, "fit", fit)
    return seen


def test_the_student_learns_from_answers_and_unlabelled_texts(teacher: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = make(str(teacher), teacher_weight=0.25, temperature=3.0)
    seen, n = seen_by_student(model, monkeypatch), len(TRAINING)
    model.take_unlabelled(["shells fell near the bridge", "the town has an old mill"])
    model.fit(TRAINING.texts, TRAINING.targets)
    assert len(seen["texts"]) == n + 2
    assert seen["texts"][-2:] == ["shells fell near the bridge", "the town has an old mill"]
    told = soften(log_odds(load_bundle(teacher).predict_proba(seen["texts"])), 3.0)
    np.testing.assert_allclose(seen["targets"][n:], told[n:], atol=1e-4)
    np.testing.assert_allclose(seen["targets"][:n], blend(TRAINING.targets, told[:n], 0.25), atol=1e-4)
    assert model.info["texts"] == {"labelled": n, "answered by the teacher alone": 2}


def test_contexts_stay_beside_their_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    model = make()
    seen, contexts = seen_by_student(model, monkeypatch), [f"context {row}" for row in range(len(TRAINING))]
    model.take_unlabelled(["a text"], ["its context"])
    with pytest.warns(TextclfWarning, match="reads a paragraph alone"):
        model.fit(TRAINING.texts, TRAINING.targets, contexts=contexts)
    assert seen["contexts"] == [*contexts, "its context"]


def test_a_teacher_trained_without_contexts_is_given_none(teacher: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[object] = []
    own = Tfidf.predict_proba

    def predict_proba(self: Tfidf, texts: list[str], contexts: list[str] | None = None) -> np.ndarray:
        given.append(contexts)
        return own(self, texts, contexts)

    monkeypatch.setattr(Tfidf, "predict_proba", predict_proba)
    with pytest.warns(TextclfWarning, match="reads a paragraph alone"):
        make(str(teacher)).fit(TRAINING.texts, TRAINING.targets, contexts=["beside"] * len(TRAINING))
    assert given == [None, None]


def test_the_epochs_of_a_teacher_are_not_taken_for_the_students(tmp_path: Path) -> None:
    tiny = {**TINY_OPTIONS["static"], "encoder": str(make_encoder(tmp_path)), "epochs": 2}
    told: list[int] = []
    with reporting_epochs(lambda epoch, scores: told.append(epoch)):
        make({"kind": "static", "options": tiny}).fit(TRAINING.texts, TRAINING.targets)
        assert told == []
        make(student={"kind": "static", "options": tiny}).fit(TRAINING.texts, TRAINING.targets)
    assert told == [1, 2]


def test_a_label_with_one_known_answer_has_it_whatever_the_teacher_says(teacher: Path) -> None:
    targets = np.nan_to_num(TRAINING.targets)
    targets[:, 0], targets[:, 2] = np.nan, 1.0
    targets[0, 0] = 0
    model = make(str(teacher), teacher_weight=1.0).fit(TRAINING.texts, targets)
    p = model.predict_proba([WORDS["fight"], WORDS["talk"]])
    assert (p[:, 0] < 0.001).all()
    assert (p[:, 2] > 0.999).all()


def test_what_only_the_teacher_knows_is_learned(teacher: Path) -> None:
    """One in five answers is known; the rest of what the student knows comes from unlabelled articles."""
    few = TRAINING.take(np.arange(0, len(TRAINING), 8))
    more = Examples.of(make_articles(60, seed=9), LABEL_SET)
    alone = make(str(teacher), teacher_weight=0.0).fit(few.texts, few.targets)
    taught = make(str(teacher))
    taught.take_unlabelled(more.texts)
    taught.fit(few.texts, few.targets)
    truth = np.nan_to_num(HELD_OUT.targets)
    errors = [np.abs(model.predict_proba(HELD_OUT.texts) - truth).mean() for model in (taught, alone)]
    assert errors[0] < errors[1]


@pytest.mark.parametrize("labels", [("fight", "talk", "march"), ("talk", "fight", "move"), ("fight", "talk")])
def test_a_teacher_of_other_labels_or_another_order_is_refused(teacher: Path, labels: tuple[str, ...]) -> None:
    targets = TRAINING.targets[:, : len(labels)]
    order = "the same labels in another order: " if set(labels) == set(LABELS) else "the labels "
    with pytest.raises(ModelError, match=f"the teacher .* has {order}fight, talk, move, not {', '.join(labels)}"):
        make(str(teacher), labels=LabelSet.of(labels)).fit(TRAINING.texts, targets)


def test_a_teacher_that_is_not_there_is_refused_before_anything_is_trained(tmp_path: Path, write_jsonl: Write) -> None:
    with pytest.raises(ModelError, match=r"the teacher .*nowhere is no trained model"):
        make(str(tmp_path / "nowhere")).fit(TRAINING.texts, TRAINING.targets)
    with pytest.raises(BundleError, match=r"no model at .*nowhere"):
        train(config(write_jsonl(make_articles(4)), teacher=str(tmp_path / "nowhere")), out=tmp_path / "out")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "teacher.*Field required"),
        ({"teacher": "x", "student": "zero_shot"}, "zero_shot cannot match probabilities"),
        ({"teacher": "x", "student": "setfit"}, "setfit cannot match probabilities"),
        ({"teacher": "x", "student": "statik"}, "did you mean 'static'"),
        ({"teacher": "x", "student": {"kind": "tfidf", "options": {"min_fd": 2}}}, "min_fd"),
        ({"teacher": {"kind": "tfidf", "bundle": "x"}}, "a kind or a bundle"),
        ({"teacher": "x", "teacher_weight": 1.5}, "less than or equal to 1"),
        ({"teacher": "x", "temperature": 0}, "greater than 0"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=f"(?s){told}"):
        DistilledOptions.model_validate(options)


def test_a_model_can_what_its_student_can(tmp_path: Path) -> None:
    encoder = str(make_encoder(tmp_path / "encoder"))
    tiny = {**TINY_OPTIONS["finetuned"], "encoder": encoder, "epochs": 1, "layers": 1}
    shallow = make(student={"kind": "finetuned", "options": tiny}).fit(TRAINING.texts, TRAINING.targets)
    assert isinstance(shallow, TakesCalibration)
    assert shallow.count_windows(["rain fell " * 100], None)[0] > 2
    (tmp_path / "model").mkdir()
    shallow.save(tmp_path / "model")
    assert json.loads((tmp_path / "model" / "config.json").read_text())["num_hidden_layers"] == 1
    loaded = Distilled.load(tmp_path / "model", LABEL_SET, shallow.options, seed=0)
    loaded.scale_logits(np.full(3, 2.0), np.zeros(3))
    wanted = 2 * log_odds(shallow.predict_proba(HELD_OUT.texts))
    np.testing.assert_allclose(log_odds(loaded.predict_proba(HELD_OUT.texts)), wanted, atol=1e-3)
    assert not isinstance(make(), (TakesCalibration, CountsWindows))
    assert isinstance(make(), TakesUnlabelled)


def test_more_layers_than_there_are_is_told(tmp_path: Path) -> None:
    tiny = {**TINY_OPTIONS["finetuned"], "encoder": str(make_encoder(tmp_path)), "layers": 3}
    with pytest.raises(ModelError, match="layers is 3, and the encoder has 2"):
        make(student={"kind": "finetuned", "options": tiny}).fit(TRAINING.texts, TRAINING.targets)


def test_the_bundle_needs_no_teacher(teacher: Path, tmp_path: Path, write_jsonl: Write) -> None:
    there = shutil.copytree(teacher, tmp_path / "teacher")
    files = write_jsonl(make_articles(24)), write_jsonl(named(make_articles(12, seed=1), "held"), "validation.jsonl")
    result = train(config(files[0], data={"validation": str(files[1])}, teacher=str(there)), out=tmp_path / "out")
    assert result.model.card["training"]["teacher"] == {"kind": "tfidf", "sha256": sha256_of(there / MANIFEST)}
    shutil.rmtree(there)
    loaded = load_bundle(tmp_path / "out")
    wanted = result.model.predict_proba(HELD_OUT.texts)
    np.testing.assert_allclose(loaded.predict_proba(HELD_OUT.texts), wanted, atol=1e-6)
    assert not list((tmp_path / "out" / "model").glob("*teacher*"))


@pytest.mark.parametrize(("split", "of"), [("validation", "train"), ("test", "train"), ("test", "validation")])
def test_held_out_articles_that_the_teacher_has_seen_are_refused(
    teacher: Path, tmp_path: Path, write_jsonl: Write, split: str, of: str
) -> None:
    seen = named(make_articles(30, seed=5 if of == "train" else 6), f"{of}-of-teacher")[:7]
    data = {split: str(write_jsonl(seen, "held.jsonl"))}
    with pytest.raises(DataError, match=rf"has seen 7 article\(s\) of {split} .* and 2 more"):
        train(config(write_jsonl(make_articles(12)), data=data, teacher=str(teacher)), out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_folds_the_teacher_was_trained_on_are_warned_of(teacher: Path, tmp_path: Path, write_jsonl: Write) -> None:
    same = write_jsonl(named(make_articles(30, seed=5), "train-of-teacher"))
    with pytest.warns(TextclfWarning, match="thresholds fitted out of fold flatter"):
        train(config(same, teacher=str(teacher)), out=tmp_path / "out")


def test_a_member_of_an_ensemble_that_has_seen_held_out_articles_is_found_too(
    teacher: Path, tmp_path: Path, write_jsonl: Write
) -> None:
    held_out = write_jsonl(named(make_articles(30, seed=5), "train-of-teacher")[:3], "held.jsonl")
    inner = {"kind": "distilled", "options": {"teacher": str(teacher), "student": TFIDF}}
    settings = {
        "labels": list(LABELS),
        "data": {"train": str(write_jsonl(make_articles(12))), "validation": str(held_out)},
        "model": {"kind": "ensemble", "options": {"members": [TFIDF, inner]}},
    }
    with pytest.raises(DataError, match="has seen 3 article"):
        train(build_config(settings, name="t", near=tmp_path / "t.yaml", source="t"), out=tmp_path / "out")


def test_a_training_reads_unlabelled_articles_and_leaves_known_ones_out(tmp_path: Path, write_jsonl: Write) -> None:
    fresh, held_out = named(make_articles(6, seed=3), "fresh"), named(make_articles(12, seed=1), "held")
    (tmp_path / "feed").mkdir()
    (tmp_path / "feed" / "page.txt").write_text("A headline\n\nShells fell near the bridge on Tuesday morning.\n")
    training = make_articles(24)
    known = write_jsonl([*training[:2], *held_out[:1], *fresh], "known.jsonl")
    data = {
        "validation": str(write_jsonl(held_out, "validation.jsonl")),
        "unlabelled": [str(tmp_path / "feed"), str(known)],
    }
    made = config(write_jsonl(training), data=data)
    with pytest.warns(TextclfWarning, match=r"1 unlabelled article\(s\) are articles of validation \(held-0\)"):
        card = train(made, out=tmp_path / "out").model.card
    told = card["data"]["unlabelled"]
    assert told["articles"] == 7
    assert told["paragraphs"] == sum(len(a.paragraphs) for a in fresh) + 1
    assert card["training"]["texts"]["answered by the teacher alone"] == told["paragraphs"]
    same = made.model_copy(update={"out": tmp_path / "out"})
    with pytest.warns(TextclfWarning, match="articles of validation"):
        assert is_trained(same)
    write_jsonl(fresh[:3], "known.jsonl")
    assert not is_trained(same)


def test_kinds_that_do_not_learn_from_unlabelled_articles_say_so(tmp_path: Path, write_jsonl: Write) -> None:
    settings = {
        "labels": list(LABELS),
        "data": {
            "train": str(write_jsonl(make_articles(12))),
            "unlabelled": str(write_jsonl(make_articles(2), "u.jsonl")),
        },
        "model": TFIDF,
        "evaluation": {"resamples": 100},
    }
    made = build_config(settings, name="t", near=tmp_path / "t.yaml", source="t")
    with pytest.warns(TextclfWarning, match="tfidf does not learn from unlabelled articles"):
        card = train(made, out=tmp_path / "out").model.card
    assert "unlabelled" not in card["data"]


def test_unlabelled_articles_that_are_all_known_are_refused(tmp_path: Path, write_jsonl: Write) -> None:
    file = write_jsonl(make_articles(12))
    with pytest.raises(DataError, match=r"no paragraph in data\.unlabelled, once articles of other splits"):
        train(config(file, data={"unlabelled": str(file)}), out=tmp_path / "out")


def test_unlabelled_articles_that_are_not_there_are_a_fault_of_the_config(tmp_path: Path, write_jsonl: Write) -> None:
    file = write_jsonl(make_articles(2))
    path = tmp_path / "c.yaml"
    path.write_text(f"labels: [fight]\ndata: {{train: {file}, unlabelled: nowhere}}\nmodel: {{kind: tfidf}}\n")
    with pytest.raises(ConfigError, match=r"data\.unlabelled: no such file: nowhere"):
        load_config(path)
