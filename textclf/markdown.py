"""Writing Markdown around texts that anybody may have written: none of them becomes markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_MARKS = re.compile(r"[\\`*{}\[\]<>|~$&]|(?<![^\W_])_|_(?![^\W_])|^[-+=#:]|(?<=^\d)[.)]")


def plain(text: object) -> str:
    """Return a text on one line without characters that do not show, such as controls and marks of direction."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())


def escaped(text: object) -> str:
    """Return a text so that Markdown shows it as it is, on one line, in a table's cell too."""
    return _MARKS.sub(lambda mark: f"\\{mark[0]}", plain(text))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table; every column but the first is aligned to the right when its head ends in ``:``.

    Args:
        head: The heads of the columns; a ``:`` at the end is not shown.
        rows: Cells that are Markdown already.
    """
    rule = ["---:" if title.endswith(":") else "---" for title in head]
    cells = [[title.removesuffix(":") for title in head], rule, *rows]
    return [f"| {' | '.join(row)} |" for row in cells]


def code(content: str, *, language: str = "") -> list[str]:
    """Return the lines of a block of code, fenced so that nothing in it ends the block."""
    longest = max(map(len, re.findall(r"`+", content)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}{language}", *content.rstrip("\n").split("\n"), fence]
