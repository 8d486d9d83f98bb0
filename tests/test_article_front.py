"""What stands around the text: title, byline, date, source and dateline."""

from __future__ import annotations

import pytest

from textclf.articles import read_article
from textclf.articles.front import Front, read_front
from textclf.records import Article, Block

FIRST = "Gunmen seized a bus with forty passengers on the road north of the town on Monday, two drivers said."
SECOND = "The governor said that nobody had claimed the attack, and asked the families to wait at the customs house."
TITLE = "Gunmen seize bus with forty passengers north of Terhan"


def page(*top: str, first: str = FIRST, below: tuple[str, ...] = ()) -> Article:
    return read_article("\n".join([*top, first, SECOND, *below]))


@pytest.mark.parametrize("above", [(), ("Home", "World", "Sport"), ("Harbour Times", "Provinces"), ("Breaking news",)])
@pytest.mark.parametrize("between", [(), ("By Dana Ruiz", "14 March 2021")])
def test_the_headline_is_found_below_menus(above: tuple[str, ...], between: tuple[str, ...]):
    assert page(*above, TITLE, *between).title == TITLE


def test_a_page_without_a_headline_has_no_title():
    assert page().title == ""
    assert page("Home", "World").title == ""


@pytest.mark.parametrize(
    "line",
    [
        "By Dana Ruiz",
        "By Dana Ruiz and Ana Tolm",
        "By Dana Ruiz, staff writer",
        "Por Ana Tolm",
        "بقلم سامي نور",
        "Dana Ruiz",
    ],
)
def test_the_byline_is_the_line_that_names_the_author(line: str):
    assert page(TITLE, line, "14 March 2021").byline == line


def test_a_byline_may_stand_below_the_text():
    assert page(TITLE, below=("By Dana Ruiz",)).byline == "By Dana Ruiz"


def test_who_edited_a_story_is_not_its_author():
    article = page(TITLE, below=("(Reporting by Dana Ruiz; editing by Ana Tolm)",))
    assert article.byline == ""
    assert article.blocks[-1].role == "byline"


@pytest.mark.parametrize(
    ("line", "raw", "iso"),
    [
        ("14 March 2021", "14 March 2021", "2021-03-14"),
        ("Published: March 14, 2021, 10:42 GMT", "March 14, 2021, 10:42 GMT", "2021-03-14"),
        ("Domingo, 14 de marzo de 2021", "14 de marzo de 2021", "2021-03-14"),
        ("14/3/2021", "14/3/2021", "2021-03-14"),
        ("Posted 3/4/2021", "3/4/2021", ""),
        ("3 hours ago", "", ""),
    ],
)
def test_the_date_is_kept_as_written_and_resolved_where_it_can_be(line: str, raw: str, iso: str):
    article = page(TITLE, line)
    assert (article.date_raw, article.date) == (raw, iso)


def test_the_date_of_publication_goes_before_others():
    assert page("Monday, 15 March 2021", TITLE, "Updated 16 March 2021", "Published 14 March 2021").date == "2021-03-14"
    assert page("15 March 2021", TITLE, "By Dana Ruiz").date == "2021-03-15"
    assert page(TITLE, below=("Published 14 March 2021",)).date == "2021-03-14"


def test_a_date_within_the_text_is_not_that_of_publication():
    assert page(TITLE, first=f"{FIRST} The road was built on 14 March 1921.").date == ""


@pytest.mark.parametrize(
    ("line", "source"),
    [
        ("© 2021 Harbour Times. All rights reserved.", "Harbour Times"),
        ("Copyright © 2019-2021 Harbour Times Ltd", "Harbour Times"),
        ("© 2021", ""),
        ("© all rights reserved", ""),
    ],
)
def test_the_source_is_read_out_of_the_line_of_rights(line: str, source: str):
    assert page(TITLE, below=(line,)).source == source


def test_the_source_may_be_the_agency_of_the_dateline_or_the_head_of_the_page():
    assert page(TITLE, first=f"TERHAN (Pan Press) — {FIRST}").source == "Pan Press"
    assert page("Harbour Times", "Home", "World", TITLE).source == "Harbour Times"
    assert page("Home", "World", TITLE).source == ""


@pytest.mark.parametrize(
    ("opening", "place"),
    [
        ("TERHAN — ", "TERHAN"),
        ("TERHAN, Lassan – ", "TERHAN, Lassan"),
        ("TERHAN, March 14 (Pan Press) - ", "TERHAN"),
        ("PORT ESSEN (Pan Press) -- ", "PORT ESSEN"),
        ("Terhan (Pan Press) — ", "Terhan"),
        ("", ""),
        ("The bridge — ", ""),
    ],
)
def test_the_dateline_is_the_place_that_the_story_opens_with(opening: str, place: str):
    article = page(TITLE, first=opening + FIRST)
    assert article.dateline == place
    assert article.paragraphs[0].text == opening + FIRST


def test_what_is_seen_goes_before_what_a_page_says_of_itself_but_for_the_source():
    blocks = [
        Block("heading", TITLE, 0, 1),
        Block("byline", "By Dana Ruiz", 2, 3),
        Block("byline", "14 March 2021", 4, 5),
        Block("paragraph", FIRST, 6, 7),
        Block("navigation", "© 2021 Harbour Times", 8, 9),
    ]
    said = Front("Said", "Someone", "2020-01-01", "2020-01-01", "The Ledger")
    seen = read_front(blocks, title=0, body=3, said=said)
    assert seen == Front(TITLE, "By Dana Ruiz", "2021-03-14", "14 March 2021", "The Ledger", "")
    assert read_front(blocks[3:4], title=None, body=0, said=said) == said
    assert read_front([], title=None, body=0) == Front()
