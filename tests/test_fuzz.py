"""The fuzzer led by coverage runs, finds planted faults, and finds none of ours in a few seconds."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.fuzz.__main__ import COUNTED, TARGETS
from tests.fuzz.targets import ARTICLES, CONFIGS, DATASETS, target_of
from textclf.articles import FEEDS, PAGES
from textclf.datasets.registry import FORMATS

ROOT = Path(__file__).parent.parent
ODD = [b"", b"\0", b"{", b"[[[[", b"\xff\xfe\xff", b'{"paragraphs": [{"text": 1e999}]}\n', b"a: &a [*a]\n", b"\n" * 99]


def test_every_reader_is_a_target():
    assert {*PAGES, *FEEDS} - set(ARTICLES) == {".warc.gz"}  # its bytes are packed, so that a change breaks them all
    assert set(DATASETS) == set(FORMATS)
    assert set(TARGETS["all"]) == {name for names in TARGETS.values() for name in names}


@pytest.mark.parametrize(
    ("name", "kinds"), [("articles", len(ARTICLES)), ("datasets", len(DATASETS)), ("config", len(CONFIGS))]
)
def test_odd_bytes_of_every_kind_end_in_an_error_of_ours_or_none(name: str, kinds: int, tmp_path: Path):
    call = target_of(name, tmp_path)
    for kind in range(kinds):
        for content in ODD:
            call(bytes([kind]) + content, tmp_path / "case")


@pytest.mark.skipif(find_spec("atheris") is None, reason="atheris is not installed")
@pytest.mark.parametrize("name", ["datasets", "config"])
def test_a_short_run_of_the_fuzzer_finds_no_fault(name: str, tmp_path: Path):
    command = [sys.executable, "-m", "tests.fuzz", name, "--runs", "300", "--keep", str(tmp_path)]
    command += ["--seconds", "600", "--slowest", "300"]  # however busy the machine is
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert f"{name}: " in run.stdout
    assert " 0 faults" in run.stdout


def test_what_the_fuzzer_tells_is_read():
    assert COUNTED.findall("#132\tDONE   cov: 696 ft: 2246 corp: 40/9Kb\n") == [("132", "696", "2246")]
