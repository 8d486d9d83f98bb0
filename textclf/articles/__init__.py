"""Unlabelled articles: files, folders, standard input or pasted text become articles and passages."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import BinaryIO, Protocol

from textclf.articles import feeds
from textclf.articles.text import split_headline, split_paragraphs
from textclf.errors import DataError
from textclf.records import Article, Paragraph, Passage


class Feed(Protocol):
    """A reader of one kind of file."""

    def __call__(self, file: BinaryIO, *, name: str, article_id: str) -> Iterator[Passage]:
        """Yield the passages of an open file; see `textclf.articles.feeds`."""
        ...


FEEDS: dict[str, Feed] = {
    ".txt": feeds.read_text,
    ".jsonl": feeds.read_jsonl,
    ".ndjson": feeds.read_jsonl,
    ".csv": feeds.read_csv,
    ".tsv": feeds.read_tsv,
    ".parquet": feeds.read_parquet,
}


def read_article(source: str | Path) -> Article:
    """Read one article in plain text.

    Args:
        source: The path of a text file, or the text itself. A `Path`, or a one-line string that names an
            existing file, is a path.

    Returns:
        The article; its headline, when the first line is one, is the `title` and not a paragraph.

    Raises:
        DataError: When the file cannot be read or there is no paragraph in it.
    """
    if isinstance(source, Path) or _names_a_file(source):
        path = Path(source)
        lines: Iterable[str] = list(_lines_of(path))
        article_id = path.stem
    else:
        lines, article_id = io.StringIO(source, newline=None), "article"
    title, texts = split_headline(split_paragraphs(lines))
    paragraphs = tuple(Paragraph(text) for text in texts)
    if not paragraphs:
        raise DataError(f"{article_id}: there is no text in it; expected paragraphs on lines of their own")
    return Article(article_id, paragraphs, title=title)


def stream_passages(
    inputs: Iterable[str | Path],
    *,
    exclude: Path | None = None,
    on_skip: Callable[[Path], None] = lambda path: None,
) -> Iterator[Passage]:
    """Yield every paragraph of the inputs in order, holding little in memory.

    Args:
        inputs: Files (`.txt`, `.jsonl`, `.csv`, `.tsv`, `.parquet`), folders of them, or `-` for standard input
            (text, or JSON Lines when it begins with `{`).
        exclude: A file that is not read even where it lies in a folder given: the output of an earlier run.
        on_skip: Called with each file of a folder that is of no known kind.

    Raises:
        DataError: When an input is missing, of no known kind, or broken; the message names the place.
    """
    for given in inputs:
        if str(given) == "-":
            yield from _standard_input()
            continue
        path = Path(given)
        if _is_folder(path):
            for file in sorted(file for file in path.rglob("*") if file.is_file()):
                if file.name.startswith(".") or (exclude is not None and file.resolve() == exclude.resolve()):
                    continue
                if file.suffix.lower() in FEEDS:
                    yield from _read(file, article_id=file.relative_to(path).with_suffix("").as_posix())
                else:
                    on_skip(file)
        elif exclude is not None and path.resolve() == exclude.resolve():
            raise DataError(f"{path} is both an input and the output; choose another output")
        else:
            yield from _read(path, article_id=path.stem)


def _read(path: Path, *, article_id: str) -> Iterator[Passage]:
    if path.suffix.lower() not in FEEDS:
        known = ", ".join(FEEDS)
        raise DataError(f"{path}: cannot read this kind of file; allowed: {known}, a folder, or - for stdin")
    with _open(path) as file:
        yield from FEEDS[path.suffix.lower()](file, name=str(path), article_id=article_id)


def _standard_input() -> Iterator[Passage]:
    with nullcontext(sys.stdin.buffer) as file:
        head = file.peek(64) if hasattr(file, "peek") else b""
        feed = feeds.read_jsonl if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") else feeds.read_text
        yield from feed(file, name="standard input", article_id="stdin")


def _lines_of(path: Path) -> Iterator[str]:
    with _open(path) as file:
        yield from feeds.decode_lines(file, name=str(path))


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
    if " " not in text and text.lower().endswith(tuple(FEEDS)):
        return True  # meant as a path even where no such file is, so that the error says so
    try:
        return Path(text).is_file()
    except (OSError, ValueError):
        return False
