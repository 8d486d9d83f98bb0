"""Several models that decide together: the weighted mean of their log-odds, label by label.

A member is a kind with its options, trained on the same texts, or a bundle that was trained already. With validation
texts each trained member is first calibrated by Platt scaling, and the weights of each label are those with the lowest
log loss there, drawn towards equal ones; without, all weigh the same.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from pydantic import Field, model_validator

from textclf.calibration import sigmoid
from textclf.errors import BundleError, ModelError
from textclf.labels import LabelSet
from textclf.models.interface import CountsWindows, HeldOut, Kind, Options, Validation
from textclf.models.members import Member, MemberOptions, options_of, read_member, train_member
from textclf.progress import log

SETTINGS = "ensemble.json"
PULL = 20.0  # how hard equal weights draw: as a squared distance of 1 would cost in summed log loss


class EnsembleMember(MemberOptions):
    """One member of an ensemble, which is no ensemble itself."""

    @model_validator(mode="after")
    def _is_no_ensemble(self) -> Self:
        if self.kind == "ensemble":
            raise ValueError("a member cannot be an ensemble itself")
        return self


class EnsembleOptions(Options):
    """Options of the `ensemble` kind."""

    members: tuple[EnsembleMember, ...] = Field(min_length=2, description="The models that decide together.")

    def bundles(self) -> tuple[Path, ...]:
        """Return the members that are bundles, and those that members learn from (see `Options.bundles`)."""
        named = [member.bundle for member in self.members if member.bundle is not None]
        trained = [options_of(m.kind, m.options) for m in self.members if m.kind is not None]
        return (*named, *(path for options in trained for path in options.bundles()))


class Ensemble(Kind):
    """The weighted mean of members' log-odds, with weights of its own for each label."""

    options_type: ClassVar[type[Options]] = EnsembleOptions

    options: EnsembleOptions
    members: list[Member]
    weights: np.ndarray | None = None

    def fit(
        self,
        texts: Sequence[str],
        targets: np.ndarray,
        *,
        contexts: Sequence[str] | None = None,
        validation: Validation | None = None,
    ) -> Self:
        """Learn from texts and targets (see `Trainable.fit`); weights are fitted on `validation`.

        Raises:
            ModelError: When a bundle among the members is missing, or has other labels.
        """
        started = time.perf_counter()
        held_out = None if validation is None else HeldOut(*validation)
        self.members = []
        for number, given in enumerate(self.options.members, start=1):
            if given.bundle is not None:
                member = read_member(given.bundle, self.labels)
                if member.kind == "ensemble":
                    raise ModelError(f"member {given.bundle} is an ensemble itself; name its members instead")
                self.members.append(member)
                continue
            kind = str(given.kind)
            log.info("member %d of %d: %s", number, len(self.options.members), kind)
            self.members.append(
                train_member(
                    kind,
                    given.options,
                    self.labels,
                    texts,
                    targets,
                    contexts=contexts,
                    held_out=held_out,
                    seed=self.seed,
                )
            )
        self.weights = np.full((len(self.members), len(self.labels)), 1 / len(self.members))
        if held_out is not None:
            scores = np.stack([m.log_odds(held_out.texts, held_out.contexts) for m in self.members])
            self.weights = fit_weights(held_out.targets, scores)
        self.info = {
            "members": [{"kind": m.kind, **m.predictor.info} for m in self.members],
            "weights": {name: self.weights[:, j].round(4).tolist() for j, name in enumerate(self.labels)},
            "seconds": round(time.perf_counter() - started, 3),
        }
        return self

    def predict_proba(self, texts: Sequence[str], contexts: Sequence[str] | None = None) -> np.ndarray:
        """Return float32 (n, k) (see `Predictor.predict_proba`)."""
        if self.weights is None:
            raise ModelError("this ensemble model is not trained; call fit first")
        scores = np.stack([member.log_odds(texts, contexts) for member in self.members])
        return np.asarray(sigmoid((scores * self.weights[:, None, :]).sum(axis=0)), dtype=np.float32)

    def count_windows(self, texts: Sequence[str], contexts: Sequence[str] | None = None) -> list[int]:
        """Return the most windows a member reads each text in (see `CountsWindows`)."""
        predictors = [member.predictor for member in self.members]
        counts = [p.count_windows(texts, contexts) for p in predictors if isinstance(p, CountsWindows)]
        return [max(row) for row in zip(*counts, strict=True)] if counts else [1] * len(texts)

    def save(self, folder: Path) -> None:
        """Write each member to a folder of its own, and how they decide together."""
        assert self.weights is not None  # noqa: S101 (for the type checker)
        listed = []
        for number, member in enumerate(self.members):
            weights = dict(zip(self.labels, self.weights[number].tolist(), strict=True))
            listed.append({**member.save(folder / f"member-{number}"), "weights": weights})
        (folder / SETTINGS).write_text(json.dumps({"members": listed}, indent=2), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, labels: LabelSet, options: EnsembleOptions, *, seed: int) -> Self:
        """Read back what `save` wrote.

        Raises:
            BundleError: When members and settings do not fit each other.
        """
        model = cls(labels, options, seed=seed)
        listed = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))["members"]
        if len(listed) != len(options.members) or any(entry["kind"] == "ensemble" for entry in listed):
            raise BundleError(
                f"{folder / SETTINGS}: {len(listed)} members do not fit the {len(options.members)} asked for"
            )
        model.members = [
            Member.load(folder / f"member-{number}", entry, labels, seed=seed) for number, entry in enumerate(listed)
        ]
        model.weights = np.array([[entry["weights"][name] for name in labels] for entry in listed])
        return model


def fit_weights(targets: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return float64 (m, k): for each label the weights, of sum 1, with the lowest log loss, drawn towards equal ones.

    Args:
        targets: float32 (n, k): 1, 0 or NaN for unknown, which is left out. A label without both answers keeps equal
            weights.
        scores: float64 (m, n, k): the members' log-odds.
    """
    from scipy.optimize import minimize

    m, _, k = scores.shape
    weights = np.full((m, k), 1 / m)
    for column in range(k):
        known = ~np.isnan(targets[:, column])
        y, z = targets[known, column], scores[:, known, column]
        if not 0 < y.sum() < len(y):
            continue

        def cost(w: np.ndarray, y: np.ndarray = y, z: np.ndarray = z) -> float:
            """Return the summed log loss and what the distance from equal weights costs."""
            mixed = w @ z
            return float((np.logaddexp(0, mixed) - y * mixed).sum() + PULL * ((w - 1 / m) ** 2).sum())

        sums_to_one = {"type": "eq", "fun": lambda w: w.sum() - 1}
        found = minimize(cost, weights[:, column], bounds=[(0, 1)] * m, constraints=[sums_to_one], method="SLSQP")
        if found.success:
            weights[:, column] = np.clip(found.x, 0, 1) / np.clip(found.x, 0, 1).sum()
    return weights
