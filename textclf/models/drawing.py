"""What every kind that can be drawn as a graph says of how it is fed."""

from __future__ import annotations

from typing import Any, Literal

from textclf.models.interface import Drawing


def graph_inputs(tokenizer: Any) -> list[str]:
    """Return the inputs of a graph that is fed by a transformers tokenizer."""
    types = ["token_type_ids"] if "token_type_ids" in tokenizer.model_input_names else []
    return ["input_ids", "attention_mask", *types]


def drawing(
    graph: Any, tokenizer: Any, options: Any, *, inputs: list[str], pools: Literal["log_odds", "probabilities"]
) -> Drawing:
    """Return a drawing of a kind whose options say how long texts are read."""
    settings = {
        "inputs": tuple(inputs),
        "padding": int(tokenizer.pad_token_id or 0),
        "max_length": int(tokenizer.model_max_length),
        "long_texts": options.long_texts,
        "overlap": options.overlap,
        "pools": pools,
    }
    return Drawing(graph, tokenizer.backend_tokenizer, settings)
