"""The command that adapts a model to text in which its labels are rarer or more frequent."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from textclf.cli import tables
from textclf.cli.models import Model, Seed, read_together
from textclf.errors import ConfigError

if TYPE_CHECKING:
    from textclf.adapt import Adaptation


def adapt(
    model: Model,
    out: Annotated[Path, typer.Option(metavar="DIR", help="The adapted model's folder.")],
    unlabelled: Annotated[
        list[str],
        typer.Option("--unlabelled", metavar="PATH", help="Text of the target, as predict takes it; may be repeated."),
    ] = [],  # noqa: B006 (typer copies it)
    labelled: Annotated[
        list[Path],
        typer.Option("--labelled", metavar="FILE", help="Labelled articles of the target; may be repeated."),
    ] = [],  # noqa: B006 (typer copies it)
    resamples: Annotated[int, typer.Option(min=100, metavar="N", help="Article resamples for the intervals.")] = 200,
    seed: Seed = 13,
) -> None:
    """Adapt thresholds and calibration to text in which labels are rarer or more frequent than in training."""
    from textclf.adapt import adapt_labelled, adapt_unlabelled

    if bool(unlabelled) == bool(labelled):
        raise ConfigError("give --unlabelled PATH or --labelled FILE (either may be repeated), and not both")
    if unlabelled:
        result = adapt_unlabelled(model, unlabelled, out=out, n_resamples=resamples, seed=seed)
    else:
        result = adapt_labelled(
            model, lambda loaded: read_together(labelled, loaded.labels), out=out, n_resamples=resamples, seed=seed
        )
    show_adaptation(result)


def show_adaptation(result: Adaptation) -> None:
    """Show what was done to each label, and what to beware of."""
    found = "estimated" if result.method == "unlabelled" else "counted"
    shown = tables.table(
        f"adapted to {result.n_paragraphs} {result.method} paragraphs of {result.n_articles} articles",
        "label",
        "share before",
        f"share {found} [95% interval over articles]",
        "share taken",
        "threshold before",
        "after",
    )
    for name, change in result.changes.items():
        estimate = _percent(change.estimated_share)
        if not math.isnan(change.low):
            estimate += f" [{_percent(change.low)}, {_percent(change.high)}]"
        shown.add_row(
            name,
            _percent(change.old_share),
            estimate,
            "kept" if change.reason else _percent(change.new_share),
            *(f"{t:.2f}" if t <= 1 else "never" for t in (change.old_threshold, change.new_threshold)),
        )
    screen = tables.console()
    screen.print(shown)
    for name, change in result.changes.items():
        if change.reason:
            screen.print(Text(f"{name} was kept as it was: {change.reason}", style="yellow"), soft_wrap=True)
        if change.at_edge and not change.reason:
            edge = "no paragraph" if change.estimated_share < 0.5 else "every paragraph"
            screen.print(Text(f"note: {edge} of the target carries {name}", style="yellow"), soft_wrap=True)
    screen.print(Text(f"saved {result.path}"), soft_wrap=True)


def _percent(share: float) -> str:
    return "–" if math.isnan(share) else f"{share:.1%}"
