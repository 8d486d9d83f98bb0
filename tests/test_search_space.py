"""Search spaces: numbers as people write them, every fault together, nothing that a config would refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import DATA
from tests.props import quick
from textclf.config import Config, build_config, load_config
from textclf.errors import ConfigError
from textclf.models.registry import KINDS
from textclf.search_space import Choices, Range, SearchSpace, find_space, read_space, tunable_keys, vary

SPACES = DATA.parent / "configs" / "spaces"


def config(kind: str = "tfidf", **options: Any) -> Config:
    given = {
        "labels": ["a"],
        "data": {"train": str(DATA / "train.jsonl")},
        "model": {"kind": kind, "options": options},
    }
    return build_config(given, name="t", near=Path("t.yaml"), source="t")


def read(folder: Path, text: str, kind: str = "tfidf") -> SearchSpace:
    path = folder / "space.yaml"
    path.write_text(text, encoding="utf-8")
    return read_space(path, config(kind))


class Draws:
    """A trial that draws the last value it may."""

    def suggest_float(self, name: str, low: float, high: float, *, step: float | None, log: bool) -> float:
        return high

    def suggest_int(self, name: str, low: int, high: int, *, step: int, log: bool) -> int:
        return high

    def suggest_categorical(self, name: str, choices: list[Any]) -> Any:
        assert all(value is None or isinstance(value, (bool, int, float, str)) for value in choices)
        return choices[-1]


@pytest.mark.parametrize(
    ("kind", "line", "allowed"),
    [
        ("tfidf", "model.options.C: {low: 1e-5, high: 1e2, log: true}", Range(1e-5, 100.0, log=True)),
        ("tfidf", "model.options.C: {low: 1, high: 9, step: 2}", Range(1.0, 9.0, step=2)),
        ("tfidf", "model.options.C: {low: 0.1, high: 0.5, step: 0.1}", Range(0.1, 0.5, step=0.1)),
        ("tfidf", "model.options.min_df: {low: 1, high: 6}", Range(1, 6, whole=True)),
        ("tfidf", "model.options.min_df: {low: 1, high: 5, step: 2}", Range(1, 5, step=2, whole=True)),
        ("tfidf", "model.options.max_features: {low: 10, high: 1e3, log: true}", Range(10, 1000, log=True, whole=True)),
        ("tfidf", "model.options.word_ngrams: {choices: [[1, 1], [1, 2]]}", Choices(([1, 1], [1, 2]))),
        ("tfidf", "model.options.C: {choices: [1e-1, 2]}", Choices((0.1, 2))),
        ("tfidf", "data.context: {choices: [none, title]}", Choices(("none", "title"))),
        ("tfidf", "thresholds.shrinkage: {low: 0, high: 200}", Range(0.0, 200.0)),
        ("finetuned", "model.options.learning_rate: {low: 1e-5, high: 5e-4, log: true}", Range(1e-5, 5e-4, log=True)),
        ("finetuned", "model.options.align_first_token: {choices: [auto, false]}", Choices(("auto", False))),
        ("finetuned", "model.options.perturb: {choices: [{}, {typos: 0.1}]}", Choices(({}, {"typos": 0.1}))),
    ],
)
def test_a_space_is_read_as_it_is_meant(tmp_path: Path, kind: str, line: str, allowed: Any) -> None:
    (key, found) = next(iter(read(tmp_path, line, kind).keys.items()))
    assert line.startswith(key)
    assert found == allowed
    if isinstance(found, Range):
        assert isinstance(found.low, int) == found.whole


def test_every_fault_is_told_at_once_with_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read(
            tmp_path,
            """
            model.options.CC: {low: 1, high: 2}
            model.option.min_df: {low: 1, high: 2}
            model.options.C: {low: -1, high: 2}
            model.options.min_df: {low: 0.5, high: 2}
            model.options.max_iter: {low: 10, hihg: 20}
            model.options.word_ngrams: {choices: [[1, 1], [2, 1]]}
            model.options.lowercase: {low: 0, high: 1}
            seed: {choices: [1, 2]}
            data.train: {choices: [a, b]}
            3: {choices: [a, b]}
            """,
        )
    told = str(caught.value)
    assert "has 10 fault(s)" in told
    for wanted in (
        "model.options.CC: unknown key; did you mean 'model.options.C'",
        "model.option.min_df: unknown key; did you mean 'model.options.min_df'",
        "model.options.C: input should be greater than 0; given: -1.0 (low)",
        "model.options.min_df: this setting is a whole number",
        "model.options.max_iter: hihg: unknown key; did you mean 'high'",
        "(choices: [2, 1])",
        "model.options.lowercase: this setting is no number",
        "seed: this cannot be searched",
        "data.train: this cannot be searched",
        "3: unknown key",
    ):
        assert wanted in told, wanted


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("5", "give {low: .., high: ..} or {choices: [..]}; given: 5"),
        ("{step: 1}", "give {low: .., high: ..}"),
        ("{low: 1}", "high: missing"),
        ("{low: 2, high: 1}", "low must be below high; given: 2 and 1"),
        ("{low: 1, high: 1}", "low must be below high"),
        ("{low: a, high: 1}", "low: give a finite number; given: 'a'"),
        ("{low: true, high: 2}", "low: give a finite number; given: True"),
        ("{low: 1, high: .inf}", "high: give a finite number"),
        ("{low: 0, high: 1, log: true}", "low must be above 0 where log is true"),
        ("{low: 1, high: 2, log: 1}", "log: give true or false"),
        ("{low: 1, high: 2, log: true, step: 1}", "give step or log, not both"),
        ("{low: 1, high: 2, step: 0.3}", "step must lead from low to high"),
        ("{low: 1, high: 2, step: 0}", "step must lead from low to high"),
        ("{choices: 3}", "choices: give a list of two values or more"),
        ("{choices: [1]}", "choices: give a list of two values or more"),
        ("{choices: [1, 1.0]}", "choices: 1.0 is listed twice"),
        ("{choices: [1, .nan]}", "choices: give plain values"),
        ("{choices: [1, 2024-01-01]}", "choices: give plain values"),
        ("{choices: [1, 2], low: 1}", "low: unknown key"),
    ],
)
def test_a_wrong_entry_is_told(tmp_path: Path, given: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, f"model.options.C: {given}")
    assert f"model.options.C: {said}" in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "{}", "5"])
def test_an_empty_space_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="must map config keys"):
        read(tmp_path, text)


def test_what_a_study_stores_comes_back_as_the_setting(tmp_path: Path) -> None:
    space = read(tmp_path, "model.options.char_ngrams: {choices: [null, [2, 4]]}\nmodel.options.C: {low: 1, high: 2}")
    assert space.suggest(Draws()) == {"model.options.char_ngrams": [2, 4], "model.options.C": 2.0}
    assert space.decode({"model.options.char_ngrams": "[2, 4]"}) == {"model.options.char_ngrams": [2, 4]}
    assert space.decode({"model.options.char_ngrams": None}) == {"model.options.char_ngrams": None}


def test_a_config_is_varied_without_touching_the_first() -> None:
    first = config(C=3.0, min_df=1)
    varied = vary(first, {"model.options.C": 5.0, "data.context": "title", "thresholds.shrinkage": 7.0})
    assert varied.options().model_dump()["C"] == 5.0
    assert varied.options().model_dump()["min_df"] == 1
    assert (varied.data.context, varied.thresholds.shrinkage) == ("title", 7.0)
    assert varied.data.train == first.data.train
    assert first.options().model_dump()["C"] == 3.0
    assert vary(first, {}).to_json() == first.to_json()


@pytest.mark.parametrize("path", sorted(SPACES.iterdir()), ids=lambda path: path.name)
def test_every_shipped_space_suits_every_shipped_config_of_its_kind(path: Path) -> None:
    assert path.stem in KINDS
    assert find_space(path.stem).read_text(encoding="utf-8") == path.read_text(encoding="utf-8")
    configs = [load_config(each) for each in sorted(SPACES.parent.glob("*.yaml"))]
    ours = [each for each in configs if each.model.kind == path.stem]
    assert ours
    for each in ours:
        varied = vary(each, read_space(path, each).suggest(Draws()))
        assert varied.model.kind == path.stem


def test_a_space_of_the_working_folder_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "configs" / "spaces" / "tfidf.yaml"
    own.parent.mkdir(parents=True)
    own.write_text("model.options.C: {low: 1, high: 2}")
    assert find_space("tfidf").resolve() == own
    with pytest.raises(ConfigError, match=r"no search space for the kind 'other'.*'tfidf'.*--space FILE"):
        find_space("other")


def test_every_tunable_key_is_a_setting_of_the_config() -> None:
    for kind in sorted(set(KINDS) - {"ensemble", "distilled"}):  # of which a member, or a teacher, must be named
        assert {"data.context", "thresholds.shrinkage"} < set(tunable_keys(config(kind)))
        assert f"model.options.{'encoder' if kind != 'tfidf' else 'C'}" in tunable_keys(config(kind))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.sampled_from(["low", "1e-3", "choices", "a"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["low", "high", "step", "log", "choices"]), inner, max_size=4)
    ),
    max_leaves=6,
)


@quick
@given(st.dictionaries(st.sampled_from(["model.options.C", "model.options.min_df", "seed", "x"]), VALUES, max_size=3))
def test_any_yaml_is_a_space_or_a_config_error(tmp_path_factory: pytest.TempPathFactory, content: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "space.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    try:
        space = read_space(path, config())
    except ConfigError:
        return
    assert vary(config(), space.suggest(Draws())).model.kind == "tfidf"
