"""Batches in which words are hidden, and the loss of telling them: without padding, or as transformers computes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from textclf.models.packed import Dropout, Packed, encode
from textclf.models.token_stream import CutRows
from textclf.models.whole_words import IGNORED, mask_words
from textclf.models.windows import Row


@dataclass(frozen=True)
class Asked:
    """A batch in which some words are hidden.

    Attributes:
        rows: What is shown, unpadded.
        labels: int64 (tokens,) of each row: what stood there, and -100 where nothing is asked.
    """

    rows: list[Row]
    labels: list[np.ndarray]


def ask(
    cut: CutRows, numbers: Sequence[int], tokenizer: Any, *, share: float, others: np.ndarray, rng: np.random.Generator
) -> Asked:
    """Hide words in rows of a stream (see `mask_words`)."""
    found = [cut.row(number) for number in numbers]
    ids = np.concatenate([np.asarray(row["input_ids"], dtype=np.int64) for row, _ in found])
    words = np.concatenate([words for _, words in found])
    shown, labels = mask_words(ids, words, share=share, rng=rng, mask=tokenizer.mask_token_id, others=others)
    ends = np.cumsum([len(words) for _, words in found])[:-1]
    rows = [{**row, "input_ids": part.tolist()} for (row, _), part in zip(found, np.split(shown, ends), strict=True)]
    return Asked(rows, np.split(labels, ends))


def packed_losses(model: Any, asked: Asked, *, dtype: Any, dropout: Dropout) -> Any:
    """Return float32 (m,): the cross-entropy of each token asked for, from a pass without padding.

    The head, a matrix as tall as the vocabulary, is computed for the tokens asked for alone.

    Args:
        model: A masked-language model of the BERT family.
        asked: The batch.
        dtype: What the matrices are multiplied in.
        dropout: Of hidden states.
    """
    import torch

    device = model.device
    packed = Packed.of(asked.rows, device=device)
    labels = torch.from_numpy(np.concatenate([asked.labels[i] for i in packed.order])).to(device)
    hidden = encode(model.base_model, packed, dtype=dtype, dropout=dropout, first_only=False)
    places = (labels != IGNORED).nonzero().flatten()
    head = model.cls if hasattr(model, "cls") else model.lm_head
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
        logits = head(hidden.index_select(0, places))
    return torch.nn.functional.cross_entropy(logits.float(), labels[places], reduction="none")


def padded_losses(model: Any, tokenizer: Any, asked: Asked, *, bf16: bool) -> Any:
    """Return float32 (m,): the cross-entropy of each token asked for, from transformers' own padded pass."""
    import torch

    inputs = tokenizer.pad(asked.rows, return_tensors="pt", padding_side="right").to(model.device)
    labels = np.full(tuple(inputs["input_ids"].shape), IGNORED, dtype=np.int64)
    for row, own in enumerate(asked.labels):
        labels[row, : len(own)] = own
    with torch.autocast(model.device.type, dtype=torch.bfloat16, enabled=bf16):
        logits = model(**inputs).logits
    wanted = torch.from_numpy(labels).to(model.device)
    places = wanted != IGNORED
    return torch.nn.functional.cross_entropy(logits[places].float(), wanted[places], reduction="none")
