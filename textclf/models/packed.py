"""Passes of the BERT family without padding, for training and prediction.

The tokens of a batch lie end to end in one long row, so that the linear layers, which are nearly all of the work, see
no padding at all. Attention alone needs texts apart: texts of like length are laid beside each other in small groups,
padded a little. Where a head reads the first token, the last layer is computed for first tokens only. Both are exact:
in float32 the logits are those of transformers' own pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from textclf.models.windows import Row

FAMILIES = ("bert", "roberta", "xlm-roberta")
LEAST_FILLED = 0.85  # of a group's padded places, so much holds tokens


@dataclass(frozen=True)
class Group:
    """Texts of like length that attend side by side: their tokens are `start` to `end` of the batch.

    Attributes:
        start: First token.
        end: One past the last.
        shape: Texts, and places of the longest.
        places: int64 tensor (tokens,): where each token goes in texts x places; None where all are as long.
        bias: Float tensor (texts, 1, 1, places): 0 for a token, very low for padding; None where there is none.
    """

    start: int
    end: int
    shape: tuple[int, int]
    places: Any
    bias: Any


@dataclass(frozen=True)
class Packed:
    """A batch laid end to end, its texts by length.

    Attributes:
        ids: int64 tensor (tokens,).
        positions: int64 tensor (tokens,): places within each text, from 0.
        types: int64 tensor (tokens,), or None where the model has no token types.
        first: int64 tensor (n,): the first token of each text.
        groups: How they attend.
        order: (n,): which row of those given each text is.
    """

    ids: Any
    positions: Any
    types: Any
    first: Any
    groups: list[Group]
    order: np.ndarray

    @classmethod
    def of(cls, rows: Sequence[Row], *, device: Any = "cpu") -> Packed:
        """Lay rows of tokens end to end, shortest first."""
        import torch

        lengths = np.array([len(row["input_ids"]) for row in rows], dtype=np.int64)
        order = np.argsort(lengths, kind="stable")
        ordered, lengths = [rows[i] for i in order], lengths[order]
        starts = np.concatenate([[0], np.cumsum(lengths)])

        def flat(name: str) -> Any:
            values = np.concatenate([np.asarray(row[name], dtype=np.int64) for row in ordered])
            return torch.from_numpy(values).to(device)

        positions = np.arange(starts[-1]) - np.repeat(starts[:-1], lengths)
        return cls(
            ids=flat("input_ids"),
            positions=torch.from_numpy(positions).to(device),
            types=flat("token_type_ids") if "token_type_ids" in rows[0] else None,
            first=torch.from_numpy(starts[:-1]).to(device),
            groups=[_group(lengths, starts, one, end, device) for one, end in _alike(lengths)],
            order=order,
        )


def _alike(lengths: np.ndarray) -> list[tuple[int, int]]:
    """Part rising lengths into runs whose padded places are filled well enough."""
    runs, begin, held = [], 0, 0
    for row, length in enumerate(lengths.tolist()):
        if row > begin and held + length < LEAST_FILLED * length * (row - begin + 1):
            runs.append((begin, row))
            begin, held = row, 0
        held += length
    return [*runs, (begin, len(lengths))]


def _group(lengths: np.ndarray, starts: np.ndarray, begin: int, end: int, device: Any) -> Group:
    import torch

    own, longest = lengths[begin:end], int(lengths[end - 1])
    first, last, shape = int(starts[begin]), int(starts[end]), (end - begin, longest)
    if own[0] == longest:
        return Group(first, last, shape, None, None)
    filled = np.arange(longest) < own[:, None]
    bias = np.where(filled, 0.0, -1e4).astype(np.float32)[:, None, None, :]
    places = torch.from_numpy(np.flatnonzero(filled)).to(device)
    return Group(first, last, shape, places, torch.from_numpy(bias).to(device))


def can_pack(model: Any) -> bool:
    """Tell whether a classifier's encoder is of the BERT family as it was published, with absolute positions."""
    config = getattr(model, "config", None)
    return (
        getattr(config, "model_type", None) in FAMILIES
        and not getattr(config, "is_decoder", False)
        and getattr(config, "position_embedding_type", None) in (None, "absolute")
        and not hasattr(model, "peft_config")
    )


