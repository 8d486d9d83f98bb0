"""The commands as a user types them: output, exit codes, and one clear message for each mistake."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from tests.conftest import LABELS, WORDS, make_articles
from textclf.cli import main
from textclf.cli.with_config import run as run_with_config

ROOT = Path(__file__).parent.parent
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Give a function that runs the command and returns exit code, stdout and stderr."""

    def call(*arguments: str | Path) -> tuple[int, str, str]:
        capfd.readouterr()
        with pytest.raises(SystemExit) as stopped:
            main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return int(stopped.value.code or 0), out, err

    return call


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small project: labels, three splits, a config, and its trained model."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "data").mkdir()
    (folder / "configs").mkdir()
    (folder / "data" / "labels.yaml").write_text(yaml.safe_dump({n: f"it reports {n}" for n in LABELS}))
    for seed, (name, n) in enumerate({"train": 24, "validation": 12, "test": 12}.items()):
        records = [{**a.to_json(), "article_id": f"{name}-{i}"} for i, a in enumerate(make_articles(n, seed=seed))]
        lines = "".join(json.dumps(record) + "\n" for record in records)
        (folder / "data" / f"{name}.jsonl").write_text(lines)
    config = {
        "labels": "data/labels.yaml",
        "data": {name: f"data/{name}.jsonl" for name in ("train", "validation", "test")},
        "model": {"kind": "tfidf", "options": {"min_df": 1}},
        "evaluation": {"resamples": 100},
        "out": str(folder / "runs" / "tfidf"),
    }
    (folder / "configs" / "tfidf.yaml").write_text(yaml.safe_dump(config))
    (folder / "article.txt").write_text(f"A quiet headline\n\n{WORDS['fight']} 1.\n\n{WORDS['talk']} 2.\n")
    with pytest.raises(SystemExit) as stopped:
        main(["train", str(folder / "configs" / "tfidf.yaml")])
    assert not stopped.value.code
    return folder


def test_train_says_where_the_model_is_and_how_it_does(project: Path, run: Run, tmp_path: Path) -> None:
    code, out, _ = run("train", project / "configs/tfidf.yaml", "--out", tmp_path / "m", "--set", "model.options.C=1")
    assert code == 0
    assert "macro-F1" in out
    assert str(tmp_path / "m") in out.replace("\n", "")
    assert json.loads((tmp_path / "m/textclf.json").read_text())["config"]["model"]["options"]["C"] == 1


def test_evaluate_writes_reports_for_reading(project: Path, run: Run, tmp_path: Path) -> None:
    model, data = project / "runs/tfidf", project / "data/test.jsonl"
    paths = [tmp_path / "report.html", tmp_path / "deep" / "report.md"]
    code, _, err = run("evaluate", model, data, "--against", model, "--report", paths[0], "--report", paths[1])
    assert code == 0
    assert f"report written to {paths[0]}" in err
    page, text = (path.read_text(encoding="utf-8") for path in paths)
    for written in (page, text):
        assert "Errors worth reading" in written
        assert "was trained on" in written
        assert (
            f"textclf evaluate {model} {data} --against {model} --resamples 100 --confidence 0.95 --seed 13" in written
        )
    assert page.startswith("<!doctype html>")


def test_a_report_of_another_kind_is_refused_before_anything_is_scored(project: Path, run: Run, tmp_path: Path) -> None:
    code, out, err = run(
        "evaluate", project / "runs/tfidf", project / "data/test.jsonl", "--report", tmp_path / "r.pdf"
    )
    assert code == 1
    assert out == ""
    assert "written as .html or .md, not 'r.pdf'" in err


