"""Making a cascade of two trained models: the cheap one answers what it is sure of, the expensive one the rest.

How sure it must be is fitted on articles neither was trained on, so that the whole decides as the expensive one does
as often as was asked for. That needs no labels; where there are any, F1 is told too.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from textclf.article_ids import HASHES, IDS
from textclf.bands import Bands, Fit, Per, fit_bands, margins_of, most_promised, paragraphs_needed
from textclf.bundle import MANIFEST, check_replaceable, load_bundle, save_bundle
from textclf.calibration import Calibration, LabelMap
from textclf.cascade_evidence import evidence, met_articles
from textclf.errors import BundleError, ConfigError, ModelError, TextclfWarning
from textclf.evaluate import Estimate, Sampling, check_comparable, summarise
from textclf.files import check_writable, sha256_of
from textclf.labeller import Labeller
from textclf.locks import held
from textclf.metrics import Scored, Weights, macro_f1
from textclf.models.cascade import Cascade, move_scores
from textclf.models.interface import Options, Trainable
from textclf.models.members import Member
from textclf.records import Examples
from textclf.speeds import Speed, measure_speeds
from textclf.thresholds import decide

LEAST_SHARE = 0.05  # answered by the fast model; with less a second model is not worth its keep
OTHER_TARGETS = (0.95, 0.98, 0.99, 0.995)
TIMED = 256  # paragraphs, drawn evenly from all


@dataclass(frozen=True)
class Offer:
    """What a target of agreement would give.

    Attributes:
        target: The agreement asked for.
        share: The share of paragraphs that the fast model would answer.
        agreement: The agreement found, on articles that bands were not fitted on.
    """

    target: float
    share: float
    agreement: float


@dataclass(frozen=True)
class Cascading:
    """A cascade that was made, and what it is worth.

    Attributes:
        model: The labeller, as saved.
        path: Its bundle.
        fit: Its bands, and on which paragraphs the fast model's answer stood.
        target: The agreement asked for.
        per: What it counts.
        confidence: That the agreement reaches the target.
        by_paragraph: The share of paragraphs on which all decisions are the slow model's.
        by_decision: The share of decisions that are.
        offers: What other targets would have given.
        macro_f1: Of ``"fast"``, ``"slow"`` and ``"cascade"``, on the labelled ones; none without labels.
        difference: The cascade's macro-F1 less the slow model's, paired; None without labels.
        speeds: Of ``"fast"``, ``"slow"`` and ``"cascade"``.
        n_articles: Articles that bands were fitted on.
    """

    model: Labeller
    path: Path
    fit: Fit
    target: float
    per: Per
    confidence: float
    by_paragraph: float
    by_decision: float
    offers: list[Offer]
    macro_f1: dict[str, Estimate]
    difference: Estimate | None
    speeds: dict[str, Speed]
    n_articles: int

    @property
    def share(self) -> float:
        """The share of paragraphs that the fast model answers."""
        return float(self.fit.sure.mean())

    @property
    def speed_up(self) -> tuple[float, float]:
        """How many times as many paragraphs the cascade answers as the slow model: by the clock, and per CPU second."""
        whole, slow = self.speeds["cascade"], self.speeds["slow"]
        return whole.per_second / slow.per_second, whole.per_cpu_second / slow.per_cpu_second

    def to_json(self) -> dict[str, Any]:
        """Return what stands in the card under `cascade`."""
        return {
            "target": self.target,
            "per": self.per,
            "confidence": self.confidence,
            "articles": self.n_articles,
            "paragraphs": len(self.fit.sure),
            "share_of_fast": round(self.share, 6),
            "agreement": round(self.fit.agreement, 6),
            "agreement_interval": [round(end, 6) for end in self.fit.interval],
            "agreement_by_paragraph": round(self.by_paragraph, 6),
            "agreement_by_decision": round(self.by_decision, 6),
            "other_targets": [{k: round(v, 6) for k, v in vars(offer).items()} for offer in self.offers],
            "macro_f1": {name: _estimate(each) for name, each in self.macro_f1.items()},
            "macro_f1_difference": None if self.difference is None else _estimate(self.difference),
            "speed": {name: speed.to_json() for name, speed in self.speeds.items()},
            "speed_up": dict(zip(("clock", "cpu"), (round(times, 3) for times in self.speed_up), strict=True)),
        }


def cascade(
    fast: str | Path,
    slow: str | Path,
    *,
    out: str | Path,
    target: float = 0.99,
    per: Per = "paragraph",
    confidence: float = 0.95,
    validation: Sequence[str | Path] = (),
    texts: Sequence[str | Path] = (),
    n_resamples: int = 1_000,
    seed: int = 13,
) -> Cascading:
    """Make a bundle of two, which decides as the slow one nearly always and is quicker.

    Args:
        fast: The bundle of the cheap model.
        slow: The bundle of the expensive one.
        out: The new bundle's folder.
        target: The least agreement with the slow model's decisions.
        per: What agreement counts: paragraphs with all decisions alike, or decisions.
        confidence: That the agreement reaches the target.
        validation: Labelled articles; by default the validation files of both models, where they are here.
        texts: Unlabelled files or folders to fit on as well, as `textclf.predict.predict_files` takes them.
        n_resamples: Article resamples of the intervals.
        seed: Of article folds and resamples.

    Raises:
        ConfigError: When target or confidence is none that can be reached.
        BundleError: When a model cannot be read, or `out` is one of them or holds something else.
        DataError: When the models have different labels or there is no article to fit on.
        ModelError: When the models cannot be joined, or too little is gained at this target; nothing is written.
    """
    path, sources = Path(out), (Path(fast), Path(slow))
    check_request(path, sources, target=target, confidence=confidence)
    check_replaceable(path)
    models = (load_bundle(sources[0]), load_bundle(sources[1]))
    check_members(*models)
    check_writable(path)
    with held(path, what="making of a cascade"):
        examples, n_labelled = evidence(*models, validation, texts)
        settings: dict[str, Any] = {"per": per, "confidence": confidence, "n_resamples": n_resamples, "seed": seed}
        answers = Answers.of(*models, examples)
        offers = [answers.offer(each, **settings) for each in OTHER_TARGETS]
        fit = answers.fit(target, **settings)
        if fit.sure.mean() < LEAST_SHARE:
            raise ModelError(_too_little(target, per, confidence, fit, offers))
        whole = join(*models, fit.bands)
        every = max(1, -(-len(examples) // TIMED))
        sample = examples.take(range(0, len(examples), every))
        named = {"fast": models[0], "slow": models[1], "cascade": whole}
        speeds = measure_speeds(named, sample.texts, sample.contexts)
        _warn_of_speed(speeds)
        apart = answers.apart * fit.sure[:, None]
        scores, difference, told = answers.scores(whole, fit, n_labelled, n_resamples=n_resamples, seed=seed)
        made = Cascading(
            model=whole,
            path=path,
            fit=fit,
            target=target,
            per=per,
            confidence=confidence,
            by_paragraph=1 - float(apart.any(axis=1).mean()),
            by_decision=1 - float(apart.mean()),
            offers=offers,
            macro_f1=scores,
            difference=difference,
            speeds=speeds,
            n_articles=len(np.unique(examples.groups)),
        )
        card = _card(made, models, examples, told)
        return replace(made, model=save_bundle(whole, path, kind="cascade", card=card))


def check_request(out: Path, sources: tuple[Path, Path], *, target: float, confidence: float) -> None:
    """Make sure that what is asked for can be.

    Raises:
        ConfigError: When target or confidence is out of range.
        BundleError: When `out` is one of the models, or both are the same.
    """
    if not 0 < target < 1:
        raise ConfigError(f"the target agreement must lie between 0 and 1, such as 0.99; given: {target:g}")
    if not 0.5 < confidence < 1:
        raise ConfigError(f"the confidence must lie between 0.5 and 1, such as 0.95; given: {confidence:g}")
    if sources[0].resolve() == sources[1].resolve():
        raise BundleError(f"{sources[0]} is given twice; a cascade is made of two different models")
    for source in sources:
        if out.resolve() == source.resolve():
            raise BundleError(f"{out} is one of the two models; write the cascade to another folder")


def check_members(fast: Labeller, slow: Labeller) -> None:
    """Make sure that two models can be joined.

    Raises:
        DataError: When they have different labels, or the same in another order.
        ModelError: When one is a cascade, or the fast one reads a context that the slow one does not.
    """
    for model in (fast, slow):
        if model.card["kind"] == "cascade":
            raise ModelError(f"{model.path} is a cascade itself; name one of its two models instead")
    check_comparable(fast, slow)
    if fast.context not in ("none", slow.context):
        raise ModelError(
            f"{fast.path} reads data.context {fast.context!r} and {slow.path} {slow.context!r}; a cascade hands both "
            f"the same, or the fast one nothing. Train one of them again with the other's data.context"
        )


@dataclass(frozen=True)
class Answers:
    """What both models say of the same paragraphs.

    Attributes:
        examples: The paragraphs.
        fast: float32 (n, k): the fast model's scores, moved to the slow one's thresholds.
        slow: float32 (n, k): the slow model's scores.
        margins: float64 (n, k): of the fast model.
        thresholds: float64 (k,): the slow model's.
    """

    examples: Examples
    fast: np.ndarray
    slow: np.ndarray
    margins: np.ndarray
    thresholds: np.ndarray

    @classmethod
    def of(cls, fast: Labeller, slow: Labeller, examples: Examples) -> Answers:
        """Ask both models."""
        found = fast.predict_proba(examples.texts, None if fast.context == "none" else examples.contexts)
        moved = move_scores(found, fast.thresholds, slow.thresholds)
        wanted = slow.predict_proba(examples.texts, examples.contexts)
        return cls(examples, moved, wanted, margins_of(found, fast.thresholds), slow.thresholds)

    @property
    def apart(self) -> np.ndarray:
        """The decisions, bool (n, k), in which the two differ."""
        return np.asarray(decide(self.fast, self.thresholds) != decide(self.slow, self.thresholds))

    def fit(self, target: float, **settings: Any) -> Fit:
        """Fit bands for a target (see `fit_bands`)."""
        return fit_bands(self.margins, self.apart, self.examples.groups, target=target, **settings)

    def offer(self, target: float, **settings: Any) -> Offer:
        """Return what a target would give."""
        found = self.fit(target, **settings)
        return Offer(target, float(found.sure.mean()), found.agreement)

    def scores(
        self, whole: Labeller, fit: Fit, n_labelled: int, *, n_resamples: int, seed: int
    ) -> tuple[dict[str, Estimate], Estimate | None, dict[str, Any] | None]:
        """Return macro-F1 of all three, the cascade's less the slow model's, and the cascade's scores for its card.

        Each paragraph is decided by bands that were fitted on other articles.
        """
        labelled = self.examples.take(range(n_labelled))
        if np.isnan(labelled.targets).all():
            return {}, None, None
        p = {"fast": self.fast, "slow": self.slow, "cascade": np.where(fit.sure[:, None], self.fast, self.slow)}
        scored = {
            name: Scored(labelled.targets, each[:n_labelled], decide(each[:n_labelled], self.thresholds))
            for name, each in p.items()
        }
        sampling = Sampling(labelled.groups, n_resamples, 0.95, seed, interval="bca")
        found = sampling.estimate(lambda w: np.stack([macro_f1(each, w) for each in scored.values()], axis=1))

        def less(w: Weights) -> np.ndarray:
            return np.asarray(macro_f1(scored["cascade"], w) - macro_f1(scored["slow"], w))[:, None]

        (difference,) = replace(sampling, interval="widened").estimate(less)
        told = summarise(
            whole, labelled, scored["cascade"], resamples=n_resamples, confidence=0.95, seed=seed
        ).to_json()
        return dict(zip(scored, found, strict=True)), difference, told


def join(fast: Labeller, slow: Labeller, bands: Bands) -> Labeller:
    """Return the cascade of two models, which decides by the slow one's thresholds."""
    members = (_member(fast), _member(slow))
    thresholds = (fast.thresholds, slow.thresholds)
    predictor = Cascade.of(members, thresholds, bands, fast_reads_contexts=fast.context != "none")
    context = {"config": {"data": {"context": slow.context}}}
    return Labeller(predictor, Calibration(tuple(LabelMap() for _ in slow.labels)), slow.thresholds, card=context)