@dataclass(frozen=True)
class Part:
    """Texts of a batch that are computed apart from the others: where they stand in the whole of it, by length.

    Attributes:
        texts: int64 (n,): which texts of the whole they are.
        tokens: int64 (tokens,): which of its tokens are theirs.
        sizes: Texts and tokens of the whole.
    """

    texts: np.ndarray
    tokens: np.ndarray
    sizes: tuple[int, int]

    @classmethod
    def of(cls, lengths: Sequence[int], own: np.ndarray) -> Part:
        """Place rows of a batch in the whole of it.

        Args:
            lengths: Tokens of each row of the whole batch.
            own: The rows that are computed.
        """
        sizes = np.asarray(lengths, dtype=np.int64)
        texts = np.argsort(np.argsort(sizes, kind="stable"), kind="stable")[own]
        ends = np.cumsum(np.sort(sizes))
        tokens = np.concatenate(
            [np.arange(ends[text] - sizes[row], ends[text]) for row, text in zip(own, texts, strict=True)]
        )
        return cls(texts, tokens, (len(sizes), int(ends[-1])))


class Dropout:
    """Dropout whose masks come from a numpy generator, which draws them many times faster on a CPU.

    Args:
        rng: Draws.
        share: Of the values set to 0, in steps of 1/256.
        part: Where only some texts of a batch are computed: the masks of all are drawn and theirs are taken, so that a
            text's mask is the same whoever computes it. On a GPU each draws for itself.
    """

    def __init__(self, rng: np.random.Generator, share: float, part: Part | None = None) -> None:
        self.rng, self.part = rng, part
        self.cut = round(256 * share)

    def __call__(self, x: Any) -> Any:
        """Return x with some values 0 and the others larger, so that the expectation stays."""
        import torch

        if not self.cut:
            return x
        if x.device.type != "cpu":
            return torch.nn.functional.dropout(x, self.cut / 256)
        kept = (self._draw(x) >= self.cut).view(x.shape).to(x.dtype)
        return x * kept.mul_(256 / (256 - self.cut))

    def _draw(self, x: Any) -> Any:
        """Return a uint8 tensor for x, of as many numbers."""
        import torch

        if self.part is None:
            return torch.frombuffer(bytearray(self.rng.bytes(x.numel())), dtype=torch.uint8)
        by_token = len(x) == len(self.part.tokens)
        own, size = (self.part.tokens, self.part.sizes[1]) if by_token else (self.part.texts, self.part.sizes[0])
        drawn = np.frombuffer(self.rng.bytes(size * x.shape[1]), dtype=np.uint8).reshape(size, -1)
        return torch.from_numpy(drawn[own])


def encode(base: Any, packed: Packed, *, dtype: Any, dropout: Dropout, first_only: bool) -> Any:
    """Return the last hidden states: (n, d) of first tokens, or (tokens, d), in the order of `packed`.

    Args:
        base: A BERT-family encoder.
        packed: The batch.
        dtype: What the matrices are multiplied in: float32 or bfloat16; weights stay as they are.
        dropout: Of hidden states. Attention weights are not dropped.
        first_only: Compute the last layer for first tokens alone.
    """
    x = dropout(_embed(base, packed)).to(dtype)
    layers = list(base.encoder.layer)
    for layer in layers[:-1]:
        x = _layer(layer, x, packed, dropout)
    return _layer(layers[-1], x, packed, dropout, only=packed.first if first_only else None)


def _embed(base: Any, packed: Packed) -> Any:
    """Return the sum of word, position and token-type vectors, normalised (tokens, d)."""
    table = base.embeddings
    padding = getattr(table.position_embeddings, "padding_idx", None)  # RoBERTa counts positions from after it
    shift = 0 if padding is None else padding + 1
    types = packed.types if packed.types is not None else packed.ids.new_zeros(packed.ids.shape)
    summed = (
        table.word_embeddings(packed.ids)
        + table.position_embeddings(packed.positions + shift)
        + table.token_type_embeddings(types)
    )
    return table.LayerNorm(summed)


def _layer(layer: Any, x: Any, packed: Packed, dropout: Dropout, *, only: Any = None) -> Any:
    """Return one transformer layer's output (tokens, d), or (n, d) of the tokens in `only`."""
    found = _attend(layer.attention.self, x, packed)
    if only is not None:
        found, x = found[only], x[only]
    out = layer.attention.output
    x = out.LayerNorm(x + dropout(linear(out.dense, found)))
    wide = layer.intermediate.intermediate_act_fn(linear(layer.intermediate.dense, x))
    return layer.output.LayerNorm(x + dropout(linear(layer.output.dense, wide)))


