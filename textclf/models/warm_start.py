"""A warm start for encoders that were trained to be mean-pooled.

A plain Hugging Face classifier of the BERT family reads the first token alone. A sentence encoder such as MiniLM was
trained for the mean of all its tokens, and its first token says little. Before fine-tuning, the upper half of the
layers learns, on the training texts alone and with no labels, to put the mean-pooled embedding into the first token.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from textclf.errors import ModelError
from textclf.models.batching import shuffled_batches
from textclf.models.embeddings import embed
from textclf.models.packed import Dropout, Packed, can_pack, head_inputs
from textclf.models.windows import tokenize
from textclf.progress import log, track

LEARNING_RATE = 4e-4
BATCH_SIZE = 32
WARMUP = 0.1
MOST_TEXTS = 4_000  # more teach the first token nothing new


def align_first_token(
    model: Any,
    tokenizer: Any,
    texts: Sequence[str],
    contexts: Sequence[str] | None = None,
    *,
    bf16: bool,
    rng: np.random.Generator,
) -> float:
    """Teach a BERT classifier's pooled first token to be its own mean-pooled embedding; return the last loss.

    Beside a context, the first token learns the mean of the text alone: what the context is good for is left to the
    labels to teach.

    One pass over the texts, or over 4,000 of them. The loss is one less the cosine, and the squared difference of the
    similarities within a
    batch. Embeddings and the lower half of the layers stay as they are.

    Args:
        model: A sequence classifier whose base has a square `pooler.dense`, changed in place.
        tokenizer: Its tokenizer.
        texts: The training texts.
        contexts: Their contexts, or None.
        bf16: Whether to run in bfloat16 autocast.
        rng: Decides the order.

    Raises:
        ModelError: When the encoder has no such pooler.
    """
    import torch
    from torch.nn.functional import normalize

    if not has_pooler(model):
        raise ModelError(
            f"align_first_token needs an encoder of the BERT family with a pooler, not {model.config.model_type}; "
            f"set model.options.align_first_token: false"
        )
    base = model.base_model
    dense, layers = base.pooler.dense, base.encoder.layer
    device = model.device
    chosen = np.sort(rng.permutation(len(texts))[:MOST_TEXTS])
    texts, contexts = [texts[i] for i in chosen], None if contexts is None else [contexts[i] for i in chosen]
    model.eval()  # no dropout: the aim is exact
    wanted = torch.from_numpy(embed(base, tokenizer, tokenize(tokenizer, texts), bf16=bf16)).to(device)
    with torch.no_grad():
        torch.nn.init.eye_(dense.weight)
        torch.nn.init.zeros_(dense.bias)
    model.requires_grad_(False)
    trained = [*layers[len(layers) // 2 :].parameters(), *dense.parameters()]
    for parameter in trained:
        parameter.requires_grad_(True)
    rows = tokenize(tokenizer, texts, contexts)
    packs, dtype = can_pack(model), torch.bfloat16 if bf16 else torch.float32
    batches = shuffled_batches([len(row["input_ids"]) for row in rows], batch_size=BATCH_SIZE, rng=rng)
    optimizer = torch.optim.AdamW(trained, lr=LEARNING_RATE, weight_decay=0.01, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, len(batches)))
    for batch in track(batches, what="warm start"):
        if packs:
            packed = Packed.of([rows[i] for i in batch], device=device)
            pooled, batch = head_inputs(model, packed, dtype=dtype, dropout=Dropout(rng, 0.0)), batch[packed.order]
        else:
            inputs = tokenizer.pad([rows[i] for i in batch], return_tensors="pt").to(device)
            with torch.autocast(device.type, dtype=torch.bfloat16, enabled=bf16):
                pooled = base(**inputs).pooler_output
        found, target = normalize(pooled.float()), wanted[batch]
        loss = (1 - (found * target).sum(dim=-1)).mean() + (found @ found.T - target @ target.T).square().mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
    model.requires_grad_(True)
    log.info("warm start: first token aligned with the mean, loss %.4f", float(loss.detach()))
    return float(loss.detach())


def has_pooler(model: Any) -> bool:
    """Tell whether a classifier reads its first token through a square pooler, as BERT's does."""
    dense = getattr(getattr(model.base_model, "pooler", None), "dense", None)
    layers = getattr(getattr(model.base_model, "encoder", None), "layer", None)
    return dense is not None and layers is not None and dense.in_features == dense.out_features


def _rate(step: int, n_steps: int) -> float:
    """Return the share of the learning rate at a step: a rise over the first tenth, then a straight line to 0."""
    return min(1.0, (step + 1) / max(1.0, WARMUP * n_steps)) * (1 - step / max(1, n_steps))
