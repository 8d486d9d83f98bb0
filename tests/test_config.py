"""Configs: all faults together, nearest names, nothing executed, paths found from anywhere."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import DATA
from tests.props import quick
from textclf.config import Config, load_config
from textclf.errors import ConfigError
from textclf.objectives import Objective

SPACES = DATA.parent / "configs" / "spaces"  # what `tune` searches: tested in test_search_space.py
CONFIGS = sorted(path for path in (DATA.parent / "configs").rglob("*.y*ml") if path.parent != SPACES)
GOOD = """
labels: [fight, talk]
data:
  train: train.jsonl
model:
  kind: tfidf
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a project folder with data, as the working folder."""
    for name in ("train.jsonl", "more.jsonl"):
        (tmp_path / name).write_text("{}\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(text: str, *overrides: str) -> Config:
    Path("my.yaml").write_text(text, encoding="utf-8")
    return load_config("my.yaml", overrides=overrides)


def faults(text: str, *overrides: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(text, *overrides)
    return str(caught.value).splitlines()


def test_a_short_config_gets_its_defaults(project: Path):
    config = load(GOOD)
    assert list(config.labels) == ["fight", "talk"]
    assert config.name == "my"
    assert config.out == Path("runs/my")
    assert config.seed == 13
    assert config.data.train == (Path("train.jsonl"),)
    assert config.data.validation is None
    assert config.options().model_dump()["min_df"] == 2


def test_the_resolved_settings_are_json_and_load_again(project: Path):
    config = load(GOOD, "model.options.C=2", "data.test=[train.jsonl, more.jsonl]")
    record = json.loads(json.dumps(config.to_json()))
    assert record["model"]["options"]["C"] == 2
    assert record["model"]["options"]["min_df"] == 2
    assert record["data"]["test"] == ["train.jsonl", "more.jsonl"]
    record.pop("name")
    assert load(yaml.safe_dump(record)).to_json() == config.to_json()


def test_every_fault_is_told_at_once_with_the_nearest_name(project: Path):
    told = faults(
        """
        lables: [a]
        labels: [fight, fight, "a;b"]
        data: {trian: x.jsonl, train: missing.jsonl}
        model: {kind: tfidf, options: {min_dff: 2, C: -1}}
        thresholds: {folds: 1, shrinkage: .nan}
        evaluation: {confidence: 2}
        seed: -1
        """
    )
    wanted = [
        "lables: unknown key; did you mean 'labels'",
        "listed twice: 'fight'",
        "'a;b'",
        "data.trian: unknown key; did you mean 'train'",
        "model.options.min_dff: unknown key; did you mean 'min_df'",
        "model.options.C: input should be greater than 0; given: -1",
        "thresholds.folds",
        "thresholds.shrinkage",
        "evaluation.confidence",
        "seed",
    ]
    for part in wanted:
        assert any(part in line for line in told), part
    assert told[0].startswith("my.yaml has ")


def test_missing_files_are_told_along_with_other_faults(project: Path):
    told = faults(GOOD.replace("train.jsonl", "missing.jsonl") + "sede: 3\n")
    assert any("did you mean 'seed'" in line for line in told)
    assert any("data.train: no such file: missing.jsonl" in line for line in told)


def test_missing_files_are_each_named(project: Path):
    told = faults(GOOD, "data.train=[no.jsonl, train.jsonl]", "data.test=nor.jsonl")
    assert len(told) == 3
    assert "data.train: no such file: no.jsonl" in told[1]
    assert "data.test: no such file: nor.jsonl" in told[2]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("model.kind=tfdif", "unknown kind 'tfdif'; allowed: tfidf, .*did you mean 'tfidf'"),
        ("model.option.C=1", "model.option: unknown key; did you mean 'options'"),
        ("model.options.word_ngram=[1, 1]", "did you mean 'word_ngrams'"),
        ("thresholds.shrinkages=3", "did you mean 'shrinkage'"),
        ("thresholds.calibration=plat", "'platt'"),
        ("thresholds.objective=f2", "thresholds.objective: input should be 'f1', 'f_beta'.*given: 'f2'"),
        ("thresholds.objective=recall_at_least", "thresholds: .*recall_at_least needs `value`: the recall to reach"),
        ("thresholds={objective: precision_at_least, value: 90}", "thresholds: .*at most 1; given: 90"),
        ("thresholds={objective: precision_at_least, value: .9, miss: 2}", "takes no `miss`"),
        ("thresholds.value=0.9", "thresholds: .*objective f1 takes no `value`"),
        ("thresholds={objective: cost, miss: 2}", "thresholds: .*needs `miss` and `false_alarm`"),
        (
            "thresholds.per_label.fihgt.objective=expected_count",
            r"thresholds\.per_label\.fihgt: unknown label; did you mean 'fight'\? \(known: fight, talk\)",
        ),
        ("thresholds.per_label.fight.valeu=1", r"per_label\.fight\.valeu: unknown key; did you mean 'value'"),
        ("thresholds.per_label.fight.objective=cost", r"thresholds\.per_label\.fight: .*cost needs"),
        ("evaluation.resample=500", "did you mean 'resamples'"),
        ("evaluation.resamples=5", "greater than or equal to 100; given: 5"),
        ("data.validaton=train.jsonl", "did you mean 'validation'"),
        ("data.context=headline", "data.context: input should be 'none', 'title', 'previous' or 'both'"),
        ("data.train=[]", "data.train"),
        ("data.train=''", "data.train"),
        ("data.train=", "data.train"),
        ("data=", "data"),
        ("model=", "model"),
        ("seed=many", "seed: .*given: 'many'"),
        ("seed=true", "seed"),
        ("labels=", "labels: give a YAML file"),
        ("labels=5", "labels: give a YAML file"),
        ("labels=[]", "at least one label"),
        ("labels=[{a: b}]", "labels"),
        ("labels=no.yaml", r"cannot read the labels file no\.yaml: No such file"),
        ("name=other", "name: unknown key"),
    ],
)
def test_a_wrong_setting_is_told(project: Path, change: str, said: str):
    with pytest.raises(ConfigError, match=said):
        load(GOOD, change)


def test_labels_may_be_fitted_for_different_things(project: Path):
    settings = load(
        GOOD,
        "thresholds={objective: precision_at_least, value: 0.9}",
        "thresholds.per_label.talk={objective: cost, miss: 5, false_alarm: 1}",
    ).thresholds
    assert settings.objectives(load(GOOD).labels) == [
        Objective("precision_at_least", 0.9),
        Objective("cost", miss=5.0, false_alarm=1.0),
    ]
    assert load(GOOD).thresholds.objectives(load(GOOD).labels) == [Objective()] * 2


def test_the_keys_of_a_label_are_told_alone(project: Path):
    (told,) = faults(GOOD, "thresholds.per_label.fight.folds=1")[1:]
    assert "(known: objective, value, miss, false_alarm)" in told


def test_one_wrong_kind_is_one_fault(project: Path):
    assert faults(GOOD, "model.kind=3")[0].startswith("my.yaml has 1 fault")


def test_a_key_given_twice_is_refused_with_its_line(project: Path):
    with pytest.raises(ConfigError, match=r"'seed' is given twice, at line 8"):
        load(GOOD + "seed: 1\nseed: 2\n")
    with pytest.raises(ConfigError, match="'C' is given twice"):
        load(GOOD + "  options: {C: 1, C: 2}\n")


@pytest.mark.parametrize(
    "tag",
    ["!!python/object/apply:os.mkdir [made]", "!!python/object/new:os.mkdir [made]", "!!python/name:os.mkdir"],
)
def test_yaml_that_names_python_objects_is_refused_and_not_run(project: Path, tag: str):
    with pytest.raises(ConfigError, match="not readable as YAML"):
        load(GOOD + f"seed: {tag}\n")
    with pytest.raises(ConfigError, match="not readable as YAML"):
        load(GOOD, f"seed={tag}")
    Path("labels.yaml").write_text(f"- {tag}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="not readable as YAML"):
        load(GOOD, "labels=labels.yaml")
    assert not Path("made").exists()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "- a\n",
        "just text",
        "labels: [a",
        "a: &x [*x]\n",
        GOOD + "seed: 2024-13-45\n",
        GOOD + "? [1, 2]\n: 3\n",
        GOOD + "1: 2\n",
        "labels: [a]\ndata: {train: &x [*x]}\nmodel: {kind: tfidf}\n",
        "labels: " + "x" * 5_000 + "\ndata: {train: train.jsonl}\nmodel: {kind: tfidf}\n",
        "data: {train: train.jsonl}\nmodel: {kind: tfidf, options: [1]}\nlabels: [a]\n",
        "x: " + "[" * 2_000,
    ],
)
def test_content_that_is_no_config_is_a_config_error(project: Path, content: str):
    with pytest.raises(ConfigError, match=r"my\.yaml|labels"):
        load(content)


def test_bytes_that_are_no_text_are_a_config_error(project: Path):
    Path("latin.yaml").write_bytes(b"labels: [caf\xe9]\n")
    with pytest.raises(ConfigError, match="not valid UTF-8"):
        load_config("latin.yaml")
    with pytest.raises(ConfigError, match=r"cannot read the config none\.yaml: No such file"):
        load_config("none.yaml")
    with pytest.raises(ConfigError, match="cannot read the config"):
        load_config(project)


def test_merge_keys_work(project: Path):
    config = load(
        "data: &d\n  train: train.jsonl\nlabels: [a]\nmodel: {kind: tfidf, options: {<<: {C: 2}, min_df: 1}}\n"
    )
    assert config.options().model_dump()["C"] == 2


@pytest.mark.parametrize(
    ("override", "place", "value"),
    [
        ("seed=7", ("seed",), 7),
        (" seed = 7", ("seed",), 7),
        ("model.options.C=0.5", ("model", "options", "C"), 0.5),
        ("model.options.C=5e-1", ("model", "options", "C"), 0.5),
        ("model.options.char_ngrams=null", ("model", "options", "char_ngrams"), None),
        ("model.options.word_ngrams=[1, 3]", ("model", "options", "word_ngrams"), [1, 3]),
        ("thresholds={folds: 3}", ("thresholds", "folds"), 3),
        ("out=runs/a=b", ("out",), "runs/a=b"),
        ("data.test=more.jsonl", ("data", "test"), ["more.jsonl"]),
        ("labels={x: one, y: two}", ("labels",), ["x", "y"]),
    ],
)
def test_an_override_is_read_as_yaml(project: Path, override: str, place: tuple[str, ...], value: Any):
    found: Any = load(GOOD, override).to_json()
    for key in place:
        found = found[key]
    assert found == value


def test_the_last_override_wins(project: Path):
    assert load(GOOD, "seed=1", "seed=2").seed == 2


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("seed", "write it as key=value"),
        ("=3", "write it as key=value"),
        ("seed=[1", "not readable as YAML"),
        ("seed=2024-13-45", "seed=2024-13-45"),
        ("seed.deep=3", "'seed' holds a value, not settings"),
        ("data.train.x=3", "'train' holds a value"),
    ],
)
def test_a_wrong_override_is_told(project: Path, override: str, said: str):
    with pytest.raises(ConfigError, match="--set") as caught:
        load(GOOD + "seed: 1\n", override)
    assert said in str(caught.value)


@pytest.mark.parametrize("folder", [".", "configs"])
def test_paths_are_found_from_another_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str):
    home, away = tmp_path / "home", tmp_path / "away"
    for made in (home / "data", home / folder, away):
        made.mkdir(parents=True, exist_ok=True)
    (home / "data" / "labels.yaml").write_text("[fight]", encoding="utf-8")
    (home / "data" / "train.jsonl").write_text("{}\n", encoding="utf-8")
    path = home / folder / "c.yaml"
    path.write_text(
        "labels: data/labels.yaml\ndata: {train: [data/train.jsonl]}\nmodel: {kind: tfidf}\n", encoding="utf-8"
    )
    monkeypatch.chdir(away)
    config = load_config(path)
    assert config.data.train[0].resolve() == (home / "data" / "train.jsonl").resolve()
    assert list(config.labels) == ["fight"]
    (away / "data").mkdir()
    (away / "data" / "train.jsonl").write_text("{}\n", encoding="utf-8")
    assert load_config(path).data.train[0].resolve() == (home / "data" / "train.jsonl").resolve()
    given = load_config(path, overrides=["data.train=data/train.jsonl"])
    assert given.data.train[0].resolve() == (away / "data" / "train.jsonl").resolve()


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_every_shipped_config_is_valid(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    config = load_config(path)
    assert config.name == path.stem
    assert config.out == Path("runs") / path.stem
    assert list(config.labels) == ["clashes", "negotiation", "kidnapping", "surrender_deal", "evacuation"]
    train, *held_out = (set(getattr(config.data, key) or ()) for key in ("train", "validation", "test"))
    assert not train & set().union(*held_out)


def test_every_file_of_the_configs_folder_is_a_config():
    files = [path for path in (DATA.parent / "configs").rglob("*") if path.is_file() and path.parent != SPACES]
    assert len(CONFIGS) == len(files) >= 3
    assert {"tfidf", "minilm_frozen", "minilm"} <= {path.stem for path in CONFIGS}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.sampled_from(["tfidf", "a"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4) | st.integers(), inner, max_size=3),
    max_leaves=5,
)


@quick
@given(
    st.fixed_dictionaries(
        {"labels": VALUES},
        optional=dict.fromkeys(("data", "thresholds", "evaluation", "seed", "out", "own"), VALUES),
    ),
    VALUES,
)
def test_any_settings_are_a_config_or_a_config_error(
    tmp_path_factory: pytest.TempPathFactory, settings: dict[str, Any], options: Any
):
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(yaml.safe_dump({**settings, "model": {"kind": "tfidf", "options": options}}), encoding="utf-8")
    with suppress(ConfigError):
        config = load_config(path)
        assert json.dumps(config.to_json())


@quick
@given(st.text(max_size=40))
def test_any_yaml_is_a_config_error(tmp_path_factory: pytest.TempPathFactory, text: str):
    path = tmp_path_factory.getbasetemp() / "text.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError):
        load_config(path)
