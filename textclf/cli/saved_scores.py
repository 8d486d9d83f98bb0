"""Saying whether scores were kept with the model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.text import Text

from textclf.cli import tables
from textclf.cli.evaluate_guards import Guarded
from textclf.evaluate import Evaluation
from textclf.labeller import Labeller
from textclf.saved_scores import NotSavedError, save_scores


def show_saved(model: Labeller, evaluation: Evaluation, guarded: Guarded, data: Sequence[Path]) -> None:
    """Keep the scores in the model's bundle and say so; where that cannot be, say why: the evaluation stands."""
    screen = tables.console()
    try:
        if guarded.leakage.reprints:
            raise NotSavedError("some of these articles are copies of training articles: they are no held-out scores")
        written = save_scores(model, evaluation, guarded.articles, data=data)
    except NotSavedError as fault:
        screen.print(Text(f"note: the scores were not saved with the model: {fault}", style="yellow"), soft_wrap=True)
        return
    screen.print(Text(f"the scores are in {model.path}/textclf.json and its model card"), soft_wrap=True)
    if not written:
        told = "README.md was edited by hand and is left as it is; remove it to have it written anew"
        screen.print(Text(f"note: {told}", style="yellow"), soft_wrap=True)
