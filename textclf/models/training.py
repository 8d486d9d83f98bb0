"""The training loop of fine-tuned encoders."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from textclf.errors import ModelError
from textclf.metrics import Scored, macro_ap, macro_f1
from textclf.models.augment import augment
from textclf.models.batching import shuffled_batches
from textclf.models.interface import HeldOut
from textclf.models.warm_start import align_first_token
from textclf.models.windows import tokenize
from textclf.progress import log, track
from textclf.thresholds import best_common_threshold, decide

if TYPE_CHECKING:
    from textclf.models.finetuned import Finetuned, FinetunedOptions


def run_training(
    finetuned: Finetuned,
    texts: Sequence[str],
    targets: np.ndarray,
    *,
    contexts: Sequence[str] | None = None,
    validation: HeldOut | None,
) -> dict[str, Any]:
    """Train the opened model of `finetuned` in place and return what there is to tell.

    AdamW on the masked binary cross-entropy, a rate that rises and then falls in a straight line, clipped
    gradients, batches of like length. With `validation` the weights of the epoch with the best macro-F1 are kept.
    """
    import torch
    from accelerate import Accelerator

    options, accelerator = finetuned.options, Accelerator(mixed_precision="no")  # autocast is set below
    finetuned.model.to(accelerator.device)
    bf16 = use_bf16(options.precision, accelerator.device.type)
    rng = np.random.default_rng(finetuned.seed)
    best, history = BestWeights(options.patience), []
    with torch.random.fork_rng():
        torch.manual_seed(finetuned.seed)
        if finetuned.aligns:
            align_first_token(finetuned.model, finetuned.tokenizer, texts, contexts, bf16=bf16, rng=rng)
        model = accelerator.prepare(finetuned.model)
        n_steps = -(-len(texts) // options.batch_size) * options.epochs
        steps = Steps(model, accelerator, options, learning_rate=finetuned.learning_rate(), n_steps=n_steps)
        for epoch in range(1, options.epochs + 1):
            started, losses = time.perf_counter(), []
            model.train()
            for inputs, wanted in epoch_batches(finetuned, texts, targets, contexts, rng=rng, what=f"epoch {epoch}"):
                with torch.autocast(accelerator.device.type, dtype=torch.bfloat16, enabled=bf16):
                    logits = model(**inputs.to(accelerator.device)).logits
                losses.append(steps.take(masked_bce(logits.float(), wanted.to(accelerator.device))))
            record = {"epoch": epoch, "loss": float(torch.stack(losses).mean())}
            if not np.isfinite(record["loss"]):
                rate = finetuned.learning_rate()
                raise ModelError(
                    f"training diverged: the loss of epoch {epoch} is {record['loss']}. Lower "
                    f"model.options.learning_rate (now {rate:g}) or set model.options.precision: float32"
                )
            if validation is not None:
                record |= validation_scores(finetuned, validation)
            record["seconds"] = time.perf_counter() - started
            log.info("epoch %s", " ".join(f"{name}={value:.4g}" for name, value in record.items()))
            history.append({k: None if np.isnan(value) else round(value, 4) for k, value in record.items()})
            if validation is not None and best.offer(finetuned.model, epoch, record["macro_f1"]):
                break
    best.restore(finetuned.model)
    finetuned.model.requires_grad_(True).eval()
    return {"precision": "bf16" if bf16 else "float32", "best_epoch": best.epoch or epoch, "epochs": history}


def epoch_batches(
    finetuned: Finetuned,
    texts: Sequence[str],
    targets: np.ndarray,
    contexts: Sequence[str] | None,
    *,
    rng: np.random.Generator,
    what: str,
) -> Iterator[tuple[Any, Any]]:
    """Yield one epoch of padded inputs and targets: texts augmented anew, batches of like length in random order."""
    import torch

    options = finetuned.options
    changed, wanted, beside = augment(
        texts,
        targets,
        contexts,
        join_neighbours=options.join_neighbours,
        strip_punctuation=options.strip_punctuation,
        rng=rng,
    )
    rows = tokenize(finetuned.tokenizer, changed, beside)
    lengths = [len(row["input_ids"]) for row in rows]
    for batch in track(shuffled_batches(lengths, batch_size=options.batch_size, rng=rng), what=what):
        yield finetuned.tokenizer.pad([rows[i] for i in batch], return_tensors="pt"), torch.from_numpy(wanted[batch])


class Steps:
    """AdamW with clipped gradients; no decay on biases and norms; a rate that rises, then falls to 0 in a line.

    Args:
        model: Its parameters that require gradients are trained.
        accelerator: Runs the backward pass.
        options: Weight decay, warm-up and clipping.
        learning_rate: The peak.
        n_steps: Steps in all.
    """

    def __init__(
        self, model: Any, accelerator: Any, options: FinetunedOptions, *, learning_rate: float, n_steps: int
    ) -> None:
        import torch
        from transformers import get_linear_schedule_with_warmup

        if options.freeze_embeddings:
            base = accelerator.unwrap_model(model).base_model
            getattr(base, "embeddings", base.get_input_embeddings()).requires_grad_(False)
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        groups = [
            {"params": [p for p in self.parameters if p.ndim >= 2], "weight_decay": options.weight_decay},
            {"params": [p for p in self.parameters if p.ndim < 2], "weight_decay": 0.0},
        ]
        optimizer = torch.optim.AdamW(groups, lr=learning_rate, fused=True)
        schedule = get_linear_schedule_with_warmup(optimizer, round(options.warmup * n_steps), n_steps)
        self.accelerator, self.max_norm = accelerator, options.max_grad_norm
        self.optimizer, self.schedule = accelerator.prepare(optimizer, schedule)

    def take(self, loss: Any) -> Any:
        """Take one step down the gradient of `loss`; return its detached value."""
        self.accelerator.backward(loss)
        self.accelerator.clip_grad_norm_(self.parameters, self.max_norm)
        self.optimizer.step()
        self.schedule.step()
        self.optimizer.zero_grad()
        return loss.detach()


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


def use_bf16(precision: str, device: str) -> bool:
    """Tell whether to train in bfloat16 autocast: as asked, or where the processor has instructions for it."""
    import torch

    if precision != "auto":
        return precision == "bf16"
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    has = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(has.get("avx512_bf16") or has.get("amx_bf16"))


def validation_scores(finetuned: Finetuned, held_out: HeldOut) -> dict[str, float]:
    """Return macro-F1, at the one threshold best for all labels, and macro average precision."""
    targets, probabilities = held_out.targets, finetuned.predict_proba(held_out.texts, held_out.contexts)
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
        undefined = bool(np.isnan(score))  # no label has a positive to score by: the last epoch is as good as any
        if self._weights is None or undefined or score > self._score:
            self._score, self.epoch = -np.inf if undefined else score, epoch
            self._weights = {name: value.detach().clone() for name, value in model.state_dict().items()}
        return epoch - self.epoch >= self.patience

    def restore(self, model: Any) -> None:
        """Put the best weights back, if any were offered."""
        if self._weights is not None:
            model.load_state_dict(self._weights)
