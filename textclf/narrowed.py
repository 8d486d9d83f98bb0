"""A model as if it knew only some of its labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from textclf.labeller import Labeller
from textclf.labels import LabelSet
from textclf.models.interface import Predictor


@dataclass
class Columns:
    """A predictor of some of another's labels, in the order given."""

    predictor: Predictor
    labels: LabelSet

    def predict_proba(self, texts: Sequence[str], contexts: Sequence[str] | None = None) -> np.ndarray:
        """Return float32 (n, k): the columns of its labels (see `Predictor.predict_proba`)."""
        columns = [self.predictor.labels.index(name) for name in self.labels]
        beside = () if contexts is None else (contexts,)
        return self.predictor.predict_proba(texts, *beside)[:, columns]


def narrow_labeller(model: Labeller, labels: LabelSet) -> Labeller:
    """Return a labeller of some of a model's labels, with their calibration and thresholds.

    Raises:
        DataError: When the model does not know one of them.
    """
    if labels.names == model.labels.names:
        return model
    columns = [model.labels.index(name) for name in labels]
    maps = tuple(model.calibration.maps[column] for column in columns)
    return replace(
        model,
        predictor=Columns(model.predictor, labels),
        calibration=replace(model.calibration, maps=maps),
        thresholds=model.thresholds[columns],
    )
