"""Texts as words, and words as sets of shingles: what two copies of one text have in common.

A word is what is left when case, accents, quotes, punctuation and invisible characters are taken away, so that none
of them tells two copies apart. Scripts that are written without spaces (Chinese, Japanese, Thai, Lao, Burmese, Khmer)
have no words to be had without a dictionary; a run of them gives its overlapping threes of characters instead. A
shingle is two neighbouring words. Longer ones would lose more to every edit: "on Monday", taken out of a paragraph of
twenty words, costs two such paragraphs a fifth of their pairs of words, but a third of their threes.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff]+"
)
DROPPED = "'’‘ʼ`´\u0640"  # apostrophes, which come in every shape, and the Arabic stroke that only stretches a word
CHARACTERS = 3  # in a row, where there are no spaces
_MIX = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


class _Folding(dict[int, str]):
    """What becomes of a character, found when it is first met: letters, marks and digits stay, others part words."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        category = unicodedata.category(character)
        if character in DROPPED or category == "Cf" or unicodedata.combining(character):
            found = ""  # accents and vowel points, which one desk writes and another does not, and soft hyphens
        else:
            found = character if category[0] in "LMN" else " "
        self[code] = found
        return found


_folding = _Folding()


def words_of(text: str) -> list[str]:
    """Return the words of a text, folded so that copies agree; a text without a letter or digit has none."""
    folded = text.casefold()
    if not folded.isascii():
        folded = unicodedata.normalize("NFKD", folded).casefold()
    words = folded.translate(_folding).split()
    if folded.isascii() or not UNSPACED.search(folded):
        return words
    return [piece for word in words for piece in _without_spaces(word)]


def _without_spaces(word: str) -> list[str]:
    """Return a word as it is, or each run of an unspaced script in it as its threes of characters."""
    pieces: list[str] = []
    end = 0
    for run in UNSPACED.finditer(word):
        pieces += [word[end : run.start()]] if run.start() > end else []
        found = run.group()
        pieces += [found[i : i + CHARACTERS] for i in range(max(1, len(found) - CHARACTERS + 1))]
        end = run.end()
    return [*pieces, word[end:]] if end < len(word) else pieces


def length_of(words: Sequence[str]) -> int:
    """Return how many words a text has; two characters of an unspaced script count as one word."""
    unspaced = sum(len(word) == CHARACTERS and bool(UNSPACED.fullmatch(word)) for word in words)
    return len(words) - unspaced + (unspaced + 1) // 2 if unspaced else len(words)


@dataclass(frozen=True)
class ShingleSets:
    """The set of shingles of each of n texts, as rows of a sparse matrix.

    Attributes:
        starts: int64 (n + 1,): row i holds ``columns[starts[i]:starts[i + 1]]``.
        columns: int64: the numbers of the shingles, ascending in each row, none twice.
        hashes: uint32 (u,): a hash of each of the u shingles, which follows from its words alone.
    """

    starts: np.ndarray
    columns: np.ndarray
    hashes: np.ndarray

    @property
    def sizes(self) -> np.ndarray:
        """How many shingles each text has: int64 (n,)."""
        return np.diff(self.starts)


def shingle_sets(texts: Iterable[Sequence[str]]) -> ShingleSets:
    """Return the shingles of texts given as words.

    Each distinct word is hashed once; everything after is arithmetic on whole arrays. Shingles are told apart by
    their words themselves, not by hashes, so the sets are exact. A text of one word has that word as its shingle.
    """
    number: dict[str, int] = {}
    ids_read, counts_read = array("q"), array("q")
    for words in texts:
        counts_read.append(len(words))
        ids_read.extend(number.setdefault(word, len(number) + 1) for word in words)
    ids, counts = (np.array(read, np.int64) for read in (ids_read, counts_read))
    known = np.array([0, *map(_hash_word, number)], np.uint64)  # number 0 stands for no word
    row = np.repeat(np.arange(len(counts)), counts)
    alone = counts[row] == 1
    follows = np.zeros(len(ids), bool)
    follows[:-1] = row[1:] == row[:-1]
    next_ids = np.where(follows, np.append(ids[1:], 0), 0)[follows | alone]
    ids, row = ids[follows | alone], row[follows | alone]
    codes, columns = np.unique(ids << 32 | next_ids, return_inverse=True)
    hashes = _hash_pairs(known[codes >> 32], known[codes & 0xFFFFFFFF])
    cells = ascending(row * max(len(codes), 1) + columns.ravel())
    rows, columns = np.divmod(cells, max(len(codes), 1))
    starts = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(np.bincount(rows, minlength=len(counts)), out=starts[1:])
    return ShingleSets(starts, columns, hashes)


def ascending(numbers: np.ndarray) -> np.ndarray:
    """Return each of the numbers once, in order: `np.unique` by sorting, since its hashing slows down on some codes."""
    in_order = np.sort(numbers)
    return np.asarray(in_order[np.append(True, in_order[1:] != in_order[:-1])[: len(in_order)]])


def overlaps(sets: ShingleSets, pairs: np.ndarray, *, at_once: int = 1 << 16) -> np.ndarray:
    """Return int64 (m,): how many shingles the two texts of each pair share.

    Args:
        sets: The sets of n texts.
        pairs: int64 (m, 2): rows of `sets`.
        at_once: How many pairs are held in memory together.
    """
    from scipy.sparse import csr_array

    shape = len(sets.starts) - 1, max(len(sets.hashes), 1)
    matrix = csr_array((np.ones(len(sets.columns), np.int32), sets.columns, sets.starts), shape=shape)
    bounds = [*range(0, len(pairs), at_once), len(pairs)]
    shared = [
        np.asarray(matrix[pairs[low:high, 0]].multiply(matrix[pairs[low:high, 1]]).sum(axis=1)).ravel()
        for low, high in pairwise(bounds)
    ]
    return np.concatenate(shared).astype(np.int64) if shared else np.zeros(0, np.int64)


def _hash_word(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def _hash_pairs(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return uint32: one hash for each pair of hashes; the order of the two matters."""
    mixed = first * _MIX[0] + (second ^ (second >> np.uint64(31))) * _MIX[1]
    mixed = (mixed ^ (mixed >> np.uint64(30))) * _MIX[1]
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _MIX[2]
    return np.asarray((mixed ^ (mixed >> np.uint64(31))) >> np.uint64(32)).astype(np.uint32)
