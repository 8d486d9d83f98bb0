"""What captions and bylines show by themselves. A rule votes for a role or says nothing."""

from __future__ import annotations

import re

from textclf.articles.dates import AGO, CLOCK, DATES, YEARLESS, find_date, without_dates
from textclf.articles.roles.look import Look, Page
from textclf.articles.roles.vocabulary import (
    ATTRIBUTION,
    BY,
    CAPTION_STARTS,
    CONTRIBUTED,
    CREDITS,
    IN_A_STAMP,
    POSTS,
    READING_TIME,
    SHOWING,
    SIGN_OFFS,
    STAMPS,
    plain,
)
from textclf.articles.roles.vote import Rule, Vote

BRACKETED_END = re.compile(r"[\[(]([^\[\]()]{3,80})[\])][.]?$")
AGENCY_END = re.compile(r"(?:^|[.!?”\"]\s+|\s[—–]\s)[^\W\d_][\w.'’ ]{1,30}\s?/\s?[^\W\d_][\w.'’& ]{1,30}$")
CREDIT_END = re.compile(
    r"(?:^|[.!?:”\")]\s+|\s[—–|-]\s|,\s)([^.!?]{0,20}(?:[:©/|]|\bby\b|\bcourtesy\b|\bvia\b)(?:[^.!?]|\b[^\W\d_]\.){1,60})[.]?$"
)
INITIALS = re.compile(r"^\(?[a-z]{2,4}(?:/[a-z]{2,4})+\)?(?:\s\([A-Z\d, ]+\))?$")
NAME_END = re.compile(r"[.!?]\s/\s?[^\W\d_]{2,20}(?: [^\W\d_]{2,20}){0,2}$")
STROKE = re.compile(r"[^\W\d_]{2,}\s?/\s?[^\W\d_]{2,}")
INITIALS_END = re.compile(r"[.!?]\s(?:[^\W\d_a-z]\.\s?){1,3}[^\W\d_a-z]{2,20}[.]?$")


def ends_in_a_credit(look: Look, page: Page) -> Vote | None:
    """A caption ends with who took the picture."""
    if look.n_words > 80:
        return None
    bracketed = BRACKETED_END.search(look.text)
    if bracketed and (CREDITS.search(plain(bracketed[1])) or STROKE.search(bracketed[1])):
        return Vote("caption", 5.0, "ends in the credit of a picture")
    tail = CREDIT_END.search(look.text)
    if tail and CREDITS.search(plain(tail[1])) and not look.plain.startswith("by "):
        return Vote("caption", 5.0, "ends in the credit of a picture")
    if re.search(r"\S\s*©\s?\S.{1,40}$", look.text) and "right" not in look.plain and look.n_words >= 5:
        return Vote("caption", 4.5, "ends in the credit of a picture")
    if INITIALS_END.search(look.text) and look.n_words >= 6:
        return Vote("caption", 4.0, "ends in a name set in capitals")
    if NAME_END.search(look.text) and look.n_words >= 5:
        return Vote("caption", 5.0, "ends in a name behind a stroke")
    if AGENCY_END.search(look.text) and (look.n_words <= 6 or look.sentences >= 1) and look.n_words < 60:
        return Vote("caption", 4.5, "ends in a name and an agency")
    return None


def begins_like_a_caption(look: Look, page: Page) -> Vote | None:
    """Such as 'FILE PHOTO:' or 'Above:'."""
    match = CAPTION_STARTS.match(look.plain)
    if match and re.match(r"\s*(?:\d+\w?)?\s*[:.–—-]\s*\S", look.plain[match.end() :]) and look.n_words < 70:
        return Vote("caption", 6.0, "begins like a caption")
    return None


