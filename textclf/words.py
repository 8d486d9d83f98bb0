"""Where the words of a text are, in any script: what an explanation gives a weight to."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

JOINERS = frozenset("'’-‐‑")  # within a word, between letters
NUMBER_JOINERS = frozenset(".,:")  # between digits: 3,000 and 18:40
IDEOGRAPHS = ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x323AF))


def word_spans(text: str) -> tuple[tuple[int, int], ...]:
    """Return where each word begins and ends, in characters and in order; nothing but white space is left out.

    A word is a run of letters and digits with the marks on them (``don't``, ``al-Ḥamdānī``, ``3,000``), a single
    Chinese character, or a run of anything else, such as a full stop or an emoji. Scripts that write no spaces, such as
    Thai, have runs of many words.
    """
    spans: list[tuple[int, int]] = []
    held = ""  # the sort of the word that ends right here; none after white space
    for place, character in enumerate(text):
        sort = _sort(character)
        if sort == "space":
            held = ""
            continue
        goes_on = sort == "mark" or (sort == held and sort != "ideograph") or _joins(text, place)
        if held and goes_on:
            spans[-1] = (spans[-1][0], place + 1)
        else:
            spans.append((place, place + 1))
            held = "other" if sort == "mark" else sort
    return tuple(spans)


@lru_cache(maxsize=4_096)
def _sort(character: str) -> str:
    """Return which sort of character it is; a mark belongs to what stands before it."""
    category = unicodedata.category(character)
    if character.isspace():
        return "space"
    if any(first <= ord(character) <= last for first, last in IDEOGRAPHS):
        return "ideograph"
    if category[0] in "LN" or character == "_":
        return "word"
    return "mark" if category[0] == "M" or category == "Cf" else "other"


def _joins(text: str, place: int) -> bool:
    """Tell whether a hyphen, an apostrophe or a decimal point stands within a word."""
    character = text[place]
    if character not in JOINERS and character not in NUMBER_JOINERS:
        return False
    before, after = text[place - 1 : place], text[place + 1 : place + 2]
    if character in NUMBER_JOINERS:
        return before.isdigit() and after.isdigit()
    return bool(before and after) and _sort(before) in ("word", "mark") and _sort(after) == "word"
