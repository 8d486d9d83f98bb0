"""Files that hold pages become articles: plain text, HTML, saved pages and web archives."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, BinaryIO

from textclf.articles.decode import decode
from textclf.articles.html import declared_encoding, looks_like_html
from textclf.articles.page import read_html_page, read_text_page
from textclf.errors import DataError, import_extra
from textclf.records import Article

PART = 200_000  # bytes of plain text read as one page; a longer text is read part by part, in flat memory
LONGEST_LINE = 64_000_000  # bytes; a longer line is cut
LARGEST_PAGE = 20_000_000  # bytes of an HTML page


def read_text(file: BinaryIO, *, name: str, article_id: str) -> Iterator[Article]:
    """Yield the article of a plain text file; a very long one comes in several parts of one id.

    Offsets are into the whole text as decoded, without its byte-order mark.

    Raises:
        DataError: When the file is no text.
    """
    offset, encoding = 0, None
    while raw := _next_part(file):
        decoded = decode(raw, name=name, declared=encoding)
        if offset == 0 and looks_like_html(decoded.text):
            yield from _html(raw + file.read(LARGEST_PAGE), name=name, article_id=article_id)
            return
        article = read_text_page(decoded.text, article_id=article_id, continued=offset > 0)
        yield shifted(with_encoding(article, decoded.encoding), offset)
        encoding = decoded.encoding.removeprefix("utf-8 and ")
        offset += len(decoded.text)


def _next_part(file: BinaryIO) -> bytes:
    """Return the next part of a text, ending where a line ends."""
    raw = file.read(PART)
    if len(raw) < PART or raw[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in raw[:200]:
        return raw + (file.read() if len(raw) >= PART else b"")
    end = file.readline(LONGEST_LINE)
    return raw + end


def read_long_text(text: str, *, article_id: str) -> Iterator[Article]:
    """Yield the parts of a long text that is in memory already, each ending where a line ends.

    Args:
        text: The text; offsets are into it.
        article_id: Names the article, and so every part.
    """
    start = 0
    while start < len(text):
        end = text.find("\n", start + PART) + 1 or len(text)
        yield shifted(read_text_page(text[start:end], article_id=article_id, continued=start > 0), start)
        start = end


def read_html(file: BinaryIO, *, name: str, article_id: str) -> Iterator[Article]:
    """Yield the article of an HTML page.

    Raises:
        DataError: When the file is no text, or too large for a page.
        MissingExtraError: When trafilatura is not installed.
    """
    yield from _html(file.read(LARGEST_PAGE + 1), name=name, article_id=article_id)


def read_mhtml(file: BinaryIO, *, name: str, article_id: str) -> Iterator[Article]:
    """Yield the article of a page saved as a single file (MHTML); offsets are into its HTML part.

    Raises:
        DataError: When there is no HTML in it.
    """
    import email.policy

    message = email.message_from_binary_file(file, policy=email.policy.default)
    for part in message.walk():
        if part.get_content_type() == "text/html":
            payload = part.get_payload(decode=True)
            if isinstance(payload, bytes):
                yield from _html(payload, name=name, article_id=article_id, declared=part.get_content_charset())
                return
    raise DataError(f"{name}: there is no HTML in this saved page")


def read_warc(file: BinaryIO, *, name: str, article_id: str) -> Iterator[Article]:
    """Yield an article for each HTML page of a web archive (WARC, compressed or not), named by its address.

    Raises:
        DataError: When the file is no web archive or breaks off.
        MissingExtraError: When warcio or trafilatura is not installed.
    """
    import_extra("warcio", extra="html", purpose="reading web archives")
    for number, address, charset, raw in _pages_of_archive(file, name=name):
        page_id = address or f"{article_id}-{number}"
        yield from _html(raw, name=f"{name}: {page_id}", article_id=page_id, declared=charset)


def _pages_of_archive(file: BinaryIO, *, name: str) -> Iterator[tuple[int, str | None, str | None, bytes]]:
    """Yield number, address, declared encoding and bytes of each HTML page of a web archive."""
    from warcio.archiveiterator import ArchiveIterator
    from warcio.exceptions import ArchiveLoadFailed

    number = 0
    try:
        for number, record in enumerate(ArchiveIterator(file), start=1):
            if record.rec_type not in ("response", "resource") or not _is_html(record):
                continue
            raw = record.content_stream().read(LARGEST_PAGE + 1)
            if len(raw) <= LARGEST_PAGE and getattr(record.raw_stream, "limit", 0) > 0:
                raise EOFError("it breaks off within this record")
            charset = _charset(record.http_headers.get_header("Content-Type") if record.http_headers else None)
            yield number, record.rec_headers.get_header("WARC-Target-URI"), charset, raw
    except (ArchiveLoadFailed, EOFError, OSError, ValueError, AttributeError, zlib.error) as fault:  # all from warcio
        raise DataError(f"{name}: broken web archive at record {number}, or right after it: {fault}") from fault


def _is_html(record: Any) -> bool:
    headers = record.http_headers or record.rec_headers
    status = record.http_headers.get_statuscode() if record.http_headers else "200"
    return status == "200" and "html" in (headers.get_header("Content-Type") or "").lower()


def _charset(content_type: str | None) -> str | None:
    _, _, charset = (content_type or "").lower().partition("charset=")
    return charset.split(";")[0].strip(" \"'") or None


def _html(raw: bytes, *, name: str, article_id: str, declared: str | None = None) -> Iterator[Article]:
    if len(raw) > LARGEST_PAGE:
        raise DataError(f"{name}: this page has more than {LARGEST_PAGE:,} bytes; no article's page is so large")
    decoded = decode(raw, name=name, declared=declared or declared_encoding(raw))
    yield with_encoding(read_html_page(decoded.text, article_id=article_id), decoded.encoding)


def with_encoding(article: Article, encoding: str) -> Article:
    """Return an article that tells which encoding it was read in, where that is not UTF-8."""
    return article if encoding == "utf-8" else replace(article, extra={**article.extra, "encoding": encoding})


def shifted(article: Article, offset: int) -> Article:
    """Return a later part of a text with offsets into the whole."""
    if not offset:
        return article
    return replace(
        article,
        blocks=tuple(replace(b, start=b.start + offset, end=b.end + offset) for b in article.blocks),
        paragraphs=tuple(
            replace(p, start=(p.start or 0) + offset, end=(p.end or 0) + offset) for p in article.paragraphs
        ),
    )
