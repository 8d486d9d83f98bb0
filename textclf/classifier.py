"""The scikit-learn face: a multi-label classifier of texts that works in `Pipeline`, `GridSearchCV` and `clone`.

This module imports scikit-learn and nothing imports it; `textclf.TextClassifier` loads it when first used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from pydantic import ValidationError
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from textclf.bundle import save_bundle
from textclf.calibration import Calibration, LabelMap
from textclf.config import ThresholdSettings
from textclf.errors import ConfigError
from textclf.labeller import Labeller, readable
from textclf.labels import LabelSet
from textclf.models.registry import get_kind
from textclf.records import Examples
from textclf.thresholds import decide
from textclf.train import check_trainable
from textclf.train import fit as fit_model


class TextClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A multi-label text classifier of any model kind, with scikit-learn's habits.

    Args:
        kind: The model kind: ``"tfidf"``, ``"frozen_encoder"`` or ``"finetuned"``.
        labels: Label names, one per column of `y`; by default ``"0"``, ``"1"`` and so on.
        options: The kind's options, as under `model.options` in a config.
        thresholds: ``"fitted"`` fits calibration and per-label thresholds out of fold, which trains the model once
            more per fold; a number decides at that probability, uncalibrated.
        folds: Folds used for ``"fitted"``.
        random_state: The seed; None or a `RandomState` draws one.

    Attributes:
        model_: The fitted `Labeller`; `model_.predict_proba` and the rest work as after `textclf.load`.
        classes_: One array ``[0, 1]`` per label, as scikit-learn's own multi-label classifiers have it.
        n_features_in_: Always 1: the text.
    """

    model_: Labeller
    _config: dict[str, Any]

    def __init__(
        self,
        kind: str = "tfidf",
        *,
        labels: Sequence[str] | None = None,
        options: Mapping[str, Any] | None = None,
        thresholds: Literal["fitted"] | float = "fitted",
        folds: int = 5,
        random_state: int | np.random.RandomState | None = 13,
    ) -> None:
        self.kind = kind
        self.labels = labels
        self.options = options
        self.thresholds = thresholds
        self.folds = folds
        self.random_state = random_state

    def fit(self, X: Sequence[str], y: np.ndarray, *, groups: Sequence[Any] | None = None) -> Self:  # noqa: N803
        """Learn from texts.

        Args:
            X: n texts.
            y: (n, k) of 0 and 1; NaN is unknown. One column may come as (n,).
            groups: The article of each text, so that folds keep articles whole; by default each text stands alone.

        Raises:
            ValueError: When X or y have the wrong shape or content.
            ConfigError: When the kind or its options are wrong.
        """
        texts = as_texts(X)
        if not texts:
            raise ValueError("X holds no texts (n_samples=0); at least 1 is required")
        targets = as_targets(y, n=len(texts))
        if self.thresholds != "fitted" and not (isinstance(self.thresholds, Real) and 0 < float(self.thresholds) <= 1):
            raise ValueError(f"thresholds must be 'fitted' or a number above 0 and at most 1, not {self.thresholds!r}")
        if not isinstance(self.folds, Integral) or self.folds < 2:
            raise ValueError(f"folds must be a whole number of at least 2, not {self.folds!r}")
        names = [str(column) for column in range(targets.shape[1])] if self.labels is None else list(self.labels)
        labels = LabelSet.of(names)
        if len(labels) != targets.shape[1]:
            raise ValueError(f"y has {targets.shape[1]} columns for {len(labels)} labels: {', '.join(labels)}")
        try:
            options = get_kind(self.kind).options_type.model_validate(dict(self.options or {}))
        except ValidationError as fault:
            raise ConfigError(f"options of {self.kind!r}: {fault}") from fault
        rows = np.arange(len(texts)) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
        if len(rows) != len(texts):
            raise ValueError(f"groups has {len(rows)} entries for {len(texts)} texts")
        examples = Examples(texts, targets, rows, [str(row) for row in range(int(rows.max()) + 1)])
        seed = self.random_state
        if not isinstance(seed, Integral):  # None or a RandomState: drawn, as everywhere in scikit-learn
            seed = check_random_state(seed).randint(2**31 - 1)
        shared: dict[str, Any] = {"labels": labels, "options": options, "seed": int(seed)}
        self._config = {
            "model": {"kind": self.kind, "options": options.model_dump(mode="json")},
            "seed": int(seed),
            "labels": list(labels),
        }
        if self.thresholds == "fitted" and len(np.unique(rows)) < 2:
            raise ValueError(
                f"thresholds='fitted' needs texts of at least 2 articles to hold some out (n_samples={len(texts)}, one "
                f"article); give more, or a number as threshold"
            )
        if self.thresholds == "fitted":
            settings = ThresholdSettings(folds=int(self.folds))
            self.model_ = fit_model(
                kind=self.kind, examples=examples, validation=None, thresholds=settings, **shared
            ).model
        else:
            check_trainable(labels, targets)
            predictor = get_kind(self.kind)(**shared).fit(texts, targets)
            uncalibrated = Calibration((LabelMap(),) * len(labels))
            self.model_ = Labeller(predictor, uncalibrated, np.full(len(labels), float(self.thresholds)))
        self.classes_ = [np.array([0, 1])] * len(labels)
        self.n_features_in_ = 1
        return self

    def predict(self, X: Sequence[str]) -> np.ndarray:  # noqa: N803
        """Return int64 (n, k): 1 where the text carries the label."""
        check_is_fitted(self)
        return decide(self.predict_proba(X), self.model_.thresholds).astype(np.int64)

    def predict_proba(self, X: Sequence[str]) -> np.ndarray:  # noqa: N803
        """Return float32 (n, k): the probability of each label."""
        check_is_fitted(self)
        return self.model_.predict_proba(as_texts(X))

    def save(self, path: str | Path) -> None:
        """Write the fitted model as a bundle, for `textclf.load` and the commands."""
        check_is_fitted(self)
        config = {"name": Path(path).name, **self._config}
        save_bundle(self.model_, path, kind=config["model"]["kind"], card={**self.model_.card, "config": config})

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.target_tags.single_output = False
        tags.target_tags.multi_output = True
        tags.classifier_tags.multi_class = False
        tags.classifier_tags.multi_label = True
        return tags


