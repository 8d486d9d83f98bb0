"""Some of the places in a text, chosen by chance."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")


def at_some(
    places: re.Pattern[str],
    text: str,
    change: Callable[[str], str],
    *,
    rate: float,
    rng: np.random.Generator,
) -> str:
    """Return a text changed at some of the places a pattern finds: each with the chance `rate`, and at least one."""
    found = list(places.finditer(text))
    if not found:
        return text
    chosen = rng.random(len(found)) < rate
    if not chosen.any():
        chosen[rng.integers(len(found))] = True
    pieces, end = [], 0
    for match, wanted in zip(found, chosen.tolist(), strict=True):
        if wanted:
            pieces += [text[end : match.start()], change(match[0])]
            end = match.end()
    return "".join([*pieces, text[end:]])


def one(choices: Sequence[T], rng: np.random.Generator) -> T:
    """Return one of the choices."""
    return choices[int(rng.integers(len(choices)))]
