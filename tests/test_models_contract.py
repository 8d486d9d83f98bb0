"""The contract every model kind keeps. A new kind is tested by standing in the registry and in `TINY_OPTIONS`."""

from __future__ import annotations

import warnings
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import WORDS, make_articles
from tests.models import READS_ALONE, UNTAUGHT, make_encoder, options_of
from textclf.calibration import log_odds, sigmoid
from textclf.errors import TextclfWarning
from textclf.labels import LabelSet
from textclf.models.interface import CountsWindows, HeldOut, TakesCalibration, Trainable
from textclf.models.registry import KINDS, get_kind
from textclf.records import Examples

LABEL_SET = LabelSet.of(WORDS)  # a label's words are its definition
TRAINING = Examples.of(make_articles(24), LABEL_SET)
HELD_OUT = Examples.of(make_articles(12, seed=1), LABEL_SET)


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_encoder(tmp_path_factory.mktemp("encoder"))


def make(kind: str, encoder: Path, *, seed: int = 0, labels: LabelSet = LABEL_SET, **changes: Any) -> Trainable:
    made = get_kind(kind)
    return made(labels, made.options_type.model_validate(options_of(kind, encoder, **changes)), seed=seed)


@pytest.fixture(scope="module", params=sorted(KINDS))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def trained(kind: str, encoder: Path) -> Trainable:
    return make(kind, encoder).fit(TRAINING.texts, TRAINING.targets)


def test_probabilities_have_the_promised_shape_and_type(trained: Trainable) -> None:
    p = trained.predict_proba(HELD_OUT.texts)
    assert p.shape == (len(HELD_OUT), 3)
    assert p.dtype == np.float32
    assert ((p >= 0) & (p <= 1)).all()
    assert trained.labels == LABEL_SET


def test_no_texts_give_no_rows(trained: Trainable) -> None:
    p = trained.predict_proba([])
    assert p.shape == (0, 3)
    assert p.dtype == np.float32


def test_rows_keep_their_order_and_neighbours_change_nothing(trained: Trainable) -> None:
    texts = [*HELD_OUT.texts, "word " * 200, "."]
    together = trained.predict_proba(texts)
    alone = np.concatenate([trained.predict_proba([text]) for text in texts])
    order = np.random.default_rng(0).permutation(len(texts))
    shuffled = trained.predict_proba([texts[i] for i in order])
    np.testing.assert_allclose(alone, together, atol=1e-5)
    np.testing.assert_allclose(shuffled, together[order], atol=1e-5)


def test_predicting_changes_nothing(trained: Trainable) -> None:
    first = trained.predict_proba(HELD_OUT.texts)
    trained.predict_proba(["something else entirely", ""])
    np.testing.assert_array_equal(first, trained.predict_proba(HELD_OUT.texts))


def test_odd_texts_are_taken(trained: Trainable) -> None:
    odd = ["", " ", "\x00", "صحيفة النهار", "🙂" * 50, "a" * 5_000, "x\u200by", "\r\n\t"]
    p = trained.predict_proba(odd)
    assert p.shape == (len(odd), 3)
    assert np.isfinite(p).all()


def assert_untaught(kind: str, encoder: Path, trained: Trainable, targets: np.ndarray) -> None:
    """Of a kind in `UNTAUGHT`: whatever the targets say, it predicts the same."""
    p = make(kind, encoder).fit(TRAINING.texts, targets).predict_proba(HELD_OUT.texts)
    np.testing.assert_allclose(p, trained.predict_proba(HELD_OUT.texts), atol=1e-6)


def test_it_learns_what_a_few_paragraphs_say(kind: str, encoder: Path, trained: Trainable) -> None:
    if kind in UNTAUGHT:
        return assert_untaught(kind, encoder, trained, 1 - TRAINING.targets)
    known = ~np.isnan(TRAINING.targets)
    right = (trained.predict_proba(TRAINING.texts) > 0.5) == (TRAINING.targets == 1)
    floor = 0.75 if kind == "frozen_encoder" else 0.97  # random embeddings can only go so far
    assert right[known].mean() > floor


def test_saved_and_loaded_it_predicts_the_same(kind: str, trained: Trainable, tmp_path: Path) -> None:
    trained.save(tmp_path)
    loaded = type(trained).load(tmp_path, LABEL_SET, trained.options, seed=0)  # type: ignore[attr-defined]
    np.testing.assert_allclose(loaded.predict_proba(HELD_OUT.texts), trained.predict_proba(HELD_OUT.texts), atol=1e-6)


