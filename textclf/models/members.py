"""Models that are parts of another model: how one is kept, read, and asked for its log-odds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from textclf.calibration import Calibration, log_odds
from textclf.errors import ConfigError, ModelError
from textclf.labels import LabelSet
from textclf.models.interface import Options, Trainable


class Member:
    """A trained member: its kind and options, its predictor, and the calibration of what that predicts."""

    def __init__(self, kind: str, options: Options, predictor: Trainable, calibration: Calibration) -> None:
        self.kind, self.options, self.predictor, self.calibration = kind, options, predictor, calibration

    def predict_proba(self, texts: Sequence[str], contexts: Sequence[str] | None) -> np.ndarray:
        """Return float32 (n, k): the calibrated probability of each label."""
        return self.calibration(self.predictor.predict_proba(texts, contexts))

    def log_odds(self, texts: Sequence[str], contexts: Sequence[str] | None) -> np.ndarray:
        """Return float64 (n, k): the calibrated log-odds of each label."""
        return log_odds(self.predict_proba(texts, contexts))

    def save(self, folder: Path) -> dict[str, Any]:
        """Write its files to a folder that is made for them; return what else `load` needs, JSON-ready."""
        folder.mkdir()
        self.predictor.save(folder)
        return {
            "kind": self.kind,
            "options": self.options.model_dump(mode="json"),
            "calibration": self.calibration.to_json(self.predictor.labels.names),
        }

    @classmethod
    def load(cls, folder: Path, entry: Mapping[str, Any], labels: LabelSet, *, seed: int) -> Member:
        """Read back what `save` wrote."""
        options = options_of(entry["kind"], entry["options"])
        predictor = class_of(entry["kind"]).load(folder, labels, options, seed=seed)
        return cls(entry["kind"], options, predictor, Calibration.from_json(entry["calibration"], labels.names))


def read_member(path: Path, labels: LabelSet) -> Member:
    """Load a trained model's predictor and calibration from its bundle.

    Raises:
        ModelError: When there is no trained model, it is an ensemble, or has other labels.
    """
    try:
        card = json.loads((path / "textclf.json").read_text(encoding="utf-8"))
        kind, own = card["kind"], LabelSet.from_json(card["labels"])
        calibration = Calibration.from_json(card["calibration"], own.names)
        options = options_of(kind, card["config"]["model"]["options"])
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise ModelError(f"member {path} is no trained model that can be read ({fault})") from fault
    if kind == "ensemble":
        raise ModelError(f"member {path} is an ensemble itself; name its members instead")
    if own.names != labels.names:
        raise ModelError(f"member {path} has the labels {', '.join(own)}, not {', '.join(labels)}")
    predictor = class_of(kind).load(path / "model", labels, options, seed=int(card["config"]["seed"]))
    predictor.info = card.get("training", {})
    return Member(kind, options, predictor, calibration)


def class_of(kind: str) -> type[Trainable]:
    """Return the class of a member's kind."""
    from textclf.models.registry import get_kind

    return get_kind(kind)


def options_of(kind: str, given: Mapping[str, Any]) -> Options:
    """Return the validated options of a member's kind; faults come as one line for the config's list."""
    try:
        return class_of(kind).options_type.model_validate(given)
    except ConfigError as fault:
        raise ValueError(str(fault)) from fault
    except ValidationError as found:
        told = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in found.errors(include_url=False))
        raise ValueError(f"options of {kind}: {told}") from found
