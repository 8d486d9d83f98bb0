"""Members that decide together: the better one weighs more, bundles may be members, what does not fit is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.conftest import LABELS, make_articles
from tests.props import quick
from tests.test_bundle_safety import sign
from textclf.calibration import log_odds
from textclf.errors import ConfigError, ModelError
from textclf.labels import LabelSet
from textclf.models.ensemble import Ensemble, EnsembleOptions, fit_weights
from textclf.models.tfidf import Tfidf, TfidfOptions
from textclf.records import Examples

LABEL_SET = LabelSet.of(LABELS)
TRAINING, HELD_OUT = Examples.of(make_articles(24), LABEL_SET), Examples.of(make_articles(12, seed=1), LABEL_SET)
WORDS = {"kind": "tfidf", "options": {"min_df": 1}}
CHARACTERS = {"kind": "tfidf", "options": {"min_df": 1, "word_ngrams": [1, 1], "C": 0.5}}


def _ensemble(*members: object) -> Ensemble:
    return Ensemble(LABEL_SET, EnsembleOptions.model_validate({"members": members}), seed=0)


def test_the_member_that_knows_more_weighs_more() -> None:
    rng = np.random.default_rng(0)
    targets = (rng.random((400, 2)) < 0.3).astype(np.float32)
    good = (2 * targets - 1) * 2 + rng.normal(0, 1, targets.shape)
    weights = fit_weights(targets, np.stack([good, rng.normal(0, 1, targets.shape)]))
    assert (weights[0] > 0.85).all()


@quick
@given(st.integers(1, 4), st.integers(1, 60), st.integers(0, 1_000))
def test_weights_are_shares_and_unknown_targets_count_for_nothing(m: int, n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    targets = rng.choice([0, 1, np.nan], size=(n, 3)).astype(np.float32)
    scores = rng.normal(0, 3, (m, n, 3))
    weights = fit_weights(targets, scores)
    assert (weights >= 0).all()
    np.testing.assert_allclose(weights.sum(axis=0), 1, atol=1e-9)
    scores[:, np.isnan(targets)] = 1e3
    np.testing.assert_array_equal(fit_weights(targets, scores), weights)


def test_without_validation_all_weigh_the_same_and_log_odds_are_averaged() -> None:
    model = _ensemble(WORDS, CHARACTERS).fit(TRAINING.texts, TRAINING.targets)
    assert model.weights is not None
    assert (model.weights == 0.5).all()
    alone = [member.predictor.predict_proba(HELD_OUT.texts) for member in model.members]
    found = log_odds(model.predict_proba(HELD_OUT.texts))
    np.testing.assert_allclose(found, (log_odds(alone[0]) + log_odds(alone[1])) / 2, atol=1e-3)


def test_a_bundle_is_a_member_with_its_own_calibration(tmp_path: Path) -> None:
    from textclf.bundle import save_bundle
    from textclf.labeller import fit_labeller

    words = Tfidf(LABEL_SET, TfidfOptions(min_df=1), seed=0).fit(TRAINING.texts, TRAINING.targets)
    p = words.predict_proba(HELD_OUT.texts)
    labeller, calibrated = fit_labeller(words, HELD_OUT, p, calibration="platt", shrinkage=1.0, seed=0)
    card = {"config": {"model": {"options": {"min_df": 1}}, "seed": 0}}
    save_bundle(labeller, tmp_path / "words", kind="tfidf", card=card)
    model = _ensemble({"bundle": str(tmp_path / "words")}, CHARACTERS)
    model.fit(TRAINING.texts, TRAINING.targets, validation=(HELD_OUT.texts, HELD_OUT.targets))
    np.testing.assert_allclose(model.members[0].log_odds(HELD_OUT.texts, None), log_odds(calibrated), atol=1e-4)
    assert set(model.info["weights"]) == set(LABELS)
    (tmp_path / "m").mkdir()
    model.save(tmp_path / "m")
    loaded = Ensemble.load(tmp_path / "m", LABEL_SET, model.options, seed=0)
    np.testing.assert_allclose(loaded.predict_proba(HELD_OUT.texts), model.predict_proba(HELD_OUT.texts), atol=1e-6)
    card_file = tmp_path / "words" / "textclf.json"
    card_file.write_text(card_file.read_text().replace('"fight"', '"fray"'))
    with pytest.raises(ModelError, match=r"textclf\.json has"):
        _ensemble({"bundle": str(tmp_path / "words")}, WORDS).fit(TRAINING.texts, TRAINING.targets)
    sign(tmp_path / "words")
    with pytest.raises(ModelError, match="has the labels fray"):
        _ensemble({"bundle": str(tmp_path / "words")}, WORDS).fit(TRAINING.texts, TRAINING.targets)
    with pytest.raises(ModelError, match="is no trained model"):
        _ensemble({"bundle": str(tmp_path / "none")}, WORDS).fit(TRAINING.texts, TRAINING.targets)


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ([WORDS], "at least 2"),
        ([WORDS, {}], "a kind or a bundle"),
        ([WORDS, {**WORDS, "bundle": "x"}], "a kind or a bundle"),
        ([WORDS, {"kind": "ensemble", "options": {"members": [WORDS, WORDS]}}], "cannot be an ensemble"),
        ([WORDS, {"kind": "tfdif"}], "did you mean"),
        ([WORDS, {"kind": "tfidf", "options": {"min_fd": 2}}], "min_fd"),
    ],
)
def test_members_that_do_not_fit_are_refused(members: list[object], told: str, tmp_path: Path) -> None:
    from textclf.config import load_config

    with pytest.raises(ValidationError, match=told):
        EnsembleOptions.model_validate({"members": members})
    data = tmp_path / "train.jsonl"
    data.write_text("".join(json.dumps(article.to_json()) + "\n" for article in make_articles(2)))
    path = tmp_path / "c.yaml"
    model = {"kind": "ensemble", "options": {"members": members}}
    path.write_text(json.dumps({"labels": LABELS, "data": {"train": str(data)}, "model": model}))
    with pytest.raises(ConfigError, match=told):
        load_config(path)
