"""The baseline: word and character n-grams, TF-IDF, and one-vs-rest logistic regression.

Stored as vocabularies in JSON and numbers in safetensors, and rebuilt into a real scikit-learn pipeline
(`Tfidf.pipeline`).
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from pydantic import Field, field_validator

from textclf.errors import BundleError, ModelError
from textclf.labels import LabelSet
from textclf.models.attributions import share_out
from textclf.models.interface import Attribution, Kind, Options, Validation, warn_of_contexts
from textclf.models.linear import assemble, fit_one_vs_rest, make_binary, positive_probabilities
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
    pipeline: Any = None

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
        from sklearn.pipeline import Pipeline

        warn_of_contexts("tfidf", contexts)
        started = time.perf_counter()
        features = self._features()
        try:
            matrix = features.fit_transform(texts)
        except ValueError as fault:
            advice = "lower model.options.min_df or give more text"
            raise ModelError(f"tfidf found no words to learn from ({fault}); {advice}") from fault
        classifier = fit_one_vs_rest(matrix, targets, C=self.options.C, max_iter=self.options.max_iter, seed=self.seed)
        self.pipeline = Pipeline([("features", features), ("classifier", classifier)])
        self.info = {"features": int(matrix.shape[1]), "seconds": round(time.perf_counter() - started, 3)}
        return self

    def predict_proba(self, texts: Sequence[str], contexts: Sequence[str] | None = None) -> np.ndarray:
        """Return float32 (n, k) (see `Predictor.predict_proba`); contexts are not read."""
        del contexts
        if self.pipeline is None:
            raise ModelError("this tfidf model is not trained; call fit first")
        if not len(texts):
            return np.zeros((0, len(self.labels)), dtype=np.float32)
        matrix = self.pipeline[0].transform(texts)
        return positive_probabilities(self.pipeline[1], matrix)

    def attribute(
        self, text: str, spans: Sequence[tuple[int, int]], *, context: str = "", columns: Sequence[int]
    ) -> Attribution:
        """Return exactly what each word adds (see `Explains.attribute`), the text's norm taken as given.

        What an n-gram adds is parted evenly over the places it stands in, there over its words, and a character n-gram
        by how many of its characters are in each.
        """
        del context, columns
        if self.pipeline is None:
            raise ModelError("this tfidf model is not trained; call fit first")
        row = self.pipeline[0].transform([text])
        estimators = self.pipeline[1].estimators_
        coefficients = np.concatenate([model.coef_ for model in estimators])
        intercepts = np.concatenate([model.intercept_ for model in estimators])
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

        tensors: dict[str, np.ndarray] = {}
        for name, vectorizer in self.pipeline[0].transformer_list:
            terms = sorted(vectorizer.vocabulary_, key=vectorizer.vocabulary_.__getitem__)
            path = folder / f"vocabulary_{name}.json"
            path.write_text(json.dumps(terms, ensure_ascii=False), encoding="utf-8")
            tensors[f"idf_{name}"] = vectorizer.idf_
        estimators = self.pipeline[1].estimators_
        tensors["coefficients"] = np.concatenate([model.coef_ for model in estimators])
        tensors["intercepts"] = np.concatenate([model.intercept_ for model in estimators])
        save_file(tensors, folder / "weights.safetensors")
        settings = {"vectorizers": [name for name, _ in self.pipeline[0].transformer_list]}
        (folder / "settings.json").write_text(json.dumps(settings, indent=2), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, labels: LabelSet, options: TfidfOptions, *, seed: int) -> Self:
        """Rebuild the pipeline from its vocabularies and numbers.

        Raises:
            BundleError: When the numbers do not fit the vocabularies or the labels.
        """
        from safetensors.numpy import load_file
        from sklearn.pipeline import Pipeline

        model = cls(labels, options, seed=seed)
        tensors = load_file(folder / "weights.safetensors")
        features = model._features()
        width = 0
        for name, vectorizer in features.transformer_list:
            terms = json.loads((folder / f"vocabulary_{name}.json").read_text(encoding="utf-8"))
            idf = tensors[f"idf_{name}"]
            if idf.shape != (len(terms),):
                raise BundleError(f"{folder}: {len(terms)} terms in vocabulary_{name}.json but idf is {idf.shape}")
            vectorizer.vocabulary_ = {term: index for index, term in enumerate(terms)}
            vectorizer.fixed_vocabulary_ = False
            vectorizer.idf_ = idf
            width += len(terms)
        coefficients, intercepts = tensors["coefficients"], tensors["intercepts"]
        if coefficients.shape != (len(labels), width) or intercepts.shape != (len(labels),):
            given = f"{coefficients.shape} and {intercepts.shape}"
            raise BundleError(f"{folder}: weights of shape {given} do not fit {len(labels)} labels x {width} terms")
        estimators = [make_binary(row, float(b)) for row, b in zip(coefficients, intercepts, strict=True)]
        model.pipeline = Pipeline([("features", features), ("classifier", assemble(estimators))])
        return model

    def _features(self) -> Any:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.pipeline import FeatureUnion

        shared = {
            "sublinear_tf": True,
            "strip_accents": "unicode",
            "lowercase": self.options.lowercase,
            "min_df": self.options.min_df,
            "max_features": self.options.max_features,
        }
        words = TfidfVectorizer(ngram_range=self.options.word_ngrams, **shared)
        parts = [("words", words)]
        if self.options.char_ngrams:
            characters = TfidfVectorizer(analyzer="char_wb", ngram_range=self.options.char_ngrams, **shared)
            parts.append(("characters", characters))
        return FeatureUnion(parts)