def test_a_report_in_html_without_its_extra_says_what_to_install(
    project: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    given = ("evaluate", project / "runs/tfidf", project / "data/test.jsonl", "--report")
    code, _, err = run(*given, tmp_path / "r.html")
    assert code == 1
    assert "pip install 'textclf[report]'" in err
    assert run(*given, tmp_path / "r.md")[0] == 0


def test_evaluate_writes_what_outside_things_rely_on(project: Path, run: Run, tmp_path: Path) -> None:
    code, out, _ = run(
        "evaluate", project / "runs/tfidf", project / "data/test.jsonl", "--json", tmp_path / "scores.json"
    )
    assert code == 0
    assert "false-alarm rate" in out
    scores = json.loads((tmp_path / "scores.json").read_text())
    assert scores["n_articles"] == 12
    assert 0.8 < scores["macro_f1"] <= 1
    assert {"n_paragraphs", "micro_f1", "macro_ap", "exact_match", "false_alarm_rate"} <= set(scores)
    for label in LABELS:
        assert {"precision", "recall", "f1", "ap", "support", "threshold"} <= set(scores["per_label"][label])
        low, high = scores["intervals"]["per_label"][label]["f1"]
        assert low <= scores["per_label"][label]["f1"] <= high
    low, high = scores["intervals"]["macro_f1"]
    assert low <= scores["macro_f1"] <= high


def test_evaluate_against_itself_differs_by_nothing(project: Path, run: Run, tmp_path: Path) -> None:
    model = project / "runs/tfidf"
    code, out, _ = run(
        "evaluate", model, project / "data/test.jsonl", "--against", model, "--json", tmp_path / "s.json"
    )
    assert code == 0
    assert "paired over articles" in out
    assert json.loads((tmp_path / "s.json").read_text())["difference"]["macro_f1"] == {
        "difference": 0.0,
        "interval": [0.0, 0.0],
        "p_value": 1.0,
    }
    assert "p, Holm" in out


def test_evaluating_on_training_articles_is_refused_or_said(project: Path, run: Run, tmp_path: Path) -> None:
    arguments = ["evaluate", project / "runs/tfidf", project / "data/train.jsonl", "--json", tmp_path / "s.json"]
    code, _, err = run(*arguments)
    assert code == 1
    assert "24 article(s) were in the model's training data" in err
    assert not (tmp_path / "s.json").exists()
    code, out, _ = run(*arguments, "--allow-leakage")
    assert code == 0
    assert "LEAKAGE ALLOWED: 24 article(s)" in out
    assert "24 of these articles were in the model's training data" in out
    assert len(json.loads((tmp_path / "s.json").read_text())["articles_seen_in_training"]) == 24


def test_compare_sets_models_against_the_first(project: Path, run: Run, tmp_path: Path) -> None:
    weak = tmp_path / "weak"
    run("train", project / "configs/tfidf.yaml", "--out", weak, "--set", "model.options.C=0.001")
    config = project / "configs/tfidf.yaml"
    code, out, _ = run("compare", config, weak, "--resamples", "100", "--json", tmp_path / "c.json")
    assert code == 0
    assert "baseline" in out
    rows = json.loads((tmp_path / "c.json").read_text())["rows"]
    assert [row["model"] for row in rows] == [str(project / "runs/tfidf"), str(weak)]
    assert rows[0]["difference_to_first"] is None
    expected = rows[1]["macro_f1"] - rows[0]["macro_f1"]
    assert rows[1]["difference_to_first"]["macro_f1"]["difference"] == pytest.approx(expected, abs=1e-5)


def test_predict_one_record_a_paragraph(project: Path, run: Run) -> None:
    code, out, err = run("predict", project / "runs/tfidf", project / "article.txt")
    assert code == 0
    records = [json.loads(line) for line in out.splitlines()]
    assert [(r["article_id"], r["paragraph"], r["labels"]) for r in records] == [
        ("article", 0, ["fight"]),
        ("article", 1, ["talk"]),
    ]
    assert set(records[0]["scores"]) == set(LABELS)
    assert "2 paragraphs of 1 articles" in err


def test_predict_to_parquet_and_csv(project: Path, run: Run, tmp_path: Path) -> None:
    for name in ("out.parquet", "out.csv"):
        code, _, _ = run("predict", project / "runs/tfidf", project / "data/test.jsonl", "--out", tmp_path / name)
        assert code == 0
    table = pq.read_table(tmp_path / "out.parquet")
    names = ["article_id", "paragraph", "sentence", "text", "labels", "scores", "windows", "start", "end"]
    assert table.column_names == names
    assert len(table) > 30
    assert (tmp_path / "out.csv").read_text().startswith(",".join(names) + "\n")


def test_predict_reads_standard_input(project: Path) -> None:
    code = [sys.executable, "-m", "textclf", "predict", str(project / "runs/tfidf"), "-"]
    done = subprocess.run(code, input=f"{WORDS['move']} 3.\n", capture_output=True, text=True, check=True, cwd=ROOT)
    assert json.loads(done.stdout)["labels"] == ["move"]


def test_predict_pretty_is_for_reading(project: Path, run: Run) -> None:
    code, out, _ = run("predict", project / "runs/tfidf", project / "article.txt", "--pretty")
    assert code == 0
    assert "[fight " in out
    assert WORDS["talk"] in " ".join(out.split())


def test_predict_can_label_sentence_by_sentence(project: Path, run: Run, tmp_path: Path) -> None:
    article = tmp_path / "a.txt"
    article.write_text(f"{WORDS['fight'].capitalize()}. {WORDS['talk'].capitalize()}.\n", encoding="utf-8")
    code, out, err = run("predict", project / "runs/tfidf", article, "--unit", "sentence")
    assert code == 0
    records = [json.loads(line) for line in out.splitlines()]
    assert [(r["sentence"], r["labels"]) for r in records] == [(0, ["fight"]), (1, ["talk"])]
    assert "2 sentences of 1 articles" in err
    code, out, _ = run("predict", project / "runs/tfidf", article, "--unit", "sentence", "--pretty", "--language", "es")
    assert out.count("[") == 2
    code, _, err = run("predict", project / "runs/tfidf", article, "--unit", "word")
    assert code == 1
    assert "unit 'word' is not known; it must be one of paragraph, sentence" in err


def test_pretty_says_when_a_paragraph_was_read_in_windows(capsys: pytest.CaptureFixture[str]) -> None:
    from textclf.cli.tables import show_labelled
    from textclf.records import LabelledPassage

    passages = [LabelledPassage("a", row, "Text.", (), {}, windows=windows) for row, windows in enumerate((1, 3))]
    show_labelled(passages, None)  # type: ignore[arg-type]
    shown = capsys.readouterr().out
    assert "[–]  read in 3 windows" in shown
    assert shown.count("windows") == 1


def test_data_check_lists_every_fault(project: Path, run: Run, tmp_path: Path) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text(
        '{"article_id": "a", "paragraphs": [{"text": "x", "labels": ["fihgt"]}, {"text": " ", "labels": []}]}\n'
        "{broken\n"
        '{"article_id": "a", "paragraphs": [{"text": "x", "labels": []}]}\n'
    )
    code, out, err = run("data", "check", bad, project / "data/train.jsonl", "--labels", project / "data/labels.yaml")
    assert code == 1
    lines = out.splitlines()
    assert len(lines) == 4
    assert "bad.jsonl:1: article a, paragraph 0: label 'fihgt'" in lines[0]
    assert "did you mean 'fight'?" in lines[0]
    assert "paragraph 1: the text is empty" in lines[1]
    assert "bad.jsonl:2: broken JSON" in lines[2]
    assert "already at line 1" in lines[3]
    assert "train.jsonl: ok; 24 whole articles" in err
    code, out, _ = run("data", "check", project / "data/train.jsonl", project / "data/test.jsonl")
    assert (code, out) == (0, "")


def test_data_check_finds_articles_in_two_files(project: Path, run: Run, tmp_path: Path) -> None:
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes((project / "data/test.jsonl").read_bytes())
    code, out, _ = run("data", "check", project / "data/test.jsonl", copy, "--labels", project / "data/labels.yaml")
    assert code == 1
    assert out.count("also stands in") == 12


def test_data_stats_counts(project: Path, run: Run) -> None:
    code, out, _ = run("data", "stats", project / "data/train.jsonl", project / "data/test.jsonl")
    assert code == 0
    assert "train" in out
    assert " 24 " in out


def test_data_split_loses_nothing_and_repeats(project: Path, run: Run, tmp_path: Path) -> None:
    source = project / "data/train.jsonl"
    for name in ("one", "two"):
        code, _, _ = run("data", "split", source, "--out", tmp_path / name, "--shares", "a=0.75,b=0.25")
        assert code == 0
    lines = [(tmp_path / name / f"{part}.jsonl").read_text() for name in ("one", "two") for part in "ab"]
    assert lines[:2] == lines[2:]
    written = {json.loads(line)["article_id"]: json.loads(line) for part in lines[:2] for line in part.splitlines()}
    given = {json.loads(line)["article_id"]: json.loads(line) for line in source.read_text().splitlines()}
    assert written == given
    code, _, err = run("data", "split", source, "--out", tmp_path / "one", "--shares", "a=0.75,b=0.25")
    assert code == 1
    assert "is there already; nothing was written" in err


MISTAKES = [
    (["train", "{configs}/nope.yaml"], "cannot read the config"),
    (["train", "{config}", "--set", "model.options.min_dff=1"], "did you mean 'min_df'?"),
    (["train", "{config}", "--set", "model.kind=tfidff"], "did you mean 'tfidf'?"),
    (["train", "{config}", "--set", "labels=[fight]"], "label 'talk' is not in the label set"),
    (["train", "{config}", "--set", "data.validation={data}/train.jsonl"], "a split may share no article"),
    (["train", "{config}", "--out", "{data}"], "is no textclf model; it is left alone"),
    (["evaluate", "{data}/nothing", "{data}/test.jsonl"], "Train one with: textclf train"),
    (["evaluate", "{model}", "{data}/nope.jsonl"], "no such file"),
    (["evaluate", "{model}", "{data}/labels.yaml"], "labelled data is read from .jsonl"),
    (["predict", "{model}", "{data}/nope.txt"], "cannot read"),
    (["predict", "{model}", "{data}/labels.yaml"], "cannot read this kind of file"),
    (["predict", "{model}", "{data}/test.jsonl", "--out", "{data}/out.xlsx"], "must be one of .jsonl, .csv, .parquet"),
    (["predict", "{model}", "{empty}"], "there is no paragraph in the input"),
    (["data", "check", "{empty}"], "the file is empty"),
    (["data", "split", "{data}/test.jsonl", "--out", "{data}/x", "--shares", "a=1,b=1"], "sum to 1"),
    (["data", "split", "{data}/test.jsonl", "--out", "{data}/x", "--shares", "a"], "write name=share pairs"),
    (["compare", "{model}"], "give --data FILE"),
]


@pytest.mark.parametrize(("arguments", "message"), MISTAKES, ids=[" ".join(a[:1] + a[-1:]) for a, _ in MISTAKES])
def test_a_mistake_gets_one_clear_message(
    arguments: list[str], message: str, project: Path, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "empty.jsonl").write_text("")
    places = {
        "configs": project / "configs",
        "config": project / "configs/tfidf.yaml",
        "data": project / "data",
        "model": project / "runs/tfidf",
        "empty": tmp_path / "empty.jsonl",
    }
    before = sorted(project.rglob("*"))
    code, out, err = run(*(argument.format(**places) for argument in arguments))
    assert code == 1
    assert message in out + err
    assert "Traceback" not in out + err
    assert sorted(project.rglob("*")) == before  # a mistake leaves nothing behind


def test_a_reader_that_goes_away_is_no_error(project: Path) -> None:
    command = f"{sys.executable} -m textclf predict {project}/runs/tfidf {project}/data/train.jsonl | head -n 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True, cwd=ROOT)
    assert json.loads(done.stdout)["paragraph"] == 0
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["train", "evaluate", "predict"])
def test_the_scripts_take_a_config(command: str, project: Path, tmp_path: Path) -> None:
    more = {
        "train": ["--out", str(tmp_path / "model"), "--set", "seed=3"],
        "evaluate": ["--json", str(tmp_path / "s.json")],
        "predict": [str(project / "article.txt"), "--out", str(tmp_path / "out.jsonl")],
    }
    script = [sys.executable, str(ROOT / "scripts" / f"{command}.py"), "--config", str(project / "configs/tfidf.yaml")]
    done = subprocess.run([*script, *more[command]], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.iterdir())) == 1


