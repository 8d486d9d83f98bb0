"""Where in a text each n-gram of a scikit-learn vectorizer comes from.

The vectorizer reads a text in small letters without accents, which may have more or fewer characters than the text has;
here each n-gram is found again with its places in the text as it was given.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

import numpy as np

Place = tuple[int, int]


def placed_ngrams(vectorizer: Any, text: str) -> Iterator[tuple[str, list[Place]]]:
    """Yield every n-gram as the vectorizer counts it, with the places of its parts in the text.

    The parts of a word n-gram are its words; a character n-gram is one part, and what pads it has no place.

    Args:
        vectorizer: A `TfidfVectorizer` whose analyzer is ``"word"`` or ``"char_wb"``.
        text: The text.
    """
    read = vectorizer.build_preprocessor()(text)
    origin = _origin(text, lowercase=vectorizer.lowercase)
    if vectorizer.analyzer == "word":
        yield from _of_words(vectorizer, read, origin)
    else:
        yield from _of_characters(vectorizer.ngram_range, read, origin)


def _origin(text: str, *, lowercase: bool) -> np.ndarray:
    """Return, for each character of the text as the vectorizer reads it, which character of the text it comes from."""
    sizes = []
    for character in text:
        lower = character.lower() if lowercase else character
        bare = (c for c in unicodedata.normalize("NFKD", lower) if not unicodedata.combining(c))
        sizes.append(1 if lower.isascii() else len(list(bare)))
    return np.repeat(np.arange(len(text)), sizes)


def _of_words(vectorizer: Any, read: str, origin: np.ndarray) -> Iterator[tuple[str, list[Place]]]:
    found = list(re.finditer(vectorizer.token_pattern, read))
    words = [(match.group(), _place(origin, *match.span())) for match in found]
    shortest, longest = vectorizer.ngram_range
    for n in range(shortest, min(longest, len(words)) + 1):
        for first in range(len(words) - n + 1):
            parts = words[first : first + n]
            yield " ".join(word for word, _ in parts), [place for _, place in parts]


def _of_characters(sizes: tuple[int, int], read: str, origin: np.ndarray) -> Iterator[tuple[str, list[Place]]]:
    for match in re.finditer(r"\S+", read):
        begin, end = match.span()
        padded = f" {match.group()} "
        for n in range(sizes[0], sizes[1] + 1):
            for first in range(max(1, len(padded) - n + 1)):
                left, right = max(begin, begin + first - 1), min(end, begin + first - 1 + n)
                place = _place(origin, left, right) if left < right else _place(origin, begin, end)
                yield padded[first : first + n], [place]
            if n >= len(padded):  # a short word is counted once
                break


def _place(origin: np.ndarray, begin: int, end: int) -> Place:
    return int(origin[begin]), int(origin[end - 1]) + 1
