"""The training loop of fine-tuned encoders."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from textclf.errors import ModelError
from textclf.metrics import Scored, macro_ap, macro_f1
from textclf.models.adapters import add_adapters, merge_adapters
from textclf.models.augment import augment, draw_rows
from textclf.models.batching import shuffled_batches, token_batches
from textclf.models.checkpoints import StoppedError, current_checkpoints
from textclf.models.epoch_hook import report_epoch
from textclf.models.interface import HeldOut, Predictor
from textclf.models.losses import agreement, make_loss
from textclf.models.optimizing import Average, Steps
from textclf.models.packed import Dropout, Packed, Part, can_pack, head_inputs, last_layer, linear
from textclf.models.ranks import current_ranks
from textclf.models.warm_start import align_first_token
from textclf.models.windows import Row, tokenize
from textclf.progress import log, track
from textclf.thresholds import best_common_threshold, decide

if TYPE_CHECKING:
    from textclf.models.finetuned import Finetuned


def run_training(
    finetuned: Finetuned,
    texts: Sequence[str],
    targets: np.ndarray,
    *,
    contexts: Sequence[str] | None = None,
    validation: HeldOut | None,
) -> dict[str, Any]:
    """Train the opened model of `finetuned` in place and return what there is to tell.

    With `validation` the weights of the best epoch are kept. Within `checkpoints_in`, what was begun goes on.

    Raises:
        ModelError: When the loss is no longer a number.
        StoppedError: When the process was asked to stop; a checkpoint holds what was done.
    """
    import torch

    with torch.random.fork_rng():
        return Training(finetuned, texts, targets, contexts=contexts, validation=validation).run()


@dataclass
class Progress:
    """How far a training is, JSON-ready; with the weights it is all a checkpoint holds.

    Attributes:
        epoch: The epoch at hand, from 1.
        batches: Batches of it that are done.
        step: Steps taken in all.
        losses: Of the batches done in this epoch.
        seconds: Spent in this epoch.
        history: A record of each epoch that is done.
        best_epoch: The epoch whose weights are kept; 0 for none.
        best_score: Its score.
    """

    epoch: int = 1
    batches: int = 0
    step: int = 0
    losses: list[float] = field(default_factory=list)
    seconds: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)
    best_epoch: int = 0
    best_score: float | None = None


class Training:
    """One training of an encoder: its batches, its steps, its best epoch.

    All chance comes from the seed and the number of the epoch or step, never from what was drawn before, so that a
    training can go on from the middle, and several processes can share its batches (`textclf.models.ranks`).
    """

    def __init__(
        self,
        finetuned: Finetuned,
        texts: Sequence[str],
        targets: np.ndarray,
        *,
        contexts: Sequence[str] | None,
        validation: HeldOut | None,
    ) -> None:
        self.finetuned, self.options, self.seed = finetuned, finetuned.options, finetuned.seed
        self.texts, self.targets, self.contexts, self.validation = texts, targets, contexts, validation
        self.device = finetuned.model.device
        self.bf16 = use_bf16(self.options.precision, self.device.type)
        self.loss = make_loss(
            self.options.loss, targets, focus=self.options.focus, smoothing=self.options.label_smoothing
        )
        self.progress = Progress()
        self.best: dict[str, Any] = {}
        self.checkpoints, self.ranks = current_checkpoints(), current_ranks()
        self.name = "" if self.checkpoints is None and self.ranks.alone else self._fingerprint()

    def run(self) -> dict[str, Any]:
        """Train to the end and return what there is to tell."""
        self.ranks.check_same(self.name)
        begun = self.checkpoints.newest(self.name) if self.checkpoints is not None else None
        if self.ranks.told(begun is not None):
            tensors, state = begun or (None, None)
            begun = self.ranks.told_tensors(tensors), self.ranks.told(state)
        self._prepare(begun)
        with self.checkpoints.listened() if self.checkpoints is not None else nullcontext():
            while self.progress.epoch <= self.options.epochs:
                self._epoch()
                if self._end_epoch():
                    break
        self._take_best()
        self.finetuned.model = merge_adapters(self.finetuned.model)
        self.finetuned.model.requires_grad_(True).eval()
        history = self.progress.history
        return {
            "precision": "bf16" if self.bf16 else "float32",
            "packed": self.packs,
            **({} if self.ranks.alone else {"processes": self.ranks.world}),
            "best_epoch": self.progress.best_epoch or len(history),
            "epochs": history,
        }

    def _prepare(self, begun: tuple[dict[str, Any], dict[str, Any]] | None) -> None:
        """Make model, optimizer and average ready: as a checkpoint has them, or from the start."""
        options, finetuned = self.options, self.finetuned
        if finetuned.aligns and begun is None and self.ranks.first:
            rng = np.random.default_rng([self.seed, 0])
            align_first_token(finetuned.model, finetuned.tokenizer, self.texts, self.contexts, bf16=self.bf16, rng=rng)
        if options.freeze_embeddings:
            base = finetuned.model.base_model
            getattr(base, "embeddings", base.get_input_embeddings()).requires_grad_(False)
        if options.gradient_checkpointing:
            base = finetuned.model.base_model  # the method's name is changing between versions of transformers
            getattr(base, "activation_checkpointing_enable", base.gradient_checkpointing_enable)()
        if options.lora_rank:
            finetuned.model = add_adapters(finetuned.model, rank=options.lora_rank)
        self.ranks.hand_out(list(finetuned.model.state_dict().values()))
        self.packs = can_pack(finetuned.model) and not options.gradient_checkpointing
        if options.dropout_samples > 1 and not self.packs:
            raise ModelError("model.options.dropout_samples works for plain BERT and RoBERTa encoders; leave it at 1")
        self.steps = Steps(
            finetuned.model,
            learning_rate=finetuned.learning_rate(),
            n_steps=options.epochs * -(-len(self._plan(1)[2]) // options.accumulate),
            warmup=options.warmup,
            schedule=options.schedule,
            weight_decay=options.weight_decay,
            layer_decay=options.layer_decay,
            max_norm=options.max_grad_norm,
        )
        self.average = Average(finetuned.model, decay=options.ema_decay) if options.ema_decay else None
        if begun is not None:
            self._restore(*begun)

    def _plan(self, epoch: int) -> tuple[list[Row], np.ndarray, list[np.ndarray]]:
        """Return an epoch's rows, their targets (n, k) and its batches of row numbers: texts are augmented anew.

        Those without a label are drawn anew too, where not all of them are read.
        """
        options, rng = self.options, np.random.default_rng([self.seed, epoch])
        changed, wanted, beside = augment(
            self.texts,
            self.targets,
            self.contexts,
            join_neighbours=options.join_neighbours,
            strip_punctuation=options.strip_punctuation,
            perturb=options.perturb,
            rng=rng,
        )
        if options.keep_empty < 1:
            drawn = draw_rows(wanted, keep_empty=options.keep_empty, rng=rng)
            changed, wanted = [changed[i] for i in drawn], wanted[drawn]
            beside = None if beside is None else [beside[i] for i in drawn]
        rows = tokenize(self.finetuned.tokenizer, changed, beside)
        lengths = [len(row["input_ids"]) for row in rows]
        if options.batch_tokens is not None:
            return rows, wanted, token_batches(lengths, max_tokens=options.batch_tokens, rng=rng, alike=not self.packs)
        pool = 1 if self.packs else 16  # where nothing is padded, batches need no texts of like length
        return rows, wanted, shuffled_batches(lengths, batch_size=options.batch_size, rng=rng, pool=pool)

    def _epoch(self) -> None:
        """Go through the batches that are left of the epoch at hand."""
        import torch

        progress, accumulate = self.progress, self.options.accumulate
        rows, wanted, batches = self._plan(progress.epoch)
        self.finetuned.model.train()
        started = time.perf_counter()
        rest = range(progress.batches, len(batches), accumulate)
        for begin in track(rest, what=f"epoch {progress.epoch}", total=len(rest), unit="step"):
            together = batches[begin : begin + accumulate]
            torch.manual_seed(_mixed(self.seed, progress.step, self.ranks.rank))
            rng = np.random.default_rng([self.seed, progress.epoch, begin, 1])
            losses = []
            for batch in together:
                loss = self._loss([rows[i] for i in batch], wanted[batch], rng)
                if loss is not None:
                    (loss / len(together)).backward()
                losses.append(0.0 if loss is None else float(loss.detach()))
            progress.losses += self.ranks.sum(losses)
            self.ranks.sum_gradients(self.steps.parameters)
            self.steps.take(progress.step)
            if self.average is not None:
                self.average.take(self.finetuned.model, progress.step)
            progress.step += 1
            progress.batches = begin + len(together)
            if self._is_due():
                progress.seconds, started = progress.seconds + time.perf_counter() - started, time.perf_counter()
                self._save()
        progress.seconds += time.perf_counter() - started

    def _is_due(self) -> bool:
        """Tell whether to keep a checkpoint now, or to stop: when any of the processes is asked to, all of them are."""
        if self.checkpoints is None:
            return False
        asked, due = self.ranks.sum([self.checkpoints.stop.is_set(), self.checkpoints.due()])
        if asked:
            self.checkpoints.stop.set()
        return bool(due)

    def _loss(self, rows: Sequence[Row], wanted: np.ndarray, rng: np.random.Generator) -> Any:
        """Return a batch's loss: of one pass, or of two that should agree (R-Drop).

        Of several processes, each returns what its own texts add to the loss; None where it has none.
        """
        import torch

        part, known, n_texts = None, _count_known(wanted), len(rows)
        if not self.ranks.alone:
            lengths = [len(row["input_ids"]) for row in rows]
            own = self.ranks.share(lengths)
            if not len(own):
                return None
            part, rows, wanted = Part.of(lengths, own), [rows[i] for i in own], wanted[own]
        passes, losses = [], []
        for _ in range(2 if self.options.r_drop else 1):
            samples, order = self._logits(rows, rng, part)
            targets = torch.from_numpy(wanted[order]).to(self.device)
            losses += [self.loss(logits, targets) for logits in samples]
            passes.append(samples[0])
        loss = torch.stack(losses).mean() * (_count_known(wanted) / known)
        if not self.options.r_drop:
            return loss
        return loss + self.options.r_drop * agreement(*passes) * (len(rows) / n_texts)

    def _logits(self, rows: Sequence[Row], rng: np.random.Generator, part: Part | None) -> tuple[list[Any], np.ndarray]:
        """Return float32 logits (n, k), one of each dropout sample, and which row each line is of."""
        import torch

        model = self.finetuned.model
        if self.packs:
            packed, dropout = Packed.of(rows, device=self.device), Dropout(rng, model.config.hidden_dropout_prob, part)
            pooled = head_inputs(model, packed, dtype=torch.bfloat16 if self.bf16 else torch.float32, dropout=dropout)
            layer = last_layer(model)
            return [linear(layer, dropout(pooled)) for _ in range(self.options.dropout_samples)], packed.order
        inputs = self.finetuned.tokenizer.pad(list(rows), return_tensors="pt").to(self.device)
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.bf16):
            logits = model(**inputs).logits
        return [logits.float()], np.arange(len(rows))

    def _end_epoch(self) -> bool:
        """Score the epoch, keep its weights if they are the best, and tell whether to stop."""
        progress, started = self.progress, time.perf_counter()
        record = {"epoch": progress.epoch, "loss": float(np.mean(progress.losses))}
        if not np.isfinite(record["loss"]):
            raise ModelError(
                f"training diverged: the loss of epoch {progress.epoch} is {record['loss']}. Lower "
                f"model.options.learning_rate (now {self.finetuned.learning_rate():g}) or set "
                f"model.options.precision: float32"
            )
        if self.average is not None:
            self.average.lend(self.finetuned.model)
        last = progress.epoch == self.options.epochs
        if self.validation is not None:
            record |= self.ranks.told(validation_scores(self.finetuned, self.validation) if self.ranks.first else None)
            self._offer(record[self.options.monitor])
        elif last and self.average is not None:
            self._offer(float("nan"))
        if self.average is not None:
            self.average.take_back(self.finetuned.model)
        record["seconds"] = progress.seconds + time.perf_counter() - started
        log.info("epoch %s", " ".join(f"{name}={value:.4g}" for name, value in record.items()))
        progress.history.append({k: None if np.isnan(value) else round(value, 4) for k, value in record.items()})
        report_epoch(progress.epoch, record)
        waited = progress.epoch - progress.best_epoch >= self.options.patience
        progress.epoch, progress.batches, progress.losses, progress.seconds = progress.epoch + 1, 0, [], 0.0
        return self.validation is not None and waited

    def _offer(self, score: float) -> None:
        """Keep the weights if the score is the best so far; where none is defined the last epoch is as good as any."""
        progress = self.progress
        if np.isnan(score) or progress.best_score is None or score > progress.best_score:
            progress.best_epoch, progress.best_score = progress.epoch, None if np.isnan(score) else score
            self.best = {name: v.detach().clone() for name, v in self.finetuned.model.state_dict().items()}

    def _take_best(self) -> None:
        if self.best:
            self.finetuned.model.load_state_dict(self.best)

    def _save(self) -> None:
        """Keep a checkpoint; when the process was asked to stop, stop."""
        assert self.checkpoints is not None  # noqa: S101 (for the type checker)
        tensors = {f"model/{name}": value for name, value in self.finetuned.model.state_dict().items()}
        tensors |= {f"best/{name}": value for name, value in self.best.items()}
        if self.average is not None:
            tensors |= {f"average/{name}": value for name, value in self.average.values.items()}
        tensors |= {f"optimizer/{name}": value for name, value in self.steps.moments().items()}
        tensors = {name: value.clone() for name, value in tensors.items()}  # tied weights share memory
        self.checkpoints.save(self.progress.step, tensors, {"training": self.name, **vars(self.progress)})
        if self.checkpoints.stop.is_set():
            raise StoppedError(
                f"training was asked to stop after step {self.progress.step} (epoch {self.progress.epoch}); what it "
                f"did is kept, and the same command goes on with it"
            )

    def _restore(self, tensors: dict[str, Any], state: dict[str, Any]) -> None:
        """Put a checkpoint back."""
        parts: dict[str, dict[str, Any]] = {"model": {}, "best": {}, "average": {}, "optimizer": {}}
        for name, value in tensors.items():
            part, rest = name.split("/", 1)
            parts[part][rest] = value.to(self.device)
        self.finetuned.model.load_state_dict(parts["model"])
        self.steps.set_moments(parts["optimizer"])
        self.best = parts["best"]
        if self.average is not None:
            self.average.values = parts["average"]
        self.progress = Progress(**{name: state[name] for name in vars(self.progress)})
        log.info("going on from a checkpoint: epoch %d, step %d", self.progress.epoch, self.progress.step)

    def _fingerprint(self) -> str:
        """Return a name that differs whenever settings or data do."""
        digest = hashlib.sha256(repr((self.options.model_dump(), self.seed, self.device.type, self.bf16)).encode())
        held = self.validation
        for texts in (self.texts, self.contexts or [], held.texts if held else [], (held and held.contexts) or []):
            digest.update(repr(list(texts)).encode("utf-8", errors="replace"))
        for targets in (self.targets, held.targets if held else self.targets[:0]):
            digest.update(np.ascontiguousarray(targets, dtype=np.float32).tobytes())
        return digest.hexdigest()


def _mixed(seed: int, step: int, rank: int) -> int:
    """Return a seed for torch out of the training's seed, the step's number and the process's."""
    return int(np.random.SeedSequence([seed, step, rank] if rank else [seed, step]).generate_state(1)[0])


def _count_known(wanted: np.ndarray) -> int:
    """Return how many targets are known, at least 1: what a loss is the mean over."""
    return max(1, int((~np.isnan(wanted)).sum()))


def use_bf16(precision: str, device: str) -> bool:
    """Tell whether to train in bfloat16 autocast: as asked, or where the processor has instructions for it."""
    import torch

    if precision != "auto":
        return precision == "bf16"
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    has = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(has.get("avx512_bf16") or has.get("amx_bf16"))


def validation_scores(predictor: Predictor, held_out: HeldOut) -> dict[str, float]:
    """Return macro-F1, at the one threshold best for all labels, and macro average precision."""
    targets, probabilities = held_out.targets, predictor.predict_proba(held_out.texts, held_out.contexts)
    threshold = best_common_threshold(targets, probabilities)
    scored = Scored(targets, probabilities, decide(probabilities, np.full(targets.shape[1], threshold)))
    return {
        "macro_f1": float(macro_f1(scored, scored.ones())[0]),
        "macro_ap": float(macro_ap(scored, scored.ones())[0]),
    }
