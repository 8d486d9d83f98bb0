"""Names of people and places: found by their capitals, and changed for others, the same one each time it comes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from textclf.perturb.name_lists import ARABIC, BEFORE_PLACES, BEGINNINGS, NO_NAMES, ORGANISATIONS, SPANISH, NameList

_LATIN = [chr(code) for code in (*range(0x250), *range(0x1E00, 0x1F00))]
_UPPER = "".join(c for c in _LATIN if c.isupper())
_LOWER = "".join(c for c in _LATIN if c.islower())
_WORD = rf"(?:(?:al|el|an|ar|as|ad|bin|ibn)-)?[{_UPPER}](?:['’][{_UPPER}])?[{_LOWER}]+(?:[-'’]?[{_UPPER}][{_LOWER}]+)*"
RUN = re.compile(rf"(?<![\w'’-]){_WORD}(?: {_WORD})*(?![\w])")
LAST_WORD = re.compile(r"([^\W\d_]+)\s$")
STARTS_SENTENCE = re.compile(r"(?:^|[.!?:…»”\"]|\s[—–-]{1,2})[\s\"'“‘«(]*$|[\"“‘«]$")
ARTICLES = ("the", "a", "an")  # what follows one is rarely a name of the kinds sought: the Notary, the Assumption
MOST_CAPITALS = 0.6  # of a longer text's words: with more it is a headline, and capitals tell no names
FEW_WORDS = 5

MARKS = {
    **dict(zip("aiuAIU", "āīūĀĪŪ", strict=True)),
    **dict(zip("eoEO", "éóÉÓ", strict=True)),
    **dict(zip("hstdzHSTDZ", "ḥṣṭḍẓḤṢṬḌẒ", strict=True)),
    **dict(zip("nN", "ñÑ", strict=True)),
}


@dataclass(frozen=True)
class Name:
    """A name in a text: its words, where it stands, and whether what stands before it tells a place."""

    words: tuple[str, ...]
    start: int
    end: int
    is_place: bool


def find_names(text: str) -> list[Name]:
    """Return what look like names of people and places.

    Words with capitals that follow one another; not what only begins a sentence, nor titles, weekdays and peoples,
    nor the name of a body (see `name_lists`). In a headline, where most words have capitals, there are none to tell.
    """
    runs = list(RUN.finditer(text))
    n_words = len(text.split())
    capitals = sum(run[0].count(" ") + 1 for run in runs)
    if not runs or (n_words > FEW_WORDS and capitals > MOST_CAPITALS * n_words):
        return []
    within = {word for run in runs if not _starts_sentence(text, run.start()) for word in run[0].split(" ")}
    return [name for run in runs for name in _names_of(text, run, within)]


def _names_of(text: str, run: re.Match[str], within: set[str]) -> Iterator[Name]:
    words = [(word[0], run.start() + word.start(), run.start() + word.end()) for word in re.finditer("[^ ]+", run[0])]
    if any(word in ORGANISATIONS for word, _, _ in words):
        return
    if _starts_sentence(text, run.start()) and (words[0][0].lower() in BEGINNINGS or len(words) == 1):
        first = words[0]
        words = words[1:] if first[0] not in within or first[0].lower() in BEGINNINGS else words
        before = first[0].lower()
    else:
        told = LAST_WORD.search(text[max(0, run.start() - 16) : run.start()])
        before = told[1].lower() if told else ""
    pending: list[tuple[str, int, int]] = []
    for word in [*words, None]:
        if word is not None and word[0] not in NO_NAMES:
            pending.append(word)
            continue
        if pending and before not in ARTICLES:
            is_place = before in BEFORE_PLACES
            yield Name(tuple(w for w, _, _ in pending), pending[0][1], pending[-1][2], is_place)
        pending, before = [], ""


def _starts_sentence(text: str, start: int) -> bool:
    return STARTS_SENTENCE.search(text[max(0, start - 6) : start]) is not None if start else True


def arabic_names(text: str, rng: np.random.Generator) -> str:
    """Return a text whose people and places have Arabic names, as scholars transliterate them."""
    return _renamed(text, ARABIC, int(rng.integers(2**32)))


def spanish_names(text: str, rng: np.random.Generator) -> str:
    """Return a text whose people and places have Spanish names."""
    return _renamed(text, SPANISH, int(rng.integers(2**32)))


def diacritics_added(text: str, rng: np.random.Generator) -> str:
    """Return a text whose names have an accent each, the same wherever they come."""
    seed = int(rng.integers(2**32))
    return _replaced(text, lambda name: " ".join(_marked(word, seed) for word in name.words))


def _renamed(text: str, names: NameList, seed: int) -> str:
    """Return a text with other names; what each becomes hangs on itself and the seed alone, so that it stays one."""
    found = find_names(text)
    people = [name.words for name in found if len(name.words) > 1 and not name.is_place]
    given = {word for words in people for word in words[:-1]}
    family = {words[-1] for words in people}
    places = {name.words for name in found if name.is_place and name.words[0] not in given | family}

    def other(name: Name) -> str:
        """Return the name that stands for this one."""
        if name.words in places:
            return _pick(names.places, " ".join(name.words), seed)
        *firsts, last = name.words
        lists = (names.given,) * len(firsts) + (names.given if last in given - family else names.family,)
        return " ".join(_pick(choices, word, seed) for choices, word in zip(lists, name.words, strict=True))

    return _replaced(text, other, found)


def _replaced(text: str, other: Callable[[Name], str], found: Sequence[Name] | None = None) -> str:
    pieces, end = [], 0
    for name in find_names(text) if found is None else found:
        pieces += [text[end : name.start], other(name)]
        end = name.end
    return "".join([*pieces, text[end:]])


def _pick(choices: Sequence[str], word: str, seed: int) -> str:
    return choices[_hash(word, seed) % len(choices)]


def _marked(word: str, seed: int) -> str:
    places = [place for place, letter in enumerate(word) if letter in MARKS]
    if not places:
        return word
    place = places[_hash(word, seed) % len(places)]
    return word[:place] + MARKS[word[place]] + word[place + 1 :]


def _hash(word: str, seed: int) -> int:
    return crc32(f"{seed} {word}".encode())
