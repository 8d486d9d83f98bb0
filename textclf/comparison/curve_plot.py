"""The picture of a learning curve: scores by articles, what more of them would bring, and the cost of noise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from textclf.comparison.curve import LearningCurve, Point
from textclf.errors import ConfigError, import_extra
from textclf.files import written_aside
from textclf.study.plots import FAINT, INK, STRONG

ENDINGS = (".svg", ".png")
SHOWN = {"macro_f1": ("macro-F1", STRONG), "macro_ap": ("macro-AP", "#b5651d")}
PURPOSE = "the picture of a learning curve"


def check_picture(path: Path) -> None:
    """Make sure that a picture can be drawn there, before long work is begun.

    Raises:
        ConfigError: When its ending is not known.
        MissingExtraError: When matplotlib is not installed.
    """
    if path.suffix.lower() not in ENDINGS:
        raise ConfigError(f"--plot {path}: the ending must be one of {', '.join(ENDINGS)}")
    import_extra("matplotlib.figure", extra="plots", purpose=PURPOSE)


def draw_curve(path: Path, curve: LearningCurve) -> None:
    """Draw a learning curve.

    Args:
        path: An SVG or PNG file, written whole or not at all.
        curve: What to draw.

    Raises:
        ConfigError: When the ending is not known.
        MissingExtraError: When matplotlib is not installed.
    """
    check_picture(path)
    matplotlib = import_extra("matplotlib", extra="plots", purpose=PURPOSE)
    figure = import_extra("matplotlib.figure", extra="plots", purpose=PURPOSE).Figure(
        figsize=(11 if curve.noise else 7, 4.2), layout="constrained"
    )
    panels = figure.subplots(1, 2 if curve.noise else 1, squeeze=False)[0]
    _draw_sizes(panels[0], curve)
    if curve.noise:
        _draw_noise(panels[1], curve)
    settings = {"svg.hashsalt": "textclf", "svg.fonttype": "none", "font.family": "sans-serif"}
    kind = path.suffix.lower().removeprefix(".")
    with matplotlib.rc_context(settings), written_aside(path) as aside:
        figure.savefig(aside, format=kind, dpi=150, metadata={"Date": None} if kind == "svg" else None)


def _draw_sizes(axes: Any, curve: LearningCurve) -> None:
    """Draw each score by number of articles, with intervals, and the law through them where it predicts."""
    _make_plain(axes)
    sizes = np.array([point.articles for point in curve.points])
    for name, (title, colour) in SHOWN.items():
        _draw_points(axes, sizes, curve.points, name, colour)
        law = curve.forecasts.get(name)
        if law is not None and not law.faults:
            between = np.linspace(sizes[0], sizes[-1], 200)
            axes.plot(between, law.score(between), color=colour, linewidth=1.2)
        place = (float(sizes[-1]), curve.points[-1].scores[name].value)
        if law is not None and law.gain is not None:
            start, place = place, (place[0] + law.more, place[1] + law.gain.value)
            axes.plot(*zip(start, place, strict=True), ":", color=colour, linewidth=1.2)
            low, high = (abs(end - law.gain.value) for end in law.gain.interval)
            axes.errorbar(*place, yerr=[[low], [high]], fmt="_", color=colour, elinewidth=1, capsize=2)
        _name(axes, title, place, colour)
    axes.set_xlabel("training articles", color=INK)
    title = f"{curve.model}: score on {curve.n_held_out} held-out articles"
    axes.set_title(title, loc="left", color=INK, fontsize=11)
    axes.margins(x=0.12, y=0.12)


def _draw_noise(axes: Any, curve: LearningCurve) -> None:
    """Draw each score by share of flipped labels, the clean one among them where it was measured."""
    _make_plain(axes)
    clean = [point for point in curve.points if point.articles == curve.noise[0].articles]
    points = [*clean, *curve.noise]
    shares = np.array([point.noise for point in points])
    for name, (title, colour) in SHOWN.items():
        _draw_points(axes, shares, points, name, colour)
        axes.plot(shares, [point.scores[name].value for point in points], color=colour, linewidth=1.2)
        _name(axes, title, (shares[-1], points[-1].scores[name].value), colour)
    axes.set_xticks(shares, [f"{share:.0%}" for share in shares])
    axes.set_xlabel("share of training labels flipped", color=INK)
    axes.set_title(f"with {points[0].articles} training articles", loc="left", color=INK, fontsize=11)
    axes.margins(x=0.15, y=0.12)


def _draw_points(axes: Any, places: np.ndarray, points: list[Point], name: str, colour: str) -> None:
    """Draw repeats as faint dots, means as strong ones with their intervals."""
    for place, point in zip(places, points, strict=True):
        repeats = point.by_repeat[name]
        axes.plot([place] * len(repeats), repeats, "o", color=FAINT, markersize=3)
    values = np.array([point.scores[name].value for point in points])
    ends = np.array([point.scores[name].interval for point in points]).T
    bars = np.abs(ends - values)
    axes.errorbar(places, values, yerr=bars, fmt="o", color=colour, markersize=5, elinewidth=1, capsize=2)


def _name(axes: Any, title: str, place: tuple[float, float], colour: str) -> None:
    axes.annotate(title, place, xytext=(7, 0), textcoords="offset points", va="center", color=colour)


def _make_plain(axes: Any) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK)
