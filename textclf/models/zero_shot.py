"""Labels decided from their descriptions alone: nothing is learned from labelled paragraphs.

Each label's descriptions are embedded by a sentence encoder and matched with a paragraph by cosine similarity, against
contrast sentences for what is nothing of the sort. Or a cross-encoder for natural language inference says how far a
paragraph entails a description.

What `fit` is given teaches no weights. Calibration and thresholds are fitted by the job on validation articles, as for
every kind: without any the probabilities are rough.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, ClassVar, Self

import numpy as np
from pydantic import Field, StringConstraints

from textclf.calibration import sigmoid
from textclf.errors import BundleError, ConfigError, ModelError, one_of
from textclf.labels import LabelSet
from textclf.models.entailment import Entailment
from textclf.models.frozen_encoder import EncoderOptions, FrozenEncoder
from textclf.models.interface import Options, Validation, warn_of_contexts
from textclf.models.windows import passes, pool_windows, windows_of

STEEPNESS = 20.0
"""Log-odds for each whole unit of cosine similarity by which a label is nearer than the contrast. Similarities of
paragraphs with fitting and unfitting descriptions lie 0.1 to 0.3 apart, which this makes 2 to 6."""

MARGIN = 0.05
"""How much nearer than the contrast a label must be for a probability of one half; most labels are no of most texts."""

Sentence = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Sentences = Annotated[tuple[Sentence, ...], Field(min_length=1)]


class ZeroShotOptions(EncoderOptions):
    """Options of the `zero_shot` kind."""

    descriptions: dict[str, Sentences] = Field(
        default_factory=dict, description="Label to sentences that say what it is; without, its definition does."
    )
    none: tuple[Sentence, ...] = Field(
        ("A news report about something else.",), description="Sentences for what carries no label; may be empty."
    )
    centre: bool = Field(True, description="Measure from the mean embedding of the training texts.")
    nli: str | None = Field(
        None, description="Hub name or folder of a classifier whose labels include entailment, to ask instead."
    )


class ZeroShot(FrozenEncoder):
    """A sentence encoder that matches paragraphs with descriptions of labels, or a cross-encoder that compares them."""

    options_type: ClassVar[type[Options]] = ZeroShotOptions
    taught: ClassVar[bool] = False
    takes_probabilities: ClassVar[bool] = False

    options: ZeroShotOptions  # type: ignore[assignment]
    anchors: np.ndarray | None = None  # (m, d): the embeddings of the descriptions, then of the contrast
    centre: np.ndarray
    _entailment: Entailment | None = None

    def fit(
        self,
        texts: Sequence[str],
        targets: np.ndarray,
        *,
        contexts: Sequence[str] | None = None,
        validation: Validation | None = None,
    ) -> Self:
        """Embed the descriptions; `targets` and `validation` teach nothing (see `Trainable.fit`).

        Of the texts, the mean embedding alone is used, and that only with the option `centre`. Contexts are not read:
        a description is matched with the paragraph's own words.

        Raises:
            ConfigError: When a label has neither descriptions nor a definition, or a description is of no label.
        """
        del targets, validation
        warn_of_contexts("zero_shot", contexts)
        started = time.perf_counter()
        sentences = [sentence for described in self.descriptions() for sentence in described]
        if self.options.nli is not None:
            self._entailment = Entailment.opened(self.options.nli, self.options)
        else:
            self.open_pretrained()
            self.anchors = self.embed([*sentences, *self.options.none])
            self.centre = np.zeros(self.anchors.shape[1], dtype=np.float32)
            if self.options.centre and len(texts):
                self.centre = self.embed(texts).mean(axis=0)
        self.info = {"descriptions": len(sentences), "seconds": round(time.perf_counter() - started, 3)}
        return self

    def descriptions(self) -> list[Sequence[str]]:
        """Return each label's sentences: those of the options, else its definition.

        Raises:
            ConfigError: When a label has neither, or one described is not in the label set.
        """
        given: Mapping[str, Sequence[str]] = self.options.descriptions
        for name in given:
            if name not in self.labels:
                raise ConfigError(f"model.options.descriptions: {self.labels.unknown(name)}")
        found = [given.get(name) or [self.labels.definitions.get(name, "")] for name in self.labels]
        missing = [name for name, sentences in zip(self.labels, found, strict=True) if not sentences[0]]
        if missing:
            raise ConfigError(
                f"zero_shot knows labels by their descriptions, and there is none of {one_of(missing)}. Write one: a "
                f"definition beside the name in the labels file, or sentences under model.options.descriptions"
            )
        return found

    def predict_proba(self, texts: Sequence[str], contexts: Sequence[str] | None = None) -> np.ndarray:
        """Return float32 (n, k) (see `Predictor.predict_proba`); contexts are not read."""
        del contexts
        if self.anchors is None and self._entailment is None:
            raise ModelError("this zero_shot model is not trained; call fit first")
        how, overlap = self.options.long_texts, self.options.overlap
        probabilities = np.zeros((len(texts), len(self.labels)), dtype=np.float32)
        for part in passes(texts):
            if self._entailment is not None:
                probabilities[part] = self._entailment.predict_proba(texts[part], self.descriptions())
                continue
            rows, owners = windows_of(self._tokenizer, texts[part], long_texts=how, overlap=overlap)
            probabilities[part] = pool_windows(self._match(self.embed_rows(rows)), owners, how=how)
        return probabilities

    def _match(self, embeddings: np.ndarray) -> np.ndarray:
        """Return float32 (n, k): how far each embedding (n, d) is nearer a label's descriptions than the contrast."""
        similarity = _unit(embeddings - self.centre) @ _unit(self.anchors - self.centre).T
        ends = np.cumsum([len(sentences) for sentences in self.descriptions()])
        parts = np.split(similarity, ends, axis=1)
        nearest = np.stack([part.max(axis=1) for part in parts[:-1]], axis=1)
        contrast = parts[-1].max(axis=1, keepdims=True) if self.options.none else np.zeros((len(embeddings), 1))
        return np.asarray(sigmoid(STEEPNESS * (nearest - contrast - MARGIN)), dtype=np.float32)

    def count_windows(self, texts: Sequence[str], contexts: Sequence[str] | None = None) -> list[int]:
        """Return in how many windows each text is read (see `CountsWindows`); a cross-encoder reads the first alone."""
        del contexts
        return [1] * len(texts) if self._entailment is not None else super().count_windows(texts)

    def save(self, folder: Path) -> None:
        """Write the encoder, its tokenizer, and the descriptions with their embeddings."""
        from safetensors.numpy import save_file

        described = dict(zip(self.labels, map(list, self.descriptions()), strict=True))
        (folder / "descriptions.json").write_text(json.dumps(described, ensure_ascii=False, indent=2), encoding="utf-8")
        if self._entailment is not None:
            self._entailment.save(folder / "nli")
            return
        self.save_encoder(folder / "encoder")
        save_file({"anchors": self.anchors, "centre": self.centre}, folder / "anchors.safetensors")

    @classmethod
    def load(cls, folder: Path, labels: LabelSet, options: ZeroShotOptions, *, seed: int) -> Self:  # type: ignore[override]
        """Read back what `save` wrote.

        Raises:
            BundleError: When embeddings and descriptions do not fit each other.
        """
        from safetensors.numpy import load_file

        model = cls(labels, options, seed=seed)
        if options.nli is not None:
            model._entailment = Entailment.read(folder / "nli", options)
            return model
        model._open(folder / "encoder")
        tensors = load_file(folder / "anchors.safetensors")
        model.anchors, model.centre = tensors["anchors"], tensors["centre"]
        width, wanted = model._encoder.config.hidden_size, sum(map(len, model.descriptions())) + len(options.none)
        if model.anchors.shape != (wanted, width) or model.centre.shape != (width,):
            given = f"{model.anchors.shape} and {model.centre.shape}"
            raise BundleError(f"{folder}: embeddings {given} do not fit {wanted} sentences of width {width}")
        return model


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Return vectors (n, d) brought to length 1."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6))
