"""How fast models answer, measured in turns, so that what else the machine does slows all of them alike."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import count

from textclf.labeller import Labeller

FEWEST_PASSES, MOST_PASSES = 2, 5
ENOUGH_SECONDS = 6.0  # no further pass is begun after so long


@dataclass(frozen=True)
class Speed:
    """Of the fastest of several passes.

    Attributes:
        per_second: Texts per second by the clock.
        per_cpu_second: Texts per second of processor time, all threads together: what a busy machine tells best.
    """

    per_second: float
    per_cpu_second: float

    def to_json(self) -> dict[str, float]:
        """Return the speed JSON-ready."""
        return {name: round(value, 2) for name, value in asdict(self).items()}


def measure_speeds(
    models: Mapping[str, Labeller], texts: Sequence[str], contexts: Sequence[str] | None
) -> dict[str, Speed]:
    """Return how fast each model answers texts, here and now.

    Every pass of every model reads each text with a number of its own behind it, so that no pass profits from what an
    earlier one kept.

    Args:
        models: Name to model; in each pass they take turns in this order.
        texts: The texts.
        contexts: Their contexts, for the models that read any.
    """
    numbers = count()
    took: dict[str, list[tuple[float, float]]] = {name: [] for name in models}
    for model in models.values():
        _time(model, texts[:8], contexts, next(numbers))
    began = time.perf_counter()
    for done in range(MOST_PASSES):
        if done >= FEWEST_PASSES and time.perf_counter() - began > ENOUGH_SECONDS:
            break
        for name, model in models.items():
            took[name].append(_time(model, texts, contexts, next(numbers)))
    least = {name: (min(clock for clock, _ in each), min(cpu for _, cpu in each)) for name, each in took.items()}
    return {
        name: Speed(len(texts) / max(clock, 1e-9), len(texts) / max(cpu, 1e-9)) for name, (clock, cpu) in least.items()
    }


def _time(model: Labeller, texts: Sequence[str], contexts: Sequence[str] | None, number: int) -> tuple[float, float]:
    """Return the seconds of one pass, by the clock and of the processor."""
    numbered = [f"{text} {number}" for text in texts]
    beside = None if contexts is None or model.context == "none" else contexts[: len(texts)]
    clock, cpu = time.perf_counter(), time.process_time()
    model.predict_proba(numbered, beside)
    return time.perf_counter() - clock, time.process_time() - cpu
