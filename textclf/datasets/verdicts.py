"""What annotators said of one paragraph, and what they agree on.

A label that all of them gave is carried; one that some gave and others did not, or that somebody is unsure of, is
unknown; one that nobody was asked about is unknown as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from textclf.errors import DataError


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one annotator said of one paragraph.

    Attributes:
        yes: The labels given.
        unsure: The labels marked as uncertain.
        judged: The labels that were decided at all; None means every one.
    """

    yes: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()
    judged: tuple[str, ...] | None = None


def agree(verdicts: Sequence[Verdict]) -> Verdict:
    """Return what several annotators agree on; of no verdict at all every label is unknown."""
    if not verdicts:
        return Verdict(judged=())
    unsure = list(dict.fromkeys(name for verdict in verdicts for name in verdict.unsure))
    yes: list[str] = []
    for name in dict.fromkeys(name for verdict in verdicts for name in verdict.yes):
        asked = [verdict for verdict in verdicts if verdict.judged is None or name in (*verdict.judged, *verdict.yes)]
        if name in unsure:
            continue
        (yes if all(name in verdict.yes for verdict in asked) else unsure).append(name)
    judged: tuple[str, ...] | None = None
    if all(verdict.judged is not None for verdict in verdicts):
        judged = tuple(dict.fromkeys(name for verdict in verdicts for name in verdict.judged or ()))
    return Verdict(tuple(yes), tuple(unsure), judged)


def names_in(value: Any, what: str) -> tuple[str, ...]:
    """Return a list of label names, or one name, as a tuple; nothing gives none.

    Raises:
        DataError: When it is something else; the message begins with `what`.
    """
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if isinstance(value, Iterable) and not isinstance(value, (dict, bytes)):
        names = list(value)
        if all(isinstance(name, str) for name in names):
            return tuple(names)
    raise DataError(f"{what} must be a list of label names, found {value!r:.60}")
