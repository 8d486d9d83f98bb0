"""Learning curves: nested sizes, laws found again in made points, no prediction where there is nothing to go by."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import textclf.comparison.fits as fits_module
import textclf.learning_curve as job
from tests.conftest import LABELS, make_articles
from tests.props import quick
from textclf.cli import main
from textclf.comparison.curve import LearningCurve
from textclf.comparison.curve_plot import draw_curve
from textclf.comparison.forecast import forecast
from textclf.comparison.power_law import explained, fit_power_laws
from textclf.config import Config, load_config
from textclf.errors import ConfigError, DataError
from textclf.learning_curve import check_steps, default_steps, flip_labels, learning_curve
from textclf.progress import log
from textclf.records import Article

Write = Callable[..., Path]
SIZES = np.array([16, 32, 64, 128, 256, 512])


@quick
@given(floor=st.floats(0, 0.3), scale=st.floats(0.3, 3), exponent=st.floats(0.1, 1.5))
def test_a_law_is_found_again_in_its_own_points(floor: float, scale: float, exponent: float) -> None:
    errors = floor + scale * SIZES**-exponent
    law = fit_power_laws(SIZES, errors[None])
    assert law.at(SIZES)[0] == pytest.approx(errors, abs=2e-3)
    assert law.at(np.array([1024.0]))[0, 0] == pytest.approx(floor + scale * 1024.0**-exponent, abs=5e-3)
    assert explained(errors, law.at(SIZES)[0], weights=np.ones(6)) > 0.999


@pytest.mark.parametrize("exponent", [0.2, 0.5, 1.0])
def test_floor_and_exponent_are_told_apart(exponent: float) -> None:
    law = fit_power_laws(SIZES, (0.1 + 1.5 * SIZES**-exponent)[None])
    assert law.exponents[0] == pytest.approx(exponent, abs=1e-6)
    assert law.floors[0] == pytest.approx(0.1, abs=1e-6)
    assert law.scales[0] == pytest.approx(1.5, abs=1e-6)


@quick
@given(curves=st.lists(st.lists(st.floats(0, 1), min_size=6, max_size=6), min_size=1, max_size=4), floor=st.booleans())
def test_no_fitted_law_rises_or_goes_under_zero(curves: list[list[float]], floor: bool) -> None:
    law = fit_power_laws(SIZES, np.array(curves), floor=floor)
    assert (law.floors >= 0).all()
    assert (law.scales >= 0).all()
    assert floor or (law.floors == 0).all()
    assert (np.diff(law.at(np.array([10.0, 100.0, 1000.0])), axis=1) <= 1e-12).all()
    for row, errors in enumerate(curves):
        alone = fit_power_laws(SIZES, np.array([errors]), floor=floor)
        assert alone.at(SIZES)[0] == pytest.approx(law.at(SIZES)[row], abs=1e-9)


def test_a_law_needs_two_sizes() -> None:
    with pytest.raises(ValueError, match="at least two sizes"):
        fit_power_laws(np.array([10, 10]), np.array([[0.5, 0.4]]))


def sampled(scores: np.ndarray, *, noise: float = 0.01, n: int = 300) -> np.ndarray:
    return np.asarray(scores + noise * np.random.default_rng(0).normal(size=(n, len(scores))))


def test_a_forecast_holds_what_the_law_gives() -> None:
    scores = 1 - (0.1 + 1.5 * SIZES**-0.5)
    found = forecast(SIZES, scores, sampled(scores), more=100, confidence=0.95)
    assert found is not None
    assert found.gain is not None
    true = 1.5 * (512**-0.5 - 612**-0.5)
    assert found.gain.interval.low <= true <= found.gain.interval.high
    assert found.gain.value == pytest.approx(true, abs=1e-3)
    assert found.explained == pytest.approx(1)
    assert found.missed == pytest.approx(0, abs=0.01)
    assert found.score(np.array([512.0]))[0] == pytest.approx(scores[-1], abs=1e-6)
    assert found.formula() == "error = 0.100 + 1.5 n^-0.50"
    assert json.dumps(found.to_json(), allow_nan=False)


def test_few_sizes_have_a_law_without_a_floor() -> None:
    scores = 1 - 1.5 * SIZES[-4:] ** -0.4
    found = forecast(SIZES[-4:], scores, sampled(scores), more=50, confidence=0.95)
    assert found is not None
    assert not found.has_floor
    assert found.exponent == pytest.approx(0.4, abs=1e-6)
    assert found.formula() == "error = 1.5 n^-0.40"
    assert found.to_json()["floor"] is None
    assert forecast(SIZES[-2:], scores[-2:], sampled(scores[-2:]), more=50, confidence=0.95) is None


@pytest.mark.parametrize(
    ("scores", "more", "fault"),
    [
        ([0.80, 0.81, 0.79, 0.80, 0.81, 0.80], 100, "does not surely rise"),
        ([0.50, 0.75, 0.52, 0.78, 0.49, 0.70], 100, "a power law explains"),
        ([0.30, 0.31, 0.32, 0.33, 0.34, 0.75], 100, "would have missed the score at the largest by 0.4"),
        ([0.30, 0.45, 0.57, 0.66, 0.73, 0.78], 600, "more than double them"),
    ],
)
def test_a_poor_fit_predicts_nothing_and_says_why(scores: list[float], more: int, fault: str) -> None:
    found = forecast(SIZES, np.array(scores), sampled(np.array(scores)), more=more, confidence=0.95)
    assert found is not None
    assert found.gain is None
    assert any(fault in each for each in found.faults)
    assert found.to_json()["gain"] is None


@quick
@given(
    share=st.floats(0, 0.5),
    more=st.floats(0, 0.5),
    rows=st.integers(1, 60),
    seed=st.integers(0, 100),
    unknown=st.floats(0, 1),
)
def test_flipped_labels_are_that_share_of_the_known_ones(
    share: float, more: float, rows: int, seed: int, unknown: float
) -> None:
    rng = np.random.default_rng(seed)
    targets = (rng.random((rows, 3)) < 0.3).astype(np.float32)
    targets[rng.random(targets.shape) < unknown] = np.nan
    before = targets.copy()
    flipped, further = (flip_labels(targets, each, seed=seed) for each in (share, min(0.5, share + more)))
    np.testing.assert_array_equal(targets, before)
    np.testing.assert_array_equal(np.isnan(flipped), np.isnan(targets))
    changed, also = (~((each == targets) | np.isnan(targets)) for each in (flipped, further))
    for column in range(3):
        assert changed[:, column].sum() == round(share * int((~np.isnan(targets[:, column])).sum()))
    assert (also | ~changed).all()
    np.testing.assert_array_equal(flipped[changed], 1 - targets[changed])


def test_steps_are_halvings_or_those_given() -> None:
    assert default_steps(482) == [15, 30, 60, 120, 241, 482]
    assert default_steps(24) == [6, 12, 24]
    assert default_steps(3) == [3]
    assert check_steps([20, 10, 20], n_articles=20) == [10, 20]
    for wrong in ([], [1, 5], [5, 21]):
        with pytest.raises(ConfigError, match="from 2 to the 20 there are"):
            check_steps(wrong, n_articles=20)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_jsonl: Write) -> Path:
    """A folder with data of three splits and a config, which is the working folder."""
    monkeypatch.chdir(tmp_path)
    for seed, (name, n) in enumerate({"train": 24, "validation": 10, "test": 16}.items()):
        write_jsonl(numbered(n, name, seed=seed), f"{name}.jsonl")
    settings = {
        "labels": list(LABELS),
        "data": {split: f"{split}.jsonl" for split in ("train", "validation", "test")},
        "model": {"kind": "tfidf", "options": {"min_df": 6, "word_ngrams": [1, 1], "char_ngrams": None}},
    }
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(settings))
    return tmp_path


def numbered(n: int, name: str, *, seed: int) -> list[Article]:
    return [replace(a, article_id=f"{name}-{i}") for i, a in enumerate(make_articles(n, seed=seed))]


def config(*overrides: str) -> Config:
    return load_config("small.yaml", overrides=overrides)


def curve(*overrides: str, **more: Any) -> LearningCurve:
    given: dict[str, Any] = {"steps": [4, 8, 24], "repeats": 2, "resamples": 100, **more}
    return learning_curve(config(*overrides), numbered(16, "test", seed=2), **given)


@pytest.mark.usefixtures("project")
def test_sizes_of_a_repeat_are_nested_and_repeats_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int, set[str]]] = []
    fit = fits_module.fit

    def recorded(**given: Any) -> Any:
        examples = given["examples"]
        seen.append((given["seed"], len(examples.article_ids), set(examples.texts)))
        return fit(**given)

    monkeypatch.setattr(fits_module, "fit", recorded)
    found = curve()
    assert [(seed, size) for seed, size, _ in seen] == [(13, 4), (14, 4), (13, 8), (14, 8), (13, 24), (14, 24)]
    for repeat in (0, 1):
        small, middle, large = (texts for _, _, texts in seen[repeat::2])
        assert small < middle < large
    assert seen[0][2] != seen[1][2]
    assert [point.articles for point in found.points] == [4, 8, 24]
    assert found.points[0].paragraphs == np.mean([len(texts) for _, _, texts in seen[:2]])


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("override", ["seed=13", "data.validation=null"])
def test_a_curve_rises_and_is_not_trained_twice(override: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first = curve(override, noise=[0.5, 0.25])
    scores = [point.scores["macro_f1"] for point in first.points]
    assert scores[0].value < scores[-1].value
    for point in (*first.points, *first.noise):
        for name, estimate in point.scores.items():
            assert estimate.value == pytest.approx(np.mean(point.by_repeat[name]))
    assert [point.noise for point in first.noise] == [0.25, 0.5]
    worst = first.noise[-1]
    assert worst.losses["macro_f1"].value == pytest.approx(scores[-1].value - worst.scores["macro_f1"].value)
    assert worst.losses["macro_f1"].interval.low > 0
    assert first.points[-1].losses == {}
    monkeypatch.setattr(fits_module, "fit", None)
    assert curve(override, noise=[0.25, 0.5]) == first
    assert json.dumps(first.to_json(), allow_nan=False)


@pytest.mark.usefixtures("project")
def test_labels_too_rare_for_small_sizes_and_single_repeats_are_noted() -> None:
    found = curve("labels=[fight, talk, move, flood]", steps=[4, 24], repeats=1)
    notes = " ".join(found.notes)
    assert "label 'flood' had no positive in a training of 24 articles" in notes
    assert "with one repeat the intervals leave out" in notes
    assert "2 size(s) are too few for a power law" in notes
    assert found.forecasts == {"macro_f1": None, "macro_ap": None}


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("given", "kind", "message"),
    [
        ({"repeats": 0}, ConfigError, "repeats: give at least 1"),
        ({"noise": [0.6]}, ConfigError, "over 0 and up to 0.5; given: 0.6"),
        ({"steps": [25]}, ConfigError, "from 2 to the 24 there are; given: 25"),
    ],
)
def test_what_cannot_be_drawn_is_refused_before_training(
    given: dict[str, Any], kind: type[Exception], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "fit_and_score", None)
    with pytest.raises(kind, match=message):
        curve(**given)


@pytest.mark.usefixtures("project")
def test_articles_of_training_are_not_held_out() -> None:
    with pytest.raises(DataError, match=r"2 of the held-out articles are in the config's training.*train-3"):
        learning_curve(config(), [*numbered(16, "test", seed=2), *numbered(24, "train", seed=0)[3:5]])
    with pytest.raises(DataError, match="no held-out paragraph"):
        learning_curve(config(), [])


@pytest.mark.usefixtures("project")
def test_the_command_shows_writes_and_draws(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "handlers", [])
    monkeypatch.setenv("COLUMNS", "100")
    common = ["learning-curve", "small.yaml", "--resamples", "100", "--repeats", "2"]
    for more, code, words in (
        (["--steps", "4,8,12,24", "--noise", "0.1,0.3", "--json", "c.json", "--plot", "c.svg"], 0, "wrong labels"),
        (["--steps", "4", "--steps", "8.5"], 1, "--steps: give whole numbers parted by commas; given: 4, 8.5"),
        (["--noise", "much"], 1, "--noise: give numbers parted by commas; given: much"),
        (["--plot", "c.pdf"], 1, "--plot c.pdf: the ending must be one of .svg, .png"),
        (["--set", "data.test=null"], 1, "give --data FILE, or a config with data.test"),
    ):
        log.handlers.clear()
        with pytest.raises(SystemExit) as stopped:
            main([*common, *more])
        out, err = capfd.readouterr()
        assert int(stopped.value.code or 0) == code, err
        assert words in out + err
        assert max((len(line) for line in out.splitlines() if "too poor" not in line), default=0) <= 100
    written = json.loads(Path("c.json").read_text())
    assert [point["articles"] for point in written["points"]] == [4, 8, 12, 24]
    assert [point["noise"] for point in written["noise"]] == [0.1, 0.3]
    assert "training articles" in Path("c.svg").read_text()


@pytest.mark.usefixtures("project")
def test_a_picture_is_the_same_whenever_it_is_drawn() -> None:
    found = curve(noise=[0.2])
    for name in ("a.svg", "b.svg", "a.png"):
        draw_curve(Path(name), found)
    assert Path("a.svg").read_bytes() == Path("b.svg").read_bytes()
    assert Path("a.png").read_bytes().startswith(b"\x89PNG")
