"""The command `textclf data correct`: paragraphs that were corrected in a tool go back into their articles."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from textclf.errors import DataError


def correct(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="The labelled file the paragraphs were taken from.")],
    corrected: Annotated[
        Path, typer.Argument(metavar="CORRECTED", help="What the annotation tool exported, in any known format.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE.jsonl", help="The whole of FILE, corrected.")],
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels",
            metavar="FILE",
            help="YAML of the labels allowed [default: labels.yaml beside the data, else data/labels.yaml].",
        ),
    ] = None,
) -> None:
    """Take paragraphs corrected in an annotation tool (see `textclf errors --out`) back into the file they are from."""
    from textclf.cli.data import find_labels
    from textclf.datasets import check_labelled, write_labelled
    from textclf.datasets.corrections import take_corrections
    from textclf.datasets.raw import raise_faults

    if out.suffix.lower() not in (".jsonl", ".ndjson"):
        raise DataError(f"--out {out}: articles are written as JSON Lines; give a name that ends in .jsonl")
    allowed = find_labels(labels, near=source)
    old, new = check_labelled(source, allowed), check_labelled(corrected, allowed)
    raise_faults([*old.faults, *new.faults])
    done = take_corrections(old.articles, new.articles)
    write_labelled(done.articles, out, allowed, format="jsonl")
    for change, times in sorted(done.changes.items(), key=lambda item: (-item[1], item[0])):
        typer.echo(f"{times} {change}")
    elsewhere = f"; {done.n_elsewhere} corrected articles are not in {source}" if done.n_elsewhere else ""
    typer.echo(f"{done.n_changed} of {done.n_paragraphs} paragraphs changed, written to {out}{elsewhere}", err=True)
