"""The command that sets models side by side."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from textclf.cli.models import JsonOut, Resamples, Seed, read_together, write_json
from textclf.errors import ConfigError, DataError

if TYPE_CHECKING:
    from textclf.compare import Comparison
    from textclf.comparison.contenders import Contender


def compare(
    models: Annotated[
        list[Path],
        typer.Argument(metavar="CONFIG|MODEL...", help="Configs (trained first where needed) or trained models."),
    ],
    data: Annotated[
        list[Path], typer.Option("--data", metavar="FILE", help="Held-out articles [default: the configs' data.test].")
    ] = [],  # noqa: B006 (typer copies it)
    seeds: Annotated[
        int,
        typer.Option(
            min=1, metavar="N", help="Train each config with N seeds, its own into OUT, others into OUT-seed…."
        ),
    ] = 1,
    folds: Annotated[
        int | None,
        typer.Option(
            min=2, metavar="K", help="Cross-validate on the configs' own articles (or those of --data), by article."
        ),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The model all are set against [default: the first tfidf, else the first]."),
    ] = None,
    costs: Annotated[bool, typer.Option("--costs/--no-costs", help="Measure what predicting costs.")] = True,
    json_file: JsonOut = None,
    report: Annotated[
        list[Path],
        typer.Option(
            metavar="FILE",
            help="Also write a page: the leaderboard, and all about the best model on the first set of articles.",
        ),
    ] = [],  # noqa: B006 (typer copies it)
    resamples: Resamples = 1_000,
    seed: Seed = 13,
) -> None:
    """Rank models on the same held-out articles, with paired tests against the best and a baseline."""
    from textclf.cli.leaderboard_tables import show_comparison
    from textclf.compare import choose_baseline
    from textclf.comparison.contenders import find_contenders
    from textclf.report import check_report_paths

    check_report_paths(report)
    if report and folds is not None:
        raise ConfigError("--report shows one trained model in full, and --folds leaves none; leave out one of them")
    contenders = find_contenders(models, seeds=seeds)
    choose_baseline(contenders, baseline)
    settings: dict[str, Any] = {"baseline": baseline, "resamples": resamples, "seed": seed}
    if folds is None:
        found = _on_held_out(contenders, data, costs=costs, **settings)
    else:
        found = _in_folds(contenders, data, n_folds=folds, **settings)
    show_comparison(found)
    write_json(json_file, found.to_json())
    if report:
        from textclf.cli.reports import write_comparison

        write_comparison(
            report, found, contenders, resamples=resamples, seed=seed, command=_command(models, data, report)
        )


def _command(models: list[Path], data: list[Path], reports: list[Path]) -> str:
    """Return the line that compares and reports the same again."""
    given = [*(f"--data={file}" for file in data), *(f"--report={path}" for path in reports)]
    return shlex.join(["textclf", "compare", *map(str, models), *given])


def _on_held_out(contenders: list[Contender], data: list[Path], **settings: Any) -> Comparison:
    """Train what is missing and compare on held-out files, each a set of its own."""
    from textclf.bundle import load_bundle
    from textclf.compare import compare_trained
    from textclf.comparison.contenders import train_missing

    named = [file for each in contenders for config in each.configs[:1] for file in config.data.test or ()]
    files = list(dict.fromkeys(data or named))
    if not files:
        raise DataError("no held-out articles to compare on: give --data FILE, or a config with data.test")
    first = contenders[0]
    labels = first.configs[0].labels if first.configs else load_bundle(first.bundles[0]).labels
    datasets = {str(file): read_together([file], labels) for file in files}
    train_missing(contenders)
    return compare_trained(contenders, datasets, **settings)


def _in_folds(contenders: list[Contender], data: list[Path], *, n_folds: int, seed: int, **settings: Any) -> Comparison:
    """Cross-validate configs."""
    from textclf.compare import compare_folds
    from textclf.comparison.folds import make_folds

    labels = contenders[0].configs[0].labels if contenders[0].configs else None
    given = read_together(data, labels) if data and labels else None
    folds = make_folds(contenders, n_folds=n_folds, given=given, seed=seed)
    return compare_folds(contenders, folds, seed=seed, **settings)
