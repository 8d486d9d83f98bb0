"""Texts and files that are odd or meant to do harm: labelled, marked or refused, in bounded time and memory."""

from __future__ import annotations

import csv
import io
import json
import logging
import resource
import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import LABELS
from tests.models import make_encoder
from tests.props import quick
from tests.test_bundle import train_tiny
from textclf.articles import read_article, stream_passages
from textclf.bundle import load_bundle
from textclf.calibration import Calibration, LabelMap
from textclf.cli import main
from textclf.datasets import check_labelled, read_labelled
from textclf.errors import ConfigError, DataError, TextclfError, TextclfWarning
from textclf.labeller import Labeller
from textclf.labels import LabelSet
from textclf.predict import predict_files
from textclf.progress import log
from textclf.records import Passage
from textclf.scripts import RANGES, has_letters, script_of
from textclf.yamlfile import parse_yaml, read_yaml

ODD = {
    "half characters": "shells \ud800 fell \udfff",
    "a zero": "shells\x00fell",
    "controls": "shells \x1b[31m fell \x07\x08",
    "bidi overrides": "shells \u202e fell \u2066 near \u2069",
    "right to left": "سقطت القذائف قرب الجسر",
    "zalgo": "s" + "\u0301\u0316\u0489" * 300 + "hells fell",
    "emoji": "👨‍👩‍👧‍👦🏳️‍🌈👍🏽 shells fell",
    "a mark of byte order": "\ufeffshells fell",
    "no characters": "shells \ufffe\uffff fell",
    "private use": "shells \ue000\U0010ffff fell",
    "invisible": "shells\u200b\u200c\u200d\u2060 fell",
    "separators": "shells\u2028fell\u2029near\x85the\x0bbridge",
    "no spaces": "x" * 100_000,
    "one letter": "a",
    "markup": "<script>alert(1)</script> [bold]shells[/bold] {{ fell }} %s %(x)d",
}
SILENT = [
    "",
    " \t\n",
    "12 34",
    "…",
    "---",
    "1,250",
    "٣٤٥",
    "👍🏽👨‍👩‍👧",
    "\u202e\u200b",
    "\x00",
    "\ud800",
    " " * 200_000 + "a",
]


class First:
    """A predictor that finds every label everywhere, and remembers what it read."""

    def __init__(self) -> None:
        self.labels = LabelSet.of(list(LABELS))
        self.read: list[str] = []

    def predict_proba(self, texts: Sequence[str]) -> np.ndarray:
        self.read += texts
        return np.full((len(texts), len(self.labels)), 0.9, dtype=np.float32)


def make_model(**card: Any) -> Labeller:
    return Labeller(First(), Calibration((LabelMap(),) * 3), np.full(3, 0.5), card=card)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Labeller]:
    made: dict[str, Labeller] = {}

    def get(kind: str) -> Labeller:
        if kind not in made:
            encoder = None if kind == "tfidf" else make_encoder(tmp_path_factory.mktemp("encoder"))
            made[kind] = load_bundle(train_tiny(tmp_path_factory.mktemp(kind), kind, encoder=encoder))
        return made[kind]

    return get


@pytest.mark.parametrize("kind", ["tfidf", "static", "frozen_encoder", "finetuned"])
def test_odd_texts_are_labelled_and_change_no_neighbour(kind: str, models: Callable[[str], Labeller]) -> None:
    model, plain = models(kind), ["shells fell near the bridge", "a teacher spoke"]
    mixed = [plain[0], *ODD.values(), plain[1]]
    found = model.predict_proba(mixed)
    assert found.shape == (len(mixed), 3)
    assert ((found >= 0) & (found <= 1)).all()
    np.testing.assert_allclose(found[[0, -1]], model.predict_proba(plain), atol=1e-5)


@pytest.mark.parametrize("kind", ["tfidf", "static"])
@pytest.mark.parametrize("name", ODD.keys() - {"no spaces"})
def test_odd_texts_are_explained(kind: str, name: str, models: Callable[[str], Labeller]) -> None:
    explained = models(kind).explain(ODD[name])
    assert np.isfinite(explained.weights).all()


@pytest.mark.parametrize("text", SILENT)
def test_a_text_without_a_letter_gets_no_label_and_says_that_it_was_not_read(text: str) -> None:
    model = make_model()
    with_warning = len(text) > 100_000
    if with_warning:
        with pytest.warns(UserWarning, match="only the first 100,000"):
            assert model.predict_proba([text, "a"]).tolist()[0] == [0, 0, 0]
    else:
        (passage, other) = model.label_stream([Passage("a", 0, text), Passage("a", 1, "a")])
        assert (passage.labels, set(passage.scores.values()), passage.windows) == ((), {0.0}, 0)
        assert (other.labels, other.windows) == (LABELS, 1)
    assert model.predictor.read == ["a"]  # type: ignore[attr-defined]


