"""The steps of training: which weights move how fast, and the mean of the weights along the way."""

from __future__ import annotations

import math
import re
from typing import Any, Literal

Schedule = Literal["linear", "cosine"]

LAYER = re.compile(r"\.layers?\.(\d+)\.")


class Steps:
    """AdamW with clipped gradients, a rate that rises and then falls to 0, lower layers slower if asked.

    Args:
        model: Its parameters that require gradients are trained.
        learning_rate: The peak, of the head and the uppermost layer.
        n_steps: Steps in all.
        warmup: Share of the steps in which the rate rises.
        schedule: How it falls: in a line, or as a cosine.
        weight_decay: On matrices; biases and norms have none.
        layer_decay: Each layer's rate is this times that of the layer above it; 1 for the same.
        max_norm: Gradients are clipped to this norm.
    """

    def __init__(
        self,
        model: Any,
        *,
        learning_rate: float,
        n_steps: int,
        warmup: float,
        schedule: Schedule,
        weight_decay: float,
        layer_decay: float,
        max_norm: float,
    ) -> None:
        import torch

        self.parameters = [p for p in model.parameters() if p.requires_grad]
        groups = parameter_groups(model, weight_decay=weight_decay, layer_decay=layer_decay)
        self.peaks = [learning_rate * group.pop("share") for group in groups]
        self.optimizer = torch.optim.AdamW(groups, lr=learning_rate, fused=True)
        self.n_steps, self.n_rising, self.shape, self.max_norm = n_steps, warmup * n_steps, schedule, max_norm

    def take(self, step: int) -> None:
        """Move the weights by the gradients gathered; `step` counts from 0."""
        import torch

        for group, peak in zip(self.optimizer.param_groups, self.peaks, strict=True):
            group["lr"] = peak * rate(step, self.n_steps, self.n_rising, self.shape)
        torch.nn.utils.clip_grad_norm_(self.parameters, self.max_norm)
        self.optimizer.step()
        self.optimizer.zero_grad()

    def moments(self) -> dict[str, Any]:
        """Return what the optimizer remembers, as tensors by ``<parameter>/<moment>``."""
        state = self.optimizer.state_dict()["state"]
        return {f"{number}/{name}": value for number, held in state.items() for name, value in held.items()}

    def set_moments(self, tensors: dict[str, Any]) -> None:
        """Let the optimizer go on from what `moments` gave."""
        state: dict[int, dict[str, Any]] = {}
        for key, value in tensors.items():
            number, name = key.split("/", 1)
            state.setdefault(int(number), {})[name] = value.cpu() if name == "step" else value
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": state})


def rate(step: int, n_steps: int, n_rising: float, shape: Schedule) -> float:
    """Return the share of the peak rate at a step: a rise in a line, then a fall to 0."""
    if step + 1 < n_rising:
        return (step + 1) / n_rising
    left = (n_steps - step) / max(1.0, n_steps - n_rising)
    left = min(1.0, max(0.0, left))
    return left if shape == "linear" else (1 - math.cos(math.pi * left)) / 2


def parameter_groups(model: Any, *, weight_decay: float, layer_decay: float) -> list[dict[str, Any]]:
    """Return the trained parameters as optimizer groups, each with its `share` of the peak rate.

    Embeddings stand below the lowest layer; what belongs to no layer (pooler, head) moves at the full rate.
    """
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    numbers = [int(found[1]) for name, _ in named if (found := LAYER.search(name))]
    top = max(numbers, default=-1)
    groups: dict[tuple[float, bool], dict[str, Any]] = {}
    for name, parameter in named:
        found = LAYER.search(name)
        depth = top - int(found[1]) if found else top + 1 if "embeddings" in name else 0
        share, decays = layer_decay**depth, parameter.ndim >= 2
        group = groups.setdefault(
            (share, decays), {"params": [], "weight_decay": weight_decay if decays else 0.0, "share": share}
        )
        group["params"].append(parameter)
    return list(groups.values())


class Average:
    """An exponential moving average of the trained weights.

    Args:
        model: Whose weights are averaged.
        decay: Weight of the past at each step; early steps forget faster, so that the start does not linger.
    """

    def __init__(self, model: Any, *, decay: float) -> None:
        self.decay = decay
        self.values = {name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad}
        self._own: dict[str, Any] = {}

    def take(self, model: Any, step: int) -> None:
        """Take in the weights after a step; `step` counts from 0."""
        import torch

        weight = 1 - min(self.decay, (step + 1) / (step + 10))
        named = dict(model.named_parameters())
        with torch.no_grad():
            torch._foreach_lerp_(list(self.values.values()), [named[name] for name in self.values], weight)

    def lend(self, model: Any) -> None:
        """Put the averaged weights into the model, keeping its own for `take_back`."""
        import torch

        named = dict(model.named_parameters())
        self._own = {name: named[name].detach().clone() for name in self.values}
        with torch.no_grad():
            for name, value in self.values.items():
                named[name].copy_(value)

    def take_back(self, model: Any) -> None:
        """Give the model its own weights back."""
        import torch

        named = dict(model.named_parameters())
        with torch.no_grad():
            for name, value in self._own.items():
                named[name].copy_(value)
        self._own = {}
