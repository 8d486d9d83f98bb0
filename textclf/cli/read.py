"""The `textclf read` command: what the reader makes of a page."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.text import Text

from textclf.cli import tables
from textclf.errors import ConfigError, DataError
from textclf.report.visible import visible

if TYPE_CHECKING:
    from textclf.records import Article

COLOURS = {
    "paragraph": "",
    "heading": "bold",
    "caption": "magenta",
    "byline": "cyan",
    "teaser": "red",
    "navigation": "dim",
    "pull_quote": "yellow",
    "list": "green",
}


def read(
    inputs: Annotated[
        list[str],
        typer.Argument(metavar="FILE...", help="Pages as text, HTML, MHTML or WARC; folders of them; - for stdin."),
    ],
    why: Annotated[bool, typer.Option("--why", help="Show every block with its role and the reason for it.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON Lines, one article a line.")] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write JSON Lines to a .jsonl file; `predict` reads it.")
    ] = None,
) -> None:
    """Read articles: title, date, source, and every block of the page with its role; only paragraphs are labelled."""
    from textclf.articles import read_articles
    from textclf.articles.saved import to_json
    from textclf.files import written_aside
    from textclf.progress import log_skipped, track

    if sum((why, as_json, out is not None)) > 1:
        raise ConfigError("--why, --json and --out each show the articles in their own way; give one of them")
    if out is not None and out.suffix.lower() not in (".jsonl", ".ndjson"):
        raise ConfigError(f"--out {out}: the ending must be .jsonl")
    skipped: list[Path] = []
    articles = _some(read_articles(inputs, on_skip=skipped.append))
    if out is not None:
        with written_aside(out) as aside, aside.open("w", encoding="utf-8", newline="\n") as file:
            for article in track(articles, what="reading", unit=" articles"):
                file.write(_line(to_json(article)))
    elif as_json:
        for article in articles:
            typer.echo(_line(to_json(article)), nl=False)
    else:
        for article in articles:
            (show_blocks if why else show_article)(article)
    log_skipped(skipped, why="it holds no pages")


def _some(articles: Iterable[Article]) -> Iterable[Article]:
    """Yield the articles, and refuse an input that holds none."""
    empty = True
    for article in articles:
        empty = False
        yield article
    if empty:
        raise DataError("there is no article in the input")


def _line(record: dict[str, object]) -> str:
    text = json.dumps(record, ensure_ascii=False)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:  # half characters have no bytes in UTF-8
        text = json.dumps(record)
    return text + "\n"


def show_article(article: Article) -> None:
    """Show what stands around the text, the paragraphs, and what was left out."""
    screen = tables.console()
    screen.rule(Text(visible(article.article_id), style="bold"), align="left")
    parsed = f" ({article.date})" if article.date and article.date != article.date_raw else ""
    for name, value in (
        ("title", article.title),
        ("date", article.date_raw + parsed if article.date_raw else article.date),
        ("byline", article.byline),
        ("source", article.source),
        ("dateline", article.dateline),
    ):
        if value:
            screen.print(Text(f"{name:9}", style="dim") + Text(visible(value)), soft_wrap=True)
    for number, paragraph in enumerate(article.paragraphs):
        screen.print()
        screen.print(Text(f"[{number}] ", style="dim") + Text(visible(paragraph.text)), soft_wrap=True)
    left = Counter(block.role for block in article.blocks if block.role != "paragraph")
    if left:
        listed = ", ".join(f"{count} {role.replace('_', ' ')}" for role, count in left.most_common())
        screen.print()
        screen.print(Text(f"left out: {listed} (see them with --why)", style="dim"))
    screen.print()


def show_blocks(article: Article) -> None:
    """Show every block with its role, its place and the reason."""
    screen = tables.console()
    shown = tables.table(visible(article.article_id), "role", "characters")
    shown.add_column("text", overflow="fold", ratio=3)
    shown.add_column("why", overflow="fold", ratio=2)
    shown.expand = True
    for block in article.blocks:
        colour = COLOURS[block.role]
        role = Text(block.role.replace("_", " "), style=colour)
        text = block.text if len(block.text) <= 160 else f"{block.text[:150]}…"
        shown.add_row(
            role, f"{block.start}-{block.end}", Text(visible(text), style=colour), Text(block.reason, style="dim")
        )
    if not article.blocks:
        screen.print(f"{escape(article.article_id)}: its paragraphs are given as such, so no role was decided")
        return
    screen.print(shown)
