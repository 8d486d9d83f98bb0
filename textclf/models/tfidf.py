"""The baseline: word and character n-grams, TF-IDF, and one-vs-rest logistic regression.

Stored as vocabularies in JSON and numbers in safetensors. scikit-learn learns them; to predict, numpy alone is needed
(`ngram_scorer`). A real scikit-learn pipeline that gives the same is there for who asks (`Tfidf.pipeline`).
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from pydantic import Field, field_validator

from textclf.calibration import sigmoid
from textclf.errors import BundleError, ModelError
from textclf.labels import LabelSet
from textclf.models.attributions import share_out
from textclf.models.interface import Attribution, Kind, Options, Validation, warn_of_contexts
from textclf.models.linear import assemble, fit_one_vs_rest, make_binary
from textclf.models.ngram_scorer import Ngrams, NgramScorer, Sort
from textclf.models.ngrams import placed_ngrams


class TfidfOptions(Options):
    """Options of the `tfidf` kind."""

    word_ngrams: tuple[int, int] = Field((1, 2), description="Shortest and longest word n-gram.")
    char_ngrams: tuple[int, int] | None = Field((3, 5), description="The same within words; null for none.")
    min_df: int = Field(2, ge=1, description="Paragraphs an n-gram must stand in.")
    max_features: int | None = Field(200_000, ge=1, description="The most n-grams of each sort.")
    lowercase: bool = True
    C: float = Field(4.0, gt=0, description="Inverse strength of the L2 penalty.")
    max_iter: int = Field(1_000, ge=1)

    @field_validator("word_ngrams", "char_ngrams")
    @classmethod
    def _rising(cls, value: tuple[int, int] | None) -> tuple[int, int] | None:
        if value is not None and not 1 <= value[0] <= value[1]:
            raise ValueError("the shortest must be at least 1 and no longer than the longest")
        return value


class Tfidf(Kind):
    """TF-IDF features and one logistic regression per label, class-balanced."""

    options_type: ClassVar[type[Options]] = TfidfOptions
    takes_probabilities: ClassVar[bool] = True

    options: TfidfOptions
    sorts: list[Ngrams]
    coefficients: np.ndarray  # float64 (k, d)
    intercepts: np.ndarray
    _scorer: NgramScorer | None = None
    _pipeline: Any = None

    def fit(
        self,
        texts: Sequence[str],
        targets: np.ndarray,
        *,
        contexts: Sequence[str] | None = None,
        validation: Validation | None = None,
    ) -> Self:
        """Learn from texts and targets (see `Trainable.fit`); `validation` is not needed and not used.

        Contexts are not read, and a warning says so: a bag of words cannot tell them from the text, and n-grams of the
        context as features of their own made it no better.

        Raises:
            ModelError: When no n-gram is frequent enough to be a feature.
        """
        warn_of_contexts("tfidf", contexts)
        started = time.perf_counter()
        features = _vectorizers(self.options)
        try:
            matrix = features.fit_transform(texts)
        except ValueError as fault:
            advice = "lower model.options.min_df or give more text"
            raise ModelError(f"tfidf found no words to learn from ({fault}); {advice}") from fault
        classifier = fit_one_vs_rest(matrix, targets, C=self.options.C, max_iter=self.options.max_iter, seed=self.seed)
        vectorizers = [vectorizer for _, vectorizer in features.transformer_list]
        self._take(
            [_terms(vectorizer.vocabulary_) for vectorizer in vectorizers],
            [vectorizer.idf_ for vectorizer in vectorizers],
            np.concatenate([model.coef_ for model in classifier.estimators_]),
            np.concatenate([model.intercept_ for model in classifier.estimators_]),
        )
        self.info = {"features": int(matrix.shape[1]), "seconds": round(time.perf_counter() - started, 3)}
        return self

    def predict_proba(self, texts: Sequence[str], contexts: Sequence[str] | None = None) -> np.ndarray:
        """Return float32 (n, k) (see `Predictor.predict_proba`); contexts are not read."""
        del contexts
        return np.asarray(sigmoid(self._trained()(texts)), dtype=np.float32)

    @property
    def pipeline(self) -> Any:
        """The model as a fitted scikit-learn `Pipeline`, made when it is first asked for.

        Its `predict_proba` gives what this model's does, of one label with a column for its absence before it.

        Raises:
            ModelError: When the model is not trained.
        """
        self._trained()
        if self._pipeline is None:
            self._pipeline = _pipeline_of(self)
        return self._pipeline

    def attribute(
        self, text: str, spans: Sequence[tuple[int, int]], *, context: str = "", columns: Sequence[int]
    ) -> Attribution:
        """Return exactly what each word adds (see `Explains.attribute`), the text's norm taken as given.

        What an n-gram adds is parted evenly over the places it stands in, there over its words, and a character n-gram
        by how many of its characters are in each.
        """
        del context, columns
        row = self.pipeline[0].transform([text])
        coefficients, intercepts = self.coefficients, self.intercepts
        values = dict(zip(row.indices.tolist(), row.data.tolist(), strict=True))
        features, places, shares = self._placed_features(text)
        times = np.bincount(features, weights=shares, minlength=1)
        added = np.array([values[feature] for feature in features]) * shares / times[features]
        weights = share_out(places, coefficients[:, features].T * added[:, None], spans)
        decided = np.asarray(row @ coefficients.T)[0] + intercepts
        return Attribution(weights, baseline=intercepts, log_odds=decided, method="exact")

    def _placed_features(self, text: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return, for the parts of a text's n-grams, features (p,), places (p, 2), and the share of the n-gram (p,)."""
        found, begin = [], 0
        for _, vectorizer in self.pipeline[0].transformer_list:
            for term, places in placed_ngrams(vectorizer, text):
                feature = vectorizer.vocabulary_.get(term)
                if feature is not None:
                    found += [(begin + feature, *place, 1 / len(places)) for place in places]
            begin += len(vectorizer.vocabulary_)
        table = np.array(found, dtype=np.float64).reshape(-1, 4)
        return table[:, 0].astype(np.int64), table[:, 1:3].astype(np.int64), table[:, 3]

    def save(self, folder: Path) -> None:
        """Write `settings.json`, one vocabulary per sort of n-gram, and `weights.safetensors`."""
        from safetensors.numpy import save_file

        self._trained()
        tensors = {"coefficients": self.coefficients, "intercepts": self.intercepts}
        for ngrams in self.sorts:
            path = folder / f"vocabulary_{ngrams.sort}.json"
            path.write_text(json.dumps(ngrams.terms, ensure_ascii=False), encoding="utf-8")
            tensors[f"idf_{ngrams.sort}"] = ngrams.idf
        save_file(tensors, folder / "weights.safetensors")
        settings = {"vectorizers": [ngrams.sort for ngrams in self.sorts]}
        (folder / "settings.json").write_text(json.dumps(settings, indent=2), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, labels: LabelSet, options: TfidfOptions, *, seed: int) -> Self:
        """Read back what `save` wrote; scikit-learn is not imported.

        Raises:
            BundleError: When the numbers do not fit the vocabularies or the labels.
        """
        from safetensors.numpy import load_file

        model = cls(labels, options, seed=seed)
        tensors = load_file(folder / "weights.safetensors")
        terms, idfs = [], []
        for sort in _lengths(options):
            terms.append(json.loads((folder / f"vocabulary_{sort}.json").read_text(encoding="utf-8")))
            idfs.append(tensors[f"idf_{sort}"])
            if idfs[-1].shape != (len(terms[-1]),):
                raise BundleError(
                    f"{folder}: {len(terms[-1])} terms in vocabulary_{sort}.json but idf is {idfs[-1].shape}"
                )
        width = sum(map(len, terms))
        coefficients, intercepts = tensors["coefficients"], tensors["intercepts"]
        if coefficients.shape != (len(labels), width) or intercepts.shape != (len(labels),):
            given = f"{coefficients.shape} and {intercepts.shape}"
            raise BundleError(f"{folder}: weights of shape {given} do not fit {len(labels)} labels x {width} terms")
        model._take(terms, idfs, coefficients, intercepts)
        return model

    def _take(
        self, terms: list[list[str]], idfs: list[np.ndarray], coefficients: np.ndarray, intercepts: np.ndarray
    ) -> None:
        """Be what these numbers say: terms and their idf for each sort of n-gram, and the regressions."""
        lengths = _lengths(self.options).items()
        self.sorts = [Ngrams(*sort, t, idf) for sort, t, idf in zip(lengths, terms, idfs, strict=True)]
        self.coefficients, self.intercepts = coefficients, intercepts
        self._scorer = NgramScorer(self.sorts, coefficients, intercepts, lowercase=self.options.lowercase)
        self._pipeline = None

    def _trained(self) -> NgramScorer:
        if self._scorer is None:
            raise ModelError("this tfidf model is not trained; call fit first")
        return self._scorer


