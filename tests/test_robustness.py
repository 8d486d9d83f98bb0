"""Scores under perturbations: paired, seeded, and shown by the command."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import LABELS, make_articles
from textclf.calibration import Calibration, LabelMap
from textclf.cli import main
from textclf.config import build_config
from textclf.errors import ConfigError, DataError
from textclf.labeller import Labeller
from textclf.labels import LabelSet
from textclf.perturb import PERTURBATIONS
from textclf.progress import log
from textclf.records import Examples
from textclf.robustness import measure_robustness, perturb_examples
from textclf.train import train

KEYS = {"fight": "shells", "talk": "envoys", "move": "buses"}


class CaseBound:
    """Knows each label by one word in small letters; what it reads it keeps."""

    labels = LabelSet.of(LABELS)

    def __init__(self) -> None:
        self.read: list[tuple[list[str], list[str] | None]] = []

    def predict_proba(self, texts: Sequence[str], contexts: Sequence[str] | None = None) -> np.ndarray:
        self.read.append((list(texts), None if contexts is None else list(contexts)))
        found = [[0.9 if KEYS[name] in text else 0.1 for name in LABELS] for text in texts]
        return np.array(found, dtype=np.float32).reshape(len(texts), len(LABELS))


def labeller(predictor: CaseBound | None = None) -> Labeller:
    return Labeller(predictor or CaseBound(), Calibration((LabelMap(),) * 3), np.full(3, 0.5))


def test_a_model_bound_to_small_letters_fails_on_capitals_alone() -> None:
    articles = make_articles(40, seed=3)
    found = measure_robustness(labeller(), articles, ["upper_case", "dateline_added", "quotes_lost"], resamples=200)
    assert found.unperturbed["macro_f1"].value == 1
    by_name = {under.name: under for under in found.perturbed}
    assert list(by_name) == ["dateline_added", "upper_case", "quotes_lost"]
    capitals, dated, quoteless = by_name["upper_case"], by_name["dateline_added"], by_name["quotes_lost"]
    assert capitals.scores["macro_f1"].value == 0
    assert capitals.differences["macro_f1"].value == -1
    assert capitals.differences["macro_f1"].interval == (-1, -1)
    assert capitals.flipped == pytest.approx(decided(articles))
    assert (dated.changed, dated.flipped) == (1, 0)
    assert (quoteless.changed, quoteless.flipped) == (0, 0)
    assert dated.differences["macro_ap"].interval == (0, 0)


def decided(articles: Sequence[Any]) -> float:
    """The share of decisions that are yes for the words, known or not."""
    paragraphs = [p.text for a in articles for p in a.paragraphs]
    return float(np.mean([[word in text for word in KEYS.values()] for text in paragraphs]))


def test_what_a_perturbation_does_hangs_on_seed_and_name_alone() -> None:
    articles = make_articles(12)
    alone = measure_robustness(labeller(), articles, "typos", resamples=100, seed=4).to_json()
    among = measure_robustness(labeller(), articles, "all", resamples=100, seed=4).to_json()
    assert alone["typos"] == among["typos"]
    assert list(among) == list(PERTURBATIONS)
    assert json.dumps(among, allow_nan=False)
    examples = Examples.of(articles, LabelSet.of(LABELS))
    once, other = (perturb_examples(PERTURBATIONS["typos"], examples, seed=seed).texts for seed in (4, 5))
    assert once != other


def test_contexts_are_perturbed_as_the_model_reads_them() -> None:
    predictor = CaseBound()
    model = replace(labeller(predictor), card={"config": {"data": {"context": "title"}}})
    measure_robustness(model, make_articles(3), "upper_case", resamples=100)
    (plain, titles), (capitals, loud) = predictor.read
    assert capitals == [text.upper() for text in plain]
    assert titles is not None
    assert loud == [title.upper() for title in titles]


def test_what_cannot_be_measured_is_said() -> None:
    with pytest.raises(ConfigError, match="did you mean 'typos'"):
        measure_robustness(labeller(), make_articles(3), ["typo"])
    with pytest.raises(DataError, match="no paragraph to evaluate on"):
        measure_robustness(labeller(), [], "typos")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny tfidf bundle and held-out articles."""
    folder = tmp_path_factory.mktemp("robust")
    for seed, name in enumerate(("train", "test")):
        records = [{**a.to_json(), "article_id": f"{name}-{i}"} for i, a in enumerate(make_articles(16, seed=seed))]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    given = {
        "labels": list(LABELS),
        "data": {"train": str(folder / "train.jsonl")},
        "model": {"kind": "tfidf", "options": {"min_df": 1}},
        "thresholds": {"folds": 2},
        "evaluation": {"resamples": 100},
    }
    train(build_config(given, name="t", near=folder / "t.yaml", source="t"), out=folder / "model")
    return folder


def run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    return int(stopped.value.code or 0)


def test_evaluate_shows_and_writes_the_scores_under_perturbations(
    project: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "handlers", [])  # one made before writes to a stream that is gone
    names = "typos, cut_short,upper_case"
    model, data, file = project / "model", project / "test.jsonl", tmp_path / "s.json"
    assert run("evaluate", model, data, "--perturb", names, "--json", file) == 0
    out, err = capfd.readouterr()
    rows = [line.split()[0] for line in out[out.index("against unperturbed") :].splitlines() if " [" in line]
    assert rows == ["unperturbed", "cut_short", "typos", "upper_case"]
    assert "cut_short †" in out
    assert "† may take away what a label rests on" in out
    assert "typos: macro-F1" in err
    written = json.loads(file.read_text())
    assert list(written["perturbations"]) == ["cut_short", "typos", "upper_case"]
    typos = written["perturbations"]["typos"]
    assert set(typos) == {"labels", "macro_f1", "macro_ap", "intervals", "differences", "changed", "flipped"}
    assert typos["labels"] == "exact"
    assert written["perturbations"]["cut_short"]["labels"] == "may_lose"
    for name in ("macro_f1", "macro_ap"):
        low, high = typos["intervals"][name]
        assert low <= typos[name] <= high
        assert typos["differences"][name]["difference"] == pytest.approx(typos[name] - written[name], abs=2e-6)
        assert len(typos["differences"][name]["interval"]) == 2
    assert written["perturbations"]["upper_case"]["flipped"] == 0  # the vocabulary folds case


def test_evaluate_without_perturbations_writes_none(project: Path, tmp_path: Path) -> None:
    assert run("evaluate", project / "model", project / "test.jsonl", "--json", tmp_path / "s.json") == 0
    assert "perturbations" not in json.loads((tmp_path / "s.json").read_text())


def test_an_unknown_name_is_told_before_anything_is_loaded(capfd: pytest.CaptureFixture[str]) -> None:
    assert run("evaluate", "no/model", "no/data.jsonl", "--perturb", "mojibaké") == 1
    err = capfd.readouterr().err
    assert "perturbation 'mojibaké' is not known; did you mean 'mojibake'?" in err
    assert "known: all, arabic_names" in err
