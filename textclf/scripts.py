"""Which script a text is written in, told from ranges of characters alone."""

from __future__ import annotations

import re

READ = 2_000  # characters of a text that are looked at

RANGES = {
    "Latin": "A-Za-z\u00aa\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02af\u1d00-\u1d7f\u1e00-\u1eff\u2c60-\u2c7f"
    "\ua722-\ua7ff\ufb00-\ufb06\uff21-\uff3a\uff41-\uff5a",
    "Greek": "\u0370-\u03ff\u1f00-\u1fff",
    "Cyrillic": "\u0400-\u052f\u1c80-\u1c8f\ua640-\ua69f",
    "Armenian": "\u0530-\u058f",
    "Hebrew": "\u0590-\u05ff\ufb1d-\ufb4f",
    "Arabic": "\u0600-\u06ff\u0750-\u077f\u0870-\u08ff\ufb50-\ufdff\ufe70-\ufefc",
    "Devanagari": "\u0900-\u097f",
    "Bengali": "\u0980-\u09ff",
    "Tamil": "\u0b80-\u0bff",
    "Thai": "\u0e00-\u0e7f",
    "Georgian": "\u10a0-\u10ff\u1c90-\u1cbf",
    "Ethiopic": "\u1200-\u139f",
    "Hangul": "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af",
    "Kana": "\u3041-\u30ff\u31f0-\u31ff\uff66-\uff9f",
    "Han": "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af",
}
"""Script to the ranges of its characters, as in a regular expression; what is in none of them is "another"."""

_SCRIPTS = {name: re.compile(f"[{ranges}]") for name, ranges in RANGES.items()}


def has_letters(text: str) -> bool:
    """Tell whether a text has a letter of any script. Digits, signs and emoji are none."""
    return any(map(str.isalpha, text))


def script_of(text: str) -> str:
    """Return the script that most letters of a text's beginning are of.

    It is a key of `RANGES`, or "another", or "" where there are no letters.
    """
    if text.isascii():
        return "Latin" if has_letters(text) else ""
    letters = "".join(filter(str.isalpha, text[:READ]))
    if not letters:
        return ""
    counts = {name: len(found.findall(letters)) for name, found in _SCRIPTS.items()}
    most = max(counts, key=counts.__getitem__)
    return most if counts[most] >= len(letters) - sum(counts.values()) else "another"
