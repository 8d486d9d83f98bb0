"""How well pages with gold roles are read: floors a little under what was measured when they were set."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytest.importorskip("trafilatura")

ROOT = Path(__file__).parent.parent
PAGES = ROOT / "tests" / "data" / "pages"
FOLDERS = [pytest.param(PAGES / name, id=name) for name in ("dev", "held") if (PAGES / name).is_dir()]


def load() -> ModuleType:
    """Return the benchmark of reading, which is a script."""
    spec = importlib.util.spec_from_file_location("bench_reading", ROOT / "scripts" / "bench" / "reading.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def reading() -> ModuleType:
    return load()


@pytest.fixture(scope="module")
def scored(reading: ModuleType) -> dict[Path, Any]:
    return {}


@pytest.fixture
def scores(request: pytest.FixtureRequest, reading: ModuleType, scored: dict[Path, Any]) -> Any:
    """Return the scores of a folder of pages, which is read once."""
    if request.param not in scored:
        scored[request.param] = reading.score_pages([request.param])
    return scored[request.param]


@pytest.mark.parametrize("scores", FOLDERS, indirect=True)
def test_body_paragraphs_are_found_and_little_else_is_taken_for_them(scores: Any):
    assert scores.paragraph_f1 >= 0.94
    assert scores.roles["paragraph"].recall >= 0.95
    assert scores.teaser_share <= 0.04


@pytest.mark.parametrize("scores", [p for p in FOLDERS if p.id == "dev"], indirect=True)
@pytest.mark.parametrize(
    ("role", "f1"),
    [("heading", 0.71), ("caption", 0.75), ("byline", 0.77), ("teaser", 0.76), ("navigation", 0.8), ("list", 0.82)],
)
def test_every_other_role_is_told_too(scores: Any, role: str, f1: float):
    assert scores.roles[role].f1 >= f1


@pytest.mark.parametrize("scores", [p for p in FOLDERS if p.id == "dev"], indirect=True)
@pytest.mark.parametrize(
    ("name", "share"), [("title", 0.74), ("date", 0.85), ("byline", 0.66), ("source", 0.4), ("dateline", 0.78)]
)
def test_what_stands_around_the_text_is_told(scores: Any, name: str, share: float):
    assert scores.accuracy(name) >= share


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_page_with_gold_has_roles_we_know(reading: ModuleType, folder: Path):
    found = list(reading.gold_pages([folder]))
    assert len(found) == len(list(folder.glob("*.json"))) > 0
    for path, gold in found:
        assert path.suffix in (".txt", ".html")
        assert {block["role"] for block in gold["blocks"]} <= set(reading.ROLES)


def test_the_gold_itself_scores_full_marks_and_nothing_scores_none(reading: ModuleType):
    gold = {
        "layout": "x",
        **dict.fromkeys(reading.METADATA, ""),
        "blocks": [{"role": role, "text": f"a {role}"} for role in reading.ROLES],
    }
    from textclf.records import Article, Block

    blocks = tuple(Block(b["role"], b["text"], n, n + 1) for n, b in enumerate(gold["blocks"]))
    full, none = reading.Scores(), reading.Scores()
    reading.score_page(Article("a", (), blocks=blocks), gold, full, name="a")
    reading.score_page(Article("a", (), title="x"), gold, none, name="a")
    assert (full.paragraph_f1, full.teaser_share, full.errors, full.accuracy("title")) == (1.0, 0.0, [], 1.0)
    assert (none.paragraph_f1, none.accuracy("title"), len(none.errors)) == (0.0, 0.0, len(reading.ROLES) + 1)


def test_a_teaser_taken_for_a_paragraph_is_counted(reading: ModuleType):
    from textclf.records import Article, Block

    gold = {"layout": "x", **dict.fromkeys(reading.METADATA, ""), "blocks": [{"role": "teaser", "text": "Ferry lost"}]}
    scores = reading.Scores()
    reading.score_page(Article("a", (), blocks=(Block("paragraph", "Ferry lost", 0, 10),)), gold, scores, name="a")
    assert (scores.teasers, scores.teasers_taken, scores.teaser_share) == (1, 1, 1.0)
    assert "read as paragraph, should be teaser" in scores.errors[0]
    assert json.loads(json.dumps(scores.to_json()))["teasers_taken_for_paragraphs"] == 1
