"""Near-duplicate texts: the same paragraph or article once more, with small edits.

MinHash with banding proposes pairs; each is then measured exactly on the two sets of shingles, so that chance decides
only whether a pair is looked at, never what is said of it. Two texts are near-copies when

- their *Jaccard similarity* (shingles in both, of the shingles in either) reaches the threshold: edited copies; or
- one was *cut short*: its *containment* (shingles in both, of those in the shorter) is at least half-way from the
  threshold to 1, and it still has a given share of the longer one's length. Reprints drop sentences and tails, which
  lowers the Jaccard similarity at will but leaves what remains as it was; hence the higher bar.

A text of fewer than `FEWEST_WORDS` words is a near-copy of none: "Reuters contributed to this report." says nothing of
where the rest comes from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from textclf.datasets.shingles import ShingleSets, ascending, length_of, overlaps, shingle_sets, words_of
from textclf.errors import DataError

FEWEST_WORDS = 8
CUT_TO = 0.5  # a paragraph that was cut still has half of its shingles
BANDS, ROWS = 42, 3  # a pair of Jaccard similarity 0.5 is looked at with probability 0.996; of 0.8, with 1 - 1e-13
LARGEST_BUCKET = 200  # in a larger one each is compared with its neighbours and the first alone: no quadratic growth
NEIGHBOURS = 20
LEAST_AGREEMENT = 0.25  # of the MinHash values of a pair worth measuring; true near-copies lie far above


@dataclass(frozen=True)
class Duplicates:
    """Which of n texts are copies.

    Texts with the same words in the same order are one *wording*; near-copies are pairs of wordings.

    Attributes:
        wording: int64 (n,): the number of each text's wording.
        short: bool (w,): the wordings too short to be anyone's near-copy.
        pairs: int64 (m, 2): near-copies, as numbers of wordings, the lower first.
        jaccard: float64 (m,): the Jaccard similarity of each pair.
        containment: float64 (m,): the share of the shorter one's shingles that are in the longer one.
        sizes: int64 (w,): how many shingles each wording has.
        threshold: What was asked for.
    """

    wording: np.ndarray
    short: np.ndarray
    pairs: np.ndarray
    jaccard: np.ndarray
    containment: np.ndarray
    sizes: np.ndarray
    threshold: float

    @property
    def cut(self) -> np.ndarray:
        """The pairs of which one is only a part of the other: bool (m,)."""
        return np.asarray(self.jaccard < self.threshold)

    def clusters(self) -> np.ndarray:
        """Return int64 (n,): the number of each text's cluster.

        Clusters chain: a copy of a copy is in, like or unlike the first. Short texts and those without a copy stand
        alone.
        """
        joined = connected(len(self.short), self.pairs)
        alone = self.short[self.wording]
        numbers = np.where(alone, len(self.short) + np.arange(len(self.wording)), joined[self.wording])
        return np.unique(numbers, return_inverse=True)[1].reshape(len(self.wording))


def find_duplicates(
    texts: Sequence[str],
    *,
    threshold: float = 0.8,
    seed: int = 0,
    cut_to: float = CUT_TO,
    likely: Iterable[tuple[int, int]] = (),
) -> Duplicates:
    """Find the near-copies among texts.

    The order of the texts changes nothing but their numbers, and a lower threshold only adds pairs.

    Args:
        texts: The n texts; empty ones and ones without a word are copies of none.
        threshold: The least Jaccard similarity, from 0.5 to 1.
        seed: Of MinHash; the same seed gives the same pairs.
        cut_to: The least share of the longer text's shingles that one cut short still has.
        likely: Pairs of texts, by number, to measure in any case.

    Raises:
        DataError: When the threshold is outside 0.5 to 1.
    """
    if not 0.5 <= threshold <= 1:
        raise DataError(f"the threshold of near-copies is a similarity from 0.5 to 1; given: {threshold}")
    spelt = [" ".join(words_of(text)) for text in texts]
    number = {key: i for i, key in enumerate(sorted(set(spelt)))}  # sorted: the order of the input is forgotten
    wording = np.fromiter((number[key] for key in spelt), np.int64, len(spelt))
    short = np.fromiter((length_of(key.split()) < FEWEST_WORDS for key in number), bool, len(number))
    sets = shingle_sets(key.split() for key in number)
    pairs = _candidates(sets, np.flatnonzero(~short), seed)
    given = wording[np.array(list(likely), np.int64).reshape(-1, 2)]
    pairs = _unique_pairs([pairs, given[~short[given].any(axis=1)]], len(short))
    return Duplicates(wording, short, *_measure(sets, pairs, threshold, cut_to), sets.sizes, threshold)


def similarity(one: str, other: str) -> tuple[float, float]:
    """Return the Jaccard similarity of two texts and the containment of the shorter; two without a word give 1, 1."""
    sets = shingle_sets([words_of(one), words_of(other)])
    if not sets.sizes.any():
        return 1.0, 1.0
    jaccard, containment = _similarities(sets, np.array([[0, 1]]))
    return float(jaccard[0]), float(containment[0])


def connected(n: int, pairs: np.ndarray) -> np.ndarray:
    """Return int64 (n,): the connected component of each of n things, given int64 (m, 2) pairs of them."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(pairs), np.int8), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64) if n else np.zeros(0, np.int64)


