"""The `textclf` command: each command parses its arguments, calls one job, and shows what it gave."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

import typer

from textclf.cli import (
    adapt,
    compare,
    data,
    evaluate,
    explain,
    export,
    learning_curve,
    leave_out,
    models,
    pretrain,
    pseudo_label,
    read,
    serve,
    thresholds,
    tune,
)
from textclf.errors import TextclfError, TextclfWarning
from textclf.models.checkpoints import StoppedError
from textclf.progress import show_progress
from textclf.version import __version__

app = typer.Typer(
    name="textclf",
    help="Label the paragraphs of news articles by event type: read, train, tune, evaluate, predict, explain and more.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # it would swallow the brackets of defaults
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(models.train)
app.command()(evaluate.evaluate)
app.command()(compare.compare)
app.command()(learning_curve.learning_curve)
app.command()(tune.tune)
app.command("leave-out")(leave_out.leave_out)
app.command()(models.predict)
app.command()(explain.explain)
app.command()(adapt.adapt)
app.command()(export.export)
app.command()(thresholds.thresholds)
app.command()(pretrain.pretrain)
app.command()(pseudo_label.pseudo_label)
app.command()(read.read)
app.command()(serve.serve)
app.add_typer(data.app, name="data")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"textclf {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: bool = typer.Option(False, "--version", callback=_print_version, is_eager=True, help="Show the version."),
) -> None:
    """Label the paragraphs of news articles by event type."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; a user's mistake ends it with one clear message and exit code 1.

    Args:
        arguments: By default those of the process.
    """
    show_progress()
    warnings.showwarning = _show_warning
    with user_errors():
        app(args=None if arguments is None else list(arguments), prog_name="textclf")


@contextmanager
def user_errors() -> Iterator[None]:
    """End the process with one message on stderr when the block raises what a user can mend."""
    try:
        yield
    except StoppedError as fault:
        typer.echo(f"stopped: {fault}", err=True)
        sys.exit(128 + 15)
    except TextclfError as fault:
        typer.echo(f"error: {fault}", err=True)
        sys.exit(1)
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as fault:  # such as a full disk behind standard output
        typer.echo(f"error: {fault.strerror or fault}{f': {fault.filename}' if fault.filename else ''}", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        typer.echo("interrupted", err=True)
        sys.exit(130)


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Show our own warnings as one line; those of libraries are for developers and stay hidden."""
    if issubclass(category, TextclfWarning):
        typer.echo(f"warning: {message}", err=True)