def _lengths(options: TfidfOptions) -> dict[Sort, tuple[int, int]]:
    """Return the shortest and longest n-gram of each sort that is used, in the order of their columns."""
    found: dict[Sort, tuple[int, int]] = {"words": options.word_ngrams}
    if options.char_ngrams:
        found["characters"] = options.char_ngrams
    return found


def _vectorizers(options: TfidfOptions) -> Any:
    """Return scikit-learn's vectorizers, one per sort of n-gram, as a `FeatureUnion` that is not fitted."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import FeatureUnion

    shared = {
        "sublinear_tf": True,
        "strip_accents": "unicode",
        "lowercase": options.lowercase,
        "min_df": options.min_df,
        "max_features": options.max_features,
    }
    analyzers = {"words": "word", "characters": "char_wb"}
    lengths = _lengths(options).items()
    return FeatureUnion([(s, TfidfVectorizer(analyzer=analyzers[s], ngram_range=n, **shared)) for s, n in lengths])


def _pipeline_of(model: Tfidf) -> Any:
    """Return a trained model as a fitted scikit-learn `Pipeline`."""
    from sklearn.pipeline import Pipeline

    features = _vectorizers(model.options)
    for ngrams, (_, vectorizer) in zip(model.sorts, features.transformer_list, strict=True):
        vectorizer.vocabulary_ = {term: column for column, term in enumerate(ngrams.terms)}
        vectorizer.fixed_vocabulary_ = False
        vectorizer.idf_ = ngrams.idf
    rows = zip(model.coefficients, model.intercepts, strict=True)
    classifier = assemble([make_binary(row, float(intercept)) for row, intercept in rows])
    return Pipeline([("features", features), ("classifier", classifier)])


def _terms(vocabulary: Mapping[str, int]) -> list[str]:
    """Return the terms of a vocabulary in the order of their columns."""
    return sorted(vocabulary, key=vocabulary.__getitem__)
