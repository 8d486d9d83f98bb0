"""What `textclf predict --engine` does: an archive labelled into a folder, and what became of it told in a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from textclf.errors import ConfigError


def predict_in_bulk(model: Path, inputs: Sequence[str], out: Path | None, **settings: Any) -> None:
    """Label an archive and tell what became of it.

    Args:
        model: The bundle's folder.
        inputs: Files, folders and addresses.
        out: The folder to be.
        **settings: What `textclf.bulk.job.label_in_bulk` takes; None where nothing was asked for.

    Raises:
        ConfigError: When there is no folder to write to, or an option is another engine's.
    """
    from textclf.bulk.job import label_in_bulk
    from textclf.predict import WRITERS

    if out is None or out.suffix.lower() in WRITERS:
        raise ConfigError("--engine writes a folder of parts; give it with --out DIR, or leave out --engine")
    chosen = {name: value for name, value in settings.items() if value is not None}
    for name in {"address", "gpus"} & chosen.keys() if chosen.get("engine") == "local" else ():
        raise ConfigError(f"--{name} is for --engine ray; leave it out, or ask for that engine")
    summary = label_in_bulk(model, inputs, out, **chosen)
    what = f"{chosen.get('unit', 'paragraph')}s"
    for name, count in sorted(summary.per_label.items()):
        typer.echo(f"{count:>12,}  {name}", err=True)
    typer.echo(
        f"{summary.paragraphs:,} {what} in {summary.blocks:,} parts under {summary.out}, {summary.new_paragraphs:,} "
        f"of them new, {summary.per_second:,.0f} a second; {summary.rejects:,} rejected, {summary.repeated:,} repeated "
        f"ids",
        err=True,
    )


def check_alone(given: Mapping[str, Any], *, without: Mapping[str, Any], engine: str | None) -> None:
    """Make sure that options of bulk labelling come with --engine, and that no others come with it.

    Args:
        given: Each option of bulk labelling and its value, None or False where it was not given.
        without: The same of options that do not go together with it.
        engine: What --engine asks for.

    Raises:
        ConfigError: Naming the first that does not fit.
    """
    for name, value in (given if engine is None else without).items():
        if value not in (None, False):
            wanted = "is for bulk labelling; add --engine local" if engine is None else "does not go with --engine"
            raise ConfigError(f"{name} {wanted}, or leave it out")
