"""Natural language inference: a cross-encoder reads a paragraph and a sentence, and tells if one entails the other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from textclf.errors import ModelError
from textclf.models.batching import BATCH_TOKENS, batches_by_length
from textclf.models.encoders import find_encoder, load_pretrained, load_tokenizer, most_tokens, pick_device, quiet
from textclf.models.frozen_encoder import EncoderOptions
from textclf.models.windows import tokenize

ENTAILMENT = ("entailment", "entails", "entailed")


class Entailment:
    """A sequence classifier one of whose labels is entailment.

    Args:
        folder: Its files.
        max_length: Tokens read of a paragraph and a sentence together.
        allow_bin: Read pytorch_model.bin where there is no safetensors.

    Raises:
        ModelError: When none of its labels is entailment, or it cannot be loaded.
    """

    def __init__(self, folder: Path, *, max_length: int, allow_bin: bool) -> None:
        from transformers import AutoModelForSequenceClassification

        self.model = load_pretrained(AutoModelForSequenceClassification, folder, allow_bin=allow_bin)
        names = {int(number): str(name).lower() for number, name in self.model.config.id2label.items()}
        entailing = [number for number, name in names.items() if name in ENTAILMENT]
        if not entailing:
            raise ModelError(
                f"model.options.nli: no label of {folder.name} is 'entailment' (it has {', '.join(names.values())}); "
                f"give a classifier trained for natural language inference"
            )
        self.column = entailing[0]
        self.model.eval().to(pick_device())
        self.tokenizer = load_tokenizer(folder, max_length=most_tokens(self.model, wanted=max_length))

    @classmethod
    def opened(cls, name: str, options: EncoderOptions) -> Self:
        """Return the cross-encoder of a hub name or folder (see `find_encoder`)."""
        folder = find_encoder(name, allow_bin=options.allow_bin)
        return cls(folder, max_length=options.max_length, allow_bin=options.allow_bin)

    @classmethod
    def read(cls, folder: Path, options: EncoderOptions) -> Self:
        """Return what `save` wrote."""
        return cls(folder, max_length=options.max_length, allow_bin=False)

    def save(self, folder: Path) -> None:
        """Write model and tokenizer into a new folder."""
        folder.mkdir()
        with quiet():
            self.model.save_pretrained(folder)
            self.tokenizer.save_pretrained(folder)

    def predict_proba(self, texts: Sequence[str], descriptions: Sequence[Sequence[str]]) -> np.ndarray:
        """Return float32 (n, k): per label the highest probability that a text entails one of its sentences."""
        found = np.zeros((len(texts), len(descriptions)), dtype=np.float32)
        for column, sentences in enumerate(descriptions):
            for sentence in sentences:
                found[:, column] = np.maximum(found[:, column], self._entails(texts, sentence))
        return found

    def _entails(self, texts: Sequence[str], sentence: str) -> np.ndarray:
        """Return float32 (n,): the probability that each text entails the sentence; of a long text its beginning."""
        import torch

        rows = tokenize(self.tokenizer, texts, [sentence] * len(texts))
        found = np.zeros(len(texts), dtype=np.float32)
        with torch.inference_mode():
            for batch in batches_by_length([len(row["input_ids"]) for row in rows], max_tokens=BATCH_TOKENS):
                inputs: Any = self.tokenizer.pad([rows[i] for i in batch], return_tensors="pt")
                logits = self.model(**inputs.to(self.model.device)).logits.float()
                found[batch] = _share(logits, self.column).cpu().numpy()
        return found


def _share(logits: Any, column: int) -> Any:
    """Return (n,): the probability of a column of logits (n, c); a single column is a logit of its own."""
    return logits.sigmoid()[:, 0] if logits.shape[1] == 1 else logits.softmax(dim=1)[:, column]
