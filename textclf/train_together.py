"""Training with several processes, as torchrun starts them: the first trains and saves, the others help."""

from __future__ import annotations

import warnings
from pathlib import Path

from textclf.config import Config
from textclf.errors import TextclfWarning
from textclf.models.checkpoints import checkpoints_in
from textclf.models.ranks import ALONE, joined_ranks, training_with
from textclf.progress import log
from textclf.train import TrainingResult, fit_splits, train
from textclf.training_data import check_bundles, read_splits, unlabelled_of

SHARED = ("finetuned",)  # kinds whose batches are shared; any other is trained by the first process alone


def train_together(config: Config, *, out: str | Path | None = None) -> TrainingResult | None:
    """Train what a config describes with all processes that torchrun started, or alone where it started none.

    The batches of a kind in `SHARED` are parted among them, with the result of one process but for rounding. Any other
    kind is trained by the first, while the others wait.

    Args:
        config: From `textclf.config.load_config`; the same in every process.
        out: See `textclf.train.train`.

    Returns:
        What `textclf.train.train` gives, in the first process; None in the others.

    Raises:
        RanksError: When the processes do not fit together, or one of them is gone.
        TextclfError: As `textclf.train.train` does.
    """
    with joined_ranks() as ranks:
        shared = config.model.kind in SHARED
        if not ranks.alone and not shared and ranks.first:
            log.warning(
                "the kind %s trains in one process; the other %d wait and do nothing",
                config.model.kind,
                ranks.world - 1,
            )
        result = None
        with training_with(ranks if shared else ALONE):
            if ranks.first:
                result = train(config, out=out)
            elif shared:
                _help(config)
        ranks.wait()
        return result


def _help(config: Config) -> None:
    """Take part in the trainings of the first process, and save nothing; what it warns of is not said twice."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TextclfWarning)
        splits = read_splits(config)
        check_bundles(config, splits)
        unlabelled = unlabelled_of(config, splits)
        with checkpoints_in(config.out, keeps=False):
            fit_splits(config, splits, unlabelled)