def as_texts(X: Any) -> list[str]:  # noqa: N803
    """Return texts as a list.

    Raises:
        ValueError: When X is a single string, is not one-dimensional, or holds anything but texts.
    """
    if isinstance(X, (str, bytes)):
        raise ValueError("X must be a list of texts, not one text; put it in a list: [text]")
    if getattr(X, "ndim", 1) != 1:
        raise ValueError(f"X must be one-dimensional, one text an entry; given: an array of shape {X.shape}")
    texts = list(X)
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise ValueError(f"X[{row}] is no text but {type(text).__name__}")
    return [readable(text) for text in texts]


def as_targets(y: Any, *, n: int) -> np.ndarray:
    """Return targets as float32 (n, k).

    Raises:
        ValueError: When y is missing, not (n, k), or holds anything but 0, 1 and NaN.
    """
    if y is None:
        raise ValueError("this classifier requires y to be passed, but the target y is None")
    if hasattr(y, "toarray"):
        y = y.toarray()
    try:
        targets = np.asarray(y, dtype=np.float32)
    except (TypeError, ValueError) as fault:
        hint = "turn label names into columns with LabelSet.of(names).encode(y)"
        raise ValueError(f"y must hold 0, 1 or NaN in one column per label; {hint}") from fault
    if targets.ndim == 1:
        targets = targets[:, None]
    if targets.ndim != 2 or len(targets) != n or not targets.shape[1]:
        raise ValueError(f"y must be ({n}, labels), one row a text; given: shape {np.shape(y)}")
    if not np.isin(targets[~np.isnan(targets)], (0.0, 1.0)).all():
        raise ValueError("y must hold 0, 1 or NaN (unknown) in one column per label")
    return targets
