"""Capitals and small letters, as headlines, old wires, chat and careless copy have them."""

from __future__ import annotations

import re

import numpy as np

from textclf.perturb.sentences import OPENING, sentence_starts

WORD = re.compile(r"[^\W\d_][\w'’]*")
FIRST_LETTER = re.compile(rf"[{OPENING}]*([^\W\d_])")


def lower_case(text: str, _: np.random.Generator) -> str:
    """Return a text in small letters."""
    return text.lower()


def upper_case(text: str, _: np.random.Generator) -> str:
    """Return a text in capitals, as old wires set it."""
    return text.upper()


def title_case(text: str, _: np.random.Generator) -> str:
    """Return a text with a capital on every word, as some headlines have."""
    return WORD.sub(lambda word: word[0][0].upper() + word[0][1:], text)


def lost_capitals(text: str, _: np.random.Generator) -> str:
    """Return a text whose sentences begin with small letters; names within them keep theirs."""
    letters = list(text)
    for start in sentence_starts(text):
        if letter := FIRST_LETTER.match(text, start):
            letters[letter.start(1)] = letter[1].lower()
    return "".join(letters)
