"""Plain text is parted into pieces: one a line, parted by blank lines, or hard-wrapped and joined again."""

from __future__ import annotations

import textwrap

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.props import quick
from textclf.articles import read_article
from textclf.articles.clean import clean
from textclf.articles.text import read_pieces
from textclf.errors import TextclfError
from textclf.records import Article

STORY = (
    "Gunmen seized a bus with forty passengers on the road north of Terhan on Monday, and drove it into the hills "
    "before the army reached the crossing, two drivers who saw it said.",
    "The governor said that nobody had claimed the attack. He asked the families to wait at the old customs house, "
    "where the names of the passengers would be read out in the evening.",
    "A shepherd found the empty bus on Tuesday. Its windows were whole, its engine was still warm, and a child's shoe "
    "lay under the last seat, a police officer told reporters who had followed the track on foot.",
)
BODY = (
    "Gunmen seized a bus with forty passengers on the road north of the town on Monday, two drivers said.",
    "The governor said that nobody had claimed the attack, and asked the families to wait at the customs house.",
    "A shepherd found the empty bus on Tuesday. Its engine was still warm, a police officer told reporters.",
    "Talks with the valley's elders would begin on Wednesday, the governor added.",
)


def pieces(text: str) -> list[str]:
    return [piece.text for piece in read_pieces(text)]


def wrapped(width: int, *, between: str = "\n\n", indent: str = "", mark: str = "") -> str:
    return between.join(
        "\n".join(textwrap.wrap(paragraph, width, initial_indent=mark + indent, subsequent_indent=mark))
        for paragraph in STORY
    )


@pytest.mark.parametrize("between", ["\n", "\n\n", "\n \t\n", "\n\n\n\n", "\x0c", "\r\n\r\n", "\r", "\u2028", "\u2029"])
def test_paragraphs_of_a_line_each_stay_whole(between: str):
    assert pieces(between.join(STORY)) == list(STORY)


@pytest.mark.parametrize("width", [38, 60, 72, 80])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_hard_wrapped_paragraphs_between_blank_lines_are_joined(width: int, end: str):
    assert pieces(wrapped(width).replace("\n", end)) == list(STORY)


@pytest.mark.parametrize("width", [38, 60, 72, 80])
def test_hard_wrapped_paragraphs_with_an_indent_are_joined(width: int):
    assert pieces(wrapped(width, between="\n", indent="    ")) == list(STORY)


@pytest.mark.parametrize("width", [60, 72, 80])
def test_hard_wrapped_paragraphs_without_blank_lines_end_with_a_short_line(width: int):
    assert pieces(wrapped(width, between="\n")) == list(STORY)


@pytest.mark.parametrize("mark", ["> ", ">> ", "> > ", ">"])
def test_marks_of_quoting_are_no_part_of_the_text(mark: str):
    assert pieces(wrapped(60, mark=mark).replace("\n\n", f"\n{mark.strip()}\n")) == list(STORY)


def test_a_quoted_line_and_the_answer_below_it_stay_apart():
    text = wrapped(60) + "\n> The governor said that the road north of Terhan would\n> stay closed until the spring."
    assert pieces(text)[3:] == ["The governor said that the road north of Terhan would stay closed until the spring."]


def test_words_hyphenated_at_the_end_of_a_line_become_whole():
    text = (
        "The governor asked the families of the pas-\nsengers to wait at the old customs house, and\n"
        "the army sent two well-known officers to the\nvalley, where nobody had seen the gunmen since\n"
        "Sunday; then a letter came from the well-\nknown shepherd who had found the bus."
    )
    assert pieces(text) == [
        "The governor asked the families of the passengers to wait at the old customs house, and the army sent two "
        "well-known officers to the valley, where nobody had seen the gunmen since Sunday; then a letter came from "
        "the well-known shepherd who had found the bus."
    ]


def test_a_soft_hyphen_at_the_end_of_a_line_breaks_a_word():
    text = "The governor asked the families of the pas\u00ad\nsengers to wait at the old customs house, and\nstayed."
    assert pieces(text) == [
        "The governor asked the families of the passengers to wait at the old customs house, and stayed."
    ]


