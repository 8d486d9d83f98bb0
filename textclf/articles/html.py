"""HTML becomes pieces with their place in the source, and what the page says of itself.

The walk keeps everything that is seen and where it stands, which no extractor does; trafilatura (extra `html`) tells
which of it is main text, and reads title, author and date out of the metadata.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from html import unescape
from html.parser import HTMLParser
from typing import Any

from textclf.articles.clean import clean
from textclf.articles.piece import Piece
from textclf.articles.roles.vocabulary import wordlist
from textclf.errors import import_extra

LOOKS_LIKE_HTML = re.compile(
    r"\s*(?:<\?xml[^>]{0,200}>\s*)?(?:<!--.{0,2000}?-->\s*)*<(?:!doctype\s+html|html|head|body|article|main|div|section|table|p|h[1-6]|meta|title)\b",
    re.IGNORECASE | re.DOTALL,
)
DECLARED = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w-]+)""", re.IGNORECASE)

BLOCKS = wordlist("""
    address article aside blockquote body button caption center dd details dialog div dl dt fieldset figcaption
    figure footer form h1 h2 h3 h4 h5 h6 header hr html label legend li main nav ol option p pre section select
    summary table tbody td tfoot th thead time tr ul video audio iframe
""")
VOID = wordlist("""
    area base br col embed hr img input link meta param source track wbr
""")
UNSEEN = wordlist("""
    script style noscript template svg head title math canvas object iframe textarea select datalist audio video
""")
CLOSES_P = BLOCKS - {
    "button",
    "label",
    "time",
    "option",
    "select",
    "body",
    "html",
    "legend",
    "summary",
    "video",
    "audio",
    "iframe",
}
SIBLINGS = {
    "li": {"li"},
    "dt": {"dt", "dd"},
    "dd": {"dt", "dd"},
    "tr": {"tr", "td", "th"},
    "td": {"td", "th"},
    "th": {"td", "th"},
    "option": {"option"},
}
WALLS = {
    "li": {"ul", "ol"},
    "dt": {"dl"},
    "dd": {"dl"},
    "tr": {"table"},
    "td": {"tr", "table"},
    "th": {"tr", "table"},
    "option": {"select"},
}
HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
HIDDEN_NAMES = wordlist("""
    hidden d-none sr-only visually-hidden visuallyhidden screen-reader-text screen-reader-only a11y-hidden
    is-hidden u-hidden offscreen assistive-text
""")
MOST_PIECES = 3_000  # on a longer page a piece is extracted only where it is a whole line of the main text
MOST_TAGS = 50_000  # of a page with more, only the head is given to the extraction, which would take minutes
HEAD = 100_000  # characters at the beginning of a page that hold its head
DEEPEST = 400  # open elements: deeper nesting is flattened


@dataclass(frozen=True)
class Metadata:
    """What a page says of itself in its head: JSON-LD, OpenGraph and the like."""

    title: str = ""
    date: str = ""
    author: str = ""
    site: str = ""


@dataclass(frozen=True, slots=True)
class Element:
    """An open element; no two have the same number."""

    tag: str
    number: int
    names: frozenset[str]
    hidden: bool
    link: int  # the number of the link or button it is or stands in, else 0


@dataclass(frozen=True, slots=True)
class Scrap:
    """A scrap of text as the parser gives it; a line break has no length."""

    start: int
    end: int
    text: str
    link: int = 0
    element: int = 0

    @property
    def is_break(self) -> bool:
        """Whether it is a `<br>`."""
        return self.start == self.end

    def inner(self) -> tuple[int, int]:
        """Return where its text begins and ends without the white space around it."""
        if self.end - self.start != len(self.text):  # an entity: one character, however written
            return self.start, self.end
        return self.start + len(self.text) - len(self.text.lstrip()), self.start + len(self.text.rstrip())


def looks_like_html(text: str) -> bool:
    """Tell whether a text is a page's source and no plain text."""
    return LOOKS_LIKE_HTML.match(text[:10_000]) is not None


def declared_encoding(raw: bytes) -> str | None:
    """Return the encoding that a page says it is in."""
    match = DECLARED.search(raw[:4_096])
    return match[1].decode("ascii", errors="replace") if match else None


def read_html_pieces(source: str) -> tuple[list[Piece], Metadata]:
    """Part a page into pieces, in order; ``source[piece.start:piece.end]`` is the markup that holds each.

    Broken nesting is taken as browsers take it, more or less. Scripts, styles and what the page hides are left out.

    Raises:
        MissingExtraError: When trafilatura is not installed.
    """
    walk = Walk(source)
    walk.feed(source + "\n")  # the parser would lose an ampersand in the very last word
    walk.close()
    walk.finish()
    if walk.tags <= MOST_TAGS:
        main, metadata = extract(source)
    else:
        main, metadata = None, extract(source[:HEAD])[1]
    return mark_extracted(walk.pieces, main), metadata


