"""Static token vectors out of an encoder (model2vec, Tulkens and van Dongen 2024), and texts pooled over them.

Every token of the vocabulary goes through the encoder once, by itself; its vector is brought down by principal
components, and weighs less the more frequent the token is. After that a text needs no encoder: its vector is pooled
from those of its tokens by numpy alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from textclf.errors import ModelError
from textclf.models.frozen_encoder import FrozenEncoder
from textclf.models.windows import Frame
from textclf.records import MAX_CHARACTERS


def distil(encoder: FrozenEncoder, *, dimensions: int) -> np.ndarray:
    """Return float32 (v, d): the vector of each token of an opened encoder's vocabulary.

    Args:
        encoder: Opened; its cache is used.
        dimensions: The most principal components kept; an encoder that is narrower keeps its width.

    Raises:
        ModelError: When a vector is not finite.
    """
    tokenizer = encoder.tokenizer
    frame = Frame.of(tokenizer, pair=False)
    size = max(tokenizer.get_vocab().values()) + 1
    vectors = encoder.embed_rows([frame.row([token], [], tokenizer.model_input_names) for token in range(size)])
    if not np.isfinite(vectors).all():
        raise ModelError(f"the encoder {encoder.options.encoder!r} gives vectors that are not finite")
    centred = vectors - vectors.mean(axis=0)
    _, directions = np.linalg.eigh(centred.T @ centred)  # in rising order of their variance
    return np.asarray(centred @ directions[:, ::-1][:, :dimensions], dtype=np.float32)


def sif_weights(counts: np.ndarray, *, coefficient: float) -> np.ndarray:
    """Return float32 (v,): how much each token weighs, by Zipf's law and smooth inverse frequency (Arora et al. 2017).

    Args:
        counts: int (v,): how often each token stands in the training texts. They give the ranks; tokens as frequent
            as each other, above all those that are not there, keep the vocabulary's order.
        coefficient: A token of this probability weighs a half.
    """
    ranks = np.empty(len(counts))
    ranks[np.argsort(-counts, kind="stable")] = np.arange(len(counts))
    probability = 1 / (ranks + 2)
    probability /= probability.sum()
    return np.asarray(coefficient / (coefficient + probability), dtype=np.float32)


def token_ids(tokenizer: Any, texts: Sequence[str]) -> list[np.ndarray]:
    """Return the tokens of each text, int64 arrays; of a text over 100,000 characters the first 100,000 are read.

    Args:
        tokenizer: Of the `tokenizers` library, with neither truncation nor padding set.
        texts: The texts.
    """
    encoded = tokenizer.encode_batch_fast([text[:MAX_CHARACTERS] for text in texts], add_special_tokens=False)
    return [np.array(text.ids, dtype=np.int64) for text in encoded]


def pool(table: np.ndarray, ids: Sequence[np.ndarray], *, with_max: bool) -> np.ndarray:
    """Return float32 (n, d), or (n, 2d) with maxima: texts pooled from the vectors of their tokens.

    The mean has length √d, whatever the text's; a text without a token is all zeros.

    Args:
        table: float32 (v, d): a vector for each token.
        ids: The n texts' tokens.
        with_max: Whether the highest value of each dimension stands beside the mean.
    """
    width = table.shape[1]
    pooled = np.zeros((len(ids), width * (1 + with_max)), dtype=np.float32)
    for row, tokens in enumerate(ids):  # one by one: a text's vectors stay in the processor's cache
        if len(tokens):
            vectors = table.take(tokens, axis=0)
            np.add.reduce(vectors, axis=0, out=pooled[row, :width])
            if with_max:
                np.maximum.reduce(vectors, axis=0, out=pooled[row, width:])
    mean = pooled[:, :width]
    mean /= np.array([max(1, len(tokens)) for tokens in ids], dtype=np.float32)[:, None]
    length = np.sqrt((mean * mean).sum(axis=1, keepdims=True))
    mean *= np.float32(np.sqrt(width)) / np.maximum(length, 1e-6)
    return pooled


def parted(table: np.ndarray, ids: np.ndarray, weight: np.ndarray, *, with_max: bool) -> np.ndarray:
    """Return float64 (tokens, k): what each token adds to a linear head over one pooled text (see `pool`).

    The length of the mean is taken as given; a dimension's highest value belongs to the first token that holds it.

    Args:
        table: float32 (v, d): a vector for each token.
        ids: int64 (tokens,).
        weight: (k, d), or (k, 2d) with maxima: the head's.
        with_max: As for `pool`.
    """
    width = table.shape[1]
    if not len(ids):
        return np.zeros((0, len(weight)))
    vectors = table[ids].astype(np.float64)
    length = np.linalg.norm(vectors.mean(axis=0))
    values = vectors @ weight[:, :width].T * (np.sqrt(width) / max(float(length), 1e-6) / len(ids))
    if with_max:
        holders = vectors.argmax(axis=0)
        np.add.at(values, holders, vectors.max(axis=0)[:, None] * weight[:, width:].T)
    return np.asarray(values)