def _attend(attention: Any, x: Any, packed: Packed) -> Any:
    """Return the attended values (tokens, d): every text by itself."""
    import torch

    parts = (attention.query, attention.key, attention.value)
    weight = torch.cat([part.weight for part in parts]).to(x.dtype)
    bias = torch.cat([part.bias for part in parts]).to(x.dtype)
    qkv = torch.nn.functional.linear(x, weight, bias)
    heads = attention.num_attention_heads
    return torch.cat([_attend_group(qkv[group.start : group.end], group, heads) for group in packed.groups])


def _attend_group(qkv: Any, group: Group, heads: int) -> Any:
    """Return the attended values (tokens, d) of one group.

    On a CPU plain products and a softmax are used: torch's fused attention takes five times as long there, backward, in
    bfloat16.
    """
    import torch

    texts, longest = group.shape
    laid = qkv if group.places is None else _pad(qkv, group.places, texts * longest)
    laid = laid.view(texts, longest, 3, heads, -1).permute(2, 0, 3, 1, 4)
    query, key, value = laid[0], laid[1], laid[2]
    bias = None if group.bias is None else group.bias.to(qkv.dtype)
    if qkv.device.type == "cpu":
        scores = torch.matmul(query * query.shape[-1] ** -0.5, key.transpose(-1, -2))
        found = torch.matmul(torch.softmax(scores if bias is None else scores + bias, dim=-1), value)
    else:
        found = torch.nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
    flat = found.transpose(1, 2).reshape(texts * longest, -1)
    return flat if group.places is None else _unpad(flat, group.places)


def linear(layer: Any, x: Any) -> Any:
    """Return a linear layer's output, its weights taken in the precision of x."""
    import torch

    bias = None if layer.bias is None else layer.bias.to(x.dtype)
    return torch.nn.functional.linear(x, layer.weight.to(x.dtype), bias)


def _pad(x: Any, places: Any, size: int) -> Any:
    """Return (size, d) with the rows of x at their places and 0 elsewhere."""
    return x.new_zeros((size, x.shape[1])).index_copy(0, places, x)


def _unpad(x: Any, places: Any) -> Any:
    """Return the rows of x at the places."""
    return x.index_select(0, places)


def head_inputs(model: Any, packed: Packed, *, dtype: Any, dropout: Dropout) -> Any:
    """Return float32 (n, d): what the last linear layer of a BERT-family classifier reads, in the order of `packed`.

    Args:
        model: transformers' own classifier, or one of `textclf.models.pooling`.
        packed: The batch.
        dtype: See `encode`.
        dropout: See `encode`; the last dropout, before the linear layer, is left to the caller.
    """
    import torch

    base, pooling = model.base_model, getattr(model, "pooling", "native")
    hidden = encode(base, packed, dtype=dtype, dropout=dropout, first_only=pooling in ("native", "cls")).float()
    if pooling == "cls":
        return hidden
    if pooling != "native":
        return _pool_texts(model, hidden, packed)
    if getattr(base, "pooler", None) is not None:  # BERT
        return torch.tanh(linear(base.pooler.dense, hidden))
    return torch.tanh(linear(model.classifier.dense, dropout(hidden)))  # RoBERTa


def last_layer(model: Any) -> Any:
    """Return the linear layer that gives the logits of a BERT-family classifier."""
    return getattr(model.classifier, "out_proj", model.classifier)


def predict_packed(model: Any, rows: Sequence[Row]) -> np.ndarray:
    """Return float32 (n, k): the log-odds of a BERT-family classifier for rows, in their order."""
    import torch

    packed = Packed.of(rows, device=next(model.parameters()).device)
    still = Dropout(np.random.default_rng(0), 0.0)
    with torch.inference_mode():
        found = linear(last_layer(model), head_inputs(model, packed, dtype=torch.float32, dropout=still))
    logits = np.empty(tuple(found.shape), dtype=np.float32)
    logits[packed.order] = found.float().cpu().numpy()
    return logits


def _pool_texts(model: Any, hidden: Any, packed: Packed) -> Any:
    """Return (n, d): the token vectors (tokens, d) of each text pooled by the model."""
    import torch

    pooled = []
    for group in packed.groups:
        texts, longest = group.shape
        own = hidden[group.start : group.end]
        laid = own if group.places is None else _pad(own, group.places, texts * longest)
        laid = laid.view(texts, longest, -1)
        mask = hidden.new_ones((texts, longest)) if group.bias is None else (group.bias[:, 0, 0] == 0).to(hidden.dtype)
        pooled.append(model.pool(laid, mask))
    return torch.cat(pooled)
