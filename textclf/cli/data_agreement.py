"""The `textclf data agreement` command: how well annotators agree, and what is left to decide."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from textclf.cli import tables
from textclf.errors import DataError

if TYPE_CHECKING:
    from textclf.adjudication import Disagreement
    from textclf.agreement import Agreement
    from textclf.datasets.annotators import Answers

GAPS_SHOWN = 10


def agreement(
    files: Annotated[list[Path], typer.Argument(metavar="FILE FILE...", help="One labelled file an annotator.")],
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="YAML of the labels [default: labels.yaml beside the data, data/labels.yaml]."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the disagreements as .csv, with a column to decide in.")
    ] = None,
    decisions: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The .csv of disagreements, with its decision column filled in.")
    ] = None,
    adjudicated: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write one united .jsonl; what is undecided is uncertain in it.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Also write the measures as JSON.")
    ] = None,
    resamples: Annotated[int, typer.Option(min=100, metavar="N", help="Article resamples for the intervals.")] = 1_000,
    confidence: Annotated[float, typer.Option(min=0.5, max=0.999, metavar="SHARE", help="Of the intervals.")] = 0.95,
    seed: Annotated[int, typer.Option(metavar="N", help="Fixes the resamples.")] = 13,
) -> None:
    """Measure how well annotators of the same articles agree, list what they disagree on, and unite their labels."""
    from textclf.adjudication import adjudicate, disagreements, read_decisions, write_disagreements
    from textclf.agreement import measure
    from textclf.cli.data import find_labels
    from textclf.cli.models import write_json
    from textclf.datasets import check_labelled
    from textclf.datasets.annotators import gather
    from textclf.datasets.raw import raise_faults
    from textclf.files import written_aside

    names = _annotators(files)
    _check_places(files, out=out, adjudicated=adjudicated)
    allowed = find_labels(labels, near=files[0])
    if allowed is None:
        raise DataError("which labels to compare? Give --labels FILE (a YAML list of names)")
    checked = [check_labelled(file, allowed) for file in files]
    raise_faults(fault for file in checked for fault in file.faults)
    for one, other in itertools.combinations(checked, 2):
        if one.articles == other.articles:
            typer.echo(f"note: {one.path} and {other.path} hold the very same labels; is one a copy?", err=True)
    answers = gather({name: file.articles for name, file in zip(names, checked, strict=True)}, allowed)
    found = disagreements(answers)
    decided = read_decisions(decisions, found) if decisions else {}
    result = measure(answers, resamples=resamples, confidence=confidence, seed=seed)
    show_agreement(result)
    show_disagreements(answers, found, len(decided))
    if out is not None:
        write_disagreements(out, answers, found, decided)
        tables.console().print(Text(f"disagreements written to {out}"), soft_wrap=True)
    if adjudicated is not None:
        united = adjudicate(answers, found, decided)
        with written_aside(adjudicated) as aside:
            lines = (json.dumps(article.to_json(), ensure_ascii=False) + "\n" for article in united)
            aside.write_text("".join(lines), encoding="utf-8")
        tables.console().print(Text(f"united labels written to {adjudicated}"), soft_wrap=True)
    write_json(json_file, {**result.to_json(), "n_disagreements": len(found), "n_decided": len(decided)})


def show_agreement(result: Agreement) -> None:
    """Show every label's alpha, and every pair of annotators."""
    answers = result.answers
    percent = f"{result.settings['confidence']:.0%}"
    shown = tables.table(
        f"agreement of {', '.join(answers.annotators)}",
        "label",
        f"Krippendorff's alpha [{percent} interval over articles]",
        "alike",
        "paragraphs",
        "yes",
    )
    for each in result.per_label:
        alpha = "undefined" if math.isnan(each.alpha.value) else str(each.alpha)
        shown.add_row(each.label, alpha, _share(each.percent), str(each.n), " / ".join(map(str, each.yes.values())))
    pairs = tables.table("two by two: answered alike, Cohen's kappa", "label")
    for first, second in itertools.combinations(answers.annotators, 2):
        pairs.add_column(Text(f"{first} – {second}"), justify="right")
    for each in result.per_label:
        cells = [f"{_share(pair.percent)}, {_kappa(pair.kappa)} ({pair.n})" for pair in each.pairs]
        pairs.add_row(each.label, *cells)
    screen = tables.console()
    screen.print(shown)
    screen.print(pairs)
    screen.print(f"{len(set(answers.groups.tolist()))} articles, {len(answers.units)} paragraphs that two or more have")
    for each in result.per_label:
        if each.note:
            screen.print(Text(f"note: {each.label}: {each.note}", style="yellow"), soft_wrap=True)
    for gap in answers.gaps[:GAPS_SHOWN]:
        note = f"note: article {gap.article_id}: {gap.paragraphs} paragraph(s) only in {', '.join(gap.had_by)}"
        screen.print(Text(note, style="yellow"), soft_wrap=True)
    if len(answers.gaps) > GAPS_SHOWN:
        screen.print(Text(f"note: ... and {len(answers.gaps) - GAPS_SHOWN} more such articles", style="yellow"))


def show_disagreements(answers: Answers, found: Sequence[Disagreement], decided: int) -> None:
    """Say how many answers differ and how many of those are decided."""
    per_label = [f"{name} {sum(each.column == j for each in found)}" for j, name in enumerate(answers.labels)]
    note = f"{len(found)} disagreement(s), {decided} decided: {', '.join(per_label)}"
    tables.console().print(Text(note), soft_wrap=True)


def _annotators(files: Sequence[Path]) -> list[str]:
    """Name annotators by their files, shortly where that is enough; the same file twice is refused."""
    if len(files) < 2:
        raise DataError("agreement needs the files of two annotators or more")
    for one, other in itertools.combinations(files, 2):
        if one == other or (one.exists() and other.exists() and one.samefile(other)):
            raise DataError(f"{one} and {other} are the same file; an annotator always agrees with themselves")
    stems = [file.stem for file in files]
    return stems if len(set(stems)) == len(stems) else [str(file) for file in files]


def _check_places(files: Sequence[Path], *, out: Path | None, adjudicated: Path | None) -> None:
    for option, path, suffix in (("--out", out, ".csv"), ("--adjudicated", adjudicated, ".jsonl")):
        if path is None:
            continue
        if path.suffix.lower() != suffix:
            raise DataError(f"{option} {path}: give a name that ends in {suffix}")
        if any(path.exists() and file.exists() and path.samefile(file) for file in files):
            raise DataError(f"{option} {path} is one of the annotators' files; choose another place")


def _share(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.1%}"


def _kappa(value: float) -> str:
    return "undefined" if math.isnan(value) else f"{value:.3f}"
