"""Leaving each source out: it is not trained on, its copies are not, and the reference is fair."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import LABELS, make_articles
from textclf import leave_out as job
from textclf.cli import main
from textclf.config import Config, build_config
from textclf.errors import DataError
from textclf.leave_out import ALL, leave_out
from textclf.progress import log
from textclf.records import Article, Paragraph

SOURCES = ("Wire", "Post", "Post", "")


def sourced(n: int, name: str, *, seed: int) -> list[Article]:
    return [
        replace(a, article_id=f"{name}-{i}", source=SOURCES[i % 4], extra={"region": "ew"[i % 2]})
        for i, a in enumerate(make_articles(n, seed=seed))
    ]


def config_of(folder: Path, *, validation: bool = True, extra: Sequence[Article] = ()) -> Config:
    files = {"train": [*sourced(24, "train", seed=0), *extra], "validation": sourced(12, "validation", seed=1)}
    for name, articles in files.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(a.to_json()) + "\n" for a in articles))
    names = ("train", "validation") if validation else ("train",)
    given = {
        "labels": list(LABELS),
        "data": {name: str(folder / f"{name}.jsonl") for name in names},
        "model": {"kind": "tfidf", "options": {"min_df": 1}},
        "thresholds": {"folds": 2},
        "evaluation": {"resamples": 100},
    }
    return build_config(given, name="t", near=folder / "t.yaml", source="t")


@pytest.mark.parametrize("validation", [True, False])
def test_each_source_is_scored_by_a_model_that_never_read_it(
    tmp_path: Path, validation: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = replace(sourced(24, "train", seed=0)[0], article_id="copy", source="Post")
    config = config_of(tmp_path, validation=validation, extra=[copy])
    trained: list[set[str]] = []
    fit = job._fit

    def watched(config: Config, articles: Sequence[Article], validation: set[str]) -> Any:
        trained.append({a.article_id for a in articles})
        return fit(config, articles, validation)

    monkeypatch.setattr(job, "_fit", watched)
    rows = leave_out(config, fewest_articles=5, resamples=50)
    assert [row.source for row in rows] == ["Post", "Wire", ALL]
    of_source = {
        a.article_id: a.source
        for name, n, seed in (("train", 24, 0), ("validation", 12, 1))
        for a in sourced(n, name, seed=seed)
    } | {"copy": "Post"}
    for number, source in enumerate(("Post", "Wire")):
        alone, first, second = trained[3 * number : 3 * number + 3]
        assert source not in {of_source[i] for i in alone}
        halves = [{i for i in half if of_source[i] == source} for half in (first, second)]
        assert all(halves)
        assert not halves[0] & halves[1]
        assert first - halves[0] == second - halves[1] == alone
    wire = rows[1]
    assert wire.n_set_aside == 1
    assert "copy" not in trained[3]
    assert wire.seen is not None
    assert wire.difference is not None
    expected = wire.evaluation.overall["macro_f1"].value - wire.seen.overall["macro_f1"].value
    assert wire.difference.overall["macro_f1"].value == pytest.approx(expected)
    together = rows[2]
    assert together.evaluation.n_articles == sum(row.evaluation.n_articles for row in rows[:2])
    assert together.evaluation.n_paragraphs == sum(row.evaluation.n_paragraphs for row in rows[:2])
    assert all(0.5 < row.evaluation.overall["macro_f1"].value <= 1 for row in rows)


def test_without_a_reference_there_is_none(tmp_path: Path) -> None:
    rows = leave_out(config_of(tmp_path), sources=["Wire"], against_seen=False, resamples=50)
    assert [(row.source, row.seen, row.difference) for row in rows] == [("Wire", None, None)]


def test_a_source_of_one_article_has_no_half(tmp_path: Path) -> None:
    lone = Article("lone", (Paragraph("shells fell", ("fight",)), Paragraph("rain")), source="Lone")
    rows = leave_out(config_of(tmp_path, extra=[lone]), sources=["Lone", "Wire"], resamples=50)
    assert [row.seen is None for row in rows] == [True, False, True]
    assert json.dumps([row.to_json() for row in rows], allow_nan=False)


def test_what_cannot_be_left_out_is_told(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    with pytest.raises(DataError, match="no source has 40 articles; the largest, 'Post', has 18"):
        leave_out(config, fewest_articles=40)
    with pytest.raises(DataError, match="did you mean 'Wire'"):
        leave_out(config, sources=["Wier"])
    with pytest.raises(DataError, match="no article has a field 'reg'"):
        leave_out(config, by="extra.reg")


def test_the_command_shows_and_writes_a_row_for_each(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "handlers", [])  # one made before writes to a stream that is gone
    config_of(tmp_path)
    data = {name: str(tmp_path / f"{name}.jsonl") for name in ("train", "validation")}
    file = tmp_path / "c.yaml"
    file.write_text(json.dumps({"labels": list(LABELS), "data": data, "model": {"kind": "tfidf"}}))
    run: Callable[..., None] = main
    with pytest.raises(SystemExit) as stopped:
        run(["leave-out", str(file), "--by", "extra.region", "--resamples", "100", "--json", str(tmp_path / "l.json")])
    assert not stopped.value.code
    out = capfd.readouterr().out
    assert "all of these" in out
    written = json.loads((tmp_path / "l.json").read_text())
    assert [row["source"] for row in written["rows"]] == ["e", "w", ALL]
    assert written["rows"][0]["difference_to_seen"]["macro_f1"]["interval"]
    assert not (tmp_path / "runs").exists()
