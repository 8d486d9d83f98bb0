"""Tables without a header: the columns are recognised from what they hold, or not at all.

The first line is a header when one of its cells is a column of ours, such as `text`. Where none is, and a label set is
given, these shapes are known (marks are 1, 0, yes, no, or nothing):

- `text` or `article_id, text`, then as many columns of marks as there are labels, in the label set's order;
- `text, labels` or `article_id, text, labels`, where the last column holds known label names and at least one of them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from textclf.datasets.raw import NO, YES
from textclf.labels import SEPARATORS, LabelSet

LOOKED_AT = 200  # rows are enough to know a column by
MARKS = {*YES, *NO, ""}


def is_header(cells: Sequence[str], known: Collection[str]) -> bool:
    """Tell whether a first row names its columns."""
    return any(cell.strip() in known for cell in cells)


def recognise(rows: Sequence[Sequence[str]], labels: LabelSet | None) -> list[str] | None:
    """Return the names of the columns of a table without a header, or None where they cannot be recognised.

    Args:
        rows: All its rows.
        labels: The label set; without it nothing is recognised.
    """
    if labels is None:
        return None
    width = len(rows[0])
    looked_at = [row for row in rows[:LOOKED_AT] if len(row) == width]
    for first in (["text"], ["article_id", "text"]):
        begin = len(first)
        if width == begin + len(labels) and all(is_marks(row[begin:]) for row in looked_at):
            return [*first, *labels]
        if width == begin + 1 and _are_labels([row[begin] for row in looked_at], labels):
            return [*first, "labels"]
    return None


def is_marks(cells: Sequence[str]) -> bool:
    """Tell whether every cell says yes, no, or nothing."""
    return all(cell.strip().lower() in MARKS for cell in cells)


def _are_labels(cells: Sequence[str], labels: LabelSet) -> bool:
    names = [name.strip(' "') for cell in cells for name in re.split(f"[{re.escape(SEPARATORS)}\\[\\]]", cell)]
    named = [name for name in names if name]
    return bool(named) and all(name in labels for name in named)
