"""Where sentences begin, roughly: enough to cut a text there, or to take a capital away."""

from __future__ import annotations

import re

CLOSING, OPENING = "\"'”’»)\\]", "\"'“‘«(\\["
END = re.compile(rf"[.!?…؟۔][{CLOSING}]*\s+(?=[{OPENING}]*\w)")
ABBREVIATED = re.compile(
    r"\b(?:[^\W\d_]|Mr|Mrs|Ms|Dr|St|Gen|Col|Lt|Sgt|Maj|Capt|Rev|Prof|Gov|Sen|Rep|Sr|Sra|No|vs"
    r"|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\.\s+$"
)


def sentence_starts(text: str) -> list[int]:
    """Return where each sentence begins, its opening quote included; of a text with no word, nothing."""
    first = re.search(r"\S", text)
    if first is None:
        return []
    ends = [match.end() for match in END.finditer(text)]
    return [first.start(), *(end for end in ends if not ABBREVIATED.search(text[max(0, end - 12) : end]))]
