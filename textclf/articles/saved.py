"""Articles that were read before, as JSON: nothing is decided anew, so reading them again gives the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from textclf.articles.feeds import json_lines
from textclf.errors import DataError
from textclf.records import ROLES, Article, Block, Paragraph

TEXTS = ("title", "date", "source", "byline", "dateline", "date_raw")


def to_json(article: Article) -> dict[str, Any]:
    """Return an article as read, with its blocks, JSON-ready: one line of what `textclf read --out` writes."""
    return {
        "article_id": article.article_id,
        **{name: getattr(article, name) for name in TEXTS},
        **article.extra,
        "paragraphs": [{"text": p.text, "start": p.start, "end": p.end} for p in article.paragraphs],
        "blocks": [block.to_json() for block in article.blocks],
    }


def read_saved(file: BinaryIO, *, name: str, article_id: str) -> Iterator[Article]:
    """Yield the articles of JSON Lines that `to_json` gave.

    Articles of other JSON Lines, with `paragraphs` and no `blocks`, are taken as they are.

    Raises:
        DataError: When a line is no such article; the message names it.
    """
    for number, record in json_lines(file, name=name):
        yield _article(record, place=f"{name}:{number}", article_id=f"{article_id}-{number}")


def _article(record: Any, *, place: str, article_id: str) -> Article:
    if not isinstance(record, Mapping) or not isinstance(record.get("paragraphs"), list):
        raise DataError(f"{place}: expected an article, an object with a list of `paragraphs`")
    for key in TEXTS:
        if not isinstance(record.get(key) or "", str):
            raise DataError(f"{place}: `{key}` must be a text, found {record[key]!r:.60}")
    paragraphs = tuple(_paragraph(held, place=f"{place}: paragraph {n}") for n, held in enumerate(record["paragraphs"]))
    blocks = record.get("blocks") or []
    if not isinstance(blocks, list):
        raise DataError(f"{place}: `blocks` must be a list, found {blocks!r:.60}")
    texts: dict[str, Any] = {name: record.get(name) or "" for name in TEXTS}
    return Article(
        str(record.get("article_id") or article_id),
        paragraphs,
        **texts,
        extra={
            key: value for key, value in record.items() if key not in (*TEXTS, "article_id", "paragraphs", "blocks")
        },
        blocks=tuple(_block(held, place=f"{place}: block {n}") for n, held in enumerate(blocks)),
    )


def _paragraph(held: Any, *, place: str) -> Paragraph:
    found = held if isinstance(held, Mapping) else {"text": held}
    if not isinstance(found.get("text"), str):
        raise DataError(f"{place} has no text, found {held!r:.60}")
    start, end = found.get("start"), found.get("end")
    whole = isinstance(start, int) and isinstance(end, int)
    return Paragraph(found["text"], start=start if whole else None, end=end if whole else None)


def _block(held: Any, *, place: str) -> Block:
    if not isinstance(held, Mapping) or held.get("role") not in ROLES or not isinstance(held.get("text"), str):
        raise DataError(f"{place} must have a text and a role out of {', '.join(ROLES)}, found {held!r:.80}")
    start, end = held.get("start"), held.get("end")
    if not isinstance(start, int) or not isinstance(end, int):
        raise DataError(f"{place} must have `start` and `end`, found {held!r:.80}")
    return Block(held["role"], held["text"], start, end, str(held.get("reason") or ""))
