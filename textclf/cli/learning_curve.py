"""The command that asks what more labelled articles, or fewer wrong labels, would bring."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from textclf.cli.models import ConfigFile, JsonOut, Overrides, Resamples, Seed, read_together, write_json
from textclf.errors import ConfigError, DataError

if TYPE_CHECKING:
    from textclf.comparison.curve import LearningCurve
    from textclf.comparison.forecast import Forecast

SHOWN = {"macro_f1": "macro-F1", "macro_ap": "macro-AP"}


def learning_curve(
    config: ConfigFile,
    overrides: Overrides = [],  # noqa: B006 (typer copies it)
    data: Annotated[
        list[Path], typer.Option("--data", metavar="FILE", help="Held-out articles [default: data.test].")
    ] = [],  # noqa: B006
    steps: Annotated[
        list[str],
        typer.Option(metavar="N,N,...", help="Numbers of training articles [default: all and five halvings]."),
    ] = [],  # noqa: B006
    repeats: Annotated[int, typer.Option(min=1, metavar="N", help="Draws of the articles at each size.")] = 3,
    noise: Annotated[
        list[str],
        typer.Option(metavar="SHARE,...", help="Also flip these shares of the training labels: 0.05,0.1,0.2."),
    ] = [],  # noqa: B006
    more: Annotated[int, typer.Option(min=1, metavar="N", help="Articles to predict the gain of.")] = 100,
    json_file: JsonOut = None,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Also draw it: .svg or .png.")] = None,
    resamples: Resamples = 1_000,
    seed: Seed = 13,
) -> None:
    """Train on ever more articles, and predict what labelling more would bring."""
    from textclf.comparison.curve_plot import check_picture, draw_curve
    from textclf.config import load_config
    from textclf.learning_curve import learning_curve as run

    if plot is not None:
        check_picture(plot)
    loaded = load_config(config, overrides=overrides)
    files = [*data] or [*(loaded.data.test or ())]
    if not files:
        raise DataError("no held-out articles to score on: give --data FILE, or a config with data.test")
    found = run(
        loaded,
        read_together(files, loaded.labels),
        steps=[int(step) for step in _numbers(steps, option="--steps")] or None,
        repeats=repeats,
        noise=_numbers(noise, option="--noise"),
        more=more,
        resamples=resamples,
        seed=seed,
    )
    show_curve(found)
    write_json(json_file, found.to_json())
    if plot is not None:
        draw_curve(plot, found)


def _numbers(given: list[str], *, option: str) -> list[float]:
    """Return numbers parted by commas, or given one by one.

    Raises:
        ConfigError: When one is no number, or no whole one where steps are meant.
    """
    parts = [part.strip() for text in given for part in text.split(",") if part.strip()]
    try:
        return [int(part) if option == "--steps" else float(part) for part in parts]
    except ValueError:
        what = "whole numbers" if option == "--steps" else "numbers"
        raise ConfigError(f"{option}: give {what} parted by commas; given: {', '.join(given)}") from None


def show_curve(curve: LearningCurve) -> None:
    """Show the scores by size, what more articles would bring, and what flipped labels cost."""
    from textclf.cli.tables import console, signed, table

    percent = f"{curve.settings['confidence']:.0%}"
    title = f"{curve.model} on {curve.n_held_out} held-out articles [{percent} interval]"
    sizes = table(title, "training articles", "paragraphs", "macro-F1", "macro-AP")
    for point in curve.points:
        cells = [str(point.scores[name]) for name in SHOWN]
        sizes.add_row(str(point.articles), f"{point.paragraphs:.0f}", *cells)
    screen = console()
    screen.print(sizes)
    for name, shown in SHOWN.items():
        for line in _told(shown, curve.forecasts[name], percent):
            screen.print(Text(line), soft_wrap=True)
    if curve.noise:
        flipped = table("wrong labels: what is lost", "flipped", "macro-F1", "lost", "macro-AP", "lost")
        for point in curve.noise:
            scores = [f"{point.scores[name].value:.3f}" for name in SHOWN]
            lost = [signed(point.losses[name]) for name in SHOWN]
            flipped.add_row(f"{point.noise:.0%}", scores[0], lost[0], scores[1], lost[1])
        screen.print(flipped)
        screen.print("* the interval leaves out 0")
    for note in curve.notes:
        screen.print(Text(f"note: {note}", style="yellow"), soft_wrap=True)


def _told(shown: str, found: Forecast | None, percent: str) -> list[str]:
    """Say what a forecast predicts, or why it does not."""
    if found is None:
        return [f"{shown}: nothing is predicted"]
    law = f"{shown}: {found.formula()}, which explains {max(found.explained, 0):.0%} of how it moves with size"
    if found.gain is None:
        return [law, *(f"  too poor to predict by: {fault}" for fault in found.faults)]
    low, high = found.gain.interval
    gain = f"{found.gain.value:+.3f} [{low:+.3f}, {high:+.3f}]"
    return [law, f"  {found.more} more articles would bring {gain} ({percent} interval)"]
