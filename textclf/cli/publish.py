"""The commands that look at a model's folder, and make one for the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from textclf.cli import tables
from textclf.cli.models import Model, write_json

if TYPE_CHECKING:
    from textclf.inspection import Inspection
    from textclf.publish import Published


def publish(
    model: Model,
    out: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to be; its name is the model's.")],
    article_ids: Annotated[
        bool,
        typer.Option(
            "--with-article-ids/--without-article-ids", help="Name training articles by their ids, not by hashes."
        ),
    ] = False,
    license: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of the model, as the hub names it: apache-2.0 and so on.")
    ] = None,
    language: Annotated[
        list[str], typer.Option(metavar="CODE", help="Of its texts: en, es, ar; may be repeated.")
    ] = [],  # noqa: B006 (typer copies it)
) -> None:
    """Make a folder for the Hugging Face hub, with its model card. Nothing is sent."""
    from textclf.publish import publish as run

    show_published(run(model, out, article_ids=article_ids, license=license, language=language))


def show_published(made: Published) -> None:
    """Say what the folder is, what it lacks, and the line that sends it."""
    screen = tables.console()

    def say(text: str, style: str = "") -> None:
        screen.print(Text(text, style=style), soft_wrap=True)

    say(f"wrote {made.path}, {made.size / 2**20:.1f} MiB")
    say(f'textclf.load("{made.path}") loads it')
    if made.flat:
        say(f'AutoModelForSequenceClassification.from_pretrained("{made.path}") loads it too')
    if made.article_ids:
        say("note: it names the articles it was trained on by their ids", "yellow")
    if made.missing:
        lacking = " and ".join(made.missing)
        say(f"note: README.md does not say the {lacking}; give {' '.join(f'--{m}' for m in made.missing)}", "yellow")
    say("note: LICENSE is a placeholder; put the licence's text there", "yellow")
    say("read README.md, then type:")
    say(f"    {made.upload}")


def inspect(
    model: Model,
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Also write it as JSON.")] = None,
) -> None:
    """Show what a model's folder holds and whether it would load; exit code 1 when it would not."""
    from textclf.inspection import inspect_bundle

    found = inspect_bundle(model)
    show_inspection(found)
    write_json(json_file, found.to_json())
    if found.faults:
        raise typer.Exit(1)


def show_inspection(found: Inspection) -> None:
    """Show labels and thresholds, scores, files, and what is wrong."""
    screen, card = tables.console(), found.card

    def say(text: str, style: str = "") -> None:
        screen.print(Text(text, style=style), soft_wrap=True)

    if card:
        _say_what_it_is(found, say)
    if card and not found.faults:
        _show_labels(card)
        _show_scores(card)
    files = tables.table("", "file", "KiB")
    for name, size in found.files.items():
        files.add_row(Text(name), f"{size / 1024:,.1f}")
    screen.print(files)
    for warning in found.warnings:
        say(f"note: {warning}", "yellow")
    for fault in found.faults:
        say(f"damaged: {fault}", "bold red")
    say("it would not load" if found.faults else "every file is as its hash says; it would load")


def _say_what_it_is(found: Inspection, say: Any) -> None:
    card = found.card
    say(f"{found.path}: a model of kind {card.get('kind')}, {len(found.files)} files, {found.size / 2**20:.1f} MiB")
    say(f"written {card.get('created')} by textclf {card.get('textclf_version')}, format {card.get('format_version')}")
    libraries = card.get("libraries")
    if isinstance(libraries, dict):
        say("with " + ", ".join(f"{name} {version}" for name, version in libraries.items()))
    if found.in_transformers is not None:
        say(f"plain transformers loads {found.in_transformers}")


def _show_labels(card: Any) -> None:
    shown = tables.table("", "label", "threshold", "calibration", "definition")
    shown.columns[-1].justify = "left"
    for label in card["labels"]:
        threshold = card["thresholds"][label["name"]]
        method = card["calibration"]["labels"][label["name"]].get("method", "none")
        cells = [f"{threshold:.3f}" if threshold <= 1 else "never", method]
        shown.add_row(Text(label["name"]), *cells, Text(label.get("definition", "")))
    tables.console().print(shown)


def _show_scores(card: Any) -> None:
    rows = [(each["data"], each) for each in card.get("evaluations", ())]
    if "validation_scores" in card:
        rows.append(("validation (flatters)", card["validation_scores"]))
    if not rows:
        return
    shown = tables.table("scores", "articles", *tables.OVERALL_NAMES.values())
    for data, scores in rows:
        cells = [_score(scores, name) for name in tables.OVERALL_NAMES]
        shown.add_row(Text(f"{data}: {scores['n_articles']}"), *cells)
    tables.console().print(shown)


def _score(scores: Any, name: str) -> str:
    value, ends = scores.get(name), scores.get("intervals", {}).get(name) or (None, None)
    if value is None:
        return "–"
    return f"{value:.3f}" if None in ends else f"{value:.3f} [{ends[0]:.3f}, {ends[1]:.3f}]"
