"""Experiment trackers: TensorBoard, MLflow, Weights & Biases or Trackio get each epoch's scores, if a config says so."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from textclf.config import Config
from textclf.errors import import_extra
from textclf.models.epoch_hook import reporting_epochs

PACKAGES = {"tensorboard": "tensorboard", "mlflow": "mlflow", "wandb": "wandb", "trackio": "trackio"}


@contextmanager
def tracked(config: Config) -> Iterator[None]:
    """Send what trainings in the block report to the trackers a config names; none is named by default.

    Raises:
        MissingExtraError: When a tracker's package is not installed.
    """
    settings = config.tracking
    trackers = [_open(name, config) for name in settings.to]

    def send(epoch: int, scores: Mapping[str, float]) -> None:
        """Log an epoch's scores; what is undefined is left out."""
        values = {name: value for name, value in scores.items() if name != "epoch" and not math.isnan(value)}
        for tracker in trackers:
            tracker.log(values, step=epoch)

    try:
        with reporting_epochs(send):
            yield
    finally:
        for tracker in trackers:
            tracker.finish()


def _open(name: str, config: Config) -> Any:
    """Return accelerate's tracker of that name, knowing the config."""
    import_extra(PACKAGES[name], extra=name, purpose=f"tracking by {name} (tracking.to)")
    from accelerate import PartialState, tracking

    PartialState()  # trackers ask it which process they are in
    folder = config.tracking.folder / config.name
    folder.mkdir(parents=True, exist_ok=True)
    tracker: Any
    if name == "tensorboard":
        tracker = tracking.TensorBoardTracker(config.name, folder)
    elif name == "mlflow":
        tracker = tracking.MLflowTracker(config.tracking.project, logging_dir=folder, run_name=config.name)
    elif name == "wandb":
        tracker = tracking.WandBTracker(config.tracking.project, name=config.name, dir=str(folder))
    else:
        tracker = tracking.TrackioTracker(config.tracking.project, name=config.name)
    tracker.store_init_configuration(_flat(config.to_json()))
    return tracker


def _flat(record: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings as one mapping of dotted names to plain values."""
    flat: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value if isinstance(value, (str, int, float, bool)) else str(value)
    return flat
