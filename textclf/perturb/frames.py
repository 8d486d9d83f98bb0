"""What stands before and after the words of a story: datelines, tags of agencies, and what scraping drags along.

Every place, agency and name here is invented, and no tail speaks of an event, so that labels surely stay.
"""

from __future__ import annotations

import numpy as np

from textclf.articles.roles.look import DATELINE
from textclf.perturb.chance import one
from textclf.perturb.name_lists import MONTHS

PLACES = (
    "Tarsala", "Beit Zahran", "Qasr al-Naim", "Oruwe", "Port Halden", "Kefra", "San Aurelio", "Dovrin", "Mbelekwa",
    "Ain Dufa", "Lashkarabad", "Villa Serena", "Zarqun", "Novy Brod", "Ndarama", "Tel Omar", "Pueblo Hondo", "Karsun",
)  # fmt: skip
COUNTRIES = ("Jazran", "Marruna", "Costaverde", "Oruland", "Sahlan", "Veltia")
AGENCIES = ("Agency", "ANS", "Wire", "Meridian News", "GNA", "PressLine", "Own Correspondent", "TransPress", "EPN")
DATELINES = (
    "{CITY} — ",
    "{CITY} – ",
    "{CITY} - ",
    "{CITY} ({agency}) — ",
    "{CITY} ({agency}) -- ",
    "{City} ({agency}) - ",
    "{CITY}, {month} {day} ({agency}) - ",
    "{City}, {day} {month} ({agency}) – ",
    "{CITY}, {month} {day}, {year} ({agency}) — ",
    "{CITY}, {Country}, {month} {day} ({agency}) -- ",
    "{CITY}, {Country} ({agency}) — ",
    "{CITY} ({agency}), {day} {month} – ",
)
REPORTERS = ("Lena Okafor", "Samir Haddadin", "Ines Valcárcel", "Tom Brannock", "Aya Kurosawa", "Paul Ndiema")
AGENCY_TAGS = (
    "(Reporting by {one} and {two})",
    "(Reporting by {one}; Editing by {two})",
    "(Reporting by {one} in {City}; Writing by {two})",
    "({agency})",
    "— {agency}",
    "{agency}/ln/{day}",
    "With {agency}",
    "© {year} {agency}",
)
TAILS = (
    "Related: {headline}",
    "Read more: {headline}",
    "Read more",
    "READ ALSO: {headline}",
    "See also: {headline} | {other}",
    "Tags: {City}, {Country}, News",
    "Share this article Facebook Twitter Email",
    "Click here to subscribe to our newsletter",
    "Advertisement",
    "Last updated: {day} {month} {year}",
    "Photo: {one}/{agency}",
    "Continue reading the main story",
)
HEADLINES = (
    "Apple growers hope for a dry autumn",
    "New library opens its doors",
    "Five recipes for a late summer",
    "Museum finds a lost watercolour",
    "Rain returns to the coast",
    "Choir wins second prize in Veltia",
)


def dateline_added(text: str, rng: np.random.Generator) -> str:
    """Return a text that opens with a dateline; one that has its own keeps that alone."""
    if not text.strip() or find_dateline(text):
        return text
    return _filled(one(DATELINES, rng), rng) + text.lstrip()


def dateline_removed(text: str, _: np.random.Generator) -> str:
    """Return a text less the dateline it opens with."""
    return text[find_dateline(text) :]


def agency_tag(text: str, rng: np.random.Generator) -> str:
    """Return a text that closes with the tag of an agency or the names of its reporters."""
    return f"{text.rstrip()} {_filled(one(AGENCY_TAGS, rng), rng)}" if text.strip() else text


def scraped_tail(text: str, rng: np.random.Generator) -> str:
    """Return a text with what stands below it on the page, by one line or two."""
    if not text.strip():
        return text
    tails = [_filled(one(TAILS, rng), rng) for _ in range(int(rng.integers(1, 3)))]
    return " ".join([text.rstrip(), *tails])


def find_dateline(text: str) -> int:
    """Return how many characters the dateline takes that a text opens with; 0 where there is none."""
    match = DATELINE.match(text[:120])
    if match is None:
        return 0
    place = match["place"].split(",")[0]
    return match.end() if place.isupper() or (match["agency"] and place[:1].isupper()) else 0


def _filled(form: str, rng: np.random.Generator) -> str:
    city = one(PLACES, rng)
    first, second = rng.permutation(len(REPORTERS))[:2].tolist()
    headline, other = rng.permutation(len(HEADLINES))[:2].tolist()
    return form.format(
        City=city,
        CITY=city.upper(),
        Country=one(COUNTRIES, rng),
        agency=one(AGENCIES, rng),
        month=one(MONTHS, rng),
        day=int(rng.integers(1, 29)),
        year=int(rng.integers(1998, 2026)),
        one=REPORTERS[first],
        two=REPORTERS[second],
        headline=HEADLINES[headline],
        other=HEADLINES[other],
    )
