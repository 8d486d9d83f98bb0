"""Which piece of a page is what: small rules vote, each with a weight and a reason, and the role with most wins.

The rules look at a piece by itself (`prose`, `credits`, `site`), at its markup (`markup`), and, when every piece has a
first role, at where it stands (`top`, `place`). One rule is one function that returns a `Vote` or nothing; the words
they know are in `vocabulary`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from textclf.articles.piece import Piece
from textclf.articles.roles import credits, layout, markup, place, prose, site, top
from textclf.articles.roles.look import Page
from textclf.articles.roles.vote import Rule, Vote
from textclf.records import MAX_CHARACTERS, ROLES, Block

ALONE = (*prose.RULES, *credits.RULES, *site.RULES, *markup.RULES)
AMONG = (*top.RULES, *place.RULES)
ROUNDS = 2  # looks at the surroundings: the second goes by what the first made of them


class Assigned(NamedTuple):
    """The blocks of a page, the index of its headline, and that of the first paragraph of its running text."""

    blocks: list[Block]
    title: int | None
    body: int


def assign_roles(pieces: Sequence[Piece], *, headed: bool = True) -> Assigned:
    """Give each piece of a page its role and the reason for it.

    Args:
        pieces: The pieces in order.
        headed: Whether a headline may be looked for.
    """
    page = Page(pieces, headed=headed)
    alone = [ask(ALONE, page, index) for index in range(len(pieces))]
    found = [winner(cast) for cast in alone]
    for _ in range(ROUNDS):
        page.roles = [role for role, _ in found]
        layout.settle(page)
        found = [winner(cast + ask(AMONG, page, index)) for index, cast in enumerate(alone)]
        if [role for role, _ in found] == page.roles:
            break  # another look would find the same
    blocks = [
        Block(role, piece.text, piece.start, piece.end, reason)
        for piece, (role, reason) in zip(pieces, found, strict=True)
    ]
    return Assigned(blocks, page.title, page.body[0])


def ask(rules: Sequence[Rule], page: Page, index: int) -> list[Vote]:
    """Return the votes that rules cast on a piece."""
    look = page.looks[index]
    if len(look.text) > MAX_CHARACTERS:
        rules = (prose.is_too_long,)
    return [vote for rule in rules if (vote := rule(look, page)) is not None]


def winner(votes: Sequence[Vote]) -> tuple[str, str]:
    """Return the role with the greatest sum of weights, and the reasons that spoke for it, weightiest first."""
    sums: dict[str, float] = defaultdict(float)
    for vote in votes:
        sums[vote.role] += vote.weight
    best = max((0.0, *sums.values()))
    role = next(name for name in ROLES if sums.get(name, 0.0) == best)
    spoke = sorted((vote for vote in votes if vote.role == role and vote.weight > 0), key=lambda vote: -vote.weight)
    return role, "; ".join(dict.fromkeys(vote.reason for vote in spoke)) or "nothing speaks for anything else"
