"""What the commands show: tables for people, on standard output."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from textclf.records import Examples
from textclf.report.visible import visible

if TYPE_CHECKING:
    from textclf.evaluate import Difference, Estimate, Evaluation
    from textclf.labeller import Labeller
    from textclf.labels import LabelSet
    from textclf.records import Article, LabelledPassage
    from textclf.train import TrainingResult

OVERALL_NAMES = {
    "macro_f1": "macro-F1",
    "micro_f1": "micro-F1",
    "macro_ap": "macro-AP",
    "exact_match": "exact match",
    "false_alarm_rate": "false-alarm rate",
}


def console() -> Console:
    """Return a console that is as wide as the terminal, or wide enough for a table in a file."""
    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=160)


def table(title: str, first: str, *columns: str) -> Table:
    """Return an empty table with numbers aligned to the right."""
    made = Table(title=escape(title), box=box.SIMPLE_HEAD, title_justify="left", title_style="bold")
    made.add_column(first)
    for column in columns:
        made.add_column(column, justify="right")
    return made


def show_training(result: TrainingResult) -> None:
    """Show where the model is and how it does on the articles its thresholds were fitted on."""
    show_evaluation(result.validation, title="on the articles its thresholds were fitted on (this flatters)")
    console().print(f"saved {escape(str(result.path))} after {result.seconds:.1f} s", soft_wrap=True)


def show_evaluation(evaluation: Evaluation, *, title: str) -> None:
    """Show the scores of one evaluation, per label and overall, each with its interval."""
    percent = f"{evaluation.settings['confidence']:.0%}"
    per_label = table(title, "label", "precision", "recall", "F1", "average precision", "support", "threshold")
    for j, label in enumerate(evaluation.labels):
        scores = [str(evaluation.per_label[name][j]) for name in ("precision", "recall", "f1", "ap")]
        threshold = evaluation.thresholds[j]
        shown = f"{threshold:.2f}" if threshold <= 1 else "never"
        per_label.add_row(label, *scores, str(evaluation.support[j]), shown)
    overall = table("", "overall", f"score [{percent} interval over articles]")
    for name, shown in OVERALL_NAMES.items():
        overall.add_row(shown, str(evaluation.overall[name]))
    screen = console()
    screen.print(per_label)
    screen.print(overall)
    screen.print(f"{evaluation.n_articles} articles, {evaluation.n_paragraphs} paragraphs")
    for note in evaluation.notes:
        screen.print(Text(f"note: {note}", style="yellow"), soft_wrap=True)


def show_difference(ours: Evaluation, other: Evaluation, difference: Difference, *, names: tuple[str, str]) -> None:
    """Show two models' overall and per-label scores and the paired difference."""
    shown = table(
        f"{names[0]} less {names[1]}, paired over articles", "score", names[0], names[1], "difference", "p", "p, Holm"
    )
    for name, title in OVERALL_NAMES.items():
        change, p = signed(difference.overall[name]), as_p(difference.p_values[name])
        shown.add_row(title, str(ours.overall[name]), str(other.overall[name]), change, p)
    for j, label in enumerate(ours.labels):
        pair = [str(each.per_label["f1"][j]) for each in (ours, other)]
        p_values = as_p(difference.label_p_values["f1"][j]), as_p(difference.holm["f1"][j])
        shown.add_row(f"F1 {label}", *pair, signed(difference.per_label["f1"][j]), *p_values)
    screen = console()
    screen.print(shown)
    screen.print("* the interval leaves out 0; p: whole articles swapped between the models, two-sided")


def show_stats(splits: Mapping[str, Sequence[Article]], labels: LabelSet) -> None:
    """Show articles, paragraphs, and yes / unknown per label for each split."""
    shown = table("paragraphs that carry each label (+ unknown)", "split", "articles", "paragraphs")
    for label in labels:
        shown.add_column(label, justify="right")
    shown.add_column("two or more", justify="right")
    shown.add_column("none", justify="right")
    for name, articles in splits.items():
        targets = Examples.of(articles, labels).targets
        yes, unknown = (targets == 1).sum(axis=0), np.isnan(targets).sum(axis=0)
        cells = [f"{y} (+{u})" if u else str(y) for y, u in zip(yes, unknown, strict=True)]
        several, none = int(((targets == 1).sum(axis=1) > 1).sum()), int((targets == 0).all(axis=1).sum())
        shown.add_row(Path(name).stem, str(len(articles)), str(len(targets)), *cells, str(several), str(none))
    console().print(shown)


def show_labelled(passages: Iterable[LabelledPassage], model: Labeller) -> None:
    """Show paragraphs with the labels they carry, for reading."""
    screen = console()
    article = None
    for passage in passages:
        if passage.article_id != article:
            article = passage.article_id
            screen.rule(Text(visible(article), style="bold"), align="left")
        tags = ", ".join(f"{name} {passage.scores[name]:.2f}" for name in passage.labels) or "–"
        read = f"  read in {passage.windows} windows" if passage.windows > 1 else ""
        screen.print(Text(f"[{tags}]", style="bold cyan" if passage.labels else "dim") + Text(read, style="dim"))
        screen.print(Text(visible(passage.text)))
        screen.print()
    if article is None:
        screen.print("there is no paragraph in the input")


def as_p(p_value: float) -> str:
    """Return a p-value to three places, or a dash where it is undefined."""
    if np.isnan(p_value):
        return "–"
    return f"{p_value:.3f}" if p_value >= 0.001 else "<0.001"


def signed(estimate: Estimate) -> str:
    """Return a difference with its sign and interval, starred where that leaves out 0."""
    if np.isnan(estimate.value):
        return "–"
    low, high = estimate.interval
    star = " *" if low > 0 or high < 0 else ""
    return f"{estimate.value:+.3f} [{low:+.3f}, {high:+.3f}]{star}"
