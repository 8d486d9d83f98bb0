"""Plain text becomes pieces: one a line, parted by blank lines, or hard-wrapped and joined again."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from textclf.articles.clean import clean
from textclf.articles.piece import Piece

LINE = re.compile(r"[^\n\r\x0b\x0c\x85\u2028\u2029]+")
LINE_END = re.compile(r"\r\n|[\n\r\x0b\x0c\x85\u2028\u2029]")
SENTENCE_END = re.compile(r"""[.!?:;…。！？؟۔]["'”’»)\]]*$""")
BULLET = re.compile(r"(?:[•●▪◦‣∙■□*·–—-]|\(?\d{1,2}[.)]|\(?[a-z][.)]|\(?[A-Z]\))\s+\S")
QUOTED = re.compile(r"(?:>\s?)+")
HYPHENATED = re.compile(r"([^\W\d_]+)[-\u2010]$")

NARROWEST, WIDEST = 18, 110  # columns a text may be wrapped at
NARROW = 45  # a text wrapped at fewer columns than this is known by many lines that go on in small letters
LOOSE, STRICT = 14, 2  # columns a wrapped line may fall short of the width: set ragged, or filled to the brim
LONG_LINES = 0.2  # share of the characters: a text with more of them in lines over WIDEST is not wrapped
LONGEST_WORD = 60  # characters of a word that may be hyphenated at the end of a line
INDENT = 2  # columns by which the first line of a paragraph stands further in


@dataclass(frozen=True, slots=True)
class Line:
    """A line that is not blank: its cleaned text, its place, how far in it begins, and what stands before it."""

    text: str
    start: int
    end: int
    indent: int
    after_blank: bool
    quoted: bool
    soft: bool  # whether it ends in a soft hyphen, which is seen where a word is broken

    @property
    def columns(self) -> int:
        """How far it reaches, its indent and all."""
        return self.indent + len(self.text)


def read_pieces(text: str) -> list[Piece]:
    """Part a text into pieces, each a paragraph, a headline, a menu word or whatever else stands by itself.

    A line is a piece. Lines that look hard-wrapped (nearly as long as the page is wide, not ending a sentence) are
    joined with the next, and a word that was hyphenated at the end of a line becomes whole again. The marks of
    quoted mail (``>``) are left out.

    Args:
        text: The text; line ends may be those of any system.

    Returns:
        The pieces in order; ``text[piece.start:piece.end]`` is the text as it came, and nothing that is read stands
        between two pieces.
    """
    lines = list(_lines(text))
    width = wrapped_width(lines)
    words = frozenset(re.findall(r"[\w-]+", text.lower())) if width else frozenset()
    furniture = running_heads(lines) if width else frozenset()
    pieces: list[Piece] = []
    held: list[Line] = []
    for line, following in zip(lines, [*lines[1:], None], strict=False):
        held.append(line)
        parted = following is None or bool({line.text, following.text} & furniture)
        if parted or following is None or not _continues(held, following, width):
            pieces.append(Piece(_join(held, words), held[0].start, held[-1].end, held[0].after_blank))
            held = []
    return pieces


def _lines(text: str) -> Iterator[Line]:
    """Yield the lines that are not blank."""
    end = 0
    for match in LINE.finditer(text):
        raw = match.group()
        shown = clean(raw)
        quoted = QUOTED.match(shown)
        shown = shown[quoted.end() :] if quoted else shown
        if not shown:
            continue
        start, stop = match.start() + len(raw) - len(raw.lstrip()), match.start() + len(raw.rstrip())
        spread = raw.expandtabs(4)
        between = text[end : match.start()]
        after_blank = not end or len(LINE_END.findall(between)) > 1 or "\x0c" in between
        yield Line(
            shown,
            start,
            stop,
            len(spread) - len(spread.lstrip()),
            after_blank,
            quoted is not None,
            raw.rstrip().endswith("\u00ad"),
        )
        end = match.end()


def running_heads(lines: Sequence[Line]) -> frozenset[str]:
    """Return the lines that head or foot the pages: they stand there again and again, or hold a page's number."""
    times = Counter(line.text for line in lines)
    return frozenset(text for text, count in times.items() if count > 1 or text.strip("-–— ").isdigit())


def wrapped_width(lines: Sequence[Line]) -> int:
    """Return the columns a text was wrapped at, or 0 where it was not.

    It was where hardly any line is longer than `WIDEST`, and most of the lines that nearly reach the width, with
    another one right below, end no sentence and go on there without a capital.
    """
    lengths = [line.columns for line in lines]
    long = sum(length for length in lengths if length > WIDEST)
    fitting = sorted(length for length in lengths if NARROWEST <= length <= WIDEST)
    if not fitting or long > LONG_LINES * sum(lengths):
        return 0
    width = fitting[int(0.95 * (len(fitting) - 1) + 0.5)]
    full = [(a, b) for a, b in pairwise(lines) if not b.after_blank and _falls_short(a, b, width) < loose(width)]
    if not full or sum(bool(SENTENCE_END.search(a.text)) for a, _ in full) * 2 >= len(full):
        return 0
    begins = [_capital(b.text) for _, b in full]
    small = begins.count(False)
    if width < NARROW and (small < len(full) or small < 2) and (small * 2 < len(full) or len(full) < 5):
        return 0
    return 0 if begins.count(True) * 0.35 > begins.count(False) + begins.count(None) else width


def loose(width: int) -> int:
    """Return how many columns a wrapped line may fall short of the width."""
    return min(LOOSE, width // 4)


def _falls_short(line: Line, following: Line, width: int) -> int:
    """Return how many columns are left on a line after it took the first word of the next."""
    return width - line.columns - 1 - len(following.text.split(" ", 1)[0])


def _capital(text: str) -> bool | None:
    """Tell whether a text begins with a capital letter; None for scripts without them and for CAPITALS."""
    first = next((c for c in text if c.isalpha()), "")
    return None if first.lower() == first.upper() or text.isupper() else first.isupper()


def _continues(held: Sequence[Line], following: Line, width: int) -> bool:
    """Tell whether the next line belongs to the piece whose lines are held."""
    last = held[-1]
    if following.after_blank or not width or following.quoted != last.quoted or BULLET.match(following.text):
        return False
    if following.indent >= last.indent + INDENT and not BULLET.match(held[0].text):
        return False
    left = _falls_short(last, following, width)
    if left >= loose(width):
        return False
    if left < 0:
        return True
    if SENTENCE_END.search(last.text):
        return False
    return left < STRICT or not _capital(following.text) or last.text.endswith(",") or len(held) > 1


def _join(lines: Sequence[Line], words: frozenset[str]) -> str:
    """Join the lines of a piece, making hyphenated words whole."""
    parts = [lines[0].text]
    for above, line in pairwise(lines):
        parts[-1] += "-" * above.soft
        broken = HYPHENATED.search(parts[-1][-LONGEST_WORD:])
        rest = re.match(r"[^\W\d_]+", line.text)
        if broken and rest and not _capital(line.text):
            keeps = f"{broken[1]}-{rest[0]}".lower() in words and f"{broken[1]}{rest[0]}".lower() not in words
            parts[-1] = parts[-1] if keeps else parts[-1][:-1]
            parts.append(line.text)
        else:
            parts += [" ", line.text]
    return "".join(parts)
