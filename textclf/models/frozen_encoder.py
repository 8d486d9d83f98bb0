"""Sentence embeddings and one-vs-rest logistic regression on top; the encoder stays as it is, or is tuned first."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from pydantic import Field

from textclf.errors import BundleError, ModelError
from textclf.files import sha256_of
from textclf.labels import LabelSet
from textclf.models.drawing import drawing, graph_inputs
from textclf.models.embedding_cache import EmbeddingCache, row_key
from textclf.models.embeddings import embed
from textclf.models.encoders import (
    MINILM,
    find_encoder,
    load_pretrained,
    load_tokenizer,
    most_tokens,
    pick_device,
    quiet,
    weight_files,
)
from textclf.models.interface import Drawing, Kind, Options, Validation
from textclf.models.linear import fit_one_vs_rest, positive_probabilities
from textclf.models.running import run_texts
from textclf.models.steady_skops import dump_steadily
from textclf.models.windows import (
    LongTexts,
    Row,
    count_windows,
    tell_of_long_texts,
    tokenize,
)

TRUSTED_TYPES: tuple[str, ...] = ()  # scikit-learn's own types are enough for the head; nothing else is loaded


class SentenceOptions(Options):
    """Which encoder gives sentence embeddings, and of what."""

    encoder: str = Field(MINILM, description="Hub name or folder.")
    max_length: int = Field(256, ge=8, description="Tokens read at a time.")
    long_texts: LongTexts = Field(
        "max",
        description="A longer text is read in windows: per label their highest probability, the mean, or the first's.",
    )
    overlap: int = Field(64, ge=0, description="Tokens neighbouring windows share; at most half of a window.")
    allow_bin: bool = Field(False, description="Read pytorch_model.bin where there is no safetensors.")


class EncoderOptions(SentenceOptions):
    """The same, of an encoder that stays as it is."""

    cache: bool = Field(True, description="Keep embeddings on disk by content.")


class FrozenEncoderOptions(EncoderOptions):
    """Options of the `frozen_encoder` kind."""

    C: float = Field(1.0, gt=0, description="Inverse strength of the L2 penalty.")
    max_iter: int = Field(1_000, ge=1)


class FrozenEncoder(Kind):
    """Mean-pooled, length-normalised embeddings and one logistic regression per label, class-balanced."""

    options_type: ClassVar[type[Options]] = FrozenEncoderOptions
    takes_probabilities: ClassVar[bool] = True

    options: FrozenEncoderOptions
    head: Any = None
    _encoder: Any = None
    _tokenizer: Any = None
    _cache: EmbeddingCache | None = None

    def fit(
        self,
        texts: Sequence[str],
        targets: np.ndarray,
        *,
        contexts: Sequence[str] | None = None,
        validation: Validation | None = None,
    ) -> Self:
        """Learn from texts and targets (see `Trainable.fit`); `validation` is not needed and not used."""
        started = time.perf_counter()
        self.open_pretrained()
        tell_of_long_texts(self._tokenizer, texts, contexts)
        told = self.prepare(texts, targets, contexts)
        embeddings = self.embed(texts, contexts)
        self.head = fit_one_vs_rest(
            embeddings, targets, C=self.options.C, max_iter=self.options.max_iter, seed=self.seed
        )
        seconds = round(time.perf_counter() - started, 3)
        self.info = {"width": int(embeddings.shape[1]), **told, "seconds": seconds}
        return self

    def predict_proba(self, texts: Sequence[str], contexts: Sequence[str] | None = None) -> np.ndarray:
        """Return float32 (n, k) (see `Predictor.predict_proba`)."""
        if self.head is None:
            raise ModelError("this model of sentence embeddings is not trained; call fit first")
        return run_texts(
            texts,
            contexts,
            tokenizer=self._tokenizer,
            run_rows=lambda rows, show: positive_probabilities(self.head, self.embed_rows(rows)),
            width=len(self.labels),
            long_texts=self.options.long_texts,
            overlap=self.options.overlap,
        )

    def draw(self) -> Drawing:
        """Return the model as a graph, the head in it (see `Draws`)."""
        from textclf.models.onnx_encoders import embedding_graph, is_drawn
        from textclf.models.onnx_traced import traced_embedding

        inputs = graph_inputs(self._tokenizer)
        parts = self.head.estimators_
        coefficients, intercepts = (
            np.concatenate([getattr(p, name) for p in parts]) for name in ("coef_", "intercept_")
        )
        make = embedding_graph if is_drawn(self._encoder.config) else traced_embedding
        graph = make(self._encoder, coefficients, intercepts, inputs=inputs)
        return drawing(graph, self._tokenizer, self.options, inputs=inputs, pools="probabilities")

    def open_pretrained(self) -> None:
        """Load the encoder the options name, with the cache of its embeddings if it is to have one."""
        folder = find_encoder(self.options.encoder, allow_bin=self.options.allow_bin)
        self._open(folder, new_pooler=True)
        if isinstance(self.options, EncoderOptions) and self.options.cache:
            self._cache = EmbeddingCache(self._fingerprint(folder), width=self._encoder.config.hidden_size)

    def prepare(self, texts: Sequence[str], targets: np.ndarray, contexts: Sequence[str] | None) -> dict[str, Any]:
        """Make the opened encoder ready to embed, in kinds that tune it; return what there is to tell of it."""
        return {}

    @property
    def tokenizer(self) -> Any:
        """The opened encoder's tokenizer."""
        return self._tokenizer

    def count_windows(self, texts: Sequence[str], contexts: Sequence[str] | None = None) -> list[int]:
        """Return in how many windows each text is read (see `CountsWindows`)."""
        how, overlap = self.options.long_texts, self.options.overlap
        return count_windows(self._tokenizer, texts, contexts, long_texts=how, overlap=overlap)

    def embed(self, texts: Sequence[str], contexts: Sequence[str] | None = None) -> np.ndarray:
        """Return float32 (n, d): the mean of each text's token vectors, of length 1 (of a long text's first window)."""
        return self.embed_rows(tokenize(self._tokenizer, texts, contexts))

    def embed_rows(self, rows: Sequence[Row]) -> np.ndarray:
        """Return float32 (rows, d): the mean of each row's token vectors, of length 1.

        A model that was trained in this process keeps them on disk by content; a loaded one does not, so that
        labelling an archive leaves no copy of it.
        """
        keys = [row_key(row) for row in rows]
        known = self._cache.get(list(dict.fromkeys(keys))) if self._cache else {}
        missing = {key: row for key, row in zip(keys, rows, strict=True) if key not in known}
        if missing:
            made = dict(zip(missing, self._compute(list(missing.values())), strict=True))
            known.update(made)
            if self._cache:
                self._cache.put(made)
        width = self._encoder.config.hidden_size
        return np.stack([known[key] for key in keys]) if keys else np.zeros((0, width), np.float32)

    def save(self, folder: Path) -> None:
        """Write the encoder, its tokenizer and the head, so that the bundle needs no hub."""
        self.save_encoder(folder / "encoder")
        dump_steadily(self.head, folder / "head.skops")

    def save_encoder(self, folder: Path) -> None:
        """Write the encoder and its tokenizer into a new folder."""
        folder.mkdir()
        with quiet():
            self._encoder.save_pretrained(folder)
            self._tokenizer.save_pretrained(folder)

    @classmethod
    def load(cls, folder: Path, labels: LabelSet, options: FrozenEncoderOptions, *, seed: int) -> Self:
        """Read encoder and head back; the head may hold scikit-learn's own types only.

        Raises:
            BundleError: When the head holds anything else or does not fit the labels.
        """
        import skops.io

        model = cls(labels, options, seed=seed)
        model._open(folder / "encoder")
        foreign = set(skops.io.get_untrusted_types(file=folder / "head.skops")) - set(TRUSTED_TYPES)
        if foreign:
            raise BundleError(f"{folder / 'head.skops'} holds types that are not loaded: {sorted(foreign)}")
        model.head = skops.io.load(folder / "head.skops", trusted=list(TRUSTED_TYPES))
        found = getattr(model.head, "estimators_", [])
        if len(found) != len(labels):
            raise BundleError(f"{folder}: the head has {len(found)} outputs for {len(labels)} labels")
        model._try_head(folder)
        return model

    def _try_head(self, folder: Path) -> None:
        """Ask the head for one row: one that another scikit-learn wrote may load and yet not answer.

        Raises:
            BundleError: When it does not answer, or not in finite numbers.
        """
        from sklearn import __version__

        row = np.zeros((1, self._encoder.config.hidden_size), np.float32)
        try:
            answered = positive_probabilities(self.head, row)
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as fault:
            raise BundleError(
                f"{folder}: the head does not work with the encoder and scikit-learn {__version__} here "
                f"({type(fault).__name__}: {fault}). It is damaged, or was written by another scikit-learn: "
                f"install the version that textclf.json names"
            ) from fault
        if answered.shape != (1, len(self.labels)) or not np.isfinite(answered).all():
            raise BundleError(f"{folder}: the head holds numbers that are not finite, or gives too many of them")

    def _open(self, folder: Path, *, new_pooler: bool = False) -> None:
        """Load the encoder in a folder; only its pooler, which is not used, may be new."""
        from transformers import AutoModel

        self._encoder = load_pretrained(
            AutoModel, folder, new_head=new_pooler, allow_bin=new_pooler and self.options.allow_bin
        )
        self._encoder.eval().to(pick_device())
        self._tokenizer = load_tokenizer(folder, max_length=most_tokens(self._encoder, wanted=self.options.max_length))

    def _fingerprint(self, folder: Path) -> str:
        """Return a name that differs whenever the embedding of a row of tokens would: by weights and config."""
        described = [file for pattern in ("*.json", "*.txt", "*.model") for file in sorted(folder.glob(pattern))]
        parts = [f"{file.name}:{sha256_of(file)}" for file in [*weight_files(folder), *described]]
        parts.append("mean-normalised, by tokens")
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]

    def _compute(self, rows: list[Row]) -> np.ndarray:
        return embed(self._encoder, self._tokenizer, rows)
