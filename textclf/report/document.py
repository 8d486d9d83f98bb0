"""The parts a report is set from. Both renderings read the same parts, so that they say the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from textclf.report.mistakes import Mistake


@dataclass(frozen=True)
class Prose:
    """A paragraph of words."""

    text: str
    lead: bool = False
    kind: ClassVar[str] = "prose"


@dataclass(frozen=True)
class Banner:
    """What a reader must know before believing the numbers: red where not held out, amber where they flatter."""

    tone: Literal["red", "amber", "note"]
    title: str
    text: str
    kind: ClassVar[str] = "banner"


@dataclass(frozen=True)
class Strip:
    """A value and its interval on a scale, drawn as a dot on a line.

    Attributes:
        value: The value.
        low: Where the interval begins; NaN where there is none.
        high: Where it ends.
        scale: The ends of the scale.
        mark: A place on the scale to set values against; None for none.
    """

    value: float
    low: float
    high: float
    scale: tuple[float, float] = (0.0, 1.0)
    mark: float | None = None

    def place(self, value: float) -> float:
        """Return where a value stands, from 0 at the left end to 1 at the right; what lies beyond stands at the end."""
        start, end = self.scale
        return min(max((value - start) / (end - start), 0.0), 1.0)


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Attributes:
        text: What it says; a dash where there is nothing to say.
        aside: What stands beside it in small: an interval, or why there is a dash.
        strip: The same as a dot on a line.
        heat: How dark it is shaded, 0 to 5; the number stands in it all the same.
    """

    text: str
    aside: str = ""
    strip: Strip | None = None
    heat: int = 0


@dataclass(frozen=True)
class Table:
    """Rows and columns. The first cell of each row names it.

    Attributes:
        caption: What it shows.
        columns: The heads, the first above the names of the rows.
        rows: The rows.
        look: ``"cards"`` become one block a row on a narrow screen, ``"matrix"`` keeps its shape, ``"plain"`` is small.
        note: What to know when reading it.
        flat: Its intervals stand beside their scores, not below.
        folded: It is there to be looked up, behind a line that opens it.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    look: Literal["cards", "matrix", "plain"] = "plain"
    note: str = ""
    flat: bool = False
    folded: bool = False
    kind: ClassVar[str] = "table"


@dataclass(frozen=True)
class SideBySide:
    """Tables to be compared."""

    tables: tuple[Table, ...]
    kind: ClassVar[str] = "side_by_side"


@dataclass(frozen=True)
class Numeral:
    """One of the few large numbers at the top; `beside` is another model's name and its score."""

    name: str
    cell: Cell
    meaning: str
    beside: tuple[str, str] | None = None


@dataclass(frozen=True)
class Numerals:
    """The large numbers at the top."""

    items: tuple[Numeral, ...]
    kind: ClassVar[str] = "numerals"


@dataclass(frozen=True)
class Facts:
    """Names and what they stand for."""

    pairs: tuple[tuple[str, str], ...]
    kind: ClassVar[str] = "facts"


@dataclass(frozen=True)
class Line:
    """A line of a plot: ink is strongest, accent and second are colours, faint is for what others are set against."""

    x: np.ndarray
    y: np.ndarray
    colour: Literal["ink", "accent", "second", "faint"]
    dashes: Literal["solid", "dashed", "dotted"] = "solid"
    steps: bool = False


@dataclass(frozen=True)
class Points:
    """Points of a plot, each with a bar from `low` to `high`, where those are not NaN, and an area."""

    x: np.ndarray
    y: np.ndarray
    low: np.ndarray | None = None
    high: np.ndarray | None = None
    sizes: np.ndarray | None = None


@dataclass(frozen=True)
class Plot:
    """A small plot between 0 and 1 both ways. It holds no words but the names of its axes."""

    x_name: str
    y_name: str
    lines: tuple[Line, ...] = ()
    points: Points | None = None
    upright: float | None = None


@dataclass(frozen=True)
class Panel:
    """One of several small plots.

    Attributes:
        title: What it is of.
        plot: What to draw; None where there is nothing to.
        words: The same in words, for who cannot see it.
    """

    title: str
    plot: Plot | None
    words: str


@dataclass(frozen=True)
class Panels:
    """Small plots side by side, with a key of what the lines are."""

    panels: tuple[Panel, ...]
    key: tuple[tuple[str, str], ...] = ()
    kind: ClassVar[str] = "panels"


@dataclass(frozen=True)
class Readings:
    """Paragraphs to read."""

    mistakes: tuple[Mistake, ...]
    kind: ClassVar[str] = "readings"


@dataclass(frozen=True)
class Legend:
    """How words are marked that drove a decision, and by what method that was found."""

    method: str
    kind: ClassVar[str] = "legend"


@dataclass(frozen=True)
class Code:
    """Something to type or to compare, letter by letter."""

    text: str
    title: str = ""
    folded: bool = False
    kind: ClassVar[str] = "code"


@dataclass(frozen=True)
class Heading:
    """A heading within a section."""

    text: str
    kind: ClassVar[str] = "heading"


Block = Prose | Banner | Table | SideBySide | Numerals | Facts | Panels | Readings | Legend | Code | Heading


@dataclass(frozen=True)
class Section:
    """A part of the report with a heading of its own."""

    anchor: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Document:
    """A whole report: its title, the line above and the line below it, and its sections; the first has no heading."""

    title: str
    above: str
    below: str
    opening: tuple[Block, ...]
    sections: tuple[Section, ...]
