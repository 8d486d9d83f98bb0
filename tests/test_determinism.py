"""The same settings, data and seed give the same bytes; batches, threads and order change no number."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.conftest import LABELS, make_articles
from tests.models import make_encoder
from textclf.bands import Bands
from textclf.bundle import load_bundle
from textclf.cascade import join
from textclf.errors import TextclfWarning
from textclf.labels import LabelSet
from textclf.models import batching, embeddings, entailment, running
from textclf.models.registry import KINDS
from textclf.models.steady_skops import dump_steadily
from textclf.records import Examples
from textclf.run_facts import RUN, put_back, set_apart

ROOT = Path(__file__).parent.parent
TAUGHT = sorted(KINDS)

TRAIN = """
    import json, sys, warnings
    from pathlib import Path
    from tests.conftest import WORDS
    from tests.models import options_of
    from textclf.config import build_config
    from textclf.models.registry import KINDS
    from textclf.train import train

    warnings.simplefilter("ignore")
    shared, out = Path(sys.argv[1]), Path(sys.argv[2])
    for kind in sorted(KINDS):
        settings = {
            "labels": WORDS,
            "data": {"train": str(shared / "train.jsonl"), "validation": str(shared / "validation.jsonl")},
            "model": {"kind": kind, "options": options_of(kind, shared / "encoder")},
            "evaluation": {"resamples": 100},
            "seed": 4,
        }
        train(build_config(settings, name=kind, near=shared / "c.yaml", source=kind), out=out / kind)
"""


@pytest.fixture(scope="module")
def trained_twice(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Train every kind in two processes whose strings and sets hash differently."""
    folder = tmp_path_factory.mktemp("twice")
    make_encoder(folder / "encoder")
    for name, articles in (("train", make_articles(16)), ("validation", make_articles(8, seed=5))):
        lines = [json.dumps({**a.to_json(), "article_id": f"{name}-{a.article_id}"}) for a in articles]
        (folder / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    for seed in ("1", "2"):
        subprocess.run(
            [sys.executable, "-c", textwrap.dedent(TRAIN), str(folder), str(folder / seed)],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
        )
    return folder / "1", folder / "2"


def contents(bundle: Path) -> dict[str, Any]:
    """Return the hash of every file; of the card all but `run`, of the manifest all but the card's entry."""
    found: dict[str, Any] = {
        file.relative_to(bundle).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(bundle.rglob("*"))
        if file.is_file()
    }
    card = json.loads((bundle / "textclf.json").read_text(encoding="utf-8"))
    manifest = json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))
    assert card.pop(RUN)["created"]
    found["textclf.json"] = json.dumps(card)  # as text: the order of keys too
    assert set(manifest.pop("textclf.json")) == {"size", "sha256"}
    found["manifest.json"] = json.dumps(manifest)
    return found


@pytest.mark.parametrize("kind", TAUGHT)
def test_trained_twice_a_bundle_has_the_same_bytes(kind: str, trained_twice: tuple[Path, Path]) -> None:
    first, second = (contents(folder / kind) for folder in trained_twice)
    assert len(first) > 3
    assert [name for name in first if first[name] != second.get(name)] == []
    assert first.keys() == second.keys()


def test_what_was_measured_is_apart_in_the_file_and_in_place_in_memory(trained_twice: tuple[Path, Path]) -> None:
    bundle = trained_twice[0] / "finetuned"
    written = json.loads((bundle / "textclf.json").read_text(encoding="utf-8"))
    card = load_bundle(bundle).card
    assert "created" not in written
    assert {"created", "training/wall_seconds", "training/peak_mib", "training/epochs/0/seconds"} <= set(written[RUN])
    assert card["created"] == written[RUN]["created"]
    assert card["training"]["epochs"][0]["seconds"] == written[RUN]["training/epochs/0/seconds"]
    assert RUN not in card
    assert set_apart(card) == written
    assert put_back(dict(card)) == card  # as a card from before there was such a field


@pytest.mark.parametrize(
    "run", [[], "x", 3, {"": 1}, {"/": 1}, {"training/epochs/-1/seconds": 1}, {"training/epochs/99/seconds": 1}]
)
def test_facts_of_no_place_are_passed_over(run: Any) -> None:
    card = put_back({"training": {"epochs": [{"loss": 1.0}]}, RUN: run})
    assert card["training"] == {"epochs": [{"loss": 1.0}]}


TEXTS = [
    *Examples.of(make_articles(8, seed=3), LabelSet.of(LABELS)).texts,
    *("shells fell near the bridge. " * 30, "word", "…", "🙂", "envoys met the elders.", "word"),
]
WAYS = ("float", "int8", "cascade")


def made_of(name: str, bundles: Path, folder: Path) -> Any:
    """Return a trained model of a kind, or the fine-tuned one exported, or joined with a fast one."""
    if name == "cascade":
        return join(*(load_bundle(bundles / kind) for kind in ("tfidf", "finetuned")), Bands(-np.ones(3), np.ones(3)))
    if name in ("float", "int8"):
        pytest.importorskip("onnx")
        from textclf.export import export

        return load_bundle(export(bundles / "finetuned", folder / "m", int8=name == "int8").path)
    return load_bundle(bundles / name)


@pytest.mark.parametrize("name", [*TAUGHT, *WAYS])
def test_batches_threads_and_order_change_no_number(
    name: str, trained_twice: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with warnings.catch_warnings(action="ignore", category=TextclfWarning):
        model = made_of(name, trained_twice[0], tmp_path)
    wanted = model.predict_proba(TEXTS)
    plain, before = batching.batches_by_length, torch.get_num_threads()
    order = np.random.default_rng(1).permutation(len(TEXTS))
    for tokens, threads in ((1, 1), (200, 2), (100_000, 3)):
        for room in (running, embeddings, entailment):
            monkeypatch.setattr(room, "batches_by_length", lambda n, max_tokens, t=tokens: plain(n, max_tokens=t))
        monkeypatch.setattr("textclf.models.exported.cores", lambda n=threads: n)
        torch.set_num_threads(threads)
        try:
            found = model.predict_proba([TEXTS[i] for i in order])
        finally:
            torch.set_num_threads(before)
        np.testing.assert_allclose(found, wanted[order], atol=1e-5)


def test_a_head_trained_twice_has_the_same_bytes_and_loads_as_it_was(tmp_path: Path) -> None:
    import skops.io
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier

    x, y = np.random.default_rng(0).normal(size=(30, 4)), np.arange(60).reshape(30, 2) % 3 == 0
    heads = [OneVsRestClassifier(LogisticRegression(C=2.5)).fit(x, y) for _ in range(2)]
    assert skops.io.dumps(heads[0]) != skops.io.dumps(heads[1])
    for number, head in enumerate(heads):
        dump_steadily(head, tmp_path / f"{number}.skops")
    assert (tmp_path / "0.skops").read_bytes() == (tmp_path / "1.skops").read_bytes()
    loaded = skops.io.load(tmp_path / "0.skops", trusted=[])
    np.testing.assert_array_equal(loaded.predict_proba(x), heads[0].predict_proba(x))
    assert loaded.get_params() == {**heads[0].get_params(), "estimator": loaded.estimator}
