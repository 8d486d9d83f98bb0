"""Dates as pages write them are found; what only looks like one is not."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.props import quick
from textclf.articles.dates import MONTHS, find_date, without_dates


@pytest.mark.parametrize(
    "text",
    [
        "2021-03-14",
        "2021/03/14",
        "2021.3.14",
        "2021-03-14T10:42:00Z",
        "2021-03-14 10:42:00 +0200",
        "14.03.2021",
        "14/3/2021",
        "14-03-2021",
        "03/14/2021",
        "3/14/2021, 10:42 AM",
        "14 March 2021",
        "14 Mar 2021",
        "14 Mar. 2021",
        "14-Mar-2021",
        "14th March 2021",
        "14th of March 2021",
        "14 March, 2021",
        "March 14, 2021",
        "March 14th, 2021",
        "Mar. 14, 2021",
        "MARCH 14, 2021",
        "March 14 2021",
        "March 14, 2021 at 10:42 p.m. EST",
        "Sunday, March 14, 2021",
        "14 de marzo de 2021",
        "14 de marzo del 2021",
        "14 marzo 2021",
        "14 mars 2021",
        "14 mars 2021 à 10h42",
        "14 de março de 2021",
        "14. März 2021",
        "14. März 2021, 10:42 Uhr",
        "14 مارس 2021",
        "١٤ مارس ٢٠٢١",
        "14 آذار/مارس 2021",
        "14 آذار 2021",
        "۱۴ مارس ۲۰۲۱",
    ],
)
@pytest.mark.parametrize("around", ["{}", "Published: {}", "Terhan, {} |", "({})"])
def test_a_date_is_found_however_it_is_written(text: str, around: str):
    found = find_date(around.format(text))
    assert found is not None
    assert found.iso == "2021-03-14"
    assert found.raw in text


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("1er janvier 2020", "2020-01-01"),
        ("1º de enero de 2020", "2020-01-01"),
        ("2nd February 2020", "2020-02-02"),
        ("29 février 2020", "2020-02-29"),
        ("3. Mai 2020", "2020-05-03"),
        ("5 Sept 2021", "2021-09-05"),
        ("5 SEPT. 2021", "2021-09-05"),
        ("5 ſept 2021", "2021-09-05"),
        ("12 كانون الثاني 2020", "2020-01-12"),
        ("12 كانون الأول 2020", "2020-12-12"),
        ("12 تشرين الأول 2020", "2020-10-12"),
        ("5/5/2021", "2021-05-05"),
    ],
)
def test_dates_of_several_languages(text: str, iso: str):
    found = find_date(text)
    assert found is not None
    assert (found.raw, found.iso) == (text, iso)


@pytest.mark.parametrize("name", sorted(MONTHS))
@pytest.mark.parametrize("shape", [str, str.upper, str.title])
def test_every_month_has_its_number(name: str, shape: type[str]):
    found = find_date(f"14 {shape(name)} 2021")
    assert found is not None
    assert found.iso == f"2021-{MONTHS[name]:02d}-14"


@pytest.mark.parametrize("text", ["03/04/2021", "3.4.2021", "12-11-2021"])
def test_figures_that_may_be_read_both_ways_are_found_and_not_resolved(text: str):
    assert find_date(f"Posted {text}") == (text, "")


@pytest.mark.parametrize("text", ["31 February 2021", "2021-13-45", "45/45/2021", "30.02.2021", "1 May 0000"])
def test_a_day_that_never_was_is_not_resolved(text: str):
    found = find_date(text)
    assert found is None or found.iso == ""


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Monday",
        "10:42",
        "3 hours ago",
        "14 March",
        "March 2021",
        "2021",
        "the march on the capital in 2021",
        "555-01-2021777",
        "version 1.2.2021.4",
        "192.168.2021.1",
        "14 marching bands 2021",
        "may 2 of them come",
        "call 020-3031-2021-44",
        "1/2/20210",
    ],
)
def test_what_is_no_full_date_is_not_found(text: str):
    assert find_date(text) is None


def test_the_first_date_is_taken_with_its_time_of_day():
    text = "Published 14 March 2021, 10:42 GMT; updated 15 March 2021"
    assert find_date(text) == ("14 March 2021, 10:42 GMT", "2021-03-14")


@pytest.mark.parametrize(
    "text",
    [
        "Sunday, March 14, 2021 10:42 a.m.",
        "14 March",
        "3 hours ago",
        "10:42 GMT",
        "yesterday",
        "hace 3 horas",
        "lundi 14 mars 2021",
        "الأحد 14 مارس 2021",
    ],
)
def test_nothing_is_left_of_a_line_that_only_dates(text: str):
    assert without_dates(text).strip(" ,") == ""


def test_all_else_is_left():
    assert without_dates("Gunmen seized 40 people on the bus") == "Gunmen seized 40 people on the bus"


@quick
@example("5 ſept 2021")
@example("१४ March 2021")
@given(
    st.text(max_size=60)
    | st.lists(
        st.sampled_from(["14", "3", "March", "mars", "de", "2021", "/", "-", ".", ",", " ", "at", "10:42", "ſ", "٣"]),
        max_size=12,
    ).map("".join)
)
def test_any_text_is_searched(text: str):
    found = find_date(text)
    assert found is None or found.raw in text
    assert isinstance(without_dates(text), str)
