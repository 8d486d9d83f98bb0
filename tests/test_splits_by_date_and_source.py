"""Splits by date and by source: order holds, no article is in two parts, copies stay together."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.conftest import LABELS, make_articles
from tests.props import quick
from textclf.cli import main
from textclf.errors import DataError
from textclf.facets import day_of
from textclf.records import Article, Paragraph
from textclf.splits import leave_one_source_out, split_by_date

SHARES = st.sampled_from([{"old": 0.5, "new": 0.5}, {"train": 0.7, "validation": 0.15, "test": 0.15}, {"all": 1.0}])


def dated(days: list[int]) -> list[Article]:
    start = date(2020, 1, 1)
    return [
        Article(f"a{i}", (Paragraph("x"),), date=(start + timedelta(days=day)).isoformat())
        for i, day in enumerate(days)
    ]


@quick
@given(
    rows=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 60)), min_size=3, max_size=40),
    shares=SHARES,
    data=st.data(),
)
def test_dates_are_in_order_days_and_copies_together_and_nothing_is_lost(
    rows: list[tuple[int, int]], shares: dict[str, float], data: st.DataObject
) -> None:
    articles, tied = dated([day for day, _ in rows]), np.array([cluster for _, cluster in rows])
    try:
        parts = split_by_date(articles, shares, tied=tied)
    except DataError as fault:
        assume("stretch" not in str(fault))  # everything hangs together
        raise
    assert list(parts) == list(shares)
    assert all(parts.values())
    assert Counter(a.article_id for part in parts.values() for a in part) == Counter(a.article_id for a in articles)
    days = [[day_of(a) for a in part] for part in parts.values()]
    for earlier, later in pairwise(days):
        assert max(earlier) < min(later)  # type: ignore[type-var]
    part_of = {a.article_id: name for name, part in parts.items() for a in part}
    for cluster in set(tied.tolist()):
        assert len({part_of[a.article_id] for a, c in zip(articles, tied, strict=True) if c == cluster}) == 1
    order = data.draw(st.permutations(range(len(articles))))
    shuffled = split_by_date([articles[i] for i in order], shares, tied=tied[list(order)])
    assert {n: {a.article_id for a in p} for n, p in shuffled.items()} == {
        n: {a.article_id for a in p} for n, p in parts.items()
    }


def test_shares_are_met_as_nearly_as_whole_days_allow() -> None:
    parts = split_by_date(dated(list(range(100))), {"train": 0.7, "validation": 0.15, "test": 0.15})
    assert [len(part) for part in parts.values()] == [70, 15, 15]
    busy = split_by_date(dated([0] * 50 + [1] * 45 + [2] * 5), {"train": 0.8, "test": 0.2})
    assert [len(part) for part in busy.values()] == [95, 5]


@pytest.mark.parametrize("written", ["", "2017", "2017-05", "May 2017", "03/04/2021", "2017-02-30"])
def test_a_date_that_names_no_day_is_refused_or_put_where_asked(written: str) -> None:
    articles = [*dated([0, 1, 2]), Article("odd", (Paragraph("x"),), date=written)]
    with pytest.raises(DataError, match=r"1 of 4 articles have no date that names a day.*odd \(.*--undated"):
        split_by_date(articles, {"train": 0.5, "test": 0.5})
    parts = split_by_date(articles, {"train": 0.5, "test": 0.5}, undated="train")
    assert "odd" in {a.article_id for a in parts["train"]}
    tied = split_by_date(articles, {"train": 0.5, "test": 0.5}, tied=[0, 1, 2, 2])
    assert "odd" in {a.article_id for a in tied["test"]}  # it goes with its copy
    with pytest.raises(DataError, match="'tset', which is no part"):
        split_by_date(articles, {"train": 0.5, "test": 0.5}, undated="tset")


@pytest.mark.parametrize("written", ["2017-05-04", "2017-05-04T10:20:00Z", "4 May 2017", "May 4, 2017", "04.05.2017"])
def test_a_day_is_read_however_it_is_written(written: str) -> None:
    found = day_of(Article("a", (), date=written))
    assert (found is None) == (written == "04.05.2017")  # which half of the world?
    assert found in (None, date(2017, 5, 4))


def test_too_few_days_are_refused() -> None:
    with pytest.raises(DataError, match="only 1 stretch"):
        split_by_date(dated([3, 3, 3]), {"train": 0.5, "test": 0.5})
    with pytest.raises(DataError, match="only 1 stretch"):
        split_by_date(dated([0, 1, 2]), {"train": 0.5, "test": 0.5}, tied=[0, 1, 0])
    undated = [Article(f"{i}", (Paragraph("x"),)) for i in range(3)]
    with pytest.raises(DataError, match="only 0 stretch"):
        split_by_date(undated, {"train": 0.5, "test": 0.5}, undated="test")


@quick
@given(rows=st.lists(st.tuples(st.sampled_from(["", "A", "B", "C"]), st.integers(0, 30)), min_size=2, max_size=30))
def test_a_source_left_out_is_on_its_side_alone_and_so_are_its_copies(rows: list[tuple[str, int]]) -> None:
    articles = [Article(f"a{i}", (Paragraph("x"),), source=source) for i, (source, _) in enumerate(rows)]
    tied = np.array([cluster for _, cluster in rows])
    cluster_of = {a.article_id: c for a, c in zip(articles, tied.tolist(), strict=True)}
    sources = []
    try:
        for source, rest, out, aside in leave_one_source_out(articles, tied=tied):
            sources.append(source)
            assert Counter(a.article_id for a in (*rest, *out, *aside)) == Counter(list(cluster_of))
            assert {a.source for a in out} == {source}
            assert source not in {a.source for a in (*rest, *aside)}
            held = {cluster_of[a.article_id] for a in out}
            assert not held & {cluster_of[a.article_id] for a in rest}
            assert all(cluster_of[a.article_id] in held for a in aside)
    except DataError as fault:
        assume("no article is left" not in str(fault))
        raise
    assert sources == [s for s in dict.fromkeys(a.source for a in articles) if s]


def test_a_source_can_be_a_field_of_the_article() -> None:
    articles = [Article(str(i), (), extra={"region": "east" if i % 2 else "west"}) for i in range(4)]
    found = list(leave_one_source_out(articles, by="extra.region"))
    assert [(each.source, [a.article_id for a in each.left_out]) for each in found] == [
        ("west", ["0", "2"]),
        ("east", ["1", "3"]),
    ]
    with pytest.raises(DataError, match="no article has a field 'regoin'"):
        next(leave_one_source_out(articles, by="extra.regoin"))
    with pytest.raises(DataError, match=r"by source or by a field of their own, as in extra\.region, not 'region'"):
        next(leave_one_source_out(articles, by="region"))
    with pytest.raises(DataError, match="no article has the source 'East'"):
        next(leave_one_source_out(articles, sources=["East"]))


@pytest.fixture
def source_file(write_jsonl: Callable[..., Path], tmp_path: Path) -> Path:
    (tmp_path / "labels.yaml").write_text("".join(f"- {name}\n" for name in LABELS))
    articles = [
        replace(a, date=f"20{10 + i // 2}-03-04", source="Wire" if i % 3 else "Post")
        for i, a in enumerate(make_articles(24))
    ]
    copy = replace(articles[0], article_id="copy", source="Wire", date=articles[0].date)
    return write_jsonl([*articles, copy])


def call(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    return int(stopped.value.code or 0)


def read(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_command_splits_by_date(source_file: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert call("data", "split", source_file, "--out", tmp_path / "s", "--split-by", "date") == 0
    err = capfd.readouterr().err
    assert "train: 2010-03-04 to 20" in err
    parts = [[a["date"] for a in read(tmp_path / "s" / f"{n}.jsonl")] for n in ("train", "validation", "test")]
    assert max(parts[0]) < min(parts[1])
    assert max(parts[1]) < min(parts[2])
    assert sum(map(len, parts)) == 25


def test_the_command_leaves_a_source_out(source_file: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    arguments = ("--leave-out-source", "Post", "--shares", "train=0.8,validation=0.2")
    assert call("data", "split", source_file, "--out", tmp_path / "s", *arguments) == 0
    assert "1 article(s) of other sources share copied text with Post" in capfd.readouterr().err
    parts = {path.stem: read(path) for path in (tmp_path / "s").iterdir()}
    assert set(parts) == {"train", "validation", "left_out", "set_aside"}
    assert {a["source"] for a in parts["left_out"]} == {"Post"}
    assert [a["article_id"] for a in parts["set_aside"]] == ["copy"]
    assert {a["source"] for name in ("train", "validation") for a in parts[name]} == {"Wire"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--leave-out-source", "Wires"], "did you mean 'Wire'?"),
        (["--undated", "train"], "it is for --split-by date"),
        (["--split-by", "date", "--undated", "trian"], "'trian', which is no part"),
        (["--leave-out-source", "Wire", "--shares", "left_out=1"], "name other parts"),
    ],
)
def test_mistakes_in_splitting_are_told(
    arguments: list[str], message: str, source_file: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert call("data", "split", source_file, "--out", tmp_path / "s", *arguments) == 1
    assert message in capfd.readouterr().err
    assert not (tmp_path / "s").exists()
