"""What became of the trials of a study, and what to do about those that a killed process left."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from textclf.files import is_alive, this_host
from textclf.search_space import SearchSpace
from textclf.study.storage import GRACE, import_optuna, no_experimental_warnings

State = Literal["complete", "pruned", "failed", "lost", "surplus", "running", "waiting"]
FINISHED = ("complete", "pruned", "failed")  # what counts towards the number of trials wanted
TRIES = 2  # a trial whose process was killed this often is not tried again


@dataclass(frozen=True)
class Trial:
    """One trial: some settings, and what came of them.

    Attributes:
        number: From 0, in the order they were begun.
        state: `failed` trials have a reason; `lost` ones were cut off, and are run again; a `surplus` one was begun by
            two processes at once when only one more was wanted.
        settings: Dotted config keys to values.
        score: The metric on the validation articles; of a pruned trial, that of its last epoch; else None.
        epochs: The metric after each epoch, where the kind tells it.
        seconds: Wall time, once it ended.
        reason: Why it failed.
    """

    number: int
    state: State
    settings: Mapping[str, Any]
    score: float | None = None
    epochs: Mapping[int, float] | None = None
    seconds: float | None = None
    reason: str | None = None


def list_trials(study: Any, space: SearchSpace) -> list[Trial]:
    """Return every trial of a study, in order."""
    found = []
    for frozen in study.get_trials(deepcopy=False):
        state = state_of(frozen)
        reason = frozen.user_attrs.get("reason")
        if state == "failed" and reason is None:
            reason = f"it was cut off {TRIES} times, as by the end of its process"
        found.append(
            Trial(
                number=frozen.number,
                state=state,
                settings=space.decode(frozen.params),
                score=frozen.value if state in ("complete", "pruned") else None,
                epochs=dict(frozen.intermediate_values),
                seconds=frozen.duration.total_seconds() if frozen.duration is not None else None,
                reason=reason,
            )
        )
    return found


def state_of(frozen: Any) -> State:
    """Return what became of a trial of optuna's."""
    states: dict[str, State] = {
        "COMPLETE": "complete",
        "PRUNED": "pruned",
        "RUNNING": "running",
        "WAITING": "waiting",
    }
    if frozen.state.name in states:
        return states[frozen.state.name]
    marks = frozen.user_attrs
    if "surplus" in marks:
        return "surplus"
    return "failed" if "reason" in marks or ("interrupted" not in marks and _tries(frozen) >= TRIES) else "lost"


def best_first(trials: Sequence[Trial]) -> list[Trial]:
    """Return the complete trials, the best first; of equal ones the earlier."""
    return sorted((t for t in trials if t.state == "complete"), key=lambda t: (-(t.score or 0.0), t.number))


def count_taken(study: Any) -> int:
    """Return how many trials are finished or on their way to be."""
    return sum(state_of(t) in (*FINISHED, "running") for t in study.get_trials(deepcopy=False))


def is_surplus(study: Any, number: int, *, wanted: int) -> bool:
    """Tell whether a trial that was just begun is one too many, because another process began one too."""
    earlier = [t for t in study.get_trials(deepcopy=False) if t.number < number]
    return sum(state_of(t) in (*FINISHED, "running") for t in earlier) >= wanted


def this_worker() -> str:
    """Return the name of this process among all that work on a study."""
    return f"{this_host()}:{os.getpid()}"


def fail_dead(study: Any) -> None:
    """Fail the trials that no living process runs.

    A process of this machine is known to be dead at once; one of another machine when it gave no sign of life for a
    while.
    """
    optuna = import_optuna()
    with no_experimental_warnings():
        optuna.storages.fail_stale_trials(study)
    for frozen in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
        host, _, process = frozen.user_attrs.get("worker", "").partition(":")
        dead = host == this_host() and not is_alive(int(process))
        if dead or (not host and datetime.now() - frozen.datetime_start > timedelta(seconds=GRACE)):
            study.tell(frozen.number, state=optuna.trial.TrialState.FAIL, skip_if_finished=True)


def queue_again(study: Any) -> int:
    """Queue the settings of trials that were cut off, each once; return how many were queued.

    What was interrupted by hand is queued again however often.
    """
    trials = study.get_trials(deepcopy=False)
    again = {frozen.user_attrs.get("again_for") for frozen in trials}
    lost = [t for t in trials if state_of(t) == "lost" and t.params and t.number not in again]
    for frozen in lost:
        tries = _tries(frozen) if "interrupted" in frozen.user_attrs else _tries(frozen) + 1
        study.enqueue_trial(frozen.params, user_attrs={"again_for": frozen.number, "tries": tries})
    return len(lost)


def _tries(frozen: Any) -> int:
    return int(frozen.user_attrs.get("tries", 1))
