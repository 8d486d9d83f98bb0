"""Plain text becomes paragraphs: one a line, parted by blank lines, or hard-wrapped and joined again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain, islice

LOOK_AHEAD = 500  # lines read before deciding whether blank lines part paragraphs
LONGEST_WRAPPED_LINE = 100
LONGEST_BLOCK = 1_000  # lines; a longer run without a blank line is taken as one paragraph a line
SENTENCE_END = re.compile(r"""[.!?:;…。؟۔]["'”’»)\]]*$""")
HEADLINE_WORDS = 20


def split_paragraphs(lines: Iterable[str]) -> Iterator[str]:
    """Yield the paragraphs of a text, holding only a few of its lines at a time.

    A line is a paragraph. Where blank lines part the text, the lines of a block are joined when they look
    hard-wrapped: none is long, and most do not end a sentence.
    """
    stripped = (line.strip().strip("\ufeff\u200b").strip() for line in lines)
    head = list(islice(stripped, LOOK_AHEAD))
    inside = "".join("x" if line else " " for line in head).strip()
    has_blocks = " " in inside
    block: list[str] = []
    for line in chain(head, stripped, [""]):
        if line:
            block.append(line)
        if block and (not line or not has_blocks or len(block) > LONGEST_BLOCK):
            yield from [" ".join(block)] if _is_wrapped(block) else block
            block = []


def split_headline(paragraphs: Iterable[str]) -> tuple[str, Iterator[str]]:
    """Part a headline from the paragraphs: a short first one that ends no sentence, with text after it."""
    rest = iter(paragraphs)
    first = list(islice(rest, 2))
    if len(first) == 2 and len(first[0].split()) <= HEADLINE_WORDS and not SENTENCE_END.search(first[0]):
        return first[0], chain(first[1:], rest)
    return "", chain(first, rest)


def _is_wrapped(block: list[str]) -> bool:
    """Tell whether the lines of a block are one paragraph, broken to fit a page."""
    inner = block[:-1]
    if not inner or len(block) > LONGEST_BLOCK or max(map(len, block)) > LONGEST_WRAPPED_LINE:
        return False
    return sum(bool(SENTENCE_END.search(line)) for line in inner) * 2 < len(inner)
