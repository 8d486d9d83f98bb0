"""What running text, headings and other stories show by themselves. A rule votes for a role or says nothing."""

from __future__ import annotations

import re

from textclf.articles.roles.look import Look, Page
from textclf.articles.roles.vocabulary import ATTRIBUTION, BY, OTHER_STORIES, OTHER_STORIES_BEGIN, POINTERS
from textclf.articles.roles.vote import Rule, Vote
from textclf.articles.text import BULLET
from textclf.records import MAX_CHARACTERS

QUOTED_WHOLE = re.compile(r"""^["“«„].{8,}["”»]$""")
LABELLED = re.compile(r"^[^.!?:]{2,40}:$")


def reads_like_prose(look: Look, page: Page) -> Vote | None:
    """Several sentences, or one of some length, are a paragraph."""
    if look.n_words >= 18 and look.ends and (look.sentences > 1 or look.n_words >= 25):
        return Vote("paragraph", 4.0 + min(look.n_words, 60) / 30, f"{look.n_words} words of running text")
    return None


def is_one_sentence(look: Look, page: Page) -> Vote | None:
    """A whole sentence may be a paragraph of its own."""
    if look.ends and 5 <= look.n_words < 25 and not reads_like_prose(look, page):
        return Vote("paragraph", 2.0 if look.n_words < 9 else 3.0, "a whole sentence")
    return None


def is_long_without_an_end(look: Look, page: Page) -> Vote | None:
    """A long piece is a paragraph even where its full stop was lost."""
    if look.n_words >= 25 and not look.ends:
        return Vote("paragraph", 3.0 if look.n_words < 40 else 5.0, f"{look.n_words} words, though no full stop")
    return None


def opens_with_a_dateline(look: Look, page: Page) -> Vote | None:
    """A place and a dash open the first paragraph of an agency's story."""
    return Vote("paragraph", 2.5, "opens with a dateline") if look.dateline else None


def says_who_said_it(look: Look, page: Page) -> Vote | None:
    """Reported speech belongs to the story."""
    if look.n_words >= 6 and look.ends and ATTRIBUTION.search(look.plain):
        return Vote("paragraph", 1.0, "says who said it")
    return None


def introduces_something(look: Look, page: Page) -> Vote | None:
    """A clause that ends in a colon leads on to a quotation or a list of the story."""
    if 5 <= look.n_words < 40 and look.text.endswith(":") and not BY.search(look.plain):
        return Vote("paragraph", 2.5, "leads on with a colon")
    return None


def is_short_without_an_end(look: Look, page: Page) -> Vote | None:
    """A line of a few words that is no sentence may be a heading."""
    if look.letters and look.n_words <= 16 and not look.ends and not look.cut_off:
        return Vote("heading", 1.5 if look.n_words > 1 else 0.8, "a short line that is no sentence")
    return None


def announces_other_stories(look: Look, page: Page) -> Vote | None:
    """Such as 'Related articles': what follows are other stories."""
    if is_box_title(look):
        return Vote("heading", 7.0, "announces other stories")
    return None


def is_box_title(look: Look) -> bool:
    """Tell whether a piece is the title of a box of other stories."""
    if look.plain in OTHER_STORIES:
        return True
    return (
        look.n_words <= 7
        and not look.ends
        and bool(OTHER_STORIES_BEGIN.search(look.plain))
        and ":" not in look.text[:-1]
    )


def is_a_lone_label(look: Look, page: Page) -> Vote | None:
    """A few words and a colon head what follows."""
    if look.n_words <= 4 and LABELLED.match(look.text) and not BY.search(look.plain):
        return Vote("heading", 1.5, "a few words and a colon")
    return None


def is_cut_off(look: Look, page: Page) -> Vote | None:
    """A text that breaks off in an ellipsis was cut to fit a box."""
    if look.cut_off and look.n_words >= 4:
        return Vote("teaser", 3.5, "breaks off in an ellipsis")
    return None


def points_to_another_story(look: Look, page: Page) -> Vote | None:
    """Such as 'READ MORE: Gunmen seize bus'."""
    head = re.split(r"\s?[:|›»–—>→]\s", look.plain, maxsplit=1)[0]
    if look.plain.startswith("more than "):  # 'More than forty died: ...' points nowhere
        return None
    begins = POINTERS.match(look.plain) or OTHER_STORIES_BEGIN.match(look.plain)
    if begins and len(head) < len(look.plain) and len(head.split()) <= 5 and 3 <= look.n_words <= 45:
        return Vote("teaser", 7.0, "points to another story")
    if re.match(r"list \d+ of \d+\W", look.plain):
        return Vote("teaser", 7.0, "an item of a list of stories")
    if look.text[:1] in "←→▶►➤»" and look.n_words > 2 and "«" not in look.text:
        return Vote("teaser", 3.0, "points to another story")
    return None


def is_a_bullet(look: Look, page: Page) -> Vote | None:
    """An item behind a bullet or a number."""
    match = BULLET.match(look.text)
    if match is None or look.n_words < 3:
        return None
    dash = look.text[0] in "–—-" and look.text.count(look.text[0]) > 1
    return Vote("list", 3.0 if dash else 5.0, "an item behind a bullet")


def is_a_quotation_alone(look: Look, page: Page) -> Vote | None:
    """A quotation with nobody to say it was set apart."""
    if 4 <= look.n_words <= 45 and QUOTED_WHOLE.match(look.text) and not ATTRIBUTION.search(look.plain):
        return Vote("pull_quote", 1.2, "a quotation by itself")
    return None


def is_too_long(look: Look, page: Page) -> Vote | None:
    """Nothing over 100,000 characters is a paragraph."""
    if len(look.text) > MAX_CHARACTERS:
        return Vote("navigation", 50.0, f"over {MAX_CHARACTERS:,} characters without a break: no paragraph")
    return None


RULES: tuple[Rule, ...] = (
    reads_like_prose,
    is_one_sentence,
    is_long_without_an_end,
    opens_with_a_dateline,
    says_who_said_it,
    introduces_something,
    is_short_without_an_end,
    announces_other_stories,
    is_a_lone_label,
    is_cut_off,
    points_to_another_story,
    is_a_bullet,
    is_a_quotation_alone,
    is_too_long,
)
