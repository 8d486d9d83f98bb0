"""What the markup of a page says of a piece. On plain text these rules are silent."""

from __future__ import annotations

from textclf.articles.roles.look import Look, Page
from textclf.articles.roles.vocabulary import wordlist
from textclf.articles.roles.vote import Rule, Vote

OTHERS = wordlist("""
    related recommended recommend recommendation recommendations trending popular mostread mostpopular teaser
    teasers promo promos promoted outbrain taboola readmore also more-on morenews sidebar-list toplist latest
    mostviewed similar
""")
SITE = wordlist("""
    nav navbar navigation menu submenu breadcrumb breadcrumbs crumbs share sharing social cookie cookies consent
    gdpr banner newsletter subscribe subscription paywall comments comment disqus footer topbar masthead toolbar
    tags tag taglist topics pagination pager ad ads advert advertisement sponsored copyright legal skip search
    login signup modal popup author-bio bio authorbox about-author widget
""")
AUTHOR = wordlist("""
    byline author authors dateline timestamp date time published pubdate posted meta datetime credits-line
    article-info postinfo
""")
PICTURE = wordlist("""
    caption figcaption pic picture photo photos image img thumb wp-caption-text credit photo-credit
    image-caption photocaption legend photo-caption cutline imgcaption
""")
PULLED = wordlist("""
    pullquote pull-quote pulled pull quote-large callout highlight-quote
""")
LEAD = wordlist("""
    standfirst lead lede intro dek deck subtitle subhead subheadline summary excerpt abstract
""")


def is_marked_as_heading(look: Look, page: Page) -> Vote | None:
    """h1 to h6."""
    if look.piece.tag not in ("h1", "h2", "h3", "h4", "h5", "h6"):
        return None
    if look.piece.link_share > 0.8 and look.piece.tag != "h1":
        return Vote("teaser", 3.0, "a heading that is a link")
    return Vote("heading", 4.0, f"marked <{look.piece.tag}>")


def is_marked_as_paragraph(look: Look, page: Page) -> Vote | None:
    """A <p> with little of it a link."""
    if look.piece.tag != "p":
        return None
    if look.piece.link_share > 0.8:
        return Vote("teaser", 1.5, "a paragraph that is a link") if look.n_words >= 4 else None
    return Vote("paragraph", 1.0 if look.n_words >= 5 else 0.3, "marked <p>")


def is_marked_as_caption(look: Look, page: Page) -> Vote | None:
    """<figcaption>, or a class that says so."""
    if look.piece.tag in ("figcaption", "caption") or "figcaption" in look.piece.within or look.piece.names & PICTURE:
        return Vote("caption", 7.0, "marked as a caption")
    return Vote("caption", 3.0, "stands in a figure") if "figure" in look.piece.within and look.letters else None


def is_marked_as_site(look: Look, page: Page) -> Vote | None:
    """<nav>, <footer>, a button, or a class that says so."""
    if (
        look.piece.tag == "button"
        or {"nav", "form", "button", "dialog"} & set(look.piece.within)
        or look.piece.tag in ("label", "option", "legend")
    ):
        return Vote("navigation", 8.0, "stands in a menu or a form")
    if look.piece.names & SITE:
        return Vote("navigation", 5.0 if look.n_words < 25 else 3.0, "marked as a part of the site")
    outer = look.piece.within
    if "footer" in outer and "article" not in outer[: outer.index("footer")]:
        return Vote("navigation", 5.0, "stands in the footer")
    return None


def is_marked_as_other_story(look: Look, page: Page) -> Vote | None:
    """A class that says so, or an <aside> of links."""
    if look.piece.names & OTHERS and not look.piece.tag.startswith("h") and look.n_words >= 4:
        return Vote("teaser", 6.0, "marked as another story")
    if "aside" in look.piece.within and look.piece.link_share > 0.5 and look.n_words >= 4:
        return Vote("teaser", 4.0, "a link in an aside")
    return None


def stands_under_a_linked_heading(look: Look, page: Page) -> Vote | None:
    """The text of a card whose heading is a link to its story."""
    before = page.before(look.index)
    if before is None or before.piece.link_share < 0.8 or before.n_words < 4 or before.index == page.title:
        return None
    together = len(set(before.piece.parents) & set(look.piece.parents))
    if together >= len(look.piece.parents) - 1 and before.piece.tag.startswith("h") and look.piece.link_share < 0.8:
        return Vote("teaser", 6.0, "stands under a heading that is a link")
    return None


def is_marked_as_byline(look: Look, page: Page) -> Vote | None:
    """<time>, <address>, or a class that says so."""
    if look.piece.tag in ("time", "address") or (
        look.piece.names & AUTHOR and look.n_words <= 20 and not (look.ends and look.n_words > 4)
    ):
        return Vote("byline", 3.5, "marked as author or date")
    return None


def is_marked_as_pull_quote(look: Look, page: Page) -> Vote | None:
    """A class that says so."""
    return Vote("pull_quote", 7.0, "marked as a pull quote") if look.piece.names & PULLED else None


def is_marked_as_lead(look: Look, page: Page) -> Vote | None:
    """A class that says it sums up the story."""
    if (
        look.piece.names & LEAD
        and look.n_words >= 6
        and look.piece.link_share < 0.5
        and "aside" not in look.piece.within
    ):
        return Vote("paragraph", 3.0, "marked as the lead")
    return None


def is_a_link(look: Look, page: Page) -> Vote | None:
    """Hardly anything but a link: a menu when short, another story when long."""
    if look.piece.link_share < 0.8 or look.piece.tag in ("h1", "figcaption"):
        return None
    if look.n_words >= 5:
        return Vote("teaser", 3.5, "nothing but a link")
    return Vote("navigation", 3.5, "nothing but a link")


def is_a_list_item(look: Look, page: Page) -> Vote | None:
    """A <li> that is no link."""
    inside = look.piece.tag in ("li", "dd", "dt") or {"li"} & set(look.piece.within)
    return (
        Vote("list", 5.5, "an item of a list") if inside and look.piece.link_share < 0.6 and look.n_words >= 2 else None
    )


def was_extracted(look: Look, page: Page) -> Vote | None:
    """The extraction of main text took it, or left it."""
    if look.piece.extracted is None:
        return None
    if look.piece.extracted:
        return Vote("paragraph", 1.0, "extracted as main text")
    return Vote("paragraph", -1.0, "not extracted as main text")


RULES: tuple[Rule, ...] = (
    is_marked_as_heading,
    is_marked_as_paragraph,
    is_marked_as_caption,
    is_marked_as_site,
    is_marked_as_other_story,
    stands_under_a_linked_heading,
    is_marked_as_byline,
    is_marked_as_pull_quote,
    is_marked_as_lead,
    is_a_link,
    is_a_list_item,
    was_extracted,
)
