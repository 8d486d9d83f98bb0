"""A sampler whose draws follow from the seed and the number of the trial, whichever process runs it."""

from __future__ import annotations

from typing import Any

from textclf.errors import import_extra


def seeded_by_trial(seed: int) -> Any:
    """Return a tree-structured Parzen estimator that is seeded anew for every trial.

    A sampler seeded once would, after a restart and in a second process, draw the same values again.

    Args:
        seed: Trial n draws with ``seed + n``.

    Raises:
        MissingExtraError: When optuna is not installed.
    """
    samplers = import_extra("optuna.samplers", extra="tune", purpose="textclf tune")
    base: Any = samplers.BaseSampler

    class SeededByTrial(base):  # type: ignore[misc]
        """Asks a new sampler for each trial."""

        inner: Any = None

        def before_trial(self, study: Any, trial: Any) -> None:
            self.inner = samplers.TPESampler(seed=(seed + trial.number) % 2**32, constant_liar=True)
            self.inner.before_trial(study, trial)

        def infer_relative_search_space(self, study: Any, trial: Any) -> Any:
            return self.inner.infer_relative_search_space(study, trial)

        def sample_relative(self, study: Any, trial: Any, search_space: Any) -> Any:
            return self.inner.sample_relative(study, trial, search_space)

        def sample_independent(self, study: Any, trial: Any, param_name: str, param_distribution: Any) -> Any:
            return self.inner.sample_independent(study, trial, param_name, param_distribution)

        def after_trial(self, study: Any, trial: Any, state: Any, values: Any) -> None:
            if self.inner is not None:  # a trial that another process began may end here
                self.inner.after_trial(study, trial, state, values)

    return SeededByTrial()
