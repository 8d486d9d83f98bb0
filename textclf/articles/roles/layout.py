"""How a page is laid out: where its headline, its body and its boxes of other stories are."""

from __future__ import annotations

from textclf.articles.roles.look import Look, Page
from textclf.articles.roles.prose import is_box_title
from textclf.articles.roles.site import MAIL_HEADER, REFERENCE
from textclf.articles.roles.vocabulary import LINKING, MENU, plain

FARTHEST = 20  # pieces that a rule looks around


def settle(page: Page) -> None:
    """Find the headline, the body and the boxes of other stories, going by the roles given so far."""
    page.title = _find_title(page)
    page.boxed = _find_boxes(page)
    body = [i for i in page.prose if page.roles[i] == "paragraph" and not page.boxed[i]]
    page.body = (body[0], body[-1]) if body else (len(page.looks), len(page.looks))
    half = len(page.looks) // 2
    marks = [look.index for look in page.looks[half:] if REFERENCE.match(look.text)]
    page.end_mark = marks[0] if marks and body and marks[0] > body[0] else None
    heads = [look.index for look in page.looks[: half + 1] if MAIL_HEADER.match(look.text) and look.n_words < 30]
    page.last_mail_header = heads[-1] if len(heads) >= 2 else -1
    page.signed = "\n".join(look.text for look in page.looks[: page.body[0]] if page.roles[look.index] == "byline")
    page.body_names = frozenset().union(*(page.looks[i].names for i in body))
    page.body_text = "\n".join(page.looks[i].plain for i, role in enumerate(page.roles) if role == "paragraph")


def _find_title(page: Page) -> int | None:
    """Return the index of the headline: of the lines above the running text, the one most like a headline."""
    if not page.headed or len(page.looks) == 1:
        return None
    marked = [look.index for look in page.looks if look.piece.tag == "h1" and look.n_words >= 2]
    if marked:
        return _below_the_site(marked[0], page)
    first = next((i for i in page.prose if page.roles[i] == "paragraph"), len(page.looks))
    scored = [(score, -look.index) for look in page.looks[:first] if (score := _like_a_headline(look, page)) > 0]
    return -max(scored)[1] if scored else None


def _below_the_site(index: int, page: Page) -> int:
    """Return the index of the headline where the first `<h1>` is the name of the site: the heading below it."""
    look = page.looks[index]
    if "header" not in look.piece.within and not look.piece.names & {"header", "site", "blog", "masthead"}:
        return index
    first = next((i for i in page.prose if page.roles[i] == "paragraph"), len(page.looks))
    below = [other for other in page.looks[index + 1 : first] if other.piece.tag in ("h1", "h2", "h3")]
    named = [other.index for other in below if other.n_words >= 3 and not is_box_title(other)]
    return named[0] if named and {"article", "main"}.isdisjoint(look.piece.within) else index


def _like_a_headline(look: Look, page: Page) -> float:
    """Return how much a line is like a headline; 0 for not at all."""
    if (
        page.roles[look.index] not in ("heading", "paragraph")
        or is_box_title(look)
        or look.text.endswith((":", ",", "."))
    ):
        return 0.0
    if not 3 <= look.n_words <= 30 or (
        look.cased and not look.text.lstrip("\"'“‘«([¿¡")[:1].isupper() and not look.text[:1].isdigit()
    ):
        return 0.0
    small = any(
        word in LINKING or (word.islower() and len(word) > 2)
        for word in map(str.lower if look.capitals else str, look.words)
    )
    menu = sum(plain(word) in MENU for word in look.words) / look.n_words
    follows = next_role(look, page, step=1) in ("byline", "paragraph", "caption", "list")
    return min(look.n_words, 10) / 4 + 2.0 * (small or not look.cased) + 0.25 * follows - 4.0 * menu - 0.15 * look.index


def _find_boxes(page: Page) -> list[bool]:
    """Tell of each piece whether it stands in a box of other stories.

    A box begins with its title. In HTML it is the element that holds the title; elsewhere it goes on until the
    headline, or until the story resumes.
    """
    boxed, inside, headlines_only = [False] * len(page.looks), False, True
    holder: int | None = None
    names: set[str] = set()
    for look in page.looks:
        if (
            look.plain == "end of list"
            or look.index == page.title
            or (holder is not None and holder not in look.piece.parents)
        ):
            inside, holder = False, None
        if (
            is_box_title(look)
            and page.roles[look.index] in ("heading", "navigation", "teaser")
            and look.index != page.title
        ):
            inside, holder, headlines_only = True, _holder(look, page), True
            continue
        if inside and holder is None and (_resumes(look, page, names) or (headlines_only and _goes_on(look, page))):
            inside = False
        boxed[look.index] = inside
        headlines_only = headlines_only and not look.cut_off and not (look.ends and not look.text.endswith(("?", "!")))
        if not inside and look.is_prose:
            names |= look.names
    return boxed


def _holder(look: Look, page: Page) -> int | None:
    """Return the element that holds a box's title and its stories; None where it holds the headline too."""
    following = page.after(look.index)
    shared = set(look.piece.parents) & set(following.piece.parents) if following else set()
    title = page.looks[page.title].piece.parents if page.title is not None else ()
    own = [element for element in look.piece.parents if element in shared]
    return own[-1] if own and own[-1] not in title else None


def _goes_on(look: Look, page: Page) -> bool:
    """Tell whether two whole sentences in a row follow, where a box so far held headlines alone."""
    following = page.after(look.index)
    return look.ends and look.n_words >= 5 and following is not None and following.ends and following.n_words >= 5


def _resumes(look: Look, page: Page, names: set[str]) -> bool:
    """Tell whether the story goes on here, after a box: long text, text after text, or text with the same names."""
    if not (look.is_prose and look.ends and look.n_words >= 12):
        return False
    if look.n_words >= 45 or (look.n_words >= 30 and look.sentences > 1):
        return True
    common = len(look.names & names)
    if (common >= 2 and common * 3 >= len(look.names)) or (common and look.n_words >= 20 and look.sentences > 1):
        return True
    following = page.after(look.index)
    goes_on = following is not None and following.is_prose and following.ends
    return bool(goes_on and following and max(look.sentences, following.sentences) > 1)


def next_role(look: Look, page: Page, *, step: int) -> str | None:
    """Return the role of the nearest neighbour that is no menu."""
    index = look.index + step
    while 0 <= index < len(page.roles) and page.roles[index] == "navigation" and abs(index - look.index) < FARTHEST:
        index += step
    return page.roles[index] if 0 <= index < len(page.roles) else None
