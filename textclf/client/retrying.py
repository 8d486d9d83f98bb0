"""When a request is tried again, and after how long."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

PASSING = frozenset({429, 502, 503, 504})  # statuses that may be another in a moment
FIRST_WAIT = 0.5  # seconds
LONGEST_WAIT = 60.0  # seconds; a server that wants longer is told of instead


@dataclass
class Retrying:
    """Counts the tries of one request, and says how long to wait before the next.

    Waits double from half a second and are drawn between half of that and the whole, so that many clients do not come
    back together. A server's `Retry-After` is the least that is waited.

    Attributes:
        retries: How often a request is tried again.
        chance: Draws the waits.
    """

    retries: int
    chance: random.Random = field(default_factory=random.Random)
    tried: int = 0

    def wait(self, headers: Mapping[str, str]) -> float | None:
        """Return the seconds to wait before the next try, or None when there is to be none.

        Args:
            headers: Of the answer; none where there was no answer.
        """
        asked = retry_after(headers)
        if self.tried >= self.retries or asked > LONGEST_WAIT:
            return None
        longest = min(LONGEST_WAIT, FIRST_WAIT * 2.0**self.tried)
        self.tried += 1
        drawn: float = longest * self.chance.uniform(0.5, 1)
        return max(drawn, asked + FIRST_WAIT * self.chance.random() if asked else 0.0)


def retry_after(headers: Mapping[str, str]) -> float:
    """Return the seconds a server asks to wait, given as a number or as a date; 0 where it asks nothing."""
    given = headers.get("retry-after", "").strip()
    try:
        seconds = float(given)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(given).timestamp() - time.time()
        except (TypeError, ValueError, OverflowError):
            return 0.0
    return seconds if 0 < seconds < float("inf") else 0.0
