"""Reading pages in a process of its own, which can be ended: no page, however made, stops the server.

The process reads a page from its standard input and writes the article to its standard output, as JSON behind its
length, and so on until the input ends. Run by `textclf serve` as ``python -m textclf.server.reading_process``.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import struct
import sys
import warnings
from typing import Any, BinaryIO

from textclf.articles import read_page
from textclf.articles.saved import read_saved, to_json
from textclf.errors import DataError, TextclfError
from textclf.records import Article
from textclf.server.tokens import VARIABLE

LENGTH = struct.Struct(">Q")


class ReadingError(Exception):
    """A page could not be read in time, or its reader broke down over it."""


class ReadingProcess:
    """A process that reads pages, one at a time; it is begun when needed, and again after it was ended.

    Args:
        most_s: How long a page may take.
    """

    def __init__(self, *, most_s: float) -> None:
        self._most_s = most_s
        self._one = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None

    async def read(self, page: str) -> Article:
        """Return the article of a page.

        Raises:
            DataError: When there is nothing in it, or what reads it is not installed.
            ReadingError: When it takes too long.
        """
        async with self._one:
            try:
                async with asyncio.timeout(self._most_s):
                    answer = await self._exchange(page)
            except TimeoutError as fault:
                raise ReadingError(
                    f"it took more than {self._most_s:g} s to read; send its paragraphs as texts"
                ) from fault
        if "fault" in answer:
            raise DataError(answer["fault"])
        return next(iter(read_saved(io.BytesIO(json.dumps(answer).encode()), name="article", article_id="article")))

    async def start(self) -> asyncio.subprocess.Process:
        """Begin the process, if there is none."""
        if self._process is None or self._process.returncode is not None:
            pipe, nothing = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
            command = (sys.executable, "-m", __name__)
            known = {name: value for name, value in os.environ.items() if name != VARIABLE}
            self._process = await asyncio.create_subprocess_exec(
                *command, stdin=pipe, stdout=pipe, stderr=nothing, start_new_session=True, env=known
            )
        return self._process

    async def stop(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            if process.returncode is None:
                process.kill()
            await process.communicate()

    async def _exchange(self, page: str) -> dict[str, Any]:
        """Send a page and return what comes back; a process that is left in the midst of one is ended."""
        process, whole = await self.start(), False
        assert process.stdin is not None  # noqa: S101 (a pipe was asked for)
        assert process.stdout is not None  # noqa: S101
        try:
            content = page.encode()
            process.stdin.write(LENGTH.pack(len(content)) + content)
            await process.stdin.drain()
            (length,) = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))
            answer: dict[str, Any] = json.loads(await process.stdout.readexactly(length))
            whole = True
            return answer
        except (asyncio.IncompleteReadError, ConnectionError) as fault:
            raise ReadingError("its reader broke down over it; send its paragraphs as texts") from fault
        finally:
            if not whole:
                await asyncio.shield(self.stop())


def answer_pages(pages: BinaryIO, articles: BinaryIO) -> None:
    """Read pages until there are no more, and write their articles."""
    warnings.simplefilter("ignore")
    answer_to("<p>The first page of HTML takes longest.</p>")
    while len(head := pages.read(LENGTH.size)) == LENGTH.size:
        content = json.dumps(answer_to(pages.read(LENGTH.unpack(head)[0]).decode())).encode()
        articles.write(LENGTH.pack(len(content)) + content)
        articles.flush()


def answer_to(page: str) -> dict[str, Any]:
    """Return an article as saved, or its fault."""
    try:
        return to_json(read_page(page))
    except TextclfError as fault:
        return {"fault": str(fault)}


if __name__ == "__main__":
    answer_pages(sys.stdin.buffer, sys.stdout.buffer)
