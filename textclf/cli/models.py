"""The commands about models: train and predict; and what several commands share."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from textclf.errors import ConfigError

if TYPE_CHECKING:
    from textclf.labeller import Labeller

ConfigFile = Annotated[Path, typer.Argument(metavar="CONFIG", help="A YAML config, such as configs/minilm.yaml.")]
Overrides = Annotated[
    list[str], typer.Option("--set", metavar="KEY=VALUE", help="Override a setting: model.options.epochs=3.")
]
Model = Annotated[Path, typer.Argument(metavar="MODEL", help="A trained model's folder, such as runs/minilm.")]
Resamples = Annotated[int, typer.Option(min=100, metavar="N", help="Article resamples for the intervals.")]
Seed = Annotated[int, typer.Option(metavar="N", help="Fixes the resamples.")]
JsonOut = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Also write all scores as JSON.")]


def train(
    config: ConfigFile,
    overrides: Overrides = [],  # noqa: B006 (typer copies it)
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="The model's folder [default: from CONFIG].")] = None,
) -> None:
    """Train the model a config describes and save it with its thresholds and calibration."""
    from textclf.cli import tables
    from textclf.config import load_config
    from textclf.train_together import train_together

    result = train_together(load_config(config, overrides=overrides), out=out)
    if result is not None:
        tables.show_training(result)


def predict(
    model: Model,
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="INPUT...",
            help="Pages (text, HTML, MHTML, WARC), JSON Lines, CSV or Parquet files, folders, or - for stdin.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A .jsonl, .csv or .parquet file [default: stdout, JSON Lines]; with --engine, a folder.",
        ),
    ] = None,
    pretty: Annotated[bool, typer.Option("--pretty", help="Show labels beside paragraphs, for reading.")] = False,
    unit: Annotated[
        str, typer.Option(metavar="UNIT", help="What is labelled at a time: paragraph or sentence.")
    ] = "paragraph",
    language: Annotated[
        str, typer.Option(metavar="CODE", help="Of the text, for --unit sentence: en, es, ar and so on.")
    ] = "en",
    url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Ask a textclf serve instead of a MODEL, which is left out; $TEXTCLF_TOKEN is its token.",
        ),
    ] = None,
    escape_formulas: Annotated[
        bool,
        typer.Option("--escape-formulas", help="In CSV, put ' before a cell that a spreadsheet takes for a formula."),
    ] = False,
    engine: Annotated[
        str | None,
        typer.Option(metavar="ENGINE", help="Label an archive into a folder of Parquet parts: local or ray."),
    ] = None,
    processes: Annotated[
        int | None, typer.Option(metavar="N", help="Of --engine: how many label at once [default: one a core].")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Of --engine: go on with a job that was stopped.")] = False,
    max_rejects: Annotated[
        int | None,
        typer.Option(metavar="N", help="Of --engine: stop when more records cannot be labelled [default: 1000]."),
    ] = None,
    block_rows: Annotated[
        int | None,
        typer.Option(metavar="N", help="Of --engine: paragraphs labelled and written at a time [default: 4096]."),
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="Of --engine ray: auto, HOST:PORT or ray://HOST:PORT [default: this machine]."
        ),
    ] = None,
    gpus: Annotated[
        float | None, typer.Option(metavar="N", help="Of --engine ray: GPUs of each of the --processes [default: 0].")
    ] = None,
) -> None:
    """Label every paragraph (or sentence) of the inputs; one record each."""
    from textclf.cli.bulk import check_alone, predict_in_bulk

    bulk: dict[str, Any] = {"processes": processes, "resume": resume, "max_rejects": max_rejects}
    bulk |= {"block_rows": block_rows, "address": address, "gpus": gpus}
    check_alone(
        {f"--{name.replace('_', '-')}": value for name, value in bulk.items()},
        without={"--pretty": pretty, "--url": url, "--escape-formulas": escape_formulas},
        engine=engine,
    )
    if engine is not None:
        predict_in_bulk(model, inputs or [], out, engine=engine, unit=unit, language=language, **bulk)
        return
    from textclf.articles import stream_passages
    from textclf.articles.sentences import check_unit, split_units
    from textclf.predict import check_output, predict_files

    if pretty and out is not None:
        raise ConfigError("--pretty shows on the screen; leave out --out, or leave out --pretty")
    check_output(out)
    if escape_formulas and (out is None or out.suffix.lower() != ".csv"):
        raise ConfigError("--escape-formulas is for CSV; write to a .csv file with --out, or leave it out")
    chosen = check_unit(unit)
    given = [*([] if url is None else [str(model)]), *(inputs or [])]
    if not given:
        raise typer.BadParameter("give the MODEL and at least one INPUT, or --url and an INPUT", param_hint="INPUT...")
    with _model_or_server(model, url) as labeller:
        if pretty:
            from textclf.cli import tables

            units = split_units(stream_passages(given), unit=chosen, language=language)
            tables.show_labelled(labeller.label_stream(units), labeller)
            return
        summary = predict_files(
            labeller, given, out=out, unit=chosen, language=language, escape_formulas=escape_formulas
        )
    counts = ", ".join(f"{name} {count}" for name, count in summary.per_label.items())
    where = f", written to {out}" if out else ""
    where += f", {summary.unread} of them without a letter and so without a label" if summary.unread else ""
    typer.echo(f"{summary.paragraphs} {summary.unit}s of {summary.articles} articles{where}: {counts}", err=True)


@contextmanager
def _model_or_server(model: Path, url: str | None) -> Iterator[Labeller]:
    """Give the model of a folder, or the one behind a server, while the block runs."""
    if url is None:
        from textclf.bundle import load_bundle

        yield load_bundle(model)
        return
    from textclf.client import Client

    with Client(url, os.environ.get("TEXTCLF_TOKEN") or None) as client:
        yield client.labeller()


def read_together(files: list[Path], labels: Any) -> list[Any]:
    """Read labelled files as one set of articles; an article in two of them is refused."""
    from textclf.datasets import check_labelled, shared_articles
    from textclf.datasets.raw import raise_faults

    checked = [check_labelled(file, labels) for file in files]
    raise_faults(fault for file in checked for fault in file.faults)
    raise_faults(shared_articles(checked))
    return [article for file in checked for article in file.articles]


def write_json(path: Path | None, content: dict[str, Any]) -> None:
    """Write JSON, whole or not at all."""
    from textclf.files import written_aside

    if path is not None:
        with written_aside(path) as aside:
            aside.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
