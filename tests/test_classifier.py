"""`TextClassifier`: scikit-learn's own estimator checks that apply, and its tools.

scikit-learn's checks feed tables of numbers, so they run on `Numbers`, which writes each number of a row as a word.
`NOT_FOR_TEXTS` names those that do not apply to a multi-label classifier of texts, each with the reason; every other
check must pass, and each named one must still fail, so that the list stays true.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_predict, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import estimator_checks

from tests.conftest import LABELS
from tests.models import TINY_OPTIONS
from textclf import TextClassifier, load
from textclf.errors import ConfigError
from textclf.records import Examples

FAST = {"options": {"min_df": 1}, "folds": 2}


class Numbers(TextClassifier):
    """Takes a table of numbers, as scikit-learn's checks give it, and reads each row as a text of rounded numbers."""

    def fit(self, X: Any, y: Any, *, groups: Any = None) -> Numbers:
        if y is not None:
            y = np.asarray(y)
            if not np.isin(y, (0, 1)).all() and (y.ndim == 1 or y.shape[1] == 1):
                y = (y.reshape(-1, 1) == np.unique(y)[None, :]).astype(int)
        super().fit(self.words(X), y, groups=groups)
        return self

    def predict(self, X: Any) -> np.ndarray:
        return super().predict(X if isinstance(X, list) else self.words(X))

    def predict_proba(self, X: Any) -> np.ndarray:
        return super().predict_proba(X if isinstance(X, list) else self.words(X))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array, tags.input_tags.two_d_array = False, True
        return tags

    @staticmethod
    def words(X: Any) -> list[str]:
        return [" ".join(f"c{j}v{int(np.floor(v))}" for j, v in enumerate(row)) + " word" for row in np.asarray(X)]


NOT_FOR_TEXTS = {
    "check_n_features_in": "texts have no columns to count",
    "check_n_features_in_after_fitting": "texts have no columns to count",
    "check_estimators_empty_data_messages": "texts have no columns to lack; that no texts are refused is tested below",
    "check_fit1d": "one dimension is what a list of texts has",
    "check_fit2d_predict1d": "one dimension is what a list of texts has",
    "check_complex_data": "texts hold no complex numbers",
    "check_estimators_nan_inf": "texts hold no NaN or infinity",
    "check_estimator_sparse_tag": "texts do not come as sparse matrices",
    "check_estimator_sparse_array": "texts do not come as sparse matrices",
    "check_estimator_sparse_matrix": "texts do not come as sparse matrices",
    "check_supervised_y_no_nan": "NaN in y means unknown, and is allowed",
    "check_classifiers_one_label": "y has one 0/1 column per label, and so has what predict gives",
    "check_classifiers_classes": "y has one 0/1 column per label, not one column of class names",
    "check_classifiers_train": "y has one 0/1 column per label, not one column of class names",
    "check_classifier_not_supporting_multiclass": "y has one 0/1 column per label, not one column of class names",
    "check_classifiers_regression_target": "y has one 0/1 column per label, not one column of class names",
}
BEFORE_1_7 = {"check_pipeline_consistency": "scikit-learn 1.6 scores one column of class names there"}


def test_scikit_learn_estimator_checks() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the checks' odd data rightly makes the classifier warn
        results = estimator_checks.check_estimator(Numbers(**FAST), on_fail=None, on_skip=None)
    failed = {r["check_name"]: r["exception"] for r in results if r["status"] == "failed"}
    old = sklearn.__version__.startswith("1.6.")
    passed_over = NOT_FOR_TEXTS | (BEFORE_1_7 if old else {})
    assert {name: fault for name, fault in failed.items() if name not in passed_over} == {}
    assert old or set(NOT_FOR_TEXTS) - set(failed) == set()
    assert sum(r["status"] == "passed" for r in results) >= 35


def test_fit_predict_save_load(examples: Examples, tmp_path: Any) -> None:
    model = TextClassifier(labels=LABELS, **FAST)
    assert model.fit(examples.texts, examples.targets, groups=examples.groups) is model
    decisions, p = model.predict(examples.texts), model.predict_proba(examples.texts)
    assert decisions.shape == p.shape == examples.targets.shape
    assert decisions.dtype == np.int64
    np.testing.assert_array_equal(decisions, p >= model.model_.thresholds.astype(np.float32))
    model.save(tmp_path / "bundle")
    again = load(tmp_path / "bundle")
    assert again.labels.names == LABELS
    np.testing.assert_allclose(again.predict_proba(examples.texts), p, atol=1e-6)


