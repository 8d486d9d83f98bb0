"""What menus, buttons and the words of a site for itself show. A rule votes for a role or says nothing."""

from __future__ import annotations

import re

from textclf.articles.dates import CLOCK, find_date
from textclf.articles.roles.look import Look, Page
from textclf.articles.roles.vocabulary import ABOUT_AUTHOR, ATTRIBUTION, MENU, REQUESTS, SERVICE, YOU, plain
from textclf.articles.roles.vote import Rule, Vote

ADDRESS = re.compile(
    r"^(?:(?:https?://|www\.)\S+|\S+@\S+\.\w+|[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|info|news|example|test)(?:/\S*)?)$",
    re.I,
)
MAIL_HEADER = re.compile(
    r"^(?:from|to|cc|bcc|subject|sent|date|reply-to|de|para|asunto|à|objet|fwd?|re)\s?:\s?\S", re.IGNORECASE
)
FORWARDED = re.compile(r"^-{2,}\s?(?:original|forwarded)|^begin forwarded|wrote:$|^-- ?$", re.IGNORECASE)
COUNTED = re.compile(
    r"^[\d.,]+k?\s+(?:comments?|shares?|views?|likes?|replies|reactions?|followers|posts|comentarios|commentaires|تعليق\w*)\b|^(?:comments?|views|shares|posts|joined)\s*[:(]?\s*[\d.,]+",
    re.IGNORECASE,
)
PAGE_NUMBER = re.compile(
    r"^[-–—\[( ]*(?:page|p\.|pg\.?|pagina|página)?\s?\d{1,4}(?:\s?(?:of|/|de|sur)\s?\d{1,4})?[-–—\]) ]*$", re.IGNORECASE
)
TAG_LIST = re.compile(
    r"^(?:tags?|tagged|topics?|keywords?|filed under|categor(?:y|ies)|posted in|etiquetas|temas|mots-clés|وسوم)\s?[:»]"
    r"|^(?:#\w+[\s,]*)+$",
    re.IGNORECASE,
)
REFERENCE = re.compile(r"^(?:[#*=_~-]\s?){3,}$|^[-–— ]*(?:ends?|30|fin)[-–— ]*$", re.IGNORECASE)
LONGEST_WORD = 2_000  # characters of a menu word or an address
PHONE = re.compile(r"\+?\d[\d ()-]{7,}\d")


def is_a_menu_word(look: Look, page: Page) -> Vote | None:
    """Such as 'Home', 'Subscribe' or 'Share this'."""
    if look.plain in MENU or (len(look.plain) < LONGEST_WORD and re.sub(r"\s*[\d()]+$", "", look.plain) in MENU):
        return Vote("navigation", 5.0, "a word of menus")
    parts = [plain(part) for part in re.split(r"\s*[|›»>·•/,]\s*|\s{2,}", look.text) if plain(part)]
    if len(parts) > 1 and sum(part in MENU for part in parts) * 2 >= len(parts):
        return Vote("navigation", 5.0, "words of menus")
    words = [plain(word) for word in look.words]
    if 2 <= len(words) <= 24 and not look.ends and sum(word in MENU for word in words) >= 0.6 * len(words):
        return Vote("navigation", 4.5, "words of menus")
    return None


def is_parted_by_bars(look: Look, page: Page) -> Vote | None:
    """Short items between bars, arrows or dots are a menu or a path."""
    parts = re.split(r"\s+[|›»>·•/]\s+|\s*[|›»→]\s*", look.text)
    if len(parts) >= 2 and max(len(part.split()) for part in parts) <= 5 and not look.ends:
        return Vote("navigation", 2.0 if len(parts) == 2 else 3.5, "short items between bars")
    return None


