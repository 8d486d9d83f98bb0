"""Rates, layer-wise decay and the moving average of weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.models import make_encoder
from textclf.models.optimizing import Average, Steps, parameter_groups, rate


def _steps(model: torch.nn.Module, **changes: float) -> Steps:
    settings = {"learning_rate": 1.0, "n_steps": 10, "warmup": 0.2, "weight_decay": 0.1, "layer_decay": 1.0}
    return Steps(model, schedule="linear", max_norm=1.0, **{**settings, **changes})  # type: ignore[arg-type]


def test_the_rate_rises_then_falls_to_nothing() -> None:
    linear = [rate(step, 10, 2.0, "linear") for step in range(11)]
    assert linear[:4] == pytest.approx([0.5, 1.0, 1.0, 0.875])
    assert linear[10] == 0
    cosine = [rate(step, 10, 0.0, "cosine") for step in range(11)]
    assert cosine[0] == pytest.approx(1.0)
    assert cosine[5] == pytest.approx(0.5)
    assert sorted(cosine, reverse=True) == cosine
    assert rate(15, 10, 0.0, "linear") == 0  # an epoch may turn out a batch longer than was thought


def test_biases_do_not_decay_and_gradients_are_clipped() -> None:
    model = torch.nn.Linear(2, 2)
    steps = _steps(model)
    assert [group["weight_decay"] for group in steps.optimizer.param_groups] == [0.1, 0.0]
    (model(torch.ones(1, 2)).sum() * 1e6).backward()
    before = model.weight.detach().clone()
    steps.take(0)
    assert (model.weight - before).abs().max() < 1.5
    assert model.weight.grad is None or (model.weight.grad == 0).all()


def test_lower_layers_move_slower(tmp_path: Path) -> None:
    from transformers import AutoModelForSequenceClassification

    model = AutoModelForSequenceClassification.from_pretrained(make_encoder(tmp_path / "e"), num_labels=3)
    groups = parameter_groups(model, weight_decay=0.0, layer_decay=0.5)
    share = {id(p): group["share"] for group in groups for p in group["params"]}
    found = {name: share[id(p)] for name, p in model.named_parameters()}
    assert found["classifier.weight"] == found["bert.pooler.dense.weight"] == 1.0
    assert found["bert.encoder.layer.1.output.dense.weight"] == 1.0
    assert found["bert.encoder.layer.0.output.dense.weight"] == 0.5
    assert found["bert.embeddings.word_embeddings.weight"] == 0.25
    assert len(found) == len(list(model.parameters()))


def test_the_average_follows_the_weights_and_is_lent_and_taken_back() -> None:
    model = torch.nn.Linear(1, 1)
    torch.nn.init.constant_(model.weight, 0.0)
    average = Average(model, decay=0.5)
    seen = 0.0
    for step, value in enumerate([1.0, 2.0, 3.0]):
        torch.nn.init.constant_(model.weight, value)
        average.take(model, step)
        past = min(0.5, (step + 1) / (step + 10))
        seen = past * seen + (1 - past) * value
    average.lend(model)
    assert model.weight.item() == pytest.approx(seen)
    average.take_back(model)
    assert model.weight.item() == 3.0
