"""The command that lets a model label articles, for another to be trained on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from textclf.cli import tables
from textclf.cli.models import Model

if TYPE_CHECKING:
    from textclf.pseudo_label import PseudoLabelling


def pseudo_label(
    model: Model,
    inputs: Annotated[
        list[str], typer.Argument(metavar="INPUT...", help="Unlabelled articles, as predict takes them.")
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The labelled articles: a .jsonl file.")],
    precision: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE", help="Of answers that were right on the model's validation articles [default: 0.95]."
        ),
    ] = None,
    confidence: Annotated[
        float | None, typer.Option(metavar="P", help="In place of it: the least probability of an answer.")
    ] = None,
) -> None:
    """Label unlabelled articles where a model is sure, unknown elsewhere, to train another model on."""
    from textclf.pseudo_label import pseudo_label as run

    show_pseudo_labelling(run(model, inputs, out=out, precision=precision, confidence=confidence))


def show_pseudo_labelling(found: PseudoLabelling) -> None:
    """Show where each label was sure, and how often."""
    shown = tables.table(
        f"{found.n_paragraphs} paragraphs of {found.n_articles} articles",
        "label",
        "yes above",
        "no below",
        "yes",
        "no",
        "unknown",
    )
    for name, cut in found.cut_offs.items():
        at = cut.to_json()
        yes, no = found.yes[name], found.no[name]
        where = ("never" if at[key] is None else f"{at[key]:.3f}" for key in ("yes_above", "no_below"))
        shown.add_row(name, *where, str(yes), str(no), str(found.n_paragraphs - yes - no))
    screen = tables.console()
    screen.print(shown)
    screen.print(Text(f"saved {found.path}; name it under data.train beside the labelled files"), soft_wrap=True)
