"""Trackers get each epoch's scores when a config names them, and nothing is tracked else."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.conftest import make_articles
from tests.models import TINY_OPTIONS, make_encoder
from textclf.cli import make_app
from textclf.config import Config, load_config
from textclf.errors import ConfigError, MissingExtraError
from textclf.records import Article
from textclf.train import train


def _write(path: Path, articles: list[Article]) -> Path:
    path.write_text("".join(json.dumps(article.to_json()) + "\n" for article in articles))
    return path


def _config(folder: Path, *overrides: str) -> Config:
    articles = make_articles(12)
    data = _write(folder / "train.jsonl", articles[:8])
    options = {**TINY_OPTIONS["finetuned"], "encoder": str(make_encoder(folder / "e")), "epochs": 2}
    held_out = _write(folder / "held_out.jsonl", articles[8:])
    path = folder / "tiny.yaml"
    path.write_text(
        f"labels: [fight, talk, move]\ndata: {{train: {data}, validation: {held_out}}}\n"
        f"model: {{kind: finetuned, options: {options}}}\nout: {folder / 'out'}\n"
    )
    return load_config(path, overrides=[f"tracking.folder={folder / 'tracking'}", *overrides])


def test_tensorboard_gets_every_epoch(tmp_path: Path) -> None:
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    train(_config(tmp_path, "tracking.to=[tensorboard]"))
    (events,) = (tmp_path / "tracking" / "tiny" / "tiny").glob("events*")
    found = reader.EventAccumulator(str(events)).Reload()
    assert [event.step for event in found.Scalars("macro_f1")] == [1, 2]
    assert "loss" in found.Tags()["scalars"]


def test_nothing_is_tracked_unless_asked(tmp_path: Path) -> None:
    train(_config(tmp_path))
    assert not (tmp_path / "tracking").exists()


def test_a_missing_or_unknown_tracker_is_said_before_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(MissingExtraError, match="wandb"):
        train(_config(tmp_path, "tracking.to=[wandb]"))
    assert not (tmp_path / "out").exists()
    with pytest.raises(ConfigError, match=r"tracking\.to"):
        _config(tmp_path, "tracking.to=[notebook]")


def test_a_training_asked_to_stop_ends_with_its_own_exit_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from textclf.cli import main
    from textclf.models.checkpoints import StoppedError

    def stopping(*given: object, **more: object) -> None:
        raise StoppedError("training was asked to stop")

    _config(tmp_path)
    monkeypatch.setattr("textclf.train_together.train", stopping)
    with pytest.raises(SystemExit) as ended:
        main(["train", str(tmp_path / "tiny.yaml")])
    assert ended.value.code == 143
    assert isinstance(CliRunner().invoke(make_app(), ["train", str(tmp_path / "tiny.yaml")]).exception, StoppedError)
