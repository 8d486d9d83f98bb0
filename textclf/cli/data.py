"""The `textclf data` commands: check, stats, split; the others have a file each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from textclf.cli import data_agreement, data_convert, data_dedupe, data_map, tables
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


@app.command()
def split(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The labelled file to split.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the parts go, one .jsonl each.")],
    shares: Annotated[
        str, typer.Option(metavar="NAME=SHARE,...", help="The parts and their shares of the articles.")
    ] = "train=0.7,validation=0.15,test=0.15",
    seed: Annotated[int, typer.Option(metavar="N", help="The same seed gives the same split.")] = 13,
    labels: Labels = None,
    ignore_duplicates: Annotated[
        bool, typer.Option("--ignore-duplicates", help="Let articles that share copied text part ways.")
    ] = False,
) -> None:
    """Split a labelled file by article, balanced over labels and their combinations, copies on one side."""
    from textclf.datasets import read_labelled
    from textclf.datasets.reprints import tied_articles
    from textclf.files import WriteError, written_aside
    from textclf.splits import split_articles

    allowed = find_labels(labels, near=file)
    if allowed is None:
        raise DataError("which labels to balance? Give --labels FILE (a YAML list of names)")
    wanted = parse_shares(shares)
    articles = read_labelled(file, allowed)
    tied = None if ignore_duplicates else tied_articles(articles)
    parts = split_articles(articles, wanted, allowed, seed=seed, tied=tied)
    present = [str(out / f"{name}.jsonl") for name in parts if (out / f"{name}.jsonl").exists()]
    if present:
        raise WriteError(f"{', '.join(present)} is there already; nothing was written. Choose another --out")
    for name, part in parts.items():
        with written_aside(out / f"{name}.jsonl") as aside:
            lines = (json.dumps(article.to_json(), ensure_ascii=False) + "\n" for article in part)
            aside.write_text("".join(lines), encoding="utf-8")
    tables.show_stats({str(out / f"{name}.jsonl"): part for name, part in parts.items()}, allowed)
    if tied is not None:
        typer.echo(describe_ties(tied), err=True)


def describe_ties(tied: np.ndarray) -> str:
    """Say how many articles were kept together because they share copied text, given the cluster of each."""
    sizes = np.bincount(tied)
    sizes = sizes[sizes > 1]
    if not len(sizes):
        return "no article shares copied text with another"
    return (
        f"{sizes.sum()} of {len(tied)} articles share copied text with another; their {len(sizes)} cluster(s), the "
        f"largest of {sizes.max()} articles, were each kept in one part (see them with: textclf data dedupe)"
    )


app.command()(data_convert.convert)
app.command()(data_dedupe.dedupe)
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


def parse_shares(text: str) -> dict[str, float]:
    """Read ``train=0.8,test=0.2``.

    Raises:
        DataError: When it is not written so.
    """
    shares: dict[str, float] = {}
    for part in text.split(","):
        name, _, share = part.partition("=")
        try:
            shares[name.strip()] = float(share)
        except ValueError:
            raise DataError(f"--shares {text!r}: write name=share pairs, such as train=0.8,test=0.2") from None
        if not name.strip() or not name.strip().replace("_", "").replace("-", "").isalnum():
            raise DataError(f"--shares {text!r}: {name!r} is no name for a file; use letters and digits")
    return shares
