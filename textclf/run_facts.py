"""What only one run can say of itself, when and how long and in how much memory, in one field of `textclf.json`.

Everything else in a bundle hangs on settings, data, seed and machine alone, so that two trainings alike give the same
bytes but for this field. In memory a card has these facts where they belong, in `created` and inside `training`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

RUN = "run"
MEASURED = ("seconds", "wall_seconds", "peak_mib")


def set_apart(card: Mapping[str, Any]) -> dict[str, Any]:
    """Return a card as it is written: its measured facts under `run`, each by its place, such as `training/seconds`."""
    facts: dict[str, Any] = {"created": card["created"]} if "created" in card else {}
    kept = {key: value for key, value in card.items() if key not in ("created", RUN)}
    if "training" in kept:
        kept["training"] = _without(kept["training"], "training", facts)
    return {**kept, RUN: facts} if facts else kept


def put_back(card: dict[str, Any]) -> dict[str, Any]:
    """Return a card as it was before it was written; one from before there was `run` stays as it is."""
    facts = card.pop(RUN, None)
    for place, value in facts.items() if isinstance(facts, Mapping) else ():
        *way, name = place.split("/")
        for holder in _held(card, way):
            holder.setdefault(name, value)
    return card


def _without(value: Any, place: str, facts: dict[str, Any]) -> Any:
    """Return a value without its measured facts, which are put into `facts` by their places."""
    if isinstance(value, Mapping):
        rest = {}
        for key, inner in value.items():
            if key in MEASURED:
                facts[f"{place}/{key}"] = inner
            else:
                rest[key] = _without(inner, f"{place}/{key}", facts)
        return rest
    if isinstance(value, (list, tuple)):
        return [_without(inner, f"{place}/{number}", facts) for number, inner in enumerate(value)]
    return value


def _held(card: dict[str, Any], way: list[str]) -> Iterator[dict[str, Any]]:
    """Yield the mapping at a place, if it is there."""
    found: Any = card
    for step in way:
        if isinstance(found, list):
            found = found[int(step)] if step.isdecimal() and step.isascii() and int(step) < len(found) else None
        else:
            found = found.get(step) if isinstance(found, dict) else None
    if isinstance(found, dict):
        yield found
