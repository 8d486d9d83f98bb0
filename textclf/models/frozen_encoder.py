"""Sentence embeddings of an encoder that stays as it is, and one-vs-rest logistic regression on top."""

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
from textclf.models.embedding_cache import EmbeddingCache, text_key
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
from textclf.models.interface import Kind, Options
from textclf.models.linear import fit_one_vs_rest, positive_probabilities

TRUSTED_TYPES: tuple[str, ...] = ()  # scikit-learn's own types are enough for the head; nothing else is loaded


class FrozenEncoderOptions(Options):
    """Options of the `frozen_encoder` kind."""

    encoder: str = Field(MINILM, description="Hub name or folder.")
    max_length: int = Field(256, ge=8, description="Tokens read of a paragraph.")
    C: float = Field(1.0, gt=0, description="Inverse strength of the L2 penalty.")
    max_iter: int = Field(1_000, ge=1)
    cache: bool = Field(True, description="Keep embeddings on disk by content.")
    allow_bin: bool = Field(False, description="Read pytorch_model.bin where there is no safetensors.")


class FrozenEncoder(Kind):
    """Mean-pooled, length-normalised embeddings and one logistic regression per label, class-balanced."""

    options_type: ClassVar[type[Options]] = FrozenEncoderOptions

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
        validation: tuple[Sequence[str], np.ndarray] | None = None,
    ) -> Self:
        """Learn from texts and targets (see `Trainable.fit`); `validation` is not needed and not used."""
        started = time.perf_counter()
        folder = find_encoder(self.options.encoder, allow_bin=self.options.allow_bin)
        self._open(folder, new_pooler=True)
        if self.options.cache:
            self._cache = EmbeddingCache(self._fingerprint(folder), width=self._encoder.config.hidden_size)
        embeddings = self.embed(texts)
        self.head = fit_one_vs_rest(
            embeddings, targets, C=self.options.C, max_iter=self.options.max_iter, seed=self.seed
        )
        self.info = {"width": int(embeddings.shape[1]), "seconds": round(time.perf_counter() - started, 3)}
        return self

    def predict_proba(self, texts: Sequence[str]) -> np.ndarray:
        """Return float32 (n, k) (see `Predictor.predict_proba`)."""
        if self.head is None:
            raise ModelError("this frozen_encoder model is not trained; call fit first")
        return positive_probabilities(self.head, self.embed(texts))

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Return float32 (n, d): the mean of each text's token vectors, of length 1.

        A model that was trained in this process keeps them on disk by content; a loaded one does not, so that
        labelling an archive leaves no copy of it.
        """
        keys = [text_key(text) for text in texts]
        known = self._cache.get(list(dict.fromkeys(keys))) if self._cache else {}
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        if missing:
            made = dict(zip(missing, self._compute(list(missing.values())), strict=True))
            known.update(made)
            if self._cache:
                self._cache.put(made)
        width = self._encoder.config.hidden_size
        return np.stack([known[key] for key in keys]) if keys else np.zeros((0, width), np.float32)

    def save(self, folder: Path) -> None:
        """Write the encoder, its tokenizer and the head, so that the bundle needs no hub."""
        import skops.io

        target = folder / "encoder"
        target.mkdir()
        with quiet():
            self._encoder.save_pretrained(target)
            self._tokenizer.save_pretrained(target)
        skops.io.dump(self.head, folder / "head.skops")

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
        return model

    def _open(self, folder: Path, *, new_pooler: bool = False) -> None:
        """Load the encoder in a folder; only its pooler, which is not used, may be new."""
        from transformers import AutoModel

        self._encoder = load_pretrained(
            AutoModel, folder, new_head=new_pooler, allow_bin=new_pooler and self.options.allow_bin
        )
        self._encoder.eval().to(pick_device())
        self._tokenizer = load_tokenizer(folder, max_length=most_tokens(self._encoder, wanted=self.options.max_length))

    def _fingerprint(self, folder: Path) -> str:
        """Return a name that differs whenever embeddings would: by weights, config, tokenizer and length."""
        described = [file for pattern in ("*.json", "*.txt", "*.model") for file in sorted(folder.glob(pattern))]
        parts = [f"{file.name}:{sha256_of(file)}" for file in [*weight_files(folder), *described]]
        parts.append(f"mean-normalised:{self._tokenizer.model_max_length}")
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]

    def _compute(self, texts: list[str]) -> np.ndarray:
        return embed(self._encoder, self._tokenizer, texts)
