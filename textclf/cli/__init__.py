"""The `textclf` command: each command parses its arguments, calls one job, and shows what it gave."""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

import typer

from textclf.errors import TextclfError, TextclfWarning
from textclf.models.checkpoints import StoppedError
from textclf.progress import show_progress
from textclf.version import __version__

HELP = "Label the paragraphs of news articles by event type: read, train, evaluate, predict, explain, serve and more."

COMMANDS = {
    "train": "textclf.cli.models:train",
    "evaluate": "textclf.cli.evaluate:evaluate",
    "compare": "textclf.cli.compare:compare",
    "learning-curve": "textclf.cli.learning_curve:learning_curve",
    "tune": "textclf.cli.tune:tune",
    "leave-out": "textclf.cli.leave_out:leave_out",
    "errors": "textclf.cli.errors:errors",
    "predict": "textclf.cli.models:predict",
    "explain": "textclf.cli.explain:explain",
    "adapt": "textclf.cli.adapt:adapt",
    "thresholds": "textclf.cli.thresholds:thresholds",
    "export": "textclf.cli.export:export",
    "cascade": "textclf.cli.cascade:cascade",
    "pretrain": "textclf.cli.pretrain:pretrain",
    "pseudo-label": "textclf.cli.pseudo_label:pseudo_label",
    "inspect": "textclf.cli.publish:inspect",
    "publish": "textclf.cli.publish:publish",
    "serve": "textclf.cli.serve:serve",
    "read": "textclf.cli.read:read",
    "data": "textclf.cli.data:app",
}
"""Each command's function, or the app of its own commands; its module is imported when it is asked for."""


def make_app(names: Iterable[str] = COMMANDS) -> typer.Typer:
    """Return the command with those of its commands that are named, in order; by default with all of them."""
    app = typer.Typer(
        name="textclf",
        help=HELP,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,  # it would swallow the brackets of defaults
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(options)
    for name in names:
        module, _, attribute = COMMANDS[name].partition(":")
        found = getattr(importlib.import_module(module), attribute)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name)
        else:
            app.command(name)(found)
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"textclf {__version__}")
        raise typer.Exit


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
    given = sys.argv[1:] if arguments is None else list(arguments)
    with user_errors():
        app = make_app(given[:1] if given and given[0] in COMMANDS else COMMANDS)
        app(args=given, prog_name="textclf")


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
