"""Explaining the labelled paragraphs of articles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from textclf.errors import DataError
from textclf.explanation import Explanation
from textclf.labeller import Labeller
from textclf.records import LabelledPassage, Passage


@dataclass(frozen=True)
class ExplainedPassage:
    """A paragraph, what the model says of it, and why.

    Attributes:
        passage: The paragraph with its labels and scores.
        explanation: What its words add.
        labels: The labels it is explained for.
    """

    passage: LabelledPassage
    explanation: Explanation
    labels: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the record `textclf predict` writes, with its explanation; JSON-ready."""
        return {**self.passage.to_json(), "explanation": self.explanation.to_json(self.labels)}


def explain_passages(
    model: Labeller, passages: Iterable[Passage], *, label: str | None = None, every: bool = False
) -> Iterator[ExplainedPassage]:
    """Yield the paragraphs that carry a label, each explained for the labels it carries.

    Args:
        model: What `textclf.load` gives.
        passages: The paragraphs (see `textclf.articles.stream_passages`). Half characters, which no file can hold, are
            read as question marks.
        label: Explain this label alone.
        every: Explain the other paragraphs as well: for `label`, or else for the label they come nearest to.

    Raises:
        DataError: When there is no such label, or no paragraph.
        MissingExtraError: When the extra `explain` is needed and not installed.
    """
    if label is not None:
        model.labels.index(label)
    whole = [replace(passage, text=_mended(passage.text)) for passage in passages]
    if not whole:
        raise DataError("there is no paragraph in the input")
    for passage, labelled in zip(whole, model.label_stream(whole), strict=True):
        chosen = tuple(name for name in labelled.labels if label in (None, name))
        if every and not chosen:
            chosen = (label or max(labelled.scores, key=labelled.scores.__getitem__),)
        if chosen:
            context = "" if model.context == "none" else passage.context(model.context)
            yield ExplainedPassage(labelled, model.explain(passage.text, context, labels=chosen), chosen)


def _mended(text: str) -> str:
    return text.encode("utf-8", errors="replace").decode("utf-8")
