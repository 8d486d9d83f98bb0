"""Static token vectors distilled from an encoder, pooled, and a small head: quick to train, quicker to run.

To predict it needs `tokenizers` and numpy alone.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from pydantic import Field

from textclf.calibration import sigmoid
from textclf.errors import BundleError, ModelError
from textclf.labels import LabelSet
from textclf.models.attributions import share_out
from textclf.models.encoders import MINILM
from textclf.models.frozen_encoder import FrozenEncoder, FrozenEncoderOptions
from textclf.models.interface import Attribution, HeldOut, Kind, Options, Validation, warn_of_contexts
from textclf.models.occlusion import occlude
from textclf.models.static_vectors import distil, parted, pool, sif_weights, token_ids
from textclf.models.tokenizer_file import open_tokenizer
from textclf.models.windows import passes


class StaticOptions(Options):
    """Options of the `static` kind."""

    encoder: str = Field(MINILM, description="Hub name or folder of the encoder the token vectors come from.")
    dimensions: int = Field(256, ge=1, description="Principal components kept of each token's vector.")
    sif: float = Field(1e-3, gt=0, description="A token of this probability weighs a half; rarer ones more.")
    with_max: bool = Field(True, description="Read each dimension's highest value beside the mean.")
    hidden: int = Field(256, ge=0, description="Width of a hidden layer in the head; 0: none.")
    epochs: int = Field(20, ge=1, description="The most passes over the training paragraphs.")
    batch_size: int = Field(32, ge=1)
    learning_rate: float = Field(1e-3, gt=0, description="Peak, of the head.")
    embedding_rate: float = Field(3e-3, ge=0, description="Peak, of the token vectors; 0 leaves them as distilled.")
    weight_decay: float = Field(0.01, ge=0, description="Of the head.")
    dropout: float = Field(0.4, ge=0, lt=1)
    token_dropout: float = Field(0.4, ge=0, lt=1, description="Share of a text's tokens left out while training.")
    patience: int = Field(6, ge=1, description="Epochs without a better validation macro-F1 before stopping.")
    cache: bool = Field(True, description="Keep the encoder's token vectors on disk by content.")
    allow_bin: bool = Field(False, description="Read pytorch_model.bin where there is no safetensors.")


class Static(Kind):
    """A table of token vectors, their mean (and maximum) over a text, and a linear layer or two."""

    options_type: ClassVar[type[Options]] = StaticOptions
    takes_probabilities: ClassVar[bool] = True

    options: StaticOptions
    tokenizer: Any = None
    table: np.ndarray
    tensors: dict[str, np.ndarray]  # the head's

    def fit(
        self,
        texts: Sequence[str],
        targets: np.ndarray,
        *,
        contexts: Sequence[str] | None = None,
        validation: Validation | None = None,
    ) -> Self:
        """Learn from texts and targets (see `Trainable.fit`); targets between 0 and 1 are probabilities to be matched.

        With `validation`, the epoch with the best macro-F1 there is kept. Contexts are not read, and a warning says so:
        the mean over a text's tokens cannot tell which of them are the context's.
        """
        from textclf.models.static_training import train_static

        warn_of_contexts("static", contexts)
        started = time.perf_counter()
        ids = self._begin(texts)
        held_out = None if validation is None else HeldOut(*validation)
        self.info = train_static(self, ids, targets, validation=held_out)
        self.info["seconds"] = round(time.perf_counter() - started, 3)
        return self

    def predict_proba(self, texts: Sequence[str], contexts: Sequence[str] | None = None) -> np.ndarray:
        """Return float32 (n, k) (see `Predictor.predict_proba`); contexts are not read."""
        del contexts
        if self.tokenizer is None:
            raise ModelError("this static model is not trained; call fit first")
        logits = np.zeros((len(texts), len(self.labels)), dtype=np.float32)
        for part in passes(texts):
            hidden = pool(self.table, token_ids(self.tokenizer, texts[part]), with_max=self.options.with_max)
            if self.options.hidden:
                hidden = np.maximum(hidden @ self.tensors["hidden_weight"].T + self.tensors["hidden_bias"], 0)
            logits[part] = hidden @ self.tensors["weight"].T + self.tensors["bias"]
        return np.asarray(sigmoid(logits), dtype=np.float32)

    def attribute(
        self, text: str, spans: Sequence[tuple[int, int]], *, context: str = "", columns: Sequence[int]
    ) -> Attribution:
        """Return what each word adds (see `Explains.attribute`): exactly where the head is linear, else by occlusion.

        Taken as given are the length of the mean and, for each dimension, which token holds the highest value.
        """
        del context, columns
        if self.tokenizer is None or self.options.hidden:
            return occlude(self, text, spans)
        read = self.tokenizer.encode(text, add_special_tokens=False)
        ids, places = np.array(read.ids, dtype=np.int64), np.array(read.offsets, dtype=np.int64).reshape(-1, 2)
        weight, bias = self.tensors["weight"].astype(np.float64), self.tensors["bias"].astype(np.float64)
        values = parted(self.table, ids, weight, with_max=self.options.with_max)
        pooled = pool(self.table, [ids], with_max=self.options.with_max)[0]
        weights = share_out(places, values, spans)
        return Attribution(weights, baseline=bias, log_odds=weight @ pooled + bias, method="exact")

    def save(self, folder: Path) -> None:
        """Write `tokenizer.json` and `model.safetensors`: the table in half precision, and the head."""
        from safetensors.numpy import save_file

        self.tokenizer.save(str(folder / "tokenizer.json"))
        save_file({"table": self.table.astype(np.float16), **self.tensors}, folder / "model.safetensors")

    @classmethod
    def load(cls, folder: Path, labels: LabelSet, options: StaticOptions, *, seed: int) -> Self:
        """Read back what `save` wrote.

        Raises:
            BundleError: When the parts do not fit each other or the labels.
        """
        from safetensors.numpy import load_file

        model = cls(labels, options, seed=seed)
        model.tokenizer = open_tokenizer(folder / "tokenizer.json")
        tensors = load_file(folder / "model.safetensors")
        model.table = tensors.pop("table").astype(np.float32)
        model.tensors = tensors
        shapes = {name: tensor.shape for name, tensor in tensors.items()}
        width = model.table.shape[1] * (1 + options.with_max)
        wanted: dict[str, tuple[int, ...]] = {"weight": (len(labels), options.hidden or width), "bias": (len(labels),)}
        if options.hidden:
            wanted |= {"hidden_weight": (options.hidden, width), "hidden_bias": (options.hidden,)}
        rows = _vocabulary_size(model.tokenizer)
        if shapes != wanted or len(model.table) != rows:
            given = f"{len(model.table)} rows and {shapes}"
            raise BundleError(f"{folder}: a table and head of {given} do not fit; {rows} rows and {wanted} are needed")
        return model

    def _begin(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Make tokenizer and table out of the encoder; return the training texts' tokens."""
        settings = FrozenEncoderOptions(
            encoder=self.options.encoder, cache=self.options.cache, allow_bin=self.options.allow_bin
        )
        encoder = FrozenEncoder(self.labels, settings, seed=self.seed)
        encoder.open_pretrained()
        vectors = distil(encoder, dimensions=self.options.dimensions)
        self.tokenizer = encoder.tokenizer.backend_tokenizer
        ids = token_ids(self.tokenizer, texts)
        counts = np.bincount(np.concatenate(ids), minlength=len(vectors))
        vectors *= sif_weights(counts, coefficient=self.options.sif)[:, None]
        vectors /= np.sqrt((vectors * vectors).mean()) + 1e-12  # of a size that steps of training are made for
        self.table = vectors.astype(np.float16).astype(np.float32)  # as it is stored
        return ids


def _vocabulary_size(tokenizer: Any) -> int:
    """Return one more than the highest id a tokenizer gives."""
    return int(max(tokenizer.get_vocab(with_added_tokens=True).values())) + 1
