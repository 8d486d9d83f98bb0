"""The few-shot benchmark: how its samples are drawn, and that a curve comes out of it."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.conftest import LABELS, make_articles
from tests.props import quick
from textclf.config import Config, build_config

ROOT = Path(__file__).parent.parent


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("bench_few_shot", ROOT / "scripts" / "bench" / "few_shot.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


few_shot = load()

ROWS = st.tuples(st.integers(0, 40), st.integers(1, 3)).flatmap(
    lambda shape: st.tuples(
        arrays(np.float32, shape, elements=st.sampled_from([0.0, 1.0, float("nan")])),
        arrays(np.int64, shape[0], elements=st.integers(0, 8)).map(np.sort),
    )
)


@quick
@given(ROWS, st.sets(st.integers(1, 9), min_size=1, max_size=4), st.integers(0, 3))
def test_a_sample_has_what_was_asked_for_or_all_there_is_and_holds_the_smaller(
    data: tuple[np.ndarray, np.ndarray], sizes: set[int], seed: int
) -> None:
    targets, groups = data
    counted = np.column_stack([targets == 1, (targets == 0).all(axis=1)])
    before: set[int] = set()
    for size, rows in few_shot.nested_samples(targets, groups, sizes, seed=seed).items():
        assert (counted[rows].sum(axis=0) >= np.minimum(size, counted.sum(axis=0))).all()
        assert counted[rows].any(axis=1).all()  # no row that says only what is not known
        assert counted[rows, -1].sum() <= size
        assert before <= set(rows.tolist())
        before = set(rows.tolist())


@quick
@given(ROWS, st.integers(1, 50))
def test_validation_is_cut_to_whole_articles_of_like_size(data: tuple[np.ndarray, np.ndarray], n_rows: int) -> None:
    groups = data[1]
    rows = few_shot.like_sized(groups, n_rows, seed=1)
    chosen = np.unique(groups[rows])
    np.testing.assert_array_equal(rows, np.flatnonzero(np.isin(groups, chosen)))
    assert len(rows) >= min(n_rows, len(groups))
    assert not len(rows) or any(len(rows) - (groups == group).sum() < n_rows for group in chosen)  # and no more


def test_another_seed_draws_other_paragraphs() -> None:
    targets, groups = np.ones((50, 1), dtype=np.float32), np.arange(50)
    one, same, other = (few_shot.nested_samples(targets, groups, [5], seed=seed)[5].tolist() for seed in (0, 0, 1))
    assert one == same != other


@pytest.fixture
def files(write_jsonl: Callable[..., Path]) -> dict[str, Path]:
    return {
        name: write_jsonl(make_articles(n, seed=seed), name=f"{name}.jsonl")
        for seed, (name, n) in enumerate({"train": 40, "validation": 20, "test": 15}.items())
    }


def config(files: dict[str, Path], *, name: str = "fake", **options: Any) -> Config:
    settings = {
        "labels": list(LABELS),
        "data": {"train": str(files["train"])},
        "model": {"kind": "tfidf", "options": {"min_df": 1, **options}},
    }
    return build_config(settings, name=name, near=files["train"], source="the config")


@pytest.mark.parametrize("thresholds", ["validation", "folds"])
def test_a_curve_comes_out(
    thresholds: str, files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configs = [config(files), config(files, name="weak", C=0.001)]
    validation = files["validation"] if thresholds == "validation" else None
    found = few_shot.curve(configs, files["train"], validation, [files["test"]], sizes=[4, 12], seeds=[1, 2])
    assert [(p.model, p.seed, p.size) for p in found] == [
        (model, seed, size) for model in ("fake", "weak") for seed in (1, 2) for size in (4, 12)
    ]
    assert all(min(p.positives.values()) >= p.size for p in found)
    assert "fake, 12 a label" in capsys.readouterr().err
    best = few_shot.gathered(found, "macro_ap")["test", "fake"]
    assert np.mean(best[12]) > 0.8
    shown = few_shot.table(found)
    assert len(shown.splitlines()) == 2 + 2 * 2
    assert "| test | macro-F1 | weak |" in shown
    assert f"{np.mean(best[12]):.3f} ({min(best[12]):.3f} to {max(best[12]):.3f})" in shown


def test_a_config_that_cannot_be_trained_is_left_out_and_said(
    files: dict[str, Path], write_jsonl: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    alone = write_jsonl(make_articles(1), name="alone.jsonl")
    assert few_shot.curve([config(files)], alone, None, [files["test"]], sizes=[2], seeds=[1]) == []
    assert "left out fake" in capsys.readouterr().err


def test_the_plot_names_every_kind_and_is_the_same_each_time(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    scores = {8: (0.3, 0.4), 16: (0.5, None)}
    found = [
        few_shot.Point(model, size, seed, "test", 40, {}, 1.0, {"macro_f1": value, "macro_ap": value})
        for model in ("tfidf", "setfit")
        for size, values in scores.items()
        for seed, value in enumerate(values)
    ]
    for name in ("one.svg", "two.svg"):
        few_shot.plot(found, tmp_path / name)
    content = (tmp_path / "one.svg").read_text(encoding="utf-8")
    assert all(word in content for word in ("tfidf", "setfit", "macro-F1", "macro-AP", "positives a label"))
    assert content == (tmp_path / "two.svg").read_text(encoding="utf-8")
    assert few_shot.cell([]) == "–"
