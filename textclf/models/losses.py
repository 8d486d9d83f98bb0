"""Losses for rare labels and partial labelling. An unknown target (NaN) has no gradient in any of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np

LossName = Literal["bce", "weighted", "focal", "asymmetric", "balanced"]
Loss = Callable[[Any, Any], Any]

HEAVIEST = 20.0  # the most that class weights favour a positive over a negative


def make_loss(name: LossName, targets: np.ndarray, *, focus: float = 2.0, smoothing: float = 0.0) -> Loss:
    """Return a function of logits (n, k) and targets (n, k) that gives their mean loss over known targets.

    Args:
        name: ``"bce"``: binary cross-entropy. ``"weighted"``: positives weigh the square root of how many negatives a
            label has for one. ``"focal"``: what is right already counts less (Lin et al. 2017). ``"asymmetric"``: only
            easy negatives count less, and those under 0.05 nothing (ASL, Ridnik et al. 2021). ``"balanced"``: rows
            reweighted by how often sampling by label would draw them, negatives of rare labels tolerated
            (distribution-balanced loss, Wu et al. 2020).
        targets: float32 (n, k) of the training set, to learn how frequent labels are: 1, 0 or NaN.
        focus: The exponent with which the easy counts less: for focal and asymmetric.
        smoothing: Targets 1 and 0 become ``1 - smoothing / 2`` and ``smoothing / 2``.
    """
    import torch

    positives, known = np.nansum(targets, axis=0), (~np.isnan(targets)).sum(axis=0)
    if name == "balanced":
        elementwise = _balanced(positives, known)
    else:
        ratio = np.sqrt((known - positives + 1) / (positives + 1))
        weights = torch.from_numpy(np.clip(ratio, 1.0, HEAVIEST).astype(np.float32))
        elementwise = {
            "bce": _bce,
            "weighted": lambda z, y: _bce(z, y) * torch.where(y > 0.5, weights.to(z.device), 1.0),
            "focal": lambda z, y: _focal(z, y, focus=focus),
            "asymmetric": lambda z, y: _asymmetric(z, y, focus=focus),
        }[name]

    def loss(logits: Any, wanted: Any) -> Any:
        """Return the mean loss over known targets; 0 where none is known."""
        seen = ~torch.isnan(wanted)
        filled = torch.where(seen, wanted, torch.zeros_like(wanted))
        filled = filled * (1 - smoothing) + smoothing / 2 if smoothing else filled
        return (elementwise(logits, filled) * seen).sum() / seen.sum().clamp(min=1)

    return loss


def masked_bce(logits: Any, targets: Any) -> Any:
    """Return the mean binary cross-entropy over known targets (NaN is unknown); no known target gives 0.

    Args:
        logits: Tensor (n, k).
        targets: Tensor (n, k): 1, 0 or NaN; what lies between is a probability to be matched.
    """
    return make_loss("bce", np.zeros((0, logits.shape[1]), np.float32))(logits, targets)


def agreement(one: Any, other: Any) -> Any:
    """Return the mean symmetric Kullback-Leibler divergence of two passes' probabilities (R-Drop, Liang et al. 2021).

    Args:
        one: Logits (n, k) of a pass.
        other: Of another pass over the same texts, with other dropout.
    """
    import torch

    p, q = torch.sigmoid(one), torch.sigmoid(other)
    return ((p - q) * (one - other)).mean() / 2  # what the symmetric divergence of two coins comes to


def _bce(logits: Any, targets: Any) -> Any:
    import torch

    return torch.nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")


def _focal(logits: Any, targets: Any, *, focus: float) -> Any:
    import torch

    p = torch.sigmoid(logits)
    missed = targets * (1 - p) + (1 - targets) * p
    return _bce(logits, targets) * missed**focus


def _asymmetric(logits: Any, targets: Any, *, focus: float, margin: float = 0.05) -> Any:
    """Positives keep their cross-entropy; a negative's probability is lowered by the margin and focused."""
    import torch

    p = torch.sigmoid(logits)
    shifted = (p - margin).clamp(min=0)
    negative = -torch.log1p(-shifted.clamp(max=1 - 1e-6)) * shifted**focus
    return targets * torch.nn.functional.softplus(-logits) + (1 - targets) * negative


def _balanced(positives: np.ndarray, known: np.ndarray, *, tolerance: float = 2.0) -> Loss:
    """Return the elementwise distribution-balanced loss for labels with so many positives.

    Of a row and a label it carries, the weight is the chance of the label being drawn by label over that of the row
    being drawn by any of its labels, smoothed to lie between 0.1 and 1.1; logits are shifted by the label's prior, and
    a negative's logit is scaled by the tolerance, so that negatives of a rare label do not drown it.
    """
    import torch

    rates = (positives + 1) / (known + 2)
    drawn = torch.from_numpy((1 / (positives + 1)).astype(np.float32))
    shift = torch.from_numpy((0.05 * -np.log(1 / rates - 1)).astype(np.float32))

    def elementwise(logits: Any, targets: Any) -> Any:
        """Return the weighted loss of each logit."""
        one = drawn.to(logits.device)
        whole = (targets * one).sum(dim=1, keepdim=True)
        share = torch.where(whole > 0, one / whole.clamp(min=1e-12), torch.ones_like(logits))
        weight = 0.1 + torch.sigmoid(10.0 * (share - 0.2))
        shifted = logits + shift.to(logits.device)
        positive = torch.nn.functional.softplus(-shifted)
        negative = torch.nn.functional.softplus(tolerance * shifted) / tolerance
        return weight * (targets * positive + (1 - targets) * negative)

    return elementwise
