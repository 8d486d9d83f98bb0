"""Text as it is read: white space folded, invisible characters dropped."""

from __future__ import annotations

import re

# Soft hyphen, zero-width space, word joiner, byte-order mark, direction marks and overrides, control characters. The
# zero-width joiner and non-joiner stay: Persian and the Indic scripts are spelt with them.
INVISIBLE = re.compile(
    "[\u00ad\u200b\u2060\ufeff\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]"
)
UNEVEN = re.compile(r"\s{2,}|[^\S ]")  # parting at white space and joining again would take twenty times the memory


def clean(text: str) -> str:
    """Return a text with white space (no-break spaces too) folded to single spaces and nothing invisible in it."""
    return UNEVEN.sub(" ", INVISIBLE.sub("", text)).strip()
