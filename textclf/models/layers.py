"""A shallower encoder out of a deep one: some of its layers are left out before it is fine-tuned."""

from __future__ import annotations

from typing import Any

import numpy as np

from textclf.errors import ModelError


def keep_layers(model: Any, n_layers: int) -> None:
    """Keep so many of an encoder's layers, in place, evenly spread; the first and the last are always among them.

    Of one layer it is the first that is kept: it knows what to do with embeddings.

    Args:
        model: A model of transformers of the BERT family, whose layers are a list.
        n_layers: How many.

    Raises:
        ModelError: When it has fewer, or is built in another way.
    """
    import torch

    encoder = getattr(model.base_model, "encoder", None)
    found = getattr(encoder, "layer", None)
    if encoder is None or not isinstance(found, torch.nn.ModuleList):
        raise ModelError(
            f"{model.config.model_type}: model.options.layers works for encoders of the BERT family; leave it out"
        )
    if n_layers > len(found):
        raise ModelError(f"model.options.layers is {n_layers}, and the encoder has {len(found)} layers")
    kept = np.linspace(0, len(found) - 1, n_layers).round().astype(int)
    encoder.layer = torch.nn.ModuleList(found[int(number)] for number in kept)
    model.config.num_hidden_layers = n_layers
    model.base_model.config.num_hidden_layers = n_layers