def test_running_heads_and_page_numbers_are_joined_to_nothing():
    first, second = textwrap.wrap(STORY[0], 60), textwrap.wrap(STORY[1], 60)
    head = "THE CANAL AND COUNTY WEEKLY"
    text = "\n".join([head, *first, "- 7 -", head, *second, "- 8 -", head, *textwrap.wrap(STORY[2], 60)])
    assert pieces(text) == [head, STORY[0], "- 7 -", head, STORY[1], "- 8 -", head, STORY[2]]


@pytest.mark.parametrize("bullet", ["•", "-", "–", "*", "1.", "(2)", "a)"])
def test_a_bullet_begins_a_piece_and_stays_in_the_text(bullet: str):
    items = [f"{bullet} {text}" for text in BODY]
    text = wrapped(60) + "\n\n" + "\n".join("\n".join(textwrap.wrap(item, 60)) for item in items)
    assert pieces(text) == [*STORY, *items]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("The\u00a0army \u2003 came.", "The army came."),
        ("The ar\u00admy\u200b came\u200e.", "The army came."),
        ("“The army” – ‘came’…", "“The army” – ‘came’…"),
        ("\ufeffThe\tarmy came.", "The army came."),
        ("The \x01army\x7f came.", "The army came."),
        ("\u202eThe army came.\u202c", "The army came."),
        ("می\u200cروم به شهر.", "می\u200cروم به شهر."),
    ],
)
def test_white_space_is_folded_and_what_cannot_be_seen_is_dropped(written: str, read: str):
    assert pieces(written) == [read]


def test_arabic_lines_are_paragraphs_and_wrapped_ones_are_joined():
    story = (
        "قال شهود إن مسلحين خطفوا حافلة تقل أربعين راكبا على الطريق شمال المدينة قبل وصول الجيش إلى المعبر.",
        "وأضاف المحافظ أن أحدا لم يعلن مسؤوليته عن الهجوم وطلب من العائلات الانتظار في مبنى الجمارك القديم حتى المساء.",
    )
    assert pieces("\n".join(story)) == list(story)
    assert pieces("\n\n".join("\n".join(textwrap.wrap(paragraph, 50)) for paragraph in story)) == list(story)


def test_menus_of_short_lines_are_never_joined():
    menu = ["Home", "World", "Sport", "About us", "Contact us", "Subscribe"]
    assert pieces("\n".join(menu)) == menu


CANONICAL = """Home
World
Politics
Sport
Subscribe
Gunmen seize bus with forty passengers north of Terhan
By Dana Ruiz
{date}
{caption}
TERHAN — {0}
{1}
{heading}
{2}
{3}
{related}
{teasers}
{rights}
"""
VARIATIONS = [
    {
        "date": "March 14, 2021",
        "caption": "Families wait outside the customs house in Terhan on Monday. (Photo: Harbour Times)",
        "heading": "Nobody claimed",
        "related": "Related Articles",
        "teasers": "Armed men abducted three teachers in Sorn on Friday as they walked home from...\n"
        "Kidnappers of the Pell fishermen asked for diesel, the mayor of the village said on...",
        "rights": "© 2021 Harbour Times. All rights reserved.",
    },
    {
        "date": "Published 14 March 2021, 10:42 GMT",
        "caption": "FILE PHOTO: Soldiers stand at the crossing north of Terhan. REUTERS/Ana Tolm",
        "heading": "Empty bus",
        "related": "You may also like",
        "teasers": "Three teachers were abducted in Sorn on Friday, their union said, and the road …\n"
        "Gunmen who held nine fishermen let them go on Sunday after their village …",
        "rights": "Privacy policy",
    },
    {
        "date": "14/03/2021 - 10:42",
        "caption": "The road north of Terhan, where the bus was stopped on Monday. Image: Ana Tolm/Harbour Times",
        "heading": "Warm engine",
        "related": "More stories",
        "teasers": "Abducted teachers seen in the hills above Sorn, a shepherd told the police [...]\n"
        "A ransom was paid for the nine fishermen of Pell, a deputy said on Monday [...]",
        "rights": "Follow us on Facebook",
    },
]


