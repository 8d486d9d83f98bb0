"""Several models on the same held-out articles, side by side, each against the first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from textclf.evaluate import Difference, Evaluation, check_comparable, paired_difference, score, summarise
from textclf.labeller import Labeller
from textclf.records import Article, Examples


@dataclass(frozen=True)
class Row:
    """One model on one set of articles.

    Attributes:
        model: The model's name.
        data: The set's name.
        evaluation: Its scores.
        difference: The paired difference to the first model; None for that one itself.
    """

    model: str
    data: str
    evaluation: Evaluation
    difference: Difference | None


def compare(
    models: Mapping[str, Labeller],
    datasets: Mapping[str, Sequence[Article]],
    *,
    resamples: int = 1_000,
    confidence: float = 0.95,
    seed: int = 0,
) -> list[Row]:
    """Evaluate every model on every set; the first model is the baseline the others are set against.

    Raises:
        DataError: When the models' labels differ or a set is empty.
    """
    settings: dict[str, Any] = {"resamples": resamples, "confidence": confidence, "seed": seed}
    baseline, *others = models.values()
    for other in others:
        check_comparable(other, baseline)
    rows = []
    for data, articles in datasets.items():
        reference = score(baseline, Examples.of(articles, baseline.labels, context=baseline.context))
        for name, model in models.items():
            examples = Examples.of(articles, model.labels, context=model.context)
            scored = reference if model is baseline else score(model, examples)
            difference = None
            if model is not baseline:
                difference = paired_difference(model.labels, examples, scored, reference, **settings)
            rows.append(Row(name, data, summarise(model, examples, scored, **settings), difference))
    return rows
