"""Training of static token vectors and the head over them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from textclf.calibration import log_odds
from textclf.errors import ModelError
from textclf.models.epoch_hook import report_epoch
from textclf.models.interface import HeldOut, constant_columns
from textclf.models.losses import masked_bce
from textclf.models.training import validation_scores
from textclf.progress import log

if TYPE_CHECKING:
    from textclf.models.static import Static

LAYERS = ("hidden_weight", "hidden_bias", "weight", "bias")


def train_static(
    model: Static, ids: Sequence[np.ndarray], targets: np.ndarray, *, validation: HeldOut | None
) -> dict[str, Any]:
    """Train a model's table and head in place; return what there is to tell.

    Only the vectors of tokens in the training texts are trained; every other stays as it was distilled. With
    `validation` the epoch with the best macro-F1 is kept.

    Args:
        model: With a distilled table; its head is made here.
        ids: The tokens of each training text.
        targets: float32 (n, k): 1, 0 or NaN, or a probability to be matched.
        validation: Held-out texts.

    Raises:
        ModelError: When the loss is no longer a number.
    """
    import torch

    options, rng = model.options, np.random.default_rng(model.seed)
    used = np.unique(np.concatenate([*ids, np.zeros(1, dtype=np.int64)]))
    local = [torch.from_numpy(np.searchsorted(used, row)) for row in ids]
    with torch.random.fork_rng():
        torch.manual_seed(model.seed)
        net = _Net(model, used, targets)
        wanted = torch.from_numpy(np.asarray(targets, dtype=np.float32))
        optimizer = torch.optim.AdamW(
            [
                {"params": [net.table], "lr": options.embedding_rate, "weight_decay": 0.0},
                {"params": net.head, "lr": options.learning_rate, "weight_decay": options.weight_decay},
            ]
        )
        n_steps = options.epochs * -(-len(ids) // options.batch_size)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / (n_steps + 1))
        history: list[dict[str, Any]] = []
        best: tuple[float, int, dict[str, np.ndarray]] | None = None
        for epoch in range(1, options.epochs + 1):
            started, losses = time.perf_counter(), []
            for batch in _batches(len(ids), options.batch_size, rng):
                loss = masked_bce(net([local[row] for row in batch]), wanted[torch.from_numpy(batch)])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
                losses.append(loss.item())
            record = {"epoch": epoch, "loss": float(np.mean(losses))}
            if not np.isfinite(record["loss"]):
                raise ModelError(f"training diverged in epoch {epoch}; lower model.options.learning_rate")
            if validation is not None:
                net.hand_over()
                record |= validation_scores(model, validation)
                score = record["macro_f1"]
                if best is None or np.isnan(score) or score > best[0]:
                    best = (-1.0 if np.isnan(score) else score, epoch, net.copy())
            record["seconds"] = time.perf_counter() - started
            log.info("epoch %s", " ".join(f"{name}={value:.4g}" for name, value in record.items()))
            history.append({name: None if np.isnan(value) else round(value, 4) for name, value in record.items()})
            report_epoch(epoch, record)
            if best is not None and epoch - best[1] >= options.patience:
                break
    net.hand_over(best[2] if best else None)
    for column, probability in constant_columns(targets).items():
        model.tensors["weight"][column] = 0
        model.tensors["bias"][column] = log_odds(np.array(probability))
    return {"best_epoch": best[1] if best else len(history), "epochs": history, "tokens_trained": len(used)}


class _Net:
    """The torch side of a model: the used rows of its table, and its head.

    Args:
        model: What is trained.
        used: int64 (u,): the tokens whose vectors are trained.
        targets: float32 (n, k), whose base rates the head begins at.
    """

    def __init__(self, model: Static, used: np.ndarray, targets: np.ndarray) -> None:
        import torch

        self.model, self.used, options = model, used, model.options
        self.table = torch.nn.Parameter(torch.from_numpy(model.table[used]))
        width, k = self.table.shape[1] * (1 + options.with_max), targets.shape[1]
        hidden = torch.nn.Linear(width, options.hidden) if options.hidden else None
        last = torch.nn.Linear(options.hidden or width, k)
        known = (~np.isnan(targets)).sum(axis=0)
        with torch.no_grad():
            last.weight.mul_(0.1)
            last.bias.copy_(torch.from_numpy(log_odds((np.nansum(targets, axis=0) + 1) / (known + 2))))
        self.layers = [layer for layer in (hidden, last) if layer is not None]
        self.head = [parameter for layer in self.layers for parameter in layer.parameters()]

    def __call__(self, ids: Sequence[Any]) -> Any:
        """Return logits (n, k) of texts, given as tokens by their place in `used`, some of them left out."""
        import torch
        from torch.nn.functional import dropout, embedding_bag, normalize

        options = self.model.options
        kept = [row[torch.rand(len(row)) >= options.token_dropout] for row in ids]
        flat = torch.cat(kept)
        sizes = torch.tensor([len(row) for row in kept])
        starts = sizes.cumsum(0) - sizes
        mean = embedding_bag(flat, self.table, starts, mode="mean")
        pooled = normalize(mean, eps=1e-6) * self.table.shape[1] ** 0.5
        if options.with_max:
            pooled = torch.cat([pooled, embedding_bag(flat, self.table, starts, mode="max")], dim=1)
        pooled = dropout(pooled, options.dropout)
        for layer in self.layers[:-1]:
            pooled = dropout(torch.relu(layer(pooled)), options.dropout)
        return self.layers[-1](pooled)

    def copy(self) -> dict[str, np.ndarray]:
        """Return the weights as arrays of their own."""
        names = LAYERS[-len(self.head) :]
        tensors = dict(zip(names, self.head, strict=True)) | {"table": self.table}
        return {name: tensor.detach().numpy().copy() for name, tensor in tensors.items()}

    def hand_over(self, weights: dict[str, np.ndarray] | None = None) -> None:
        """Give the model these weights, or those of now; the table as coarse as it is stored."""
        tensors = self.copy() if weights is None else dict(weights)
        self.model.table[self.used] = tensors.pop("table").astype(np.float16)
        self.model.tensors = tensors


def _batches(n: int, size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    order = rng.permutation(n)
    for start in range(0, n, size):
        yield order[start : start + size]
