"""A piece of a page, before anything is known of its role."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Piece:
    """What stands by itself on a page: a paragraph, a headline, a menu word.

    Attributes:
        text: Its text, cleaned.
        start: Where it begins in the input, in characters.
        end: Where it ends.
        after_blank: Whether a blank line stands before it (plain text).
        tag: The block element that holds it (HTML), else an empty string.
        within: The elements around it (HTML), from the outermost.
        parents: Numbers of the elements around it (HTML), from the outermost: each element has its own.
        names: Words of its and its ancestors' classes and ids (HTML).
        link_share: The share of its characters that are links or buttons (HTML).
        extracted: Whether the extraction of main text took it (HTML); None where there was none.
    """

    text: str
    start: int
    end: int
    after_blank: bool = True
    tag: str = ""
    within: tuple[str, ...] = ()
    parents: tuple[int, ...] = ()
    names: frozenset[str] = frozenset()
    link_share: float = 0.0
    extracted: bool | None = None
