"""Slips of fingers and of machines that read print."""

from __future__ import annotations

import re

import numpy as np

from textclf.perturb.chance import at_some, one

TYPOS_RATE = 0.1  # of the words of four letters and more
OCR_RATE = 0.04  # of the places where print is easily misread

WORD = re.compile(r"[^\W\d_]{4,}")
ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


def _neighbours() -> dict[str, str]:
    """Return the keys beside each key, and those above and below it."""
    beside = {}
    for y, row in enumerate(ROWS):
        for x, key in enumerate(row):
            near = [row[i] for i in (x - 1, x + 1) if 0 <= i < len(row)]
            for other in (y - 1, y + 1):
                if 0 <= other < len(ROWS) and x < len(ROWS[other]):
                    near.append(ROWS[other][x])
            beside[key] = "".join(near)
    return beside


NEIGHBOURS = _neighbours()

# What a machine takes for another, as print has it.
OCR = {
    "rn": "m",
    "m": "rn",
    "cl": "d",
    "vv": "w",
    "w": "vv",
    "li": "h",
    "ri": "n",
    "l": "1",
    "I": "l",
    "O": "0",
    "0": "O",
    "1": "l",
    "5": "S",
    "S": "5",
    "B": "8",
    "e": "c",
    "h": "b",
    "fi": "f1",
    ",": ".",
}
MISREAD = re.compile("|".join(sorted(OCR, key=len, reverse=True)))


def typos(text: str, rng: np.random.Generator) -> str:
    """Return a text with slips of the fingers in some longer words: a neighbouring key, a letter twice, lost, swapped.

    First letters stay: fingers slip there least, and a reader needs them most.
    """
    return at_some(WORD, text, lambda word: _slip(word, rng), rate=TYPOS_RATE, rng=rng)


def _slip(word: str, rng: np.random.Generator) -> str:
    place, kind = int(rng.integers(1, len(word) - 1)), int(rng.integers(4))
    before, letter, after = word[:place], word[place], word[place + 1 :]
    if kind == 0 and letter in NEIGHBOURS:
        return before + one(NEIGHBOURS[letter], rng) + after
    if kind == 1:
        return before + letter + letter + after
    if kind == 2:
        return before + after
    return before + after[0] + letter + after[1:]


def ocr(text: str, rng: np.random.Generator) -> str:
    """Return a text with a few letters taken for others, as scanned print is read."""
    return at_some(MISREAD, text, OCR.__getitem__, rate=OCR_RATE, rng=rng)
