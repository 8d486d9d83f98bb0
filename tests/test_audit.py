"""What is said of known vulnerabilities: none is hidden, and no answer is no fault."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture
def verdict() -> Callable[[str], tuple[int, str]]:
    found: Callable[[str], tuple[int, str]] = runpy.run_path(str(ROOT / "scripts" / "audit.py"))["verdict"]
    return found


def package(name: str, *holes: str, **more: Any) -> dict[str, Any]:
    vulns = [{"id": hole, "fix_versions": ["2.0"], "aliases": []} for hole in holes]
    return {"name": name, "version": "1.0", "vulns": vulns, **more}


def report(*packages: dict[str, Any]) -> str:
    return json.dumps({"dependencies": packages, "fixes": []})


@pytest.mark.parametrize("said", ["", "no JSON", "[]", report(), report({"name": "x", "skip_reason": "not found"})])
def test_what_cannot_be_asked_is_skipped_with_a_line(verdict: Callable[[str], tuple[int, str]], said: str):
    assert verdict(said) == (0, "pip-audit: skipped, its data cannot be reached")


def test_a_known_vulnerability_fails_and_says_what_mends_it(verdict: Callable[[str], tuple[int, str]]):
    status, told = verdict(report(package("torch"), package("skops", "CVE-1"), {"name": "x", "skip_reason": "own"}))
    assert status == 1
    assert "skops 1.0: CVE-1, mended in 2.0" in told
    assert "2 packages looked up, 1 not known to it, 1 known vulnerabilities" in told


def test_packages_without_a_vulnerability_pass(verdict: Callable[[str], tuple[int, str]]):
    assert verdict(report(package("torch")))[0] == 0
