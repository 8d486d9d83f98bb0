"""Marks lost, or set in another desk's style."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from textclf.perturb.chance import one

Loss = tuple[re.Pattern[str], str]

# What scraped copy loses, and how often one stripped text loses it.
LOSSES: tuple[tuple[float, re.Pattern[str], str], ...] = (
    (0.9, re.compile(","), ""),
    (0.7, re.compile(r"(?<=\w)['’](?=\w)"), ""),  # Syria's becomes Syrias
    (0.6, re.compile(r"""["“”‘’«»]"""), ""),
    (0.6, re.compile(r"(?:(?<!\s)\s+)?[—–;:()]\s*"), " "),
    (0.3, re.compile("-"), " "),
)

QUOTES = re.compile(r"""["“”„«»]|(?<!\w)['‘’]|['‘’](?!\w)""")  # apostrophes within words are none
TO_STRAIGHT = str.maketrans("“”„«»‘’‚", '"""""\'\'\'')
DASHES = re.compile(
    r"(?:(?<!\s)\s+)?[—–](?!\d)\s*|(?<!\s)\s+--?\s+|(?<=\w)--(?=\w)"
)  # not the hyphen in a word, nor 3–4
DASH_STYLES = ("—", " — ", " – ", " - ", "--", " -- ")


def draw_losses(rng: np.random.Generator) -> list[Loss]:
    """Draw which of `LOSSES` a text suffers."""
    return [(pattern, replacement) for chance, pattern, replacement in LOSSES if rng.random() < chance]


def lose(text: str, losses: Sequence[Loss]) -> str:
    """Return a text without the punctuation that some losses take, its white space folded where any was taken."""
    changed = text
    for pattern, replacement in losses:
        changed = pattern.sub(replacement, changed)
    return text if changed == text else " ".join(changed.split())


def punctuation_lost(text: str, rng: np.random.Generator) -> str:
    """Return a text that lost some of its punctuation."""
    return lose(text, draw_losses(rng))


def quotes_lost(text: str, _: np.random.Generator) -> str:
    """Return a text without quotation marks; its apostrophes stay."""
    return QUOTES.sub("", text)


def quotes_straight(text: str, _: np.random.Generator) -> str:
    """Return a text with a typewriter's quotes and apostrophes."""
    return text.translate(TO_STRAIGHT)


def quotes_curly(text: str, _: np.random.Generator) -> str:
    """Return a text with typographic quotes and apostrophes."""
    return curly(text)


def curly(text: str) -> str:
    """Return a text with each straight quote turned as what stands before it asks."""
    text = re.sub(r"""(^|[\s(\[{—–-])(["'])(?=\S)""", lambda m: m[1] + ("“" if m[2] == '"' else "‘"), text)
    return text.replace('"', "”").replace("'", "’")


def dashes_swapped(text: str, rng: np.random.Generator) -> str:
    """Return a text with all its dashes in one style, which another desk might use."""
    style = one(DASH_STYLES, rng)
    return DASHES.sub(style, text)
