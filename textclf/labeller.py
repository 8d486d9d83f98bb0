"""A trained model as people use it: a predictor with its calibration and thresholds, which labels paragraphs."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from textclf.articles.sentences import split_units
from textclf.calibration import LINEAR, Calibration, LabelMap, fit_calibration
from textclf.errors import DataError, TextclfWarning
from textclf.explanation import Explanation
from textclf.labels import LabelSet
from textclf.models.interface import CountsWindows, Explains, Predictor, TakesCalibration
from textclf.models.occlusion import occlude
from textclf.objectives import F1, Objective
from textclf.records import MAX_CHARACTERS, Article, ContextSetting, Examples, LabelledPassage, Passage, Unit
from textclf.scripts import has_letters
from textclf.threshold_fit import fit_for, warn_of_fits
from textclf.thresholds import decide
from textclf.words import word_spans

STREAM_WINDOW = 8_192  # passages labelled at a time when streaming


@dataclass(frozen=True)
class Labeller:
    """What `textclf.load` returns. It serves like any `Predictor`, and it decides.

    Attributes:
        predictor: The model itself.
        calibration: Maps its probabilities, one map per label.
        thresholds: float64 (k,): a paragraph carries label j when its calibrated probability reaches thresholds[j].
        card: What is known of the model: kind, config, data, versions, validation scores. JSON-ready.
        path: The bundle's folder, when it was loaded from or saved to one.
    """

    predictor: Predictor
    calibration: Calibration
    thresholds: np.ndarray
    card: Mapping[str, Any] = field(default_factory=dict)
    path: Path | None = None

    @property
    def labels(self) -> LabelSet:
        """The labels, in column order."""
        return self.predictor.labels

    @property
    def context(self) -> ContextSetting:
        """What the model was trained to read beside a paragraph: the card's `data.context`."""
        found: ContextSetting = self.card.get("config", {}).get("data", {}).get("context", "none")
        return found

    @property
    def scripts(self) -> frozenset[str]:
        """The scripts of at least one in a hundred training paragraphs; Latin, where the card does not say."""
        counts = self.card.get("scripts", {"Latin": 1})
        return frozenset(name for name, count in counts.items() if count * 100 >= sum(counts.values()))

    @property
    def languages(self) -> frozenset[str]:
        """The languages of one in a hundred training paragraphs or more, as codes; none where the card does not say."""
        counts = self.card.get("languages", {})
        return frozenset(code for code, count in counts.items() if count * 100 >= sum(counts.values()))

    def predict_proba(self, texts: Sequence[str], contexts: Sequence[str] | None = None) -> np.ndarray:
        """Return calibrated probabilities, float32 (n, k), rows in order.

        A text without a letter of any script (blank, digits, signs, emoji) reports nothing: its probabilities are 0.
        Of a text longer than 100,000 characters the first 100,000 are read, with a warning.

        Args:
            texts: The n texts.
            contexts: The n contexts, for a model trained to read them (see `Passage.context`); "" is none.

        Raises:
            DataError: When `texts` is one string, an item is no string, or there are not as many contexts.
        """
        texts, contexts = as_texts(texts, what="text"), None if contexts is None else as_texts(contexts, what="context")
        if contexts is not None and len(contexts) != len(texts):
            raise DataError(f'{len(contexts)} contexts were given for {len(texts)} texts; give one each, or ""')
        longest = max(map(len, texts), default=0)
        if longest > MAX_CHARACTERS:
            warnings.warn(
                f"a text has {longest:,} characters; only the first {MAX_CHARACTERS:,} are read. "
                f"Split documents into paragraphs",
                TextclfWarning,
                stacklevel=2,
            )
        probabilities = np.zeros((len(texts), len(self.labels)), dtype=np.float32)
        filled = [row for row, text in enumerate(texts) if says_something(text)]
        chosen = [readable(texts[row]) for row in filled]
        if contexts is None:
            found = self.predictor.predict_proba(chosen)
        else:
            found = self.predictor.predict_proba(chosen, [readable(contexts[row]) for row in filled])
        probabilities[filled] = self.calibration(found)
        return probabilities

    def count_windows(self, texts: Sequence[str], contexts: Sequence[str] | None = None) -> list[int]:
        """Return in how many overlapping windows each text is read.

        That is 1 unless it is longer than the model, and 0 where there is nothing to read (see `predict_proba`).
        """
        counts = [1] * len(texts)
        if isinstance(self.predictor, CountsWindows):
            beside = None if contexts is None else [readable(context) for context in contexts]
            counts = self.predictor.count_windows([readable(text) for text in texts], beside)
        return [count if says_something(text) else 0 for text, count in zip(texts, counts, strict=True)]

    def predict(self, texts: Sequence[str]) -> list[tuple[str, ...]]:
        """Return the labels each text carries, in the label set's order; none is an empty tuple."""
        return self.labels.decode(decide(self.predict_proba(texts), self.thresholds))

    def explain(self, text: str, context: str = "", *, labels: Sequence[str] | None = None) -> Explanation:
        """Return what each word of a text adds to each label's log-odds (see `Explanation`).

        Linear models are explained exactly, fine-tuned encoders by integrated gradients, any other by leaving words
        out. A text without letters has no words. What these weights do not show is told in docs/explaining.md.

        Args:
            text: The text.
            context: What stands around it, for a model trained to read that; it is read and given no weight.
            labels: Those to explain, which may save time; by default all.

        Raises:
            DataError: When text or context is no string, or there is no such label.
            MissingExtraError: When the extra `explain` is needed and not installed.
        """
        scores = self.predict_proba([text], [context] if context else None)[0]
        columns = [*range(len(self.labels))] if labels is None else [self.labels.index(name) for name in labels]
        read, beside = readable(text) if says_something(text) else "", readable(context)
        spans = word_spans(read)
        if isinstance(self.predictor, Explains):
            found = self.predictor.attribute(read, spans, context=beside, columns=columns)
        else:
            found = occlude(self.predictor, read, spans, context=beside)
        slopes, intercepts, before = linear_parts(self.calibration)
        asked = np.where(np.isin(np.arange(len(self.labels)), columns), 1.0, np.nan)
        weights = (found.weights * slopes * asked).astype(np.float32)
        baseline = (found.baseline * slopes + intercepts) * asked
        error = baseline + weights.sum(axis=0, dtype=np.float64) - (found.log_odds * slopes + intercepts)
        told = tuple(name for name, is_before in zip(self.labels, before, strict=True) if is_before)
        return Explanation(text, self.labels, spans, weights, scores, baseline, found.method, error, told)

    def label(self, article: Article, *, unit: Unit = "paragraph", language: str = "en") -> list[LabelledPassage]:
        """Label every paragraph of an article, or every sentence.

        Args:
            article: The article.
            unit: What is labelled at a time.
            language: Of the article, as sentences end differently (see `split_sentences`).

        Raises:
            DataError: When `unit` is not known.
            MissingExtraError: When sentences are asked for and the extra `sentences` is not installed.
        """
        return list(self.label_stream(split_units(article.passages(), unit=unit, language=language)))

    def label_stream(self, passages: Iterable[Passage]) -> Iterator[LabelledPassage]:
        """Label passages as they come, a window at a time: the same order, flat memory."""
        rest = iter(passages)
        while window := list(islice(rest, STREAM_WINDOW)):
            texts = [passage.text for passage in window]
            contexts = None if self.context == "none" else [passage.context(self.context) for passage in window]
            probabilities = self.predict_proba(texts, contexts)
            counts = self.count_windows(texts, contexts)
            names = self.labels.decode(decide(probabilities, self.thresholds))
            for passage, labels, row, windows in zip(window, names, probabilities, counts, strict=True):
                yield LabelledPassage(
                    passage.article_id,
                    passage.paragraph,
                    passage.text,
                    labels,
                    scores={name: round(float(p), 6) for name, p in zip(self.labels, row, strict=True)},
                    windows=windows,
                    sentence=passage.sentence,
                    start=passage.start,
                    end=passage.end,
                )