class Walk(HTMLParser):
    """Goes through a page's source and gathers the text of each block."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=False)
        self.source = source
        self.pieces: list[Piece] = []
        self.open: list[Element] = []
        self.open_tags: Counter[str] = Counter()
        self.held: list[Scrap] = []
        self.line_starts = [0, *(match.end() for match in re.finditer("\n", source))]
        self.elements = 0
        self.tags = 0

    def here(self) -> int:
        """Return the offset of what is being handled."""
        line, column = self.getpos()
        return self.line_starts[line - 1] + column

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        """Open an element; a block ends the text before it."""
        self.tags += 1
        if tag == "br":
            self.held.append(Scrap(self.here(), self.here(), "\n"))
            return
        if tag in BLOCKS:
            self.finish()
            self._close_open(
                {"head", "title"}, walls=UNSEEN - {"head", "title"}
            )  # a head left open ends where something is to be seen
        if tag in VOID:
            return
        if tag in CLOSES_P:
            self._close_open({"p"}, walls={"button", "table", "td", "th", "li", "div", "article", "section"})
        if tag in SIBLINGS:
            self._close_open(SIBLINGS[tag], walls=WALLS[tag])
        unseen = tag in UNSEEN and not (self.open and self.open[-1].hidden)
        if len(self.open) < DEEPEST or unseen:
            self.elements += 1
            self.open.append(make_element(tag, dict(attrs), self.open[-1] if self.open else None, self.elements))
            self.open_tags[tag] += 1

    def handle_startendtag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        """Take `<br/>`; a block closed at once ends the text before it."""
        if tag in VOID:
            self.handle_starttag(tag, attrs)
        elif tag in BLOCKS:
            self.finish()

    def handle_endtag(self, tag: str) -> None:
        """Close an element, and those left open inside it."""
        if tag in BLOCKS:
            self.finish()
        self._close_open({tag}, walls=set() if tag in ("table", "body", "html") else {"table"})

    def handle_data(self, data: str) -> None:
        """Gather text."""
        self._hold(data, len(data))

    def handle_entityref(self, name: str) -> None:
        """Gather a character written as ``&name;``; the ampersand of ``R&D`` is one, too."""
        self._hold_reference(len(name) + 1)

    def handle_charref(self, name: str) -> None:
        """Gather a character written as ``&#number;``."""
        self._hold_reference(len(name) + 2)

    def _hold_reference(self, length: int) -> None:
        start = self.here()
        written = self.source[start : start + length + self.source.startswith(";", start + length)]
        self._hold(unescape(written), len(written))

    def parse_marked_section(self, i: int, report: int = 1) -> int:
        """Pass over ``<![CDATA[ ... ]>`` and its like, as browsers do; the parser knows a few words alone."""
        return self.parse_bogus_comment(i, bool(report))

    def parse_bogus_comment(self, i: int, report: bool = True) -> int:
        """Pass over what is no markup; left open, it goes on to the end of the page, as in browsers."""
        end = super().parse_bogus_comment(i, report)
        return len(self.rawdata) if end < 0 else int(end)

    def parse_comment(self, i: int, report: bool = True) -> int:
        """Pass over a comment; left open, it goes on to the end of the page."""
        end = super().parse_comment(i, report)
        return len(self.rawdata) if end < 0 else int(end)

    def _hold(self, text: str, length: int) -> None:
        if not (self.open and self.open[-1].hidden):
            start = self.here()
            self.held.append(
                Scrap(
                    start,
                    start + length,
                    text,
                    self.open[-1].link if self.open else 0,
                    self.open[-1].number if self.open else 0,
                )
            )

    def _close_open(self, tags: Set[str], *, walls: Set[str]) -> None:
        if not any(self.open_tags[tag] for tag in tags):
            return
        for depth in range(len(self.open) - 1, -1, -1):
            if self.open[depth].tag in tags:
                self.open_tags.subtract(element.tag for element in self.open[depth:])
                del self.open[depth:]
                return
            if self.open[depth].tag in walls:
                return

    def finish(self) -> None:
        """End the block: what was gathered becomes pieces."""
        held, self.held = self.held, []
        if not any(scrap.text.strip() for scrap in held):
            return
        tag = next((element.tag for element in reversed(self.open) if element.tag in BLOCKS), "")
        within, parents = tuple(e.tag for e in self.open), tuple(e.number for e in self.open)
        near = [element for element in self.open[-4:] if element.tag not in ("html", "body", "main", "article")]
        names = frozenset[str]().union(*(element.names for element in near))
        for part in (links for lines in split_at_breaks(held) for links in split_links(lines)):
            text = clean("".join(scrap.text for scrap in part))
            seen = [scrap for scrap in part if scrap.text.strip()]
            if not text:
                continue
            weight = sum(len(scrap.text.strip()) for scrap in seen)
            linked = sum(len(scrap.text.strip()) for scrap in seen if scrap.link)
            start, end = seen[0].inner()[0], seen[-1].inner()[1]
            self.pieces.append(
                Piece(
                    text,
                    start,
                    end,
                    tag=tag,
                    within=within,
                    parents=parents,
                    names=names,
                    link_share=linked / weight,
                )
            )


