"""Taking corrected paragraphs back into the articles they were taken from.

What `textclf errors` writes for an annotation tool holds the wrong paragraphs alone. Once they are corrected, each is
found again by its article and its place there, which its key `in_article` has, or else by its text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from textclf.errors import DataError
from textclf.records import Article, Paragraph

IN_ARTICLE = "in_article"
"""A key of a paragraph's own: which paragraph of its article it is, from 0, where the others were left out."""

MOST_FAULTS = 20


@dataclass(frozen=True)
class Corrected:
    """Articles with corrections taken in.

    Attributes:
        articles: All articles, in order.
        n_paragraphs: Corrected paragraphs that are theirs, changed or not.
        n_changed: How many of those have other labels now.
        changes: ``"LABEL: no to yes"`` and the like to how often.
        n_elsewhere: Corrected articles that are none of these.
    """

    articles: list[Article]
    n_paragraphs: int
    n_changed: int
    changes: Counter[str]
    n_elsewhere: int


def take_corrections(articles: Sequence[Article], corrected: Sequence[Article]) -> Corrected:
    """Return the articles with the labels of corrected paragraphs; all else in them stays as it is.

    A label that the corrected article was not looked through for keeps its old answer.

    Args:
        articles: Labelled articles.
        corrected: Articles of some of their paragraphs, with the labels these are to have.

    Raises:
        DataError: When a corrected paragraph is not in its article, carries a label that the article was not looked
            through for, or none of the articles is there; every fault is told.
    """
    fresh = {article.article_id: article for article in corrected}
    faults: list[str] = []
    changes: Counter[str] = Counter()
    taken: list[Article] = []
    n_paragraphs = n_changed = 0
    for article in articles:
        paragraphs = list(article.paragraphs)
        source = fresh.pop(article.article_id, None)
        for paragraph in source.paragraphs if source else ():
            place = _place(paragraph, article)
            if source is None or place is None:
                faults.append(f"article {article.article_id}: no paragraph of it is {paragraph.text!r:.60}")
                continue
            mended = _mend(paragraphs[place], paragraph, looked_for=source.annotated)
            strange = [n for n in mended.labels if article.annotated is not None and n not in article.annotated]
            if strange:
                faults.append(
                    f"article {article.article_id}, paragraph {place}: it was not looked through for {strange[0]!r}; "
                    f"add it to the article's annotated first"
                )
            n_paragraphs += 1
            found = _changes(paragraphs[place], mended)
            n_changed += bool(found)
            changes.update(found)
            paragraphs[place] = mended
        taken.append(replace(article, paragraphs=tuple(paragraphs)))
    if faults:
        more = f"\n... and {len(faults) - MOST_FAULTS} more" if len(faults) > MOST_FAULTS else ""
        raise DataError(f"{len(faults)} correction(s) do not fit:\n" + "\n".join(faults[:MOST_FAULTS]) + more)
    if not n_paragraphs:
        raise DataError("no corrected article is among these; give the labelled file that they were taken from")
    return Corrected(taken, n_paragraphs, n_changed, changes, len(fresh))


def _place(corrected: Paragraph, article: Article) -> int | None:
    """Return which paragraph of the article it is, or None; a tool may have folded white space."""
    folded = [" ".join(paragraph.text.split()) for paragraph in article.paragraphs]
    text = " ".join(corrected.text.split())
    number: Any = corrected.extra.get(IN_ARTICLE)
    place = int(number) if str(number).isascii() and str(number).isdigit() else -1
    if 0 <= place < len(folded) and folded[place] == text:
        return place
    return folded.index(text) if folded.count(text) == 1 else None


def _mend(old: Paragraph, new: Paragraph, *, looked_for: Sequence[str] | None) -> Paragraph:
    """Return a paragraph with the new answers, and the old ones to what the new was not looked through for."""

    def taken(before: Sequence[str], after: Sequence[str]) -> tuple[str, ...]:
        kept = [name for name in before if looked_for is not None and name not in (*looked_for, *new.labels)]
        return tuple(dict.fromkeys((*kept, *after)))

    labels = taken(old.labels, new.labels)
    unsure = tuple(name for name in taken(old.uncertain, new.uncertain) if name not in labels)
    return replace(old, labels=labels, uncertain=unsure)


def _changes(old: Paragraph, new: Paragraph) -> list[str]:
    names = dict.fromkeys((*old.labels, *old.uncertain, *new.labels, *new.uncertain))
    answers = [(name, _answer(old, name), _answer(new, name)) for name in names]
    return [f"{name}: {before} to {after}" for name, before, after in answers if before != after]


def _answer(paragraph: Paragraph, name: str) -> str:
    return "yes" if name in paragraph.labels else "unknown" if name in paragraph.uncertain else "no"
