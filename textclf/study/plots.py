"""Pictures of a study: how the best score rose, and which settings mattered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from textclf.errors import import_extra
from textclf.files import written_aside
from textclf.study.storage import import_optuna, no_experimental_warnings
from textclf.study.trials import Trial, best_first

FEWEST = 10  # complete trials from which importances are worth a look
INK, STRONG, FAINT = "#333333", "#1f5fa8", "#a9b8c9"


def import_matplotlib() -> Any:
    """Import the figures of matplotlib, or say which extra brings them.

    Raises:
        MissingExtraError: When it is not installed.
    """
    return import_extra("matplotlib.figure", extra="tune", purpose="textclf tune")


def draw_history(path: Path, trials: Sequence[Trial], *, metric: str) -> None:
    """Draw every score in the order of the trials, and the best so far.

    Args:
        path: The SVG file, written whole or not at all.
        trials: Of which at least one is complete.
        metric: The name of the score.
    """
    figure = import_matplotlib().Figure(figsize=(8, 4), layout="constrained")
    axes = _plain_axes(figure)
    complete = [t for t in trials if t.state == "complete"]
    pruned = [t for t in trials if t.state == "pruned" and t.score is not None]
    numbers, scores = [t.number for t in complete], [t.score or 0.0 for t in complete]
    axes.step([*numbers, trials[-1].number], [*np.maximum.accumulate(scores), max(scores)], where="post", color=STRONG)
    axes.plot(numbers, scores, "o", color=STRONG, markersize=4)
    axes.plot([t.number for t in pruned], [t.score for t in pruned], "x", color=FAINT, markersize=5)
    best = best_first(trials)[0]
    words = f"trial {best.number}: {best.score:.4f}"
    place = {"xytext": (0, 6), "textcoords": "offset points", "ha": "center", "va": "bottom", "color": STRONG}
    axes.annotate(words, (best.number, best.score), **place)
    if pruned:
        place |= {"color": INK, "va": "top", "xytext": (0, -6)}
        axes.annotate("stopped early", (pruned[-1].number, pruned[-1].score), **place)
    axes.margins(x=0.08, y=0.15)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("trial", color=INK)
    axes.set_title(f"{metric} on held-out articles, and the best so far", loc="left", color=INK, fontsize=11)
    _save(figure, path)


def draw_importances(path: Path, importances: Mapping[str, float], *, metric: str) -> None:
    """Draw the importance of each setting as a bar with its name and share beside it.

    Args:
        path: The SVG file, written whole or not at all.
        importances: Dotted key to its share of the variance of the score.
        metric: The name of the score.
    """
    figure = import_matplotlib().Figure(figsize=(8, 0.8 + 0.42 * len(importances)), layout="constrained")
    axes = _plain_axes(figure)
    names = sorted(importances, key=importances.__getitem__)
    shares = [importances[name] for name in names]
    axes.barh(range(len(names)), shares, color=STRONG, height=0.6)
    axes.set_yticks(range(len(names)), [name.removeprefix("model.options.") for name in names])
    axes.tick_params(axis="y", length=0)
    axes.set_xticks([])
    for row, share in enumerate(shares):
        axes.annotate(f"{share:.0%}", (share, row), xytext=(4, 0), textcoords="offset points", va="center", color=INK)
    axes.margins(x=0.1)
    axes.spines["bottom"].set_visible(False)
    axes.set_title(f"share of the variance of {metric} that each setting explains", loc="left", color=INK, fontsize=11)
    _save(figure, path)


def measure_importances(study: Any, trials: Sequence[Trial]) -> dict[str, float] | str:
    """Return each setting's share of the variance of the score (fANOVA), or why there is none to tell."""
    scores = [t.score for t in trials if t.state == "complete"]
    if len(scores) < FEWEST:
        return f"no importances: {len(scores)} complete trial(s) are too few, {FEWEST} are needed"
    if len(set(scores)) == 1:
        return "no importances: every trial has the same score"
    importance = import_optuna().importance
    with no_experimental_warnings():
        evaluator = importance.FanovaImportanceEvaluator(seed=0)
        try:
            found: dict[str, float] = importance.get_param_importances(study, evaluator=evaluator)
        except RuntimeError as fault:  # trees that are all one leaf
            return f"no importances: {fault}"
    return found


def _plain_axes(figure: Any) -> Any:
    axes = figure.add_subplot()
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(colors=INK)
    return axes


def _save(figure: Any, path: Path) -> None:
    """Write a figure as SVG that is the same, byte for byte, whenever it is drawn."""
    settings = {"svg.hashsalt": "textclf", "svg.fonttype": "none", "font.family": "sans-serif"}
    with (
        import_extra("matplotlib", extra="tune", purpose="textclf tune").rc_context(settings),
        written_aside(path) as aside,
    ):
        figure.savefig(aside, format="svg", metadata={"Date": None})