@pytest.mark.parametrize("between", ["\n", "\n\n"])
@pytest.mark.parametrize("parts", VARIATIONS)
def test_of_a_canonical_page_only_the_body_is_labelled(parts: dict[str, str], between: str):
    article = read_article(CANONICAL.format(*BODY, **parts).replace("\n", between))
    assert [paragraph.text for paragraph in article.paragraphs] == [f"TERHAN — {BODY[0]}", *BODY[1:]]
    roles = {block.text: block.role for block in article.blocks}
    assert article.title == "Gunmen seize bus with forty passengers north of Terhan"
    assert article.date == "2021-03-14"
    assert article.byline == "By Dana Ruiz"
    assert article.dateline == "TERHAN"
    assert roles["Home"] == roles["Subscribe"] == roles[parts["rights"]] == "navigation"
    assert roles[parts["caption"]] == "caption"
    assert roles[parts["heading"]] == roles[parts["related"]] == "heading"
    assert {roles[teaser] for teaser in parts["teasers"].split("\n")} == {"teaser"}


FRAGMENTS = (
    *STORY,
    *BODY,
    "Home",
    "Share",
    "> quoted mail",
    "• a point of three words",
    "By Dana Ruiz",
    "14 March 2021",
    "Related Articles",
    "Gunmen seize bus…",
    "TERHAN — ",
    "co-\noperate",
    "co\u00ad\noperate",
)
PAGES_OF_TEXT = st.text(max_size=200) | st.lists(
    st.sampled_from([*FRAGMENTS, "\n", "\n\n", "\r\n", "\r", "\x0c", "\u2028", " ", "\t", "    ", "\u00a0", "\u200b"])
    | st.text(max_size=5),
    max_size=30,
).map("".join)


def read(text: str) -> Article | None:
    try:
        return read_article(text)
    except TextclfError:
        return None


@quick
@example("\u00ad")
@example("a\u00ad\nb")
@example("> a\n>\n> b")
@pytest.mark.filterwarnings("ignore::textclf.errors.TextclfWarning")
@given(PAGES_OF_TEXT)
def test_the_blocks_of_any_text_hold_all_that_is_read_in_order(text: str):
    article = read(text)
    if article is None:
        return
    end = 0
    for block in article.blocks:
        assert end <= block.start < block.end <= len(text)
        assert not clean(text[end : block.start]).strip("> ")
        source = text[block.start : block.end]
        if len(source.splitlines()) == 1 and not clean(source).startswith(">"):
            assert clean(source) == block.text
        end = block.end
    assert not clean(text[end:]).strip("> ")
    assert read(text) == article


@pytest.mark.filterwarnings("ignore::textclf.errors.TextclfWarning")
@pytest.mark.parametrize(
    "unit",
    ["(", "a-", "a- ", ".", "- ", "a/", "[a", "© ", "a,", "…", "a@", "A. ", "1 jan ", '"', "é", "م", "x\n", "\ud800"],
)
def test_a_text_of_one_sign_over_and_over_is_read(unit: str):
    article = read_article("Gunmen seized a bus on Monday, police said.\n" + (unit * 99_000)[:99_000])
    assert article.blocks[0].text == "Gunmen seized a bus on Monday, police said."
    assert all(len(p.text) <= 100_000 for p in article.paragraphs)


@pytest.mark.filterwarnings("ignore::textclf.errors.TextclfWarning")
def test_a_line_of_megabytes_is_kept_and_is_no_paragraph():
    article = read_article("word " * 1_000_000)
    assert [(block.role, len(block.text)) for block in article.blocks] == [("navigation", 4_999_999)]
    assert "over 100,000 characters" in article.blocks[0].reason


@pytest.mark.filterwarnings("ignore::textclf.errors.TextclfWarning")
def test_thousands_of_short_blocks_are_read():
    lines = [f"Line {number}" for number in range(5_000)]
    assert [block.text for block in read_article("\n".join(lines)).blocks] == lines


def test_endless_spaces_are_no_text():
    with pytest.raises(TextclfError, match="no text"):
        read_article(" " * 1_000_000)