def _member(model: Labeller) -> Member:
    predictor: Trainable = model.predictor  # type: ignore[assignment]
    options: Options = model.predictor.options  # type: ignore[attr-defined]
    return Member(model.card["kind"], options, predictor, model.calibration)


def _too_little(target: float, per: Per, confidence: float, fit: Fit, offers: Sequence[Offer]) -> str:
    """Say why nothing is written, and what would help."""
    n, most = len(fit.sure), most_promised(len(fit.sure), confidence=confidence)
    told = (
        f"for an agreement of {target:g} per {per} the fast model could answer {fit.sure.mean():.1%} of the {n} "
        f"paragraphs, under the {LEAST_SHARE:.0%} from which a cascade is worth it; nothing was written"
    )
    if most < target:
        needed = paragraphs_needed(target, confidence=confidence)
        told += (
            f". {n} paragraphs are few: though the two agreed on all of them, no more than {most:.4f} could be "
            f"promised; {target:g} takes {needed}. Add text of the kind it is for, labelled or not: --texts PATH"
        )
    worth = [offer for offer in offers if offer.target < target and offer.share >= LEAST_SHARE]
    if worth:
        listed = ", ".join(f"{offer.target:g} ({offer.share:.0%})" for offer in worth)
        told += f". Lower targets, and what the fast model would answer: {listed}"
    return told


