"""How far a model's scores move when the same paragraphs look otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from zlib import crc32

import numpy as np

from textclf.evaluate import Estimate, score
from textclf.intervals import bootstrap, percentile_interval
from textclf.labeller import Labeller
from textclf.metrics import Metric, Scored, macro_ap, macro_f1
from textclf.perturb import Perturbation, chosen_perturbations, perturb_texts
from textclf.progress import log, track
from textclf.records import Article, Examples

SCORES: dict[str, Metric] = {"macro_f1": macro_f1, "macro_ap": macro_ap}


@dataclass(frozen=True)
class UnderPerturbation:
    """The scores of a model on paragraphs that all went through one perturbation.

    Attributes:
        name: The perturbation's name.
        labels: ``"exact"`` where labels surely stay, ``"may_lose"`` where what one rests on may be lost.
        scores: Score name (see `SCORES`) to estimate.
        differences: Score name to the paired difference to the unperturbed paragraphs.
        changed: Share of the paragraphs that it changed at all.
        flipped: Share of the decisions, paragraph by label, that came out otherwise.
    """

    name: str
    labels: Literal["exact", "may_lose"]
    scores: dict[str, Estimate]
    differences: dict[str, Estimate]
    changed: float
    flipped: float

    def to_json(self) -> dict[str, Any]:
        """Return the scores JSON-ready; an undefined one is null."""
        return {
            "labels": self.labels,
            **{name: _number(estimate.value) for name, estimate in self.scores.items()},
            "intervals": {name: _ends(estimate) for name, estimate in self.scores.items()},
            "differences": {
                name: {"difference": _number(estimate.value), "interval": _ends(estimate)}
                for name, estimate in self.differences.items()
            },
            "changed": _number(self.changed),
            "flipped": _number(self.flipped),
        }


@dataclass(frozen=True)
class Robustness:
    """A model's scores as the paragraphs are, and under each perturbation.

    Attributes:
        unperturbed: Score name (see `SCORES`) to estimate.
        perturbed: One for each perturbation.
        settings: Resamples, confidence and seed.
    """

    unperturbed: dict[str, Estimate]
    perturbed: list[UnderPerturbation]
    settings: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        """Return perturbation name to scores, JSON-ready."""
        return {under.name: under.to_json() for under in self.perturbed}


def measure_robustness(
    model: Labeller,
    articles: Sequence[Article],
    names: str | Sequence[str] = "all",
    *,
    resamples: int = 1_000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Robustness:
    """Score a model on the same articles unperturbed and under each perturbation, each applied to every paragraph.

    Every set of scores stands on the same resamples of the articles, so the differences are paired. What a
    perturbation does hangs on the seed and its name, not on which others are measured.

    Args:
        model: What `textclf.load` gives.
        articles: Labelled articles.
        names: Of perturbations, as a list or parted by commas; ``"all"`` is every one.
        resamples: Article resamples.
        confidence: Of the intervals.
        seed: Fixes perturbations and resamples.

    Raises:
        ConfigError: When a perturbation is not known.
        DataError: When there is no paragraph, or a label the model does not know.
    """
    chosen = chosen_perturbations(names)
    examples = Examples.of(articles, model.labels, context=model.context)
    reference = score(model, examples)
    plain = Resampled.of(reference, examples.groups, resamples=resamples, seed=seed)
    perturbed = []
    for perturbation in track(chosen, what="perturbing", unit=" perturbations"):
        changed = perturb_examples(perturbation, examples, seed=seed)
        scored = score(model, changed)
        sampled = Resampled.of(scored, examples.groups, resamples=resamples, seed=seed)
        under = UnderPerturbation(
            perturbation.name,
            perturbation.labels,
            sampled.estimates(confidence),
            sampled.less(plain).estimates(confidence),
            changed=float(np.mean([new != old for new, old in zip(changed.texts, examples.texts, strict=True)])),
            flipped=float((scored.decisions != reference.decisions).mean()),
        )
        perturbed.append(under)
        log.info(
            "%s: macro-F1 %.3f (%+.3f), %.1f%% of decisions flip",
            under.name,
            under.scores["macro_f1"].value,
            under.differences["macro_f1"].value,
            under.flipped * 100,
        )
    settings = {"resamples": resamples, "confidence": confidence, "seed": seed}
    return Robustness(plain.estimates(confidence), perturbed, settings)


def perturb_examples(perturbation: Perturbation, examples: Examples, *, seed: int) -> Examples:
    """Return the examples with every text, and what is read beside it, gone through a perturbation."""
    rng = np.random.default_rng([seed, crc32(perturbation.name.encode())])
    texts, contexts = perturb_texts(perturbation, examples.texts, examples.contexts, rng=rng)
    return Examples(texts, examples.targets, examples.groups, examples.article_ids, contexts)


@dataclass(frozen=True)
class Resampled:
    """Every score of `SCORES`: plainly, float64 (s,), and on each resample of the articles, (b, s)."""

    values: np.ndarray
    samples: np.ndarray

    @classmethod
    def of(cls, scored: Scored, groups: np.ndarray, *, resamples: int, seed: int) -> Resampled:
        """Score once plainly and once a resample; the same seed gives the same resamples."""

        def scores(weights: np.ndarray) -> np.ndarray:
            return np.stack([metric(scored, weights) for metric in SCORES.values()], axis=1)

        return cls(scores(scored.ones())[0], bootstrap(scores, groups, n_resamples=resamples, seed=seed))

    def less(self, other: Resampled) -> Resampled:
        """Return the differences to another, resample by resample."""
        return Resampled(self.values - other.values, self.samples - other.samples)

    def estimates(self, confidence: float) -> dict[str, Estimate]:
        """Return each score with its interval."""
        intervals = percentile_interval(self.samples, confidence=confidence)
        return {
            name: Estimate(float(value), interval)
            for name, value, interval in zip(SCORES, self.values, intervals, strict=True)
        }


def _number(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 6)


def _ends(estimate: Estimate) -> list[float | None]:
    return [_number(estimate.interval.low), _number(estimate.interval.high)]
