"""The command that makes a trained model run fast and light."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from textclf.cli import tables
from textclf.cli.models import Model
from textclf.errors import ConfigError, one_of

if TYPE_CHECKING:
    from textclf.export import Export

RUNTIMES = ("onnx", "openvino")


def export(
    model: Model,
    out: Annotated[Path, typer.Argument(metavar="DIR", help="The new model's folder.")],
    int8: Annotated[
        bool, typer.Option("--int8", help="Work in 8-bit integers where that keeps the decisions.")
    ] = False,
    runtime: Annotated[str, typer.Option(metavar="NAME", help="What runs it: onnx or openvino.")] = "onnx",
    samples: Annotated[
        list[Path],
        typer.Option(metavar="FILE", help="Texts to fit integers on [default: the model's training files]."),
    ] = [],  # noqa: B006 (typer copies it)
    validation: Annotated[
        list[Path],
        typer.Option(metavar="FILE", help="Articles to measure drift on [default: the model's validation files]."),
    ] = [],  # noqa: B006 (typer copies it)
    most_flips: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            metavar="SHARE",
            help="Decisions that may come out otherwise; layers go back to float until it holds.",
        ),
    ] = 0.001,
) -> None:
    """Write a model that runs by ONNX Runtime or OpenVINO alone: no torch, no transformers."""
    from textclf.export import export as run

    if runtime not in RUNTIMES:
        raise ConfigError(f"--runtime {runtime!r} is not known; allowed: {one_of(RUNTIMES)}")
    show_export(
        run(
            model,
            out,
            int8=int8,
            runtime="openvino" if runtime == "openvino" else "onnx",
            samples=samples,
            validation=validation,
            most_flips=most_flips,
        )
    )


def show_export(made: Export) -> None:
    """Say where the model is, how much of it works in integers, and how far it drifted."""
    screen = tables.console()
    size = sum(file.stat().st_size for file in made.path.rglob("*") if file.is_file()) / 2**20
    screen.print(f"saved {escape(str(made.path))}, {size:.1f} MiB", soft_wrap=True)
    if made.layers:
        screen.print(f"{made.integer_layers} of {made.layers} layers work in 8-bit integers")
    drift = made.drift
    if drift is None:
        screen.print("drift was not measured: there are no validation articles here; name some with --validation FILE")
        return
    screen.print(
        f"on {drift.paragraphs} validation paragraphs {drift.flips} of {drift.decisions} decisions came out otherwise "
        f"({drift.share:.3%}, at most {made.bound:.3%} were asked for); probabilities moved by {drift.mean:.5f} on "
        f"average and {drift.greatest:.4f} at most; macro-F1 by {drift.macro_f1:+.4f} "
        f"[{drift.low:+.4f}, {drift.high:+.4f}]",
        soft_wrap=True,
    )
    if not made.inside:
        screen.print("this is outside of what was asked for, though everything is in float")
