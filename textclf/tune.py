"""Searching for the settings with which a config does best on validation articles.

A search is a study of trials; each trial trains the config with some settings changed and is scored as `train` would
score it on the articles its thresholds are fitted on. Test articles are not even read.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textclf.config import Config
from textclf.data_facts import describe_data
from textclf.errors import ConfigError, DataError, ModelError, TextclfError, did_you_mean, one_of
from textclf.files import check_writable
from textclf.metrics import OVERALL
from textclf.models.epoch_hook import OnEpoch, reporting_epochs
from textclf.progress import log, track
from textclf.records import Examples
from textclf.search_space import SearchSpace, find_space, read_space, vary
from textclf.study.outputs import as_text, write_best, write_trials
from textclf.study.plots import draw_history, draw_importances, import_matplotlib, measure_importances
from textclf.study.storage import PRUNERS, StudyError, import_optuna, open_study
from textclf.study.trials import (
    FINISHED,
    Trial,
    best_first,
    count_taken,
    fail_dead,
    is_surplus,
    list_trials,
    queue_again,
    this_worker,
)
from textclf.train import fit
from textclf.training_data import check_bundles, read_splits, unlabelled_of

METRICS = ("macro_ap", "macro_f1")


@dataclass(frozen=True)
class TuningResult:
    """What a search gave.

    Attributes:
        study: The study's name.
        metric: What was maximised.
        trials: Every trial, in order, those of other processes too.
        best: The complete trial with the highest score.
        config: The config with the best trial's settings.
        folder: Where `best.yaml`, `trials.csv` and the pictures are.
        notes: What a reader should know.
    """

    study: str
    metric: str
    trials: list[Trial]
    best: Trial
    config: Config
    folder: Path
    notes: list[str]


def tune(
    config: Config,
    *,
    trials: int,
    space: SearchSpace | None = None,
    out: str | Path | None = None,
    storage: str | None = None,
    study: str | None = None,
    metric: str = "macro_ap",
    pruner: str = "median",
    timeout: float | None = None,
) -> TuningResult:
    """Search until the study holds the wanted number of finished trials; what a killed search did is gone on from.

    Args:
        config: What to vary; its `data.test` is not read.
        trials: The finished trials wanted in all, those of earlier runs and other processes among them. Trials that
            failed for a reason are finished too.
        space: What may be varied; by default what `find_space` gives for the kind.
        out: The folder of the outputs, and of `study.db`; by default the config's `out` with ``-tune`` behind it.
        storage: The URL of a database that several machines can share; by default `study.db`.
        study: The study's name in its storage; by default the config's name.
        metric: ``"macro_ap"`` or ``"macro_f1"``, on validation articles or out of fold.
        pruner: ``"median"``, ``"hyperband"`` or ``"none"``: when a trial whose epochs are poor is stopped early.
        timeout: Seconds after which no new trial is begun.

    Raises:
        MissingExtraError: When optuna or matplotlib is not installed.
        ConfigError: When the metric, pruner or space is wrong, or the study was begun for something else.
        DataError: When the data have faults, or no held-out paragraph carries a label.
        StudyError: When the study cannot be stored, or no trial is complete.
        WriteError: When the outputs cannot be written.
    """
    import_optuna()
    import_matplotlib()
    _check_choice("metric", metric, METRICS)
    _check_choice("pruner", pruner, PRUNERS)
    if trials < 1:
        raise ConfigError(f"trials: give at least 1; given: {trials}")
    space = space or read_space(find_space(config.model.kind), config)
    folder = Path(out) if out is not None else config.out.with_name(f"{config.out.name}-tune")
    objective = Objective(_without_test(config), space, metric, wanted=trials)
    name = study or config.name
    with open_study(
        name, folder=folder, storage=storage, pruner=pruner, seed=config.seed, made_for=objective.made_for()
    ) as opened:
        check_writable(folder / "best.yaml")
        try:
            _run_trials(opened, objective, timeout=timeout)
        except KeyboardInterrupt:
            _keep_what_is_done(opened, config, objective, folder)
            raise
        return _conclude(opened, config, objective, folder)


class Objective:
    """Trains a config with a trial's settings and scores it.

    Args:
        config: The config to vary, without test data.
        space: What a trial may change.
        metric: A name of `metrics.OVERALL`.
        wanted: Finished trials wanted in the study.

    Raises:
        DataError: When the data have faults, or the score would be undefined.
    """

    def __init__(self, config: Config, space: SearchSpace, metric: str, *, wanted: int) -> None:
        self.config, self.space, self.metric, self.wanted = config, space, metric, wanted
        splits = read_splits(config)
        check_bundles(config, splits)
        self.unlabelled = unlabelled_of(config, splits)
        self.training, self.validation = splits["train"], splits.get("validation")
        held_out = Examples.of(self.validation or self.training, config.labels)
        if not (held_out.targets == 1).any():
            raise DataError("no held-out paragraph carries any label, so that no settings score better than others")

    def made_for(self) -> dict[str, str]:
        """Return what must be the same for the trials of a study to be comparable."""
        settings = self.config.to_json()
        settings = {key: settings[key] for key in ("labels", "model", "thresholds", "seed")}
        settings["context"] = self.config.data.context
        data = describe_data(self.training, self.validation, context="both", unlabelled=self.unlabelled)
        texts = {"settings": settings, "data": data, "search space": self.space.to_json()}
        digests = {name: hashlib.sha256(json.dumps(text).encode()).hexdigest()[:16] for name, text in texts.items()}
        return {**digests, "metric": self.metric}

    def __call__(self, trial: Any) -> float:
        """Return the score of a trial; what went wrong is noted with it.

        Raises:
            Surplus: When another process began the last trial wanted.
            TextclfError: When the settings cannot be trained.
            TrialPruned: When its epochs are poor beside those of other trials.
        """
        trial.set_user_attr("worker", this_worker())
        if is_surplus(trial.study, trial.number, wanted=self.wanted):
            trial.set_user_attr("surplus", True)
            raise Surplus
        settings = self.space.suggest(trial)
        try:
            return self._score(settings, _pruning(trial, self.metric) if self.validation else None)
        except KeyboardInterrupt:
            trial.set_user_attr("interrupted", True)
            raise
        except (TextclfError, MemoryError, RuntimeError) as fault:
            if isinstance(fault, TextclfError):
                trial.set_user_attr("reason", str(fault))
                raise
            if not _is_out_of_memory(fault):
                raise
            trial.set_user_attr("reason", "out of memory")
            raise ModelError("out of memory") from fault

    def _score(self, settings: Mapping[str, Any], on_epoch: OnEpoch | None) -> float:
        varied = vary(self.config, settings)
        context = varied.data.context
        with reporting_epochs(on_epoch) if on_epoch else nullcontext():
            fitted = fit(
                kind=varied.model.kind,
                options=varied.options(),
                labels=varied.labels,
                examples=Examples.of(self.training, varied.labels, context=context),
                validation=Examples.of(self.validation, varied.labels, context=context) if self.validation else None,
                thresholds=varied.thresholds,
                seed=varied.seed,
                unlabelled=self.unlabelled,
            )
        return float(OVERALL[self.metric](fitted.scored, fitted.scored.ones())[0])


class Surplus(Exception):  # noqa: N818 (nothing is wrong)
    """A trial that is not wanted, for another process began the last one."""


def _pruning(trial: Any, metric: str) -> OnEpoch:
    """Return a callback that gives a trial its scores by epoch, and ends it where it lags behind."""
    optuna, seen = import_optuna(), set[int]()

    def on_epoch(epoch: int, scores: Mapping[str, float]) -> None:
        """Report an epoch, and end a trial that lags behind."""
        score = scores.get(metric)
        if score is None or math.isnan(score) or epoch in seen:
            return
        seen.add(epoch)
        trial.report(score, epoch)
        if trial.should_prune():
            raise optuna.TrialPruned(f"{metric} {score:.4f} after epoch {epoch}")

    return on_epoch


def _is_out_of_memory(fault: Exception) -> bool:
    return isinstance(fault, MemoryError) or type(fault).__name__ == "OutOfMemoryError"  # as torch names its own


def _run_trials(study: Any, objective: Objective, *, timeout: float | None) -> None:
    """Run trials until enough are finished or on their way, or time is up."""
    started = time.monotonic()

    def begun() -> Iterator[None]:
        """Yield once for each trial that is still wanted."""
        while timeout is None or time.monotonic() - started < timeout:
            fail_dead(study)
            if count_taken(study) >= objective.wanted:
                return
            if again := queue_again(study):
                log.info("%d trial(s) were cut off and are run again", again)
            yield

    def tell(study: Any, ended: Any) -> None:
        _log_trial(list_trials(study, objective.space), ended.number, objective.metric)

    missing = max(objective.wanted - count_taken(study), 0)
    log.info(
        "%d of %d trials are done or running; tuning for %s", count_taken(study), objective.wanted, objective.metric
    )
    for _ in track(begun(), what="tuning", total=missing, unit="trial"):
        study.optimize(objective, n_trials=1, catch=(TextclfError, Surplus), callbacks=[tell], gc_after_trial=True)


def _log_trial(trials: Sequence[Trial], number: int, metric: str) -> None:
    ended, best = trials[number], best_first(trials)
    if ended.state == "surplus":
        return
    settings = ", ".join(f"{key.rpartition('.')[2]}={as_text(value)}" for key, value in ended.settings.items())
    came = f"{metric}={ended.score:.4f}" if ended.score is not None else ended.reason
    top = f" (best: {best[0].score:.4f}, trial {best[0].number})" if best else ""
    log.info("trial %d %s with %s: %s%s", number, ended.state, settings, came, top)


def _keep_what_is_done(study: Any, config: Config, objective: Objective, folder: Path) -> None:
    if best_first(list_trials(study, objective.space)):
        _conclude(study, config, objective, folder)
        log.info("what is done is kept in %s; run the command again to go on", folder)


def _conclude(study: Any, config: Config, objective: Objective, folder: Path) -> TuningResult:
    """Write what the study holds, and return it.

    Raises:
        StudyError: When no trial is complete.
    """
    trials, metric = list_trials(study, objective.space), objective.metric
    ranked = best_first(trials)
    if not ranked:
        raise StudyError(_nothing_complete(trials))
    best, notes = ranked[0], _notes(trials, objective)
    found = vary(config, best.settings)
    where = "validation articles" if objective.validation else f"{config.thresholds.folds} article folds"
    comment = (
        f"The best of {sum(t.state in FINISHED for t in trials)} trials of the study {study.study_name!r}: trial "
        f"{best.number},\n{metric} {best.score:.6f} on the {where}, which it was chosen by: the score flatters.\n"
        f"Searched: {', '.join(f'{key}={as_text(value)}' for key, value in best.settings.items())}"
    )
    write_trials(folder / "trials.csv", trials, metric=metric, keys=list(objective.space.keys))
    draw_history(folder / "history.svg", trials, metric=metric)
    importances = measure_importances(study, trials)
    if isinstance(importances, str):
        notes.append(importances)
    else:
        draw_importances(folder / "importance.svg", importances, metric=metric)
    write_best(folder / "best.yaml", found, comment=comment)
    return TuningResult(study.study_name, metric, trials, best, found, folder, notes)


def _notes(trials: Sequence[Trial], objective: Objective) -> list[str]:
    notes = []
    if failed := [t for t in trials if t.state == "failed"]:
        reason = (failed[0].reason or "").splitlines()[0]
        notes.append(f"{len(failed)} trial(s) failed, such as trial {failed[0].number}: {reason}")
    if running := [t for t in trials if t.state == "running"]:
        notes.append(f"{len(running)} trial(s) are still running in other processes")
    done = sum(t.state in FINISHED for t in trials)
    if done < objective.wanted:
        notes.append(f"{done} of the {objective.wanted} trials wanted are finished; run the command again to go on")
    return notes


def _nothing_complete(trials: Sequence[Trial]) -> str:
    """Return why there is no best trial, and what to do."""
    reasons = list(dict.fromkeys(t.reason for t in trials if t.state == "failed" and t.reason))
    if not reasons:
        return "no trial is complete yet; run the command again to go on, with a longer --timeout if it was given"
    listed = "\n".join(f"  - {reason}" for reason in reasons[:5])
    more = f"\n  and {len(reasons) - 5} other reason(s)" if len(reasons) > 5 else ""
    return (
        f"none of the trials could be trained, so there is no best one. They failed with:\n{listed}{more}\nChange the "
        f"search space or the config, and begin again with --out DIR or --study NAME"
    )


def _check_choice(what: str, given: str, allowed: Sequence[str]) -> None:
    if given not in allowed:
        raise ConfigError(f"{what}: give one of {one_of(allowed)}; given: {given!r}{did_you_mean(given, allowed)}")


def _without_test(config: Config) -> Config:
    return config.model_copy(update={"data": config.data.model_copy(update={"test": None})})
