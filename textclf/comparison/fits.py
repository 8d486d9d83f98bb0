"""Trainings whose model is not wanted, only what it says of held-out paragraphs; that is kept, so none is done twice.

Folds and learning curves train a config many times on parts of its articles. What each training said is kept in
``<out>-fits``, in a file named after settings, seed, texts and targets: other ones are other files, and a run that was
killed goes on. An encoder that changed under the same name is not noticed; then remove the folder.
"""

from __future__ import annotations

import hashlib
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from textclf.config import Config
from textclf.files import written_aside
from textclf.metrics import Scored
from textclf.models.checkpoints import checkpoints_in
from textclf.progress import log
from textclf.records import Examples
from textclf.thresholds import decide
from textclf.train import fit
from textclf.version import __version__


@dataclass(frozen=True)
class FitScored:
    """What one training said of held-out paragraphs.

    Attributes:
        scored: Their truth, calibrated probabilities and decisions.
        seconds: How long training took, when it was done.
        kept: Whether it was found and not trained now.
    """

    scored: Scored
    seconds: float
    kept: bool


def fit_and_score(
    config: Config, training: Examples, held_out: Examples, *, validation: Examples | None, seed: int
) -> FitScored:
    """Train a config on some paragraphs, fit calibration and thresholds as `train` does, and score others.

    Args:
        config: Settings; its `data` are not read.
        training: What to learn from.
        held_out: What to score.
        validation: For thresholds; None fits them out of fold.
        seed: Of the training.

    Raises:
        DataError: When there is too little to train on.
        WriteError: When the answer cannot be kept.
    """
    path = fits_folder(config) / f"{key_of(config, training, held_out, validation=validation, seed=seed)}.npz"
    found = _read(path, held_out)
    if found is not None:
        return found
    started = time.perf_counter()
    with checkpoints_in(path.with_suffix(".checkpoints")):
        model = fit(
            kind=config.model.kind,
            options=config.options(),
            labels=config.labels,
            examples=training,
            validation=validation,
            thresholds=config.thresholds,
            seed=seed,
        ).model
    seconds = time.perf_counter() - started
    probabilities = model.predict_proba(held_out.texts, held_out.contexts)
    decisions = decide(probabilities, model.thresholds)
    with written_aside(path) as aside, aside.open("wb") as file:
        np.savez(file, probabilities=probabilities, decisions=decisions, seconds=np.float64(seconds))
    return FitScored(Scored(held_out.targets, probabilities, decisions), seconds, kept=False)


def fits_folder(config: Config) -> Path:
    """Return where the answers of a config's trainings are kept; it may be removed at any time."""
    return config.out.with_name(f"{config.out.name}-fits")


def key_of(config: Config, training: Examples, held_out: Examples, *, validation: Examples | None, seed: int) -> str:
    """Return a name for a training by everything its answer hangs on."""
    settings = config.to_json()
    digest = hashlib.sha256(
        repr((__version__, seed, *(settings[key] for key in ("labels", "model", "thresholds")))).encode()
    )
    digest.update(repr(sorted(config.labels.definitions.items())).encode())
    for examples in (training, validation, held_out):
        read = None if examples is None else (examples.texts, examples.contexts)
        digest.update(repr(read).encode("utf-8", errors="surrogatepass"))
    for examples in (training, validation):
        if examples is not None:
            digest.update(np.ascontiguousarray(np.nan_to_num(examples.targets, nan=-1)).tobytes())
            digest.update(np.unique(examples.groups, return_inverse=True)[1].astype("<i8").tobytes())
    return digest.hexdigest()[:32]


def _read(path: Path, held_out: Examples) -> FitScored | None:
    """Return what was kept, or None where there is nothing that can be read."""
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as kept:
            scored = Scored(held_out.targets, kept["probabilities"], kept["decisions"])
            return FitScored(scored, float(kept["seconds"]), kept=True)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as fault:
        log.warning("%s cannot be read (%s); that training is done again", path, fault)
        return None
