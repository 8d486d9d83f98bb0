"""An encoder fine-tuned as a whole, with a linear head over the labels.

Stored as plain Hugging Face files: `AutoModelForSequenceClassification.from_pretrained` loads them, and
`transformers.pipeline(..., top_k=None, function_to_apply="sigmoid")` gives the same probabilities.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from pydantic import AfterValidator, AliasChoices, Field

from textclf.calibration import log_odds, sigmoid
from textclf.errors import BundleError, ModelError
from textclf.labels import LabelSet
from textclf.models.batching import BATCH_TOKENS, DEVICE_BATCH_TOKENS
from textclf.models.drawing import drawing, graph_inputs
from textclf.models.encoders import (
    MINILM,
    find_encoder,
    is_mean_pooled,
    load_pretrained,
    load_tokenizer,
    most_tokens,
    pick_device,
    quiet,
)
from textclf.models.interface import Attribution, Drawing, HeldOut, Kind, Options, Validation, constant_columns
from textclf.models.layers import keep_layers
from textclf.models.losses import LossName
from textclf.models.optimizing import Schedule
from textclf.models.packed import can_pack, predict_packed
from textclf.models.pooling import Pooling, load_pooled_head, make_pooled, save_pooled
from textclf.models.running import run_batches, run_texts
from textclf.models.warm_start import has_pooler
from textclf.models.windows import (
    LongTexts,
    Row,
    count_windows,
    placed_windows,
    tell_of_long_texts,
)
from textclf.perturb import check_shares


class FinetunedOptions(Options):
    """Options of the `finetuned` kind."""

    encoder: str = Field(MINILM, description="Hub name or folder of any encoder transformers can classify with.")
    layers: int | None = Field(None, ge=1, description="Keep so many of its layers, evenly spread. None: all.")
    max_length: int = Field(256, ge=8, description="Tokens read at a time.")
    long_texts: LongTexts = Field(
        "max",
        description="A longer text is read in windows: per label their highest log-odds, the mean, or the first's.",
    )
    overlap: int = Field(64, ge=0, description="Tokens neighbouring windows share; at most half of a window.")
    epochs: int = Field(4, ge=1, description="The most passes over the training paragraphs.")
    batch_size: int = Field(16, ge=1, description="Texts of a batch, unless batch_tokens is given.")
    batch_tokens: int | None = Field(None, ge=8, description="Tokens of a batch, whatever the number of texts.")
    accumulate: int = Field(1, ge=1, description="Batches whose gradients make one step.")
    learning_rate: float | None = Field(
        None, gt=0, description="Peak, of the head and the uppermost layer. None: by the encoder's width."
    )
    layer_decay: float = Field(1.0, gt=0, le=1, description="Each layer's rate is this times that of the one above.")
    warmup: float = Field(0.1, ge=0, le=1, description="Share of the steps in which the rate rises.")
    schedule: Schedule = Field("linear", description="How the rate falls to 0.")
    weight_decay: float = Field(0.01, ge=0)
    max_grad_norm: float = Field(1.0, gt=0, description="Gradients are clipped to this norm.")
    loss: LossName = Field("bce", description="See textclf.models.losses.")
    focus: float = Field(2.0, ge=0, description="How much less the easy counts in focal and asymmetric loss.")
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    r_drop: float = Field(0.0, ge=0, description="Weight of the disagreement of two passes (R-Drop); twice the time.")
    dropout_samples: int = Field(1, ge=1, description="Dropout masks before the head that each step averages over.")
    ema_decay: float = Field(0.0, ge=0, lt=1, description="Score and keep a moving average of the weights; 0: none.")
    pooling: Pooling = Field("native", description="What the head reads; native is transformers' own classifier.")
    lora_rank: int = Field(0, ge=0, description="Train low-rank adapters of this rank alone (extra lora); 0: all.")
    gradient_checkpointing: bool = Field(False, description="Compute activations twice: less memory, more time.")
    monitor: Literal["macro_f1", "macro_ap"] = Field("macro_f1", description="Validation score of the best epoch.")
    patience: int = Field(2, ge=1, description="Epochs without a better validation score before stopping.")
    precision: Literal["auto", "float32", "bf16"] = Field("auto", description="auto: bf16 where it is fast.")
    join_neighbours: float = Field(
        0.3, ge=0, le=1, description="Share of training texts joined with the next one, labels united."
    )
    strip_punctuation: float = Field(
        0.5,
        ge=0,
        le=1,
        description="Share of training texts that lose punctuation.",
        validation_alias=AliasChoices("strip_punctuation", "drop_punctuation"),  # its name in bundles of old
    )
    perturb: Annotated[dict[str, float], AfterValidator(check_shares)] = Field(
        default_factory=dict, description="Perturbation to the share of training texts it changes (docs/robustness.md)."
    )
    keep_empty: float = Field(
        1.0, ge=0, le=1, description="Share of the training texts without a label that an epoch reads, drawn anew."
    )
    freeze_embeddings: bool = Field(False, description="Leave the token embeddings as they are: faster.")
    align_first_token: bool | Literal["auto"] = Field(
        "auto", description="First teach the first token to be the mean of all; auto: where the encoder is mean-pooled."
    )
    allow_bin: bool = Field(False, description="Read pytorch_model.bin where there is no safetensors.")


class Finetuned(Kind):
    """A Hugging Face sequence classifier with one sigmoid per label."""

    options_type: ClassVar[type[Options]] = FinetunedOptions
    takes_probabilities: ClassVar[bool] = True

    options: FinetunedOptions
    model: Any = None
    tokenizer: Any = None
    aligns = False

    def fit(
        self,
        texts: Sequence[str],
        targets: np.ndarray,
        *,
        contexts: Sequence[str] | None = None,
        validation: Validation | None = None,
    ) -> Self:
        """Learn from texts and targets (see `Trainable.fit`).

        With `validation`, the epoch with the best macro-F1 there is kept and training stops when it no longer rises.
        """
        from textclf.models.training import run_training

        started = time.perf_counter()
        self._open_encoder()
        self.begin_at_base_rates(targets)
        tell_of_long_texts(self.tokenizer, texts, contexts)
        held_out = None if validation is None else HeldOut(*validation)
        self.info = run_training(self, texts, targets, contexts=contexts, validation=held_out)
        for column, probability in constant_columns(targets).items():
            self._make_constant(column, probability)
        self.info["seconds"] = round(time.perf_counter() - started, 3)
        return self

    def predict_proba(self, texts: Sequence[str], contexts: Sequence[str] | None = None) -> np.ndarray:
        """Return float32 (n, k) (see `Predictor.predict_proba`)."""
        return np.asarray(sigmoid(self.predict_logits(texts, contexts)), dtype=np.float32)

    def predict_logits(self, texts: Sequence[str], contexts: Sequence[str] | None = None) -> np.ndarray:
        """Return float32 (n, k): the log-odds of each label, computed in float32, sorted by length on the way.

        Windows are pooled as log-odds, so that Platt scaling in the last layer is the same before pooling and after.
        """
        if self.model is None:
            raise ModelError("this finetuned model is not trained; call fit first")
        self.model.eval()
        return run_texts(
            texts,
            contexts,
            tokenizer=self.tokenizer,
            run_rows=self._logits_of,
            width=len(self.labels),
            long_texts=self.options.long_texts,
            overlap=self.options.overlap,
        )

    def _logits_of(self, rows: Sequence[Row], show: bool) -> np.ndarray:
        """Return float32 (rows, k), in batches of like length, with a bar of their own or none."""
        import torch

        packs = can_pack(self.model)

        def run(batch: list[Row]) -> np.ndarray:
            """Return the log-odds of one batch."""
            if packs:
                return predict_packed(self.model, batch)
            inputs = self.tokenizer.pad(batch, return_tensors="pt").to(self.model.device)
            return np.asarray(self.model(**inputs).logits.float().cpu().numpy())

        with torch.inference_mode():
            budget = BATCH_TOKENS if self.model.device.type == "cpu" else DEVICE_BATCH_TOKENS
            return run_batches(rows, run, width=len(self.labels), batch_tokens=budget, show=show)

    def count_windows(self, texts: Sequence[str], contexts: Sequence[str] | None = None) -> list[int]:
        """Return in how many windows each text is read (see `CountsWindows`)."""
        how, overlap = self.options.long_texts, self.options.overlap
        return count_windows(self.tokenizer, texts, contexts, long_texts=how, overlap=overlap)

    def attribute(
        self, text: str, spans: Sequence[tuple[int, int]], *, context: str = "", columns: Sequence[int]
    ) -> Attribution:
        """Return what each word adds, by integrated gradients (see `Explains.attribute`)."""
        from textclf.models.integrated_gradients import attribute_windows

        if self.model is None:
            raise ModelError("this finetuned model is not trained; call fit first")
        self.model.eval()
        how, overlap = self.options.long_texts, self.options.overlap
        windows = placed_windows(self.tokenizer, text, context, long_texts=how, overlap=overlap)
        logits = self._logits_of([window.row for window in windows], show=False)
        return attribute_windows(self.model, self.tokenizer, windows, logits, spans, how=how, columns=columns)

    def scale_logits(self, slopes: np.ndarray, intercepts: np.ndarray) -> None:
        """Work ``slope * logit + intercept`` per label into the last layer (see `TakesCalibration`)."""
        import torch

        layer = self._last_layer()
        with torch.no_grad():
            a = torch.as_tensor(slopes, dtype=torch.float32, device=layer.weight.device)
            b = torch.as_tensor(intercepts, dtype=torch.float32, device=layer.weight.device)
            layer.weight.mul_(a[:, None])
            layer.bias.mul_(a).add_(b)

    def draw(self) -> Drawing:
        """Return the model as a graph (see `Draws`)."""
        from textclf.models.onnx_encoders import classifier_graph, is_drawn
        from textclf.models.onnx_traced import traced_classifier

        inputs = graph_inputs(self.tokenizer)
        if is_drawn(self.model.config):
            graph = classifier_graph(self.model, pooling=self.options.pooling, inputs=inputs)
        else:
            graph = traced_classifier(self.model, inputs=inputs)
        return drawing(graph, self.tokenizer, self.options, inputs=inputs, pools="log_odds")

    def save(self, folder: Path) -> None:
        """Write config, safetensors weights and tokenizer, as transformers lays them out."""
        with quiet():
            if self.options.pooling == "native":
                self.model.save_pretrained(folder)
            else:
                save_pooled(self.model, folder)
            self.tokenizer.save_pretrained(folder)

    @classmethod
    def load(cls, folder: Path, labels: LabelSet, options: FinetunedOptions, *, seed: int) -> Self:
        """Read back what `save` wrote; weights that are missing, left over or misshapen are refused.

        Raises:
            BundleError: When weights and config do not fit each other or the labels.
        """
        from transformers import AutoModel, AutoModelForSequenceClassification

        model = cls(labels, options, seed=seed)
        if options.pooling == "native":
            model.model = load_pretrained(AutoModelForSequenceClassification, folder)
            if model.model.config.num_labels != len(labels):
                raise BundleError(f"{folder}: {model.model.config.num_labels} outputs for {len(labels)} labels")
        else:
            base = load_pretrained(AutoModel, folder)
            model.model = make_pooled(base, pooling=options.pooling, n_labels=len(labels))
            load_pooled_head(model.model, folder)
        model.model.eval().to(pick_device())
        model.tokenizer = load_tokenizer(folder, max_length=options.max_length)
        return model

    def _open_encoder(self) -> None:
        """Load the pretrained encoder with a new head; only the head's weights may be new."""
        import torch

        folder = find_encoder(self.options.encoder, allow_bin=self.options.allow_bin)
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            self.model = self._new_classifier(folder)
        if self.options.layers is not None:
            keep_layers(self.model, self.options.layers)
        self._last_layer()  # an architecture that cannot take calibration in is refused before it is trained
        self.model.to(pick_device())
        self.tokenizer = load_tokenizer(folder, max_length=most_tokens(self.model, wanted=self.options.max_length))
        wanted = self.options.align_first_token
        able = self.options.pooling == "native" and has_pooler(self.model)
        self.aligns = is_mean_pooled(folder) and able if wanted == "auto" else wanted

    def _new_classifier(self, folder: Path) -> Any:
        """Return the pretrained encoder in a folder under a new head."""
        from transformers import AutoModel, AutoModelForSequenceClassification

        allow_bin, pooling = self.options.allow_bin, self.options.pooling
        if pooling != "native":
            base = load_pretrained(AutoModel, folder, new_head=True, allow_bin=allow_bin)
            return make_pooled(base, pooling=pooling, n_labels=len(self.labels))
        names = dict(enumerate(self.labels))
        return load_pretrained(
            AutoModelForSequenceClassification,
            folder,
            new_head=True,
            allow_bin=allow_bin,
            num_labels=len(self.labels),
            id2label=names,
            label2id={name: column for column, name in names.items()},
            problem_type="multi_label_classification",
            ignore_mismatched_sizes=True,  # of a head the checkpoint brings
        )

    def _last_layer(self) -> Any:
        """Return the linear layer that gives the logits.

        Raises:
            ModelError: When the architecture ends in something else.
        """
        import torch

        linear = [m for m in self.model.modules() if isinstance(m, torch.nn.Linear)]
        last = [layer for layer in linear if layer.out_features == len(self.labels)]
        if not last or last[-1].bias is None:
            raise ModelError(f"{self.model.config.model_type}: no last linear layer with {len(self.labels)} outputs")
        return last[-1]

    def learning_rate(self) -> float:
        """Return the peak learning rate: as asked, or the usual one for an encoder this wide."""
        if self.options.learning_rate is not None:
            return self.options.learning_rate
        width = int(self.model.config.hidden_size)
        return 2e-4 if width <= 384 else 1e-4 if width <= 512 else 3e-5 if width <= 768 else 1e-5

    def begin_at_base_rates(self, targets: np.ndarray) -> None:
        """Set the new head's biases to each label's log-odds in training, so that it need not learn those first."""
        import torch

        positives, known = np.nansum(targets, axis=0), (~np.isnan(targets)).sum(axis=0)
        layer = self._last_layer()
        with torch.no_grad():
            layer.bias.copy_(torch.from_numpy(log_odds((positives + 1) / (known + 2))))

    def _make_constant(self, column: int, probability: float) -> None:
        """Make one label's logit the same for every text: it had nothing to learn from."""
        import torch

        layer = self._last_layer()
        with torch.no_grad():
            layer.weight[column].zero_()
            layer.bias[column] = float(np.log(probability / (1 - probability)))