def test_no_pickle_is_written(trained: Trainable, tmp_path: Path) -> None:
    trained.save(tmp_path)
    endings = {file.suffix for file in tmp_path.rglob("*") if file.is_file()}
    assert endings <= {".json", ".safetensors", ".skops", ".txt", ".jinja"}


def test_same_seed_same_model(kind: str, encoder: Path, trained: Trainable) -> None:
    again = make(kind, encoder).fit(TRAINING.texts, TRAINING.targets)
    np.testing.assert_allclose(again.predict_proba(HELD_OUT.texts), trained.predict_proba(HELD_OUT.texts), atol=1e-6)


def test_unknown_targets_teach_nothing(kind: str, encoder: Path, trained: Trainable) -> None:
    """Wrong answers for a label do harm; the same answers marked unknown do none."""
    truth = np.nan_to_num(TRAINING.targets)
    if kind in UNTAUGHT:
        return assert_untaught(kind, encoder, trained, np.full_like(truth, np.nan))
    hidden = np.zeros(truth.shape, dtype=bool)
    hidden[np.random.default_rng(3).random(len(truth)) < 0.6, 0] = True
    flipped = np.where(hidden, 1 - truth, truth).astype(np.float32)
    masked = np.where(hidden, np.nan, truth).astype(np.float32)

    def hits(targets: np.ndarray) -> float:
        p = make(kind, encoder).fit(TRAINING.texts, targets).predict_proba(TRAINING.texts)
        return float(((p[:, 0] > 0.5) == (truth[:, 0] == 1)).mean())

    assert hits(masked) > hits(flipped) + 0.2


def test_a_label_with_one_known_answer_is_constant(kind: str, encoder: Path, trained: Trainable) -> None:
    targets = np.nan_to_num(TRAINING.targets)
    targets[:, 0], targets[:, 2] = 0.0, 1.0
    if kind in UNTAUGHT:
        return assert_untaught(kind, encoder, trained, targets)
    model = make(kind, encoder).fit(TRAINING.texts, targets)
    p = model.predict_proba(HELD_OUT.texts)
    assert (p[:, 0] < 0.001).all()
    assert (p[:, 2] > 0.999).all()
    assert np.ptp(p[:, 1]) > 0.01


def test_one_label_is_enough(kind: str, encoder: Path, tmp_path: Path) -> None:
    alone = LabelSet.of({"fight": WORDS["fight"]})
    model = make(kind, encoder, labels=alone).fit(TRAINING.texts, TRAINING.targets[:, :1])
    p = model.predict_proba(HELD_OUT.texts)
    assert p.shape == (len(HELD_OUT), 1)
    model.save(tmp_path)
    loaded = type(model).load(tmp_path, alone, model.options, seed=0)  # type: ignore[attr-defined]
    np.testing.assert_allclose(loaded.predict_proba(HELD_OUT.texts), p, atol=1e-6)


def test_logits_scaled_in_the_weights_equal_platt_scaling(trained: Trainable, tmp_path: Path) -> None:
    if not isinstance(trained, TakesCalibration):
        pytest.skip("this kind is calibrated outside its weights")
    trained.save(tmp_path)
    model = type(trained).load(tmp_path, LABEL_SET, trained.options, seed=0)  # type: ignore[attr-defined]
    slopes, intercepts = np.array([1.5, 1.0, 0.4]), np.array([-0.3, 0.0, 0.8])
    wanted = sigmoid(slopes * log_odds(model.predict_proba(HELD_OUT.texts)) + intercepts)
    model.scale_logits(slopes, intercepts)
    np.testing.assert_allclose(model.predict_proba(HELD_OUT.texts), wanted, atol=1e-4)


def beside(texts: list[str], contexts: list[str] | None = None) -> list[str]:
    """Give each text a context: those given, or in turn none, a short one and one far too long."""
    given = contexts or ["", "envoys met the elders.", "rain fell on the market all week. " * 30]
    return [given[row % len(given)] for row in range(len(texts))]


@pytest.fixture(scope="module")
def trained_in_context(kind: str, encoder: Path) -> Trainable:
    with quiet_of_contexts():
        return make(kind, encoder).fit(TRAINING.texts, TRAINING.targets, contexts=beside(TRAINING.texts))


