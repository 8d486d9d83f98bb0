"""What is seen of a piece and of a page at a glance: what the rules of roles go by."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import cached_property

from textclf.articles.dates import AGO
from textclf.articles.piece import Piece
from textclf.articles.roles.vocabulary import YOU, plain
from textclf.records import MAX_CHARACTERS

FULL_STOP = re.compile(r"""[.!?。！？؟۔]["'”’»)\]]*$""")
CUT_OFF = re.compile(
    r"""(?:…|\.\.\.|\[\s?(?:…|\.\.\.|\+\s?\d+ chars)\s?\])["'”’)\]]*"""
    r"""(?:\s*(?:read|see|continue|more|full|click|leer|lire|ler|اقرأ|المزيد)\b.{0,25})?[\s»›>→]*$""",
    re.IGNORECASE,
)
INNER_STOP = re.compile(r"""[.!?؟۔]["'”’»)]*\s+(?=["'“‘«(]*[^\W\d_a-z])""")
DATELINE = re.compile(
    r"^(?P<place>[^\W\d_][^\d\n,.:;!?—–()]{1,40}(?:,\s[^\W\d_][\w.' -]{1,30}?)?)"
    r"(?:,\s(?:\w+\.?\s\d{1,2}|\d{1,2}\s\w+)(?:,?\s\d{4})?)?(?:\s?\((?P<agency>[^()]{2,30})\))?"
    r"(?:,\s(?:\w+\.?\s\d{1,2}|\d{1,2}\s\w+)(?:,?\s\d{4})?)?(?:\s?[—–]\s?|\s--?\s?|--\s?|-\s)(?=\S)"
)


class Look:
    """One piece, and what is easily seen of it."""

    def __init__(self, piece: Piece, index: int) -> None:
        self.piece = piece
        self.index = index
        self.text = piece.text[: MAX_CHARACTERS + 1]  # so that a piece of any length is looked at in little time
        self.words = self.text.split()
        self.n_words = len(self.words)

    @cached_property
    def plain(self) -> str:
        """The text in lower case without marks at its edges."""
        return plain(self.text)

    @cached_property
    def cut_off(self) -> bool:
        """Whether it ends in an ellipsis, as if cut to fit a box."""
        return CUT_OFF.search(self.text) is not None

    @cached_property
    def ends(self) -> bool:
        """Whether it ends as a sentence does."""
        return FULL_STOP.search(self.text) is not None and not self.cut_off

    @cached_property
    def sentences(self) -> int:
        """How many sentences it seems to hold."""
        return len(INNER_STOP.findall(self.text)) + self.ends

    @cached_property
    def letters(self) -> int:
        """How many letters it has."""
        return sum(map(str.isalpha, self.text))

    @cached_property
    def cased(self) -> bool:
        """Whether its script tells capitals from small letters."""
        return self.text.lower() != self.text.upper()

    @cached_property
    def capitals(self) -> bool:
        """Whether it is set in capitals throughout."""
        return self.letters > 1 and self.text.isupper()

    @cached_property
    def title_share(self) -> float:
        """The share of its longer words that begin with a capital."""
        long = [word.lstrip("\"'“‘(") for word in self.words if len(word) > 3 and word.strip("\"'“‘(")[:1].isalpha()]
        return sum(word[:1].isupper() for word in long) / len(long) if long else 0.0

    @cached_property
    def dateline(self) -> re.Match[str] | None:
        """The place and the dash it opens with: a name in capitals, or one with a day or an agency."""
        match = DATELINE.match(self.text[:120])
        if match is None or self.n_words < 8:
            return None
        place = match["place"].split(",")[0]
        named = len(match[0]) > len(match["place"]) + 4
        return match if place.isupper() or (named and place[:1].isupper() and len(place.split()) <= 4) else None

    @cached_property
    def names(self) -> frozenset[str]:
        """The words within it that begin with a capital: mostly names."""
        inner = [word.strip("\"'“”‘’.,;:()") for word in self.words[1:]]
        return frozenset(word for word in inner if len(word) > 2 and word[0].isupper() and not word.isupper())

    @cached_property
    def is_prose(self) -> bool:
        """Whether it reads as a stretch of running text: long, or a whole sentence of some length."""
        if self.capitals and self.n_words < 25:
            return False
        return (self.n_words >= 12 and self.ends) or self.n_words >= 30


class Page:
    """All pieces of a page, and what is known of it as a whole so far.

    Attributes:
        looks: The pieces.
        headed: Whether a headline may be looked for.
        roles: The role of each, as far as it is known.
        title: The index of the headline.
        boxed: Whether each piece stands in a box of other stories.
        body: The indices of the first and the last paragraph of the running text.
        signed: The bylines above the running text.
        body_names: The names that the running text speaks of.
        body_text: All paragraphs, for finding what repeats them.
        end_mark: The index of the line that marks the end, such as '###'.
        last_mail_header: The index of the last line such as 'Subject: ...' above the text.
    """

    def __init__(self, pieces: Sequence[Piece], *, headed: bool = True) -> None:
        self.looks = [Look(piece, index) for index, piece in enumerate(pieces)]
        self.headed = headed
        self.roles: list[str] = [""] * len(self.looks)
        self.title: int | None = None
        self.boxed: list[bool] = [False] * len(self.looks)
        self.body: tuple[int, int] = (len(self.looks), len(self.looks))
        self.signed = ""
        self.body_names: frozenset[str] = frozenset()
        self.body_text = ""
        self.end_mark: int | None = None
        self.last_mail_header = -1

    @cached_property
    def counts(self) -> Counter[str]:
        """How often each text stands on the page."""
        return Counter(look.plain for look in self.looks)

    @cached_property
    def prose(self) -> list[int]:
        """The indices of the pieces that read as running text."""
        return [look.index for look in self.looks if look.is_prose]

    @cached_property
    def ages(self) -> frozenset[int]:
        """The indices of the lines that hold an outlet and an age, such as 'Harbour Times | 2h'."""
        return frozenset(look.index for look in self.looks if look.n_words <= 8 and _is_outlet_and_age(look.text))

    @cached_property
    def speaks_to_you(self) -> bool:
        """Whether the text itself speaks to a reader or a partner, as interviews and some blogs do."""
        sentences = [look for look in self.looks if look.ends and look.n_words >= 5]
        return sum(YOU.search(look.plain) is not None for look in sentences) >= max(4.0, 0.25 * len(sentences))

    def before(self, index: int) -> Look | None:
        """Return the piece before, if there is one."""
        return self.looks[index - 1] if index > 0 else None

    def after(self, index: int) -> Look | None:
        """Return the piece after, if there is one."""
        return self.looks[index + 1] if index + 1 < len(self.looks) else None


def _is_outlet_and_age(text: str) -> bool:
    match = AGO.search(text)
    return match is not None and len(match[0]) + 2 < len(text) and text.endswith(match[0]) | text.startswith(match[0])
