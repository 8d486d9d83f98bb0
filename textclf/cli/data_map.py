"""The `textclf data map` command: data labelled in another ontology become ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.text import Text

from textclf.cli import tables
from textclf.errors import DataError

if TYPE_CHECKING:
    from textclf.datasets.mapping_report import MappingReport


def _list(wanted: bool) -> None:
    if wanted:
        from textclf.datasets.mapping import Mapping
        from textclf.datasets.mapping_file import shipped

        shown = tables.table("mappings that come with textclf", "name")
        for column in ("ontology", "labels it speaks of"):
            shown.add_column(column)
        for name in shipped():
            mapping = Mapping.read(name)
            shown.add_row(name, escape(mapping.file.ontology), ", ".join(mapping.targets))
        tables.console().print(shown)
        raise typer.Exit


def map_labels(
    data: Annotated[Path, typer.Argument(metavar="INPUT", help="Data labelled in another ontology.")],
    mapping: Annotated[
        str, typer.Option(metavar="NAME|FILE", help="A mapping that is shipped, such as acled, or a YAML file.")
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The .jsonl file to write.")],
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="YAML of our labels [default: labels.yaml beside the data, data/labels.yaml, else the mapping's].",
        ),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Also write the report as JSON.")
    ] = None,
    listed: Annotated[
        bool, typer.Option("--list", callback=_list, is_eager=True, help="List the mappings that are shipped.")
    ] = False,
) -> None:
    """Turn data labelled in another ontology into ours: many codes to one label, unknown where a code does not tell."""
    from textclf.cli.data import find_labels
    from textclf.cli.models import write_json
    from textclf.datasets import check_labelled
    from textclf.datasets.mapping import Mapping
    from textclf.datasets.raw import raise_faults
    from textclf.files import written_aside

    if out.suffix.lower() != ".jsonl":
        raise DataError(f"--out {out}: labelled articles are written as JSON Lines; give a name that ends in .jsonl")
    if out.exists() and data.exists() and out.samefile(data):
        raise DataError(f"--out {out} is the input; choose another place, for the codes are worth keeping")
    rules = Mapping.read(mapping)
    allowed = find_labels(labels, near=data)
    checked = check_labelled(data, None)
    raise_faults(checked.faults)
    mapped = rules.apply(checked.articles, allowed)
    with written_aside(out) as aside:
        lines = (json.dumps(article.to_json(), ensure_ascii=False) + "\n" for article in mapped.articles)
        aside.write_text("".join(lines), encoding="utf-8")
    show_report(mapped.report)
    tables.console().print(f"written to {escape(str(out))}", soft_wrap=True)
    write_json(json_file, mapped.report.to_json())


def show_report(report: MappingReport) -> None:
    """Show each code, how many paragraphs have it and what it became, and what the labels came to."""
    codes = tables.table(f"{report.file.ontology}, by the mapping {report.name}", "code", "paragraphs", "uncertain")
    for column in ("yes", "unknown", "no"):
        codes.add_column(column)
    for count in sorted(report.codes.values(), key=lambda count: (-count.paragraphs, -count.uncertain)):
        line = count.line if count.line is not None else "no line"
        shown = escape(count.code if count.line == count.code else f"{count.code} ({line})")
        said = [count.of(answer) for answer in ("yes", "unknown", "no")]
        answers = ["all" if len(names) == len(report.targets) > 1 else ", ".join(names) for names in said]
        codes.add_row(shown, str(count.paragraphs), str(count.uncertain), *answers)
    labels = tables.table("paragraphs per label", "label", "yes", "unknown", "no")
    for name, counts in report.labels.items():
        labels.add_row(name, *(str(number) for number in counts.values()))
    screen = tables.console()
    screen.print(codes)
    screen.print(labels)
    screen.print(f"{report.articles} articles, {report.paragraphs} paragraphs")
    if report.never_seen:
        screen.print(Text(f"codes never seen: {', '.join(report.never_seen)}"), soft_wrap=True)
    for each in report.unlisted:
        note = f"note: code without a line, taken for {report.file.unlisted}: {each}"
        screen.print(Text(note, style="yellow"), soft_wrap=True)
