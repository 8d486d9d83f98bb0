"""The `textclf explain` command: which words a model's labels hang on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer
from rich.text import Text

from textclf.cli import tables
from textclf.cli.models import Model, write_json
from textclf.report.visible import visible

if TYPE_CHECKING:
    from textclf.explain.passages import ExplainedPassage

SHADES = (  # from which share of the strongest word, what adds, what takes away
    (0.6, "black on #5b9dff", "black on #ff9f40"),
    (0.3, "black on #a9ccff", "black on #ffd3a1"),
    (0.1, "underline #5b9dff", "underline #ff9f40"),
)
BRACKETED = 0.3  # share of the strongest word from which one is bracketed where there are no colours
NAMED = 5  # words listed below a paragraph


def explain(
    model: Model,
    file: Annotated[str, typer.Argument(metavar="FILE", help="An article, as predict takes it, or - for stdin.")],
    label: Annotated[str | None, typer.Option(metavar="LABEL", help="Explain this label alone.")] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Explain paragraphs that do not carry the label, or any label, as well.")
    ] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Also write every word's weight as JSON.")
    ] = None,
    html_file: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Also write a page that shows the same.")
    ] = None,
) -> None:
    """Show each labelled paragraph with its words coloured by what they add to the label (docs/explaining.md)."""
    from textclf.articles import stream_passages
    from textclf.bundle import load_bundle
    from textclf.explain.page import to_html
    from textclf.explain.passages import explain_passages
    from textclf.files import check_writable, written_aside

    for path in filter(None, (json_file, html_file)):
        check_writable(path)
    labeller = load_bundle(model)
    explained: list[ExplainedPassage] = []
    for each in explain_passages(labeller, stream_passages([file]), label=label, every=every):
        if not explained or explained[-1].passage.article_id != each.passage.article_id:
            tables.console().rule(Text(visible(each.passage.article_id), style="bold"), align="left")
        show_explained(each)
        explained.append(each)
    if not explained:
        hint = "--all explains the others as well"
        tables.console().print(f"no paragraph carries {'a label' if label is None else label}; {hint}")
    write_json(json_file, {"model": str(model), "passages": [each.to_json() for each in explained]})
    if html_file is not None:
        with written_aside(html_file) as aside:
            aside.write_text(to_html(explained, title=f"{file} explained by {model}"), encoding="utf-8")


def show_explained(explained: ExplainedPassage) -> None:
    """Show a paragraph once for each label it is explained for."""
    from textclf.explain.page import account

    screen, passage, explanation = tables.console(), explained.passage, explained.explanation
    coloured = screen.color_system is not None and not screen.no_color
    for name in explained.labels:
        carried = name in passage.labels
        head = Text(f"[{passage.paragraph}] {name} {passage.scores[name]:.2f}", style="bold cyan" if carried else "dim")
        screen.print(head + Text("" if carried else ", not carried", style="dim"))
        screen.print(marked(explained, name, coloured=coloured))
        for what, against in (("for", False), ("against", True)):
            words = explanation.top(name, NAMED, against=against)
            if words:
                listed = ", ".join(f"{word} {weight:+.2f}" for word, weight in words)
                screen.print(Text(f"{what}: {listed}", style="dim"), soft_wrap=True)
        screen.print(Text(account(explanation, name), style="dim"), soft_wrap=True)
        screen.print()


def marked(explained: ExplainedPassage, label: str, *, coloured: bool) -> Text:
    """Return a paragraph with its strong words coloured: blue adds, orange takes away.

    Without colours they stand underlined in brackets, with their weight behind.
    """
    explanation = explained.explanation
    weights, text = explanation.column(label), explanation.text
    strongest = float(np.abs(weights).max(initial=0.0)) or 1.0
    shown, done = Text(), 0
    for (start, end), weight in zip(explanation.spans, weights, strict=True):
        shown.append(visible(text[done:start]))
        share, word, done = abs(float(weight)) / strongest, visible(text[start:end]), end
        if coloured:
            styles = [adds if weight > 0 else takes for least, adds, takes in SHADES if share >= least]
            shown.append(word, style=styles[0] if styles else "")
        elif share >= BRACKETED:
            shown.append(f"[{word}]", style="underline").append(f"{weight:+.2f}", style="dim")
        else:
            shown.append(word)
    return shown.append(visible(text[done:]))
