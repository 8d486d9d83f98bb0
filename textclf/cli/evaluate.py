"""The command that scores a model on labelled articles."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from textclf.cli import tables
from textclf.cli.models import JsonOut, Model, Seed, write_json
from textclf.cli.reports import write_reports

if TYPE_CHECKING:
    from textclf.labeller import Labeller
    from textclf.records import Article


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
    save: Annotated[
        bool, typer.Option("--save-scores", help="Keep the scores in MODEL's textclf.json and model card (README.md).")
    ] = False,
    report: Annotated[
        list[Path],
        typer.Option(metavar="FILE", help="Also write a page to read: FILE.html or FILE.md (docs/report.md)."),
    ] = [],  # noqa: B006
) -> None:
    """Score a model on labelled articles it has not seen, with intervals over articles."""
    from textclf.bundle import load_bundle
    from textclf.cli.evaluate_guards import open_guarded
    from textclf.cli.saved_scores import show_saved
    from textclf.cli.slices_table import measure_and_show
    from textclf.evaluate import check_comparable
    from textclf.narrowed import narrow_labeller
    from textclf.perturb import chosen_perturbations
    from textclf.report import check_report_paths
    from textclf.slices import chosen_facets

    perturbations = None if perturb is None else [each.name for each in chosen_perturbations(perturb)]
    facets = None if slices is None else list(chosen_facets(slices))
    check_report_paths(report)
    whole = load_bundle(model)
    other = None if against is None else load_bundle(against)
    if other is not None:
        check_comparable(whole, other)
    guarded = open_guarded(
        [each for each in (whole, other) if each is not None],
        data,
        renamed,
        training,
        allow=allow_leakage,
        keep=bool(facets or perturbations or report),
    )
    labeller, articles = narrow_labeller(whole, guarded.labels), guarded.articles
    second = None if other is None else narrow_labeller(other, guarded.labels)
    configured = labeller.card.get("config", {}).get("evaluation", {})
    settings: dict[str, Any] = {
        "resamples": resamples or configured.get("resamples", 1_000),
        "confidence": confidence or configured.get("confidence", 0.95),
        "seed": seed,
    }
    method = interval or configured.get("interval", "bca")
    result, beside, written = _score_and_show(
        labeller, second, articles, names=(str(model), str(against), _names(data)), interval=method, **settings
    )
    if perturbations is not None:
        written["perturbations"] = _measure_robustness(
            labeller, list(articles), perturbations, settings, title=str(model)
        )
    parts = None
    if facets is not None:
        parts = measure_and_show(labeller, guarded, slices, settings, title=str(model))
        written["slices"] = parts.to_json()
    written |= guarded.leakage.to_json() | {"notes": [*guarded.notes, *result.notes]}
    written["model"], written["data"] = str(model), [str(path) for path in data]
    write_json(json_file, written)
    if save:
        show_saved(whole, result, guarded, data)
    if report:  # the articles are read again for it, and all held
        given = [*(f"--map={each}" for each in renamed), *(f"--training={file}" for file in training)]
        given += ["--allow-leakage"] * allow_leakage + ([] if slices is None else [f"--slices={slices}"])
        write_reports(
            report,
            labeller,
            list(articles),
            result,
            name=model,
            data=data,
            against=beside,
            settings={**settings, "interval": method},
            slices=parts,
            notes=guarded.notes,
            more=given,
        )


def _score_and_show(
    labeller: Labeller,
    second: Labeller | None,
    articles: Any,
    *,
    names: tuple[str, str, str],
    **settings: Any,
) -> tuple[Any, Any, dict[str, Any]]:
    """Score one model, or two side by side; show it; return scores, what a report says of the second, and JSON."""
    from textclf.evaluate import evaluate as run
    from textclf.evaluate import evaluate_against
    from textclf.report import Against, ModelFacts

    name, other_name, data = names
    if second is None:
        result = run(labeller, articles, **settings)
        tables.show_evaluation(result, title=f"{name} on {data}")
        return result, None, result.to_json()
    result, other, difference = evaluate_against(labeller, second, articles, **settings)
    tables.show_evaluation(result, title=f"{name} on {data}")
    tables.show_difference(result, other, difference, names=(name, other_name))
    against = {**other.to_json(), "model": other_name}
    written = {**result.to_json(), "against": against, "difference": difference.to_json()}
    return result, Against(ModelFacts.of(second, other_name), other, difference), written


def _measure_robustness(
    labeller: Labeller, articles: list[Article], names: list[str], settings: dict[str, Any], *, title: str
) -> dict[str, Any]:
    """Score under perturbations, show the table, and return what is written of it."""
    from textclf.cli.robustness_table import show_robustness
    from textclf.robustness import measure_robustness

    found = measure_robustness(labeller, articles, names, **settings)
    show_robustness(found, title=title)
    return found.to_json()


def _names(paths: list[Path]) -> str:
    return ", ".join(map(str, paths))
