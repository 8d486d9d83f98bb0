"""The files of the web page as they are written: colours that can be read, and nothing from elsewhere."""

from __future__ import annotations

import re

import pytest

from tests.page_stub import PAGE


def colours(scheme: str) -> dict[str, str]:
    css = (PAGE / "page.css").read_text(encoding="utf-8")
    light, dark = (dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", part)) for part in _roots(css))
    return light if scheme == "light" else {**light, **dark}


def _roots(css: str) -> tuple[str, str]:
    first, second, *_ = re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    return first, second


def luminance(colour: tuple[float, ...]) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def parts(colour: str) -> tuple[float, ...]:
    return tuple(int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5))


def contrast(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast_is_enough_to_read(scheme: str) -> None:
    held = {name: parts(value) for name, value in colours(scheme).items()}
    papers = ("paper", "raised")
    text = [("ink", "red-paper"), ("on-accent", "accent"), ("accent", "raised")]
    text += [(ink, paper) for ink in ("ink", "muted") for paper in papers]
    shapes = [(name, paper) for name in (*(f"tone-{n}" for n in range(8)), "edge", "accent") for paper in papers]
    wanted = [*((4.5, *pair) for pair in text), *((3.0, *pair) for pair in shapes)]
    measured = {each: contrast(held[each[1]], held[each[2]]) for each in wanted}
    assert {pair: found for pair, found in measured.items() if found < pair[0]} == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_marked_words_stay_readable_at_their_strongest(scheme: str) -> None:
    held = {name: parts(value) for name, value in colours(scheme).items()}
    css = (PAGE / "page.css").read_text(encoding="utf-8")
    share = int(re.search(r"--strongest: (\d+)%", css)[1]) / 100
    for n in range(8):
        tone = held[f"tone-{n}"]
        mixed = tuple(share * t + (1 - share) * p for t, p in zip(tone, held["paper"], strict=True))
        assert contrast(held["ink"], mixed) >= 4.5, n


def test_every_label_has_a_colour_a_shape_and_a_pattern_of_its_own() -> None:
    css = (PAGE / "page.css").read_text(encoding="utf-8")
    found = re.findall(r"\.tone-(\d) \{ --tone: (.*?); --shape: (.*?); --fill: (.*?); \}", css)
    assert [int(number) for number, *_ in found] == list(range(8))
    for column in zip(*found, strict=True):
        assert len(set(column)) == 8
    for scheme in ("light", "dark"):
        assert len({colours(scheme)[f"tone-{n}"] for n in range(8)}) == 8


def test_nothing_is_inline_and_nothing_comes_from_elsewhere() -> None:
    html = (PAGE / "index.html").read_text(encoding="utf-8")
    script = (PAGE / "page.js").read_text(encoding="utf-8")
    style = (PAGE / "page.css").read_text(encoding="utf-8")
    assert re.findall(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", html) == []
    assert re.findall(r"(?:src|href)=\"([^\"]*)\"", html) == ["page.css", "page.js", "#article"]
    assert re.findall(r"url\(|@import", style) == []
    assert re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", script) == []
    assert [url for url in re.findall(r"https?://[^\"'`\s]+", script) if "www.w3.org/2000/svg" not in url] == []
