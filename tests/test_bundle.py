"""Bundles: saved and loaded whole, refused when damaged, newer or foreign, and never half-written."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import LABELS, WORDS, make_articles
from tests.models import TINY_OPTIONS, make_encoder
from textclf.bundle import load_bundle
from textclf.config import build_config
from textclf.errors import BundleError, TextclfError
from textclf.labeller import Labeller
from textclf.train import train

TEXTS = ["shells fell near the bridge.", "envoys met the elders.", "the town has an old mill."]


def train_tiny(folder: Path, kind: str, *, encoder: Path | None = None, seed: int = 2, validation: bool = True) -> Path:
    for name, articles in (("train", make_articles(24)), ("validation", make_articles(12, seed=5))):
        lines = [
            json.dumps({**a.to_json(), "article_id": f"{name}-{a.article_id}"}, ensure_ascii=False) for a in articles
        ]
        (folder / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    options = {**TINY_OPTIONS[kind], **({"encoder": str(encoder)} if encoder else {})}
    data = {"train": str(folder / "train.jsonl")}
    if validation:
        data["validation"] = str(folder / "validation.jsonl")
    settings = {
        "labels": list(LABELS),
        "data": data,
        "model": {"kind": kind, "options": options},
        "thresholds": {"folds": 2},
        "evaluation": {"resamples": 100},
        "seed": seed,
    }
    config = build_config(settings, name="tiny", near=folder / "tiny.yaml", source="tiny")
    return train(config, out=folder / "bundle").path


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    made: dict[str, Path] = {}

    def get(kind: str) -> Path:
        if kind not in made:
            encoder = None if kind == "tfidf" else make_encoder(tmp_path_factory.mktemp("encoder"))
            made[kind] = train_tiny(tmp_path_factory.mktemp(kind), kind, encoder=encoder)
        return made[kind]

    return get


@pytest.fixture
def bundle(tmp_path: Path, bundles: Callable[[str], Path]) -> Path:
    """A copy of a small bundle that a test may damage."""
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-r", str(bundles("tfidf")), str(copy)], check=True)
    return copy


@pytest.mark.parametrize("kind", ["tfidf", "finetuned"])
def test_a_bundle_from_before_windows_and_contexts_is_loaded(
    kind: str, bundles: Callable[[str], Path], tmp_path: Path
) -> None:
    old = tmp_path / "old"
    subprocess.run(["cp", "-r", str(bundles(kind)), str(old)], check=True)
    card = json.loads((old / "textclf.json").read_text(encoding="utf-8"))
    manifest = json.loads((old / "manifest.json").read_text(encoding="utf-8"))
    del card["config"]["data"]["context"]
    for name in ("long_texts", "overlap"):
        card["config"]["model"]["options"].pop(name, None)
    content = json.dumps(card).encode()
    (old / "textclf.json").write_bytes(content)
    manifest["textclf.json"] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (old / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    model = load_bundle(old)
    assert model.context == "none"
    np.testing.assert_array_equal(model.predict_proba(TEXTS), load_bundle(bundles(kind)).predict_proba(TEXTS))


@pytest.mark.parametrize("kind", ["tfidf", "frozen_encoder", "finetuned"])
def test_what_is_saved_is_loaded(kind: str, bundles: Callable[[str], Path]) -> None:
    path = bundles(kind)
    model, again = load_bundle(path), load_bundle(path)
    assert isinstance(model, Labeller)
    assert model.labels.names == LABELS
    assert model.predict_proba(TEXTS).dtype == np.float32
    np.testing.assert_array_equal(model.predict_proba(TEXTS), again.predict_proba(TEXTS))
    card = json.loads((path / "textclf.json").read_text())
    assert {"format_version", "kind", "labels", "thresholds", "calibration", "config", "data", "libraries"} <= set(card)
    assert card["kind"] == kind
    assert card["data"]["train"]["articles"] == 24
    assert card["validation_scores"]["n_articles"] == 12
    assert set(card["thresholds"]) == set(LABELS)
    endings = {file.suffix for file in path.rglob("*") if file.is_file()}
    assert endings <= {".json", ".safetensors", ".skops", ".txt", ".jinja", ".md"}


def test_predict_decides_by_the_stored_thresholds(bundles: Callable[[str], Path]) -> None:
    model = load_bundle(bundles("finetuned"))
    p = model.predict_proba(TEXTS)
    decided = [tuple(n for n, on in zip(LABELS, row >= model.thresholds, strict=True) if on) for row in p]
    assert model.predict(TEXTS) == decided
    assert model.predict([f"{WORDS['fight']} 7.", f"{WORDS['talk']} 8."]) == [("fight",), ("talk",)]
    assert model.predict([]) == []


def test_a_finetuned_bundle_gives_the_same_in_plain_transformers(bundles: Callable[[str], Path]) -> None:
    """Calibrated probabilities too: Platt scaling is in the weights. Of a long text it reads the first window alone."""
    from transformers import AutoModelForSequenceClassification, pipeline

    path = bundles("finetuned")
    model = load_bundle(path)
    assert model.calibration.in_weights
    assert any(label_map.method == "platt" for label_map in model.calibration.maps)
    AutoModelForSequenceClassification.from_pretrained(path / "model")
    classify = pipeline("text-classification", model=str(path / "model"), top_k=None, function_to_apply="sigmoid")
    texts = [*TEXTS, "shells fell " * 300]
    found = [{row["label"]: row["score"] for row in rows} for rows in classify(texts, truncation=True)]
    theirs = np.array([[scores[name] for name in LABELS] for scores in found])
    np.testing.assert_allclose(model.predict_proba(TEXTS), theirs[:-1], atol=1e-5)
    predictor: Any = model.predictor
    predictor.options = predictor.options.model_copy(update={"long_texts": "first"})
    np.testing.assert_allclose(model.predict_proba(texts), theirs, atol=1e-5)


def test_a_tfidf_bundle_is_a_real_scikit_learn_pipeline(bundles: Callable[[str], Path]) -> None:
    from sklearn.pipeline import Pipeline

    predictor = load_bundle(bundles("tfidf")).predictor
    pipeline = predictor.pipeline  # type: ignore[attr-defined]
    assert isinstance(pipeline, Pipeline)
    np.testing.assert_allclose(pipeline.predict_proba(TEXTS), predictor.predict_proba(TEXTS), atol=1e-6)
    assert (bundles("tfidf") / "model" / "vocabulary_words.json").is_file()


def test_thresholds_come_out_of_fold_without_validation(tmp_path: Path) -> None:
    path = train_tiny(tmp_path, "tfidf", validation=False)
    card = json.loads((path / "textclf.json").read_text())
    assert card["validation_scores"]["fitted_on"] == "2 article folds"
    assert card["validation_scores"]["n_articles"] == 24


def test_same_seed_same_bundle(tmp_path: Path) -> None:
    paths = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        paths.append(train_tiny(tmp_path / name, "tfidf"))
    first, second = ((path / "model" / "weights.safetensors").read_bytes() for path in paths)
    assert first == second


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("model/weights.safetensors", b"x" * 100),
        ("model/weights.safetensors", None),
        ("textclf.json", b"{"),
        ("textclf.json", None),
        ("manifest.json", b"[]"),
        ("manifest.json", None),
        ("model/vocabulary_words.json", b"[]"),
    ],
)
def test_a_damaged_bundle_is_refused_by_name(bundle: Path, file: str, damage: bytes | None) -> None:
    if damage is None:
        (bundle / file).unlink()
    else:
        (bundle / file).write_bytes(damage)
    with pytest.raises(BundleError) as caught:
        load_bundle(bundle)
    assert Path(file).name in str(caught.value)


def test_one_flipped_bit_is_noticed(bundle: Path) -> None:
    file = bundle / "model" / "weights.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(BundleError, match=r"weights\.safetensors was changed"):
        load_bundle(bundle)


def test_a_newer_format_is_refused(bundle: Path) -> None:
    card = json.loads((bundle / "textclf.json").read_text())
    card["format_version"] = 99
    (bundle / "textclf.json").write_text(json.dumps(card))
    with pytest.raises(BundleError, match=r"format 99.*Install a newer textclf"):
        load_bundle(bundle)


def test_no_bundle_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"no such folder.*textclf train"):
        load_bundle(tmp_path / "nothing")
    with pytest.raises(BundleError, match=r"holds no textclf\.json"):
        load_bundle(tmp_path)


def test_a_foreign_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "thesis.txt").write_text("years of work")
    with pytest.raises(BundleError, match="left alone"):
        train_tiny(tmp_path, "tfidf")
    assert (tmp_path / "bundle" / "thesis.txt").read_text() == "years of work"


def test_a_full_disk_leaves_the_old_bundle_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = train_tiny(tmp_path, "tfidf")
    before = load_bundle(path).predict_proba(TEXTS)

    def full(*args: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("textclf.models.tfidf.Tfidf.save", full)
    with pytest.raises(TextclfError, match=r"No space left.*free some space"):
        train_tiny(tmp_path, "tfidf", seed=2)
    np.testing.assert_array_equal(load_bundle(path).predict_proba(TEXTS), before)
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_a_kill_while_saving_leaves_the_old_bundle_whole(tmp_path: Path) -> None:
    path = train_tiny(tmp_path, "tfidf")
    before = load_bundle(path).predict_proba(TEXTS)
    script = f"""
        import os, signal
        from pathlib import Path
        import textclf.models.tfidf as tfidf
        from tests.test_bundle import train_tiny
        whole = tfidf.Tfidf.save
        def save(self, folder):
            whole(self, folder)
            os.kill(os.getpid(), signal.SIGKILL)
        tfidf.Tfidf.save = save
        train_tiny(Path({str(tmp_path)!r}), "tfidf", seed=2)
    """
    root = Path(__file__).parent.parent
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], cwd=root, check=False)
    assert killed.returncode == -signal.SIGKILL
    np.testing.assert_array_equal(load_bundle(path).predict_proba(TEXTS), before)
    assert any(p.name.endswith(".partial") for p in tmp_path.iterdir())
    train_tiny(tmp_path, "tfidf", seed=3)
    assert not any(p.name.endswith(".partial") for p in tmp_path.iterdir())
    assert load_bundle(path).card["config"]["seed"] == 3


def test_a_foreign_type_in_the_head_is_refused(tmp_path: Path, bundles: Callable[[str], Path]) -> None:
    """The head of a frozen encoder may hold scikit-learn's own types only; a planted call is not run."""
    import functools

    import skops.io

    from textclf.models.frozen_encoder import FrozenEncoder, FrozenEncoderOptions

    source = bundles("frozen_encoder") / "model"
    folder = tmp_path / "model"
    subprocess.run(["cp", "-r", str(source), str(folder)], check=True)
    canary = tmp_path / "canary"
    skops.io.dump(functools.partial(os.system, f"touch {canary}"), folder / "head.skops")
    model = load_bundle(bundles("frozen_encoder"))
    with pytest.raises(BundleError, match="types that are not loaded"):
        FrozenEncoder.load(folder, model.labels, FrozenEncoderOptions(cache=False), seed=0)
    assert not canary.exists()


def test_a_file_slipped_into_the_model_is_refused(bundle: Path) -> None:
    (bundle / "model" / "adapter_config.json").write_text("{}")
    with pytest.raises(BundleError, match=r"model/adapter_config\.json is not in manifest\.json"):
        load_bundle(bundle)


def test_what_a_user_put_beside_the_model_is_not_lost(tmp_path: Path) -> None:
    path = train_tiny(tmp_path, "tfidf")
    (path / "notes.txt").write_text("years of work")
    with pytest.raises(BundleError, match=r"holds notes\.txt beside the model, which would be lost"):
        train_tiny(tmp_path, "tfidf", seed=2)
    assert (path / "notes.txt").read_text() == "years of work"
