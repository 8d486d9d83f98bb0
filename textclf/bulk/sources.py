"""Where the text of an archive lies: files, folders and addresses become a list of sources, in a fixed order."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

from textclf.articles import FEEDS, PAGES
from textclf.errors import DataError

PAGE_ENDINGS = tuple(ending for ending in PAGES if not ending.startswith(".warc"))
ENDINGS = (*PAGE_ENDINGS, *FEEDS)
"""The kinds of file that are labelled in bulk. A web archive is read first, with `textclf read`."""


@dataclass(frozen=True)
class Source:
    """One file.

    Attributes:
        place: Its absolute path, or its address (``s3://bucket/key``).
        ending: One of `ENDINGS`.
        article_id: What articles without an id in it are named after, as `textclf predict` names them.
        size: Bytes.
    """

    place: str
    ending: str
    article_id: str
    size: int


def find_sources(inputs: Iterable[str | Path], *, exclude: Path | None = None) -> tuple[list[Source], list[str]]:
    """Return the files of the inputs in order, those of a folder by name, and the files of folders passed over.

    Args:
        inputs: Files, folders, or addresses that pyarrow or fsspec knows.
        exclude: A folder that is not read even where it lies in one given: the output.

    Raises:
        DataError: When one is missing or of no known kind.
    """
    found: list[Source] = []
    passed_over: list[str] = []
    for given in inputs:
        if str(given) == "-":
            raise DataError("standard input cannot be labelled in bulk, since it is read more than once; give files")
        for place, name, size, alone in _files(str(given), exclude):
            ending = max((e for e in ENDINGS if name.lower().endswith(e)), key=len, default=None)
            if ending is not None:
                found.append(Source(place, ending, name[: -len(ending)], size))
            elif alone:
                raise DataError(
                    f"{place}: cannot label this kind of file in bulk; allowed: {', '.join(ENDINGS)}, or a folder of "
                    f"them. Web archives are read first, with: textclf read {place} --out articles.jsonl"
                )
            else:
                passed_over.append(place)
    return found, passed_over


def open_source(place: str) -> BinaryIO:
    """Open a file for reading, whose places can be sought.

    Raises:
        DataError: When it cannot be opened.
    """
    import pyarrow as pa

    try:
        if "://" not in place:
            return Path(place).open("rb")
        system, path = file_system(place)
        return cast(BinaryIO, io.BufferedReader(system.open_input_file(path)))
    except (OSError, pa.ArrowException) as fault:
        raise DataError(f"cannot read {place}: {getattr(fault, 'strerror', None) or fault}") from fault


def file_system(place: str) -> tuple[Any, str]:
    """Return the file system behind an address, by pyarrow or else by fsspec, and the path in it.

    Raises:
        DataError: When neither knows it.
    """
    import pyarrow as pa
    from pyarrow import fs

    if "://" not in place:
        return fs.LocalFileSystem(), str(Path(place).absolute())
    try:
        system, path = fs.FileSystem.from_uri(place)
    except (pa.ArrowException, OSError):
        return _by_fsspec(place)
    return system, path


def _by_fsspec(place: str) -> tuple[Any, str]:
    import fsspec
    from pyarrow import fs

    try:
        system, path = fsspec.core.url_to_fs(place)
    except (ValueError, ImportError, OSError) as fault:
        raise DataError(f"{place}: no file system is known for this address: {fault}") from fault
    return fs.PyFileSystem(fs.FSSpecHandler(system)), path


def _files(given: str, exclude: Path | None) -> Iterator[tuple[str, str, int, bool]]:
    """Yield place, name, size, and whether it was given by itself, of each file of an input.

    Hidden files, and the folders of parts that browsers save beside a page (`page_files`), are passed over.
    """
    import pyarrow as pa
    from pyarrow import fs

    system, path = file_system(given)
    start = given.partition("://")[0] + "://" if "://" in given else ""
    try:
        info = system.get_file_info(path)
        if info.type == fs.FileType.NotFound:
            raise DataError(f"cannot read {given}: there is no such file or folder")
        if info.type != fs.FileType.Directory:
            yield _address(given, path, path, start), PurePosixPath(path).name, int(info.size or 0), True
            return
        inside = system.get_file_info(fs.FileSelector(path, recursive=True))
    except (OSError, ValueError, pa.ArrowException) as fault:
        raise DataError(f"cannot read {given}: {getattr(fault, 'strerror', None) or fault}") from fault
    names = {_inner(one.path, path): one for one in inside if one.type == fs.FileType.File}
    for name in sorted(names, key=lambda n: PurePosixPath(n).parts):
        one = names[name]
        if not _is_hidden(name) and not (exclude and not start and Path(one.path).is_relative_to(exclude)):
            yield _address(given, path, one.path, start), name, int(one.size or 0), False


def _inner(path: str, folder: str) -> str:
    return path.removeprefix(folder.rstrip("/")).lstrip("/")


def _address(given: str, base: str, path: str, start: str) -> str:
    """Return the address of a file that is, or lies in, what was given, with what an address says beyond its path."""
    if not start:
        return path
    front, mark, options = given.partition("?")
    inner = _inner(path, base)
    return f"{front.rstrip('/')}/{inner}{mark}{options}" if inner else given


def _is_hidden(name: str) -> bool:
    parts: Sequence[str] = PurePosixPath(name).parts
    return parts[-1].startswith(".") or any(part.endswith("_files") for part in parts[:-1])
