"""Texts scored by the n-grams in them, with numpy alone: what scikit-learn's TF-IDF and logistic regression give.

The logit of a label is a sum over the distinct n-grams of a text: ``(1 + log count) * idf * coefficient``, divided by
the length (l2) of the text's vector. The same sum runs over every occurrence when each is given the ``count``-th part
of its n-gram's share, so nothing is sorted: occurrences are counted into one array and read back. Character n-grams
stay within words and words come again, so each distinct word is taken apart once and its n-grams are remembered.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

Sort = Literal["words", "characters"]

REMEMBERED = 32_768  # words whose n-grams are kept; then remembering begins again
TABLED = 4_096  # counts whose frequency is looked up
LONGEST = 64  # characters of a word that is remembered; longer ones are rare, or no words

_find_tokens = re.compile(r"(?u)\b\w\w+\b").findall


@dataclass(frozen=True)
class Ngrams:
    """The n-grams of one sort that are features.

    Attributes:
        sort: ``"words"``: runs of words of two letters or more, joined by a space. ``"characters"``: pieces of a word
            with a space on either side.
        lengths: The shortest and the longest.
        terms: The n-grams, in the order of their columns.
        idf: float64 (terms,): the inverse document frequency of each.
    """

    sort: Sort
    lengths: tuple[int, int]
    terms: Sequence[str]
    idf: np.ndarray


class NgramScorer:
    """One logit per label from sublinear TF-IDF; each sort of n-gram is brought to length 1 by itself.

    Threads may share one.

    Args:
        sorts: The sorts of n-gram, in the order of their columns; each sort at most once.
        coefficients: float64 (k, d): one row per label, d terms of all sorts together.
        intercepts: float64 (k,).
        lowercase: Whether texts are lowercased first.
    """

    def __init__(
        self, sorts: Sequence[Ngrams], coefficients: np.ndarray, intercepts: np.ndarray, *, lowercase: bool
    ) -> None:
        idf = np.concatenate([ngrams.idf for ngrams in sorts])
        self.intercepts, self.lowercase = intercepts, lowercase
        self._weights = np.ascontiguousarray((coefficients * idf).T)  # (d, k)
        self._squares = idf * idf
        self._counters: list[np.ndarray] = []
        self._frequencies = _frequencies(TABLED)
        self._words: dict[str, int] = {}
        self._word_lengths = (1, 1)
        self._pieces = _PiecesOfWords({}, (1, 1))
        first = 0
        for ngrams in sorts:
            columns = {term: column for column, term in enumerate(ngrams.terms, start=first)}
            if ngrams.sort == "words":
                self._words, self._word_lengths = columns, ngrams.lengths
            else:
                self._pieces = _PiecesOfWords(columns, ngrams.lengths)
            first += len(ngrams.terms)

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """Return float64 (n, k): the logits of n texts. What stands beside a text in the list changes nothing."""
        logits = np.empty((len(texts), len(self.intercepts)))
        counts = self._take_counter()
        for row, text in enumerate(texts):
            text = normalized(text, lowercase=self.lowercase)
            words = np.array(self._columns_of_words(_find_tokens(text)), dtype=np.intp)
            pieces = np.frombuffer(b"".join(map(self._pieces.__getitem__, text.split())), dtype=np.intp)
            logits[row] = self._logits_of(np.concatenate((words, pieces)), len(words), counts)
        self._counters.append(counts)
        return logits

    def _take_counter(self) -> np.ndarray:
        """Return int64 (d,) of zeros: one that an earlier call gave back, if no other thread has it."""
        try:
            return self._counters.pop()
        except IndexError:
            return np.zeros(len(self._weights), dtype=np.int64)

    def _columns_of_words(self, tokens: list[str]) -> list[int]:
        """Return the column of every n-gram of words that is a feature, as often as it stands there."""
        shortest, longest = self._word_lengths
        runs = list(tokens) if shortest == 1 else []
        for n in range(max(2, shortest), min(longest, len(tokens)) + 1):
            runs += map(" ".join, zip(*(tokens[start:] for start in range(n)), strict=False))
        return [column for column in map(self._words.get, runs) if column is not None]

    def _logits_of(self, columns: np.ndarray, n_words: int, counts: np.ndarray) -> np.ndarray:
        """Return float64 (k,).

        Args:
            columns: One entry an occurrence: those of words, then those of pieces.
            n_words: How many are of words.
            counts: int64 (d,) of zeros, to count in; it is left so.
        """
        np.add.at(counts, columns, 1)
        count = counts.take(columns)
        counts[columns] = 0
        known = self._frequencies if len(columns) < TABLED else _frequencies(len(columns) + 1)
        share, square = known[0].take(count), known[1].take(count)
        weights, squares = self._weights.take(columns, axis=0), self._squares.take(columns) * square
        logits = self.intercepts
        for part in (slice(n_words), slice(n_words, None)):
            if length := float(squares[part].sum()):
                logits = logits + share[part] @ weights[part] / np.sqrt(length)
        return logits


class _PiecesOfWords(dict[str, bytes]):
    """The columns of each word's pieces, as the bytes of an array, so that those of many words are quickly joined.

    A word that is not there is taken apart when it is asked for.
    """

    def __init__(self, columns: Mapping[str, int], lengths: tuple[int, int]) -> None:
        super().__init__()
        self.columns, self.lengths = columns, lengths

    def __missing__(self, word: str) -> bytes:
        found = [column for piece in pieces_of(word, self.lengths) if (column := self.columns.get(piece)) is not None]
        held = np.array(found, dtype=np.intp).tobytes()
        if len(word) <= LONGEST:
            if len(self) >= REMEMBERED:
                self.clear()
            self[word] = held
        return held


def _frequencies(n: int) -> np.ndarray:
    """Return float64 (2, n) of the counts below n: the frequency's share in each occurrence, and its square's."""
    counts = np.maximum(np.arange(n), 1)
    frequency = 1.0 + np.log(counts)
    return np.stack((frequency / counts, frequency * frequency / counts))


def pieces_of(word: str, lengths: tuple[int, int]) -> Iterator[str]:
    """Yield a word's pieces of each length, a space on either side counted; one too short for a length only once."""
    padded = f" {word} "
    for n in range(lengths[0], lengths[1] + 1):
        if n >= len(padded):
            yield padded
            return
        for start in range(len(padded) - n + 1):
            yield padded[start : start + n]


def normalized(text: str, *, lowercase: bool) -> str:
    """Return a text in small letters, if so asked, and without accents (NFKD without what combines)."""
    if lowercase:
        text = text.lower()
    if text.isascii():
        return text
    return "".join([c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)])
