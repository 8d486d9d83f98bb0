"""Passes without padding give what transformers' own padded pass gives, forward and backward."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.models import make_encoder
from tests.props import quick
from textclf.models.batching import token_batches
from textclf.models.encoders import load_pretrained, load_tokenizer
from textclf.models.packed import Dropout, Packed, can_pack, head_inputs, last_layer, linear
from textclf.models.pooling import make_pooled
from textclf.models.windows import tokenize

TEXTS = ["rain", "envoys met the elders and the elders met envoys", "a b c d", "rain fell on the market", ""]
CONTEXTS = ["", "rain fell", "", "the market", "a"]


def _bert(folder: Path, pooling: str = "native") -> tuple[Any, Any]:
    from transformers import AutoModel, AutoModelForSequenceClassification

    encoder = make_encoder(folder)
    torch.manual_seed(0)
    if pooling == "native":
        model = load_pretrained(AutoModelForSequenceClassification, encoder, new_head=True, num_labels=3)
    else:
        model = make_pooled(load_pretrained(AutoModel, encoder), pooling=pooling, n_labels=3)  # type: ignore[arg-type]
    return model.eval(), load_tokenizer(encoder, max_length=64)


def _roberta(folder: Path) -> tuple[Any, Any]:
    import transformers

    tokenizer = load_tokenizer(make_encoder(folder), max_length=64)
    config = transformers.RobertaConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64
    )
    config.update({"num_labels": 3, "max_position_embeddings": 66, "pad_token_id": 1})
    torch.manual_seed(0)
    model = transformers.RobertaForSequenceClassification(config)
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    return model.eval(), tokenizer


def _padded(model: Any, tokenizer: Any, rows: list[Any]) -> Any:
    inputs = tokenizer.pad(rows, return_tensors="pt")
    if model.config.model_type == "roberta":  # its positions are counted from what is no padding
        inputs["input_ids"] = inputs["input_ids"].masked_fill(inputs["attention_mask"] == 0, 1)
    return model(**inputs).logits


def _packed(model: Any, rows: list[Any]) -> Any:
    packed = Packed.of(rows)
    pooled = head_inputs(model, packed, dtype=torch.float32, dropout=Dropout(np.random.default_rng(0), 0.0))
    return linear(last_layer(model), pooled)[torch.from_numpy(np.argsort(packed.order))]


@pytest.mark.parametrize("family", ["native", "cls", "mean", "attention", "roberta"])
def test_logits_and_gradients_are_those_of_the_padded_pass(family: str, tmp_path: Path) -> None:
    model, tokenizer = _roberta(tmp_path / "e") if family == "roberta" else _bert(tmp_path / "e", family)
    assert can_pack(model)
    rows = tokenize(tokenizer, TEXTS, CONTEXTS)
    padded, packed = _padded(model, tokenizer, rows), _packed(model, rows)
    torch.testing.assert_close(packed, padded, atol=2e-6, rtol=1e-4)
    gradients = []
    for logits in (padded, packed):
        model.zero_grad()
        (logits * torch.arange(15).view(5, 3)).sum().backward()
        gradients.append({n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None})
    assert set(gradients[0]) == set(gradients[1])
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, atol=2e-4, rtol=1e-3, msg=name)


@pytest.mark.minilm
def test_minilm_gives_the_same_without_padding() -> None:
    from transformers import AutoModelForSequenceClassification

    from textclf.models.encoders import MINILM, find_encoder

    folder = find_encoder(MINILM)
    model = load_pretrained(AutoModelForSequenceClassification, folder, new_head=True, num_labels=3).eval()
    tokenizer = load_tokenizer(folder, max_length=128)
    rows = tokenize(tokenizer, [*TEXTS, "Shells fell on the market quarter for a third day. " * 4])
    with torch.no_grad():
        torch.testing.assert_close(_packed(model, rows), _padded(model, tokenizer, rows), atol=1e-5, rtol=1e-4)


def test_what_is_not_of_the_family_is_not_packed() -> None:
    import transformers

    shared = {"vocab_size": 20, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    decoder = transformers.BertForSequenceClassification(transformers.BertConfig(**shared, is_decoder=True))
    other = transformers.DebertaV2ForSequenceClassification(transformers.DebertaV2Config(**shared))
    assert not can_pack(decoder)
    assert not can_pack(other)
    assert not can_pack(torch.nn.Linear(1, 1))


@quick
@given(st.lists(st.integers(1, 60), min_size=1, max_size=40))
def test_every_text_is_laid_out_once_and_in_little_more_than_its_own_room(lengths: list[int]) -> None:
    rows = [{"input_ids": [number] * length} for number, length in enumerate(lengths)]
    packed = Packed.of(rows)
    assert packed.ids.shape == (sum(lengths),)
    assert packed.ids[packed.first].tolist() == packed.order.tolist()
    assert sum(group.shape[0] for group in packed.groups) == len(lengths)
    assert [group.start for group in packed.groups][1:] == [group.end for group in packed.groups][:-1]
    assert sum(a * b for a, b in (group.shape for group in packed.groups)) <= sum(lengths) / 0.85 + 1
    assert packed.positions.tolist() == [place for row in packed.order for place in range(lengths[row])]


def test_dropout_keeps_the_mean_and_the_share() -> None:
    x = torch.ones(200, 500)
    dropped = Dropout(np.random.default_rng(0), 0.1)(x)
    assert (dropped == 0).float().mean().item() == pytest.approx(26 / 256, abs=0.005)
    assert dropped.mean().item() == pytest.approx(1.0, abs=0.01)
    assert Dropout(np.random.default_rng(0), 0.0)(x) is x


@quick
@given(st.lists(st.integers(1, 50), min_size=1, max_size=200), st.integers(1, 200), st.booleans())
def test_token_batches_hold_every_row_once_within_their_budget(lengths: list[int], most: int, alike: bool) -> None:
    batches = token_batches(lengths, max_tokens=most, rng=np.random.default_rng(1), alike=alike)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    for batch in batches:
        sizes = [lengths[row] for row in batch]
        assert len(sizes) == 1 or (max(sizes) * len(sizes) if alike else sum(sizes)) <= most
