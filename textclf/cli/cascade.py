"""The command that joins a cheap model and an expensive one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from textclf.cli import tables
from textclf.cli.models import Seed
from textclf.errors import ConfigError, one_of

if TYPE_CHECKING:
    from textclf.cascade import Cascading

COUNTED = ("paragraph", "decision")


def cascade(
    fast: Annotated[Path, typer.Argument(metavar="FAST", help="The cheap model's folder, such as runs/tfidf.")],
    slow: Annotated[Path, typer.Argument(metavar="SLOW", help="The expensive one's, such as runs/minilm.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The new model's folder.")],
    target: Annotated[
        float, typer.Option("--target-agreement", metavar="SHARE", help="The least agreement with SLOW's decisions.")
    ] = 0.99,
    per: Annotated[
        str,
        typer.Option(
            metavar="UNIT", help="What agreement counts: paragraph (all its labels as SLOW has them) or decision."
        ),
    ] = "paragraph",
    confidence: Annotated[float, typer.Option(metavar="SHARE", help="That the agreement is no less than that.")] = 0.95,
    validation: Annotated[
        list[Path],
        typer.Option(metavar="FILE", help="Labelled articles to fit on [default: both models' validation files]."),
    ] = [],  # noqa: B006 (typer copies it)
    texts: Annotated[
        list[str],
        typer.Option(metavar="PATH", help="Unlabelled text to fit on as well, as predict takes it; may be repeated."),
    ] = [],  # noqa: B006 (typer copies it)
    resamples: Annotated[int, typer.Option(min=100, metavar="N", help="Article resamples for the intervals.")] = 1_000,
    seed: Seed = 13,
) -> None:
    """Join two models: FAST answers the paragraphs it is sure of, SLOW the rest."""
    from textclf.cascade import cascade as run

    if per not in COUNTED:
        raise ConfigError(f"--per {per!r} is not known; allowed: {one_of(COUNTED)}")
    made = run(
        fast,
        slow,
        out=out,
        target=target,
        per="decision" if per == "decision" else "paragraph",
        confidence=confidence,
        validation=validation,
        texts=texts,
        n_resamples=resamples,
        seed=seed,
    )
    show_cascade(made)


def show_cascade(made: Cascading) -> None:
    """Show what the cascade is worth: agreement, F1, speed, and what other targets would give."""
    screen = tables.console()
    n = len(made.fit.sure)
    percent = f"{2 * made.confidence - 1:.0%}"
    screen.print(
        f"on {n} paragraphs of {made.n_articles} articles, each by bands fitted on other articles:\n"
        f"FAST answers {made.share:.1%}; agreement with SLOW per {made.per} {made.fit.agreement:.4f} "
        f"[{made.fit.interval.low:.4f}, {made.fit.interval.high:.4f}], {percent} interval over articles; asked for: "
        f"{made.target:g}\n"
        f"{made.by_paragraph:.2%} of paragraphs and {made.by_decision:.2%} of decisions are as SLOW has them",
        soft_wrap=True,
    )
    shown = tables.table("", "model", "macro-F1", "paragraphs a second", "a CPU second")
    for name, speed in made.speeds.items():
        f1 = str(made.macro_f1[name]) if name in made.macro_f1 else "–"
        shown.add_row(name, f1, f"{speed.per_second:,.0f}", f"{speed.per_cpu_second:,.0f}")
    screen.print(shown)
    if made.difference is None:
        screen.print("F1 was not measured: none of these articles is labelled")
    else:
        screen.print(f"macro-F1 of the cascade less SLOW's, paired over articles: {tables.signed(made.difference)}")
    clock, cpu = made.speed_up
    screen.print(f"{clock:.2f} times SLOW's speed by the clock, {cpu:.2f} times per CPU second, measured here and now")
    other = tables.table("what other targets would give", "target", "FAST answers", "agreement found")
    for offer in made.offers:
        other.add_row(f"{offer.target:g}", f"{offer.share:.1%}", f"{offer.agreement:.4f}")
    screen.print(other)
    size = sum(file.stat().st_size for file in made.path.rglob("*") if file.is_file()) / 2**20
    screen.print(f"saved {escape(str(made.path))}, {size:.1f} MiB", soft_wrap=True)
