"""Every promise in the docs names a test that is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NAMED = re.compile(r"`(test_\w+\.py)::(test_\w+)`")


@pytest.mark.parametrize("page", ["docs/reliability.md", "SECURITY.md"])
def test_the_tests_a_page_names_are_there(page: str) -> None:
    named = NAMED.findall((ROOT / page).read_text(encoding="utf-8"))
    assert len(named) > 5
    for file, name in named:
        tree = ast.parse((ROOT / "tests" / file).read_text(encoding="utf-8"))
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, f"{file}::{name}"


@pytest.mark.parametrize("page", ["docs/reliability.md"])
def test_every_row_of_promises_names_its_test(page: str) -> None:
    lines = (ROOT / page).read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if line.startswith("| ") and not line.startswith("| ---")]
    heads = [line for line in rows if line.endswith(" test |")]
    assert all(NAMED.search(row) for row in rows if row not in heads)
