"""Masked-language-model training: an encoder learns to tell hidden words from their surroundings, without labels."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

from textclf.errors import ConfigError, DataError, ModelError
from textclf.models.checkpoints import StoppedError, current_checkpoints
from textclf.models.masked_loss import Asked, ask, packed_losses, padded_losses
from textclf.models.optimizing import Steps
from textclf.models.packed import Dropout, can_pack
from textclf.models.token_stream import CutRows, TokenStream
from textclf.models.training import use_bf16
from textclf.progress import log, track

HEAD_RATE = 2e-3  # peak, of a head that knows nothing yet
HEAD_STEPS = 0.1  # of the steps, in which such a head learns alone
WARMUP = 0.1
MARKS = 10  # how often the held-out loss is measured on the way
MOST_HELD_OUT = 200_000  # tokens that are scored


@dataclass(frozen=True)
class MaskedSettings:
    """How an encoder goes on learning from unlabelled text.

    Attributes:
        steps: Steps in all; None: as many as the epochs need.
        epochs: Passes over the articles, where `steps` is None.
        batch_tokens: Tokens of a step.
        max_length: Tokens of a row, at most as many as the encoder has positions.
        learning_rate: Peak, of the encoder; None: by its width.
        mask: Share of the tokens that are asked for.
        held_out: Share of the articles that are scored and not learnt from.
        max_minutes: The rate has fallen to 0 when they are over, or the steps done, whichever is sooner.
        precision: ``auto`` is bfloat16 where the processor has instructions for it.
        seed: Fixes all chance.
    """

    steps: int | None = None
    epochs: int = 3
    batch_tokens: int = 4_096
    max_length: int = 256
    learning_rate: float | None = None
    mask: float = 0.15
    held_out: float = 0.05
    max_minutes: float | None = None
    precision: Literal["auto", "float32", "bf16"] = "auto"
    seed: int = 13

    def __post_init__(self) -> None:
        wrong = [
            f"{name} must be {allowed}; given: {getattr(self, name)}"
            for name, fine, allowed in (
                ("steps", self.steps is None or self.steps >= 1, "1 or more"),
                ("epochs", self.epochs >= 1, "1 or more"),
                ("batch_tokens", self.batch_tokens >= 8, "8 or more"),
                ("max_length", self.max_length >= 8, "8 or more"),
                ("learning_rate", self.learning_rate is None or self.learning_rate > 0, "above 0"),
                ("mask", 0 < self.mask < 1, "between 0 and 1"),
                ("held_out", 0 < self.held_out <= 0.5, "above 0 and at most 0.5"),
                ("max_minutes", self.max_minutes is None or self.max_minutes > 0, "above 0"),
                ("precision", self.precision in ("auto", "float32", "bf16"), "auto, float32 or bf16"),
                ("seed", self.seed >= 0, "0 or more"),
            )
            if not fine
        ]
        if wrong:
            raise ConfigError("; ".join(wrong))


@dataclass
class Progress:
    """How far a training is, JSON-ready; with the weights it is all a checkpoint holds.

    Attributes:
        step: Steps taken.
        seconds: Spent.
        losses: Of the steps since the last mark.
        history: A record for each mark: step, how far that was (see `way`), training loss since, held-out loss.
    """

    step: int = 0
    seconds: float = 0.0
    losses: list[float] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)


class MaskedTraining:
    """One training of a masked-language model on a stream of articles.

    All chance comes from the seed and the number of the epoch or step, never from what was drawn before, so that a
    training can go on from the middle.

    Args:
        model: A masked-language model, trained in place.
        tokenizer: Its tokenizer; its `model_max_length` is the length of a row.
        learnt: The articles to learn from.
        held_out: The articles to score.
        settings: How.
        fresh_head: Whether the head is new: it then learns alone at first, and faster.
        name: Tells the encoder and the text from others; a checkpoint of another name is of no use.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        learnt: TokenStream,
        held_out: TokenStream,
        settings: MaskedSettings,
        *,
        fresh_head: bool,
        name: str,
    ) -> None:
        import torch

        self.model, self.tokenizer, self.learnt, self.settings = model, tokenizer, learnt, settings
        self.bf16, self.packs = use_bf16(settings.precision, model.device.type), can_pack(model)
        known = set(range(model.get_input_embeddings().num_embeddings)) & set(tokenizer.get_vocab().values())
        self.others = np.array(sorted(known - set(tokenizer.all_special_ids)), dtype=np.int64)
        self.cut, self.held_out = CutRows(learnt, tokenizer), CutRows(held_out, tokenizer)
        self.rows_a_step = max(1, settings.batch_tokens // tokenizer.model_max_length)
        self.steps_an_epoch = -(-len(self.cut) // self.rows_a_step)
        self.n_steps = settings.steps or settings.epochs * self.steps_an_epoch
        self.n_head_steps = math.ceil(HEAD_STEPS * self.n_steps) if fresh_head and self.n_steps > 1 else 0
        self.progress, self.checkpoints = Progress(), current_checkpoints()
        told = repr((asdict(settings), model.device.type, self.bf16, name))
        self.name = hashlib.sha256(told.encode()).hexdigest()
        if fresh_head:
            self._begin_at_base_rates()
        rate = learning_rate(settings, model)
        kind: dict[str, Any] = {"schedule": "linear", "weight_decay": 0.01, "layer_decay": 1.0, "max_norm": 1.0}
        body = {id(p) for p in model.base_model.parameters()}
        head = torch.nn.ParameterList([p for p in model.parameters() if id(p) not in body])
        self.head = Steps(
            head, learning_rate=HEAD_RATE if fresh_head else rate, n_steps=self.n_steps, warmup=WARMUP / 2, **kind
        )
        left = self.n_steps - self.n_head_steps
        self.body = Steps(model.base_model, learning_rate=rate, n_steps=left, warmup=WARMUP, **kind)

    def run(self) -> dict[str, Any]:
        """Train to the end and return what there is to tell.

        Raises:
            ModelError: When the loss is no longer a number.
            StoppedError: When the process was asked to stop; a checkpoint holds what was done.
        """
        import torch

        with torch.random.fork_rng():
            begun = self.checkpoints.newest(self.name) if self.checkpoints is not None else None
            if begun is None:
                self.progress.history.append(self._mark())
            else:
                self._restore(*begun)
            with self.checkpoints.listened() if self.checkpoints is not None else nullcontext():
                self._steps()
        self.model.base_model.requires_grad_(True)
        self.model.eval()
        return {
            "precision": "bf16" if self.bf16 else "float32",
            "packed": self.packs,
            "steps": self.progress.step,
            "steps_planned": self.n_steps,
            "head_steps": self.n_head_steps,
            "epochs": round(self.progress.step / self.steps_an_epoch, 3),
            "seconds": round(self.progress.seconds, 1),
            "history": self.progress.history,
        }

    def _steps(self) -> None:
        """Take the steps that are left."""
        progress, epoch, plan = self.progress, -1, np.zeros(0, dtype=np.int64)
        started = time.perf_counter() - progress.seconds
        rest, marked = range(progress.step, self.n_steps), self.way(progress.step)
        for step in track(rest, what="pretraining", total=len(rest), unit="step"):
            if epoch != step // self.steps_an_epoch:
                epoch = step // self.steps_an_epoch
                plan = self._plan(epoch)
            begin = step % self.steps_an_epoch * self.rows_a_step
            at = self.way(step)
            self._step(plan[begin : begin + self.rows_a_step], step, at)
            progress.step, progress.seconds = step + 1, time.perf_counter() - started
            if not np.isfinite(progress.losses[-1]):
                raise ModelError(
                    f"pretraining diverged: the loss at step {step} is {progress.losses[-1]}. Lower --learning-rate "
                    f"(now {max(self.body.peaks):g}) or give --precision float32"
                )
            after = self.way(progress.step)
            if any(marked < mark <= after for mark in self.marks()):
                progress.history.append(self._mark())
                progress.seconds = time.perf_counter() - started
            marked = after
            if after >= self.n_steps:
                break
            if self.checkpoints is not None and self.checkpoints.due():
                self._save()

    def way(self, step: int) -> int:
        """Return how far the training is, in steps: those taken, or the like share of the minutes allowed."""
        limit = self.settings.max_minutes
        return step if limit is None else max(step, int(self.n_steps * self.progress.seconds / (60 * limit)))

    def marks(self) -> set[int]:
        """Return at which steps the held-out loss is measured: some, and where the head has learnt alone."""
        return {round(self.n_steps * part / MARKS) for part in range(1, MARKS + 1)} | {self.n_head_steps}

    def _plan(self, epoch: int) -> np.ndarray:
        """Lay the articles in an order of the epoch's own, and return the order of its rows."""
        rng = np.random.default_rng([self.settings.seed, epoch, 2])
        self.cut = CutRows(self.learnt.take(rng.permutation(len(self.learnt))), self.tokenizer)
        return rng.permutation(len(self.cut))

    def _step(self, numbers: np.ndarray, step: int, at: int) -> None:
        """Learn from some rows."""
        import torch

        alone = at < self.n_head_steps
        self.model.train()
        self.model.base_model.requires_grad_(not alone)
        torch.manual_seed(int(np.random.SeedSequence([self.settings.seed, step]).generate_state(1)[0]))
        rng = np.random.default_rng([self.settings.seed, step, 3])
        losses = self._losses(self._ask(self.cut, numbers, rng), rng, dropout=self._dropout())
        if len(losses):
            losses.mean().backward()
            self.head.take(at)
            if not alone:
                self.body.take(at - self.n_head_steps)
        self.progress.losses.append(float(losses.detach().mean()) if len(losses) else 0.0)

    def _ask(self, cut: CutRows, numbers: Sequence[int] | np.ndarray, rng: np.random.Generator) -> Asked:
        return ask(cut, list(numbers), self.tokenizer, share=self.settings.mask, others=self.others, rng=rng)

    def _losses(self, asked: Asked, rng: np.random.Generator, *, dropout: float) -> Any:
        import torch

        if self.packs:
            dtype = torch.bfloat16 if self.bf16 else torch.float32
            return packed_losses(self.model, asked, dtype=dtype, dropout=Dropout(rng, dropout))
        return padded_losses(self.model, self.tokenizer, asked, bf16=self.bf16)

    def _dropout(self) -> float:
        return float(getattr(self.model.config, "hidden_dropout_prob", 0.0))

    def held_out_loss(self) -> float:
        """Return the mean cross-entropy of hidden words of the held-out articles: the same words every time.

        Raises:
            DataError: When they hold no word that can be hidden.
        """
        import torch

        self.model.eval()
        most = min(len(self.held_out), max(1, MOST_HELD_OUT // self.tokenizer.model_max_length))
        found: list[float] = []
        with torch.inference_mode():
            for begin in range(0, most, self.rows_a_step):
                rng = np.random.default_rng([self.settings.seed, begin, 4])
                asked = self._ask(self.held_out, range(begin, min(most, begin + self.rows_a_step)), rng)
                found += self._losses(asked, rng, dropout=0.0).tolist()
        if not found:
            raise DataError("the held-out articles hold no word that the encoder knows; give more text")
        return float(np.mean(found))

    def _mark(self) -> dict[str, Any]:
        """Return a record of how it stands, and tell it."""
        progress = self.progress
        loss = float(np.mean(progress.losses)) if progress.losses else None
        held_out_loss = self.held_out_loss()
        record = {"step": progress.step, "way": self.way(progress.step), "loss": loss, "held_out_loss": held_out_loss}
        log.info(
            "step %d of %d: %sheld-out loss %.4f, %.0f s",
            progress.step,
            self.n_steps,
            "" if loss is None else f"loss {loss:.4f}, ",
            held_out_loss,
            progress.seconds,
        )
        progress.losses = []
        return record

    def _begin_at_base_rates(self) -> None:
        """Let a new head begin with how frequent tokens are, so that it need not learn that first."""
        import torch

        bias = getattr(self.model.get_output_embeddings(), "bias", None)
        if bias is None:
            return
        counts = np.bincount(self.learnt.ids, minlength=len(bias))[: len(bias)].astype(np.float64)
        with torch.no_grad():
            bias.copy_(torch.from_numpy(np.log((counts + 0.1) / (counts.sum() + 0.1 * len(counts)))))

    def _save(self) -> None:
        """Keep a checkpoint; when the process was asked to stop, stop."""
        assert self.checkpoints is not None  # noqa: S101 (for the type checker)
        tensors = {f"model/{name}": value for name, value in self.model.state_dict().items()}
        for part, steps in (("head", self.head), ("body", self.body)):
            tensors |= {f"{part}/{name}": value for name, value in steps.moments().items()}
        tensors = {name: value.clone() for name, value in tensors.items()}  # tied weights share memory
        self.checkpoints.save(self.progress.step, tensors, {"training": self.name, **vars(self.progress)})
        if self.checkpoints.stop.is_set():
            raise StoppedError(
                f"pretraining was asked to stop after step {self.progress.step} of {self.n_steps}; what it did is "
                f"kept, and the same command goes on with it"
            )

    def _restore(self, tensors: dict[str, Any], state: dict[str, Any]) -> None:
        """Put a checkpoint back."""
        parts: dict[str, dict[str, Any]] = {"model": {}, "head": {}, "body": {}}
        for name, value in tensors.items():
            part, rest = name.split("/", 1)
            parts[part][rest] = value.to(self.model.device)
        self.model.load_state_dict(parts["model"])
        self.head.set_moments(parts["head"])
        self.body.set_moments(parts["body"])
        self.progress = Progress(**{name: state[name] for name in vars(self.progress)})
        log.info("going on from a checkpoint: step %d of %d", self.progress.step, self.n_steps)


def learning_rate(settings: MaskedSettings, model: Any) -> float:
    """Return the peak learning rate of the encoder: as asked, or the usual one for one this wide."""
    if settings.learning_rate is not None:
        return settings.learning_rate
    width = int(model.config.hidden_size)
    return 3e-4 if width <= 384 else 2e-4 if width <= 512 else 1e-4 if width <= 768 else 5e-5
