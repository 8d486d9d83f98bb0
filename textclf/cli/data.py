"""The `textclf data` commands: check and stats; the others have a file each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from textclf.cli import data_agreement, data_convert, data_correct, data_dedupe, data_map, data_split, tables
from textclf.errors import DataError
from textclf.labels import LabelSet

app = typer.Typer(
    help="Check, convert, map, dedupe and split labelled articles; measure agreement.", no_args_is_help=True
)

Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="Labelled files or folders of any known format.")]
Labels = Annotated[
    Path | None,
    typer.Option(
        "--labels",
        metavar="FILE",
        help="YAML of the labels allowed [default: labels.yaml beside the data, else data/labels.yaml].",
    ),
]


@app.command()
def check(files: Files, labels: Labels = None) -> None:
    """Validate labelled files: every fault with its line, article and paragraph, and articles in two files."""
    from textclf.datasets import check_labelled, shared_articles

    allowed = find_labels(labels, near=files[0])
    checked = [check_labelled(file, allowed) for file in files]
    faults = [fault for file in checked for fault in file.faults] + shared_articles(checked)
    for fault in faults:
        typer.echo(str(fault))
    for file in checked:
        paragraphs = sum(len(article.paragraphs) for article in file.articles)
        state = f"{len(file.faults)} fault(s)" if file.faults else "ok"
        typer.echo(f"{file.path}: {state}; {len(file.articles)} whole articles, {paragraphs} paragraphs", err=True)
    if faults:
        raise typer.Exit(1)


@app.command()
def stats(files: Files, labels: Labels = None) -> None:
    """Count articles, paragraphs and labels per file."""
    from textclf.cli.models import read_together

    allowed = find_labels(labels, near=files[0])
    if allowed is None:
        raise DataError("which labels to count? Give --labels FILE (a YAML list of names)")
    tables.show_stats({str(file): read_together([file], allowed) for file in files}, allowed)


app.command()(data_split.split)
app.command()(data_convert.convert)
app.command()(data_dedupe.dedupe)
app.command()(data_correct.correct)
app.command("map")(data_map.map_labels)
app.command("agreement")(data_agreement.agreement)


def find_labels(given: Path | None, *, near: Path) -> LabelSet | None:
    """Return the label set: the file given, `labels.yaml` beside the data, or `data/labels.yaml` here.

    With none of them, names go unchecked and a line says so.
    """
    for path in [given] if given else [near.parent / "labels.yaml", Path("data/labels.yaml")]:
        if given or path.is_file():
            typer.echo(f"labels from {path}", err=True)
            return LabelSet.read(path)
    typer.echo("no labels.yaml found, so label names are not checked; give --labels FILE to check them", err=True)
    return None
