"""Things that hang on fixed arrays and several metrics need are worked out once."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar

Found = TypeVar("Found")


class Remembering:
    """Something that keeps what was worked out from it, by name."""

    def once(self, key: Hashable, make: Callable[[], Found]) -> Found:
        """Return what `make` gives, and the same again for the same key."""
        kept = self.__dict__.setdefault("_kept", {})
        if key not in kept:
            kept[key] = make()
        found: Found = kept[key]
        return found
