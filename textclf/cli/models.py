"""The commands about models: train and predict; and what several commands share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from textclf.cli import tables
from textclf.errors import ConfigError

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
    from textclf.config import load_config
    from textclf.train import train as run

    result = run(load_config(config, overrides=overrides), out=out)
    tables.show_training(result)


def predict(
    model: Model,
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Pages (text, HTML, MHTML, WARC), JSON Lines, CSV or Parquet files, folders, or - for stdin.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A .jsonl, .csv or .parquet file [default: stdout, JSON Lines]."),
    ] = None,
    pretty: Annotated[bool, typer.Option("--pretty", help="Show labels beside paragraphs, for reading.")] = False,
    unit: Annotated[
        str, typer.Option(metavar="UNIT", help="What is labelled at a time: paragraph or sentence.")
    ] = "paragraph",
    language: Annotated[
        str, typer.Option(metavar="CODE", help="Of the text, for --unit sentence: en, es, ar and so on.")
    ] = "en",
    escape_formulas: Annotated[
        bool,
        typer.Option("--escape-formulas", help="In CSV, put ' before a cell that a spreadsheet takes for a formula."),
    ] = False,
) -> None:
    """Label every paragraph (or sentence) of the inputs; one record each."""
    from textclf.articles import stream_passages
    from textclf.articles.sentences import check_unit, split_units
    from textclf.bundle import load_bundle
    from textclf.predict import check_output, predict_files

    if pretty and out is not None:
        raise ConfigError("--pretty shows on the screen; leave out --out, or leave out --pretty")
    check_output(out)
    if escape_formulas and (out is None or out.suffix.lower() != ".csv"):
        raise ConfigError("--escape-formulas is for CSV; write to a .csv file with --out, or leave it out")
    chosen = check_unit(unit)
    labeller = load_bundle(model)
    if pretty:
        units = split_units(stream_passages(inputs), unit=chosen, language=language)
        tables.show_labelled(labeller.label_stream(units), labeller)
        return
    summary = predict_files(labeller, inputs, out=out, unit=chosen, language=language, escape_formulas=escape_formulas)
    tables.show_summary(summary, out)


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
