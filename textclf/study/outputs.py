"""What is written of a study: the winning config, and a table of all trials."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from textclf.config import DATA_FILES, Config
from textclf.files import written_aside
from textclf.study.trials import Trial


def write_best(path: Path, config: Config, *, comment: str) -> None:
    """Write a config that loads with `load_config` and trains the same model.

    Paths of data are written as seen from the file, wherever the config they come from was; `out` as meant from the
    working folder.

    Args:
        path: The YAML file, written whole or not at all.
        config: The config; every option is written out, defaults too.
        comment: Lines to begin the file with.
    """
    resolved = config.to_json()
    del resolved["name"], resolved["labels"]
    labels = dict(config.labels.definitions) or list(config.labels)
    settings = {"labels": labels, **resolved, "out": f"{config.out}-best"}
    for key in DATA_FILES:
        files = settings["data"][key]
        settings["data"][key] = files and [_seen_from(path, file) for file in files]
    head = "".join(f"# {line}\n" for line in comment.splitlines())
    with written_aside(path) as aside:
        body = yaml.safe_dump(settings, sort_keys=False, allow_unicode=True, width=120)
        aside.write_text(head + body, encoding="utf-8")


def write_trials(path: Path, trials: Sequence[Trial], *, metric: str, keys: Sequence[str]) -> None:
    """Write every trial as a row of CSV, whole or not at all.

    Args:
        path: The file.
        trials: In order.
        metric: The name of the score's column.
        keys: The settings searched, a column each.
    """
    with written_aside(path) as aside, aside.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["trial", "state", metric, "seconds", *keys, "epochs", "reason"])
        for trial in trials:
            seconds = "" if trial.seconds is None else round(trial.seconds, 1)
            values = [_cell(trial.settings, key) for key in keys]
            epochs = json.dumps(trial.epochs) if trial.epochs else ""
            score = "" if trial.score is None else trial.score
            rows.writerow([trial.number, trial.state, score, seconds, *values, epochs, trial.reason or ""])


def as_text(value: Any) -> str:
    """Return a setting's value as it would stand in YAML, numbers to four digits."""
    return f"{value:.4g}" if isinstance(value, float) else value if isinstance(value, str) else json.dumps(value)


def _cell(settings: Mapping[str, Any], key: str) -> Any:
    if key not in settings:
        return ""
    value = settings[key]
    return value if isinstance(value, (float, str)) else json.dumps(value)


def _seen_from(path: Path, file: str) -> str:
    """Return the path of a data file as `load_config` will find it from the config at `path`."""
    if file.startswith("hf:") or Path(file).is_absolute():
        return file
    folder = path.resolve().parent
    project = folder.parent if folder.name == "configs" else folder
    try:
        return Path(os.path.relpath(Path(file).resolve(), project)).as_posix()
    except ValueError:  # on another drive there is no way from here to there
        return str(Path(file).resolve())
