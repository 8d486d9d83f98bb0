"""Encoders of the BERT family as ONNX graphs of our own, so small and plain that every runtime fuses them well.

Where the head reads the first token alone, the last layer is computed for that token alone: the same logits, a tenth
of the work less for six layers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from textclf.errors import ModelError
from textclf.models.onnx_graph import HEAD, Graph

FAMILIES = ("bert", "roberta", "xlm-roberta", "camembert")
ACTIVATIONS = {
    "gelu": ("Gelu", {}),
    "gelu_new": ("Gelu", {"approximate": "tanh"}),
    "gelu_pytorch_tanh": ("Gelu", {"approximate": "tanh"}),
    "relu": ("Relu", {}),
}
INPUTS = ("input_ids", "attention_mask", "token_type_ids")
MASKED = -10_000.0  # added to a score of attention: its exponential is 0 in float32

Weights = Mapping[str, np.ndarray]


def is_drawn(config: Any) -> bool:
    """Tell whether the encoder of a transformers config is one that `encoder_graph` draws."""
    positions = getattr(config, "position_embedding_type", "absolute")
    return (
        config.model_type in FAMILIES
        and config.hidden_act in ACTIVATIONS
        and positions == "absolute"
        and not getattr(config, "is_decoder", False)
    )


def encoder_graph(graph: Graph, weights: Weights, config: Any, *, inputs: list[str], first_only: bool) -> str:
    """Draw an encoder and return the name of its last hidden states: (b, t, d), or (b, 1, d) with `first_only`.

    Args:
        graph: To draw in.
        weights: The base model's, by the names transformers gives them.
        config: Its transformers config (see `is_drawn`).
        inputs: Those of `INPUTS` that the tokenizer gives.
        first_only: Compute the last layer for the first token alone.
    """
    x = _embeddings(graph, weights, config, inputs)
    mask = graph.add("Cast", "attention_mask", to=graph.onnx.TensorProto.FLOAT)
    absent = graph.add("Sub", graph.number(1.0), mask)
    penalty = graph.add("Unsqueeze", graph.add("Mul", absent, graph.number(MASKED)), graph.integers(1, 2))
    for layer in range(config.num_hidden_layers):
        alone = first_only and layer == config.num_hidden_layers - 1
        x = _layer(graph, weights, config, x, penalty, name=f"encoder.layer.{layer}", first_only=alone)
    return x


def _embeddings(graph: Graph, weights: Weights, config: Any, inputs: list[str]) -> str:
    begin = 0 if config.model_type == "bert" else config.pad_token_id + 1  # RoBERTa counts from after its padding
    positions = weights["embeddings.position_embeddings.weight"][begin:]
    tokens = graph.add("Slice", graph.add("Shape", "input_ids"), graph.integers(1), graph.integers(2))
    table = graph.constant(positions, "embeddings.positions")
    position = graph.add("Slice", table, graph.integers(0), tokens, graph.integers(0))
    word = graph.add("Gather", graph.constant(weights["embeddings.word_embeddings.weight"], "words"), "input_ids")
    types = weights["embeddings.token_type_embeddings.weight"]
    if "token_type_ids" in inputs and len(types) > 1:
        kind = graph.add("Gather", graph.constant(types, "embeddings.types"), "token_type_ids")
    else:
        kind = graph.constant(types[0], "embeddings.types")
    x = graph.add("Add", graph.add("Add", word, position), kind)
    return _norm(graph, weights, config, x, "embeddings.LayerNorm")


def _layer(graph: Graph, weights: Weights, config: Any, x: str, penalty: str, *, name: str, first_only: bool) -> str:
    """Draw one layer: attention and two linear layers, each added to what came in and normalised."""
    width, inner = config.hidden_size, f"{name}.attention.self"
    asking = graph.part(x, 0, 1, axis=1) if first_only else x
    if first_only:
        query = _linear(graph, weights, asking, f"{inner}.query")
        key, value = (_linear(graph, weights, x, f"{inner}.{part}") for part in ("key", "value"))
    else:
        parts = [f"{inner}.{part}" for part in ("query", "key", "value")]
        weight = np.concatenate([weights[f"{part}.weight"] for part in parts])
        bias = np.concatenate([weights[f"{part}.bias"] for part in parts])
        together = graph.linear(x, weight, bias, f"{inner}.query_key_value")
        query, key, value = (graph.part(together, i * width, (i + 1) * width, axis=2) for i in range(3))
    seen = _attention(graph, config, query, key, value, penalty)
    seen = _linear(graph, weights, seen, f"{name}.attention.output.dense")
    x = _norm(graph, weights, config, graph.add("Add", seen, asking), f"{name}.attention.output.LayerNorm")
    op, settings = ACTIVATIONS[config.hidden_act]
    wide = graph.add(op, _linear(graph, weights, x, f"{name}.intermediate.dense"), **settings)
    narrow = _linear(graph, weights, wide, f"{name}.output.dense")
    return _norm(graph, weights, config, graph.add("Add", narrow, x), f"{name}.output.LayerNorm")


def _attention(graph: Graph, config: Any, query: str, key: str, value: str, penalty: str) -> str:
    heads = config.num_attention_heads
    size = config.hidden_size // heads

    def split(x: str, order: list[int]) -> str:
        return graph.add("Transpose", graph.add("Reshape", x, graph.integers(0, 0, heads, size)), perm=order)

    scores = graph.add("MatMul", split(query, [0, 2, 1, 3]), split(key, [0, 2, 3, 1]))
    scores = graph.add("Add", graph.add("Mul", scores, graph.number(size**-0.5)), penalty)
    mixed = graph.add("MatMul", graph.add("Softmax", scores, axis=-1), split(value, [0, 2, 1, 3]))
    return graph.add(
        "Reshape", graph.add("Transpose", mixed, perm=[0, 2, 1, 3]), graph.integers(0, 0, config.hidden_size)
    )


def _linear(graph: Graph, weights: Weights, x: str, name: str) -> str:
    return graph.linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"], name)


def _norm(graph: Graph, weights: Weights, config: Any, x: str, name: str) -> str:
    return graph.normalise(
        x, weights[f"{name}.weight"], weights[f"{name}.bias"], name, epsilon=float(config.layer_norm_eps)
    )


def classifier_graph(model: Any, *, pooling: str, inputs: list[str]) -> Any:
    """Return the ModelProto of a fine-tuned classifier: token ids in, log-odds out.

    Args:
        model: transformers' classifier, or `pooling.make_pooled`'s.
        pooling: The kind's option: ``"native"``, ``"cls"``, ``"mean"`` or ``"attention"``.
        inputs: Those of `INPUTS` that the tokenizer gives.

    Raises:
        ModelError: When the architecture has no graph here (see `is_drawn`).
    """
    config, graph = model.config, Graph()
    if not is_drawn(config):
        raise ModelError(f"the architecture {config.model_type} is not drawn here")
    base, whole = arrays(model.base_model), arrays(model)
    first_only = pooling in ("native", "cls")
    hidden = encoder_graph(graph, base, config, inputs=inputs, first_only=first_only)
    if first_only:
        pooled = graph.add("Squeeze", hidden, graph.integers(1))
    else:
        pooled = mean_of(graph, hidden, scores=_scores(graph, hidden, whole) if pooling == "attention" else None)
    last = "classifier"
    if pooling == "native":
        inner = ("pooler.dense", base) if config.model_type == "bert" else ("classifier.dense", whole)
        last = "classifier" if config.model_type == "bert" else "classifier.out_proj"
        pooled = graph.add("Tanh", _head(graph, inner[1], pooled, inner[0]))
    logits = _head(graph, whole, pooled, last)
    return graph.model(inputs, logits, width=len(whole[f"{last}.bias"]))


def embedding_graph(encoder: Any, coefficients: np.ndarray, intercepts: np.ndarray, *, inputs: list[str]) -> Any:
    """Return the ModelProto of a linear head (k, d) over mean-pooled embeddings of length 1: log-odds out.

    Raises:
        ModelError: When the architecture has no graph here (see `is_drawn`).
    """
    if not is_drawn(encoder.config):
        raise ModelError(f"the architecture {encoder.config.model_type} is not drawn here")
    graph = Graph()
    hidden = encoder_graph(graph, arrays(encoder), encoder.config, inputs=inputs, first_only=False)
    mean = mean_of(graph, hidden, scores=None)
    length = graph.add("ReduceL2", mean, graph.integers(1), keepdims=1)
    unit = graph.add("Div", mean, graph.add("Max", length, graph.number(1e-12)))
    logits = graph.linear(unit, coefficients, intercepts, f"{HEAD}linear")
    return graph.model(inputs, logits, width=len(intercepts))


def mean_of(graph: Graph, hidden: str, *, scores: str | None) -> str:
    """Return the mean of token vectors (b, t, d) over the tokens of each text, weighed by softmax of scores (b, t)."""
    mask = graph.add("Cast", "attention_mask", to=graph.onnx.TensorProto.FLOAT)
    if scores is not None:
        absent = graph.add("Mul", graph.add("Sub", graph.number(1.0), mask), graph.number(MASKED))
        mask = graph.add("Softmax", graph.add("Add", scores, absent), axis=-1)
    row = graph.add("Unsqueeze", mask, graph.integers(1))
    total = graph.add("Squeeze", graph.add("MatMul", row, hidden), graph.integers(1))
    if scores is not None:
        return total
    return graph.add("Div", total, graph.add("ReduceSum", mask, graph.integers(1), keepdims=1))


def _scores(graph: Graph, hidden: str, weights: Weights) -> str:
    found = graph.linear(hidden, weights["scorer.weight"], weights["scorer.bias"], f"{HEAD}scorer")
    return graph.add("Squeeze", found, graph.integers(2))


def _head(graph: Graph, weights: Weights, x: str, name: str) -> str:
    return graph.linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"], f"{HEAD}{name}")


def arrays(module: Any) -> dict[str, np.ndarray]:
    """Return a torch module's parameters as float32 arrays."""
    return {name: value.detach().float().cpu().numpy() for name, value in module.state_dict().items()}
