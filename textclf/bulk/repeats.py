"""Ids that more than one row has, found before anything is labelled, so that who labels what first decides nothing."""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from textclf.bulk.blocks import Span


class Ids:
    """The ids of an input: of rows, 8 bytes of hash each; of pages, the ids of their articles.

    Two ids of one hash would count as one: of 100 million ids that happens once in some 3,700 inputs, and the only
    harm is a mark that was not needed.

    Args:
        pages: The article ids of the pages. A row whose id a paragraph of a page may have counts as a repeat of it.
    """

    def __init__(self, pages: Iterable[str]) -> None:
        self._pages = Counter(pages)
        self._on_pages: dict[int, int] = {}
        self._hashes: list[array[int]] = []
        self.repeated = 0

    def hash_of(self, row_id: str) -> int:
        """Return the hash of an id."""
        found = hashlib.blake2b(row_id.encode("utf-8", errors="surrogatepass"), digest_size=8).digest()
        number = int.from_bytes(found, "big")
        if self._pages and (pages := self._pages.get(row_id.rpartition("/")[0], 0)):
            self._on_pages[number] = pages
        return number

    def learn(self, hashes: array[int]) -> None:
        """Take in the ids of a span of rows; spans come in order."""
        self._hashes.append(hashes)

    def settled(self, spans: Sequence[tuple[Span, int]]) -> list[tuple[Span, int]]:
        """Return spans that know which of their rows, or pages, have an id that an earlier one has."""
        twice = self._twice()
        met = Counter(self._on_pages)
        pages: Counter[str] = Counter()
        hashes, settled = iter(self._hashes), []
        for span, rows in spans:
            if span.is_page:
                pages[span.article_id] += 1
                self.repeated += pages[span.article_id] > 1
                settled.append((replace(span, occurrence=pages[span.article_id]), rows))
            elif span.fault:
                settled.append((span, rows))
            else:
                repeats = _repeats(next(hashes), twice, met)
                self.repeated += len(repeats)
                settled.append((replace(span, repeats=repeats), rows))
        return settled

    def _twice(self) -> np.ndarray:
        """Return the hashes that stand more than once, sorted."""
        found = [np.array(sorted(self._on_pages), dtype=np.uint64)]
        for part in range(16):  # so that sorting takes little memory beside the hashes
            chosen = [each[each >> np.uint64(60) == part] for each in map(_as_array, self._hashes)]
            ordered = np.sort(np.concatenate([*chosen, np.array([], dtype=np.uint64)]))
            found.append(np.unique(ordered[1:][ordered[1:] == ordered[:-1]]))
        return np.unique(np.concatenate(found))


def _repeats(hashes: array[int], twice: np.ndarray, met: Counter[int]) -> dict[int, int]:
    repeats = {}
    for row in np.flatnonzero(np.isin(_as_array(hashes), twice)).tolist():
        met[hashes[row]] += 1
        if met[hashes[row]] > 1:
            repeats[row] = met[hashes[row]]
    return repeats


def _as_array(hashes: array[int]) -> np.ndarray:
    return np.frombuffer(hashes, dtype=np.uint64) if len(hashes) else np.array([], dtype=np.uint64)