@quick
@given(st.text(st.characters(), max_size=30))
def test_what_has_a_letter_has_a_script_and_only_that(text: str) -> None:
    assert has_letters(text) == any(c.isalpha() for c in text)
    assert bool(script_of(text)) == has_letters(text)
    assert script_of(text) in {*RANGES, "another", ""}


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("Shells fell on the market", "Latin"),
        ("Çatışmalar sürüyor — Đặng", "Latin"),
        ("سقطت القذائف قرب الجسر", "Arabic"),
        ("Снаряды упали у моста", "Cyrillic"),
        ("פגזים נפלו ליד הגשר", "Hebrew"),
        ("砲彈落在橋邊", "Han"),
        ("砲弾が橋の近くに落ちた。これはひどい", "Kana"),
        ("포탄이 다리 근처에 떨어졌다", "Hangul"),
        ("पुल के पास गोले गिरे", "Devanagari"),
        ("กระสุนตกใกล้สะพาน", "Thai"),
        ("ቦምቦች ወደቁ", "Ethiopic"),
        ("Οβίδες έπεσαν", "Greek"),
        ("ᏣᎳᎩ ᎦᏬᏂᎯᏍᏗ", "another"),
        ("The word القذائف means shells", "Latin"),
        ("12 34", ""),
    ],
)
def test_the_script_of_a_text_is_told(text: str, script: str) -> None:
    assert script_of(text) == script


def rows(path: Path, texts: Sequence[str]) -> Path:
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    return path