def test_a_config_with_no_test_data_says_so(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        run_with_config("evaluate", ["--config", str(project / "configs/tfidf.yaml"), "--set", "data.test=null"])
    assert stopped.value.code == 1
    assert "names no data.test" in capfd.readouterr().err


def test_help_is_quick_and_whole() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "textclf", "--help"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "100"},
    )
    for command in ("train", "evaluate", "compare", "predict", "data"):
        assert command in done.stdout
    assert "torch" not in {line.split("|")[-1].strip().split(".")[0] for line in done.stderr.splitlines()}


def test_another_kind_begins_with_its_own_options(project: Path) -> None:
    from textclf.config import load_config

    config = load_config(
        project / "configs/tfidf.yaml", overrides=["model.options.C=2", "model.kind=frozen_encoder", "seed=1"]
    )
    assert config.options().model_dump()["encoder"] == "sentence-transformers/all-MiniLM-L6-v2"
    assert config.options().model_dump()["C"] == 2
    whole = load_config(project / "configs/tfidf.yaml", overrides=["model={kind: frozen_encoder, options: {C: 3}}"])
    assert whole.options().model_dump()["C"] == 3


def test_compare_trains_again_when_the_data_changed(project: Path, tmp_path: Path, run: Run) -> None:
    from textclf.config import load_config
    from textclf.train import is_trained

    assert is_trained(load_config(project / "configs/tfidf.yaml"))
    assert not is_trained(load_config(project / "configs/tfidf.yaml", overrides=["seed=77"]))
    shorter = tmp_path / "shorter.jsonl"
    lines = (project / "data/train.jsonl").read_text().splitlines(keepends=True)
    shorter.write_text("".join(lines[:-1]))
    assert not is_trained(load_config(project / "configs/tfidf.yaml", overrides=[f"data.train={shorter}"]))
    code, _, err = run("compare", project / "configs/tfidf.yaml", project / "configs/tfidf.yaml")
    assert code == 1
    assert "as another model given does" in err


def test_evaluating_on_validation_articles_is_said(project: Path, run: Run) -> None:
    _, out, _ = run("evaluate", project / "runs/tfidf", project / "data/validation.jsonl")
    assert "thresholds were fitted on 12 of these articles" in " ".join(out.split())


def test_a_full_output_is_told(project: Path) -> None:
    command = f"{sys.executable} -m textclf predict {project}/runs/tfidf {project}/data/train.jsonl > /dev/full"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 1
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr
