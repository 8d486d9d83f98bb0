"""The same letters in other characters: blanks, accents, widths, and what a wrong decoder leaves behind."""

from __future__ import annotations

import re
import unicodedata

import numpy as np

from textclf.perturb.chance import at_some, one
from textclf.perturb.punctuation import curly

SPACES_RATE = 0.1  # of the blanks of a text
WIDE_RATE = 0.2  # of its words and numbers

BLANK = re.compile(r"(?<=\S) (?=\S)")
NOISE = ("\u00a0", "\u00a0", "  ", "   ", "\n", "\t", "\u2009", " \u200b")
PLAIN_WORD = re.compile(r"[A-Za-z0-9]+")
WIDE = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
LIGATURES = {"ffi": "ﬃ", "ffl": "ﬄ", "ff": "ﬀ", "fi": "ﬁ", "fl": "ﬂ", "...": "…"}
LIGATED = re.compile("|".join(map(re.escape, LIGATURES)))
UNMARKED = str.maketrans("łŁøØđĐħĦıŧŦ", "lLoOdDhHitT")
ENTITIES = {
    "&": ("&amp;", "&#038;"),
    "“": ("&ldquo;", "&#8220;"),
    "”": ("&rdquo;", "&#8221;"),
    "‘": ("&lsquo;", "&#8216;"),
    "’": ("&rsquo;", "&#8217;"),
    '"': ("&quot;", "&#34;"),
    "'": ("&#39;", "&#039;", "&apos;"),
    "–": ("&ndash;", "&#8211;"),
    "—": ("&mdash;", "&#8212;"),
    "…": ("&hellip;", "&#8230;"),
    "\u00a0": ("&nbsp;", "&#160;"),
    "<": ("&lt;",),
    ">": ("&gt;",),
}
ENCODED = re.compile("[" + "".join(map(re.escape, ENTITIES)) + "]")
GARBLED = re.compile("[\u00a0-\u00ff\u2010-\u2026]")  # accents of western Europe, and typographic marks


def white_space(text: str, rng: np.random.Generator) -> str:
    """Return a text with some blanks unbreakable, doubled, invisible, or broken into lines."""
    return at_some(BLANK, text, lambda _: one(NOISE, rng), rate=SPACES_RATE, rng=rng)


def fullwidth(text: str, rng: np.random.Generator) -> str:
    """Return a text with some words and numbers in the wide letters of East Asian copy."""
    return at_some(PLAIN_WORD, text, lambda word: word.translate(WIDE), rate=WIDE_RATE, rng=rng)


def ligatures(text: str, _: np.random.Generator) -> str:
    """Return a text with joined letters, as copied from a PDF."""
    return LIGATED.sub(lambda letters: LIGATURES[letters[0]], text)


def decomposed(text: str, _: np.random.Generator) -> str:
    """Return a text with each accent a character of its own (NFD)."""
    return unicodedata.normalize("NFD", text)


def html_entities(text: str, rng: np.random.Generator) -> str:
    """Return a text whose marks stand as HTML writes them, each in one of its spellings."""
    spelling = int(rng.integers(2))
    return ENCODED.sub(lambda mark: ENTITIES[mark[0]][spelling % len(ENTITIES[mark[0]])], text)


def mojibake(text: str, _: np.random.Generator) -> str:
    """Return a text with its curly quotes, dashes and western accents decoded wrongly: UTF-8 as Windows-1252.

    Straight quotes count as curly ones that this has not yet befallen.
    """
    return GARBLED.sub(lambda mark: "".join(map(_as_windows, mark[0].encode("utf-8"))), curly(text))


def _as_windows(byte: int) -> str:
    return bytes([byte]).decode("cp1252", errors="ignore") or chr(byte)


def diacritics_removed(text: str, _: np.random.Generator) -> str:
    """Return a text without accents on Latin letters and without the vowel points of Arabic."""
    if text.isascii():
        return text
    kept, latin = [], False
    for character in unicodedata.normalize("NFD", text):
        if not unicodedata.combining(character):
            latin = character < "\u0250" and character.isalpha()
        elif latin or "\u064b" <= character <= "\u0652":
            continue
        kept.append(character)
    bare = "".join(kept).translate(UNMARKED)
    return unicodedata.normalize("NFC", bare) if bare != unicodedata.normalize("NFD", text) else text
