"""What a report takes from other jobs, by shape: slices of an evaluation, and explanations of decisions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np

from textclf.evaluate import Estimate
from textclf.labels import LabelSet


class SliceLike(Protocol):
    """The scores of the articles that have one thing in common.

    `by` is what parts the articles (``"source"``), `value` what these have of it (``"Continental News"``), `scores`
    maps names as in `metrics.OVERALL` to estimates, and `difference` is macro-F1 here less that of the rest.
    """

    @property
    def by(self) -> str: ...  # noqa: D102
    @property
    def value(self) -> str: ...  # noqa: D102
    @property
    def n_articles(self) -> int: ...  # noqa: D102
    @property
    def n_paragraphs(self) -> int: ...  # noqa: D102
    @property
    def scores(self) -> Mapping[str, Estimate]: ...  # noqa: D102
    @property
    def difference(self) -> Estimate: ...  # noqa: D102


class SlicesLike(Protocol):
    """All slices of an evaluation, and those that are clearly below the rest, the surest first."""

    @property
    def slices(self) -> Sequence[SliceLike]: ...  # noqa: D102
    @property
    def worst(self) -> Sequence[SliceLike]: ...  # noqa: D102


class ExplanationLike(Protocol):
    """What drove the decisions on one text: `weights[i, j]` is what word i adds to the log-odds of `labels[j]`.

    `spans` holds the place of each word in `text`, as character offsets of its start and end.
    """

    @property
    def text(self) -> str: ...  # noqa: D102
    @property
    def labels(self) -> LabelSet | Sequence[str]: ...  # noqa: D102
    @property
    def spans(self) -> Sequence[tuple[int, int]]: ...  # noqa: D102
    @property
    def weights(self) -> np.ndarray: ...  # noqa: D102
    @property
    def method(self) -> str: ...  # noqa: D102


Explain = Callable[[str], ExplanationLike]
