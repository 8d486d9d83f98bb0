"""Taking copies out of labelled data: which one is kept, which go, and where the labels of copies disagree.

Of articles that are near-copies one is kept, and of the paragraphs in the articles that remain one of each. Kept is
the first in order, except that one that was cut short gives way to a longer one. A copy goes only when it is itself a
near-copy of one that is kept, so a chain of copies, each a little unlike the last, does not go with its first link.
Paragraphs of fewer than eight words stay wherever they stand.

Copies ought to carry the same labels. Where one says yes and another no, the label becomes `uncertain` on the kept
one. A paragraph that was cut short may well lack a label that the longer one has; that is no contradiction.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np

from textclf.datasets.duplicates import Duplicates
from textclf.datasets.reprints import find_reprints, rows_of
from textclf.records import Article, Paragraph

Unit = Literal["paragraph", "article", "both"]


class Place(NamedTuple):
    """Where a copy stands: the article, by its number in the input, and the paragraph, or None for a whole article."""

    article: int
    paragraph: int | None


@dataclass(frozen=True)
class Copy:
    """One copy, and the kept one that it is a near-copy of.

    Attributes:
        place: The copy.
        of: The kept one.
        jaccard: The shingles in both, of those in either.
        containment: The shingles in both, of those in the shorter.
    """

    place: Place
    of: Place
    jaccard: float
    containment: float


@dataclass(frozen=True)
class Contradiction:
    """A label on which two copies of a paragraph disagree.

    Attributes:
        label: The label.
        yes: The paragraph that carries it.
        no: The copy that does not, though it was looked for.
    """

    label: str
    yes: Place
    no: Place


@dataclass(frozen=True)
class Deduped:
    """What was found in the articles, and what is left of them.

    Attributes:
        articles: The articles that are copies.
        paragraphs: The paragraphs that are copies, in articles that are none.
        contradictions: Labels on which copies disagree.
        kept: What is left, in order.
        emptied: The numbers of the articles left out because every paragraph of theirs is a copy.
    """

    articles: list[Copy]
    paragraphs: list[Copy]
    contradictions: list[Contradiction]
    kept: list[Article]
    emptied: list[int]


def dedupe(articles: Sequence[Article], *, unit: Unit = "both", threshold: float = 0.8, seed: int = 0) -> Deduped:
    """Find the copies among articles and paragraphs, and return the articles without them.

    Args:
        articles: The articles, in order of preference.
        unit: What to take out: whole articles, paragraphs, or both.
        threshold: As in `textclf.datasets.duplicates.find_duplicates`.
        seed: Of MinHash.

    Raises:
        DataError: When the threshold is outside 0.5 to 1.
    """
    texts, groups = rows_of(articles)
    found = find_reprints(texts, groups, threshold=threshold, seed=seed)
    counts = [len(article.paragraphs) for article in articles]
    places = [Place(i, number) for i, count in enumerate(counts) for number in range(count)]
    wholes = [Place(i, None) for i in range(len(articles))]
    stays = np.ones(len(articles), bool)
    if unit != "paragraph":
        stays = copies_out(found.articles, stays)
    copied = _listed(found.articles, np.flatnonzero(~stays), stays, wholes)
    rest = stays[groups]
    left = copies_out(found.paragraphs, rest) if unit != "article" else rest
    repeated = _listed(found.paragraphs, np.flatnonzero(rest & ~left), left, places)
    compared = nearest(found.paragraphs, np.flatnonzero(~left), left)
    contradictions = [
        contradiction
        for row, (of, pair) in compared.items()
        for contradiction in _contradictions(articles, places[of], places[row], _cut(found.paragraphs, row, of, pair))
    ]
    kept, emptied = _what_is_left(articles, stays, left, places, contradictions)
    return Deduped(copied, repeated, contradictions, kept, emptied)


def copies_out(found: Duplicates, among: np.ndarray) -> np.ndarray:
    """Return bool (n,): which of the texts marked in `among`, bool (n,), are kept; no two are a pair of `found`.

    Every marked text that goes has a near-copy, or one of the same wording, among those kept.
    """
    rows = np.flatnonzero(among)
    present, first = np.unique(found.wording[rows], return_index=True)
    place = np.full(len(found.short), len(among))  # the first row of each wording; beyond the rows, if there is none
    place[present] = rows[first]
    pairs = found.pairs[(place[found.pairs] < len(among)).all(axis=1)]
    part = np.zeros(len(place), bool)
    for one, other in (found.pairs.T, found.pairs.T[::-1]):
        part[one[found.cut & (place[other] < len(among)) & (found.sizes[one] < found.sizes[other])]] = True
    neighbours: dict[int, list[int]] = {}
    for one, other in pairs.tolist():
        neighbours.setdefault(one, []).append(other)
        neighbours.setdefault(other, []).append(one)
    keeps = place < len(among)
    kept: set[int] = set()
    for w in sorted(neighbours, key=lambda w: (part[w], -found.sizes[w] if part[w] else 0, place[w])):
        if kept.isdisjoint(neighbours[w]):
            kept.add(w)
        else:
            keeps[w] = False
    stays = np.zeros(len(among), bool)
    stays[place[keeps]] = True
    return np.asarray(stays | (among & found.short[found.wording]))


def nearest(found: Duplicates, rows: np.ndarray, kept: np.ndarray) -> dict[int, tuple[int, int | None]]:
    """Return for each row its nearest copy among the kept, and the number of their pair; None is the same wording.

    Short rows, and rows without a kept copy, are left out.

    Args:
        found: The copies among n texts.
        rows: int64: the texts to find copies of.
        kept: bool (n,): where to look.
    """
    holder: dict[int, int] = {}
    for row in np.flatnonzero(kept).tolist():
        holder.setdefault(int(found.wording[row]), row)
    best: dict[int, tuple[float, int, int]] = {}  # wording to (less its similarity, kept row, pair)
    for pair, ends in enumerate(found.pairs.tolist()):
        for one, other in (ends, ends[::-1]):
            if other in holder:
                candidate = (-float(found.jaccard[pair]), holder[other], pair)
                best[one] = min(best.get(one, candidate), candidate)
    chosen: dict[int, tuple[int, int | None]] = {}
    for row in rows.tolist():
        w = int(found.wording[row])
        if found.short[w]:
            continue
        if w in holder:
            chosen[row] = holder[w], None
        elif w in best:
            chosen[row] = best[w][1:]
    return chosen


def _listed(found: Duplicates, rows: np.ndarray, kept: np.ndarray, places: Sequence[Place]) -> list[Copy]:
    return [
        Copy(
            places[row],
            places[of],
            1.0 if pair is None else float(found.jaccard[pair]),
            1.0 if pair is None else float(found.containment[pair]),
        )
        for row, (of, pair) in nearest(found, rows, kept).items()
    ]


def _cut(found: Duplicates, row: int, of: int, pair: int | None) -> str:
    """Say which of the two is only a part of the other: ``"copy"``, ``"kept"``, or neither, the empty string."""
    if pair is None or not found.cut[pair]:
        return ""
    return "copy" if found.sizes[found.wording[row]] < found.sizes[found.wording[of]] else "kept"


def _contradictions(articles: Sequence[Article], kept: Place, copy: Place, cut: str) -> Iterator[Contradiction]:
    """Yield the labels that one of two copies carries and the other does not, though it was looked for."""
    for yes, no, whole in ((kept, copy, cut != "copy"), (copy, kept, cut != "kept")):
        for label in _at(articles, yes).labels if whole else ():
            annotated, other = articles[no.article].annotated, _at(articles, no)
            looked_for = annotated is None or label in annotated
            if looked_for and label not in other.labels and label not in other.uncertain:
                yield Contradiction(label, yes, no)


def _at(articles: Sequence[Article], place: Place) -> Paragraph:
    return articles[place.article].paragraphs[place.paragraph or 0]


def _what_is_left(
    articles: Sequence[Article],
    stays: np.ndarray,
    left: np.ndarray,
    places: Sequence[Place],
    contradictions: Sequence[Contradiction],
) -> tuple[list[Article], list[int]]:
    """Return the articles without copies, disputed labels uncertain, and the numbers of those left with nothing."""
    disputed: dict[Place, set[str]] = {}
    for found in contradictions:
        for place in (found.yes, found.no):
            disputed.setdefault(place, set()).add(found.label)
    paragraphs: list[list[Paragraph]] = [[] for _ in articles]
    for row in np.flatnonzero(left).tolist():
        place = places[row]
        paragraphs[place.article].append(_doubted(_at(articles, place), disputed.get(place, set())))
    kept, emptied = [], []
    for i in np.flatnonzero(stays).tolist():
        if paragraphs[i] or not articles[i].paragraphs:
            kept.append(replace(articles[i], paragraphs=tuple(paragraphs[i])))
        else:
            emptied.append(i)
    return kept, emptied


def _doubted(paragraph: Paragraph, labels: set[str]) -> Paragraph:
    if not labels:
        return paragraph
    return replace(
        paragraph,
        labels=tuple(name for name in paragraph.labels if name not in labels),
        uncertain=(*paragraph.uncertain, *sorted(labels)),
    )
