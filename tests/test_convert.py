"""`textclf data convert`, and the other commands on files of any format."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.conftest import LABELS, make_articles
from textclf.cli import main
from textclf.config import load_config
from textclf.datasets import check_labelled, read_labelled, write_labelled
from textclf.datasets.convert import convert_labelled
from textclf.datasets.registry import FORMATS
from textclf.errors import ConfigError, DataError
from textclf.files import WriteError
from textclf.labels import LabelSet
from textclf.records import Article


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("labels.yaml").write_text(yaml.safe_dump(list(LABELS)), encoding="utf-8")


@pytest.fixture
def data(articles: list[Article]) -> Path:
    write_labelled(articles, Path("data.jsonl"))
    return Path("data.jsonl")


def run(*arguments: object) -> int:
    """Run the command and give its exit code."""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


@pytest.mark.filterwarnings("ignore::textclf.errors.TextclfWarning")
@pytest.mark.parametrize("name", list(FORMATS))
def test_every_format_can_be_written_and_read_again(
    data: Path, articles: list[Article], labels: LabelSet, capsys: pytest.CaptureFixture[str], name: str
):
    assert run("data", "convert", data, "--out", "there", "--to", name) == 0
    assert f"data.jsonl (jsonl) -> there ({name}): 24 articles" in capsys.readouterr().err
    assert run("data", "convert", "there", "--from", name, "--out", "back.jsonl") == 0
    back = read_labelled("back.jsonl", labels)
    if name != "conflibert":
        assert sorted(back, key=lambda a: a.article_id) == articles
    else:
        assert sum(len(a.paragraphs) for a in back) == sum(len(a.paragraphs) for a in articles)


def test_the_ending_gives_the_format(data: Path, articles: list[Article], labels: LabelSet):
    for name in ("out.csv", "out.tsv", "out.parquet", "out.spacy", "out.ndjson"):
        assert run("data", "convert", data, "--out", name) == 0
        assert read_labelled(name, labels) == articles


def test_help_and_messages_name_the_formats(data: Path, capsys: pytest.CaptureFixture[str]):
    assert run("data", "convert", "--help") == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in FORMATS)
    assert run("data", "convert", data, "--out", "x.json") == 1
    assert "label_studio or argilla; say it with --to" in capsys.readouterr().err
    assert run("data", "convert", data, "--out", "x", "--to", "docano") == 1
    told = capsys.readouterr().err
    assert "did you mean 'doccano'" in told
    assert all(name in told for name in FORMATS)
    assert run("data", "convert", data, "--from", "label-studio", "--out", "x.jsonl") == 1
    assert "did you mean 'label_studio'" in capsys.readouterr().err


@pytest.mark.filterwarnings("always::textclf.errors.TextclfWarning")
def test_what_is_lost_is_one_warning(data: Path, capsys: pytest.CaptureFixture[str]):
    assert run("data", "convert", data, "--out", "out.tsv", "--to", "conflibert") == 0
    warned = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning:")]
    assert len(warned) == 1
    assert "the format conflibert has no room for these, which are lost" in warned[0]


def test_faults_stop_it_and_nothing_is_written(capsys: pytest.CaptureFixture[str]):
    record = {"article_id": "a", "paragraphs": [{"text": "One.", "labels": ["fihgt", "tlak"]}]}
    Path("bad.jsonl").write_text(json.dumps(record) + "\n", encoding="utf-8")
    assert run("data", "convert", "bad.jsonl", "--out", "out.csv") == 1
    told = capsys.readouterr().err
    assert "'fihgt' is not in the label set" in told
    assert "'tlak' is not in the label set" in told
    assert not Path("out.csv").exists()


def test_an_output_on_top_of_the_input_is_refused(data: Path, capsys: pytest.CaptureFixture[str]):
    before = data.read_bytes()
    assert run("data", "convert", data, "--out", data, "--to", "csv") == 1
    assert "both the input and the output" in capsys.readouterr().err
    assert data.read_bytes() == before


def test_columns_of_a_table_are_named(labels: LabelSet, capsys: pytest.CaptureFixture[str]):
    Path("bare.csv").write_text("move,a,Buses left.\n", encoding="utf-8")
    assert run("data", "convert", "bare.csv", "--columns", "labels, article_id, text", "--out", "out.jsonl") == 0
    (read,) = read_labelled("out.jsonl", labels)
    assert (read.article_id, read.paragraphs[0].labels) == ("a", ("move",))


def test_the_labelling_set_up_is_written_beside(data: Path, capsys: pytest.CaptureFixture[str]):
    assert run("data", "convert", data, "--out", "tasks.json", "--to", "label_studio", "--setup", "setup.xml") == 0
    assert '<Choice value="fight"' in Path("setup.xml").read_text(encoding="utf-8")
    assert run("data", "convert", data, "--out", "t.csv", "--setup", "setup.xml") == 1
    assert "no labelling set-up" in capsys.readouterr().err
    assert not Path("t.csv").exists()
    Path("labels.yaml").unlink()
    assert run("data", "convert", data, "--out", "t.json", "--to", "label_studio", "--setup", "setup.xml") == 1
    assert "--labels FILE" in capsys.readouterr().err


def test_the_function_tells_what_it_did(data: Path, labels: LabelSet):
    done = convert_labelled(data, "out.parquet", labels)
    assert (done.read_as, done.written_as, done.articles) == ("jsonl", "parquet", 24)
    with pytest.raises(WriteError):
        convert_labelled("out.parquet", data, labels, write_as="brat")
    with pytest.raises(DataError, match="no such file"):
        convert_labelled("none.jsonl", "x.csv", labels)


@pytest.mark.parametrize("name", ["label_studio", "argilla", "prodigy", "brat", "spacy"])
def test_check_stats_and_split_read_every_format(
    articles: list[Article], labels: LabelSet, capsys: pytest.CaptureFixture[str], name: str
):
    write_labelled(articles, "export", labels, format=name)
    assert run("data", "check", "export") == 0
    assert "export: ok; 24 whole articles" in capsys.readouterr().err
    assert run("data", "stats", "export") == 0
    assert run("data", "split", "export", "--out", "parts", "--shares", "train=0.5,test=0.5") == 0
    parts = [check_labelled(f"parts/{part}.jsonl", labels).articles for part in ("train", "test")]
    assert sorted(a.article_id for part in parts for a in part) == [a.article_id for a in articles]


def test_training_reads_an_export(labels: LabelSet, capsys: pytest.CaptureFixture[str]):
    write_labelled(make_articles(40), "export.json", labels, format="label_studio")
    Path("config.yaml").write_text(
        "labels: labels.yaml\ndata: {train: export.json}\nmodel: {kind: tfidf}\nthresholds: {folds: 2}\n",
        encoding="utf-8",
    )
    assert run("train", "config.yaml", "--out", "model") == 0
    assert Path("model/textclf.json").is_file()


def test_a_config_may_name_a_dataset_on_the_hub():
    Path("config.yaml").write_text("labels: labels.yaml\ndata: {train: 'hf:owner/name:train'}\n", encoding="utf-8")
    assert str(load_config("config.yaml").data.train[0]) == "hf:owner/name:train"
    Path("config.yaml").write_text("labels: labels.yaml\ndata: {train: 'owner/name'}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="no such file: owner/name"):
        load_config("config.yaml")
