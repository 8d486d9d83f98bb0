"""A report as one HTML file that needs nothing beside it: no network, no script, no font."""

from __future__ import annotations

import itertools
from importlib.resources import files
from typing import Any

from textclf.errors import import_extra
from textclf.report.document import Document, Panel, Strip
from textclf.report.drawing import draw
from textclf.report.readings import outcome, place_of, spoken, verdict
from textclf.report.visible import one_line, visible

STRIP_WIDTH = 140  # of a dot on its line, in pixels
EDGE = 4  # room for a dot at either end


def to_html(document: Document) -> str:
    """Set a document as HTML.

    Raises:
        MissingExtraError: When Jinja2 is not installed.
    """
    jinja2 = import_extra("jinja2", extra="report", purpose="a report in HTML")
    markup = jinja2.utils.markupsafe.Markup
    numbers = itertools.count(1)

    def plot(panel: Panel) -> Any:
        """Return a panel's drawing as markup that is not escaped."""
        return markup(draw(panel.plot)) if panel.plot else ""

    # What a template prints is escaped, save what is Markup; every text of the data goes through `finalize` first.
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_template),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: visible(value) if type(value) is str else value,
    )
    environment.filters["one_line"] = one_line
    environment.filters |= {"verdict": verdict, "outcome": outcome, "place_of": place_of, "spoken": spoken}
    environment.filters["sheet"] = markup  # of our own style sheet alone
    environment.globals |= {
        "plot": plot,
        "next_number": lambda: next(numbers),
        "place": _place,
        "css": _template("report.css"),
    }
    page = environment.get_template("report.html").render(document=document)
    return "\n".join(line.rstrip() for line in page.splitlines() if line.strip()) + "\n"


def _template(name: str) -> str:
    return (files("textclf.report") / "templates" / name).read_text(encoding="utf-8")


def _place(strip: Strip, value: float) -> str:
    """Return where a value stands on a strip, in pixels."""
    return f"{EDGE + strip.place(value) * (STRIP_WIDTH - 2 * EDGE):.1f}".removesuffix(".0")
