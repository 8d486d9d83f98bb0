"""Static token vectors: what a table says of a text, and that nothing heavy is needed to ask it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from tests.conftest import LABELS, make_articles
from tests.models import TINY_OPTIONS, make_encoder
from tests.props import quick
from textclf.errors import BundleError
from textclf.labels import LabelSet
from textclf.models.interface import HeldOut
from textclf.models.static import Static, StaticOptions
from textclf.models.static_vectors import pool, sif_weights
from textclf.records import Examples

LABEL_SET = LabelSet.of(LABELS)
TRAINING = Examples.of(make_articles(24), LABEL_SET)
HELD_OUT = Examples.of(make_articles(12, seed=1), LABEL_SET)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_encoder(tmp_path_factory.mktemp("encoder"))


def make(encoder: Path, **changes: object) -> Static:
    options = {**TINY_OPTIONS["static"], "encoder": str(encoder), **changes}
    return Static(LABEL_SET, StaticOptions.model_validate(options), seed=0)


@pytest.fixture(scope="module")
def trained(encoder: Path) -> Static:
    return make(encoder).fit(TRAINING.texts, TRAINING.targets)


@pytest.fixture
def saved(trained: Static, tmp_path: Path) -> Path:
    trained.save(tmp_path)
    return tmp_path


def test_predicting_imports_neither_torch_nor_transformers(encoder: Path, saved: Path) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from textclf.labels import LabelSet\n"
        "from textclf.models.registry import get_kind\n"
        "kind = get_kind('static')\n"
        "options = kind.options_type.model_validate({'dimensions': 24, 'hidden': 0})\n"
        f"model = kind.load(Path({str(saved)!r}), LabelSet.of({LABELS}), options, seed=0)\n"
        "print(model.predict_proba(['shells fell near the bridge']).argmax())\n"
        "print(sorted({'torch', 'transformers', 'sklearn', 'scipy', 'skops'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.split("\n") == ["0", "[]", ""]


@quick
@given(st.lists(st.lists(st.integers(0, 9), max_size=6), max_size=8), st.booleans())
def test_texts_are_pooled_as_one_would_by_hand(tokens: list[list[int]], with_max: bool) -> None:
    table = np.random.default_rng(0).normal(size=(10, 4)).astype(np.float32)
    found = pool(table, [np.array(row, dtype=np.int64) for row in tokens], with_max=with_max)
    assert found.shape == (len(tokens), 8 if with_max else 4)
    for row, ids in zip(found, tokens, strict=True):
        if not ids:
            assert not row.any()
            continue
        mean = table[ids].mean(axis=0)
        np.testing.assert_allclose(row[:4], 2 * mean / np.linalg.norm(mean), atol=1e-4)
        if with_max:
            np.testing.assert_array_equal(row[4:], table[ids].max(axis=0))


@quick
@given(st.lists(st.integers(0, 1_000), min_size=2, max_size=40))
def test_the_more_frequent_a_token_the_less_it_weighs(counts: list[int]) -> None:
    weights = sif_weights(np.array(counts), coefficient=1e-3)
    assert ((weights > 0) & (weights < 1)).all()
    order = np.argsort(-np.array(counts), kind="stable")
    assert (np.diff(weights[order]) > 0).all()


def test_tokens_outside_training_keep_their_distilled_vectors(encoder: Path, trained: Static) -> None:
    distilled = make(encoder, embedding_rate=0.0).fit(TRAINING.texts, TRAINING.targets)
    moved = (trained.table != distilled.table).any(axis=1)
    named = {
        token for text in trained.tokenizer.encode_batch(TRAINING.texts, add_special_tokens=False) for token in text.ids
    }
    assert 0 < moved.sum() < len(moved)
    assert set(np.flatnonzero(moved).tolist()) <= named


@pytest.mark.parametrize("changes", [{"hidden": 16}, {"with_max": False}, {"dimensions": 500}, {"token_dropout": 0.5}])
def test_every_shape_of_model_learns_and_is_read_back(
    encoder: Path, tmp_path: Path, changes: dict[str, object]
) -> None:
    model = make(encoder, **changes).fit(TRAINING.texts, TRAINING.targets)
    p, known = model.predict_proba(TRAINING.texts), ~np.isnan(TRAINING.targets)
    assert ((p > 0.5) == (TRAINING.targets == 1))[known].mean() > 0.95
    model.save(tmp_path)
    np.testing.assert_array_equal(
        Static.load(tmp_path, LABEL_SET, model.options, seed=0).predict_proba(TRAINING.texts), p
    )


def test_the_best_epoch_on_held_out_articles_is_kept(encoder: Path) -> None:
    held = HeldOut(HELD_OUT.texts, HELD_OUT.targets)
    model = make(encoder, patience=2).fit(TRAINING.texts, TRAINING.targets, validation=held)
    scores = [epoch["macro_f1"] for epoch in model.info["epochs"]]
    assert len(scores) < model.options.epochs
    assert scores[model.info["best_epoch"] - 1] == max(scores)
    again = make(encoder, patience=2, epochs=30).fit(TRAINING.texts, TRAINING.targets, validation=held)
    np.testing.assert_array_equal(again.predict_proba(HELD_OUT.texts), model.predict_proba(HELD_OUT.texts))


def test_probabilities_are_targets_too(encoder: Path) -> None:
    soft = np.where(TRAINING.targets == 1, 0.8, 0.3).astype(np.float32)
    p = make(encoder, epochs=60, weight_decay=0.0, dropout=0.0).fit(TRAINING.texts, soft).predict_proba(TRAINING.texts)
    assert np.abs(p - soft).mean() < 0.05


@pytest.mark.parametrize(
    ("name", "shape"), [("table", (3, 24)), ("weight", (3, 24)), ("bias", (2,)), ("hidden_bias", (4,))]
)
def test_parts_that_do_not_fit_are_refused(trained: Static, saved: Path, name: str, shape: tuple[int, ...]) -> None:
    tensors = {**load_file(saved / "model.safetensors"), name: np.zeros(shape, np.float32)}
    save_file(tensors, saved / "model.safetensors")
    with pytest.raises(BundleError, match="do not fit"):
        Static.load(saved, LABEL_SET, trained.options, seed=0)
