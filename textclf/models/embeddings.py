"""Sentence embeddings: the mean of an encoder's token vectors, of length 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from textclf.models.batching import BATCH_TOKENS, batches_by_length
from textclf.models.windows import Row
from textclf.progress import track


def embed(encoder: Any, tokenizer: Any, rows: Sequence[Row], *, bf16: bool = False) -> np.ndarray:
    """Return float32 (n, d): the mean of each row's last hidden states over its tokens, normalised to length 1.

    Args:
        encoder: A transformers base model.
        tokenizer: Its tokenizer, which pads.
        rows: The n rows of tokens (see `textclf.models.windows`).
        bf16: Whether to run in bfloat16 autocast.
    """
    import torch

    device = encoder.device
    embeddings = np.zeros((len(rows), encoder.config.hidden_size), dtype=np.float32)
    batches = batches_by_length([len(row["input_ids"]) for row in rows], max_tokens=BATCH_TOKENS)
    with torch.no_grad(), torch.autocast(device.type, dtype=torch.bfloat16, enabled=bf16):
        for batch in track(batches, what="embedding"):
            inputs = tokenizer.pad([rows[i] for i in batch], return_tensors="pt").to(device)
            embeddings[batch] = pooled(encoder, inputs).cpu().numpy()
    return embeddings


def pooled(encoder: Any, inputs: Any) -> Any:
    """Return a tensor (n, d), with its gradient: the mean of each padded row's last hidden states, of length 1."""
    import torch

    hidden = encoder(**inputs).last_hidden_state.float()
    mask = inputs["attention_mask"].unsqueeze(-1).float()
    mean = (hidden * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)
    return torch.nn.functional.normalize(mean)