def test_paragraphs_in_a_script_the_model_does_not_know_are_told_once_with_their_number(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = rows(tmp_path / "in.jsonl", ["Shells fell", "سقطت القذائف", "Снаряды упали", "Снаряды", "12 34"])
    monkeypatch.setattr(log, "propagate", True)
    with caplog.at_level(logging.WARNING, logger="textclf"):
        summary = predict_files(make_model(), [source], out=tmp_path / "out.jsonl")
    assert summary.foreign == {"Arabic": 1, "Cyrillic": 2}
    assert summary.unread == 1
    (record,) = set(caplog.records)  # one that reaches two loggers is caught at both
    assert "of 5 paragraphs" in record.getMessage()
    assert "1 Arabic, 2 Cyrillic" in record.getMessage()


def test_a_model_trained_on_a_script_is_not_warned_of_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = rows(tmp_path / "in.jsonl", ["سقطت القذائف", "Shells fell"])
    model = make_model(scripts={"Arabic": 500, "Latin": 2, "": 3})
    assert model.scripts == {"Arabic"}
    monkeypatch.setattr(log, "propagate", True)
    with caplog.at_level(logging.WARNING, logger="textclf"):
        assert predict_files(model, [source], out=tmp_path / "out.jsonl").foreign == {"Latin": 1}
    assert "1 Latin" in caplog.text


def test_a_trained_model_knows_its_scripts(models: Callable[[str], Labeller]) -> None:
    assert models("tfidf").scripts == {"Latin"}


def peak_memory() -> int:
    """Return the most bytes this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://x","y") shells']


def cells(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        return [row["text"] for row in csv.DictReader(file)]


def test_formulas_are_escaped_in_csv_where_that_is_asked_for(tmp_path: Path) -> None:
    texts = [*FORMULAS, "plain = text", "'=1"]
    source = rows(tmp_path / "in.jsonl", texts)
    predict_files(make_model(), [source], out=tmp_path / "as_is.csv")
    assert cells(tmp_path / "as_is.csv") == texts
    predict_files(make_model(), [source], out=tmp_path / "escaped.csv", escape_formulas=True)
    assert cells(tmp_path / "escaped.csv") == [*(f"'{text}" for text in FORMULAS), "plain = text", "'=1"]
    predict_files(make_model(), [source], out=tmp_path / "out.jsonl", escape_formulas=True)
    lines = (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["text"] for line in lines] == texts


def test_an_id_that_is_a_formula_is_escaped_too(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text(json.dumps({"article_id": "=1+1", "text": "shells"}) + "\n", encoding="utf-8")
    predict_files(make_model(), [source], out=tmp_path / "out.csv", escape_formulas=True)
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as file:
        assert [row["article_id"] for row in csv.DictReader(file)] == ["'=1+1"]


def test_escaping_is_refused_where_there_are_no_cells(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["predict", str(tmp_path), "in.txt", "--out", "out.jsonl", "--escape-formulas"])
    assert "--escape-formulas is for CSV" in capfd.readouterr().err


def test_the_screen_is_not_steered_by_a_text(
    tmp_path: Path, models: Callable[[str], Labeller], capfd: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.txt"
    page.write_text("Shells \x1b[2J\x1b]0;title\x07 fell near the \u202e bridge on Monday.\n", encoding="utf-8")
    bundle = str(models("tfidf").path)
    for command in (["read", str(page)], ["read", str(page), "--why"], ["predict", bundle, str(page), "--pretty"]):
        main_quietly(command)
        shown = capfd.readouterr().out
        assert "bridge" in shown
        assert "\x1b[2J" not in shown
        assert "\x1b]0;" not in shown
        assert "\u202e" not in shown


def main_quietly(command: list[str]) -> None:
    try:
        main(command)
    except SystemExit as end:
        assert not end.code  # noqa: PT017 (the end of a command, whatever way it comes)


ALIASES = "\n".join(
    ["a0: &a0 [x, x, x, x, x, x, x, x, x]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 30)]
)
MERGES = "\n".join(
    ["a0: &a0 {x: 1}"] + [f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}" for i in range(1, 30)]
)
LONG = "a: &a " + "x" * 100_000 + "\nb: [" + ", ".join(["*a"] * 1_000) + "]"
KEYS = "a: &a " + "x" * 100_000 + "\nb: [" + ", ".join(["{*a : 1}"] * 1_000) + "]"


@pytest.mark.parametrize(
    "text",
    [ALIASES, MERGES, LONG, KEYS, "a: {<<: [" + "{x: 1}, " * 101 + "]}", "a: &a {b: *a}", "a: &a [[*a]]"],
    ids=["aliases", "merges", "long", "keys", "wide merge", "holds itself", "holds itself deeper"],
)
def test_yaml_that_grows_without_end_is_refused_before_it_does(text: str) -> None:
    before = peak_memory()
    with pytest.raises(ConfigError, match="not readable as YAML"):
        parse_yaml(text, source="the config")
    assert peak_memory() - before < 200_000_000


def test_a_yaml_file_of_a_senseless_size_is_refused(tmp_path: Path) -> None:
    (tmp_path / "big.yaml").write_text("x" * 10_000_001)
    with pytest.raises(ConfigError, match="has 10,000,001 bytes; the config has at most 10,000,000"):
        read_yaml(tmp_path / "big.yaml", what="the config")


def test_anchors_in_measure_work() -> None:
    assert parse_yaml("a: &a {x: [1, 2]}\nb: *a\nc: {<<: *a, y: 3}\n", source="c") == {
        "a": {"x": [1, 2]},
        "b": {"x": [1, 2]},
        "c": {"x": [1, 2], "y": 3},
    }


@quick
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text("ab c", max_size=5),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab", max_size=3), inner, max_size=4),
        max_leaves=20,
    )
)
def test_plain_yaml_is_read_as_it_was_written(content: Any) -> None:
    import yaml

    assert parse_yaml(yaml.safe_dump(content), source="c") == content


DEEP = 100_000
DEEP_JSON = {"list": "[" * DEEP, "object": '{"text":' * DEEP, "closed": "[" * DEEP + "]" * DEEP}


@pytest.mark.parametrize("content", DEEP_JSON.values(), ids=DEEP_JSON.keys())
@pytest.mark.parametrize("ending", [".jsonl", ".ndjson"])
def test_json_nested_without_end_is_refused_with_its_line(tmp_path: Path, ending: str, content: str) -> None:
    path = tmp_path / f"deep{ending}"
    path.write_text('{"text": "shells"}\n' + content + "\n")
    with pytest.raises(DataError, match=r"deep.*:2: broken JSON"):
        list(stream_passages([path]))


@pytest.mark.parametrize("content", [*DEEP_JSON.values(), '{"paragraphs": ' + "[" * DEEP])
@pytest.mark.parametrize("name", ["deep.json", "deep.jsonl", "deep.csv", "deep.spacy"])
def test_labelled_data_nested_without_end_is_refused(tmp_path: Path, name: str, content: str, labels: LabelSet) -> None:
    (tmp_path / name).write_text(content + "\n")
    try:
        assert check_labelled(tmp_path / name, labels).faults
    except TextclfError as fault:
        assert name in str(fault)  # noqa: PT017 (either is an answer)


@pytest.mark.parametrize(
    "page",
    [
        "<html><body>" + "<div>" * 20_000 + "<p>Shells fell near the bridge.</p>",
        "<html><body><p>" + "<b>" * 20_000 + "Shells fell near the bridge." + "</b>" * 20_000,
        "<html><body><p>" + "&lt;" * 200_000 + "</p></body></html>",
        '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "'
        + "&a;" * 10
        + '"><!ENTITY c "'
        + "&b;" * 10
        + '">]><html><p>&c;</p>',
        "<html><body>" + "<p>" * 50_000,
        "<html><body><table>" + "<tr><td>" * 5_000 + "Shells",
        "<html " + "a=1 " * 50_000 + "><p>Shells fell</p>",
        "<html><body><p>Shells\x00fell</p><!--" + "-" * 100_000,
    ],
    ids=["divs", "inline", "entities", "declared entities", "paragraphs", "tables", "attributes", "comment"],
)
def test_a_page_made_to_do_harm_is_read_or_refused(page: str) -> None:
    before = peak_memory()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TextclfWarning)
            article = read_article(page)
    except DataError as fault:
        assert "no text" in str(fault)  # noqa: PT017 (either is an answer)
    else:
        assert sum(len(block.text) for block in article.blocks) <= len(page)
    assert peak_memory() - before < 1_000_000_000


def test_a_million_empty_paragraphs_are_no_paragraph(tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("\n\n" * 1_000_000)
    with pytest.raises(DataError, match="no paragraph in the input"):
        predict_files(make_model(), [tmp_path / "empty.txt"], out=tmp_path / "out.jsonl")


def test_a_million_empty_rows_are_streamed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Of every window none is read by the model; each row gets its record."""

    def passages(*args: object, **kwargs: object) -> Iterator[Passage]:
        return (Passage("a", number, "") for number in range(1_000_000 // 50))

    monkeypatch.setattr("textclf.predict.stream_passages", passages)
    model = make_model()
    summary = predict_files(model, ["any"], out=tmp_path / "out.jsonl")
    assert summary.paragraphs == summary.unread == 20_000
    assert model.predictor.read == []  # type: ignore[attr-defined]


def test_invalid_utf_8_is_read_in_pages_and_refused_in_tables(tmp_path: Path) -> None:
    raw = b"Shells fell near the bridge in Ras al-\xff\xfe on Monday, a witness said.\n"
    (tmp_path / "page.txt").write_bytes(raw)
    assert "Shells fell" in read_article(tmp_path / "page.txt").paragraphs[0].text
    for name, content in (("rows.jsonl", b'{"text": "\xff"}\n'), ("rows.csv", b"text\n\xff\n")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match="not valid UTF-8"):
            list(stream_passages([tmp_path / name]))


def test_a_paragraph_of_ten_megabytes_is_read_to_its_first_hundred_thousand(models: Callable[[str], Labeller]) -> None:
    before = peak_memory()
    with pytest.warns(UserWarning, match="only the first 100,000"):
        found = models("tfidf").predict_proba(["shells fell " * 900_000])
    assert found.shape == (1, 3)
    assert peak_memory() - before < 500_000_000


@quick
@given(
    content=st.binary(max_size=300),
    ending=st.sampled_from([".txt", ".html", ".jsonl", ".csv", ".tsv", ".mhtml", ".warc", ".warc.gz", ".parquet"]),
)
def test_any_bytes_are_labelled_or_refused(
    content: bytes, ending: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp()
    source, out = folder / f"any{ending}", folder / "any_out.csv"
    source.write_bytes(content)
    out.unlink(missing_ok=True)
    try:
        predict_files(make_model(), [source], out=out, escape_formulas=True)
    except TextclfError:
        assert not out.exists()
    else:
        assert not any(cell.startswith(("=", "+", "-", "@")) for cell in cells(out))


def test_a_compressed_archive_that_unpacks_without_end_is_refused(tmp_path: Path) -> None:
    body = b"<html>" + b" " * 60_000_000
    head = (
        "WARC/1.0\r\nWARC-Type: resource\r\nWARC-Target-URI: http://x/\r\nContent-Type: text/html\r\n"
        f"WARC-Record-ID: <urn:uuid:1>\r\nWARC-Date: 2020-01-01T00:00:00Z\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode()
    squeeze = zlib.compressobj(9, zlib.DEFLATED, 31)
    content = io.BytesIO()
    content.write(squeeze.compress(head + body + b"\r\n\r\n") + squeeze.flush())
    (tmp_path / "bomb.warc.gz").write_bytes(content.getvalue())
    with pytest.raises(DataError, match="more than 20,000,000 bytes"):
        list(stream_passages([tmp_path / "bomb.warc.gz"]))


def test_a_parquet_file_whose_text_is_none_is_refused_by_readers_of_both_kinds(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    text = pa.array([b"caf\xcf shells fell"], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"article_id": ["a"], "text": text}), tmp_path / "odd.parquet")
    with pytest.raises(DataError, match=r"cannot read .*odd\.parquet as Parquet: 'utf-8' codec"):
        read_labelled(tmp_path / "odd.parquet", LabelSet.of(["a"]))
    with pytest.raises(DataError, match=r"cannot read .*odd\.parquet as Parquet: 'utf-8' codec"):
        list(stream_passages([tmp_path / "odd.parquet"]))
