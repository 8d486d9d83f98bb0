"""A report as Markdown: the same words and numbers, with plots told in words and tables."""

from __future__ import annotations

import re
from collections.abc import Iterator

from textclf.report.document import (
    Banner,
    Block,
    Cell,
    Code,
    Document,
    Facts,
    Heading,
    Legend,
    Numerals,
    Panels,
    Prose,
    Readings,
    SideBySide,
    Table,
)
from textclf.report.marking import Marked
from textclf.report.mistakes import Mistake
from textclf.report.readings import outcome, place_of, spoken, verdict
from textclf.report.visible import in_markdown as shown
from textclf.report.visible import visible


def to_markdown(document: Document) -> str:
    """Set a document as Markdown."""
    parts = [shown(document.above), f"# {shown(document.title)}", shown(document.below)]
    for block in document.opening:
        parts += _set(block)
    for section in document.sections:
        parts.append(f"## {shown(section.title)}")
        for block in section.blocks:
            parts += _set(block)
    return "\n\n".join(part for part in parts if part) + "\n"


def _set(block: Block) -> Iterator[str]:
    """Yield the paragraphs of a block."""
    match block:
        case Prose():
            yield shown(block.text)
        case Heading():
            yield f"### {shown(block.text)}"
        case Banner():
            yield f"> **{shown(block.title)}.** {shown(block.text)}"
        case Numerals():
            yield "\n".join(
                f"- **{shown(x.name)} {_cell(x.cell)}**: {shown(x.meaning)}"
                + (f"; {shown(x.beside[0])}: {shown(x.beside[1])}" if x.beside else "")
                for x in block.items
            )
        case Facts():
            yield "\n".join(f"- **{shown(name)}**: {shown(text)}" for name, text in block.pairs)
        case Table():
            yield f"**{shown(block.caption)}**"
            yield _table(block)
            yield shown(block.note)
        case SideBySide():
            for table in block.tables:
                yield from _set(table)
        case Panels():
            yield "\n".join(f"- **{shown(panel.title)}**: {shown(panel.words)}" for panel in block.panels)
        case Legend():
            yield shown(
                f"Under each paragraph stand the words that spoke for and against the label (method: {block.method})."
            )
        case Readings():
            for mistake in block.mistakes:
                yield from _reading(mistake)
        case Code():
            yield f"**{shown(block.title)}**"
            yield _fenced(block.text)


def _table(table: Table) -> str:
    heads = [shown(column) or " " for column in table.columns]
    rule = ["---", *("---:" for _ in heads[1:])]
    rows = [[_cell(cell) for cell in row] for row in table.rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [heads, rule, *rows])


def _cell(cell: Cell) -> str:
    return f"{shown(cell.text)} ({shown(cell.aside)})" if cell.aside else shown(cell.text)


def _reading(mistake: Mistake) -> Iterator[str]:
    yield f"**{shown(verdict(mistake))}** {shown(outcome(mistake))}"
    yield f"> {_text(mistake.marked)}"
    yield "\n".join(f"- {shown(line)}" for line in spoken(mistake.marked))
    title = f"*{shown(mistake.article.title)}* · " if mistake.article.title.strip() else ""
    yield f"{title}{shown(place_of(mistake))}"


def _text(marked: Marked) -> str:
    cut = f" … ({marked.cut:,} more characters)" if marked.cut else ""
    return shown("".join(piece.text for piece in marked.pieces) + cut)


def _fenced(text: str) -> str:
    """Return text in a fence longer than any within it."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{visible(text)}\n{fence}"
