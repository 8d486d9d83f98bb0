"""What adapting does to each label: whether its share is told well enough by the target to move it, and where to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from textclf.adapt_target import Target
from textclf.calibration import log_odds, sigmoid
from textclf.errors import BundleError
from textclf.labeller import Labeller
from textclf.priors import (
    MISFIT,
    ShareEstimate,
    estimate_share,
    known_share,
    misfit,
    refit_threshold,
    shift_from_labels,
    spread_of,
)
from textclf.thresholds import NEVER, fit_thresholds

SHRINKAGE = 300.0  # positives at which a label's own threshold weighs as much as the one expected


@dataclass(frozen=True)
class LabelChange:
    """What adapting did to one label.

    Attributes:
        old_share: The share its probabilities held at; NaN where it is not known.
        estimated_share: Its share in the target as estimated, or as counted in labelled text; NaN where there is none.
        low: The lower end of that share's 95% interval.
        high: The upper end.
        new_share: The share its probabilities now hold at.
        shift: What was added to its log-odds.
        old_threshold: Its threshold before.
        new_threshold: Its threshold now.
        reason: Why it was kept as it was; "" where it changed.
        at_edge: The share may be as good as 0 or 1.
    """

    old_share: float
    estimated_share: float
    low: float
    high: float
    new_share: float
    shift: float
    old_threshold: float
    new_threshold: float
    reason: str = ""
    at_edge: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the change JSON-ready; what is not known is null."""
        found = {k: None if isinstance(v, float) and np.isnan(v) else v for k, v in asdict(self).items()}
        return {**found, "outcome": "kept" if self.reason else "changed"}


@dataclass(frozen=True)
class HeldShare:
    """How often a label stood where calibration was fitted, and how paragraphs were scored there.

    Attributes:
        share: Its share, at which its probabilities hold.
        positives: Paragraphs that carried it.
        known: Paragraphs where it was known.
        yes: Quantiles of the calibrated log-odds of paragraphs that carried it; empty where the card has none.
        no: Quantiles of those that did not.
    """

    share: float
    positives: int
    known: int
    yes: tuple[float, ...] = ()
    no: tuple[float, ...] = ()

    @property
    def spread(self) -> float:
        """The variance of the share's log-odds."""
        return spread_of(self.positives, self.known - self.positives)


def held_shares(model: Labeller, *, with_scores: bool = False) -> list[HeldShare]:
    """Return the share that each label's probabilities hold at, as the model's card tells it.

    Bundles from before cards told it have the support of their validation scores.

    Args:
        model: The model.
        with_scores: The spread of scores is needed too, which those older bundles lack.

    Raises:
        BundleError: When the card does not tell.
    """
    shares, scores = model.card.get("shares"), model.card.get("validation_scores", {})
    found = []
    try:
        for name in model.labels:
            if shares is not None:
                positives, known = int(shares[name]["positives"]), int(shares[name]["known"])
                share = float(shares[name].get("share", positives / known if known else np.nan))
                yes, no = (tuple(map(float, shares[name][key])) for key in ("yes_scores", "no_scores"))
            elif with_scores:
                raise KeyError("shares")
            else:
                positives, known = int(scores["per_label"][name]["support"]), int(scores["n_paragraphs"])
                share = positives / known if known else np.nan
                yes, no = (), ()
            found.append(HeldShare(share, positives, known, yes, no))
    except (KeyError, TypeError, ValueError) as fault:
        raise BundleError(
            f"the model at {model.path} does not tell how often its labels stood in the text it was fitted on, or how "
            f"that was scored ({type(fault).__name__}: {fault}); train it again and adapt that, or give --labelled"
        ) from fault
    return found


def find_changes(
    model: Labeller,
    target: Target,
    shares: Sequence[HeldShare],
    *,
    cautious: bool = True,
    n_resamples: int = 200,
    seed: int = 13,
) -> list[LabelChange]:
    """Return what to do to each label, in the label set's order.

    Args:
        model: The model; it is not changed.
        target: What it gives for the target's text.
        shares: From `held_shares`.
        cautious: Draw what unlabelled text says towards what was; else take the likeliest share as it is.
        n_resamples: Article resamples of the intervals.
        seed: Fixes the resamples.
    """
    reasons = [why_kept(model, target, held, column) for column, held in enumerate(shares)]
    rows = list(zip(shares, range(len(shares)), reasons, strict=True))
    if target.targets is None:
        return [_from_text(model, target, *row, cautious, n_resamples, seed) for row in rows]
    changes = [_from_labels(model, target, target.targets, *row, n_resamples, seed) for row in rows]
    return _thresholds_from_labels(target, target.targets, changes, seed=seed)


