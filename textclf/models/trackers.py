"""Experiment trackers: TensorBoard, MLflow, Weights & Biases or Trackio get the scores of each epoch, where asked."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from textclf.errors import import_extra
from textclf.models.epoch_hook import reporting_epochs

Tracker = Literal["tensorboard", "mlflow", "wandb", "trackio"]


@contextmanager
def tracked(
    to: Sequence[Tracker], *, run: str, project: str, folder: Path, settings: Mapping[str, Any]
) -> Iterator[None]:
    """Send what trainings in the block report to trackers, which accelerate drives.

    Args:
        to: Which; none of them does nothing.
        run: The run's name.
        project: What the run belongs to.
        folder: For trackers that write files.
        settings: Kept with the run; nested mappings become dotted names.

    Raises:
        MissingExtraError: When a tracker's package is not installed.
    """
    trackers = [_open(name, run, project, folder / run) for name in to]
    for tracker in trackers:
        getattr(tracker, "start", bool)()  # what newer accelerate opens its writers with; older does so when made
        tracker.store_init_configuration(_flat(settings))

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


def _open(name: Tracker, run: str, project: str, folder: Path) -> Any:
    """Return accelerate's tracker of that name."""
    import_extra(name, extra=name, purpose=f"tracking by {name} (tracking.to)")
    from accelerate import PartialState, tracking

    PartialState()  # trackers ask it which process they are in
    folder.mkdir(parents=True, exist_ok=True)
    if name == "tensorboard":
        return tracking.TensorBoardTracker(run, folder)
    if name == "mlflow":
        return tracking.MLflowTracker(project, logging_dir=folder, run_name=run)
    if name == "wandb":
        return tracking.WandBTracker(project, name=run, dir=str(folder))
    return tracking.TrackioTracker(project, name=run)


def _flat(record: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested settings as one mapping of dotted names to plain values."""
    flat: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value if isinstance(value, (str, int, float, bool)) else str(value)
    return flat
