"""Grouping texts by what they are about, with the words that set each group apart.

TF-IDF of words, drawn together to a few dimensions (latent semantic analysis), beside other features; then k-means.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

WORD = r"(?u)[^\W\d_]{3,}"  # three letters or more, of any script
DIMENSIONS = 50
MOST_WORDS = 6


@dataclass(frozen=True)
class TextClusters:
    """Texts in groups.

    Attributes:
        numbers: int64 (n,): the group of each text, from 0, the largest first.
        typical: int64 (n,): all texts, those nearest to the middle of their group first.
        words: For each group the words that set it apart from the other texts; none where texts have no words.
    """

    numbers: np.ndarray
    typical: np.ndarray
    words: list[tuple[str, ...]]


def cluster_texts(
    texts: Sequence[str], beside: np.ndarray, *, background: Sequence[str], n_clusters: int, seed: int
) -> TextClusters:
    """Group texts.

    Args:
        texts: The n texts, at least one.
        beside: float (n, m): what else is known of each; a 1 weighs as much as all of the text.
        background: Texts that say how common each word is; the texts themselves should be among them.
        n_clusters: The most groups; fewer where fewer texts differ.
        seed: The same seed gives the same groups.
    """
    from sklearn.cluster import KMeans

    weights, names = _words(texts, background)
    features = np.concatenate([_drawn_together(weights, seed=seed), beside], axis=1)
    n_clusters = min(n_clusters, len(np.unique(features.round(6), axis=0)))
    found = KMeans(n_clusters, n_init=10, random_state=seed).fit(features)
    sizes = np.bincount(found.labels_, minlength=n_clusters)
    order = np.argsort(-sizes, kind="stable")
    numbers = np.argsort(order, kind="stable")[found.labels_]
    away = np.linalg.norm(features - found.cluster_centers_[found.labels_], axis=1)
    typical = np.argsort(away.round(9), kind="stable")
    return TextClusters(numbers, typical, [_telling(weights, names, numbers == c) for c in range(n_clusters)])


def _words(texts: Sequence[str], background: Sequence[str]) -> tuple[Any, list[str]]:
    """Return the TF-IDF of each text, a sparse matrix (n, w) with rows of length 1 or 0, and the words."""
    from scipy.sparse import csr_matrix
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(token_pattern=WORD, sublinear_tf=True)
    if not any(map(vectorizer.build_analyzer(), background)):
        return csr_matrix((len(texts), 1)), [""]
    weights = vectorizer.fit(background).transform(texts)
    return weights, [str(name) for name in vectorizer.get_feature_names_out()]


def _drawn_together(weights: Any, *, seed: int) -> np.ndarray:
    """Return (n, d): the texts in few dimensions, each of length 1 unless it has no words."""
    from sklearn.decomposition import TruncatedSVD

    held = weights[:, np.unique(weights.indices)]
    if min(held.shape) <= DIMENSIONS:
        return np.asarray(held.toarray())
    drawn = TruncatedSVD(DIMENSIONS, random_state=seed).fit_transform(held)
    lengths = np.linalg.norm(drawn, axis=1, keepdims=True)
    return np.asarray(np.divide(drawn, lengths, out=np.zeros_like(drawn), where=lengths > 1e-9))


def _telling(weights: Any, names: Sequence[str], inside: np.ndarray) -> tuple[str, ...]:
    """Return the words that weigh more in some texts than in the others; of all texts together, the heaviest."""
    more = _mean(weights[inside]) - (0.0 if inside.all() else _mean(weights[~inside]))
    best = np.lexsort((np.arange(len(more)), -more))[:MOST_WORDS]
    return tuple(names[word] for word in best if more[word] > 0)


def _mean(weights: Any) -> np.ndarray:
    return np.asarray(weights.mean(axis=0)).ravel()
