"""Each perturbation does what it names, to any text, the same by seed; and the page about them is in step."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import AfterValidator, TypeAdapter, ValidationError

from tests.props import quick
from textclf.errors import ConfigError
from textclf.models.augment import augment
from textclf.perturb import PERTURBATIONS, check_shares, chosen_perturbations, perturb_some, perturb_texts
from textclf.perturb.frames import DATELINES, find_dateline
from textclf.perturb.name_lists import ARABIC, SPANISH
from textclf.perturb.names import find_names
from textclf.perturb.numbers import in_figures, in_words
from textclf.perturb.sentences import sentence_starts

NAMES = list(PERTURBATIONS)
TEXT = (
    "BEIRUT — “We don’t know,” Osama Derk said in Terhan – the army’s 2nd brigade left with 37 men. Gen. Derk, a "
    "fighter in the Fajr Front, freed thirty-seven captives & five officers on March 3. Shells fell on Terhan again."
)
AS_IT_WAS = [
    "One two; it’s “three”.",
    "Four five six seven.",
    "One two; its “three”.",
    "Four - five, six: seven. One, two; it’s “three”.",
    "One, two; it’s “three”. Four - five, six: seven.",
    "Four five six: seven.",
]
PAGE = Path(__file__).parent.parent / "docs" / "robustness.md"
SHOWN = {"\u00a0": "⍽", "\n": "⏎", "\t": "⇥", "\u2009": "·", "\u200b": "°", "  ": "␣␣"}
words = st.sampled_from(
    ["Terhan", "Osama Derk", "thirty-seven", "37", "“No,”", "said.", "—", "The", "in", "'s", "&", " "]
)
texts = st.one_of(st.text(max_size=300), st.lists(words, max_size=40).map(" ".join))


def change(name: str, text: str, seed: int = 0) -> str:
    return PERTURBATIONS[name].change(text, np.random.default_rng(seed))


@pytest.mark.parametrize("name", NAMES)
@quick
@given(text=texts, seed=st.integers(0, 2**32))
@example(text="", seed=0)
@example(text="\u0301", seed=0)
@example(text="اتفق الطرفان على هدنة، وقال الوسيط: «نعم».", seed=1)
@example(text="👩‍👩‍👧‍👦🇱🇧 ! ? . … — “”", seed=2)
@example(text="İstanbul'da ſix ıı ŉ ß Ⅷ ｆｕｌｌ", seed=3)
@example(text="\u202eabc \u200f", seed=4)
@example(text="Half \ud800 a character.", seed=5)
def test_any_text_is_changed_the_same_by_seed_and_within_bounds(name: str, text: str, seed: int) -> None:
    changed = change(name, text, seed)
    assert changed == change(name, text, seed)
    assert len(changed) <= 10 * len(text) + 250
    assert bool(changed.strip()) == bool(text.strip()) or name in ("quotes_lost", "punctuation_lost", "white_space")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("blank", ["", " ", "\n\t "])
def test_what_is_blank_stays_blank(name: str, blank: str) -> None:
    assert change(name, blank) == blank


@pytest.mark.parametrize("name", NAMES)
def test_every_perturbation_has_something_to_change_somewhere(name: str) -> None:
    given = {"quotes_curly": '"No," he said.', "dateline_added": "Rain fell.", "lost_capitals": "Rain fell."}.get(
        name, TEXT
    )
    if name == "ligatures":
        given = "five offices"
    elif name in ("decomposed", "diacritics_removed"):
        given = "José"
    assert any(change(name, given, seed) != given for seed in range(5))


UNTOUCHED = {
    "arabic_names": "Rain fell on the market, and the Fajr Front left on Monday.",
    "spanish_names": "RAIN FELL ON TERHAN.",
    "diacritics_added": "President and army.",
    "diacritics_removed": "हिन्दी में समाचार",
    "numbers_as_words": "On March 3 at 10:30, 3,400 left; $5 each, 64%, the 2nd of 1,000.5; a 5-day walk in 2011.",
    "numbers_as_digits": "One of them said no one came; someone won tenfold.",
    "first_sentence_cut": "Gen. Derk and Mr. Omar met.",
    "last_sentence_cut": "One sentence alone.",
    "cut_short": "Too few words to cut.",
    "dateline_removed": "Rain fell on the market - and stayed.",
    "dateline_added": "BEIRUT (Wire) — Rain fell.",
    "typos": "It was so he is an ox",
    "ocr": "tap",
    "lost_capitals": "rain fell. it stayed.",
    "lower_case": "rain 5",
    "upper_case": "مطر 5",
    "title_case": "Rain Fell",
    "quotes_lost": "Syria's mill, the army’s men",
    "quotes_straight": "'plain' \"quotes\"",
    "quotes_curly": "no quotes",
    "dashes_swapped": "half-asleep on pages 3–4",
    "punctuation_lost": "two  blanks\nstay.",
    "ligatures": "none here",
    "fullwidth": "مطر",
    "decomposed": "plain",
    "html_entities": "plain.",
    "mojibake": "plain - text.",
    "white_space": "one",
}


@pytest.mark.parametrize("name", UNTOUCHED)
def test_a_text_with_nothing_to_change_stays_the_same(name: str) -> None:
    for seed in range(8):
        assert change(name, UNTOUCHED[name], seed) == UNTOUCHED[name]


def test_only_what_always_adds_has_no_text_to_leave_alone() -> None:
    assert set(NAMES) - set(UNTOUCHED) == {"agency_tag", "scraped_tail"}


FIXED = [
    ("lower_case", "The UN left.", "the un left."),
    ("upper_case", "The UN left.", "THE UN LEFT."),
    ("title_case", "the army's men left", "The Army's Men Left"),
    ("lost_capitals", "“Rain fell,” he said. “It fell.” Gen. Derk saw Terhan. The end.",
     "“rain fell,” he said. “it fell.” gen. Derk saw Terhan. the end."),
    ("quotes_lost", "“We don’t,” he said: 'the \"army's\" men'", "We don’t, he said: the army's men"),
    ("quotes_straight", "“We don’t,” «no»", "\"We don't,\" \"no\""),
    ("quotes_curly", "\"We don't,\" he said. ('no' \"yes\")", "“We don’t,” he said. (‘no’ “yes”)"),
    ("first_sentence_cut", "Rain fell. “It fell,” he said. The end.", "“It fell,” he said. The end."),
    ("last_sentence_cut", "Rain fell. “It fell,” he said.  The end.", "Rain fell. “It fell,” he said."),
    ("dateline_removed", "BEIRUT, March 3 (Agency) - Rain fell.", "Rain fell."),
    ("numbers_as_words", "The 37 men and 340 boys saw 5.",
     "The thirty-seven men and three hundred and forty boys saw five."),
    ("numbers_as_digits", "Thirty-seven men, a hundred boys, two hundred and five thousand coins; three million.",
     "37 men, 100 boys, 205000 coins; 3 million."),
    ("diacritics_removed", "José al-Ḥamdānī of Łódź; كِتَاب", "Jose al-Hamdani of Lodz; كتاب"),
    ("ligatures", "five offices flee...", "ﬁve oﬃces ﬂee…"),
    ("decomposed", "José", "Jose\u0301"),
    ("mojibake", "“We don't” – é", "â€œWe donâ€™tâ€\u009d â€“ Ã©"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text", "expected"), FIXED, ids=[name for name, *_ in FIXED])
def test_what_does_not_hang_on_chance_is_as_written(name: str, text: str, expected: str) -> None:
    assert {change(name, text, seed) for seed in range(4)} == {expected}


def test_typos_leave_first_letters_and_short_words() -> None:
    for seed in range(40):
        changed = change("typos", TEXT, seed)
        pairs = list(zip(TEXT.split(), changed.split(), strict=True))
        assert all(old[0] == new[0] for old, new in pairs)
        assert all(old == new for old, new in pairs if len(old) < 4)
        assert 1 <= sum(old != new for old, new in pairs) < len(pairs) / 2


def test_misread_print_differs_in_single_letters() -> None:
    changed = {change("ocr", "the barn on the hill", seed) for seed in range(60)}
    assert {"thc barn on the hill", "the bam on the hill", "tbe barn on the hill"} <= changed


@pytest.mark.parametrize("form", DATELINES)
def test_every_dateline_that_is_added_can_be_found_and_removed(form: str) -> None:
    added = {change("dateline_added", "Rain fell on the market.", seed) for seed in range(150)}
    assert {change("dateline_removed", text) for text in added} == {"Rain fell on the market."}
    shape = re.escape(form).replace(r"\ ", " ")
    shape = re.sub(r"\\{(CITY|City|Country|agency|month|day|year)\\}", r"[\\w' -]+", shape)
    assert any(re.fullmatch(shape + r"Rain fell on the market\.", text) for text in added)
    assert all(find_dateline(text) for text in added)


@pytest.mark.parametrize("name", ["agency_tag", "scraped_tail"])
def test_tails_follow_the_whole_text(name: str) -> None:
    added = {change(name, TEXT, seed) for seed in range(60)}
    assert len(added) > 10
    assert all(text.startswith(TEXT + " ") and "{" not in text for text in added)


def test_a_text_cut_short_keeps_its_beginning() -> None:
    for seed in range(30):
        kept = re.sub(r"\s?(\[?\.\.\.\]?|…)$", "", change("cut_short", TEXT, seed))
        assert TEXT.startswith(kept)
        assert 0.45 * len(TEXT) < len(kept) < 0.95 * len(TEXT)


def test_dashes_all_take_one_style_and_hyphens_stay() -> None:
    changed = {change("dashes_swapped", "a — b--c – d half-asleep, 3–4", seed) for seed in range(40)}
    styles = ("—", " — ", " – ", " - ", "--", " -- ")
    assert changed == {f"a{style}b{style}c{style}d half-asleep, 3–4" for style in styles}


def test_names_are_found_and_bodies_titles_and_beginnings_are_not() -> None:
    names = find_names(
        "Gunmen took President Osama Derk in Terhan. The Fajr Front denied it on Monday; Derk's men and the Notary saw "
        "the Kurds near Port Halden. Terhan fell."
    )
    assert [(" ".join(name.words), name.is_place) for name in names] == [
        ("Osama Derk", False),
        ("Terhan", True),
        ("Derk", False),
        ("Port Halden", True),
        ("Terhan", False),
    ]
    assert find_names("Rebels Free Nineteen Teachers In Oruwe After Talks") == []


@pytest.mark.parametrize(("name", "names"), [("arabic_names", ARABIC), ("spanish_names", SPANISH)])
def test_a_name_becomes_the_same_other_one_each_time(name: str, names: object) -> None:
    text = "Later Osama Derk met some men in Terhan. But Derk has now left Terhan, said Osama."
    form = re.compile(r"Later (.+?) met some men in (.+?)\. But (.+?) has now left (.+?), said (.+?)\.")
    for seed in range(20):
        found = form.fullmatch(change(name, text, seed))
        assert found
        whole, place, family, again, given = found.groups()
        assert whole == f"{given} {family}"
        assert place == again
        assert (given in names.given, family in names.family, place in names.places) == (True,) * 3  # type: ignore[attr-defined]
    for listed in (names.given, names.family, names.places):  # type: ignore[attr-defined]
        assert len(set(listed)) == len(listed) >= 20


def test_accents_are_added_to_names_alone_and_the_same_each_time() -> None:
    changed = change("diacritics_added", "He met Osama Derk in Terhan, and Derk left.")
    plain = unicodedata.normalize("NFD", changed)
    assert "".join(c for c in plain if not unicodedata.combining(c)) == "He met Osama Derk in Terhan, and Derk left."
    before, after = re.findall(r"\bD\w+|\bḌ\w+", changed)
    assert before == after != "Derk"


def test_wide_letters_and_white_space_fold_back_to_the_text() -> None:
    for seed in range(20):
        assert unicodedata.normalize("NFKC", change("fullwidth", "rain fell, 37 left", seed)) == "rain fell, 37 left"
        noisy = change("white_space", "rain fell on the market", seed).replace("\u200b", "")
        assert noisy.split() == ["rain", "fell", "on", "the", "market"]
        assert noisy != "rain fell on the market" or "\u200b" in change("white_space", "rain fell on the market", seed)


def test_entities_read_as_html_are_the_text() -> None:
    from html import unescape

    text = "“We don't”, he said – a & b\u00a0<c> 'd' \"e\" …"
    changed = {change("html_entities", text, seed) for seed in range(10)}
    assert len(changed) == 2
    assert {unescape(each) for each in changed} == {text}


@pytest.mark.parametrize("number", [0, 7, 13, 40, 99, 100, 101, 340, 999])
def test_a_number_in_words_has_its_value(number: int) -> None:
    assert in_figures(in_words(number)) == number


def test_sentences_begin_after_closing_quotes_and_not_after_titles() -> None:
    text = "“Go,” said Gen. Derk. “Now!” He went. At 3.5 km it rained… then stopped?"
    assert [text[start:][:5] for start in sentence_starts(text)] == ["“Go,”", "“Now!", "He we", "At 3.", "then "]


def test_long_runs_of_blanks_cost_little() -> None:
    text = f"a{' ' * 50_000}b"
    for name in ("dashes_swapped", "lost_capitals", "quotes_curly"):
        assert change(name, text) == text
    assert change("punctuation_lost", text) == text


def test_contexts_go_through_the_same_draws_and_frames_leave_them_alone() -> None:
    given, beside = ["Later Osama Derk met men."] * 50, ["So Osama Derk left.", ""] * 25
    rng = np.random.default_rng(0)
    changed, contexts = perturb_texts(PERTURBATIONS["spanish_names"], given, beside, rng=rng)
    assert contexts is not None
    assert all(c == "" for c in contexts[1::2])
    for text, context in zip(changed[::2], contexts[::2], strict=True):
        assert text.removeprefix("Later ").removesuffix(" met men.") == context.removeprefix("So ").removesuffix(
            " left."
        )
    assert len(set(changed)) > 10
    assert perturb_texts(PERTURBATIONS["dateline_added"], given, beside, rng=rng)[1] == beside


def test_shares_choose_how_many_texts_change() -> None:
    given = [f"Rain fell {row}." for row in range(2_000)]
    changed, none = perturb_some(given, shares={"upper_case": 0.25}, rng=np.random.default_rng(0))
    assert none is None
    assert {new for old, new in zip(given, changed, strict=True) if old != new} <= {old.upper() for old in given}
    assert 400 < sum(old != new for old, new in zip(given, changed, strict=True)) < 600
    both = {"upper_case": 1.0, "dateline_added": 1.0}
    backwards = dict(reversed(both.items()))
    first, second = (perturb_some(given, shares=s, rng=np.random.default_rng(1))[0] for s in (both, backwards))
    assert first == second
    assert all(text == text.upper() and find_dateline(text) for text in first)


def test_augmentation_applies_perturbations_to_texts_and_contexts() -> None:
    given, targets, beside = (
        ["Rain fell, twice."] * 300,
        np.ones((300, 1), dtype=np.float32),
        ["Before, it was dry."] * 300,
    )
    still = {"join_neighbours": 0.0, "strip_punctuation": 0.0}
    rng = np.random.default_rng(0)
    changed, same, contexts = augment(given, targets, beside, **still, perturb={"upper_case": 0.5}, rng=rng)
    assert contexts is not None
    assert 100 < changed.count("RAIN FELL, TWICE.") < 200
    assert all(text.isupper() == context.isupper() for text, context in zip(changed, contexts, strict=True) if context)
    np.testing.assert_array_equal(same, targets)


def test_augmentation_without_perturbations_is_as_it_was() -> None:
    """Literal outcome of a seed: a training that names no perturbation keeps its texts."""
    given, rng = ["One, two; it’s “three”.", "Four - five, six: seven."] * 3, np.random.default_rng(5)
    changed, _, _ = augment(given, np.zeros((6, 1)), join_neighbours=0.3, strip_punctuation=0.5, rng=rng)
    assert changed == AS_IT_WAS


def test_unknown_perturbations_and_shares_out_of_bounds_are_refused_together() -> None:
    with pytest.raises(ConfigError) as caught:
        check_shares({"typo": 0.1, "ocr": 1.5, "upper_case": -0.1, "lower_case": 0.2})
    message = str(caught.value)
    assert "perturbation 'typo' is not known; did you mean 'typos'?" in message
    assert "the share of 'ocr' must be within 0 and 1, not 1.5" in message
    assert "'upper_case'" in message
    assert "the share of 'lower_case'" not in message
    with pytest.raises(ConfigError, match="within 0 and 1, not nan"):
        check_shares({"ocr": float("nan")})
    assert check_shares({"ocr": 1}) == {"ocr": 1}


def test_the_check_of_shares_serves_a_settings_class() -> None:
    from typing import Annotated

    adapter = TypeAdapter(Annotated[dict[str, float], AfterValidator(check_shares)])
    assert adapter.validate_python({"typos": 0.2}) == {"typos": 0.2}
    with pytest.raises(ValidationError, match="did you mean 'typos'"):
        adapter.validate_python({"typo": 0.2})


def test_perturbations_are_chosen_by_name_in_the_order_of_the_registry() -> None:
    assert [p.name for p in chosen_perturbations("typos, arabic_names,typos")] == ["arabic_names", "typos"]
    assert [p.name for p in chosen_perturbations("all")] == NAMES
    with pytest.raises(ConfigError, match=r"'lowercase' is not known; did you mean 'lower_case'\? \(known: all, "):
        chosen_perturbations(["lowercase"])
    with pytest.raises(ConfigError, match="no perturbation is named"):
        chosen_perturbations(" , ")


def visible(text: str) -> str:
    for hidden, shown in SHOWN.items():
        text = text.replace(hidden, shown)
    return text


def test_the_page_shows_every_perturbation_as_it_is() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (exact|may lose) \| (.+?) \| (.+?) → (.+?) \|$", PAGE.read_text("utf-8"), re.M)
    assert [name for name, *_ in rows] == NAMES
    for name, labels, _, before, after in rows:
        assert labels.replace(" ", "_") == PERTURBATIONS[name].labels
        shown = {visible(change(name, before.strip("`"), seed)) for seed in range(60)}
        assert after.strip("`") in shown
        assert before != after