def _warn_of_speed(speeds: dict[str, Speed]) -> None:
    """Warn where the fast model is none, or the cascade gains nothing."""
    fast, slow, whole = (speeds[name].per_cpu_second for name in ("fast", "slow", "cascade"))
    if fast <= slow:
        told = f"FAST is slower than SLOW ({fast:.0f} paragraphs per CPU second against {slow:.0f}); were they swapped?"
    elif whole <= slow:
        told = f"the cascade is no faster than SLOW ({whole:.0f} paragraphs per CPU second against {slow:.0f})"
    else:
        return
    warnings.warn(told, TextclfWarning, stacklevel=3)


def _card(
    made: Cascading, models: tuple[Labeller, Labeller], examples: Examples, scores: dict[str, Any] | None
) -> dict[str, Any]:
    """Return the card: the slow model's config, what both were trained on, and what the cascade is worth."""
    fast, slow = models
    options: Options = made.model.predictor.options  # type: ignore[attr-defined]
    config = {**slow.card["config"], "model": {"kind": "cascade", "options": options.model_dump(mode="json")}}
    trained = {name: dict(model.card.get("training", {})) for name, model in zip(("fast", "slow"), models, strict=True)}
    seconds = [told.get("wall_seconds") for told in trained.values()]
    training: dict[str, Any] = {**trained}
    if None not in seconds:
        training["wall_seconds"] = sum(seconds)
    card = {
        **{key: slow.card[key] for key in ("scripts", "languages") if key in slow.card},
        "config": config,
        "data": {split: _met(models, split) for split in ("train", "validation")},
        "training": training,
        "cascade": {**made.to_json(), "from": {"fast": _origin(fast), "slow": _origin(slow)}},
    }
    fitted = card["data"]["validation"]
    fitted["article_ids"] = sorted({*fitted["article_ids"], *(examples.article_ids[g] for g in set(examples.groups))})
    fitted["articles"] = len(fitted["article_ids"])
    if scores is not None:
        note = "thresholds and calibration of both models were fitted on such articles, so the scores flatter"
        card["validation_scores"] = {"fitted_on": "validation articles", "note": note, **scores}
    return card


def _met(models: tuple[Labeller, Labeller], split: str) -> dict[str, Any]:
    """Return the description of the slow model's articles of a split where it is the fast one's too, else the ids."""
    fast, slow = (model.card.get("data", {}).get(split) for model in models)
    if fast == slow and slow is not None and split == "train":
        return dict(slow)
    known = met_articles(models[0], split) | met_articles(models[1], split)
    described: dict[str, Any] = {"articles": len(known.ids | known.hashes), IDS: sorted(known.ids)}
    if known.hashes:
        described[HASHES] = sorted(known.hashes)
    return described


def _origin(model: Labeller) -> dict[str, Any]:
    manifest = None if model.path is None else sha256_of(model.path / MANIFEST)
    return {"kind": model.card["kind"], "manifest_sha256": manifest, "model": model.card["config"]["model"]}


def _estimate(given: Estimate) -> dict[str, Any]:
    low, high = given.interval
    ends = [None if np.isnan(end) else round(end, 6) for end in (low, high)]
    return {"value": None if np.isnan(given.value) else round(given.value, 6), "interval": ends}
