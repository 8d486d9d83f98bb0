"""The command that gives a trained model other thresholds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from textclf.cli import tables
from textclf.cli.models import Model, Seed, read_together
from textclf.errors import ConfigError

if TYPE_CHECKING:
    from textclf.refit import Refit
    from textclf.threshold_fit import Reached


def thresholds(
    model: Model,
    out: Annotated[Path, typer.Option(metavar="DIR", help="The new model's folder.")],
    validation: Annotated[
        list[Path] | None, typer.Argument(metavar="[VALIDATION]...", help="Labelled articles to fit thresholds on.")
    ] = None,
    objective: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="What to fit for: f1, f_beta, precision_at_least, recall_at_least, cost or expected_count.",
        ),
    ] = "f1",
    value: Annotated[
        float | None,
        typer.Option(metavar="NUMBER", help="Of f_beta (beta), precision_at_least and recall_at_least."),
    ] = None,
    miss: Annotated[float | None, typer.Option(metavar="COST", help="Of cost: what a miss costs.")] = None,
    false_alarm: Annotated[
        float | None, typer.Option(metavar="COST", help="Of cost: what a false alarm costs.")
    ] = None,
    labels: Annotated[
        list[str], typer.Option("--label", metavar="NAME", help="Fit this label alone; may be repeated.")
    ] = [],  # noqa: B006 (typer copies it)
    by_hand: Annotated[
        list[str], typer.Option("--set", metavar="LABEL=NUMBER", help="Set a threshold by hand: 0.4, or never.")
    ] = [],  # noqa: B006 (typer copies it)
    allow_leakage: Annotated[
        bool, typer.Option("--allow-leakage", help="Take articles that the model was trained on.")
    ] = False,
    resamples: Annotated[int, typer.Option(min=100, metavar="N", help="Article resamples for the intervals.")] = 200,
    seed: Seed = 13,
) -> None:
    """Fit a trained model's thresholds anew, for another objective or on other articles, without training."""
    from textclf.objectives import F1, Objective
    from textclf.refit import refit_thresholds

    try:
        wanted = Objective(objective, value, miss, false_alarm)  # type: ignore[arg-type]  # it checks the name
    except ValueError as fault:
        told = str(fault)
        for name in ("value", "miss", "false_alarm"):
            told = told.replace(f"`{name}`", f"--{name.replace('_', '-')}")
        raise ConfigError(told) from fault
    files = validation or []
    if not files and wanted != F1:
        raise ConfigError(f"give labelled articles to fit thresholds for {wanted} on: textclf thresholds MODEL FILE")

    def read(loaded: Any) -> list[Any]:
        """Return the labelled articles."""
        return read_together(files, loaded.labels)

    result = refit_thresholds(
        model,
        read if files else None,
        wanted,
        out=out,
        labels=labels,
        by_hand=parse_by_hand(by_hand),
        allow_leakage=allow_leakage,
        n_resamples=resamples,
        seed=seed,
    )
    show_refit(result)


def parse_by_hand(given: list[str]) -> dict[str, float]:
    """Read settings such as ``kidnapping=0.4`` and ``evacuation=never``.

    Raises:
        ConfigError: When one is no such setting.
    """
    from textclf.thresholds import NEVER

    found = {}
    for setting in given:
        name, equals, text = setting.rpartition("=")
        try:
            found[name.strip()] = NEVER if text.strip() == "never" else float(text)
        except ValueError:
            equals = ""
        if not equals:
            raise ConfigError(f"--set {setting!r}: write it as LABEL=NUMBER, such as kidnapping=0.4, or LABEL=never")
    return found


def show_refit(result: Refit) -> None:
    """Show each label's threshold before and after, and how sure the new one is."""
    shown = tables.table(
        f"thresholds fitted on {result.n_paragraphs} paragraphs of {result.n_articles} articles"
        if result.fits
        else "thresholds set by hand",
        "label",
        "before",
        "after [95% interval]",
        "precision",
        "recall",
        "elsewhere",
        "support",
    )
    doubts = []
    for name, before, after in zip(result.model.labels, result.before, result.model.thresholds, strict=True):
        fit, now = result.fits.get(name), _threshold(after)
        if fit is None or not fit.reached:
            why = "set by hand" if name in result.by_hand else "kept"
            shown.add_row(name, _threshold(before), f"{now} ({why})", "", "", "", "" if fit is None else "0")
            doubts += [] if fit is None or fit.objective.beta is None else [f"{name}: {fit.reason}"]
            continue
        precision, recall = fit.reached["precision"], fit.reached["recall"]
        interval = f"{now} [{_threshold(fit.interval.low)}, {_threshold(fit.interval.high)}]"
        elsewhere = f"{precision.expected:.2f} / {recall.expected:.2f}"
        cells = (interval, _estimate(precision), _estimate(recall), elsewhere, str(fit.positives))
        shown.add_row(name, _threshold(before), *cells)
        if not fit.trusted and fit.objective.beta is not None:  # of other objectives a warning has told
            doubts.append(f"{name}: not to be trusted yet: {fit.reason}")
    screen = tables.console()
    screen.print(shown)
    if result.fits:
        told = (
            "precision and recall are those on these very articles, which flatters; elsewhere: what to expect of both"
        )
        screen.print(Text(told), soft_wrap=True)
    for doubt in doubts:
        screen.print(Text(doubt, style="yellow"), soft_wrap=True)
    screen.print(Text(f"saved {result.path}"), soft_wrap=True)


def _threshold(value: float) -> str:
    return f"{value:.2f}" if value <= 1 else "never"


def _estimate(reached: Reached) -> str:
    return f"{reached.value:.2f} [{reached.interval.low:.2f}, {reached.interval.high:.2f}]"
