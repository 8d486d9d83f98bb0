"""A cheap model that answers the paragraphs it is sure of, before an expensive one that answers the rest.

The cheap one reads every text. Where the margins of all its labels lie outside their bands (see `textclf.bands`), its
answer stands; the other reads only what is left. The thresholds of the whole are the expensive model's, and the scores
of the cheap one are moved to them: its log-odds less its own threshold's, plus the other's. So a decision is always the
decision of the model that answered.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from textclf.bands import Bands, margins_of
from textclf.calibration import log_odds, sigmoid
from textclf.errors import BundleError, ModelError
from textclf.labels import LabelSet
from textclf.models.interface import CountsWindows, Options, Served
from textclf.models.members import Member
from textclf.thresholds import decide

SETTINGS = "cascade.json"
NAMES = ("fast", "slow")


class CascadeOptions(Options):
    """Options of a cascade; written by `textclf cascade`."""

    fast: str = Field(description="The kind of the model that reads everything.")
    slow: str = Field(description="The kind of the model that reads the rest.")
    fast_reads: Literal["text", "context"] = Field("text", description="Whether the first reads contexts too.")


class Cascade(Served):
    """Two members with their thresholds, and the bands of the first."""

    options_type: ClassVar[type[Options]] = CascadeOptions
    made_by: ClassVar[str] = "train its two models, then: textclf cascade FAST SLOW --out DIR"

    options: CascadeOptions

    def __init__(self, labels: LabelSet, options: CascadeOptions, *, seed: int) -> None:
        super().__init__(labels, options, seed=seed)
        self.members: tuple[Member, Member] | None = None

    @classmethod
    def of(
        cls,
        members: tuple[Member, Member],
        thresholds: tuple[np.ndarray, np.ndarray],
        bands: Bands,
        *,
        fast_reads_contexts: bool = False,
    ) -> Self:
        """Return the cascade of two trained members of the same labels.

        Args:
            members: The fast one and the slow one.
            thresholds: float64 (k,) of each.
            bands: In which the fast one is not sure.
            fast_reads_contexts: Whether contexts are handed to the fast one too.
        """
        fast, slow = members
        reads: Literal["text", "context"] = "context" if fast_reads_contexts else "text"
        options = CascadeOptions(fast=fast.kind, slow=slow.kind, fast_reads=reads)
        model = cls(slow.predictor.labels, options, seed=0)
        model._take(members, thresholds, bands)
        return model

    def _take(self, members: tuple[Member, Member], thresholds: tuple[np.ndarray, np.ndarray], bands: Bands) -> None:
        self.members, self.thresholds, self.bands = members, thresholds, bands

    def predict_proba(self, texts: Sequence[str], contexts: Sequence[str] | None = None) -> np.ndarray:
        """Return float32 (n, k) (see `Predictor.predict_proba`); of sure texts the fast model's, moved."""
        _, slow = self._members()
        sure, moved = self._read_fast(texts, contexts)
        rest = np.flatnonzero(~sure).tolist()
        if rest:
            beside = None if contexts is None else [contexts[row] for row in rest]
            moved[rest] = slow.predict_proba([texts[row] for row in rest], beside)
        return moved

    def sure(self, texts: Sequence[str], contexts: Sequence[str] | None = None) -> np.ndarray:
        """Return bool (n,): which texts the fast model answers."""
        return self._read_fast(texts, contexts)[0]

    def count_windows(self, texts: Sequence[str], contexts: Sequence[str] | None = None) -> list[int]:
        """Return in how many windows the member that answers reads each text (see `CountsWindows`)."""
        fast, slow = self._members()
        of_fast = _windows(fast, texts, self._for_fast(contexts))
        counts = _windows(slow, texts, contexts)
        differ = [row for row in range(len(texts)) if counts[row] != of_fast[row]]
        if differ:
            beside = None if contexts is None else [contexts[row] for row in differ]
            for row, sure in zip(differ, self.sure([texts[row] for row in differ], beside), strict=True):
                counts[row] = of_fast[row] if sure else counts[row]
        return counts

    def save(self, folder: Path) -> None:
        """Write each member to a folder of its own, and thresholds and bands."""
        listed = {}
        for name, member, thresholds in zip(NAMES, self._members(), self.thresholds, strict=True):
            named = dict(zip(self.labels, map(float, thresholds), strict=True))
            listed[name] = {**member.save(folder / name), "thresholds": named}
        content = {**listed, "bands": self.bands.to_json(self.labels.names)}
        (folder / SETTINGS).write_text(json.dumps(content, indent=2), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, labels: LabelSet, options: CascadeOptions, *, seed: int) -> Self:
        """Read back what `save` wrote.

        Raises:
            BundleError: When members and settings do not fit each other.
        """
        content = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
        kinds = [content[name]["kind"] for name in NAMES]
        if kinds != [options.fast, options.slow] or "cascade" in kinds:
            raise BundleError(f"{folder / SETTINGS}: members of kind {', '.join(kinds)} are not those that are told of")
        model = cls(labels, options, seed=seed)
        fast, slow = (Member.load(folder / name, content[name], labels, seed=seed) for name in NAMES)
        of_fast, of_slow = (np.array([content[name]["thresholds"][label] for label in labels]) for name in NAMES)
        model._take((fast, slow), (of_fast, of_slow), Bands.from_json(content["bands"], labels.names))
        return model

    def _members(self) -> tuple[Member, Member]:
        if self.members is None:
            raise ModelError("this cascade has no members; make one with: textclf cascade FAST SLOW --out DIR")
        return self.members

    def _for_fast(self, contexts: Sequence[str] | None) -> Sequence[str] | None:
        return contexts if self.options.fast_reads == "context" else None

    def _read_fast(self, texts: Sequence[str], contexts: Sequence[str] | None) -> tuple[np.ndarray, np.ndarray]:
        """Return which texts the fast model is sure of, bool (n,), and its scores for all, moved, float32 (n, k)."""
        found = self._members()[0].predict_proba(texts, self._for_fast(contexts))
        of_fast, of_slow = self.thresholds
        return self.bands.sure(margins_of(found, of_fast)), move_scores(found, of_fast, of_slow)


def _windows(member: Member, texts: Sequence[str], contexts: Sequence[str] | None) -> list[int]:
    predictor = member.predictor
    return predictor.count_windows(texts, contexts) if isinstance(predictor, CountsWindows) else [1] * len(texts)


def move_scores(probabilities: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return probabilities, float32 (n, k), moved in log-odds so that thresholds (k,) decide as others did before.

    A label whose threshold after is `NEVER` is given nowhere; where the one before is, it is given nowhere either.
    """
    moved = sigmoid(margins_of(probabilities, before) + log_odds(after)).astype(np.float32)
    yes, edge = decide(probabilities, before), np.asarray(after, dtype=np.float32)
    moved = np.where(yes, np.maximum(moved, edge), np.minimum(moved, np.nextafter(edge, np.float32(0))))
    return np.asarray(np.clip(moved, 0, 1), dtype=np.float32)