def _measure(
    sets: ShingleSets, pairs: np.ndarray, threshold: float, cut_to: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the pairs that are near-copies, with the exact similarity and containment of each."""
    sizes = sets.sizes[pairs]
    pairs = pairs[sizes.min(axis=1, initial=2**62) >= min(cut_to, threshold) * sizes.max(axis=1, initial=0)]
    jaccard, containment = _similarities(sets, pairs)
    sizes = sets.sizes[pairs]
    is_part = (containment >= (1 + threshold) / 2) & (sizes.min(axis=1) >= cut_to * sizes.max(axis=1))
    near = np.asarray((jaccard >= threshold) | is_part)
    return pairs[near], jaccard[near], containment[near]


def _similarities(sets: ShingleSets, pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    shared, sizes = overlaps(sets, pairs), sets.sizes[pairs]
    return shared / np.maximum(sizes.sum(axis=1) - shared, 1), shared / np.maximum(sizes.min(axis=1), 1)


def _candidates(sets: ShingleSets, rows: np.ndarray, seed: int) -> np.ndarray:
    """Return int64 (m, 2): the pairs of rows whose MinHash values agree in at least one band."""
    from datasketch import MinHash

    if len(rows) < 2:
        return np.zeros((0, 2), np.int64)
    bounds = sets.starts
    hashed = (sets.hashes[sets.columns[bounds[row] : bounds[row + 1]]].tolist() for row in rows)
    signatures = np.empty((len(rows), BANDS * ROWS), np.uint32)
    for place, made in enumerate(MinHash.generator(hashed, num_perm=BANDS * ROWS, seed=seed, hashfunc=int)):
        signatures[place] = made.hashvalues
    found = np.zeros(0, np.int64)
    for band in range(BANDS):
        codes = [np.zeros(0, np.int64)]
        for first, second in _in_one_bucket(signatures[:, band * ROWS : (band + 1) * ROWS]):
            codes.append(first * len(rows) + second)
        fresh = ascending(np.concatenate(codes))
        fresh = fresh[
            np.append(found, -1)[np.searchsorted(found, fresh)] != fresh
        ]  # those that no earlier band has proposed
        found = np.sort(np.concatenate([found, fresh[_agree(signatures, fresh)]]), kind="stable")
    return np.asarray(rows[np.stack(np.divmod(found, len(rows)), axis=1)])


def _in_one_bucket(band: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield arrays of first and second rows that have the same values, the lower row first."""
    order = np.lexsort(band.T)  # stable, so rows of one bucket ascend
    opens = np.append(True, (band[order[1:]] != band[order[:-1]]).any(axis=1))
    starts = np.flatnonzero(opens)
    sizes = np.diff(np.append(starts, len(order)))
    for size in np.unique(sizes[sizes > 1]):
        members = order[starts[sizes == size][:, None] + np.arange(size)]
        if size <= LARGEST_BUCKET:
            first, second = np.triu_indices(size, 1)
            yield members[:, first].ravel(), members[:, second].ravel()
            continue
        for step in range(1, NEIGHBOURS + 1):
            yield members[:, :-step].ravel(), members[:, step:].ravel()
        yield np.repeat(members[:, 0], size - 1), members[:, 1:].ravel()


def _agree(signatures: np.ndarray, codes: np.ndarray, *, at_once: int = 1 << 16) -> np.ndarray:
    """Return bool (m,): whether enough of the MinHash values of each pair are the same."""
    kept = np.zeros(len(codes), bool)
    for low in range(0, len(codes), at_once):
        first, second = np.divmod(codes[low : low + at_once], len(signatures))
        kept[low : low + at_once] = (signatures[first] == signatures[second]).mean(axis=1) >= LEAST_AGREEMENT
    return kept


def _unique_pairs(parts: Sequence[np.ndarray], n: int) -> np.ndarray:
    """Return int64 (m, 2): each pair once, the lower number first, none of a thing with itself."""
    pairs = np.sort(np.concatenate(parts), axis=1)
    codes = ascending(pairs[:, 0] * max(n, 1) + pairs[:, 1])
    pairs = np.stack(np.divmod(codes, max(n, 1)), axis=1)
    return np.asarray(pairs[pairs[:, 0] < pairs[:, 1]])
