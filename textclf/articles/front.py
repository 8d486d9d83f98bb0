"""What stands around the text: headline, author, date, source and dateline, found among the blocks of a page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from textclf.articles.dates import Found, find_date, without_dates
from textclf.articles.roles.look import DATELINE
from textclf.articles.roles.vocabulary import BY, MENU, STAMPS, plain, wordlist
from textclf.records import Block

RIGHTS = re.compile(
    r"(?:©|\(c\)|copyright)\s*(?:©\s*)?(?:(?:19|20)\d\d(?:\s?[-–]\s?(?:19|20)?\d\d)?)?[\s,]*"
    r"(?P<name>[^\d©|.,()–—-]{3,40}?)(?:\s*[.|,(–—-]|\s+(?:all rights|todos|tous|limited|ltd|inc)\b|$)",
    re.IGNORECASE,
)
LONGEST_STAMP = 2_000  # characters of a block that a date of publication or a line of rights is looked for in
MASTHEAD = 4  # blocks at the head of a page among which the name of the outlet is looked for
SMALL = wordlist("of the and & de del la le du des do da der die das for in from")
CITY = re.compile(r"(?P<place>[^\W\d_a-z][^\W\d_a-z .'’-]{2,30}):\s(?P<agency>)(?=[^\W\d_a-z])")  # GHARO: Three men ...


@dataclass(frozen=True, slots=True)
class Front:
    """What a page says of its article; an empty string where it does not."""

    title: str = ""
    byline: str = ""
    date: str = ""
    date_raw: str = ""
    source: str = ""
    dateline: str = ""


def read_front(blocks: Sequence[Block], *, title: int | None, body: int, said: Front = Front()) -> Front:
    """Find what stands around the text.

    Args:
        blocks: The blocks of the page.
        title: The index of the headline.
        body: The index of the first paragraph of the running text.
        said: What the page's head says; what is seen goes before it, but for the source.
    """
    top = blocks[: body + 1]
    told = [block.text for block in blocks if block.role == "paragraph"]
    dateline = next((match for text in told if (match := _dateline(text, first=text is told[0]))), None)
    found = _date(blocks, title=title, body=body)
    byline = _byline(top, title=title) or _byline(blocks[body + 1 :], title=None) or said.byline
    return Front(
        title=blocks[title].text if title is not None else said.title,
        byline=byline,
        date=(found.iso if found else "") or said.date,
        date_raw=found.raw if found else said.date_raw,
        source=said.source or _source(blocks, dateline, title=title),
        dateline=_place(dateline["place"]) if dateline else "",
    )


def _dateline(text: str, *, first: bool) -> re.Match[str] | None:
    """Return the dateline a paragraph opens with; that of the first may be a name in small letters with no agency."""
    match = DATELINE.match(text[:120]) or CITY.match(text[:60])
    if match is None:
        return None
    place = match["place"].split(",")[0]
    named = first and len(place.split()) <= 3 and all(word[:1].isupper() for word in place.split())
    return match if place.isupper() or match["agency"] or (named and re.search("[—–]", match[0])) else None


def _place(text: str) -> str:
    """Return the place of a dateline less the day that may follow it."""
    name, comma, rest = text.strip(" -–—").partition(", ")
    return f"{name}, {rest}" if comma and without_dates(rest).strip(" ,.-") else name


def _date(blocks: Sequence[Block], *, title: int | None, body: int) -> Found | None:
    """Return the date of publication: of the lines near the headline, then above it, then below the text."""
    start = title if title is not None else 0
    near = [block for block in blocks[start : body + 1] if block.role in ("byline", "navigation", "heading")]
    above = list(reversed(blocks[:start]))
    stamped = [block for block in blocks[body:] if block.role in ("byline", "list") and STAMPS.match(plain(block.text))]
    first = [
        block for block in near if re.match(r"(?:first )?(?:published|posted|publicado|publié|نشر)", plain(block.text))
    ]
    places = (*first, *near, *above, *stamped)
    dates = [found for block in places if (found := find_date(block.text[:LONGEST_STAMP]))]
    return next((found for found in dates if found.iso), dates[0] if dates else None)


def _byline(blocks: Sequence[Block], *, title: int | None) -> str:
    """Return the line that names the author."""
    lines = [block for block in blocks[title or 0 :] if block.role == "byline"]
    named = [block for block in lines if BY.match(plain(block.text)) and not block.reason.startswith("signs off")]
    others = [
        block
        for block in lines
        if "a name between" in block.reason or "names who wrote it" in block.reason or "and an author" in block.reason
    ]
    return next((block.text for block in (*named, *others)), "")


def _source(blocks: Sequence[Block], dateline: re.Match[str] | None, *, title: int | None) -> str:
    """Return the outlet: the name at the head of the page, that of the line of rights, or the dateline's agency."""
    for block in blocks[: min(title or 0, MASTHEAD)]:
        if block.role in ("navigation", "heading") and _could_be_a_name(block.text):
            return block.text
    for block in blocks:
        match = RIGHTS.search(block.text) if block.role == "navigation" else None
        if match and match["name"].strip()[:1].isupper():
            return match["name"].strip()
    return str(dateline["agency"]) if dateline and dateline["agency"] else ""


def _could_be_a_name(text: str) -> bool:
    """Tell whether a line could be the name of an outlet: a few words, all with capitals, none of them of a menu."""
    words = text.split()
    if not 1 <= len(words) <= 6 or re.search(r"[|›»>/:,@\d?!]", text) or plain(text) in MENU:
        return False
    long = [word for word in words if plain(word) not in SMALL]
    menu = sum(plain(word) in MENU for word in long)
    return (
        bool(long)
        and menu * 2 <= len(long)
        and all(word[:1].isupper() or word.lower() == word.upper() for word in long)
    )
