"""The commands about models: train, evaluate, predict."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

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
    from textclf.cli import tables
    from textclf.config import load_config
    from textclf.train import train as run

    result = run(load_config(config, overrides=overrides), out=out)
    tables.show_training(result)


def evaluate(
    model: Model,
    data: Annotated[list[Path], typer.Argument(metavar="DATA...", help="Labelled articles.")],
    against: Annotated[
        Path | None, typer.Option(metavar="MODEL2", help="Also score this model and the paired difference.")
    ] = None,
    json_file: JsonOut = None,
    resamples: Annotated[
        int | None, typer.Option(min=100, metavar="N", help="Article resamples [default: from the model's config].")
    ] = None,
    confidence: Annotated[
        float | None,
        typer.Option(min=0.5, max=0.999, metavar="SHARE", help="Of the intervals [default: from the model's config]."),
    ] = None,
    interval: Annotated[
        Literal["percentile", "bca"] | None,
        typer.Option(help="How intervals are read off the resamples [default: from the model's config]."),
    ] = None,
    seed: Seed = 13,
    perturb: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="Also score MODEL under these perturbations, parted by commas, or all (docs/robustness.md).",
        ),
    ] = None,
    slices: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="Also score MODEL on slices: all, or source, year, length, labels, keywords, copies, extra.FIELD, "
            "parted by commas (docs/evaluating.md).",
        ),
    ] = None,
    renamed: Annotated[
        list[str],
        typer.Option(
            "--map",
            metavar="THEIRS=OURS",
            help="What a label of DATA is among MODEL's; THEIRS= leaves theirs out, =OURS leaves ours unscored.",
        ),
    ] = [],  # noqa: B006 (typer copies it)
    training: Annotated[
        list[Path],
        typer.Option(
            metavar="FILE",
            help="What MODEL was trained on, to find copies [default: the files its config names, if unchanged].",
        ),
    ] = [],  # noqa: B006
    allow_leakage: Annotated[
        bool, typer.Option("--allow-leakage", help="Score articles that MODEL was trained on all the same.")
    ] = False,
) -> None:
    """Score a model on labelled articles it has not seen, with intervals over articles."""
    from textclf.bundle import load_bundle
    from textclf.cli import tables
    from textclf.cli.evaluate_guards import open_guarded
    from textclf.cli.slices_table import measure_and_show
    from textclf.evaluate import check_comparable, evaluate_against
    from textclf.evaluate import evaluate as run
    from textclf.narrowed import narrow_labeller
    from textclf.perturb import chosen_perturbations
    from textclf.slices import chosen_facets

    perturbations = None if perturb is None else [each.name for each in chosen_perturbations(perturb)]
    facets = None if slices is None else list(chosen_facets(slices))
    whole = load_bundle(model)
    other_whole = None if against is None else load_bundle(against)
    if other_whole is not None:
        check_comparable(whole, other_whole)
    guarded = open_guarded(
        [each for each in (whole, other_whole) if each is not None],
        data,
        renamed,
        training,
        allow=allow_leakage,
        keep=bool(facets or perturbations),
    )
    labeller, articles = narrow_labeller(whole, guarded.labels), guarded.articles
    configured = labeller.card.get("config", {}).get("evaluation", {})
    settings: dict[str, Any] = {
        "resamples": resamples or configured.get("resamples", 1_000),
        "confidence": confidence or configured.get("confidence", 0.95),
        "seed": seed,
    }
    method = interval or configured.get("interval", "bca")
    if other_whole is None:
        result = run(labeller, articles, interval=method, **settings)
        tables.show_evaluation(result, title=f"{model} on {_names(data)}")
        written = result.to_json()
    else:
        second = narrow_labeller(other_whole, guarded.labels)
        result, other, difference = evaluate_against(labeller, second, articles, interval=method, **settings)
        tables.show_evaluation(result, title=f"{model} on {_names(data)}")
        tables.show_difference(result, other, difference, names=(str(model), str(against)))
        written = {**result.to_json(), "against": other.to_json(), "difference": difference.to_json()}
        written["against"]["model"] = str(against)
    if perturbations is not None:
        written["perturbations"] = _measure_robustness(
            labeller, list(articles), perturbations, settings, title=str(model)
        )
    if facets is not None:
        written["slices"] = measure_and_show(labeller, guarded, slices, settings, title=str(model))
    written |= guarded.leakage.to_json() | {"notes": [*guarded.notes, *result.notes]}
    written["model"], written["data"] = str(model), [str(path) for path in data]
    write_json(json_file, written)


def _measure_robustness(
    labeller: Any, articles: list[Any], names: list[str], settings: dict[str, Any], *, title: str
) -> dict[str, Any]:
    """Score under perturbations, show the table, and return what is written of it."""
    from textclf.cli.robustness_table import show_robustness
    from textclf.robustness import measure_robustness

    found = measure_robustness(labeller, articles, names, **settings)
    show_robustness(found, title=title)
    return found.to_json()


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
) -> None:
    """Label every paragraph (or sentence) of the inputs; one record each."""
    from textclf.articles import stream_passages
    from textclf.articles.sentences import check_unit, split_units
    from textclf.bundle import load_bundle
    from textclf.predict import check_output, predict_files

    if pretty and out is not None:
        raise ConfigError("--pretty shows on the screen; leave out --out, or leave out --pretty")
    check_output(out)
    chosen = check_unit(unit)
    labeller = load_bundle(model)
    if pretty:
        from textclf.cli import tables

        units = split_units(stream_passages(inputs), unit=chosen, language=language)
        tables.show_labelled(labeller.label_stream(units), labeller)
        return
    summary = predict_files(labeller, inputs, out=out, unit=chosen, language=language)
    counts = ", ".join(f"{name} {count}" for name, count in summary.per_label.items())
    where = f", written to {out}" if out else ""
    typer.echo(f"{summary.paragraphs} {summary.unit}s of {summary.articles} articles{where}: {counts}", err=True)


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


def _names(paths: list[Path]) -> str:
    return ", ".join(map(str, paths))