def shows_a_scene(look: Look, page: Page) -> Vote | None:
    """People seen doing something, in the present tense, with no word of who said so."""
    if not 5 <= look.n_words <= 45 or not SHOWING.search(look.plain) or look.sentences > 2 or look.dateline:
        return None
    if ATTRIBUTION.search(look.plain) or look.text[:1] in "\"“'‘":
        return None
    dated = any(pattern.search(look.text) for pattern in (*DATES, YEARLESS)) or re.search(
        r"\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b", look.plain
    )
    verb = SHOWING.search(look.plain)
    early = verb is not None and len(look.plain[: verb.start()].split()) <= 9
    return Vote("caption", 1.6 if dated and early else 0.6, "shows a scene in the present tense")


def names_its_author(look: Look, page: Page) -> Vote | None:
    """Such as 'By Dana Ruiz, staff writer'."""
    match = BY.match(look.plain)
    if match is None or look.n_words > 16 or look.sentences > 1:
        return None
    rest = look.text[match.end() :].strip(" :,-–—")
    named = rest[:1].isupper() or not look.cased
    if named and (not look.ends or look.n_words <= 6) and match[0] not in {"from", "with", "خاص"}:
        return Vote("byline", 6.0, "names its author")
    return None


def names_a_post(look: Look, page: Page) -> Vote | None:
    """Such as 'Provinces correspondent' or 'Staff reporter'."""
    if look.n_words <= 7 and not look.ends and POSTS.search(look.plain):
        return Vote("byline", 3.0, "names who wrote it")
    return None


def only_dates(look: Look, page: Page) -> Vote | None:
    """A line that holds a date or a time of day, and hardly anything else."""
    if look.n_words > 18 or not any(c.isdigit() for c in look.text) or READING_TIME.search(look.plain):
        return None
    stamped = STAMPS.match(look.plain)
    if look.ends and look.n_words > 3 and not stamped and not find_date(look.text):
        return None  # a sentence that mentions an hour
    found = find_date(look.text) or CLOCK.search(look.text) or YEARLESS.search(look.text) or AGO.search(look.text)
    if not found:
        return None
    if not look.ends and re.search(r"(?<!\w)(?:by|por|par|von|بقلم) [^\W\d_a-z]", look.text, re.IGNORECASE):
        return Vote("byline", 5.0, "a date and an author")
    left = [word for word in re.findall(r"[^\W\d_]+", without_dates(look.text)) if plain(word) not in IN_A_STAMP]
    if stamped or len(left) <= 2:
        return Vote("byline", 5.0 if len(left) <= 1 or stamped else 3.5, "tells when it was published")
    if len(left) <= 5 and find_date(look.text) and not look.ends:
        return Vote("byline", 2.5, "a date and a few words")
    return None


def signs_off(look: Look, page: Page) -> Vote | None:
    """Such as '(Reporting by ...; editing by ...)', or a note of correction."""
    match = SIGN_OFFS.match(look.plain)
    if match and look.n_words <= 60 and (match[0] != "note" or look.text.lower().startswith("note:")):
        return Vote("byline", 6.0, "signs off or corrects the story")
    if look.n_words <= 40 and CONTRIBUTED.search(look.plain):
        return Vote("byline", 6.0, "says who contributed")
    if look.n_words <= 4 and INITIALS.match(look.text):
        return Vote("byline", 6.0, "initials that sign off")
    if look.n_words <= 8 and re.match(r"^[(\[—–-].{2,40}(?:[)\]]|$)", look.text) and CREDITS.search(look.plain):
        return Vote("byline", 3.0, "names an agency alone")
    return None


def is_a_dateline_alone(look: Look, page: Page) -> Vote | None:
    """A place and a day, with nothing after them."""
    if look.n_words <= 8 and re.match(r"^[^\W\d_][\w.' -]{1,30},\s", look.text) and look.text.split(",")[0].isupper():
        left = without_dates(look.text.split(",", 1)[1]).strip(" ,.–—-()")
        if not left or left.istitle():
            return Vote("byline", 3.5, "a dateline by itself")
    return None


RULES: tuple[Rule, ...] = (
    ends_in_a_credit,
    begins_like_a_caption,
    shows_a_scene,
    names_its_author,
    names_a_post,
    only_dates,
    signs_off,
    is_a_dateline_alone,
)
