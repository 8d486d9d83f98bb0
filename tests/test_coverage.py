"""Intervals hold the truth about as often as they say where articles are drawn, and far less where paragraphs are."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def bench() -> dict[str, Any]:
    return runpy.run_path(str(Path(__file__).parent.parent / "scripts" / "bench" / "coverage.py"))


def test_articles_cover_and_paragraphs_do_not(bench: dict[str, Any]) -> None:
    wanted = bench["truth"](0.5, n_articles=20_000)
    shares, widths = bench["coverage"](60, 0.5, repeats=60, resamples=200, wanted=wanted)
    percentile, bca, widened, paragraphs = shares.mean(axis=1)  # over scores
    assert percentile > 0.86
    assert bca > 0.86
    assert 0.99 > widened > 0.88
    assert paragraphs < 0.82
    assert (widths[3] < 0.9 * widths[0]).all()