def split_at_breaks(held: Sequence[Scrap]) -> list[list[Scrap]]:
    """Part the text of a block at line breaks, but for those that break a sentence off in a long line."""
    lines: list[list[Scrap]] = [[]]
    for scrap in held:
        if scrap.is_break:
            lines.append([])
        else:
            lines[-1].append(scrap)
    parts: list[list[Scrap]] = []
    goes_on = False
    for line in lines:
        text = clean("".join(scrap.text for scrap in line))
        if goes_on and text:
            parts[-1] += [Scrap(line[0].start, line[0].start + 1, " "), *line]
        else:
            parts.append(list(line))
        goes_on = len(text.split()) >= 12 and text[-1] not in '.!?:…"”»)؟'
    return parts


def split_links(scraps: Sequence[Scrap]) -> list[list[Scrap]]:
    """Part a row of links, such as a menu, into its links, and a text where two elements meet without a space."""
    links = list(dict.fromkeys(scrap.link for scrap in scraps if scrap.text.strip()))
    loose = "".join(scrap.text for scrap in scraps if not scrap.link)
    if len([link for link in links if link]) >= 2 and not any(character.isalnum() for character in loose):
        return [[scrap for scrap in scraps if scrap.link == link] for link in links if link]
    parts: list[list[Scrap]] = [[]]
    for scrap in scraps:
        if parts[-1] and is_seam(parts[-1][-1], scrap):
            parts.append([])
        parts[-1].append(scrap)
    return parts


def is_seam(one: Scrap, other: Scrap) -> bool:
    """Tell whether two scraps of different elements run together as words never do: `contentRebels`."""
    if one.element == other.element or not one.text or not other.text:
        return False
    last, first = one.text[-1], other.text[0]
    if last.isupper() or last.isspace() or not last.isalnum() or not first.isalpha():
        return False
    caseless = first.lower() == first.upper()
    return first.isupper() or (caseless and one.link != other.link)


def make_element(tag: str, attributes: dict[str, str | None], parent: Element | None, number: int) -> Element:
    """Return an element as opened inside another."""
    named = " ".join(attributes.get(name) or "" for name in ("class", "id", "itemprop", "role")).lower()
    words = frozenset(named.split())
    parts = frozenset(part for word in words for part in re.split(r"[-_]+", word))
    hidden = (
        tag in UNSEEN
        or "hidden" in attributes
        or attributes.get("aria-hidden") == "true"
        or bool(HIDDEN.search(attributes.get("style") or ""))
        or bool(words & HIDDEN_NAMES)
        or bool(parent and parent.hidden)
    )
    link = parent.link if parent and parent.link else number if tag in ("a", "button") else 0
    return Element(tag, number, words | parts, hidden, link)


def extract(source: str) -> tuple[str | None, Metadata]:
    """Return the page's main text by trafilatura, or None where it finds none, and the page's metadata.

    Raises:
        MissingExtraError: When trafilatura is not installed.
    """
    trafilatura = import_extra("trafilatura", extra="html", purpose="reading HTML")
    document: Any = trafilatura.bare_extraction(source, include_comments=False, with_metadata=True)
    if document is None:
        return None, Metadata()
    found = Metadata(document.title or "", document.date or "", document.author or "", document.sitename or "")
    return document.text or None, found


def mark_extracted(pieces: Sequence[Piece], main: str | None) -> list[Piece]:
    """Tell of each piece whether it stands in the main text."""
    if not main:
        return list(pieces)
    lines = frozenset(map(_letters, main.splitlines()))
    whole = _letters(main) if len(pieces) <= MOST_PIECES else ""
    marked = []
    for piece in pieces:
        letters = _letters(piece.text)
        marked.append(replace(piece, extracted=letters in lines or letters in whole))
    return marked


def _letters(text: str) -> str:
    return re.sub(r"\W+", "", text)
