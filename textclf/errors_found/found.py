"""The whole of an error analysis: judged, parted, grouped, and told in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from textclf.errors_found.doubt import FEWEST
from textclf.errors_found.groups import Group, group_mistakes
from textclf.errors_found.held_out import Recipe, judge
from textclf.errors_found.suspects import Mistake, find_mistakes, likely_label_errors, likely_model_errors
from textclf.labeller import Labeller
from textclf.labels import LabelSet
from textclf.records import Article
from textclf.thresholds import decide


@dataclass(frozen=True)
class ErrorsFound:
    """What is wrong on labelled articles, and whose fault it likely is.

    Attributes:
        labels: The label set.
        n_articles: Articles looked at.
        n_paragraphs: Their paragraphs.
        n_known: Known targets among them; only these can be wrong.
        label_errors: Wrong decisions that are likely the label's fault, the least trusted label first.
        model_errors: The other wrong decisions, those furthest from the threshold first.
        groups: The wrong paragraphs in groups.
        decided: Per paragraph the labels that the model gives.
        notes: Where the probabilities come from, and what a reader should know.
    """

    labels: LabelSet
    n_articles: int
    n_paragraphs: int
    n_known: int
    label_errors: list[Mistake]
    model_errors: list[Mistake]
    groups: list[Group]
    decided: list[tuple[str, ...]]
    notes: list[str] = field(default_factory=list)

    @property
    def mistakes(self) -> list[Mistake]:
        """Every wrong decision: likely label errors first."""
        return [*self.label_errors, *self.model_errors]

    @property
    def n_wrong(self) -> int:
        """Paragraphs with a wrong decision."""
        return len({each.row for each in self.mistakes})

    def to_json(self) -> dict[str, Any]:
        """Return everything JSON-ready."""
        return {
            "n_articles": self.n_articles,
            "n_paragraphs": self.n_paragraphs,
            "n_known_targets": self.n_known,
            "n_wrong_paragraphs": self.n_wrong,
            "n_wrong_decisions": len(self.mistakes),
            "next": what_next(self),
            "groups": [group.to_json() for group in self.groups],
            "label_errors": self._listed(self.label_errors),
            "model_errors": self._listed(self.model_errors),
            "notes": self.notes,
        }

    def _listed(self, mistakes: Sequence[Mistake]) -> list[dict[str, Any]]:
        numbers = {row: group.number for group in self.groups for row in group.rows}
        return [{**each.to_json(), "group": numbers[each.row]} for each in mistakes]


def find_errors(
    model: Labeller,
    articles: Sequence[Article],
    *,
    recipe: Recipe | None = None,
    twice: bool = False,
    n_groups: int | None = None,
    seed: int = 13,
) -> ErrorsFound:
    """Find the wrong decisions on labelled articles, part them by whose fault they likely are, and group them.

    Args:
        model: What `textclf.load` gives.
        articles: Labelled articles. Those the model was trained on are judged by models of article folds.
        recipe: How to train those; None as the model itself was trained.
        twice: Train those a second time, without the targets that the first ones doubt.
        n_groups: The most groups of wrong paragraphs; None chooses by how many there are.
        seed: Fixes the groups.

    Raises:
        DataError: When there is no paragraph, or an article must be folded and there is no second one to learn from.
        MissingExtraError: When cleanlab is not installed.
    """
    judged = judge(model, articles, recipe, twice=twice)
    mistakes = find_mistakes(judged, articles, list(model.labels))
    targets = judged.examples.targets
    few = [
        label
        for label, column in zip(model.labels, targets.T, strict=True)
        if min((column == 1).sum(), (column == 0).sum()) < FEWEST
    ]
    notes = list(judged.notes)
    if few:
        notes.append(
            f"no label error is sought for {', '.join(few)}: that takes {FEWEST} paragraphs with the label and "
            f"{FEWEST} without"
        )
    return ErrorsFound(
        labels=model.labels,
        n_articles=len(articles),
        n_paragraphs=len(judged.examples),
        n_known=int((~np.isnan(targets)).sum()),
        label_errors=likely_label_errors(mistakes),
        model_errors=likely_model_errors(mistakes),
        groups=group_mistakes(
            mistakes, judged.examples.texts, n_labels=len(model.labels), n_groups=n_groups, seed=seed
        ),
        decided=model.labels.decode(decide(judged.probabilities, judged.thresholds)),
        notes=notes,
    )


def what_next(found: ErrorsFound) -> list[str]:
    """Return in words what to do next, the most rewarding first."""
    if not found.mistakes:
        return [
            f"No decision differs from a known target on {found.n_paragraphs} paragraphs; there is nothing to mend."
        ]
    said = []
    if found.label_errors:
        kind, times = _most(found.label_errors)
        said.append(
            f"Check the {len(found.label_errors)} doubted labels first, the least trusted at the top; the most "
            f"frequent kind is {kind} ({times}). Where they turn out to be right, the paragraph is hard for the model."
        )
    if found.model_errors:
        kind, times = _most(found.model_errors)
        more = "that carry the label" if kind.startswith("missed") else "that look like it and do not carry it"
        said.append(
            f"Then label more paragraphs: of the {len(found.model_errors)} other mistakes the most frequent kind is "
            f"{kind} ({times}), which more paragraphs {more} would teach."
        )
    if (group := _hardest(found.groups)) is not None:
        kind, times = next(iter(group.kinds.items()))
        said.append(
            f"Group {group.number} ({', '.join(group.words)}) has most of these: {len(group.rows)} wrong paragraphs, "
            f"{times} times {kind}. Read it to see what to look for."
        )
    return said


def _most(mistakes: Sequence[Mistake]) -> tuple[str, int]:
    """Return the most frequent kind of mistakes, and how many are of it."""
    counted = Counter(f"{each.kind} {each.label}" for each in mistakes)
    kind = min(counted, key=lambda name: (-counted[name], name))
    return kind, counted[kind]


def _hardest(groups: Sequence[Group]) -> Group | None:
    """Return the group with most mistakes that are the model's own."""
    worded = [group for group in groups if group.words and sum(group.kinds.values()) > group.n_label_errors]
    return max(worded, key=lambda g: (sum(g.kinds.values()) - g.n_label_errors, -g.number), default=None)
