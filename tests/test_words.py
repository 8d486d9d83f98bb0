"""Where words are, in any script."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.props import quick
from textclf.words import word_spans


def words(text: str) -> list[str]:
    return [text[start:end] for start, end in word_spans(text)]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Shells fell, twice.", ["Shells", "fell", ",", "twice", "."]),
        ("“We don’t know,” he said", ["“", "We", "don’t", "know", ",”", "he", "said"]),
        ("al-Ḥamdānī's cease-fire - or not", ["al-Ḥamdānī's", "cease-fire", "-", "or", "not"]),
        ("3,000 men at 18:40, not 2.5.", ["3,000", "men", "at", "18:40", ",", "not", "2.5", "."]),
        ("jose\u0301 met him", ["jose\u0301", "met", "him"]),
        ("قصف السوق، قُتل", ["قصف", "السوق", "،", "قُتل"]),
        ("می\u200cروند", ["می\u200cروند"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("軍は town", ["軍", "は", "town"]),
        ("🙂🙂 fled 👩‍👧", ["🙂🙂", "fled", "👩‍👧"]),
        ("half \ud800 a", ["half", "\ud800", "a"]),
        ("\ufefffirst", ["\ufeff", "first"]),
        ("", []),
        (" \t\r\n\u00a0\u3000", []),
    ],
)
def test_a_text_has_these_words(text: str, wanted: list[str]) -> None:
    assert words(text) == wanted


@quick
@given(st.text(st.characters(), max_size=60))
def test_words_are_in_order_apart_and_leave_out_white_space_alone(text: str) -> None:
    spans = word_spans(text)
    ends = [0, *(end for _, end in spans)]
    assert all(before <= start < end for before, (start, end) in zip(ends, spans, strict=False))
    covered = {place for start, end in spans for place in range(start, end)}
    assert covered == {place for place, character in enumerate(text) if not character.isspace()}
