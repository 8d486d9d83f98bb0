"""The `textclf errors` command: what a model gets wrong, whose fault it likely is, and what to label next."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from textclf.cli import tables
from textclf.cli.models import JsonOut, Model, Overrides, read_together, write_json

if TYPE_CHECKING:
    from textclf.errors_found.groups import Group
    from textclf.errors_found.suspects import Mistake

SHOWN = 10  # likely label errors, and likely model errors
EXCERPT = 80  # characters of a text in a table


def errors(
    model: Model,
    data: Annotated[list[Path], typer.Argument(metavar="DATA...", help="Labelled articles.")],
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="CONFIG",
            help="How to train the models that judge articles MODEL was trained on, and on which files "
            "[default: as MODEL itself].",
        ),
    ] = None,
    overrides: Overrides = [],  # noqa: B006 (typer copies it)
    twice: Annotated[
        bool,
        typer.Option(
            "--twice",
            help="Train those a second time, without the labels they doubt: wrong ones then mislead none.",
        ),
    ] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Also write the wrong paragraphs for an annotation tool here.")
    ] = None,
    format: Annotated[
        str, typer.Option(metavar="FORMAT", help="Of that file: label_studio, prodigy, argilla, jsonl or csv.")
    ] = "label_studio",
    clusters: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="The most groups [default: by how much is wrong].")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Fixes the groups.")] = 13,
    json_file: JsonOut = None,
) -> None:
    """Show what a model gets wrong: in groups, likely label errors, likely model errors, and what to label next."""
    from textclf.bundle import load_bundle
    from textclf.config import load_config
    from textclf.errors import ConfigError
    from textclf.errors_found import find_errors
    from textclf.errors_found.found import what_next
    from textclf.errors_found.held_out import Recipe
    from textclf.errors_found.to_label import check_format, write_to_label

    check_format(format)
    if overrides and config is None:
        raise ConfigError("--set changes a setting of --config CONFIG; give one, or leave out --set")
    labeller = load_bundle(model)
    recipe = Recipe.of_config(load_config(config, overrides=overrides), labeller.labels) if config else None
    articles = read_together(data, labeller.labels)
    found = find_errors(labeller, articles, recipe=recipe, twice=twice, n_groups=clusters, seed=seed)
    screen = tables.console()
    for note in found.notes:
        screen.print(Text(f"note: {note}", style="yellow"), soft_wrap=True)
    screen.print(
        f"{found.n_wrong} of {found.n_paragraphs} paragraphs are wrong on a label or more: {len(found.label_errors)} "
        f"likely label errors, {len(found.model_errors)} likely model errors",
        soft_wrap=True,
    )
    if found.mistakes:
        screen.print(groups_table(found.groups))
    for title, mistakes in (
        ("likely label errors, the least trusted label first", found.label_errors),
        ("likely model errors, those furthest from the threshold first", found.model_errors),
    ):
        if mistakes:
            screen.print(
                mistakes_table(mistakes[:SHOWN], title=f"{title} ({min(SHOWN, len(mistakes))} of {len(mistakes)})")
            )
    screen.print(Text("what to do next", style="bold"))
    for line in what_next(found):
        screen.print(Text(f"- {line}"), soft_wrap=True)
    files = write_to_label(found, articles, out, labeller.labels, format=format) if out else []
    for file in files:
        screen.print(Text(f"written {file}"), soft_wrap=True)
    write_json(json_file, {"model": str(model), "data": [str(path) for path in data], **found.to_json()})


def groups_table(groups: Sequence[Group]) -> Any:
    """Return a table of the groups of wrong paragraphs."""
    shown = tables.table("wrong paragraphs in groups", "group", "paragraphs", "likely label errors")
    for heading in ("words that set it apart", "what is wrong", "a typical one"):
        shown.add_column(heading, justify="left", overflow="fold")
    for group in groups:
        kinds = ", ".join(f"{n} {kind}" for kind, n in list(group.kinds.items())[:3])
        cells = [", ".join(group.words) or "–", kinds, excerpt(group.examples[0].text)]
        shown.add_row(str(group.number), str(len(group.rows)), str(group.n_label_errors), *map(Text, cells))
    return shown


def mistakes_table(mistakes: Sequence[Mistake], *, title: str) -> Any:
    """Return a table of wrong decisions."""
    shown = tables.table(title, "label", "model", "threshold")
    for heading in ("marked", "where", "text"):
        shown.add_column(heading, justify="left", overflow="fold")
    for each in mistakes:
        threshold = f"{each.threshold:.2f}" if each.threshold <= 1 else "never"
        where = f"{each.article_id} {each.paragraph}"
        cells = ["yes" if each.given else "no", where, excerpt(each.text)]
        shown.add_row(Text(each.label), f"{each.probability:.2f}", threshold, *map(Text, cells))
    return shown


def excerpt(text: str) -> str:
    """Return the beginning of a text on one line, without what would move the cursor."""
    line = "".join(character if character.isprintable() else " " for character in text[: 4 * EXCERPT])
    line = " ".join(line.split())
    return line if len(line) <= EXCERPT else line[: EXCERPT - 1].rstrip() + "…"
