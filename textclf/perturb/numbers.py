"""Numbers in figures or in words."""

from __future__ import annotations

import re

import numpy as np

from textclf.perturb.name_lists import MONTHS

ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
VALUES = {word: value for value, word in enumerate(ONES)} | {word: 20 + 10 * i for i, word in enumerate(TENS)}
VALUES |= {"a": 1, "and": 0}

FIGURES = re.compile(r"(?<![\w.,:/$€£¥%&#'’+-])[0-9]{1,3}(?![\w:/%;'’-]|[.,][0-9])")
MONTH_BEFORE = re.compile(rf"\b(?:{'|'.join(f'{month}|{month[:3]}' for month in MONTHS)})\.?\s+$")
MONTH_AFTER = re.compile(rf"\s+(?:of\s+)?(?:{'|'.join(month[:3] for month in MONTHS)})")

_one = f"(?:{'|'.join(sorted(ONES[1:], key=len, reverse=True))})"
_under_100 = rf"(?:(?:{'|'.join(TENS)})(?:[- ](?:{'|'.join(ONES[1:10])})\b)?|{_one})"
_under_1000 = rf"(?:(?:{_one}|a) hundred(?: (?:and )?{_under_100}\b)?|{_under_100})"
WORDS = re.compile(
    rf"(?<![\w'’-])(?:{_under_1000} thousand(?: (?:and )?{_under_1000}\b)?|{_under_1000})(?![\w'’-])", re.I
)


def numbers_as_words(text: str, _: np.random.Generator) -> str:
    """Return a text with its whole numbers under a thousand written out, but for dates, shares, sums and times."""

    def written(figures: re.Match[str]) -> str:
        """Return the number in words, or as it was where it is part of a date, share, sum or time."""
        before, after = text[max(0, figures.start() - 12) : figures.start()], text[figures.end() : figures.end() + 12]
        dated = MONTH_BEFORE.search(before) or MONTH_AFTER.match(after)
        return figures[0] if dated else in_words(int(figures[0]))

    return FIGURES.sub(written, text)


def numbers_as_digits(text: str, _: np.random.Generator) -> str:
    """Return a text with its written numbers in figures, but for a lone "one", which is a word."""

    def in_digits(words: re.Match[str]) -> str:
        kept = words[0].lower() == "one" or not words[0].isascii()  # a long s matches an s whose case is ignored
        return words[0] if kept else str(in_figures(words[0]))

    return WORDS.sub(in_digits, text)


def in_words(number: int) -> str:
    """Return a number from 0 to 999 in English words."""
    if number < 20:
        return ONES[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return TENS[tens - 2] + (f"-{ONES[ones]}" if ones else "")
    hundreds, rest = divmod(number, 100)
    return f"{ONES[hundreds]} hundred" + (f" and {in_words(rest)}" if rest else "")


def in_figures(words: str) -> int:
    """Return the value of a number in English words, under a million."""
    whole = part = 0
    for word in re.split(r"[-\s]+", words.lower()):
        if word == "hundred":
            part *= 100
        elif word == "thousand":
            whole, part = part * 1000, 0
        else:
            part += VALUES[word]
    return whole + part
