"""The `textclf data split` command: parts of labelled data that share no article, by balance, by date or by source."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from textclf.cli import tables
from textclf.errors import ConfigError, DataError
from textclf.records import Article

LEFT_OUT, SET_ASIDE = "left_out", "set_aside"


class SplitBy(StrEnum):
    """What decides in which part an article is."""

    labels = "labels"
    date = "date"


def split(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="The labelled files to split, as one.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the parts go, one .jsonl each.")],
    shares: Annotated[
        str, typer.Option(metavar="NAME=SHARE,...", help="The parts and their shares of the articles.")
    ] = "train=0.7,validation=0.15,test=0.15",
    split_by: Annotated[
        SplitBy,
        typer.Option(help="labels: balanced over them. date: the first part named is the oldest, the last the newest."),
    ] = SplitBy.labels,
    undated: Annotated[
        str | None,
        typer.Option(metavar="PART", help="With --split-by date: where articles without a date go [default: refused]."),
    ] = None,
    leave_out_source: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Put this source's articles apart, in left_out.jsonl; split the others."),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="The same seed gives the same split.")] = 13,
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="YAML of the labels allowed [default: labels.yaml beside the data, else data/labels.yaml].",
        ),
    ] = None,
    ignore_duplicates: Annotated[
        bool, typer.Option("--ignore-duplicates", help="Let articles that share copied text part ways.")
    ] = False,
) -> None:
    """Split labelled files by article, copies on one side: balanced over labels, by date, or with a source left out."""
    from textclf.cli.data import find_labels
    from textclf.cli.models import read_together
    from textclf.datasets.reprints import tied_articles
    from textclf.splits import leave_one_source_out, split_articles, split_by_date

    allowed = find_labels(labels, near=files[0])
    if allowed is None:
        raise DataError("which labels to balance? Give --labels FILE (a YAML list of names)")
    if undated is not None and split_by is not SplitBy.date:
        raise ConfigError("--undated says where articles without a date go; it is for --split-by date")
    wanted = parse_shares(shares)
    articles = read_together(files, allowed)
    tied = None if ignore_duplicates else tied_articles(articles)
    apart: dict[str, list[Article]] = {}
    if leave_out_source is not None:
        if {LEFT_OUT, SET_ASIDE} & set(wanted):
            raise ConfigError(f"--leave-out-source writes {LEFT_OUT} and {SET_ASIDE} itself; name other parts")
        (found,) = leave_one_source_out(articles, tied=tied, sources=[leave_out_source])
        apart = {LEFT_OUT: found.left_out, **({SET_ASIDE: found.set_aside} if found.set_aside else {})}
        staying = {article.article_id for article in found.rest}
        rows = [row for row, article in enumerate(articles) if article.article_id in staying]
        articles, tied = found.rest, None if tied is None else tied[rows]
    if split_by is SplitBy.date:
        parts = split_by_date(articles, wanted, tied=tied, undated=undated)
    else:
        parts = split_articles(articles, wanted, allowed, seed=seed, tied=tied)
    write_parts(parts | apart, out)
    tables.show_stats({str(out / f"{name}.jsonl"): part for name, part in (parts | apart).items()}, allowed)
    if split_by is SplitBy.date:
        typer.echo(describe_days(parts), err=True)
    if tied is not None:
        typer.echo(describe_ties(tied), err=True)
    if SET_ASIDE in apart:
        typer.echo(
            f"{len(apart[SET_ASIDE])} article(s) of other sources share copied text with {leave_out_source} and are in "
            f"no part but {SET_ASIDE}; trained on, they would tell of what is left out",
            err=True,
        )


def write_parts(parts: Mapping[str, Sequence[Article]], out: Path) -> None:
    """Write each part as ``NAME.jsonl``.

    Raises:
        WriteError: When one of the files is there already; nothing is written then.
    """
    from textclf.files import WriteError, written_aside

    present = [str(out / f"{name}.jsonl") for name in parts if (out / f"{name}.jsonl").exists()]
    if present:
        raise WriteError(f"{', '.join(present)} is there already; nothing was written. Choose another --out")
    for name, part in parts.items():
        with written_aside(out / f"{name}.jsonl") as aside:
            lines = (json.dumps(article.to_json(), ensure_ascii=False) + "\n" for article in part)
            aside.write_text("".join(lines), encoding="utf-8")


def describe_days(parts: Mapping[str, Sequence[Article]]) -> str:
    """Say from which day to which each part reaches, and its share of the articles."""
    from textclf.facets import day_of

    total = sum(map(len, parts.values()))
    lines = []
    for name, part in parts.items():
        days = sorted(day for article in part if (day := day_of(article)) is not None)
        reach = f"{days[0]} to {days[-1]}" if days else "no dated article"
        lines.append(f"{name}: {reach}, {len(part) / total:.1%} of the articles")
    return "\n".join(lines)


def describe_ties(tied: np.ndarray) -> str:
    """Say how many articles were kept together because they share copied text, given the cluster of each."""
    sizes = np.unique(tied, return_counts=True)[1]
    sizes = sizes[sizes > 1]
    if not len(sizes):
        return "no article shares copied text with another"
    return (
        f"{sizes.sum()} of {len(tied)} articles share copied text with another; their {len(sizes)} cluster(s), the "
        f"largest of {sizes.max()} articles, were each kept in one part (see them with: textclf data dedupe)"
    )


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
