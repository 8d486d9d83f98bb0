"""The command that searches for better settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.text import Text

from textclf.cli import tables
from textclf.cli.models import ConfigFile, Overrides

if TYPE_CHECKING:
    from textclf.tune import TuningResult

SHOWN = 10  # trials in the table


def tune(
    config: ConfigFile,
    trials: Annotated[
        int, typer.Option(min=1, metavar="N", help="Finished trials wanted in all; a rerun goes on from those done.")
    ] = 20,
    overrides: Overrides = [],  # noqa: B006 (typer copies it)
    space: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What to search [default: configs/spaces/KIND.yaml]."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The outputs' folder [default: runs/NAME-tune].")
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(metavar="URL", help="A database several machines can share [default: DIR/study.db]."),
    ] = None,
    study: Annotated[
        str | None, typer.Option(metavar="NAME", help="The study's name in the storage [default: the config's].")
    ] = None,
    metric: Annotated[
        str, typer.Option(metavar="SCORE", help="On validation articles: macro_ap or macro_f1.")
    ] = "macro_ap",
    pruner: Annotated[
        str, typer.Option(metavar="RULE", help="When poor trials stop early: median, hyperband or none.")
    ] = "median",
    timeout: Annotated[
        float | None, typer.Option(min=0, metavar="SECONDS", help="Begin no new trial after this long.")
    ] = None,
) -> None:
    """Search for the settings with which a config does best on validation articles; test data is not read."""
    from textclf.config import load_config
    from textclf.search_space import read_space
    from textclf.tune import tune as run

    loaded = load_config(config, overrides=overrides)
    result = run(
        loaded,
        trials=trials,
        space=None if space is None else read_space(space, loaded),
        out=out,
        storage=storage,
        study=study,
        metric=metric,
        pruner=pruner,
        timeout=timeout,
    )
    show_tuning(result)


def show_tuning(result: TuningResult) -> None:
    """Show the best trials with their settings, and where the winning config is."""
    from textclf.study.outputs import as_text
    from textclf.study.trials import FINISHED, best_first

    keys = list(result.best.settings)
    finished = [t for t in result.trials if t.state in FINISHED]
    pruned = sum(t.state == "pruned" for t in finished)
    title = f"{result.study}: {len(finished)} finished trials, {pruned} of them stopped early; the best"
    shown = tables.table(title, "trial", result.metric, "seconds", *(key.rpartition(".")[2] for key in keys))
    for trial in best_first(result.trials)[:SHOWN]:
        seconds = "" if trial.seconds is None else f"{trial.seconds:.1f}"
        values = [escape(as_text(trial.settings[key])) for key in keys]
        shown.add_row(str(trial.number), f"{trial.score:.4f}", seconds, *values)
    screen = tables.console()
    screen.print(shown)
    for note in result.notes:
        screen.print(Text(f"note: {note}", style="yellow"), soft_wrap=True)
    best = result.folder / "best.yaml"
    screen.print(
        f"the scores flatter, for settings were chosen by them; train the best with: textclf train {escape(str(best))}",
        soft_wrap=True,
    )