def shift_labeller(model: Labeller, shifts: np.ndarray) -> Labeller:
    """Return a labeller whose calibrated log-odds are shifted, with the thresholds it had.

    Where calibration is in the predictor's weights the shift goes there too, so the predictor itself is changed.

    Args:
        model: The labeller.
        shifts: (k,): what to add to the log-odds of each label; 0 leaves a label exactly as it is.
    """
    maps = tuple(m.shifted(float(by)) for m, by in zip(model.calibration.maps, shifts, strict=True))
    if model.calibration.in_weights and isinstance(model.predictor, TakesCalibration):
        model.predictor.scale_logits(np.ones(len(maps)), np.asarray(shifts, dtype=np.float64))
    return replace(model, calibration=replace(model.calibration, maps=maps))


def linear_parts(calibration: Calibration) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return how calibration acts on log-odds, as three (k,): slopes, intercepts, and whether a map is no such line.

    A map that is not linear in log-odds, or is in the weights already, has slope 1 and intercept 0.
    """
    maps = calibration.maps
    lines = [not calibration.in_weights and each.method in LINEAR and each.method != "none" for each in maps]
    slopes = [each.slope if line else 1.0 for each, line in zip(maps, lines, strict=True)]
    intercepts = [each.intercept if line else 0.0 for each, line in zip(maps, lines, strict=True)]
    others = [not calibration.in_weights and each.method not in LINEAR for each in maps]
    return np.array(slopes), np.array(intercepts), np.array(others)


def as_texts(given: Sequence[str], *, what: str) -> list[str]:
    """Return texts (or contexts) as a list.

    Raises:
        DataError: When they are one string, or an item is no string.
    """
    if isinstance(given, str):
        raise DataError(f"predict_proba takes a list of {what}s; put a single {what} in a list: [{what}]")
    texts = list(given)
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise DataError(f"{what} {row} is no text but {type(text).__name__}: {text!r:.60}")
    return texts


def says_something(text: str) -> bool:
    """Tell whether a text has a letter in the part of it that is read."""
    return has_letters(text[:MAX_CHARACTERS])


def readable(text: str) -> str:
    """Return a text as models read it: not over-long, and without half characters, which no tokenizer takes."""
    return text[:MAX_CHARACTERS].encode("utf-8", errors="replace").decode("utf-8")


def fit_labeller(
    predictor: Predictor,
    held_out: Examples,
    probabilities: np.ndarray,
    *,
    calibration: Any,
    shrinkage: float,
    seed: int,
    never: Sequence[int] = (),
    objectives: Sequence[Objective] | None = None,
) -> tuple[Labeller, np.ndarray]:
    """Fit calibration and thresholds on held-out paragraphs; return the whole and the calibrated probabilities.

    How sure each threshold is stands in the labeller's card, under `threshold_fit`.

    Args:
        predictor: The trained model. One that can takes a calibration that is a line in log-odds into its last layer.
        held_out: Paragraphs the probabilities are of.
        probabilities: float32 (n, k), from a model that did not train on these articles.
        calibration: The method (see `fit_calibration`).
        shrinkage: See `fit_thresholds`.
        seed: For the resamples.
        never: Columns that had no positive in training; they are never predicted.
        objectives: What each label's threshold is fitted for; by default F1.
    """
    takes = isinstance(predictor, TakesCalibration)
    fitted = fit_calibration(
        held_out.targets, probabilities, method=calibration, affine_only=takes, groups=held_out.groups
    )
    maps = tuple(LabelMap() if column in never else m for column, m in enumerate(fitted.maps))
    fitted = Calibration(maps)
    calibrated = fitted(probabilities)
    names = predictor.labels.names
    wanted = [F1] * len(names) if objectives is None else objectives
    settings: dict[str, Any] = {"shrinkage": shrinkage, "never": never, "seed": seed}
    fits = fit_for(held_out.targets, calibrated, held_out.groups, wanted, **settings)
    warn_of_fits(names, fits)
    if isinstance(predictor, TakesCalibration) and all(m.method in LINEAR for m in maps):
        predictor.scale_logits(np.array([m.slope for m in maps]), np.array([m.intercept for m in maps]))
        fitted = replace(fitted, in_weights=True)
    thresholds = np.array([fit.threshold for fit in fits])
    card = {"threshold_fit": {name: fit.to_json() for name, fit in zip(names, fits, strict=True)}}
    return Labeller(predictor, fitted, thresholds, card=card), calibrated
