"""One-vs-rest logistic regression that leaves out unknown targets, label by label."""

from __future__ import annotations

from typing import Any

import numpy as np

from textclf.calibration import log_odds
from textclf.models.interface import constant_columns


def fit_one_vs_rest(features: Any, targets: np.ndarray, *, C: float, max_iter: int, seed: int) -> Any:  # noqa: N803
    """Fit a `OneVsRestClassifier` of class-balanced logistic regressions.

    scikit-learn's own fit refuses NaN, so each label's regression is fitted on its known rows and the parts are put
    together. A label with only one known class gets a constant. A row whose target is a probability p counts as two:
    a yes of weight p and a no of weight 1 - p, so that the loss is the cross-entropy from p.

    Args:
        features: (n, d), sparse or dense.
        targets: float32 (n, k): 1, 0 or NaN for unknown, or a probability to be matched.
        C: Inverse strength of the L2 penalty.
        max_iter: The most iterations of the solver.
        seed: For solvers that draw.
    """
    from sklearn.linear_model import LogisticRegression

    constant = constant_columns(targets)
    estimators = []
    for column in range(targets.shape[1]):
        if column in constant:
            none = np.zeros(features.shape[1])
            estimators.append(make_binary(none, float(log_odds(np.array(constant[column])))))
            continue
        rows, answers, weights = _answers(targets[:, column])
        solver = "liblinear" if hasattr(features, "tocsr") else "lbfgs"
        balanced = "balanced" if weights is None else None  # weighted answers are balanced by their weights
        model = LogisticRegression(C=C, class_weight=balanced, max_iter=max_iter, solver=solver, random_state=seed)
        estimators.append(model.fit(features[rows], answers, sample_weight=weights))
    return assemble(estimators)


def _answers(wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Return the rows to learn from, int64 answers 1 or 0 for them, and their weights, where any is no whole answer.

    Weights of yes and of no come to the same sum, half the number of rows known each, as class weights make them.
    """
    known = np.flatnonzero(~np.isnan(wanted))
    y = wanted[known].astype(np.float64)
    if np.isin(y, (0, 1)).all():
        return known, y.astype(np.int64), None
    yes, no = y > 0, y < 1
    rows = np.concatenate([known[yes], known[no]])
    answers = np.concatenate([np.ones(yes.sum(), dtype=np.int64), np.zeros(no.sum(), dtype=np.int64)])
    weights = np.concatenate([y[yes] / y.sum(), (1 - y[no]) / (1 - y).sum()]) * len(y) / 2
    return rows, answers, weights


def make_binary(coefficients: np.ndarray, intercept: float) -> Any:
    """Return a fitted `LogisticRegression` with the given coefficients (d,) and intercept."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression()
    model.coef_ = np.asarray(coefficients, dtype=np.float64).reshape(1, -1)
    model.intercept_ = np.array([intercept], dtype=np.float64)
    model.classes_ = np.array([0, 1])
    model.n_features_in_ = model.coef_.shape[1]
    model.n_iter_ = np.array([0], dtype=np.int32)
    return model


def assemble(estimators: list[Any]) -> Any:
    """Return a fitted `OneVsRestClassifier` made of one fitted binary classifier per label."""
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.preprocessing import LabelBinarizer

    k = len(estimators)
    whole = OneVsRestClassifier(estimators[0])
    whole.estimators_ = estimators
    indicator = np.eye(max(k, 2), k, dtype=np.int64) if k > 1 else np.array([[0], [1]])
    whole.label_binarizer_ = LabelBinarizer(sparse_output=True).fit(indicator)
    whole.classes_ = whole.label_binarizer_.classes_
    whole.n_features_in_ = estimators[0].n_features_in_
    return whole


def positive_probabilities(classifier: Any, features: Any) -> np.ndarray:
    """Return float32 (n, k) from a one-vs-rest classifier, also when k is 1 and scikit-learn gives two columns."""
    k = len(classifier.estimators_)
    if features.shape[0] == 0:
        return np.zeros((0, k), dtype=np.float32)
    return np.asarray(classifier.predict_proba(features)[:, -k:], dtype=np.float32)
