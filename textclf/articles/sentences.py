"""Paragraphs become sentences, for who labels a sentence at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from types import ModuleType
from typing import get_args

from textclf.errors import DataError, import_extra
from textclf.records import Passage, Unit

UNITS: tuple[Unit, ...] = get_args(Unit)


def check_unit(unit: str) -> Unit:
    """Return a unit's name if it is known.

    Raises:
        DataError: When it is not.
    """
    for known in UNITS:
        if unit == known:
            return known
    raise DataError(f"unit {unit!r} is not known; it must be one of {', '.join(UNITS)}")


def split_units(passages: Iterable[Passage], *, unit: Unit, language: str = "en") -> Iterator[Passage]:
    """Return the passages as they are, or their sentences.

    Args:
        passages: Paragraphs.
        unit: ``"paragraph"`` or ``"sentence"``.
        language: See `split_sentences`.

    Raises:
        DataError: When `unit` is another.
        MissingExtraError: When sentences are asked for and the extra `sentences` is not installed.
    """
    return split_sentences(passages, language) if check_unit(unit) == "sentence" else iter(passages)


def split_sentences(passages: Iterable[Passage], language: str = "en") -> Iterator[Passage]:
    """Return every sentence of the passages, numbered from 0 within its paragraph.

    A paragraph with no sentence end, or with nothing in it, is one sentence. A sentence has a place of its own in the
    input where its paragraph's text is as long as the place it has there, for then every character stands where it
    stood; where white space was folded away, a sentence keeps the place of its paragraph. What stands before it in
    its paragraph is its context in the place of the paragraph before.

    Args:
        passages: Paragraphs.
        language: An ISO 639-1 code: abbreviations and marks differ. One that is not known is read as English.

    Raises:
        MissingExtraError: When the package that splits is not installed.
    """
    sentencex = import_extra("sentencex", extra="sentences", purpose="labelling sentence by sentence")
    return (sentence for passage in passages for sentence in _of_passage(passage, sentencex, language))


def _of_passage(passage: Passage, sentencex: ModuleType, language: str) -> Iterator[Passage]:
    text, start, end = passage.text, passage.start, passage.end
    stands = start if start is not None and end is not None and end - start == len(text) else None
    places = _places(text, sentencex.segment(language, text)) or [(0, len(text))]
    for number, (first, last) in enumerate(places):
        yield replace(
            passage,
            text=text[first:last],
            sentence=number,
            start=start if stands is None else stands + first,
            end=end if stands is None else stands + last,
            previous=text[:first].strip() or passage.previous,
        )


def _places(text: str, parts: list[str]) -> list[tuple[int, int]]:
    """Return where each part begins and ends in the text, without white space around it; blank parts are left out."""
    places, at = [], 0
    for part in parts:
        at = text.index(part, at)
        inner = part.strip()
        if inner:
            first = at + len(part) - len(part.lstrip())
            places.append((first, first + len(inner)))
        at += len(part)
    return places
