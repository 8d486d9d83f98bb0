"""What a piece shows by where it stands in the text and below it."""

from __future__ import annotations

import re

from textclf.articles.roles.credits import only_dates
from textclf.articles.roles.layout import FARTHEST, next_role
from textclf.articles.roles.look import Look, Page
from textclf.articles.roles.prose import QUOTED_WHOLE, is_box_title
from textclf.articles.roles.vocabulary import ABOUT_AUTHOR, ATTRIBUTION, KEY_POINTS, POSTS, TAGGED
from textclf.articles.roles.vote import Rule, Vote

FAR_BELOW = 4  # pieces between the text and a sentence that does not belong to it
MOST_PIECES = 3_000  # on a longer page nothing is looked for in the whole text


def heads_a_section(look: Look, page: Page) -> Vote | None:
    """A few words between two paragraphs head what follows."""
    if (
        page.boxed[look.index]
        or not page.body[0] < look.index <= page.body[1]
        or look.ends
        or look.n_words > 7
        or look.text.endswith(",")
    ):
        return None
    following = next_role(look, page, step=1)
    if following in ("paragraph", "list", "caption") and not (look.text.endswith(":") and look.n_words > 3):
        return Vote("heading", 2.5, "a few words that head what follows")
    return None


def interrupts_the_story(look: Look, page: Page) -> Vote | None:
    """A headline between two paragraphs is that of another story."""
    if page.boxed[look.index] or not page.body[0] < look.index < page.body[1] or look.ends or look.index == page.title:
        return None
    if (
        7 <= look.n_words <= 24
        and page.roles[look.index] in ("heading", "teaser")
        and look.text[:1] not in '"“‘«'
        and not look.piece.tag.startswith("h")
    ):
        strange = not look.names & page.body_names
        return Vote("teaser", 2.5 if strange else 1.2, "a headline that interrupts the story")
    return None


def stands_in_a_box(look: Look, page: Page) -> Vote | None:
    """What follows the title of a box belongs to other stories."""
    if not page.boxed[look.index] or page.roles[look.index] in ("byline", "navigation") or only_dates(look, page):
        return None
    if look.n_words >= 4:
        return Vote("teaser", 6.0 if look.n_words < 30 else 5.0, "stands under a title that announces other stories")
    return Vote("navigation", 2.5, "a word or two in a box of other stories")


def comes_after_the_body(look: Look, page: Page) -> Vote | None:
    """Below the last paragraph a headline is that of another story, and a word or two are a menu."""
    if look.index <= page.body[1] or page.boxed[look.index] or look.ends or is_box_title(look):
        return None
    if look.n_words > 25 or look.sentences:
        return None
    if look.n_words >= 5 and not look.text.endswith(":"):
        return Vote("teaser", 2.5, "a headline below the text")
    return Vote("navigation", 2.0, "a few words below the text")


def stands_far_below_the_text(look: Look, page: Page) -> Vote | None:
    """A single sentence below the text, with menus and bylines on both sides, is the site's."""
    index = look.index - 1
    while index > page.body[0] and page.roles[index] in ("navigation", "byline", "teaser", "heading"):
        index -= 1
    following = page.after(look.index)
    alone = following is None or page.roles[following.index] not in ("paragraph", "list")
    if look.index - index > FAR_BELOW and alone and look.n_words <= 20 and not look.dateline and index > page.body[0]:
        return Vote("navigation", 4.5, "a single sentence far below the text")
    return None


def breaks_off_the_story(look: Look, page: Page) -> Vote | None:
    """Text that breaks off right below the headline or a paragraph was cut by a paywall, not to fit a box."""
    before = page.before(look.index)
    follows = before is not None and page.roles[before.index] == "paragraph"
    opens = page.title is not None and page.title < look.index <= min(page.title + 5, page.body[0])
    if look.cut_off and look.n_words >= 12 and not page.boxed[look.index] and (opens or (follows and look.sentences)):
        return Vote("paragraph", 6.5, "the story breaks off")
    return None


def is_one_of_many_cards(look: Look, page: Page) -> Vote | None:
    """On a page of several cards, each with its outlet and age, what stands below those is another story's."""
    if len(page.ages) < 3 or look.n_words < 3 or page.roles[look.index] in ("byline", "caption"):
        return None
    if page.title is not None and look.index <= page.body[0] < len(page.looks):
        return None  # a headline and its date are no card
    titled = look.index >= 2 and page.looks[look.index - 2].n_words >= 3 and not page.looks[look.index - 2].is_prose
    if (look.index - 1 in page.ages and titled) or (look.index + 1 in page.ages and not look.is_prose):
        return Vote("teaser", 7.0, "one of several cards with outlet and age")
    return None


def is_a_quotation_within(look: Look, page: Page) -> Vote | None:
    """A quotation with nobody to say it and no full stop of its own, between two paragraphs."""
    if not page.body[0] < look.index < page.body[1] or not 4 <= look.n_words <= 35 or page.boxed[look.index]:
        return None
    if QUOTED_WHOLE.match(look.text) and not ATTRIBUTION.search(look.plain) and not look.ends:
        return Vote("pull_quote", 3.0, "a quotation by itself")
    return None


