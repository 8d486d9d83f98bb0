"""What articles and paragraphs can be told apart by: a name such as ``source`` becomes one value for each of them.

Values with few articles behind them say nothing on their own, so small ones are pooled: years with their neighbours,
other values all together. Every paragraph has exactly one value of every facet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np

from textclf.articles.dates import find_date
from textclf.errors import DataError, did_you_mean
from textclf.records import Article, Examples

EXTRA = "extra."
BANDS = 4  # of paragraph length: quarters


@dataclass(frozen=True)
class Material:
    """Labelled articles with what is known of their n paragraphs.

    Attributes:
        articles: The articles.
        examples: The same, as arrays.
        keywords: bool (n, k): whether a paragraph holds a keyword of each label (see `textclf.keywords`).
        copied: bool (n,): whether it has a near-copy in training; None where the training texts are not known.
        fewest: Articles that a value needs to stand alone.
    """

    articles: Sequence[Article]
    examples: Examples
    keywords: np.ndarray
    copied: np.ndarray | None = None
    fewest: int = 5


@dataclass(frozen=True)
class Faceted:
    """The n paragraphs by one facet: the values there are, in order, and which each paragraph has, int64 (n,)."""

    names: list[str] = field(default_factory=list)
    codes: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))

    @classmethod
    def of(cls, values: Sequence[str], order: Sequence[str]) -> Faceted:
        """Number values by an order, leaving out of it what no paragraph has."""
        present = set(values)
        names = [name for name in order if name in present]
        number = {name: i for i, name in enumerate(names)}
        return cls(names, np.array([number[value] for value in values], dtype=np.int64))


def article_values(articles: Sequence[Article], by: str) -> list[str]:
    """Return each article's ``source``, or a field of its `extra`, such as ``extra.region``; "" where it has none.

    Raises:
        DataError: When `by` is neither, or no article has that field.
    """
    if by == "source":
        return [article.source for article in articles]
    key = by.removeprefix(EXTRA)
    if key == by or not key:
        raise DataError(f"articles are told apart by source or by a field of their own, as in extra.region, not {by!r}")
    if articles and not any(key in article.extra for article in articles):
        known = sorted({name for article in articles for name in article.extra})
        there = f"; there are: {', '.join(known)}" if known else ""
        raise DataError(f"no article has a field {key!r}{did_you_mean(key, known)}{there}")
    values = (article.extra.get(key) for article in articles)
    return ["" if value is None else str(value) for value in values]


def day_of(article: Article) -> date | None:
    """Return the day an article was published; None where its date is empty, or names no one day."""
    found = find_date(article.date)
    return date.fromisoformat(found.iso) if found is not None and found.iso else None


def facet(material: Material, by: str) -> Faceted:
    """Return the paragraphs by one of `FACETS`, or by a field of the article's `extra`.

    Raises:
        DataError: When there is no such facet, or it is not known of these articles.
    """
    check_facet(by)
    if by in FACETS:
        return FACETS[by](material)
    return _by_article(material, article_values(material.articles, by))


def check_facet(by: str) -> None:
    """Make sure that there is a facet of that name.

    Raises:
        DataError: When there is none.
    """
    if by not in FACETS and not (by.startswith(EXTRA) and by != EXTRA):
        known = f"{', '.join(FACETS)}, extra.FIELD"
        raise DataError(f"articles cannot be sliced by {by!r}{did_you_mean(by, FACETS)} (known: {known})")


def _source(material: Material) -> Faceted:
    return _by_article(material, article_values(material.articles, "source"))


def _year(material: Material) -> Faceted:
    """Years, the oldest first; a year with few articles is joined with those after it."""
    days = [day_of(article) for article in material.articles]
    counted = Counter(day.year for day in days if day is not None)
    bands: list[list[int]] = []
    for year in sorted(counted):
        if bands and sum(counted[y] for y in bands[-1]) < material.fewest:
            bands[-1].append(year)
        else:
            bands.append([year])
    if len(bands) > 1 and sum(counted[y] for y in bands[-1]) < material.fewest:
        last = bands.pop()
        bands[-1] += last
    names = [str(band[0]) if len(band) == 1 else f"{band[0]}–{band[-1]}" for band in bands]
    band_of = {year: name for band, name in zip(bands, names, strict=True) for year in band}
    values = [UNDATED if day is None else band_of[day.year] for day in days]
    return _spread(material, values, [*names, UNDATED])


def _length(material: Material) -> Faceted:
    """Quarters of the paragraphs by their length in words."""
    words = np.array([len(text.split()) for text in material.examples.texts], dtype=np.int64)
    if not len(words):
        return Faceted()
    ends = np.unique(np.quantile(words, np.arange(1, BANDS + 1) / BANDS, method="lower"))
    bands = np.searchsorted(ends, words)
    names = []
    for band in range(len(ends)):
        low, high = words[bands == band].min(), words[bands == band].max()
        names.append(f"{low} words" if low == high else f"{low}–{high} words")
    return Faceted(names, bands)


def _labels(material: Material) -> Faceted:
    """How many labels a paragraph carries; one that may carry more than are known is set apart."""
    targets = material.examples.targets
    carried, unsure = (targets == 1).sum(axis=1), np.isnan(targets).any(axis=1)
    names = ["0", "1", "2+", "not settled"]
    codes = np.where(carried >= 2, 2, np.where(unsure, 3, carried))
    return Faceted.of([names[code] for code in codes], names)


def _keywords(material: Material) -> Faceted:
    """Whether keywords tell of the labels a paragraph carries, as far as they are known."""
    targets, held = material.examples.targets, material.keywords
    missing, misleading = ((targets == 1) & ~held).any(axis=1), ((targets == 0) & held).any(axis=1)
    names = ["as the labels", "lacking for a label", "of a label not there", "lacking and misleading"]
    return Faceted.of([names[code] for code in missing + 2 * misleading], names)


def _copies(material: Material) -> Faceted:
    if material.copied is None:
        raise DataError(
            "which paragraphs are near-copies of training paragraphs is not known: the files the model was trained on "
            "are not where its config says, or have changed. Name them with --training FILE"
        )
    names = ["near-copy of a training paragraph", "unseen"]
    return Faceted.of([names[0] if copied else names[1] for copied in material.copied], names)


FACETS: dict[str, Callable[[Material], Faceted]] = {
    "source": _source,
    "year": _year,
    "length": _length,
    "labels": _labels,
    "keywords": _keywords,
    "copies": _copies,
}
GIVEN_BY_LABELS = ("labels", "keywords")
"""Facets that look at the labels themselves: what they part differs in difficulty and in how frequent labels are."""

UNDATED, UNNAMED = "no date", "none given"


def _by_article(material: Material, values: Sequence[str]) -> Faceted:
    """Spread article values over paragraphs, most articles first, those with few articles pooled."""
    counted = Counter(value or UNNAMED for value in values)
    small = [value for value, n in counted.items() if n < material.fewest]
    pooled = f"{len(small)} others with under {material.fewest} articles each"
    renamed = dict.fromkeys(small, pooled) if len(small) > 1 else {}
    shown = [renamed.get(value or UNNAMED, value or UNNAMED) for value in values]
    order = sorted(set(shown), key=lambda value: (value == pooled, value == UNNAMED, -counted[value], value))
    return _spread(material, shown, order)


def _spread(material: Material, values: Sequence[str], order: Sequence[str]) -> Faceted:
    return Faceted.of([values[group] for group in material.examples.groups], order)
