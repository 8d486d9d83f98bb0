"""Which language a text is written in, told by a small model that comes inside a package (the extra `language`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from typing import Any

READ = 200  # characters of a text that are looked at: a seventh of a millisecond
LEAST = 40  # letters among them; of fewer nothing is said
SURE = 0.75  # of the model's confidence; under it nothing is said
MOST_LEARNT = 2_000  # training texts that are looked at, evenly spread
FIRST, EVERY = 1_000, 10  # of a stream every one of so many is looked at, and then one in so many


def can_tell() -> bool:
    """Tell whether the package is installed that languages are told by."""
    return find_spec("py3langid") is not None


def language_of(text: str) -> str:
    """Return the language of a text's beginning as an ISO 639 code: ``"en"``.

    It is "" where that is not sure: under 40 letters, names alone, a mixture; and where the extra is not installed.
    """
    beginning = text.strip()[:READ]
    if not can_tell() or sum(map(str.isalpha, beginning)) < LEAST:
        return ""
    code, confidence = _identifier().classify(beginning.encode("utf-8", errors="replace"))
    return str(code) if confidence >= SURE else ""


def count_languages(texts: Sequence[str]) -> dict[str, int]:
    """Return how many of the texts are in each language; of over 2,000 so many are looked at, evenly spread.

    Texts whose language is not sure are counted nowhere.
    """
    step = -(-len(texts) // MOST_LEARNT) or 1
    return dict(Counter(filter(None, map(language_of, texts[::step]))))


def looked_at() -> Iterator[bool]:
    """Yield for each text of a stream whether its language is looked at: the first 1,000, and then one in ten.

    So ten in a row that are in another language are always met, at a tenth of the cost.
    """
    number = 0
    while True:
        yield number < FIRST or number % EVERY == 0
        number += 1


@cache
def _identifier() -> Any:
    """Return the model; loading it takes half a second."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
