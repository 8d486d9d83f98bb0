"""Unlabelled articles: files, folders, standard input or pasted text become articles and passages."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Protocol, TypeVar

from textclf.articles import feeds, pages
from textclf.articles.html import looks_like_html
from textclf.articles.page import read_html_page, warn_if_bare
from textclf.articles.saved import read_saved
from textclf.errors import DataError
from textclf.records import Article, Passage

T = TypeVar("T", covariant=True)


class Reader(Protocol[T]):
    """A reader of one kind of file."""

    def __call__(self, file: BinaryIO, *, name: str, article_id: str) -> Iterator[T]:
        """Yield the articles or passages of an open file; `name` is for messages."""
        ...


PAGES: dict[str, Reader[Article]] = {
    ".txt": pages.read_text,
    ".text": pages.read_text,
    ".html": pages.read_html,
    ".htm": pages.read_html,
    ".xhtml": pages.read_html,
    ".mhtml": pages.read_mhtml,
    ".mht": pages.read_mhtml,
    ".warc": pages.read_warc,
    ".warc.gz": pages.read_warc,
}
"""Files that hold pages, which are parted into blocks with roles."""

FEEDS: dict[str, Reader[Passage]] = {
    ".jsonl": feeds.read_jsonl,
    ".ndjson": feeds.read_jsonl,
    ".csv": feeds.read_csv,
    ".tsv": feeds.read_tsv,
    ".parquet": feeds.read_parquet,
}
"""Files that hold paragraphs, which are taken as they are."""

SAVED = (".json", ".jsonl", ".ndjson")
"""Files that `read_articles` takes articles from which were read before."""


def read_article(source: str | Path) -> Article:
    """Read one article: a page as text or HTML, with everything on it kept by its role.

    Args:
        source: The path of a file, or the page itself. A `Path`, or a one-line string that names an existing file, is
            a path. Files may be text (any common encoding), HTML, a saved page (MHTML), or an article that was read
            before and saved as JSON.

    Returns:
        The article. `paragraphs` holds the body alone, which is what models label; `blocks` holds everything, each
        with its role, the reason for it, and its place in the input.

    Raises:
        DataError: When the file cannot be read, is no text, or there is nothing in it.
        MissingExtraError: When it is HTML and trafilatura is not installed.
    """
    if isinstance(source, Path) or _names_a_file(source):
        path = Path(source)
        found = list(_articles_of(path, article_id=path.stem))
        if len({article.article_id for article in found}) > 1:
            raise DataError(f"{path} holds {len(found)} articles; read them with read_articles")
        name, article = str(path), _joined(found)
    else:
        name, article = "article", _page_of(source)
    if article is None or not (article.blocks or article.paragraphs):
        raise DataError(f"{name}: there is no text in it; expected an article, as text or HTML")
    warn_if_bare(article, name=name)
    return article


def read_page(text: str) -> Article:
    """Read one article from a page in memory, as text or HTML, whoever sent it: it is never taken for a path.

    Args:
        text: The page; offsets are into it.

    Raises:
        DataError: When there is nothing in it.
        MissingExtraError: When it is HTML and trafilatura is not installed.
    """
    article = _page_of(text)
    if article is None or not article.blocks:
        raise DataError("there is no text in the article")
    return article


def read_articles(
    inputs: Iterable[str | Path], *, on_skip: Callable[[Path], None] = lambda path: None
) -> Iterator[Article]:
    """Yield the articles of files and folders of pages, in order, one at a time.

    Args:
        inputs: Files (text, HTML, MHTML, WARC, or JSON Lines of articles read before), folders of them, or `-`.
        on_skip: Called with each file of a folder that holds no pages.

    Raises:
        DataError: When an input is missing, of no known kind, or broken.
    """
    for given in inputs:
        if str(given) == "-":
            yield from _joined_runs(_standard_pages())
            continue
        for path, article_id in _files_of(Path(given), exclude=None):
            if Path(given) != path and _kind(path, (*PAGES, *SAVED)) is None:
                on_skip(path)
            else:
                yield from _joined_runs(_articles_of(path, article_id=article_id))


def stream_passages(
    inputs: Iterable[str | Path],
    *,
    exclude: Path | None = None,
    on_skip: Callable[[Path], None] = lambda path: None,
) -> Iterator[Passage]:
    """Yield every body paragraph of the inputs in order, holding little in memory.

    Args:
        inputs: Files (see `PAGES` and `FEEDS`), folders of them, or `-` for standard input (text, HTML, or JSON
            Lines when it begins with `{`).
        exclude: A file that is not read even where it lies in a folder given: the output of an earlier run.
        on_skip: Called with each file of a folder that is of no known kind.

    Raises:
        DataError: When an input is missing, of no known kind, or broken; the message names the place.
    """
    for given in inputs:
        if str(given) == "-":
            yield from _standard_input()
            continue
        for path, article_id in _files_of(Path(given), exclude=exclude):
            if Path(given) != path and _kind(path, (*PAGES, *FEEDS)) is None:
                on_skip(path)
            else:
                yield from _passages_of_file(path, article_id=article_id)


def passages_of(articles: Iterable[Article], *, name: str = "") -> Iterator[Passage]:
    """Yield the paragraphs of articles as passages; parts of one long article are numbered through.

    Args:
        articles: The articles, or the parts of long ones.
        name: The file they come from; a page with no paragraph is warned of under this name.
    """
    last, number, title, previous = "", 0, "", ""
    for article in articles:
        if article.article_id != last:
            last, number, title, previous = article.article_id, 0, article.title, ""
        if name:
            warn_if_bare(article, name=name)
        for paragraph in article.paragraphs:
            yield Passage(
                article.article_id,
                number,
                paragraph.text,
                start=paragraph.start,
                end=paragraph.end,
                title=title,
                previous=previous,
            )
            number, previous = number + 1, paragraph.text


def _files_of(path: Path, *, exclude: Path | None) -> Iterator[tuple[Path, str]]:
    """Yield the files of an input with the id of the article in each, in order of their names.

    Hidden files, and the folders of parts that browsers save beside a page (`page_files`), are passed over.
    """
    if not _is_folder(path):
        if exclude is not None and path.resolve() == exclude.resolve():
            raise DataError(f"{path} is both an input and the output; choose another output")
        yield path, path.name.removesuffix(_kind(path, (*PAGES, *FEEDS, *SAVED)) or path.suffix)
        return
    for file in sorted(file for file in path.rglob("*") if file.is_file()):
        inner = file.relative_to(path)
        if file.name.startswith(".") or any(part.endswith("_files") for part in inner.parts[:-1]):
            continue
        if exclude is not None and file.resolve() == exclude.resolve():
            continue
        ending = _kind(file, (*PAGES, *FEEDS, *SAVED)) or file.suffix
        yield file, inner.as_posix()[: len(inner.as_posix()) - len(ending)]


def _passages_of_file(path: Path, *, article_id: str) -> Iterator[Passage]:
    ending = _kind(path, (*PAGES, *FEEDS))
    if ending is None:
        known = ", ".join((*PAGES, *FEEDS))
        raise DataError(f"{path}: cannot read this kind of file; allowed: {known}, a folder, or - for stdin")
    if ending in PAGES:
        yield from passages_of(_articles_of(path, article_id=article_id), name=str(path))
        return
    with _open(path) as file:
        yield from FEEDS[ending](file, name=str(path), article_id=article_id)


def _articles_of(path: Path, *, article_id: str) -> Iterator[Article]:
    """Yield the articles of a file of pages, or of JSON that holds articles read before."""
    ending = _kind(path, (*PAGES, *SAVED))
    reader = read_saved if ending in SAVED else PAGES[ending] if ending else pages.read_text
    with _open(path) as file:
        yield from reader(file, name=str(path), article_id=article_id)


def _page_of(text: str) -> Article | None:
    if looks_like_html(text):
        return read_html_page(text, article_id="article")
    return _joined(pages.read_long_text(text, article_id="article"))


def _joined(parts: Iterable[Article]) -> Article | None:
    """Join the parts of one long article."""
    found = list(parts)
    if len(found) < 2:
        return found[0] if found else None
    return replace(
        found[0],
        blocks=tuple(chain.from_iterable(part.blocks for part in found)),
        paragraphs=tuple(chain.from_iterable(part.paragraphs for part in found)),
    )


def _joined_runs(articles: Iterable[Article]) -> Iterator[Article]:
    """Join neighbours of one id."""
    held: list[Article] = []
    for article in articles:
        if held and held[-1].article_id != article.article_id:
            yield from filter(None, [_joined(held)])
            held = []
        held.append(article)
    yield from filter(None, [_joined(held)])


def _standard_input() -> Iterator[Passage]:
    file = _peekable(sys.stdin.buffer)
    if _begins_with_json(file):
        yield from feeds.read_jsonl(file, name="standard input", article_id="stdin")
    else:
        yield from passages_of(pages.read_text(file, name="standard input", article_id="stdin"), name="standard input")


def _standard_pages() -> Iterator[Article]:
    file = _peekable(sys.stdin.buffer)
    reader = read_saved if _begins_with_json(file) else pages.read_text
    yield from reader(file, name="standard input", article_id="stdin")


def _peekable(file: BinaryIO) -> BinaryIO:
    return file if hasattr(file, "peek") else io.BytesIO(file.read())


def _begins_with_json(file: BinaryIO) -> bool:
    head: bytes = file.peek(64) if hasattr(file, "peek") else file.getvalue()[:64]  # type: ignore[attr-defined]
    return head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")


def _kind(path: Path, known: Iterable[str]) -> str | None:
    """Return the longest known ending of a file's name."""
    return max((ending for ending in known if path.name.lower().endswith(ending)), key=len, default=None)


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except (OSError, ValueError) as fault:
        shown = str(path) if str(path).isprintable() else repr(str(path))
        raise DataError(f"cannot read {shown[:200]}: {getattr(fault, 'strerror', None) or fault}") from fault


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # a name no file system takes
        return False


def _names_a_file(text: str) -> bool:
    if "\n" in text or len(text) > 1_000:
        return False
    if " " not in text and text.lower().endswith((*PAGES, *SAVED)):
        return True  # meant as a path even where no such file is, so that the error says so
    try:
        return Path(text).is_file()
    except (OSError, ValueError):
        return False
