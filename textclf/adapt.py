"""Adapting a model to text in which its labels are rarer or more frequent: a bundle becomes another bundle.

The model itself is not trained again. What changes is the intercept of each label's calibration, and its threshold.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from textclf.adapt_target import Target, carried_over, check_adjustable, look_at, look_at_labelled, origin
from textclf.article_ids import met_by
from textclf.articles import stream_passages
from textclf.bundle import check_replaceable, load_bundle, save_bundle
from textclf.calibration import log_odds, sigmoid
from textclf.errors import BundleError, DataError, TextclfWarning
from textclf.files import check_writable
from textclf.labeller import Labeller, shift_labeller
from textclf.locks import held
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
from textclf.progress import log_skipped
from textclf.records import Article
from textclf.thresholds import NEVER, fit_thresholds

Method = Literal["unlabelled", "labelled"]

FEWEST_PARAGRAPHS = 200  # below this a target is called small
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
class Adaptation:
    """An adapted model.

    Attributes:
        model: The adapted labeller, as saved.
        path: Its bundle.
        method: What it was adapted by.
        changes: Label to what was done to it.
        n_articles: Articles of the target.
        n_paragraphs: Paragraphs of the target.
    """

    model: Labeller
    path: Path
    method: Method
    changes: dict[str, LabelChange]
    n_articles: int
    n_paragraphs: int


def adapt_unlabelled(
    source: str | Path, inputs: Sequence[str | Path], *, out: str | Path, n_resamples: int = 200, seed: int = 13
) -> Adaptation:
    """Adapt a bundle to unlabelled text and save it as another.

    Args:
        source: The bundle.
        inputs: Files, folders or ``"-"``, as `textclf.predict.predict_files` takes them.
        out: The new bundle's folder; the old one is replaced only where this is its own.
        n_resamples: Article resamples of the intervals.
        seed: Fixes the resamples.

    Raises:
        DataError: When there is no paragraph, or only articles the model knows.
        BundleError: When `source` is no model, or `out` holds something that is none.
        ModelError: When it is a cascade.
    """

    def read(model: Labeller) -> Target:
        """Return the target as the model sees it."""
        skipped: list[Path] = []
        target = look_at(model, stream_passages(inputs, on_skip=skipped.append))
        log_skipped(skipped, why="not a kind of file that is read")
        return target

    return _adapt(source, read, out=out, method="unlabelled", n_resamples=n_resamples, seed=seed)


def adapt_labelled(
    source: str | Path,
    read_articles: Callable[[Labeller], Sequence[Article]],
    *,
    out: str | Path,
    n_resamples: int = 200,
    seed: int = 13,
) -> Adaptation:
    """Adapt a bundle to a labelled sample of the text it is for, and save it as another.

    Args:
        source: The bundle.
        read_articles: Gives the labelled articles, checked against the labels of the model it is called with.
        out: The new bundle's folder; the old one is replaced only where this is its own.
        n_resamples: Article resamples of the intervals.
        seed: Fixes the resamples.

    Raises:
        DataError: When there is no labelled paragraph, or only articles the model knows.
        BundleError: When `source` is no model, or `out` holds something that is none.
        ModelError: When it is a cascade.
    """

    def read(model: Labeller) -> Target:
        """Return the target as the model sees it."""
        return look_at_labelled(model, read_articles(model))

    return _adapt(source, read, out=out, method="labelled", n_resamples=n_resamples, seed=seed)


def _adapt(
    source: str | Path,
    read: Callable[[Labeller], Target],
    *,
    out: str | Path,
    method: Method,
    n_resamples: int,
    seed: int,
) -> Adaptation:
    path = Path(out)
    check_replaceable(path)
    model = load_bundle(source)
    check_adjustable(model)
    shares = held_shares(model, with_scores=method == "unlabelled")
    check_writable(path)
    with held(path, what="adaptation"):
        came_from = origin(model)
        target = read(model)
        check_target(model, target)
        changes = find_changes(model, target, shares, n_resamples=n_resamples, seed=seed)
        if all(change.reason for change in changes):
            warnings.warn("no label changed; the adapted model decides as the old one", TextclfWarning, stacklevel=3)
        shifted = shift_labeller(model, np.array([change.shift for change in changes]))
        adapted = replace(shifted, thresholds=np.array([change.new_threshold for change in changes]))
        named = dict(zip(model.labels, changes, strict=True))
        step = {
            "from": came_from,
            "method": "labelled sample" if target.targets is not None else "expectation-maximisation",
            "target": target.to_json(),
            "resamples": n_resamples,
            "seed": seed,
            "labels": {name: change.to_json() for name, change in named.items()},
        }
        saved = save_bundle(adapted, path, kind=model.card["kind"], card=_card(model, target, shares, named, step))
        return Adaptation(saved, path, method, named, len(target.article_ids), len(target.groups))


def check_target(model: Labeller, target: Target) -> None:
    """Warn of a small target, and of articles that the model was trained or its thresholds fitted on.

    Raises:
        DataError: When there are no other articles.
    """
    known = met_by(model.card, "train") | met_by(model.card, "validation")
    met = [name for name in target.article_ids if name in known]
    if len(met) == len(target.article_ids):
        raise DataError(
            f"all {len(met)} articles given are ones this model was trained or its thresholds fitted on: they tell "
            f"nothing of other text. Give text of the source the model is to be used on"
        )
    if met:
        warnings.warn(
            f"{len(met)} of {len(target.article_ids)} articles given are ones this model was trained or its thresholds "
            f"fitted on ({', '.join(met[:5])}{' ...' if len(met) > 5 else ''}); leave them out for a fair estimate",
            TextclfWarning,
            stacklevel=2,
        )
    if len(target.groups) < FEWEST_PARAGRAPHS:
        warnings.warn(
            f"{len(target.groups)} paragraphs are few to adapt to; give {FEWEST_PARAGRAPHS} or more if you can. The "
            f"fewer there are, the nearer the model stays to what it was",
            TextclfWarning,
            stacklevel=2,
        )


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


def _card(
    model: Labeller,
    target: Target,
    shares: Sequence[HeldShare],
    changes: Mapping[str, LabelChange],
    step: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the card of the adapted model: the source's, with the new shares and one more step in its chain."""
    held: dict[str, dict[str, Any]] = {}
    for column, (name, share) in enumerate(zip(model.labels, shares, strict=True)):
        counted = np.zeros(0) if target.targets is None or changes[name].reason else target.targets[:, column]
        held[name] = {
            "positives": share.positives + int((counted == 1).sum()),
            "known": share.known + int((~np.isnan(counted)).sum()),
            "yes_scores": [round(score + changes[name].shift, 4) for score in share.yes],
            "no_scores": [round(score + changes[name].shift, 4) for score in share.no],
        }
        if not np.isnan(changes[name].new_share):
            held[name]["share"] = changes[name].new_share
    return {**carried_over(model, step), "shares": held}
