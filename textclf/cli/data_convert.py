"""The command `textclf data convert`: labelled data of one format become another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from textclf.datasets.registry import FORMATS
from textclf.errors import DataError

NAMES = ", ".join(FORMATS)


def convert(
    source: Annotated[
        Path, typer.Argument(metavar="INPUT", help="A labelled file or folder, or hf:owner/name[:split] on the hub.")
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="The file to write; a folder for brat and huggingface.")
    ],
    read_as: Annotated[
        str | None,
        typer.Option("--from", metavar="FORMAT", help=f"One of {NAMES}; by default what INPUT holds tells."),
    ] = None,
    write_as: Annotated[
        str | None, typer.Option("--to", metavar="FORMAT", help=f"One of {NAMES}; by default FILE's ending tells.")
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels",
            metavar="FILE",
            help="YAML of the labels allowed; by default labels.yaml beside INPUT, else data/labels.yaml.",
        ),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(metavar="NAME,...", help="The columns of a csv or tsv without a header: article_id,text,labels."),
    ] = None,
    setup: Annotated[
        Path | None, typer.Option(metavar="FILE.xml", help="Also write the labelling set-up (label_studio).")
    ] = None,
) -> None:
    """Turn labelled data of one format into another; with any fault in it nothing is written.

    What FILE's format has no room for is named in a warning.
    """
    from textclf.cli.data import find_labels
    from textclf.datasets.convert import convert_labelled
    from textclf.datasets.registry import format_for
    from textclf.datasets.write import setup_of
    from textclf.files import written_aside

    allowed = find_labels(labels, near=source)
    names = [name.strip() for name in columns.split(",")] if columns is not None else None
    xml = None
    if setup is not None:
        if allowed is None:
            raise DataError("for which labels? A labelling set-up needs --labels FILE")
        xml = setup_of(write_as or format_for(out).name, allowed)
    done = convert_labelled(source, out, allowed, read_as=read_as, write_as=write_as, columns=names)
    if setup is not None and xml is not None:
        with written_aside(setup) as aside:
            aside.write_text(xml, encoding="utf-8")
    counted = f"{done.articles} articles, {done.paragraphs} paragraphs"
    typer.echo(f"{source} ({done.read_as}) -> {out} ({done.written_as}): {counted}", err=True)
