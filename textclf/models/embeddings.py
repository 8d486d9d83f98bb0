"""Sentence embeddings: the mean of an encoder's token vectors, of length 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from textclf.models.batching import BATCH_TOKENS, WINDOW, batches_by_length
from textclf.models.encoders import tokenize
from textclf.progress import track


def embed(encoder: Any, tokenizer: Any, texts: Sequence[str], *, bf16: bool = False) -> np.ndarray:
    """Return float32 (n, d): the mean of each text's last hidden states over its tokens, normalised to length 1.

    Args:
        encoder: A transformers base model.
        tokenizer: Its tokenizer.
        texts: The n texts.
        bf16: Whether to run in bfloat16 autocast.
    """
    import torch

    device = encoder.device
    embeddings = np.zeros((len(texts), encoder.config.hidden_size), dtype=np.float32)
    with torch.no_grad(), torch.autocast(device.type, dtype=torch.bfloat16, enabled=bf16):
        for start in track(range(0, len(texts), WINDOW), what="embedding", unit="window"):
            rows = tokenize(tokenizer, texts[start : start + WINDOW])
            lengths = [len(row["input_ids"]) for row in rows]
            for batch in batches_by_length(lengths, max_tokens=BATCH_TOKENS):
                inputs = tokenizer.pad([rows[i] for i in batch], return_tensors="pt").to(device)
                hidden = encoder(**inputs).last_hidden_state.float()
                mask = inputs["attention_mask"].unsqueeze(-1).float()
                mean = (hidden * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)
                embeddings[start + batch] = torch.nn.functional.normalize(mean).cpu().numpy()
    return embeddings
