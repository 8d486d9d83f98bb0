"""Losses against values worked out by hand; what is unknown has no gradient in any of them."""

from __future__ import annotations

import math
from typing import Any, get_args

import numpy as np
import pytest
import torch

from textclf.models.losses import HEAVIEST, LossName, agreement, make_loss

NAN = float("nan")
TARGETS = np.array([[1, 0], [0, 0], [0, NAN], [0, 1]], dtype=np.float32)  # 1 of 4, and 1 of 3, are positive


def _value(name: LossName, logit: float, target: float, column: int = 0, **settings: Any) -> float:
    """Return the loss of one logit, the other label unknown."""
    logits, wanted = torch.zeros(1, 2), torch.full((1, 2), NAN)
    logits[0, column], wanted[0, column] = logit, target
    return make_loss(name, TARGETS, **settings)(logits, wanted).item()


def _softplus(x: float) -> float:
    return math.log1p(math.exp(x))


@pytest.mark.parametrize("name", get_args(LossName))
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_unknown_targets_have_no_gradient_and_the_rest_has(name: LossName, smoothing: float) -> None:
    logits = torch.tensor([[0.3, 2.0], [-1.0, 5.0], [0.4, 0.1]], requires_grad=True)
    targets = torch.tensor([[1.0, NAN], [0.0, NAN], [NAN, NAN]])
    make_loss(name, TARGETS, smoothing=smoothing)(logits, targets).backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
    assert (logits.grad[:, 1] == 0).all()
    assert (logits.grad[2] == 0).all()
    assert (logits.grad[:2, 0] != 0).all()


@pytest.mark.parametrize("name", get_args(LossName))
def test_nothing_known_is_no_loss(name: LossName) -> None:
    assert make_loss(name, TARGETS)(torch.randn(3, 2), torch.full((3, 2), NAN)).item() == 0


def test_binary_cross_entropy() -> None:
    assert _value("bce", 1.5, 1.0) == pytest.approx(_softplus(-1.5), rel=1e-5)
    assert _value("bce", 1.5, 0.0) == pytest.approx(_softplus(1.5), rel=1e-5)
    assert _value("bce", 1.5, 1.0, smoothing=0.2) == pytest.approx(
        0.9 * _softplus(-1.5) + 0.1 * _softplus(1.5), rel=1e-5
    )


def test_positives_of_a_rare_label_weigh_more() -> None:
    assert _value("weighted", 0.5, 1.0) == pytest.approx(math.sqrt(4 / 2) * _softplus(-0.5), rel=1e-5)
    assert _value("weighted", 0.5, 1.0, column=1) == pytest.approx(math.sqrt(3 / 2) * _softplus(-0.5), rel=1e-5)
    assert _value("weighted", 0.5, 0.0) == pytest.approx(_softplus(0.5), rel=1e-5)
    rare = np.zeros((100_000, 1), np.float32)
    loss = make_loss("weighted", rare)(torch.zeros(1, 1), torch.ones(1, 1)).item()
    assert loss == pytest.approx(HEAVIEST * math.log(2), rel=1e-5)


def test_focal_loss() -> None:
    p = 1 / (1 + math.exp(-0.8))
    assert _value("focal", 0.8, 1.0, focus=2.0) == pytest.approx((1 - p) ** 2 * -math.log(p), rel=1e-5)
    assert _value("focal", 0.8, 0.0, focus=1.0) == pytest.approx(p * -math.log(1 - p), rel=1e-5)
    assert _value("focal", 0.8, 0.0, focus=0.0) == pytest.approx(_value("bce", 0.8, 0.0), rel=1e-5)


def test_asymmetric_loss() -> None:
    p = 1 / (1 + math.exp(-0.8)) - 0.05
    assert _value("asymmetric", 0.8, 1.0) == pytest.approx(_softplus(-0.8), rel=1e-5)
    assert _value("asymmetric", 0.8, 0.0, focus=3.0) == pytest.approx(p**3 * -math.log(1 - p), rel=1e-5)
    assert _value("asymmetric", -4.0, 0.0) == 0  # a negative under the margin is done with


def test_distribution_balanced_loss() -> None:
    rate, shift = 2 / 6, 0.05 * -math.log(6 / 2 - 1)
    weight = 0.1 + 1 / (1 + math.exp(-10 * (1.0 - 0.2)))  # the row's only label draws it
    assert rate == pytest.approx(1 / 3)
    assert _value("balanced", 0.8, 1.0) == pytest.approx(weight * _softplus(-(0.8 + shift)), rel=1e-5)
    assert _value("balanced", 0.8, 0.0) == pytest.approx(weight * _softplus(2 * (0.8 + shift)) / 2, rel=1e-5)


def test_two_passes_that_agree_cost_nothing() -> None:
    z = torch.tensor([[0.2, -1.0]])
    assert agreement(z, z).item() == 0
    p, q = torch.sigmoid(z[0, 0]).item(), torch.sigmoid(torch.tensor(1.2)).item()
    both = p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))
    both += q * math.log(q / p) + (1 - q) * math.log((1 - q) / (1 - p))
    assert agreement(z[:, :1], torch.tensor([[1.2]])).item() == pytest.approx(both / 2, rel=1e-5)
