"""What a server answers, as the rest of the client reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def words_of(told: Mapping[str, Any]) -> tuple[list[tuple[int, int]], dict[str, list[float]]]:
    """Return where the words of an explanation are, and by label what each adds; what is missing raises a KeyError."""
    spans = [(int(word["start"]), int(word["end"])) for word in told["words"]]
    return spans, {name: list(by["weights"]) for name, by in told["labels"].items()}


def error_of(answer: Any) -> tuple[str, str | None]:
    """Return the message of an error's JSON, "" where there is none, and the place of its first fault."""
    if not isinstance(answer, Mapping) or not isinstance(answer.get("error"), str):
        return "", None
    faults = answer.get("faults")
    first = faults[0] if isinstance(faults, list) and faults else None
    where = first.get("at") if isinstance(first, Mapping) else None
    return answer["error"][:2_000], str(where) if where else None
