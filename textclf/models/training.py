"""The training loop of fine-tuned encoders."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from textclf.metrics import Scored, macro_ap, macro_f1
from textclf.models.augment import augment
from textclf.models.batching import shuffled_batches
from textclf.models.encoders import tokenize
from textclf.progress import log, track
from textclf.thresholds import best_common_threshold, decide

if TYPE_CHECKING:
    from textclf.models.finetuned import Finetuned


def run_training(
    finetuned: Finetuned,
    texts: Sequence[str],
    targets: np.ndarray,
    *,
    validation: tuple[Sequence[str], np.ndarray] | None,
) -> dict[str, Any]:
    """Train the opened model of `finetuned` in place and return what there is to tell.

    AdamW on the masked binary cross-entropy, a rate that rises and then falls in a straight line, clipped
    gradients, batches of like length. With `validation` the weights of the epoch with the best macro-F1 are kept.
    """
    import torch
    from accelerate import Accelerator

    options, model = finetuned.options, finetuned.model
    accelerator = Accelerator()
    model.to(accelerator.device)
    bf16 = use_bf16(options.precision, accelerator.device.type)
    steps_per_epoch = -(-len(texts) // options.batch_size)
    optimizer, schedule = make_optimizer(model, options, n_steps=steps_per_epoch * options.epochs)
    model, optimizer, schedule = accelerator.prepare(model, optimizer, schedule)
    rng = np.random.default_rng(finetuned.seed)
    best, history = BestWeights(options.patience), []
    with torch.random.fork_rng():
        torch.manual_seed(finetuned.seed)
        for epoch in range(1, options.epochs + 1):
            started, losses = time.perf_counter(), []
            epoch_texts, epoch_targets = augment(
                texts,
                targets,
                join_neighbours=options.join_neighbours,
                strip_punctuation=options.strip_punctuation,
                rng=rng,
            )
            rows = tokenize(finetuned.tokenizer, epoch_texts)
            batches = shuffled_batches([len(r["input_ids"]) for r in rows], batch_size=options.batch_size, rng=rng)
            model.train()
            for batch in track(batches, what=f"epoch {epoch}/{options.epochs}"):
                inputs = finetuned.tokenizer.pad([rows[i] for i in batch], return_tensors="pt")
                wanted = torch.from_numpy(epoch_targets[batch]).to(accelerator.device)
                with torch.autocast(accelerator.device.type, dtype=torch.bfloat16, enabled=bf16):
                    logits = model(**inputs.to(accelerator.device)).logits
                loss = masked_bce(logits.float(), wanted)
                accelerator.backward(loss)
                accelerator.clip_grad_norm_(model.parameters(), options.max_grad_norm)
                optimizer.step()
                schedule.step()
                optimizer.zero_grad()
                losses.append(loss.detach())
            record = {"epoch": epoch, "loss": float(torch.stack(losses).mean())}
            if validation is not None:
                record |= validation_scores(finetuned, *validation)
            record["seconds"] = time.perf_counter() - started
            history.append({name: round(value, 4) for name, value in record.items()})
            log.info("epoch %s", " ".join(f"{name}={value:g}" for name, value in history[-1].items()))
            if validation is not None and best.offer(finetuned.model, epoch, record["macro_f1"]):
                break
    best.restore(finetuned.model)
    finetuned.model.eval()
    return {"precision": "bf16" if bf16 else "float32", "best_epoch": best.epoch or epoch, "epochs": history}


def masked_bce(logits: Any, targets: Any) -> Any:
    """Return the mean binary cross-entropy over known targets (NaN is unknown); no known target gives 0.

    Args:
        logits: Tensor (n, k).
        targets: Tensor (n, k): 1, 0 or NaN. An unknown target has no gradient.
    """
    import torch

    known = ~torch.isnan(targets)
    losses = torch.nn.functional.binary_cross_entropy_with_logits(
        logits, torch.where(known, targets, torch.zeros_like(targets)), reduction="none"
    )
    return (losses * known).sum() / known.sum().clamp(min=1)


def make_optimizer(model: Any, options: Any, *, n_steps: int) -> tuple[Any, Any]:
    """Return AdamW (no decay on biases and norms) and its schedule: a rise, then a straight line to 0."""
    import torch
    from transformers import get_linear_schedule_with_warmup

    parameters = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": options.weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=options.learning_rate, fused=True)
    return optimizer, get_linear_schedule_with_warmup(optimizer, round(options.warmup * n_steps), n_steps)


def use_bf16(precision: str, device: str) -> bool:
    """Tell whether to train in bfloat16 autocast: as asked, or where the processor has instructions for it."""
    import torch

    if precision != "auto":
        return precision == "bf16"
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    has = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(has.get("avx512_bf16") or has.get("amx_bf16"))


def validation_scores(finetuned: Finetuned, texts: Sequence[str], targets: np.ndarray) -> dict[str, float]:
    """Return macro-F1, at the one threshold best for all labels, and macro average precision."""
    probabilities = finetuned.predict_proba(texts)
    threshold = best_common_threshold(targets, probabilities)
    scored = Scored(targets, probabilities, decide(probabilities, np.full(targets.shape[1], threshold)))
    return {
        "macro_f1": float(macro_f1(scored, scored.ones())[0]),
        "macro_ap": float(macro_ap(scored, scored.ones())[0]),
    }


class BestWeights:
    """Keeps the weights of the best epoch and says when to stop waiting for a better one.

    Args:
        patience: Epochs without a better score before stopping.
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.epoch = 0
        self._score = -np.inf
        self._weights: dict[str, Any] | None = None

    def offer(self, model: Any, epoch: int, score: float) -> bool:
        """Take the epoch's weights if its score is the best so far; tell whether to stop."""
        if self._weights is None or score > self._score:
            self._score, self.epoch = score, epoch
            self._weights = {name: value.detach().clone() for name, value in model.state_dict().items()}
        return epoch - self.epoch >= self.patience

    def restore(self, model: Any) -> None:
        """Put the best weights back, if any were offered."""
        if self._weights is not None:
            model.load_state_dict(self._weights)
