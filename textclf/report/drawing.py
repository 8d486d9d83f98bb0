"""Small plots as SVG that stands within a page and takes its colours and type from the page's style.

They are written directly: a frame, a few lines and points between 0 and 1. So a hundred of them take no time and little
room, one drawing is right on light paper, on a dark screen and in print, and there is nothing of the data in them but
numbers. What the classes look like is said in the style sheet.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterator

import numpy as np

from textclf.report.document import Line, Plot, Points

WIDTH, HEIGHT = 236, 190
LEFT, RIGHT, TOP, BOTTOM = 36.0, 230.0, 8.0, 152.0  # the frame, with room for points that lie on its edge
TICKS = (0.0, 0.5, 1.0)
SMALLEST, LARGEST = 2.8, 5.0  # radius of a point for few paragraphs and for most
ALONE = 3.6  # of a point that stands for no number of them


def draw(plot: Plot) -> str:
    """Return a plot as the markup of an SVG element, hidden from who cannot see it: words stand beside it."""
    parts = [*_frame(plot), *(_line(line) for line in plot.lines)]
    if plot.upright is not None:
        parts.append(f'<path class="upright" d="M{_x(plot.upright)} {_y(0)}V{_y(1)}"/>')
    if plot.points is not None:
        parts += _points(plot.points)
    opening = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden="true" focusable="false">'
    return f"{opening}{''.join(parts)}</svg>"


def _x(value: float) -> str:
    return _short(LEFT + value * (RIGHT - LEFT))


def _y(value: float) -> str:
    return _short(BOTTOM - value * (BOTTOM - TOP))


def _short(place: float) -> str:
    return f"{place:.1f}".removesuffix(".0")


def _frame(plot: Plot) -> Iterator[str]:
    """Yield the two axes, their ticks and their names."""
    ticks = "".join(f"M{_x(t)} {_y(0)}v3M{_x(0)} {_y(t)}h-3" for t in TICKS)
    yield f'<path class="frame" d="M{_x(0)} {_y(1)}V{_y(0)}H{_x(1)}{ticks}"/>'
    for tick in TICKS:
        yield f'<text class="along" x="{_x(tick)}" y="{BOTTOM + 14:g}">{tick:g}</text>'
        yield f'<text class="beside" x="{LEFT - 6:g}" y="{_short(float(_y(tick)) + 3.6)}">{tick:g}</text>'
    middle = (LEFT + RIGHT) / 2, (TOP + BOTTOM) / 2
    yield f'<text class="along" x="{middle[0]:g}" y="{BOTTOM + 29:g}">{html.escape(plot.x_name)}</text>'
    turned = f"translate(10 {middle[1]:g}) rotate(-90)"
    yield f'<text class="along" transform="{turned}">{html.escape(plot.y_name)}</text>'


def _line(line: Line) -> str:
    """Return a line; where it has steps, each value holds from the place before to its own."""
    places = list(dict.fromkeys((_x(x), _y(y)) for x, y in zip(line.x.tolist(), line.y.tolist(), strict=True)))
    drawn = [f"M{places[0][0]} {places[0][1]}"]
    drawn += [f"V{y}H{x}" if line.steps else f"L{x} {y}" for x, y in places[1:]]
    return f'<path class="{line.colour} {line.dashes}" d="{"".join(drawn)}"/>'


def _points(points: Points) -> Iterator[str]:
    """Yield the bars, and the points on top of them."""
    if points.low is not None and points.high is not None:
        for x, low, high in zip(points.x.tolist(), points.low.tolist(), points.high.tolist(), strict=True):
            if not math.isnan(low + high):
                yield f'<path class="bar" d="M{_x(x)} {_y(low)}V{_y(high)}"/>'
    for x, y, radius in zip(points.x.tolist(), points.y.tolist(), _radii(points), strict=True):
        yield f'<circle cx="{_x(x)}" cy="{_y(y)}" r="{_short(radius)}"/>'


def _radii(points: Points) -> list[float]:
    """Return radii by which areas grow with the sizes."""
    if points.sizes is None:
        return [ALONE] * len(points.x)
    shares = points.sizes / points.sizes.max()
    radii: list[float] = np.sqrt(SMALLEST**2 + (LARGEST**2 - SMALLEST**2) * shares).tolist()
    return radii