def stands_above_a_forwarded_message(look: Look, page: Page) -> Vote | None:
    """What the sender of a forwarded article wrote above it."""
    if look.index < page.last_mail_header and look.n_words < 60:
        return Vote("navigation", 6.0, "stands above a forwarded message")
    return None


def tells_of_the_author_at_the_end(look: Look, page: Page) -> Vote | None:
    """The last paragraph, where it tells of a reporter or of who is named in the byline."""
    match = ABOUT_AUTHOR.search(look.plain)
    if match is None and POSTS.search(look.plain):
        match = re.search(r"\b(?:is|was)\b", look.plain)
    if match is None or look.n_words > 60 or len(look.plain[: match.start()].split()) > 5:
        return None
    name = " ".join(look.words[:2])
    if name in page.signed or look.index >= page.body[1]:
        return Vote("navigation", 5.0, "tells of the author at the end")
    return None


def comes_after_the_end(look: Look, page: Page) -> Vote | None:
    """What stands below 'ENDS' or '###', or under 'About the ministry', is there on every page of the house."""
    if page.end_mark is not None and look.index > page.end_mark:
        return Vote("navigation", 4.0 if look.is_prose else 3.0, "comes after the mark of the end")
    index = look.index - 1
    while index > 0 and page.roles[index] in ("paragraph", "navigation") and look.index - index < 4:
        index -= 1
    above = page.looks[max(index, 0)]
    if (
        look.index > above.index
        and above.n_words <= 7
        and above.plain.startswith("about ")
        and not above.ends
        and page.body[0] < above.index
    ):
        return Vote("navigation", 6.0, "stands under a heading that begins with 'About'")
    return None


def opens_another_story(look: Look, page: Page) -> Vote | None:
    """A second dateline, of another place, below a headline that is not the first, opens another story."""
    first = page.looks[page.body[0]] if page.body[0] < len(page.looks) else None
    if not look.dateline or first is None or first.dateline is None or look.index <= page.body[0] + 1:
        return None
    if look.dateline["place"] == first.dateline["place"] or not page.boxed[look.index]:
        return None
    return Vote("teaser", 3.0, "opens with the dateline of another story")


def repeats_on_the_page(look: Look, page: Page) -> Vote | None:
    """The same short line again and again is a running head, or a button."""
    times = page.counts[look.plain]
    if times >= 2 and look.n_words <= 14 and look.index != page.title and look.letters:
        weight = 4.0 if times > 2 and not look.ends else 2.0
        return Vote("navigation", weight, f"stands on the page {times} times")
    return None


def repeats_the_story(look: Look, page: Page) -> Vote | None:
    """A sentence of the story set again by itself."""
    if (
        not 4 <= look.n_words <= 45
        or look.index == page.title
        or len(page.looks) > MOST_PIECES
        or page.counts[look.plain] > 2
    ):
        return None
    own = page.roles[look.index] == "paragraph"
    if look.plain and page.body_text.count(look.plain) > own:
        return Vote("pull_quote", 8.0, "repeats a sentence of the story")
    return None


def is_a_key_point(look: Look, page: Page) -> Vote | None:
    """A line under 'Summary' or 'Key points'."""
    index = look.index - 1
    while index >= 0 and page.roles[index] == "list" and look.index - index < FARTHEST:
        index -= 1
    above = page.looks[index] if index >= 0 else None
    if above is None or above.plain not in KEY_POINTS or look.dateline or look.n_words > 30 or look.sentences > 1:
        return None
    return Vote("list", 4.0, "stands under key points") if look.n_words > 3 else None


def stands_among_tags(look: Look, page: Page) -> Vote | None:
    """A word or two under 'Tags' or 'Related topics'."""
    index = look.index - 1
    while (
        index >= 0
        and page.looks[index].n_words <= 4
        and page.looks[index].plain not in TAGGED
        and look.index - index < FARTHEST
    ):
        index -= 1
    if index >= 0 and page.looks[index].plain in TAGGED and look.n_words <= 4:
        return Vote("navigation", 3.0, "stands among tags")
    return None


def stands_among_menus(look: Look, page: Page) -> Vote | None:
    """A word or two with menus on both sides."""
    sides = (page.before(look.index), page.after(look.index))
    if (
        look.n_words <= 4
        and not look.ends
        and all(side is None or page.roles[side.index] == "navigation" for side in sides)
    ):
        return Vote("navigation", 2.0, "stands among menus")
    return None


def stands_by_a_caption(look: Look, page: Page) -> Vote | None:
    """A name below a caption took the picture."""
    before = page.before(look.index)
    if before is None or page.roles[before.index] != "caption" or look.n_words > 5 or look.ends:
        return None
    return Vote("caption", 2.5, "stands below a caption") if re.search(r"/|©", look.text) else None


RULES: tuple[Rule, ...] = (
    heads_a_section,
    interrupts_the_story,
    stands_in_a_box,
    comes_after_the_body,
    stands_far_below_the_text,
    breaks_off_the_story,
    is_one_of_many_cards,
    is_a_quotation_within,
    stands_above_a_forwarded_message,
    tells_of_the_author_at_the_end,
    comes_after_the_end,
    opens_another_story,
    repeats_on_the_page,
    repeats_the_story,
    is_a_key_point,
    stands_among_tags,
    stands_among_menus,
    stands_by_a_caption,
)
