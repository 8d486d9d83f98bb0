"""Small data and tiny models, made on the spot: no network, no hub."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

os.environ["OMP_NUM_THREADS"] = "1"  # tiny models are faster on one thread, above all on a busy machine

from textclf.labels import LabelSet
from textclf.records import Article, Examples, Paragraph

DATA = Path(__file__).parent.parent / "data"
LABELS = ("fight", "talk", "move")

WORDS = {
    "fight": "shells fell near the bridge while gunmen fired at soldiers",
    "talk": "envoys met the elders and offered terms through a mediator",
    "move": "green buses carried families out along the river corridor",
}
FILLER = ("the town has an old mill", "rain fell on the market all week", "a teacher spoke of her garden")


@pytest.fixture
def labels() -> LabelSet:
    return LabelSet.of(LABELS)


def make_articles(n: int, *, seed: int = 0, uncertain: bool = True) -> list[Article]:
    """Make n articles whose labels follow from their words; some labels are uncertain."""
    rng = np.random.default_rng(seed)
    articles = []
    for number in range(n):
        paragraphs = []
        for _ in range(int(rng.integers(2, 6))):
            carried = tuple(name for name in LABELS if rng.random() < 0.35)
            words = [WORDS[name] for name in carried] + [FILLER[int(rng.integers(3))]]
            unsure = tuple(n for n in LABELS if n not in carried and uncertain and rng.random() < 0.1)
            own = rng.integers(100_000)  # between any two phrases, so that paragraphs are no near-copies
            paragraphs.append(Paragraph(f"{f' {own} and '.join(words)} {own}.", carried, unsure))
        articles.append(Article(f"article-{number:03d}", tuple(paragraphs), title=f"Headline {number}"))
    return articles


@pytest.fixture
def articles() -> list[Article]:
    return make_articles(24)


@pytest.fixture
def examples(articles: list[Article], labels: LabelSet) -> Examples:
    return Examples.of(articles, labels)


@pytest.fixture
def write_jsonl(tmp_path: Path) -> Callable[..., Path]:
    """Give a function that writes articles (or raw records) as JSON Lines and returns the path."""

    def write(records: Iterable[Any], name: str = "data.jsonl") -> Path:
        path = tmp_path / name
        lines = [json.dumps(r.to_json() if isinstance(r, Article) else r, ensure_ascii=False) for r in records]
        path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        return path

    return write
