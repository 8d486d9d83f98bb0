"""Every rule of roles, one by one: where it speaks, for which role, and where it must be silent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.props import quick
from textclf.articles.piece import Piece
from textclf.articles.roles import ALONE, AMONG, assign_roles, credits, layout, markup, place, prose, site, top, winner
from textclf.articles.roles.look import Page
from textclf.articles.roles.vocabulary import plain
from textclf.articles.roles.vote import Rule, Vote
from textclf.records import ROLES

SAID = "The governor said that nobody had claimed the attack on the bus, and asked the families to wait."
TOLD = "Gunmen seized a bus with forty passengers on Monday. They drove it into the hills before the army came."
LONG = "Gunmen who had come over the river by night seized a bus with forty passengers and drove it into the hills " * 2
TITLE = "Gunmen seize bus north of the old town"


@dataclass(frozen=True)
class Case:
    """Where a rule speaks for a role, as (role, text), and texts on which it is silent.

    A text may be a `Piece`; a page is a list of texts, each with its first role before a bar; the one asked about
    begins with `@`.
    """

    rule: Rule
    speaks: tuple[tuple[str, Any], ...]
    silent: tuple[Any, ...]


def html(text: str, **seen: Any) -> Piece:
    """Return a piece of HTML."""
    return Piece(text, 0, len(text), **seen)


def page_of(given: Any) -> tuple[Page, int]:
    """Return the page of a case and the index of the piece asked about."""
    if isinstance(given, str):
        given = Piece(given, 0, len(given))
    if isinstance(given, Piece):
        return Page([given]), 0
    roles, pieces, asked = [], [], 0
    for number, line in enumerate(given):
        piece = line if isinstance(line, Piece) else None
        text = piece.text if piece else line
        if text.startswith("@"):
            asked, text = number, text[1:]
        role, _, text = text.partition("|")
        roles.append(role)
        pieces.append(
            html(text, tag=piece.tag, link_share=piece.link_share, parents=piece.parents) if piece else html(text)
        )
    page = Page(pieces)
    page.roles = roles
    layout.settle(page)
    return page, asked


def vote(rule: Rule, given: Any) -> Vote | None:
    page, asked = page_of(given)
    return rule(page.looks[asked], page)


OPEN = [f"heading|{TITLE}", "byline|By Dana Ruiz"]
BODY = [f"paragraph|{SAID}", f"paragraph|{TOLD}"]

CASES = (
    # prose
    Case(prose.reads_like_prose, (("paragraph", TOLD),), ("Home", "Gunmen seized a bus.", LONG)),
    Case(prose.is_one_sentence, (("paragraph", "Gunmen seized a small bus."),), ("They left.", TITLE, TOLD)),
    Case(prose.is_long_without_an_end, (("paragraph", LONG),), (TITLE, TOLD)),
    Case(
        prose.opens_with_a_dateline,
        (
            ("paragraph", f"TERHAN — {SAID}"),
            ("paragraph", f"TERHAN, March 14 (Pan Press) - {SAID}"),
            ("paragraph", f"Terhan (Pan Press) — {SAID}"),
        ),
        ("TERHAN — dead", SAID, f"Terhan fell — {SAID}", f"The well-known {SAID}"),
    ),
    Case(
        prose.says_who_said_it,
        (("paragraph", SAID), ("paragraph", "El alcalde dijo que nadie había muerto.")),
        (TOLD, "He said no."),
    ),
    Case(prose.introduces_something, (("paragraph", "The governor gave three reasons for it:"),), ("Reasons:", SAID)),
    Case(
        prose.is_short_without_an_end,
        (("heading", TITLE), ("heading", "Background")),
        (SAID, "Gunmen seize bus…", "***"),
    ),
    Case(
        prose.announces_other_stories,
        (
            ("heading", "Related articles"),
            ("heading", "You may also like"),
            ("heading", "More from Terhan"),
            ("heading", "Lea también"),
        ),
        ("Related: Gunmen seize bus", "More", "Most people read the notice.", TITLE),
    ),
    Case(
        prose.is_a_lone_label,
        (("heading", "Background:"), ("heading", "What we know:")),
        ("By:", "The governor gave three reasons:", TITLE),
    ),
    Case(
        prose.is_cut_off,
        (
            ("teaser", "Gunmen seized a bus on…"),
            ("teaser", "Gunmen seized a bus [...]"),
            ("teaser", "Gunmen seized a bus... Read more"),
        ),
        ("And so…", SAID),
    ),
    Case(
        prose.points_to_another_story,
        (
            ("teaser", "READ MORE: Gunmen seize bus"),
            ("teaser", "Watch | The ferry leaves"),
            ("teaser", "→ The bishop has a list"),
            ("teaser", "List 1 of 3 Gunmen seize bus"),
        ),
        ("Read more", "More than forty died: the army came late.", SAID),
    ),
    Case(
        prose.is_a_bullet,
        (
            ("list", "• Forty people were on the bus"),
            ("list", "1. Forty people were held"),
            ("list", "- Forty people were held"),
        ),
        ("• Home", "-30-", "14 people were on it", SAID),
    ),
    Case(
        prose.is_a_quotation_alone,
        (("pull_quote", "“We will not leave the bridge to them”"),),
        ("“We will not leave,” he said", "“No”", SAID),
    ),
    Case(prose.is_too_long, (("navigation", "x" * 100_001),), ("x" * 100_000,)),
    # credits
    Case(
        credits.ends_in_a_credit,
        (
            ("caption", "Families wait at the customs house. (Photo: Ana Tolm)"),
            ("caption", "Families wait at the customs house. [Ana Tolm/Pan Press]"),
            ("caption", "Families wait at the customs house. Photograph: Ana Tolm/Getty"),
            ("caption", "Families wait at the customs house © Ana Tolm"),
            ("caption", "Families wait at the customs house. A. TOLM"),
            ("caption", "Ana Tolm/Pan Press"),
        ),
        (SAID, "The convoy (forty buses) left.", "© 2021 Harbour Times, all rights reserved by the owners", TITLE),
    ),
    Case(
        credits.begins_like_a_caption,
        (
            ("caption", "FILE PHOTO: Families wait"),
            ("caption", "Above: the customs house"),
            ("caption", "Figure 2: the road"),
            ("caption", "Foto: Ana Tolm"),
        ),
        ("Photo albums burned", "Left the town", "Above all: peace", SAID),
    ),
    Case(
        credits.shows_a_scene,
        (
            ("caption", "Families wait outside the customs house in Terhan on Monday"),
            ("caption", "Soldiers are seen near the bridge"),
        ),
        (SAID, "Gunmen fired on the bus near the bridge on Monday", "Families wait"),
    ),
    Case(
        credits.names_its_author,
        (
            ("byline", "By Dana Ruiz"),
            ("byline", "Por Ana Tolm"),
            ("byline", "بقلم سامي نور"),
            ("byline", "by Dana Ruiz, staff writer"),
        ),
        ("By noon the town was empty and the soldiers were gone.", "by the river", "From Terhan", TITLE),
    ),
    Case(
        credits.names_a_post,
        (("byline", "Staff reporter"), ("byline", "Provinces correspondent")),
        ("Our correspondent saw it.", TITLE),
    ),
    Case(
        credits.only_dates,
        (
            ("byline", "14 March 2021"),
            ("byline", "Published: March 14, 2021, 10:42"),
            ("byline", "3 hours ago"),
            ("byline", "10:42 GMT"),
            ("byline", "14 March 2021 by Dana Ruiz"),
        ),
        ("Yesterday", "The bus left at 10:42.", "Forty people on 2 buses", SAID, TITLE),
    ),
    Case(
        credits.signs_off,
        (
            ("byline", "(Reporting by Dana Ruiz; editing by Ana Tolm)"),
            ("byline", "Correction: the bus had forty seats."),
            ("byline", "Ana Tolm contributed to this report."),
            ("byline", "dr/at"),
            ("byline", "(Reuters)"),
        ),
        ("Note the date.", TITLE, SAID),
    ),
    Case(
        credits.is_a_dateline_alone,
        (("byline", "TERHAN, Lassan"), ("byline", "TERHAN, March 14, 2021")),
        ("Terhan, Lassan", f"TERHAN, {SAID}", TITLE),
    ),
    # site
    Case(
        site.is_a_menu_word,
        (
            ("navigation", "Home"),
            ("navigation", "Comments (12)"),
            ("navigation", "News | Sport | Weather"),
            ("navigation", "Home World Sport"),
        ),
        ("Background", TITLE, SAID),
    ),
    Case(
        site.is_parted_by_bars,
        (("navigation", "Harbour Times › Provinces › Terhan"), ("navigation", "Terhan | Sorn")),
        (TITLE, f"{TITLE} | Harbour Times"),
    ),
    Case(
        site.speaks_for_the_site,
        (
            ("navigation", "We use cookies to improve your visit."),
            ("navigation", "© 2021 Harbour Times"),
            ("navigation", "All rights reserved."),
        ),
        (SAID, TITLE, f"TERHAN — {SAID}"),
    ),
    Case(
        site.asks_something_of_the_reader,
        (
            ("navigation", "Click here to get our letters"),
            ("navigation", "Sign up"),
            ("navigation", "Your mail goes here"),
        ),
        (SAID, "“Save us,” they cried", "Follow who?", TITLE),
    ),
    Case(
        site.is_a_user_name,
        (("navigation", "dana_ruiz"), ("navigation", "@danaruiz"), ("navigation", "danaruiz")),
        ("Terhan", "dana ruiz", "no.", "حدث"),
    ),
    Case(
        site.counts_or_numbers,
        (
            ("navigation", "- 7 -"),
            ("navigation", "Page 3 of 9"),
            ("navigation", "12 comments"),
            ("navigation", "# # #"),
            ("navigation", "ENDS"),
        ),
        ("40 dead", TITLE, SAID),
    ),
    Case(
        site.is_an_address,
        (
            ("navigation", "https://harbour.test/1"),
            ("navigation", "desk@harbour.test"),
            ("navigation", "Tel: +000 555 0177"),
        ),
        (TITLE, "Visit harbour.test for more of it", "a" * 5_000),
    ),
    Case(
        site.is_a_mail_header,
        (
            ("navigation", "Subject: bus"),
            ("navigation", "-----Original Message-----"),
            ("navigation", "On Monday Dana wrote:"),
        ),
        ("Subject matter", SAID),
    ),
    Case(
        site.lists_tags,
        (("navigation", "Tags: clashes, Terhan"), ("navigation", "#Terhan #bus")),
        ("Tags", "# 1 in Terhan", SAID),
    ),
    Case(
        site.tells_of_the_author,
        (
            ("navigation", "Dana Ruiz is a reporter for the Harbour Times."),
            ("navigation", "Dana Ruiz covers the provinces."),
        ),
        (SAID, "the man who is a reporter"),
    ),
    # markup
    Case(
        markup.is_marked_as_heading,
        (
            ("heading", html(TITLE, tag="h2")),
            ("teaser", html(TITLE, tag="h3", link_share=1.0)),
            ("heading", html(TITLE, tag="h1", link_share=1.0)),
        ),
        (html(TITLE, tag="p"), TITLE),
    ),
    Case(
        markup.is_marked_as_paragraph,
        (("paragraph", html(SAID, tag="p")), ("teaser", html(TITLE, tag="p", link_share=1.0))),
        (html(SAID, tag="div"), html("Sorn", tag="p", link_share=1.0), SAID),
    ),
    Case(
        markup.is_marked_as_caption,
        (
            ("caption", html(SAID, tag="figcaption")),
            ("caption", html(SAID, tag="p", within=("figure", "p"))),
            ("caption", html(SAID, tag="p", names=frozenset({"caption"}))),
        ),
        (html(SAID, tag="p"), html("—", within=("figure",))),
    ),
    Case(
        markup.is_marked_as_site,
        (
            ("navigation", html(TITLE, within=("nav", "ul"))),
            ("navigation", html("Go", tag="button")),
            ("navigation", html(SAID, names=frozenset({"cookie"}))),
            ("navigation", html(SAID, within=("footer", "p"))),
        ),
        (html(SAID, within=("article", "footer", "p")), html(SAID, tag="p")),
    ),
    Case(
        markup.is_marked_as_other_story,
        (
            ("teaser", html(TITLE, names=frozenset({"related"}))),
            ("teaser", html(TITLE, within=("aside",), link_share=1.0)),
        ),
        (
            html("Sorn", names=frozenset({"related"})),
            html(TITLE, tag="h3", names=frozenset({"related"})),
            html(TITLE, within=("aside",)),
        ),
    ),
    Case(
        markup.stands_under_a_linked_heading,
        (
            (
                "teaser",
                [
                    f"paragraph|{SAID}",
                    html(f"teaser|{TITLE}", tag="h3", link_share=1.0, parents=(1, 2)),
                    html(f"@paragraph|{TOLD}", tag="p", parents=(1, 3)),
                ],
            ),
        ),
        (
            [
                f"paragraph|{SAID}",
                html(f"heading|{TITLE}", tag="h3", parents=(1, 2)),
                html(f"@paragraph|{TOLD}", tag="p", parents=(1, 3)),
            ],
            TOLD,
        ),
    ),
    Case(
        markup.is_marked_as_byline,
        (("byline", html("Monday", tag="time")), ("byline", html("Dana Ruiz", names=frozenset({"author"})))),
        (html(TOLD * 2, names=frozenset({"author"})), html("Dana Ruiz", tag="p")),
    ),
    Case(
        markup.is_marked_as_pull_quote,
        (("pull_quote", html(SAID, names=frozenset({"pullquote"}))),),
        (html(SAID, tag="blockquote"),),
    ),
    Case(
        markup.is_marked_as_lead,
        (("paragraph", html(SAID, names=frozenset({"standfirst"}))),),
        (
            html("Five words of a lead", names=frozenset({"lead"})),
            html(SAID, names=frozenset({"lead"}), link_share=1.0),
            html(SAID, names=frozenset({"lead"}), within=("aside",)),
        ),
    ),
    Case(
        markup.is_a_link,
        (("teaser", html(TITLE, link_share=1.0)), ("navigation", html("Sorn", link_share=1.0))),
        (html(TITLE, link_share=0.5), html(TITLE, tag="h1", link_share=1.0), TITLE),
    ),
    Case(
        markup.is_a_list_item,
        (("list", html(SAID, tag="li")), ("list", html(SAID, tag="p", within=("ul", "li", "p")))),
        (html("Sorn", tag="li"), html(TITLE, tag="li", link_share=1.0), html(SAID, tag="p")),
    ),
    Case(markup.was_extracted, (("paragraph", html(SAID, extracted=True)),), (html(SAID), SAID)),
    # place
    Case(top.is_all_there_is, (("paragraph", ["@heading|Home"]),), (["@heading|Home", "heading|World"],)),
    Case(
        top.is_the_headline,
        (("heading", [f"@heading|{TITLE}", *BODY]),),
        ([f"heading|{TITLE}", f"@paragraph|{SAID}"],),
    ),
    Case(
        top.stands_above_the_headline,
        (
            ("heading", ["navigation|Home", "@heading|Terhan bus", f"heading|{TITLE}", *BODY]),
            ("navigation", ["@heading|Harbour Times", "heading|Provinces desk", f"heading|{TITLE}", *BODY]),
        ),
        ([f"heading|{TITLE}", "@heading|Background", *BODY], [f"@paragraph|{SAID}"]),
    ),
    Case(
        top.stands_below_the_headline,
        (
            (
                "paragraph",
                [f"heading|{TITLE}", "@heading|Forty passengers are held in the hills", *BODY],
            ),
        ),
        (
            [f"heading|{TITLE}", "@heading|Forty passengers held", *BODY],
            [*OPEN, *BODY, "@heading|Forty passengers are held in the hills"],
        ),
    ),
    Case(
        top.names_people_below_the_headline,
        (
            ("byline", [f"heading|{TITLE}", "@heading|Dana Ruiz", *BODY]),
            ("byline", [f"heading|{TITLE}", "@heading|Dana Ruiz and Ana Tolm", *BODY]),
        ),
        (
            [f"heading|{TITLE}", "@heading|Dana left early", *BODY],
            [f"heading|{TITLE}", *BODY, "@heading|Dana Ruiz"],
            [f"heading|{TITLE}", "@heading|Terhan", *BODY],
        ),
    ),
    Case(
        top.shows_the_picture,
        (("caption", [*OPEN, "@heading|The road where the bus was stopped", *BODY]),),
        (
            [f"heading|{TITLE}", "@heading|The road north of the old town where the bus was stopped", *BODY],
            [*OPEN, "@heading|The old road", *BODY],
        ),
    ),
    Case(
        top.opens_with_a_scene,
        (
            (
                "caption",
                [
                    *OPEN,
                    "@paragraph|A man carries his mother over the bridge in Terhan. She had asked for her bird.",
                    *BODY,
                ],
            ),
        ),
        (
            [*OPEN, "@paragraph|A man carried his mother over the bridge in Terhan while the army fired.", *BODY],
            [*OPEN, *BODY, "@paragraph|A man carries his mother over the bridge in Terhan. She has her bird with her."],
        ),
    ),
    Case(
        top.lists_the_points,
        (
            (
                "list",
                [
                    f"heading|{TITLE}",
                    "heading|Forty people were on it",
                    "@heading|The army came too late",
                    "heading|Nobody has claimed the attack",
                    *BODY,
                ],
            ),
        ),
        ([f"heading|{TITLE}", "@heading|Forty people were on it", "heading|The army came too late", *BODY],),
    ),
    Case(
        top.stands_between_headline_and_text,
        (("navigation", [*OPEN, "@heading|Tap for sound", *BODY]),),
        ([*OPEN, "@heading|Key points", *BODY], [*OPEN, *BODY, "@heading|The old road", BODY[0]]),
    ),
    Case(
        place.heads_a_section,
        (("heading", [*OPEN, BODY[0], "@heading|Nobody claimed", BODY[1]]),),
        ([*OPEN, *BODY, "@heading|Nobody claimed"], [*OPEN, BODY[0], "@paragraph|Nobody claimed it.", BODY[1]]),
    ),
    Case(
        place.interrupts_the_story,
        (("teaser", [*OPEN, BODY[0], "@heading|Ferry with nine fishermen lost off the coast of Pell", BODY[1]]),),
        (
            [*OPEN, *BODY, "@heading|Ferry with nine fishermen lost off the coast of Pell"],
            [*OPEN, BODY[0], "@heading|Nobody claimed", BODY[1]],
        ),
    ),
    Case(
        place.stands_in_a_box,
        (
            ("teaser", [*OPEN, *BODY, "heading|Related articles", "@heading|Ferry lost off the coast of Pell"]),
            ("navigation", [*OPEN, *BODY, "heading|Related articles", "@heading|Pell"]),
        ),
        (
            [*OPEN, *BODY, "@heading|Ferry lost off the coast of Pell"],
            [*OPEN, *BODY, "heading|Related articles", "@heading|14 March 2021"],
        ),
    ),
    Case(
        place.comes_after_the_body,
        (
            ("teaser", [*OPEN, *BODY, "@heading|Ferry lost off the coast of Pell"]),
            ("navigation", [*OPEN, *BODY, "@heading|Pell"]),
        ),
        (
            [*OPEN, BODY[0], "@heading|Ferry lost off the coast of Pell", BODY[1]],
            [*OPEN, *BODY, "@heading|Related articles"],
        ),
    ),
    Case(
        place.stands_far_below_the_text,
        (
            (
                "navigation",
                [
                    *OPEN,
                    *BODY,
                    "byline|By Dana Ruiz",
                    "navigation|Tags: bus",
                    "navigation|Share",
                    "navigation|Print",
                    "@paragraph|The Standard welcomes letters from its readers.",
                    "navigation|Contact",
                ],
            ),
        ),
        (
            [*OPEN, *BODY, "byline|16:40", "@paragraph|The bus has been found by the army."],
            [
                *OPEN,
                *BODY,
                "navigation|Share",
                "navigation|Print",
                "navigation|Save",
                "navigation|Mail",
                f"@{BODY[0]}",
                BODY[1],
            ],
        ),
    ),
    Case(
        place.breaks_off_the_story,
        (
            (
                "paragraph",
                [*OPEN, *BODY, "@teaser|The families wait. The army has sent two officers to the valley, where they…"],
            ),
        ),
        (
            [*OPEN, *BODY, "@teaser|The families wait and…"],
            [
                *OPEN,
                *BODY,
                "heading|Related articles",
                "@teaser|The families of the forty men wait for word from them, and they…",
            ],
        ),
    ),
    Case(
        place.is_one_of_many_cards,
        (
            (
                "teaser",
                [
                    "heading|Ferry lost off Pell",
                    "byline|Pell Live | 2h",
                    "@paragraph|Nine men were on it.",
                    "heading|Bus found in hills",
                    "byline|The Ledger | 3h",
                    "heading|Snow falls on Sorn",
                    "byline|Sorn Post | 4h",
                ],
            ),
        ),
        (["heading|Ferry lost off Pell", "byline|Pell Live | 2h", "@paragraph|Nine men were on it.", *BODY],),
    ),
    Case(
        place.is_a_quotation_within,
        (("pull_quote", [*OPEN, BODY[0], "@paragraph|“We will not leave the bridge”", BODY[1]]),),
        (
            [*OPEN, BODY[0], "@paragraph|“We will not leave,” the mayor said, “or rest.”", BODY[1]],
            [*OPEN, BODY[0], "@paragraph|“We will not leave the bridge.”", BODY[1]],
        ),
    ),
    Case(
        place.stands_above_a_forwarded_message,
        (
            (
                "navigation",
                [
                    "@paragraph|See this about the bus.",
                    "navigation|From: Dana",
                    "navigation|Subject: bus",
                    f"heading|{TITLE}",
                    *BODY,
                ],
            ),
        ),
        (
            ["navigation|From: Dana", "navigation|Subject: bus", "@paragraph|See this about the bus.", *BODY],
            ["@paragraph|See this about the bus.", *BODY],
        ),
    ),
    Case(
        place.tells_of_the_author_at_the_end,
        (
            (
                "navigation",
                [*OPEN, *BODY, "@paragraph|Dana Ruiz is a reporter and writes on roads for the paper in Terhan."],
            ),
        ),
        (
            [*OPEN, "@paragraph|Ana Tolm is a reporter and was on the bus when it was stopped by them.", *BODY],
            [*OPEN, *BODY, f"@paragraph|{SAID}"],
        ),
    ),
    Case(
        place.comes_after_the_end,
        (
            (
                "navigation",
                [*OPEN, *BODY, "navigation|ENDS", "@paragraph|The desk may be reached by day and night on all lines."],
            ),
            (
                "navigation",
                [
                    *OPEN,
                    *BODY,
                    "heading|About the ministry",
                    "@paragraph|The ministry was founded in 1911 and has two doors.",
                ],
            ),
        ),
        ([*OPEN, *BODY, f"@paragraph|{SAID}"], [*OPEN, BODY[0], "heading|What it is about", f"@paragraph|{TOLD}"]),
    ),
    Case(
        place.opens_another_story,
        (
            (
                "teaser",
                [
                    *OPEN,
                    f"paragraph|TERHAN — {SAID}",
                    f"paragraph|{TOLD}",
                    "heading|Related articles",
                    "@teaser|PELL — Nine fishermen were lost off the coast on Monday.",
                ],
            ),
        ),
        (
            [*OPEN, f"paragraph|TERHAN — {SAID}", f"paragraph|{TOLD}", f"@paragraph|PELL — {SAID}"],
            [
                *OPEN,
                *BODY,
                "heading|Related articles",
                "@teaser|PELL — Nine fishermen were lost off the coast on Monday.",
            ],
        ),
    ),
    Case(
        place.repeats_on_the_page,
        (("navigation", [*OPEN, BODY[0], "@heading|Canal Weekly", BODY[1], "heading|Canal Weekly"]),),
        ([*OPEN, BODY[0], "@heading|Canal Weekly", BODY[1]], [*OPEN, "@heading|—", "heading|—"]),
    ),
    Case(
        place.repeats_the_story,
        (("pull_quote", [*OPEN, *BODY, "@heading|They drove it into the hills before the army came"]),),
        (
            [*OPEN, *BODY, "@heading|They sailed to the islands before the army came"],
            [*OPEN, f"@paragraph|{SAID}", BODY[1]],
        ),
    ),
    Case(
        place.is_a_key_point,
        (("list", [f"heading|{TITLE}", "heading|Key points", "@heading|Forty people were on the bus", *BODY]),),
        (
            [f"heading|{TITLE}", "@heading|Forty people were on the bus", *BODY],
            [f"heading|{TITLE}", "heading|Key points", f"@paragraph|{TOLD}"],
        ),
    ),
    Case(
        place.stands_among_tags,
        (("navigation", [*OPEN, *BODY, "heading|Tags", "heading|Terhan", "@heading|Buses"]),),
        ([*OPEN, *BODY, "heading|Terhan", "@heading|Buses"], [*OPEN, *BODY, "heading|Tags", f"@heading|{TITLE}"]),
    ),
    Case(
        place.stands_among_menus,
        (("navigation", ["navigation|Home", "@heading|Terhan", "navigation|Sport", *BODY]),),
        (["navigation|Home", "@heading|Terhan", *BODY], ["navigation|Home", f"@heading|{TITLE}", "navigation|Sport"]),
    ),
    Case(
        place.stands_by_a_caption,
        (("caption", [*OPEN, "caption|Families wait", "@heading|Ana Tolm/Pan", *BODY]),),
        ([*OPEN, "caption|Families wait", "@heading|Ana Tolm", *BODY], [*OPEN, "@heading|Ana Tolm/Pan", *BODY]),
    ),
)

SPEAKS = [
    pytest.param(c.rule, role, given, id=f"{c.rule.__name__}-{n}")
    for c in CASES
    for n, (role, given) in enumerate(c.speaks)
]
SILENT = [pytest.param(c.rule, given, id=f"{c.rule.__name__}-{n}") for c in CASES for n, given in enumerate(c.silent)]


def test_every_rule_is_in_the_table_once():
    rules = [*ALONE, *AMONG]
    assert [case.rule for case in CASES] == rules
    assert len(set(rules)) == len(rules)
    assert all(case.speaks and case.silent for case in CASES)


@pytest.mark.parametrize(("rule", "role", "given"), SPEAKS)
def test_a_rule_speaks_for_its_role(rule: Rule, role: str, given: Any):
    cast = vote(rule, given)
    assert cast is not None
    assert (cast.role, cast.weight > 0) == (role, True)
    assert cast.reason


@pytest.mark.parametrize(("rule", "given"), SILENT)
def test_a_rule_is_silent_where_it_knows_nothing(rule: Rule, given: Any):
    assert vote(rule, given) is None


def test_what_was_not_extracted_is_spoken_against():
    cast = vote(markup.was_extracted, html(SAID, extracted=False))
    assert cast is not None
    assert (cast.role, cast.weight) == ("paragraph", -1.0)


def test_the_greatest_sum_wins_and_tells_its_reasons_weightiest_first():
    votes = [
        Vote("paragraph", 2.0, "a"),
        Vote("heading", 4.0, "b"),
        Vote("paragraph", 2.5, "c"),
        Vote("paragraph", -0.1, "d"),
    ]
    assert winner(votes) == ("paragraph", "c; a")


def test_a_tie_goes_to_the_role_that_comes_first_and_no_vote_makes_a_paragraph():
    assert winner([Vote("list", 1.0, "a"), Vote("heading", 1.0, "b")]) == ("heading", "b")
    assert winner([]) == ("paragraph", "nothing speaks for anything else")
    assert winner([Vote("paragraph", -1.0, "a")])[0] == "heading"


@quick
@given(
    st.lists(
        st.sampled_from(
            [
                TITLE,
                SAID,
                TOLD,
                LONG,
                "Home",
                "Related articles",
                "By Dana Ruiz",
                "14 March 2021",
                "ENDS",
                "— — —",
                "Subject: bus",
            ]
        )
        | st.text(min_size=1, max_size=40).map(lambda text: " ".join(text.split())).filter(bool),
        max_size=25,
    )
)
def test_any_pieces_get_a_role_each(texts: list[str]):
    found = assign_roles([Piece(text, 0, len(text)) for text in texts])
    assert [block.text for block in found.blocks] == texts
    assert all(block.role in ROLES and block.reason for block in found.blocks)
    assert found.title is None or found.title < len(texts)
    assert found == assign_roles([Piece(text, 0, len(text)) for text in texts])


@pytest.mark.parametrize("text", ["«Home»", " HOME ", "Home…", "→ Home", "“home”"])
def test_marks_and_capitals_do_not_hide_a_word(text: str):
    assert plain(text) == "home"
