"""Tuning: what is done is kept whatever is killed, trials are comparable, and what is written trains the same."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pytest
import yaml

import textclf.tune as job
from tests.conftest import LABELS, make_articles
from tests.models import TINY_OPTIONS, make_encoder
from textclf.cli import main
from textclf.config import Config, load_config
from textclf.errors import ConfigError, DataError, MissingExtraError, ModelError
from textclf.files import this_host
from textclf.models.epoch_hook import report_epoch
from textclf.models.interface import Kind, Options
from textclf.models.registry import KINDS
from textclf.search_space import read_space
from textclf.study.plots import measure_importances
from textclf.study.storage import StudyError, open_study, shown
from textclf.study.trials import (
    Trial,
    best_first,
    count_taken,
    fail_dead,
    is_surplus,
    list_trials,
    queue_again,
    this_worker,
)
from textclf.train import train
from textclf.tune import TuningResult, tune

ROOT = Path(__file__).parent.parent
SPACE = "model.options.C: {low: 1e-1, high: 10, log: true}\nmodel.options.min_df: {low: 1, high: 2}\n"


class FakeOptions(Options):
    """Options of the fake kind."""

    strength: float = 0.5


class Fake(Kind):
    """Reports three epochs with the score it was given, and knows the labels that well."""

    options_type: ClassVar[type[Options]] = FakeOptions
    finished: ClassVar[list[float]] = []

    def fit(self, texts: Sequence[str], targets: np.ndarray, **_: Any) -> Self:
        for epoch in (1, 2, 3):
            report_epoch(epoch, {"loss": 1.0, "macro_ap": self.options.strength, "macro_f1": float("nan")})
        Fake.finished.append(self.options.strength)
        return self

    def predict_proba(self, texts: Sequence[str], contexts: Sequence[str] | None = None) -> np.ndarray:
        rng = np.random.default_rng(0)
        right = np.array([[word in text for word in ("shells", "envoys", "buses")] for text in texts], dtype=float)
        noise = rng.random(right.shape)
        return (self.options.strength * right + (1 - self.options.strength) * noise).astype(np.float32)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a project with a config, a small search space and test data that cannot be read, as the working folder."""
    (tmp_path / "data").mkdir()
    (tmp_path / "configs").mkdir()
    for seed, (name, n) in enumerate({"train": 16, "validation": 10}.items()):
        records = [{**a.to_json(), "article_id": f"{name}-{i}"} for i, a in enumerate(make_articles(n, seed=seed))]
        lines = "".join(json.dumps(record) + "\n" for record in records)
        (tmp_path / "data" / f"{name}.jsonl").write_text(lines)
    (tmp_path / "data" / "test.jsonl").write_text("this is no JSON\n")
    given = {
        "labels": list(LABELS),
        "data": {name: f"data/{name}.jsonl" for name in ("train", "validation", "test")},
        "model": {"kind": "tfidf", "options": {"char_ngrams": None}},
        "evaluation": {"resamples": 100},
        "thresholds": {"folds": 2},
    }
    (tmp_path / "configs" / "small.yaml").write_text(yaml.safe_dump(given))
    (tmp_path / "space.yaml").write_text(SPACE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def config(*overrides: str) -> Config:
    return load_config("configs/small.yaml", overrides=overrides)


def search(trials: int, *overrides: str, space: str = SPACE, **more: Any) -> TuningResult:
    found = config(*overrides)
    Path("space.yaml").write_text(space)
    return tune(found, trials=trials, space=read_space("space.yaml", found), **more)


def states(result: TuningResult) -> Counter[str]:
    return Counter(trial.state for trial in result.trials)


def command(*more: str, before: str = "") -> list[str]:
    arguments = ["tune", "configs/small.yaml", "--space", "space.yaml", *more]
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{before}\nfrom textclf.cli import main\nmain({arguments!r})"
    return [sys.executable, "-c", code]


BLOCK_AT = """
import textclf.tune as job
fit, calls = job.fit, []
def blocking(**given):
    calls.append(1)
    if len(calls) == {call}:
        print('begun', flush=True)
        sys.stdin.read()
    return fit(**given)
job.fit = blocking
"""


def begin(*more: str, call: int) -> subprocess.Popen[str]:
    """Start a process that tunes, and return it when it is inside its trial of that number and waits there."""
    process = subprocess.Popen(
        command(*more, before=BLOCK_AT.format(call=call)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    return process


def test_what_is_written_trains_the_same_and_test_data_is_not_read(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = search(4)
    folder = project / "runs" / "small-tune"
    assert {path.name for path in folder.iterdir()} == {"best.yaml", "history.svg", "study.db", "trials.csv"}
    assert any("no importances: 4 complete trial(s) are too few" in note for note in result.notes)
    assert result.best.score == max(trial.score or 0 for trial in result.trials)
    (project / "elsewhere").mkdir()
    monkeypatch.chdir(project / "elsewhere")
    best = load_config(folder / "best.yaml", overrides=["data.test=null"])
    assert best.options() == result.config.options()
    assert best.labels == result.config.labels
    assert best.out == Path("runs/small-best")
    assert train(best).validation.overall["macro_ap"].value == result.best.score
    head = (folder / "best.yaml").read_text().split("labels:")[0]
    assert f"trial {result.best.number}," in head
    assert "'small'" in head
    rows = list(csv.DictReader((folder / "trials.csv").read_text().splitlines()))
    assert [float(row["macro_ap"]) for row in rows] == [trial.score for trial in result.trials]
    assert [float(row["model.options.C"]) for row in rows] == [t.settings["model.options.C"] for t in result.trials]


def test_a_rerun_after_the_end_does_nothing(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = search(3)
    written = {p.name: p.read_bytes() for p in first.folder.iterdir() if p.name != "study.db"}
    monkeypatch.setattr(job, "fit", None)
    assert search(3).trials == first.trials
    assert search(2).trials == first.trials
    assert {p.name: p.read_bytes() for p in first.folder.iterdir() if p.name in written} == written


def test_a_search_goes_on_as_if_it_had_never_stopped(project: Path) -> None:
    whole = search(5, out="whole")
    search(2, out="parts")
    parts = search(5, out="parts")
    assert [t.settings for t in parts.trials] == [t.settings for t in whole.trials]
    assert [t.score for t in parts.trials] == [t.score for t in whole.trials]


def test_what_a_killed_process_did_is_kept_and_what_it_was_at_is_done_again(project: Path) -> None:
    process = begin("--trials", "4", call=3)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (project / "runs/small-tune/best.yaml").exists()
    result = search(4)
    assert [t.state for t in result.trials] == ["complete", "complete", "lost", "complete", "complete"]
    assert result.trials[3].settings == result.trials[2].settings


def test_two_processes_share_one_study(project: Path) -> None:
    process = begin("--trials", "4", call=1)
    here = search(4)
    assert states(here) == {"running": 1, "complete": 3}
    assert any("1 trial(s) are still running in other processes" in note for note in here.notes)
    _, err = process.communicate()
    assert process.returncode == 0, err
    assert states(search(4)) == {"complete": 4}


def test_processes_that_start_at_once_do_no_trial_too_many(project: Path) -> None:
    both = [
        subprocess.Popen(command("--trials", "5"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in both:
        _, err = process.communicate()
        assert process.returncode == 0, err
    after = search(5)
    assert sum(count for state, count in states(after).items() if state != "surplus") == 5
    drawn = [t.settings["model.options.C"] for t in after.trials if t.state == "complete"]
    assert len(set(drawn)) == 5


def test_an_interrupted_search_writes_what_is_done(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fit, calls = job.fit, []

    def interrupted(**given: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return fit(**given)

    monkeypatch.setattr(job, "fit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        search(4)
    assert "The best of 2 trials" in (project / "runs/small-tune/best.yaml").read_text()
    after = search(4)
    assert states(after) == {"complete": 4, "lost": 1}
    assert after.trials[3].settings == after.trials[2].settings


def open_small(**more: Any) -> Any:
    given = {"folder": Path("study"), "storage": None, "pruner": "median", "seed": 1, "made_for": {"data": "a"}, **more}
    return open_study("small", **given)


def dead_process() -> int:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


@pytest.mark.filterwarnings("ignore:Heartbeat of storage")  # of a trial that is asked for by hand
def test_a_trial_that_kills_its_process_twice_is_given_up(project: Path) -> None:
    space = read_space("space.yaml", config())
    with open_small() as study:
        for _ in range(2):
            trial = study.ask()
            space.suggest(trial)
            trial.set_user_attr("worker", f"{this_host()}:{dead_process()}")
            assert count_taken(study) == 1
            fail_dead(study)
            queued = queue_again(study)
        assert queued == 0
        first, second = list_trials(study, space)
        assert (first.state, second.state) == ("lost", "failed")
        assert first.settings == second.settings
        assert "cut off 2 times" in (second.reason or "")
        assert count_taken(study) == 1


@pytest.mark.filterwarnings("ignore:Heartbeat of storage")
def test_running_trials_of_living_processes_are_left_alone(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_small() as study:
        study.ask().set_user_attr("worker", this_worker())
        study.ask().set_user_attr("worker", f"another{this_host()}:{dead_process()}")
        study.ask()
        fail_dead(study)
        assert queue_again(study) == 0
        assert count_taken(study) == 3
        assert is_surplus(study, 2, wanted=2)
        assert not is_surplus(study, 2, wanted=3)
        monkeypatch.setattr("textclf.study.trials.GRACE", -1)
        fail_dead(study)  # the third was begun, but no process ever took it
        assert count_taken(study) == 2


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Callable[..., TuningResult]:
    """Give a search over the fake kind."""
    monkeypatch.setitem(KINDS, "fake", "tests.test_tune:Fake")
    monkeypatch.setattr(Fake, "finished", [])
    space = "model.options.strength: {low: 0.1, high: 0.9}\n"
    return lambda trials, **more: search(trials, "model.kind=fake", space=space, **more)


def test_a_trial_that_lags_behind_is_stopped_early(project: Path, fake: Callable[..., TuningResult]) -> None:
    result = fake(14)
    pruned = [t for t in result.trials if t.state == "pruned"]
    assert pruned
    assert states(result) == {"pruned": len(pruned), "complete": 14 - len(pruned)}
    assert len(Fake.finished) == 14 - len(pruned)
    for trial in pruned:
        assert set(trial.epochs or {}) < {1, 2, 3}
        assert trial.score == trial.settings["model.options.strength"]
    whole = next(t for t in result.trials if t.state == "complete")
    assert dict(whole.epochs or {}) == dict.fromkeys((1, 2, 3), whole.settings["model.options.strength"])


def test_a_pruner_can_be_chosen_and_needs_epochs_of_the_metric(
    project: Path, fake: Callable[..., TuningResult]
) -> None:
    assert states(fake(8, pruner="none", out="none")) == {"complete": 8}
    assert states(fake(8, metric="macro_f1", out="f1")) == {"complete": 8}
    assert sum(states(fake(8, pruner="hyperband", out="hyperband")).values()) == 8


def test_an_encoder_tells_its_epochs_and_trains_the_same_again(project: Path) -> None:
    options = {**TINY_OPTIONS["finetuned"], "epochs": 2, "encoder": str(make_encoder(project / "encoder"))}
    given = ["model.kind=finetuned", f"model.options={json.dumps(options)}", "data.test=null"]
    space = "model.options.learning_rate: {low: 1e-4, high: 1e-2, log: true}\n"
    result = search(2, *given, space=space)
    assert [set(trial.epochs or {}) for trial in result.trials] == [{1, 2}, {1, 2}]
    again = train(load_config(result.folder / "best.yaml")).validation.overall["macro_ap"].value
    assert again == pytest.approx(result.best.score, abs=1e-6)


def test_importances_are_drawn_from_enough_trials(project: Path, fake: Callable[..., TuningResult]) -> None:
    result = fake(12, pruner="none")
    assert "strength" in (result.folder / "importance.svg").read_text()
    assert not any("importances" in note for note in result.notes)


def test_equal_scores_have_no_importances() -> None:
    trials = [Trial(n, "complete", {}, score=0.5) for n in range(12)]
    assert measure_importances(None, trials) == "no importances: every trial has the same score"


def test_of_equal_scores_the_earlier_is_best() -> None:
    scores = [0.5, 0.7, None, 0.7]
    trials = [Trial(n, "complete" if s else "failed", {}, score=s) for n, s in enumerate(scores)]
    assert [t.number for t in best_first(trials)] == [1, 3, 0]


def test_a_trial_that_fails_is_noted_and_the_search_goes_on(project: Path) -> None:
    result = search(6, space="model.options.min_df: {choices: [1, 1000]}\n")
    assert set(states(result)) == {"complete", "failed"}
    assert result.config.options().model_dump()["min_df"] == 1
    assert any("such as trial" in note and "found no words" in note for note in result.notes)
    assert all("found no words" in (t.reason or "") for t in result.trials if t.state == "failed")
    assert search(6, space="model.options.min_df: {choices: [1, 1000]}\n").trials == result.trials


def test_when_every_trial_fails_the_reasons_are_told(project: Path) -> None:
    with pytest.raises(StudyError, match=r"none of the trials could be trained(.|\n)*found no words"):
        search(2, space="model.options.min_df: {choices: [1000, 2000]}\n")
    assert not (project / "runs/small-tune/best.yaml").exists()


def test_running_out_of_memory_is_a_failure_with_a_reason_and_a_bug_is_not(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class OutOfMemoryError(RuntimeError):
        """As torch names its own."""

    fit, faults = job.fit, [MemoryError(), OutOfMemoryError("no more"), ModelError("it diverged")]

    def failing(**given: Any) -> Any:
        if faults:
            raise faults.pop(0)
        return fit(**given)

    monkeypatch.setattr(job, "fit", failing)
    assert [t.reason for t in search(4).trials] == ["out of memory", "out of memory", "it diverged", None]
    faults.append(RuntimeError("a bug"))
    with pytest.raises(RuntimeError, match="a bug"):
        search(5)
    assert states(search(5)) == {"failed": 3, "lost": 1, "complete": 2}


def test_without_validation_articles_trials_are_scored_out_of_fold(project: Path) -> None:
    result = search(2, "data.validation=null", metric="macro_f1")
    assert "on the 2 article folds" in (result.folder / "best.yaml").read_text()
    best = load_config(result.folder / "best.yaml", overrides=["data.test=null"])
    assert train(best).validation.overall["macro_f1"].value == result.best.score


def test_no_time_means_no_trial(project: Path) -> None:
    with pytest.raises(StudyError, match="no trial is complete yet"):
        search(2, timeout=0.0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"overrides": ["seed=14"]}, "other settings"),
        ({"overrides": ["data.train=data/validation.jsonl", "data.validation=null"]}, "other data"),
        ({"metric": "macro_f1"}, "other metric"),
        ({"space": "model.options.C: {low: 1, high: 2}\n"}, "other search space"),
    ],
)
def test_a_study_begun_for_something_else_is_refused(project: Path, change: dict[str, Any], said: str) -> None:
    search(1)
    before = (project / "runs/small-tune/best.yaml").read_bytes()
    with pytest.raises(ConfigError, match=f"begun with {said}, so its trials"):
        search(2, *change.pop("overrides", []), **change)
    assert (project / "runs/small-tune/best.yaml").read_bytes() == before
    assert states(search(1, study="another")) == {"complete": 1}


def test_any_database_can_keep_the_study(project: Path) -> None:
    first = search(1, storage=f"sqlite:///{project}/shared.db", out="one")
    second = search(2, storage=f"sqlite:///{project}/shared.db", out="two")
    assert second.trials[:1] == first.trials
    assert not list(project.rglob("study.db"))


@pytest.mark.parametrize(
    "storage", ["nonsense", "sqlite:////no/such/folder/x.db", "postgresql+nothing://me:secret@localhost/x", "a://{b}"]
)
def test_a_storage_that_cannot_be_opened_is_told_without_its_password(project: Path, storage: str) -> None:
    before = sorted(project.rglob("*"))
    with pytest.raises(StudyError, match=r"cannot open the storage .*Give --storage the URL") as caught:
        search(1, storage=storage)
    assert "secret" not in str(caught.value)
    assert sorted(project.rglob("*")) == before


def test_a_file_that_is_no_study_is_told(project: Path) -> None:
    (project / "runs" / "small-tune").mkdir(parents=True)
    (project / "runs" / "small-tune" / "study.db").write_text("this is no database, whatever its name may say" * 100)
    with pytest.raises(StudyError, match="the file is no SQLite database"):
        search(1)


def test_a_password_is_not_shown() -> None:
    assert shown("postgresql://me:pa{s@host/db") == "postgresql://me:***@host/db"
    assert shown("sqlite:///a.db") == "sqlite:///a.db"


@pytest.mark.parametrize("out", ["br{ace}s", "per%20cent #1"])
def test_a_folder_may_have_any_name(project: Path, out: str) -> None:
    assert (search(1, out=out).folder / "study.db").is_file()


@pytest.mark.parametrize("package", ["optuna", "matplotlib.figure"])
def test_a_missing_extra_says_what_to_install(project: Path, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=r"textclf tune needs the package .*\n.*pip install 'textclf\[tune\]'"):
        search(1)


def test_articles_that_carry_no_label_cannot_rank_settings(project: Path) -> None:
    line = '{"article_id": "n", "paragraphs": [{"text": "rain fell on the market", "labels": []}]}\n'
    (project / "data" / "none.jsonl").write_text(line)
    with pytest.raises(DataError, match="no held-out paragraph carries any label"):
        search(1, "data.validation=data/none.jsonl")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--metric", "macro_ff"], "metric: give one of 'macro_ap', 'macro_f1'; given: 'macro_ff'"),
        (["--pruner", "medium"], "did you mean 'median'"),
        (["--space", "configs/small.yaml"], "labels: this cannot be searched"),
        (["--space", "no.yaml"], "cannot read the search space no.yaml"),
        (["--out", "data/test.jsonl"], "data/test.jsonl"),
    ],
)
def test_a_mistake_gets_one_clear_message(
    project: Path, more: list[str], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    before = sorted(project.rglob("*"))
    with pytest.raises(SystemExit) as stopped:
        main(["tune", "configs/small.yaml", "--space", "space.yaml", *more])
    err = capfd.readouterr().err
    assert stopped.value.code == 1
    assert said in err
    assert "Traceback" not in err
    assert sorted(project.rglob("*")) == before


def test_the_command_shows_the_best_trials(project: Path) -> None:
    done = subprocess.run(command("--trials", "2"), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "2 finished trials" in done.stdout
    assert "min_df" in done.stdout
    assert "textclf train runs/small-tune/best.yaml" in done.stdout
    assert done.stderr.count("complete with C=") == 2
    assert "trial 1 complete" in done.stderr
