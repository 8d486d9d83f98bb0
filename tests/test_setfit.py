"""What tuning on pairs does to an encoder; that the kind keeps the contract stands in test_models_contract.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.conftest import LABELS, make_articles
from tests.models import TINY_OPTIONS, make_encoder
from textclf.errors import ModelError
from textclf.labels import LabelSet
from textclf.models.pairs import Pairs, likeness
from textclf.models.setfit import LOSSES, Setfit, SetfitOptions, cosine_loss, supcon_loss
from textclf.records import Examples

LABEL_SET = LabelSet.of(LABELS)
TRAINING = Examples.of(make_articles(24), LABEL_SET)
HELD_OUT = Examples.of(make_articles(24, seed=1, uncertain=False), LABEL_SET)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(make_encoder(tmp_path_factory.mktemp("encoder")))


def fit(encoder: str, targets: np.ndarray | None = None, **changes: Any) -> Setfit:
    options = SetfitOptions(encoder=encoder, **{**TINY_OPTIONS["setfit"], **changes})
    return Setfit(LABEL_SET, options, seed=0).fit(TRAINING.texts, TRAINING.targets if targets is None else targets)


def spread(model: Setfit) -> float:
    """Return by how much texts of one set of labels lie nearer each other than texts that share none."""
    vectors = model.embed(HELD_OUT.texts)
    cosines = vectors @ vectors.T
    alike = likeness(HELD_OUT.targets[:, None], HELD_OUT.targets[None])
    np.fill_diagonal(alike, np.nan)
    return float(cosines[alike == 1].mean() - cosines[alike == 0].mean())


@pytest.mark.parametrize("loss", sorted(LOSSES))
def test_texts_of_one_label_come_together_and_others_part(loss: str, encoder: str) -> None:
    before = Setfit(LABEL_SET, SetfitOptions(encoder=encoder, max_length=64), seed=0)
    before._open(Path(encoder))
    assert spread(fit(encoder, loss=loss)) > spread(before) + 0.3


def test_it_tells_of_its_pairs(encoder: str) -> None:
    info = fit(encoder).info
    wanted = 2 * round(12 * len(TRAINING))
    assert 0.9 * wanted < info["pairs"] <= wanted
    assert info["loss_last"] < info["loss_first"]
    assert info["seconds"] > 0
    assert fit(encoder, most_pairs=20, epochs=1).info["pairs"] <= 20


def test_the_callers_chance_is_not_disturbed(encoder: str) -> None:
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    fit(encoder, most_pairs=20, epochs=1)
    assert torch.equal(torch.rand(3), wanted)


def test_where_no_two_texts_differ_the_encoder_stays_as_it_is(encoder: str) -> None:
    targets = np.zeros(TRAINING.targets.shape, dtype=np.float32)
    targets[:, 1] = 1
    before = Setfit(LABEL_SET, SetfitOptions(encoder=encoder, max_length=64), seed=0)
    before._open(Path(encoder))
    after = fit(encoder, targets)
    np.testing.assert_array_equal(after.embed(HELD_OUT.texts), before.embed(HELD_OUT.texts))
    assert after.info["pairs"] == 0


def test_a_rate_too_high_is_said(encoder: str) -> None:
    with pytest.raises(ModelError, match=r"diverged.*Lower model\.options\.learning_rate \(now 1e\+30\)"):
        fit(encoder, learning_rate=1e30, epochs=1)


def whole(targets: list[list[float]]) -> tuple[Pairs, np.ndarray, np.ndarray]:
    """Return every pair of rows, places among them, and the targets."""
    rows = np.array(targets, dtype=np.float32)
    first, second = np.triu_indices(len(rows), 1)
    return Pairs(first, second, likeness(rows[first], rows[second])), np.concatenate([first, second]), rows


@pytest.mark.parametrize("loss", [cosine_loss, supcon_loss])
def test_a_loss_is_lower_where_the_like_lie_together(loss: Any) -> None:
    pairs, places, targets = whole([[1, 0], [1, 0], [0, 1], [0, 1]])
    right = torch.tensor([[1.0, 0], [1, 0], [0, 1], [0, 1]])
    wrong = torch.tensor([[1.0, 0], [0, 1], [1, 0], [0, 1]])
    assert loss(right, pairs, places, targets) < loss(wrong, pairs, places, targets) - 0.3


def test_supcon_sets_no_text_against_one_it_may_be_like() -> None:
    """The third row may carry the label of the first two; where it lies changes nothing."""
    pairs, places, targets = whole([[1, 0], [1, 0], [float("nan"), 0], [0, 1]])
    vectors = torch.nn.functional.normalize(torch.randn(4, 3, generator=torch.Generator().manual_seed(0)))
    loss = supcon_loss(vectors, pairs, places, targets)
    vectors[2] = vectors[0]
    assert float(supcon_loss(vectors, pairs, places, targets)) == pytest.approx(float(loss), abs=1e-6)
