"""What a rule says of a piece."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from textclf.articles.roles.look import Look, Page


class Vote(NamedTuple):
    """How strongly a rule speaks for a role (against it, when the weight is negative), and why."""

    role: str
    weight: float
    reason: str


Rule = Callable[[Look, Page], Vote | None]
