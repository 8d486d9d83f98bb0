"""The tables of scores by slice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.text import Text

from textclf.cli.evaluate_guards import Guarded
from textclf.cli.tables import console, signed, table
from textclf.labeller import Labeller
from textclf.slices import KeywordCheck, Slice, Slices, measure_slices


def measure_and_show(
    model: Labeller, guarded: Guarded, names: str | None, settings: dict[str, Any], *, title: str
) -> Slices:
    """Score a model on slices, show the tables, and return them."""
    found = measure_slices(
        model, list(guarded.articles), names, copied=guarded.leakage.copied, training=guarded.training, **settings
    )
    show_slices(found, title=title)
    return found


def show_slices(slices: Slices, *, title: str) -> None:
    """Show the worst slices first, then every slice facet by facet, then what the model knows beyond keywords."""
    percent = f"{slices.settings['confidence']:.0%}"
    screen = console()
    if slices.worst:
        screen.print(_slice_table(f"{title}, slices clearly below the rest, the surest first", slices.worst, percent))
    screen.print(_slice_table(f"{title}, by slice", slices.slices, percent))
    screen.print("* the interval of the difference leaves out 0")
    if slices.keywords:
        screen.print(_keyword_table(slices.keywords, percent))
        for check in slices.keywords:
            screen.print(Text(f"keywords of {check.label}: {', '.join(check.keywords)}", style="dim"), soft_wrap=True)
    for note in slices.notes:
        screen.print(Text(f"note: {note}", style="yellow"), soft_wrap=True)


def _slice_table(title: str, slices: Sequence[Slice], percent: str) -> Any:
    shown = table(
        f"{title} [{percent} interval over articles]",
        "slice",
        "articles",
        "paragraphs",
        "macro-F1",
        "against the rest",
        "macro-AP",
        "false alarms",
    )
    last = None
    for each in slices:
        if last not in (None, each.by):
            shown.add_section()
        shown.add_row(
            Text(f"{each.by}: {each.value}"),
            str(each.n_articles),
            str(each.n_paragraphs),
            str(each.scores["macro_f1"]),
            signed(each.difference),
            str(each.scores["macro_ap"]),
            str(each.scores["false_alarm_rate"]),
        )
        last = each.by
    return shown


def _keyword_table(checks: Sequence[KeywordCheck], percent: str) -> Any:
    shown = table(
        f"beyond keywords: a mere keyword matcher has 1, 0 and 1 [{percent} interval over articles]",
        "label",
        "recall, with a keyword",
        "recall, without",
        "false alarms on a keyword",
        "paragraphs: with, without, misleading",
    )
    for check in checks:
        shown.add_row(
            check.label,
            str(check.recall_with),
            str(check.recall_without),
            str(check.false_alarms),
            f"{check.n_with}, {check.n_without}, {check.n_misleading}",
        )
    return shown
