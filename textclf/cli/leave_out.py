"""The `textclf leave-out` command: how a config's model does on a source it has not read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.text import Text

from textclf.cli import tables
from textclf.cli.models import ConfigFile, JsonOut, Overrides, Resamples, Seed, write_json

if TYPE_CHECKING:
    from textclf.leave_out import LeftOutScores


def leave_out(
    config: ConfigFile,
    by: Annotated[
        str, typer.Option(metavar="WHAT", help="What is left out in turn: source, or a field of articles, extra.FIELD.")
    ] = "source",
    only: Annotated[
        list[str], typer.Option(metavar="NAME", help="Leave out this one; may be given again [default: every one].")
    ] = [],  # noqa: B006 (typer copies it)
    fewest_articles: Annotated[
        int, typer.Option(min=1, metavar="N", help="Leave out only what has this many articles.")
    ] = 10,
    overrides: Overrides = [],  # noqa: B006
    no_reference: Annotated[
        bool,
        typer.Option("--no-reference", help="Spare the two trainings more that know half of it."),
    ] = False,
    json_file: JsonOut = None,
    resamples: Resamples = 1_000,
    seed: Seed = 13,
) -> None:
    """Train a config's model without each source in turn and score it there; no test file is read, nothing is saved."""
    from textclf.config import load_config
    from textclf.leave_out import leave_out as run

    rows = run(
        load_config(config, overrides=overrides),
        by=by,
        sources=only or None,
        fewest_articles=fewest_articles,
        against_seen=not no_reference,
        resamples=resamples,
        seed=seed,
    )
    show_left_out(rows, title=f"{config}, each {by} left out of training")
    write_json(json_file, {"config": str(config), "by": by, "rows": [row.to_json() for row in rows]})


def show_left_out(rows: Sequence[LeftOutScores], *, title: str) -> None:
    """Show a row for each source left out."""
    shown = tables.table(
        f"{title} [95% interval over articles]",
        "left out",
        "articles",
        "paragraphs",
        "macro-F1",
        "half known",
        "difference",
        "macro-AP",
        "false alarms",
    )
    for row in rows:
        if row.n_training == 0:
            shown.add_section()
        scores = row.evaluation
        shown.add_row(
            escape(row.source),
            str(scores.n_articles),
            str(scores.n_paragraphs),
            str(scores.overall["macro_f1"]),
            str(row.seen.overall["macro_f1"]) if row.seen else "",
            tables.signed(row.difference.overall["macro_f1"]) if row.difference else "",
            str(scores.overall["macro_ap"]),
            str(scores.overall["false_alarm_rate"]),
        )
    screen = tables.console()
    screen.print(shown)
    screen.print("* the interval of the paired difference leaves out 0")
    aside = [f"{row.n_set_aside} for {row.source}" for row in rows if row.n_set_aside]
    if aside:
        note = f"articles of others were kept out of training, for they share copied text: {', '.join(aside)}"
        screen.print(Text(f"note: {note}", style="yellow"), soft_wrap=True)
