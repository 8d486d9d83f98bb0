"""One page, as text or HTML, becomes an `Article`: its blocks with their roles, and what stands around the text."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence

from textclf.articles.front import Front, read_front
from textclf.articles.html import read_html_pieces
from textclf.articles.roles import assign_roles
from textclf.articles.text import read_pieces
from textclf.errors import TextclfWarning
from textclf.records import Article, Block, Paragraph


def read_text_page(text: str, *, article_id: str, continued: bool = False) -> Article:
    """Read one article in plain text.

    Args:
        text: The page's text; offsets of blocks and paragraphs are into it.
        article_id: Names the article.
        continued: Whether this is a later part of a very long text, which has no headline of its own.
    """
    page = assign_roles(read_pieces(text), headed=not continued)
    front = Front() if continued else read_front(page.blocks, title=page.title, body=page.body)
    return make_article(article_id, page.blocks, front)


def read_html_page(source: str, *, article_id: str) -> Article:
    """Read one article in HTML.

    Args:
        source: The page's source; offsets of blocks and paragraphs are into it.
        article_id: Names the article.

    Raises:
        MissingExtraError: When trafilatura is not installed.
    """
    pieces, metadata = read_html_pieces(source)
    page = assign_roles(pieces)
    said = Front(metadata.title, metadata.author, metadata.date, metadata.date, metadata.site)
    return make_article(article_id, page.blocks, read_front(page.blocks, title=page.title, body=page.body, said=said))


def make_article(article_id: str, blocks: Sequence[Block], front: Front) -> Article:
    """Put an article together from its blocks; only those that are paragraphs become paragraphs."""
    return Article(
        article_id,
        tuple(Paragraph(b.text, start=b.start, end=b.end) for b in blocks if b.role == "paragraph"),
        title=front.title,
        date=front.date,
        source=front.source,
        byline=front.byline,
        dateline=front.dateline,
        date_raw=front.date_raw,
        blocks=tuple(blocks),
    )


def warn_if_bare(article: Article, *, name: str) -> None:
    """Warn of a page in which there is no paragraph of an article."""
    if article.blocks and not article.paragraphs:
        found = ", ".join(f"{count} {role}" for role, count in Counter(b.role for b in article.blocks).most_common())
        warnings.warn(
            f"{name}: no paragraph of an article was found in it, only {found}. See why with: textclf read --why FILE",
            TextclfWarning,
            stacklevel=3,
        )
