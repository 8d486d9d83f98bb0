"""A sentence encoder taught by pairs of training texts, and one-vs-rest logistic regression on top.

For few labelled paragraphs (Tunstall et al. 2022, Efficient few-shot learning without prompts): n texts make about n²
pairs, so a few dozen are enough to move texts of one label together and others apart. The head then learns from the
embeddings of the tuned encoder.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from textclf.errors import ModelError
from textclf.models.embeddings import pooled
from textclf.models.frozen_encoder import FrozenEncoder, SentenceOptions
from textclf.models.interface import Options, constant_columns
from textclf.models.optimizing import Steps
from textclf.models.pairs import Pairs, PairSampler, likeness
from textclf.models.training import use_bf16
from textclf.models.windows import Row, tokenize
from textclf.progress import log, track

TEMPERATURE = 0.1  # of the supervised contrastive loss


class SetfitOptions(SentenceOptions):
    """Options of the `setfit` kind."""

    C: float = Field(1.0, gt=0, description="Inverse strength of the head's L2 penalty.")
    max_iter: int = Field(1_000, ge=1)
    loss: Literal["supcon", "cosine"] = Field(
        "supcon",
        description="Every text is to find its like in the batch, or each pair's cosine is to be its likeness.",
    )
    pairs_per_text: float = Field(8.0, gt=0, description="Pairs drawn in an epoch, per training text.")
    most_pairs: int = Field(4_000, ge=1, description="Pairs drawn in an epoch at most, however many texts there are.")
    epochs: int = Field(1, ge=1, description="Rounds of pairs, each drawn anew.")
    batch_size: int = Field(16, ge=2, description="Pairs in a batch.")
    learning_rate: float = Field(5e-5, gt=0, description="Peak, of the encoder; it falls to 0 in a straight line.")
    warmup: float = Field(0.1, ge=0, le=1, description="Share of the steps in which the rate rises.")
    precision: Literal["auto", "float32", "bf16"] = Field("auto", description="auto: bf16 where it is fast.")


class Setfit(FrozenEncoder):
    """Embeddings of an encoder that was tuned on pairs, and one logistic regression per label, class-balanced."""

    options_type: ClassVar[type[Options]] = SetfitOptions
    takes_probabilities: ClassVar[bool] = False  # pairs are drawn by what texts carry, which must be certain

    options: SetfitOptions  # type: ignore[assignment]

    def prepare(self, texts: Sequence[str], targets: np.ndarray, contexts: Sequence[str] | None) -> dict[str, Any]:
        """Tune the encoder on pairs; a label with only one known answer makes none."""
        constant = list(constant_columns(targets))
        sampler = PairSampler(np.delete(targets, constant, axis=1) if constant else targets)
        if not sampler.unlike:
            log.warning("no two training texts are known to differ in a label: the encoder stays as it is")
            return {"pairs": 0, "loss_first": None, "loss_last": None}
        rows = tokenize(self._tokenizer, texts, contexts)
        return tune(self._encoder, self._tokenizer, rows, sampler, self.options, seed=self.seed)


def tune(
    encoder: Any, tokenizer: Any, rows: Sequence[Row], sampler: PairSampler, options: SetfitOptions, *, seed: int
) -> dict[str, Any]:
    """Tune an encoder in place on pairs of n rows; return how many pairs there were, and the loss at both ends.

    Args:
        encoder: A transformers base model.
        tokenizer: Its tokenizer, which pads.
        rows: The n rows of tokens.
        sampler: Draws the pairs, of numbers of rows.
        options: How long and how fast, and by which loss.
        seed: For the pairs and for dropout.

    Raises:
        ModelError: When the loss is no longer a number.
    """
    import torch

    device, rng = encoder.device, np.random.default_rng(seed)
    bf16 = use_bf16(options.precision, device.type)
    n_pairs = max(1, min(round(options.pairs_per_text * len(rows)), options.most_pairs))
    n_steps = options.epochs * -(-n_pairs // options.batch_size)
    steps = Steps(
        encoder,
        learning_rate=options.learning_rate,
        n_steps=n_steps,
        warmup=options.warmup,
        schedule="linear",
        weight_decay=0.01,
        layer_decay=1.0,
        max_norm=1.0,
    )
    losses: list[Any] = []
    seen = 0
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        encoder.train()
        for epoch in range(1, options.epochs + 1):
            drawn = sampler.batches(n_pairs, batch_size=options.batch_size, rng=rng)
            for pairs in track(drawn, what=f"pairs, epoch {epoch}", total=n_steps // options.epochs):
                # A row that stands in several pairs of a batch is embedded once.
                chosen, places = np.unique(np.concatenate([pairs.first, pairs.second]), return_inverse=True)
                inputs = tokenizer.pad([rows[i] for i in chosen], return_tensors="pt").to(device)
                with torch.autocast(device.type, dtype=torch.bfloat16, enabled=bf16):
                    vectors = pooled(encoder, inputs)
                loss = LOSSES[options.loss](vectors, pairs, places.ravel(), sampler.targets[chosen])
                loss.backward()
                steps.take(len(losses))
                losses.append(loss.detach())
                seen += len(pairs.first)
    encoder.eval()
    return {"precision": "bf16" if bf16 else "float32", "pairs": seen, **_ends(losses, options)}


def cosine_loss(vectors: Any, pairs: Pairs, places: np.ndarray, targets: np.ndarray) -> Any:
    """Return the mean squared difference of each pair's cosine from its likeness.

    Args:
        vectors: Tensor (m, d), of length 1 each: the rows of the batch, each once.
        pairs: The b pairs.
        places: (2 b,): where the first of each pair, then the second, stands among the vectors.
        targets: float32 (m, k), of the rows.
    """
    import torch

    first, second = places.reshape(2, -1)
    cosines = (vectors[first] * vectors[second]).sum(dim=-1)
    return (cosines - torch.from_numpy(pairs.likeness).to(vectors.device)).square().mean()


def supcon_loss(vectors: Any, pairs: Pairs, places: np.ndarray, targets: np.ndarray) -> Any:
    """Return the supervised contrastive loss (Khosla et al. 2020) of the batch's rows, alike by degrees.

    Every row is set against all others that it is known to be like or unlike, and is to find those it is like, each
    in proportion to the likeness. Arguments are those of `cosine_loss`.
    """
    import torch

    alike = torch.from_numpy(likeness(targets[:, None], targets[None])).to(vectors.device)
    alike.fill_diagonal_(float("nan"))  # a row says nothing of itself
    unknown = alike.isnan()
    weights = alike.masked_fill(unknown, 0.0)
    scores = (vectors @ vectors.T / TEMPERATURE).masked_fill(unknown, -1e4)
    missed = -(weights * torch.log_softmax(scores, dim=1)).sum(dim=1) / weights.sum(dim=1).clamp(min=1e-6)
    has_like = weights.sum(dim=1) > 0
    return (missed * has_like).sum() / has_like.sum().clamp(min=1)


LOSSES: dict[str, Callable[..., Any]] = {"cosine": cosine_loss, "supcon": supcon_loss}


def _ends(losses: Sequence[Any], options: SetfitOptions) -> dict[str, float | None]:
    """Return the mean loss of the first and the last tenth of the steps; None where no batch could be drawn."""
    if not losses:
        return {"loss_first": None, "loss_last": None}
    values = [float(loss) for loss in losses]
    if not np.isfinite(values).all():
        raise ModelError(
            f"training diverged: the loss of the pairs is {values[-1]}. Lower model.options.learning_rate "
            f"(now {options.learning_rate:g}) or set model.options.precision: float32"
        )
    tenth = -(-len(values) // 10)
    first, last = float(np.mean(values[:tenth])), float(np.mean(values[-tenth:]))
    log.info("pairs: loss %.4f at first, %.4f at last", first, last)
    return {"loss_first": round(first, 4), "loss_last": round(last, 4)}