def quiet_of_contexts() -> warnings.catch_warnings[None]:
    """A kind that reads no contexts says so; here that is no error."""
    return warnings.catch_warnings(action="ignore", category=TextclfWarning)


def test_with_contexts_too_rows_keep_their_order_and_neighbours_change_nothing(trained_in_context: Trainable) -> None:
    texts = [*HELD_OUT.texts, "word " * 200, ".", ""]
    contexts = beside(texts)
    together = trained_in_context.predict_proba(texts, contexts)
    assert together.shape == (len(texts), 3)
    assert np.isfinite(together).all()
    one_by_one = [trained_in_context.predict_proba([t], [c]) for t, c in zip(texts, contexts, strict=True)]
    order = np.random.default_rng(0).permutation(len(texts))
    shuffled = trained_in_context.predict_proba([texts[i] for i in order], [contexts[i] for i in order])
    np.testing.assert_allclose(np.concatenate(one_by_one), together, atol=1e-5)
    np.testing.assert_allclose(shuffled, together[order], atol=1e-5)
    assert trained_in_context.predict_proba([], []).shape == (0, 3)


def test_no_context_and_an_empty_one_are_the_text_alone(trained_in_context: Trainable) -> None:
    plain = trained_in_context.predict_proba(HELD_OUT.texts)
    np.testing.assert_array_equal(trained_in_context.predict_proba(HELD_OUT.texts, None), plain)
    np.testing.assert_array_equal(trained_in_context.predict_proba(HELD_OUT.texts, [""] * len(HELD_OUT)), plain)


def test_training_with_empty_contexts_is_training_without(kind: str, encoder: Path, trained: Trainable) -> None:
    again = make(kind, encoder).fit(TRAINING.texts, TRAINING.targets, contexts=[""] * len(TRAINING))
    np.testing.assert_array_equal(again.predict_proba(HELD_OUT.texts), trained.predict_proba(HELD_OUT.texts))


def test_with_contexts_too_it_predicts_the_same_when_loaded(trained_in_context: Trainable, tmp_path: Path) -> None:
    model, contexts = trained_in_context, beside(HELD_OUT.texts)
    model.save(tmp_path)
    loaded = type(model).load(tmp_path, LABEL_SET, model.options, seed=0)  # type: ignore[attr-defined]
    wanted = model.predict_proba(HELD_OUT.texts, contexts)
    np.testing.assert_allclose(loaded.predict_proba(HELD_OUT.texts, contexts), wanted, atol=1e-6)


def test_what_only_the_context_says_is_learned_or_said_to_be_lost(kind: str, encoder: Path) -> None:
    texts, contexts = ["rain fell on the market"] * 96, beside([""] * 96, [WORDS["fight"], WORDS["move"], ""])
    targets = np.zeros((96, 3), dtype=np.float32)
    targets[::3, 0] = targets[1::3, 2] = 1
    deaf = kind in READS_ALONE
    warns = deaf or kind == "ensemble"  # a member of it is deaf
    with pytest.warns(TextclfWarning, match="reads a paragraph alone") if warns else nullcontext():
        model = make(kind, encoder).fit(
            texts, targets, contexts=contexts, validation=HeldOut(texts[:9], targets[:9], contexts[:9])
        )
    p = model.predict_proba(texts[:3], contexts[:3])
    if deaf:
        assert (p == p[0]).all()
    else:
        assert (p[0, 0] > p[1:, 0] + 0.02).all()
        assert (p[1, 2] > p[[0, 2], 2] + 0.02).all()


def test_windows_are_counted_where_a_text_is_read_in_several(kind: str, trained: Trainable) -> None:
    if not isinstance(trained, CountsWindows):
        pytest.skip("this kind reads a text of any length at once")
    texts = ["rain", "rain fell " * 100, ""]
    counts = trained.count_windows(texts)
    assert (counts[0], counts[2]) == (1, 1)
    assert counts[1] > 2
    squeezed = trained.count_windows(texts, beside(texts, ["rain fell " * 100]))[1]
    assert squeezed == counts[1] if kind in READS_ALONE else squeezed > counts[1]  # less room beside it
    assert trained.count_windows([]) == []


def test_an_untrained_model_says_so(kind: str, encoder: Path) -> None:
    from textclf.errors import ModelError

    with pytest.raises(ModelError, match="not trained"):
        make(kind, encoder).predict_proba(["text"])