def why_kept(model: Labeller, target: Target, held: HeldShare, column: int) -> str:
    """Return why a label is to stay as it is, or "" when it may change."""
    if model.thresholds[column] == NEVER:
        return "never given: it had no positive in training, or was switched off"
    p = target.probabilities[:, column]
    if np.ptp(log_odds(p)) < 1e-3:
        return "the model gives every paragraph of the target the same probability"
    if target.targets is not None:
        return "" if (~np.isnan(target.targets[:, column])).any() else "nothing is known of it in the target"
    if model.calibration.maps[column].method == "none":
        return "its probabilities are not calibrated: too few held-out positives in training"
    return "" if 0 < held.share < 1 else "its share in training is 0 or 1"


def _from_text(
    model: Labeller,
    target: Target,
    held: HeldShare,
    column: int,
    reason: str,
    cautious: bool,
    n_resamples: int,
    seed: int,
) -> LabelChange:
    old = float(model.thresholds[column])
    if reason:
        return LabelChange(held.share, np.nan, np.nan, np.nan, held.share, 0.0, old, old, reason)
    p = target.probabilities[:, column]
    found = estimate_share(
        p,
        target.groups,
        old=held.share,
        spread=held.spread,
        cautious=cautious,
        n_resamples=n_resamples,
        seed=seed,
    )
    edge = _at_edge(found, len(p))
    if not cautious:
        return LabelChange(held.share, found.value, *found.interval, found.taken, found.shift, old, old, "", edge)
    counts = {"positives": held.positives, "negatives": held.known - held.positives}
    if edge:
        reason = "going by its scores, none of the target may carry it, or all: too little to go by"
    elif misfit(p, np.array(held.yes), np.array(held.no), share=found.value, **counts) > MISFIT:
        reason = "its scores are spread as no share of it explains: the text is of another kind. Give --labelled"
    if reason:
        return LabelChange(held.share, found.value, *found.interval, held.share, 0.0, old, old, reason, edge)
    new = refit_threshold(sigmoid(log_odds(p) + found.shift), old)
    return LabelChange(held.share, found.value, *found.interval, found.taken, found.shift, old, new)


def _at_edge(found: ShareEstimate, n: int) -> bool:
    """Tell whether an estimate, or an end of its interval, leaves less than half of one of n paragraphs."""
    ends = [end for end in (found.value, *found.interval) if not np.isnan(end)]
    return min(ends) * n < 0.5 or (1 - max(ends)) * n < 0.5


def _from_labels(
    model: Labeller,
    target: Target,
    targets: np.ndarray,
    held: HeldShare,
    column: int,
    reason: str,
    n_resamples: int,
    seed: int,
) -> LabelChange:
    """Return the shift of a label, and the threshold to be expected with it."""
    y, p, old = targets[:, column], target.probabilities[:, column], float(model.thresholds[column])
    known = ~np.isnan(y)
    share = float((y[known] == 1).mean()) if known.any() else np.nan
    low, high = known_share(y, target.groups, n_resamples=n_resamples, seed=seed)
    if reason:
        return LabelChange(held.share, share, low, high, held.share, 0.0, old, old, reason)
    shift = shift_from_labels(y, p)
    adjusted = sigmoid(log_odds(p) + shift)
    new_share = float(adjusted[known].mean())
    return LabelChange(
        held.share,
        share,
        low,
        high,
        new_share,
        shift,
        old,
        refit_threshold(adjusted, old),
        at_edge=share in (0.0, 1.0),
    )


def _thresholds_from_labels(
    target: Target, targets: np.ndarray, changes: Sequence[LabelChange], *, seed: int
) -> list[LabelChange]:
    """Fit the thresholds of the labels that change, drawn towards those to be expected."""
    columns = [column for column, change in enumerate(changes) if not change.reason]
    fitted = list(changes)
    if not columns:
        return fitted
    shifts = np.array([changes[column].shift for column in columns])
    thresholds = fit_thresholds(
        targets[:, columns],
        sigmoid(log_odds(target.probabilities[:, columns]) + shifts),
        target.groups,
        shrinkage=SHRINKAGE,
        towards=np.array([changes[column].new_threshold for column in columns]),
        seed=seed,
    )
    for column, threshold in zip(columns, thresholds, strict=True):
        fitted[column] = replace(changes[column], new_threshold=float(threshold))
    return fitted
