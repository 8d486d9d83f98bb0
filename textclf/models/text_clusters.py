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
FEWEST = 3  # texts of a group, if it has as many, that a word must stand in to tell of it
COMMON, MANY = 0.1, 50  # a word in more than this share of all texts, where there are many, tells nothing
CLEAR = 1.92  # the log-likelihood ratio that one word in twenty reaches by chance


@dataclass(frozen=True)
class TextClusters:
    """Texts in groups.

    Attributes:
        numbers: int64 (n,): the group of each text, from 0, the largest first.
        typical: int64 (n,): all texts, those nearest to the middle of their group first.
        words: For each group the words that set it apart from the background; none where texts have no words.
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
        background: More texts, these among them: they say how common each word is.
        n_clusters: The most groups; fewer where fewer texts differ.
        seed: The same seed gives the same groups.
    """
    from sklearn.cluster import KMeans

    weights, everywhere, names = _words(texts, background)
    features = np.concatenate([_drawn_together(weights, seed=seed), beside], axis=1)
    n_clusters = min(n_clusters, len(np.unique(features.round(6), axis=0)))
    found = KMeans(n_clusters, n_init=10, random_state=seed).fit(features)
    sizes = np.bincount(found.labels_, minlength=n_clusters)
    order = np.argsort(-sizes, kind="stable")
    numbers = np.argsort(order, kind="stable")[found.labels_]
    away = np.linalg.norm(features - found.cluster_centers_[found.labels_], axis=1)
    typical = np.argsort(away.round(9), kind="stable")
    words = []
    for cluster in range(n_clusters):
        told = _telling(_held(weights[numbers == cluster]), int(sizes[order[cluster]]), everywhere, len(background))
        best = np.lexsort((np.arange(len(told)), -told))[:MOST_WORDS]
        words.append(tuple(names[word] for word in best if told[word] > 0))
    return TextClusters(numbers, typical, words)


def _words(texts: Sequence[str], background: Sequence[str]) -> tuple[Any, np.ndarray, list[str]]:
    """Return TF-IDF, sparse (n, w), rows of length 1 or 0; in how many background texts each word stands; the words."""
    from scipy.sparse import csr_matrix
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(token_pattern=WORD, sublinear_tf=True)
    if not any(map(vectorizer.build_analyzer(), background)):
        return csr_matrix((len(texts), 1)), np.zeros(1), [""]
    everywhere = _held(vectorizer.fit_transform(background))
    return vectorizer.transform(texts), everywhere, [str(name) for name in vectorizer.get_feature_names_out()]


def _held(weights: Any) -> np.ndarray:
    """Return (w,): in how many of some texts each word stands."""
    return np.asarray((weights > 0).sum(axis=0), dtype=np.float64).ravel()


def _drawn_together(weights: Any, *, seed: int) -> np.ndarray:
    """Return (n, d): the texts in few dimensions, each of length 1 unless it has no words."""
    from sklearn.decomposition import TruncatedSVD

    held = weights[:, np.unique(weights.indices)]
    if min(held.shape) <= DIMENSIONS:
        return np.asarray(held.toarray())
    drawn = TruncatedSVD(DIMENSIONS, random_state=seed).fit_transform(held)
    lengths = np.linalg.norm(drawn, axis=1, keepdims=True)
    return np.asarray(np.divide(drawn, lengths, out=np.zeros_like(drawn), where=lengths > 1e-9))


def _telling(within: np.ndarray, n: int, everywhere: np.ndarray, total: int) -> np.ndarray:
    """Return how much each word tells of some texts among all: the log-likelihood ratio (Dunning 1993).

    A word tells nothing that is not clearly more frequent in them than elsewhere, stands in fewer than `FEWEST` of
    them, or is common everywhere.

    Args:
        within: (w,): in how many of n texts each word stands.
        n: How many those are.
        everywhere: (w,): in how many of all texts.
        total: How many texts there are in all.
    """
    inside, outside = within / n, (everywhere - within) / max(total - n, 1)
    common = everywhere / total
    ratio = _log_likelihood(within, n, inside, common) + _log_likelihood(
        everywhere - within, total - n, outside, common
    )
    rare = (common <= COMMON) | (total < MANY)
    telling = rare & (inside > outside) & (within >= min(FEWEST, n)) & (ratio >= CLEAR)
    return np.asarray(np.where(telling, ratio, 0.0).round(9))


def _log_likelihood(held: np.ndarray, n: int, share: np.ndarray, common: np.ndarray) -> np.ndarray:
    """Return how much likelier `held` of n is by its own share than by the common one: a difference of logarithms."""
    share, common = np.clip(share, 1e-9, 1 - 1e-9), np.clip(common, 1e-9, 1 - 1e-9)
    return np.asarray(held * np.log(share / common) + (n - held) * np.log((1 - share) / (1 - common)))