def speaks_for_the_site(look: Look, page: Page) -> Vote | None:
    """Cookies, subscriptions, rights, sharing."""
    if look.n_words > 70 or look.dateline:
        return None
    if look.plain.startswith(("copyright", "©", "(c)")):
        return Vote("navigation", 8.0, "tells who holds the rights")
    found = SERVICE.findall(look.plain) + (["©"] if "©" in look.text[:40] or "(c)" in look.plain[:20] else [])
    if found and look.n_words <= 40:
        return Vote("navigation", 5.0 if look.n_words <= 14 or len(found) > 1 else 4.0, "the site speaks for itself")
    return Vote("navigation", 3.0 * len(found) - 2.0, "the site speaks for itself") if len(found) > 1 else None


def asks_something_of_the_reader(look: Look, page: Page) -> Vote | None:
    """Such as 'Click here to share' or 'Save articles to read later': a button, or a plea."""
    if look.n_words > 22 or look.text[:1] in "\"“'‘«" or ATTRIBUTION.search(look.plain):
        return None
    if page.speaks_to_you or look.text.endswith(("?", ":")):
        return None
    spoken_to = YOU.search(look.plain) is not None
    if look.words[0].lower() in REQUESTS and look.sentences <= 1:
        return Vote(
            "navigation",
            4.0 if look.n_words <= 14 and (spoken_to or look.n_words <= 8) else 2.0,
            "asks something of the reader",
        )
    return Vote("navigation", 2.0, "speaks to the reader") if spoken_to and look.n_words <= 12 else None


def is_a_user_name(look: Look, page: Page) -> Vote | None:
    """One word with an underscore, or of small letters and figures."""
    word = look.words[0] if look.n_words == 1 and not look.ends else ""
    if word and ("_" in word or word.startswith("@") or (word.islower() and look.cased)):
        return Vote("navigation", 3.0, "looks like a user's name")
    return None


def counts_or_numbers(look: Look, page: Page) -> Vote | None:
    """Page numbers, counts of comments, rules of signs."""
    if not look.letters and (find_date(look.text) or CLOCK.search(look.text)):
        return None
    if PAGE_NUMBER.match(look.text) or COUNTED.match(look.text) or REFERENCE.match(look.text) or not look.letters:
        return Vote("navigation", 5.0, "a number, a count or a rule of signs")
    return None


def is_an_address(look: Look, page: Page) -> Vote | None:
    """A web or mail address, a telephone number."""
    if look.n_words <= 3 and any(
        len(word) < LONGEST_WORD and ADDRESS.match(word.strip("<>(),")) for word in look.words
    ):
        return Vote("navigation", 4.0, "an address")
    if look.n_words <= 8 and PHONE.search(look.text) and not look.ends and not find_date(look.text):
        return Vote("navigation", 3.0, "a telephone number")
    return None


def is_a_mail_header(look: Look, page: Page) -> Vote | None:
    """Such as 'Subject: ...', or the mark of a forwarded message."""
    if (MAIL_HEADER.match(look.text) and look.n_words < 30) or FORWARDED.search(look.text):
        return Vote("navigation", 5.0, "the head of a message")
    return None


def lists_tags(look: Look, page: Page) -> Vote | None:
    """Such as 'Tags: clashes, Terhan' or '#Terhan'."""
    return Vote("navigation", 6.0, "a list of tags") if TAG_LIST.match(look.text) and look.n_words < 40 else None


def tells_of_the_author(look: Look, page: Page) -> Vote | None:
    """Such as 'Dana Ruiz is a reporter for the paper'."""
    match = ABOUT_AUTHOR.search(look.plain)
    if match and look.n_words <= 60 and len(look.plain[: match.start()].split()) <= 5 and look.text[:1].isupper():
        return Vote("navigation", 2.5, "tells of the author")
    return None


RULES: tuple[Rule, ...] = (
    is_a_menu_word,
    is_parted_by_bars,
    speaks_for_the_site,
    asks_something_of_the_reader,
    is_a_user_name,
    counts_or_numbers,
    is_an_address,
    is_a_mail_header,
    lists_tags,
    tells_of_the_author,
)
