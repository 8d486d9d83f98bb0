"""What is scored: truth, probabilities and decisions, by paragraph or gathered by article."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from textclf.metrics.remembering import Remembering


@dataclass(frozen=True)
class Scored(Remembering):
    """Truth, probabilities and decisions of n paragraphs and k labels.

    Attributes:
        targets: float32 (n, k): 1, 0 or NaN for unknown.
        probabilities: float32 (n, k).
        decisions: bool (n, k).
        groups: (n,): the article of each paragraph; without it the scores by article are undefined.
    """

    targets: np.ndarray
    probabilities: np.ndarray
    decisions: np.ndarray
    groups: np.ndarray | None = None

    def __post_init__(self) -> None:
        shapes = {self.targets.shape, self.probabilities.shape, self.decisions.shape}
        if len(shapes) != 1 or self.targets.ndim != 2:
            raise ValueError(f"targets, probabilities and decisions must all be (n, k); given: {sorted(shapes)}")
        if self.groups is not None and self.groups.shape != self.targets.shape[:1]:
            raise ValueError(f"groups must be (n,) = ({len(self.targets)},); given: {self.groups.shape}")

    def ones(self) -> np.ndarray:
        """Return the row weights (1, n) of the plain, unresampled score."""
        return np.ones((1, len(self.targets)))

    def by_article(self) -> tuple[Scored, np.ndarray]:
        """Gather paragraphs into articles; return these, scored, and the first row of each.

        An article has a label when any paragraph has; it is unknown where none has and one is unknown. It is given
        a label when any known paragraph is, and its probability is the highest of those.

        Raises:
            ValueError: When the paragraphs have no groups.
        """
        return self.once("by_article", self._gathered)

    def _gathered(self) -> tuple[Scored, np.ndarray]:
        if self.groups is None:
            raise ValueError("scores by article need the groups of the paragraphs")
        _, first, rows = np.unique(self.groups, return_index=True, return_inverse=True)
        known = ~np.isnan(self.targets)
        shape = (len(first), self.targets.shape[1])
        has, unknown, said = (np.zeros(shape, dtype=bool) for _ in range(3))
        highest = np.zeros(shape, dtype=self.probabilities.dtype)
        np.logical_or.at(has, rows, self.targets == 1)
        np.logical_or.at(unknown, rows, ~known)
        np.logical_or.at(said, rows, known & self.decisions)
        np.maximum.at(highest, rows, np.where(known, self.probabilities, 0))
        targets = np.where(has, 1, np.where(unknown, np.nan, 0)).astype(np.float32)
        return Scored(targets, highest, said), first
