"""What a piece shows by where it stands between the head of a page and its text."""

from __future__ import annotations

import re

from textclf.articles.roles.layout import FARTHEST
from textclf.articles.roles.look import Look, Page
from textclf.articles.roles.prose import is_box_title
from textclf.articles.roles.vocabulary import ATTRIBUTION, KEY_POINTS, MENU, SHOWING, plain
from textclf.articles.roles.vote import Rule, Vote

SEPARATED = re.compile(r"[|›»>/·•]")


def is_all_there_is(look: Look, page: Page) -> Vote | None:
    """A single line is the text itself."""
    return Vote("paragraph", 12.0, "all there is") if len(page.looks) == 1 and page.headed else None


def is_the_headline(look: Look, page: Page) -> Vote | None:
    """The first line above the text that could be one."""
    return Vote("heading", 5.0, "the headline") if look.index == page.title else None


def stands_above_the_headline(look: Look, page: Page) -> Vote | None:
    """What is short and stands above the headline belongs to the site."""
    if page.title is None or look.index >= page.title or look.ends:
        return None
    if (
        look.index == page.title - 1
        and look.n_words <= 4
        and look.plain not in MENU
        and not SEPARATED.search(look.text)
        and look.index
    ):
        return Vote("heading", 2.0, "a few words right above the headline")
    if look.n_words <= 10 and page.roles[look.index] in ("heading", "navigation"):
        return Vote("navigation", 3.0, "stands above the headline")
    return None


def stands_below_the_headline(look: Look, page: Page) -> Vote | None:
    """A line right below the headline that is no byline sums up the story."""
    if page.title is None or not page.title < look.index <= page.title + 2 or look.index > page.body[0]:
        return None
    lower = not look.cased or look.title_share < 0.8
    if (
        look.n_words >= 7
        and not look.capitals
        and lower
        and page.roles[look.index] in ("heading", "paragraph", "teaser")
    ):
        return Vote("paragraph", 5.0 if look.piece.tag else 3.0, "sums up the story below the headline")
    return None


def names_people_below_the_headline(look: Look, page: Page) -> Vote | None:
    """Two or three capitalised words between headline and text are the author."""
    if page.title is None or not page.title < look.index < page.body[0] or look.index > page.title + 6:
        return None
    words = [
        word.strip(",.;&")
        for word in look.words
        if word.lower().strip(",.") not in ("and", "y", "et", "de", "in", "/", "&")
    ]
    if not (2 <= len(words) <= 6 and look.n_words <= 8 and not look.ends and look.cased) or plain(look.text) in MENU:
        return None
    beside = [
        side
        for side in (page.before(look.index), page.after(look.index))
        if side and page.roles[side.index] == "byline"
    ]
    if all(word[:1].isupper() for word in words if word) and (not look.capitals or (beside and len(words) <= 4)):
        return Vote("byline", 2.6, "a name between headline and text")
    return None


def shows_the_picture(look: Look, page: Page) -> Vote | None:
    """Between byline and text, a line of some length with no full stop, on a page that has them, is a caption."""
    if (
        page.title is None
        or not page.title + 1 < look.index < page.body[1]
        or look.ends
        or look.cut_off
        or look.index > page.title + 12
    ):
        return None
    above = [page.roles[i] for i in range(page.title + 1, look.index)]
    if (
        "paragraph" in above[1:]
        or not {"byline", "navigation"} & set(above)
        or not 7 <= look.n_words <= 60
        or look.dateline
    ):
        return None
    following = page.after(look.index)
    if following is None or page.roles[following.index] not in ("paragraph", "navigation", "byline") or look.capitals:
        return None
    ended = sum(page.looks[i].ends for i in page.prose)
    return (
        Vote("caption", 3.5, "a line without a full stop between byline and text")
        if ended * 2 > len(page.prose)
        else None
    )


def opens_with_a_scene(look: Look, page: Page) -> Vote | None:
    """The first text below the byline is a caption where it shows a scene in the present tense."""
    before, following = page.before(look.index), page.after(look.index)
    if page.title is None or look.index != page.body[0] or before is None or following is None or look.dateline:
        return None
    scene = SHOWING.search(look.plain)
    early = scene is not None and len(look.plain[: scene.start()].split()) <= 5 and look.text[:1].isupper()
    between = page.roles[before.index] in ("byline", "navigation") and page.roles[following.index] == "paragraph"
    if early and between and look.n_words <= 50 and not ATTRIBUTION.search(look.plain.split(". ")[0]):
        return Vote("caption", 6.5, "shows a scene above the text")
    return None


def lists_the_points(look: Look, page: Page) -> Vote | None:
    """Three lines or more without full stops, between headline and text, list the points."""
    if page.title is None or not page.title < look.index < page.body[0] or look.ends or not 4 <= look.n_words <= 20:
        return None
    start = stop = look.index
    while start - 1 > max(page.title, look.index - FARTHEST) and _could_be_a_point(page.looks[start - 1], page):
        start -= 1
    while stop + 1 < min(page.body[0], look.index + FARTHEST) and _could_be_a_point(page.looks[stop + 1], page):
        stop += 1
    return (
        Vote("list", 4.0, "one of several points below the headline")
        if stop - start >= 2 and _could_be_a_point(look, page)
        else None
    )


def _could_be_a_point(look: Look, page: Page) -> bool:
    return (
        4 <= look.n_words <= 20
        and not look.ends
        and page.roles[look.index] in ("heading", "list", "paragraph")
        and not look.capitals
    )


def stands_between_headline_and_text(look: Look, page: Page) -> Vote | None:
    """A few words there that are no byline are buttons or labels."""
    if page.title is None or not page.title < look.index < page.body[0] or page.roles[look.index] != "heading":
        return None
    if (
        look.n_words <= 5
        and look.plain not in KEY_POINTS
        and not is_box_title(look)
        and not look.piece.tag.startswith("h")
    ):
        return Vote("navigation", 2.0, "a few words between headline and text")
    return None


RULES: tuple[Rule, ...] = (
    is_all_there_is,
    is_the_headline,
    stands_above_the_headline,
    stands_below_the_headline,
    names_people_below_the_headline,
    shows_the_picture,
    opens_with_a_scene,
    lists_the_points,
    stands_between_headline_and_text,
)
