"""Adapting a bundle: what changes, what stays, what the card keeps, and what is refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import LABELS, WORDS, make_articles
from tests.models import TINY_OPTIONS, make_encoder
from tests.test_cli import Run, project, run
from textclf.adapt import Adaptation, adapt_labelled, adapt_unlabelled
from textclf.adapt_changes import find_changes, held_shares
from textclf.adapt_target import look_at_labelled
from textclf.bundle import CARD, MANIFEST, load_bundle
from textclf.calibration import Calibration, LabelMap, log_odds, sigmoid
from textclf.config import build_config
from textclf.errors import BundleError, DataError, TextclfWarning
from textclf.evaluate import evaluate
from textclf.labeller import Labeller, shift_labeller
from textclf.records import Article, Paragraph
from textclf.thresholds import NEVER, fit_thresholds
from textclf.train import train

__all__ = ["project", "run"]  # fixtures

Train = Callable[..., Path]


def some(n: int, *, seed: int = 7, keep: float = 1.0, prefix: str = "new") -> list[Article]:
    """Make n articles of their own ids, whose paragraphs with a label are kept with that chance; others all are."""
    rng = np.random.default_rng(seed)
    made = []
    for number, article in enumerate(make_articles(n, seed=seed, uncertain=False)):
        kept = tuple(p for p in article.paragraphs if not p.labels or rng.random() < keep)
        made.append(replace(article, article_id=f"{prefix}-{number}", paragraphs=kept or article.paragraphs[:1]))
    return made


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A baseline trained on articles some of whose labels are turned, so that it is not too sure."""
    return train_on(tmp_path_factory.mktemp("adapt"))


def train_on(folder: Path, *, kind: str = "tfidf", options: dict[str, Any] | None = None, n: int = 60) -> Path:
    rng = np.random.default_rng(0)
    for name, seed in (("train", 1), ("validation", 2)):
        lines = []
        for article in some(n, seed=seed, prefix=name):
            turned = tuple(
                replace(p, labels=tuple(x for x in LABELS if (x in p.labels) != (rng.random() < 0.15)))
                for p in article.paragraphs
            )
            lines.append(json.dumps(replace(article, paragraphs=turned).to_json()) + "\n")
        (folder / f"{name}.jsonl").write_text("".join(lines))
    (folder / "labels.yaml").write_text("".join(f"{name}: it reports {name}\n" for name in LABELS))
    config = build_config(
        {
            "labels": str(folder / "labels.yaml"),
            "data": {name: str(folder / f"{name}.jsonl") for name in ("train", "validation")},
            "model": {"kind": kind, "options": {**TINY_OPTIONS[kind], **(options or {})}},
            "evaluation": {"resamples": 100},
        },
        name="tiny",
        near=folder / "tiny.yaml",
        source="tiny",
    )
    return train(config, out=folder / "bundle").path


def write(path: Path, articles: list[Article]) -> Path:
    path.write_text("".join(json.dumps(article.to_json()) + "\n" for article in articles))
    return path