@pytest.mark.parametrize("kind", ["frozen_encoder", "finetuned"])
def test_every_kind_is_at_hand(kind: str, examples: Examples, tmp_path_factory: pytest.TempPathFactory) -> None:
    from tests.models import make_encoder

    encoder = make_encoder(tmp_path_factory.mktemp("encoder"))
    options = {**TINY_OPTIONS[kind], "encoder": str(encoder)} | ({"epochs": 2} if kind == "finetuned" else {})
    model = TextClassifier(kind, options=options, thresholds=0.5).fit(examples.texts, examples.targets)
    assert model.predict(examples.texts).shape == examples.targets.shape


def test_grid_search_keeps_articles_whole(examples: Examples) -> None:
    y = np.nan_to_num(examples.targets).astype(int)
    search = GridSearchCV(
        TextClassifier(options={"min_df": 1}, thresholds=0.5),
        {"options": [{"min_df": 1, "C": 0.01}, {"min_df": 1, "C": 10.0}], "thresholds": [0.5, 0.9]},
        scoring="f1_macro",
        cv=GroupKFold(3),
        error_score="raise",
    )
    search.fit(examples.texts, y, groups=examples.groups)
    assert search.best_params_ == {"options": {"min_df": 1, "C": 10.0}, "thresholds": 0.5}
    assert search.best_score_ > 0.9


def test_pipeline_cross_validation_and_clone(examples: Examples) -> None:
    y = np.nan_to_num(examples.targets).astype(int)
    lower = FunctionTransformer(lambda texts: [text.lower() for text in texts])
    whole = Pipeline([("lower", lower), ("classify", TextClassifier(options={"min_df": 1}, thresholds=0.5))])
    scores = cross_val_score(whole, examples.texts, y, cv=3, scoring="f1_micro", error_score="raise")
    assert scores.min() > 0.8
    assert cross_val_predict(clone(whole), examples.texts, y, cv=3).shape == y.shape
    assert clone(whole).get_params()["classify__thresholds"] == 0.5


def test_unknown_targets_are_taken(examples: Examples) -> None:
    assert np.isnan(examples.targets).any()
    model = TextClassifier(labels=LABELS, **FAST).fit(examples.texts, examples.targets)
    known = ~np.isnan(examples.targets)
    assert ((model.predict(examples.texts) == 1) == (examples.targets == 1))[known].mean() > 0.95


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        ([], np.zeros((0, 2)), r"no texts \(n_samples=0\)"),
        ("one text", [[1]], "not one text"),
        ([1, 2], [[1], [0]], r"X\[0\] is no text but int"),
        (["a", "b"], [[1]], r"y must be \(2, labels\)"),
        (["a", "b"], [[2], [0]], "0, 1 or NaN"),
        (["a", "b"], [["fight"], ["talk"]], "LabelSet"),
        (["a", "b"], None, "target y is None"),
        (np.array([["a"], ["b"]]), [[1], [0]], "one-dimensional"),
    ],
)
def test_bad_input_says_what_is_wrong(X: Any, y: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TextClassifier(**FAST).fit(X, y)


def test_bad_parameters_say_what_is_wrong(examples: Examples) -> None:
    with pytest.raises(ConfigError, match="did you mean 'tfidf'"):
        TextClassifier("tfidff").fit(examples.texts, examples.targets)
    with pytest.raises(ConfigError, match="min_dff"):
        TextClassifier(options={"min_dff": 1}).fit(examples.texts, examples.targets)
    with pytest.raises(ValueError, match="3 columns for 2 labels"):
        TextClassifier(labels=["a", "b"]).fit(examples.texts, examples.targets)
    with pytest.raises(NotFittedError):
        TextClassifier().predict(["text"])


@pytest.mark.parametrize("change", [{"thresholds": "best"}, {"thresholds": 0}, {"folds": 1}, {"folds": 2.5}])
def test_bad_thresholds_and_folds_are_refused_before_training(change: dict[str, Any], examples: Examples) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        TextClassifier(**change).fit(examples.texts, examples.targets)


@pytest.mark.parametrize("seed", [None, np.random.RandomState(3), np.int64(4)])
def test_seeds_come_in_scikit_learns_ways(seed: Any, examples: Examples, tmp_path: Any) -> None:
    model = TextClassifier(thresholds=0.5, random_state=seed, labels=np.array(LABELS))
    model.fit([*examples.texts[:-1], "half a \ud800 character"], examples.targets).save(tmp_path / "bundle")
    assert load(tmp_path / "bundle").labels.names == LABELS
