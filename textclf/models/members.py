"""Models inside a model: a kind with its options, to be trained, or a bundle that was trained already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from pydantic import Field, ValidationError, model_validator

from textclf.bundle_check import CARD, model_folder, raise_bundle_faults
from textclf.bundle_contents import LARGEST_CARD, read_object
from textclf.calibration import Calibration, LabelMap, fit_calibration, log_odds
from textclf.errors import BundleError, ModelError
from textclf.labels import LabelSet
from textclf.models.interface import HeldOut, Options, Trainable


class MemberOptions(Options):
    """One member: a kind to train, or a bundle."""

    kind: str | None = Field(None, description="A kind, trained on the same texts.")
    options: dict[str, Any] = Field(default_factory=dict, description="Of that kind.")
    bundle: Path | None = Field(None, description="The folder of a trained model, in place of a kind.")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.kind is None) == (self.bundle is None):
            raise ValueError("give a kind or a bundle, one of the two")
        if self.bundle is not None and self.options:
            raise ValueError("a bundle has its options already")
        if self.kind is not None:
            options_of(self.kind, self.options)
        return self


class Member:
    """A trained member: its kind and options, its predictor, and the calibration of what that predicts.

    `reads_contexts` is False where it is known to have been trained without.
    """

    def __init__(
        self,
        kind: str,
        options: Options,
        predictor: Trainable,
        calibration: Calibration,
        *,
        reads_contexts: bool = True,
    ) -> None:
        self.kind, self.options, self.predictor, self.calibration = kind, options, predictor, calibration
        self.reads_contexts = reads_contexts

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


def train_member(
    kind: str,
    given: dict[str, Any],
    labels: LabelSet,
    texts: Sequence[str],
    targets: np.ndarray,
    *,
    contexts: Sequence[str] | None,
    held_out: HeldOut | None,
    seed: int,
) -> Member:
    """Train a member; with held-out texts it is calibrated there by Platt scaling.

    Args:
        kind: Its kind.
        given: That kind's options.
        labels: The labels, in column order.
        texts: n texts.
        targets: float32 (n, k).
        contexts: Their n contexts, or None.
        held_out: Held-out texts, or None.
        seed: For everything that draws.
    """
    options = options_of(kind, given)
    predictor = class_of(kind)(labels, options, seed=seed)
    predictor.fit(texts, targets, contexts=contexts, validation=held_out)
    calibration = Calibration(tuple(LabelMap() for _ in labels))
    if held_out is not None:
        found = predictor.predict_proba(held_out.texts, held_out.contexts)
        calibration = fit_calibration(held_out.targets, found, method="platt")
    return Member(kind, options, predictor, calibration)


def read_member(path: Path, labels: LabelSet, *, what: str = "member") -> Member:
    """Load a trained model's predictor and calibration from its bundle.

    Args:
        path: The bundle's folder.
        labels: The labels it must have, in this order.
        what: What it is here, for messages.

    Raises:
        ModelError: When it is missing or no trained model, an ensemble, or has other labels or another order of them.
    """
    try:
        raise_bundle_faults(path)
        card = read_object(path / CARD, most=LARGEST_CARD)
        kind, own = card["kind"], LabelSet.from_json(card["labels"])
        calibration = Calibration.from_json(card["calibration"], own.names)
        options = options_of(kind, card["config"]["model"]["options"])
    except (BundleError, OSError, ValueError, KeyError, TypeError) as fault:
        raise ModelError(f"{what} {path} is no trained model that can be read ({fault})") from fault
    if own.names != labels.names:
        order = "the same labels in another order: " if set(own.names) == set(labels.names) else "the labels "
        raise ModelError(
            f"{what} {path} has {order}{', '.join(own)}, not {', '.join(labels)}; name one trained with these, in this "
            f"order"
        )
    predictor = class_of(kind).load(model_folder(path, card), labels, options, seed=int(card["config"]["seed"]))
    predictor.info = card.get("training", {})
    context = card["config"].get("data", {}).get("context", "none")
    return Member(kind, options, predictor, calibration, reads_contexts=context != "none")


def class_of(kind: str) -> type[Trainable]:
    """Return the class of a kind (see `get_kind`, which imports this file's readers)."""
    from textclf.models.registry import get_kind

    return get_kind(kind)


def options_of(kind: str, given: Mapping[str, Any]) -> Options:
    """Return the validated options of a member's kind; faults come as one line for the config's list.

    Raises:
        ValueError: With every fault.
    """
    from textclf.errors import ConfigError

    try:
        return class_of(kind).options_type.model_validate(given)
    except ConfigError as fault:
        raise ValueError(str(fault)) from fault
    except ValidationError as found:
        told = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in found.errors(include_url=False))
        raise ValueError(f"options of {kind}: {told}") from found