def rewrite(bundle: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a bundle's card, and its manifest with it."""
    card = json.loads((bundle / CARD).read_text())
    change(card)
    (bundle / CARD).write_text(json.dumps(card))
    manifest = json.loads((bundle / MANIFEST).read_text())
    content = (bundle / CARD).read_bytes()
    manifest[CARD] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (bundle / MANIFEST).write_text(json.dumps(manifest))


@pytest.fixture
def copy(bundle: Path, tmp_path: Path) -> Path:
    import shutil

    return Path(shutil.copytree(bundle, tmp_path / "copy"))


def rarer(bundle: Path, tmp_path: Path, **options: Any) -> Adaptation:
    return adapt_unlabelled(
        bundle, [write(tmp_path / "t.jsonl", some(300, keep=0.35))], out=tmp_path / "out", **options
    )


def test_labels_that_are_rarer_get_lower_probabilities(bundle: Path, tmp_path: Path):
    before, found = load_bundle(bundle), rarer(bundle, tmp_path)
    after = load_bundle(tmp_path / "out")
    changed = [name for name, change in found.changes.items() if not change.reason]
    assert changed
    texts = [f"{WORDS['fight']} 3.", f"{WORDS['talk']} 4.", "the town has an old mill 5."]
    for j, name in enumerate(after.labels):
        change = found.changes[name]
        moved = log_odds(after.predict_proba(texts)[:, j]) - log_odds(before.predict_proba(texts)[:, j])
        np.testing.assert_allclose(moved, change.shift, atol=2e-3)
        assert (name in changed) == (change.shift != 0)
        if name in changed:
            assert change.new_share < change.old_share
            assert change.low <= change.estimated_share <= change.high
    assert [float(t) for t in after.thresholds] == [change.new_threshold for change in found.changes.values()]


def test_the_source_is_left_alone_and_the_card_tells_where_the_model_comes_from(bundle: Path, tmp_path: Path):
    held = {file: file.read_bytes() for file in bundle.rglob("*") if file.is_file()}
    found = rarer(bundle, tmp_path)
    assert {file: file.read_bytes() for file in bundle.rglob("*") if file.is_file()} == held
    (step,) = load_bundle(tmp_path / "out").card["adaptations"]
    assert step["from"]["sha256"] == hashlib.sha256((bundle / MANIFEST).read_bytes()).hexdigest()
    assert step["method"] == "expectation-maximisation"
    assert step["target"]["articles"] == found.n_articles == 300
    assert step["target"]["paragraphs"] == found.n_paragraphs
    assert set(step["labels"]) == set(LABELS)
    assert {entry["outcome"] for entry in step["labels"].values()} <= {"kept", "changed"}
    content = (tmp_path / "out" / CARD).read_text()
    assert "mediator" not in content  # the fingerprint of the text, not the text
    assert len(step["target"]["sha256"]) == 64


def test_adapting_again_starts_from_the_new_shares_and_keeps_the_chain(bundle: Path, tmp_path: Path):
    first = rarer(bundle, tmp_path)
    again = adapt_unlabelled(tmp_path / "out", [tmp_path / "t.jsonl"], out=tmp_path / "out")
    steps = load_bundle(tmp_path / "out").card["adaptations"]
    assert len(steps) == 2
    assert steps[0]["target"] == steps[1]["target"]
    for name, change in again.changes.items():
        assert change.old_share == pytest.approx(first.changes[name].new_share)
        assert change.old_threshold == first.changes[name].new_threshold
        assert abs(change.shift) <= abs(first.changes[name].shift) + 0.05  # most of the way was gone


def test_the_same_seed_gives_the_same_adaptation(bundle: Path, tmp_path: Path):
    one = rarer(bundle, tmp_path)
    other = rarer(bundle, tmp_path)
    assert [c.to_json() for c in one.changes.values()] == [c.to_json() for c in other.changes.values()]


def test_a_label_never_given_stays_never(copy: Path, tmp_path: Path):
    rewrite(copy, lambda card: card["thresholds"].update(fight=NEVER))
    target = write(tmp_path / "t.jsonl", some(80))
    for found in (
        adapt_unlabelled(copy, [target], out=tmp_path / "a"),
        adapt_labelled(copy, lambda model: some(80), out=tmp_path / "b"),
    ):
        assert found.changes["fight"].new_threshold == NEVER
        assert found.changes["fight"].shift == 0
        assert "never given" in found.changes["fight"].reason
        assert found.model.thresholds[0] == NEVER


def test_text_of_another_kind_moves_nothing(bundle: Path, tmp_path: Path):
    articles = [Article(f"x-{i}", tuple(Paragraph(f"envoys {i} {j} word") for j in range(4))) for i in range(60)]
    with pytest.warns(TextclfWarning, match="no label changed"):
        found = adapt_unlabelled(bundle, [write(tmp_path / "t.jsonl", articles)], out=tmp_path / "out")
    before, after = load_bundle(bundle), load_bundle(tmp_path / "out")
    assert all(change.reason for change in found.changes.values())
    np.testing.assert_array_equal(before.predict_proba(["envoys met"]), after.predict_proba(["envoys met"]))
    np.testing.assert_array_equal(before.thresholds, after.thresholds)


def test_paragraphs_all_alike_move_nothing(bundle: Path, tmp_path: Path):
    articles = [Article(f"x-{i}", (Paragraph("shells fell"),)) for i in range(200)]
    with pytest.warns(TextclfWarning, match="no label changed"):
        found = adapt_unlabelled(bundle, [write(tmp_path / "t.jsonl", articles)], out=tmp_path / "out")
    assert {change.reason for change in found.changes.values()} == {
        "the model gives every paragraph of the target the same probability"
    }


def test_labelled_text_gives_its_shares_and_moves_towards_them(bundle: Path, tmp_path: Path):
    sample = some(120, keep=0.35)
    found = adapt_labelled(bundle, lambda model: sample, out=tmp_path / "out")
    y = np.concatenate([article.targets(found.model.labels) for article in sample])
    for j, change in enumerate(found.changes.values()):
        assert change.estimated_share == pytest.approx(y[:, j].mean())
        assert change.low < change.estimated_share < change.high
        assert abs(change.new_share - change.estimated_share) < abs(change.old_share - change.estimated_share)
    scores = evaluate(found.model, sample, resamples=100)
    assert len(scores.fitted_articles) == 120
    assert "120 of these articles" in "".join(scores.notes)


def test_two_positives_do_not_wreck_a_label(bundle: Path, tmp_path: Path):
    silent = [Paragraph(f"a quiet day {i}", ()) for i in range(8)]
    loud = [Paragraph("shells fell", ("fight",)), Paragraph("envoys met", ("talk",))]
    sample = [Article("x", (*silent, *loud), annotated=("fight", "talk")), Article("y", (*silent, *loud[:1]))]
    sample[1] = replace(sample[1], annotated=("fight", "talk"))
    with pytest.warns(TextclfWarning, match="few to adapt to"):
        found = adapt_labelled(bundle, lambda model: sample, out=tmp_path / "out")
    assert found.changes["move"].reason == "nothing is known of it in the target"
    for name in ("fight", "talk"):
        change = found.changes[name]
        assert change.reason == ""
        assert abs(change.shift) < 1
        assert abs(log_odds(np.array(change.new_threshold)) - log_odds(np.array(change.old_threshold))) < 1


def test_fit_thresholds_can_be_drawn_towards_given_ones():
    rng = np.random.default_rng(0)
    y = (rng.random((400, 2)) < 0.3).astype(np.float32)
    y[:, 1] = 0
    p = np.clip(y * 0.4 + rng.random((400, 2)) * 0.6, 0.01, 0.99)
    towards, groups = np.array([0.2, 0.7]), np.arange(400) // 4
    own = fit_thresholds(y, p, groups, shrinkage=0, towards=towards)
    drawn = fit_thresholds(y, p, groups, shrinkage=100, towards=towards)
    np.testing.assert_allclose(fit_thresholds(y, p, groups, shrinkage=np.inf, towards=towards), towards)
    assert 0.2 < drawn[0] < own[0]
    assert drawn[1] == pytest.approx(0.7)
    np.testing.assert_allclose(fit_thresholds(y * 0, p, groups, towards=towards), towards)


def test_shifts_are_kept_by_every_map(bundle: Path):
    maps = (LabelMap("isotonic", knots=((0.0, 0.1), (1.0, 0.9))), LabelMap("platt", 2.0, 1.0), LabelMap())
    model = Labeller(load_bundle(bundle).predictor, Calibration(maps), np.full(3, 0.5))
    shifted = shift_labeller(shift_labeller(model, np.array([0.4, 0.4, 0.4])), np.array([0.3, 0.3, 0.3])).calibration
    again = Calibration.from_json(json.loads(json.dumps(shifted.to_json(LABELS))), LABELS)
    p = np.tile(np.linspace(0.05, 0.95, 9, dtype=np.float32)[:, None], (1, 3))
    np.testing.assert_allclose(again(p), sigmoid(log_odds(model.calibration(p)) + 0.7), atol=1e-6)
    assert shift_labeller(model, np.zeros(3)).calibration == model.calibration
    assert "shift" not in json.dumps(model.calibration.to_json(LABELS))  # as older bundles have it


def test_an_adapted_encoder_loads_in_plain_transformers_with_the_same_scores(tmp_path: Path):
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    encoder = make_encoder(tmp_path / "encoder")
    source = train_on(tmp_path, kind="finetuned", options={"encoder": str(encoder), "epochs": 4}, n=20)
    found = adapt_labelled(source, lambda model: some(120, keep=0.3), out=tmp_path / "out")
    texts = [f"{WORDS['fight']} 3.", f"{WORDS['talk']} and {WORDS['move']} 4.", "the town has an old mill 5."]
    adapted = load_bundle(tmp_path / "out")
    assert adapted.calibration.in_weights
    assert any(change.shift != 0 for change in found.changes.values())
    p = adapted.predict_proba(texts)
    shifts = [change.shift for change in found.changes.values()]
    np.testing.assert_allclose(log_odds(p), log_odds(load_bundle(source).predict_proba(texts)) + shifts, atol=5e-3)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out/model")
    plain = AutoModelForSequenceClassification.from_pretrained(tmp_path / "out/model").eval()
    with torch.no_grad():
        logits = plain(**tokenizer(texts, padding=True, return_tensors="pt")).logits
    np.testing.assert_allclose(torch.sigmoid(logits).numpy(), p, atol=1e-4)


def test_articles_the_model_knows_tell_nothing(bundle: Path, tmp_path: Path):
    validation = bundle.parent / "validation.jsonl"
    with pytest.raises(DataError, match="all 60 articles given are ones this model was trained"):
        adapt_unlabelled(bundle, [validation], out=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.warns(TextclfWarning, match="60 of 140 articles given"):
        adapt_unlabelled(bundle, [validation, write(tmp_path / "t.jsonl", some(80))], out=tmp_path / "out")


def test_no_paragraph_and_no_label_are_refused(bundle: Path, tmp_path: Path):
    blank = write(tmp_path / "t.jsonl", [Article("x", (Paragraph("  "),))])
    with pytest.raises(DataError, match="no paragraph in the input"):
        adapt_unlabelled(bundle, [blank], out=tmp_path / "out")
    unknown = [replace(article, annotated=()) for article in some(3)]
    unknown = [replace(a, paragraphs=tuple(replace(p, labels=()) for p in a.paragraphs)) for a in unknown]
    with pytest.raises(DataError, match="no labelled paragraph"):
        adapt_labelled(bundle, lambda model: unknown, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_is_no_model_is_not_written_over(bundle: Path, tmp_path: Path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/notes.txt").write_text("mine")
    with pytest.raises(BundleError, match="is no textclf model"):
        rarer(bundle, tmp_path)
    assert (tmp_path / "out/notes.txt").read_text() == "mine"
    with pytest.raises(BundleError, match="no model at"):
        adapt_unlabelled(tmp_path / "none", [tmp_path], out=tmp_path / "new")


def test_a_bundle_from_before_shares_were_kept_takes_labelled_text_alone(copy: Path, tmp_path: Path):
    shares = [(held.positives, held.share) for held in held_shares(load_bundle(copy))]
    rewrite(copy, lambda card: card.pop("shares"))
    assert [(held.positives, held.share) for held in held_shares(load_bundle(copy))] == shares
    with pytest.raises(BundleError, match=r"or give --labelled"):
        rarer(copy, tmp_path)
    assert adapt_labelled(copy, lambda model: some(60), out=tmp_path / "out").n_articles == 60
    rewrite(copy, lambda card: card.pop("validation_scores"))
    with pytest.raises(BundleError, match="does not tell how often"):
        adapt_labelled(copy, lambda model: some(60), out=tmp_path / "out")


def test_a_label_that_is_not_calibrated_is_kept_by_unlabelled_text(bundle: Path):
    model = load_bundle(bundle)
    bare = replace(model, calibration=Calibration((LabelMap(), *model.calibration.maps[1:])))
    target = look_at_labelled(bare, some(80, keep=0.5))
    without, shares = replace(target, targets=None), held_shares(model)
    assert "not calibrated" in find_changes(bare, without, shares, n_resamples=20)[0].reason
    assert find_changes(bare, target, shares, n_resamples=20)[0].reason == ""


def test_the_command_shows_shares_and_thresholds(project: Path, run: Run, tmp_path: Path):
    target = write(tmp_path / "t.jsonl", some(100))
    code, out, _ = run("adapt", project / "runs/tfidf", "--unlabelled", target, "--out", tmp_path / "a")
    assert code == 0
    assert "100 articles" in out
    assert all(name in out for name in LABELS)
    code, out, _ = run("adapt", tmp_path / "a", "--labelled", target, "--out", tmp_path / "b", "--seed", "1")
    assert code == 0
    assert "share counted" in out
    assert f"saved {tmp_path / 'b'}" in out
    assert len(json.loads((tmp_path / "b" / CARD).read_text())["adaptations"]) == 2


def test_the_command_says_what_is_missing_or_wrong(project: Path, run: Run, tmp_path: Path):
    model = project / "runs/tfidf"
    other = write(tmp_path / "o.jsonl", [Article("x", (Paragraph("a strike", ("strike",)),))])
    for arguments, message in (
        ((), "give --unlabelled PATH or --labelled FILE"),
        (("--unlabelled", other, "--labelled", other), "and not both"),
        (("--labelled", other), "strike"),
        (("--unlabelled", tmp_path / "none.jsonl"), "none.jsonl"),
        (("--unlabelled", project / "data/validation.jsonl"), "tell nothing of other text"),
    ):
        code, _, err = run("adapt", model, *arguments, "--out", tmp_path / "a")
        assert code == 1
        assert message in err
        assert not (tmp_path / "a").exists()
