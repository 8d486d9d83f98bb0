"""Wrong paragraphs in groups: by what they are about, and by which labels went wrong which way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from textclf.errors_found.suspects import Mistake
from textclf.models.text_clusters import cluster_texts

KIND_WEIGHT = 0.5  # what went wrong, against what the paragraph says
PARAGRAPHS_A_GROUP = 15  # on average, unless a number of groups is asked for
MOST_GROUPS = 12
EXAMPLES = 3


@dataclass(frozen=True)
class Group:
    """Wrong paragraphs that are alike.

    Attributes:
        number: From 1, the largest group first.
        words: The words that set it apart from all paragraphs that were judged.
        rows: Its paragraphs, as rows of what was judged; the most typical first.
        kinds: ``"missed LABEL"`` or ``"false alarm LABEL"`` to the number of such mistakes, the most frequent first.
        n_label_errors: How many of its mistakes are likely label errors.
        examples: A few of its mistakes, one a paragraph, the most typical paragraphs first.
    """

    number: int
    words: tuple[str, ...]
    rows: tuple[int, ...]
    kinds: dict[str, int]
    n_label_errors: int
    examples: list[Mistake]

    @property
    def name(self) -> str:
        """Its number and its first words, as it is called where there is little room."""
        return f"{self.number}: {', '.join(self.words[:3])}" if self.words else str(self.number)

    def to_json(self) -> dict[str, Any]:
        """Return the group JSON-ready."""
        return {
            "number": self.number,
            "words": list(self.words),
            "n_paragraphs": len(self.rows),
            "kinds": self.kinds,
            "n_likely_label_errors": self.n_label_errors,
            "examples": [each.to_json() for each in self.examples],
        }


def group_mistakes(
    mistakes: Sequence[Mistake], texts: Sequence[str], *, n_labels: int, n_groups: int | None = None, seed: int = 0
) -> list[Group]:
    """Group the paragraphs of mistakes.

    Args:
        mistakes: Wrong decisions.
        texts: All paragraphs that were judged: they say how common a word is.
        n_labels: How many labels there are.
        n_groups: The most groups; None takes about one for every fifteen paragraphs, twelve at most.
        seed: The same seed gives the same groups.
    """
    by_row: dict[int, list[Mistake]] = {}
    for each in mistakes:
        by_row.setdefault(each.row, []).append(each)
    if not by_row:
        return []
    rows = list(by_row)
    wanted = n_groups or min(MOST_GROUPS, -(-len(rows) // PARAGRAPHS_A_GROUP))
    clusters = cluster_texts(
        [texts[row] for row in rows],
        _kinds(list(by_row.values()), n_labels) * KIND_WEIGHT,
        background=texts,
        n_clusters=wanted,
        seed=seed,
    )
    ordered = [(int(clusters.numbers[i]), rows[i]) for i in clusters.typical.tolist()]
    return [
        _group(number, words, [row for of, row in ordered if of == number], by_row)
        for number, words in enumerate(clusters.words)
    ]


def _group(number: int, words: tuple[str, ...], rows: Sequence[int], by_row: Mapping[int, list[Mistake]]) -> Group:
    inside = [mistake for row in rows for mistake in by_row[row]]
    kinds = Counter(f"{mistake.kind} {mistake.label}" for mistake in inside)
    return Group(
        number=number + 1,
        words=words,
        rows=tuple(rows),
        kinds=dict(sorted(kinds.items(), key=lambda item: (-item[1], item[0]))),
        n_label_errors=sum(mistake.suspected == "label" for mistake in inside),
        examples=[by_row[row][0] for row in rows[:EXAMPLES]],
    )


def _kinds(mistakes: Sequence[Sequence[Mistake]], n_labels: int) -> np.ndarray:
    """Return (paragraphs, 2k): which labels each paragraph misses or has too many, as rows of length 1."""
    kinds = np.zeros((len(mistakes), 2 * n_labels))
    for row, found in enumerate(mistakes):
        for mistake in found:
            kinds[row, 2 * mistake.column + mistake.given] = 1.0
    return np.asarray(kinds / np.linalg.norm(kinds, axis=1, keepdims=True))
