"""Small plots as SVG that stands within a page: drawn by matplotlib, coloured and set in type by the page's own style.

matplotlib is given stand-in colours, which are replaced by the style's variables, so that one drawing is right on light
paper, on a dark screen and in print. Ids are taken away or made unique, and no text of the data goes into a drawing.
"""

from __future__ import annotations

import io
import re
from typing import Any
from xml.etree import ElementTree

import numpy as np

from textclf.errors import import_extra
from textclf.report.document import Plot, Points

WIDTH, HEIGHT = 2.35, 1.85  # inches; the page scales it
COLOURS = {
    "ink": "#010101",
    "accent": "#020202",
    "second": "#030303",
    "faint": "#040404",
    "muted": "#050505",
    "paper": "#060606",
}
DASHES = {"solid": "-", "dashed": (0, (4, 2)), "dotted": (0, (1, 2))}
WIDTHS = {"ink": 1.9, "accent": 1.3, "second": 1.3, "faint": 1.1}
TICKS = (0.0, 0.5, 1.0)
SVG = "http://www.w3.org/2000/svg"
LINK = "{http://www.w3.org/1999/xlink}href"


def import_matplotlib() -> Any:
    """Import matplotlib, or say which extra brings it.

    Raises:
        MissingExtraError: When it is not installed.
    """
    import_extra("matplotlib.figure", extra="report", purpose="a report in HTML")
    return import_extra("matplotlib", extra="report", purpose="a report in HTML")


def draw(plot: Plot, *, name: str) -> str:
    """Return a plot as the markup of an SVG element, for a page that gives its colours.

    Args:
        plot: What to draw.
        name: What to begin its ids with; another for each plot of a page.
    """
    matplotlib = import_matplotlib()
    settings = {"svg.hashsalt": "textclf", "svg.fonttype": "none", "path.simplify_threshold": 0.3}
    with matplotlib.rc_context(settings):
        figure = matplotlib.figure.Figure(figsize=(WIDTH, HEIGHT))
        figure.patch.set_visible(False)
        _draw_on(figure.add_axes((0.155, 0.175, 0.82, 0.8)), plot)
        written = io.StringIO()
        figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return _for_a_page(written.getvalue(), name)


def _draw_on(axes: Any, plot: Plot) -> None:
    axes.patch.set_visible(False)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set(color=COLOURS["muted"], linewidth=0.6)
    axes.set(xlim=(0, 1), ylim=(0, 1.02), xticks=TICKS, yticks=TICKS)
    axes.set_xticklabels(["0", "0.5", "1"])
    axes.set_yticklabels(["0", "0.5", "1"])
    axes.tick_params(colors=COLOURS["muted"], labelsize=8, length=2.5, width=0.6, pad=2)
    axes.set_xlabel(plot.x_name, fontsize=8.5, color=COLOURS["muted"], labelpad=1)
    axes.set_ylabel(plot.y_name, fontsize=8.5, color=COLOURS["muted"], labelpad=1)
    if plot.upright is not None:
        axes.axvline(plot.upright, color=COLOURS["muted"], linewidth=0.9)
    for line in plot.lines:
        axes.plot(
            line.x,
            line.y,
            color=COLOURS[line.colour],
            linestyle=DASHES[line.dashes],
            linewidth=WIDTHS[line.colour],
            drawstyle="steps-pre" if line.steps else "default",
            clip_on=False,
        )
    if plot.points is not None:
        _draw_points(axes, plot.points)


def _draw_points(axes: Any, points: Points) -> None:
    if points.low is not None and points.high is not None:
        there = ~np.isnan(points.low) & ~np.isnan(points.high)
        axes.vlines(
            points.x[there],
            points.low[there],
            points.high[there],
            color=COLOURS["accent"],
            linewidth=0.9,
            clip_on=False,
        )
    sizes = np.full(len(points.x), 26.0)
    if points.sizes is not None and len(points.sizes):
        sizes = 10 + 40 * points.sizes / points.sizes.max()
    for x, y, size in zip(points.x, points.y, sizes, strict=True):
        axes.plot(
            [x],
            [y],
            "o",
            markersize=float(np.sqrt(size)),
            color=COLOURS["accent"],
            markeredgecolor=COLOURS["paper"],
            markeredgewidth=0.8,
            clip_on=False,
            zorder=5,
        )


def _for_a_page(written: str, name: str) -> str:
    """Return the drawing without what a page has no use for, and with the page's colours and type."""
    root = ElementTree.fromstring(written)  # noqa: S314 (as above)
    _strip(root)
    used = {value.removeprefix("#") for each in root.iter() if (value := each.get(LINK))}
    for each in root.iter():
        each.tag = each.tag.removeprefix(f"{{{SVG}}}")
        found = each.attrib.pop("id", None)
        if found in used:
            each.set("id", f"{name}-{found}")
        if target := each.attrib.pop(LINK, None):
            each.set("href", f"#{name}-{target.removeprefix('#')}")
        if style := each.get("style"):
            each.set("style", _themed(style))
    _flatten(root)
    for attribute in ("width", "height", "version"):
        root.attrib.pop(attribute, None)
    root.set("aria-hidden", "true")
    root.set("focusable", "false")
    for each in root.iter():
        each.tail = None
        each.text = each.text if each.tag == "text" else None
    return _short(ElementTree.tostring(root, encoding="unicode"))


def _strip(root: ElementTree.Element) -> None:
    """Take out metadata, empty definitions and clipping, none of which these plots need."""
    unwanted = {f"{{{SVG}}}{tag}" for tag in ("metadata", "clipPath")}
    for parent in list(root.iter()):
        parent.attrib.pop("clip-path", None)
        for child in list(parent):
            if child.tag in unwanted or (child.tag == f"{{{SVG}}}defs" and _only_styles(child)):
                parent.remove(child)


def _only_styles(defs: ElementTree.Element) -> bool:
    return all(child.tag in (f"{{{SVG}}}style", f"{{{SVG}}}clipPath") for child in defs)


def _flatten(parent: ElementTree.Element) -> None:
    """Lift what stands in groups that say nothing."""
    children: list[ElementTree.Element] = []
    for child in list(parent):
        _flatten(child)
        plain = child.tag == "g" and not child.attrib
        children += list(child) if plain else [child]
        parent.remove(child)
    parent.extend(children)


def _themed(style: str) -> str:
    """Return a style with the page's colours, and sizes of type but not its face."""
    for colour, stand_in in COLOURS.items():
        style = style.replace(stand_in, f"var(--{colour})")
    style = re.sub(r"font: (?:\w+ )*?([\d.]+px)[^;]*", r"font-size:\1", style)
    return re.sub(r"\s*([:;,])\s*", r"\1", style).strip("; ")


def _short(markup: str) -> str:
    """Return the markup with places told to a tenth of a point."""
    return re.sub(r"\d+\.\d{2,}", lambda number: f"{float(number[0]):.1f}".removesuffix(".0"), markup)
