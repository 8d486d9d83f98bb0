"""A prediction from the command line loads what it needs and no more."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.models import make_encoder
from tests.test_bundle import train_tiny
from textclf.export import export

NEEDLESS = (
    "sklearn",
    "scipy",
    "torch",
    "transformers",
    "pandas",
    "pyarrow",
    "datasets",
    "matplotlib",
    "trafilatura",
    "rich",
    "yaml",
)
ARTICLE = "Shells fell near the bridge while gunmen fired.\n\nEnvoys met the elders and offered terms.\n"
Bundle = Callable[[str], Path]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    made: dict[str, Path] = {}

    def get(kind: str) -> Path:
        if kind not in made:
            encoder = None if kind == "tfidf" else make_encoder(tmp_path_factory.mktemp("encoder"))
            trained = train_tiny(tmp_path_factory.mktemp(kind), {"onnx": "finetuned"}.get(kind, kind), encoder=encoder)
            made[kind] = export(trained, tmp_path_factory.mktemp("graph") / "m").path if kind == "onnx" else trained
        return made[kind]

    return get


def run_apart(arguments: list[str]) -> tuple[list[str], set[str]]:
    """Run the command in a process of its own; return its lines of output and the top names of what it imported."""
    code = (
        "import sys\nfrom textclf.cli import main\n"
        f"try:\n    main({arguments!r})\nexcept SystemExit as end:\n    assert not end.code, end\n"
        "print(' '.join({name.split('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    *lines, modules = done.stdout.splitlines()
    return lines, set(modules.split())


@pytest.mark.parametrize("kind", ["tfidf", "static", "onnx"])
def test_predicting_loads_nothing_needless(bundle: Bundle, tmp_path: Path, kind: str) -> None:
    article = tmp_path / "article.txt"
    article.write_text(ARTICLE, encoding="utf-8")
    lines, modules = run_apart(["predict", str(bundle(kind)), str(article)])
    assert [json.loads(line)["paragraph"] for line in lines] == [0, 1]
    assert modules & set(NEEDLESS) == set()
    runs_on = {"tfidf": {"safetensors"}, "static": {"safetensors", "tokenizers"}, "onnx": {"onnxruntime", "tokenizers"}}
    assert runs_on[kind] <= modules


def test_a_file_is_written_with_no_more_except_that_parquet_needs_pyarrow(bundle: Bundle, tmp_path: Path) -> None:
    article = tmp_path / "article.txt"
    article.write_text(ARTICLE, encoding="utf-8")
    for ending, more in {"jsonl": set[str](), "csv": set[str](), "parquet": {"pyarrow"}}.items():
        out = tmp_path / f"labelled.{ending}"
        _, modules = run_apart(["predict", str(bundle("tfidf")), str(article), "--out", str(out)])
        assert out.is_file()
        assert modules & set(NEEDLESS) - {"pandas"} == more  # pyarrow takes in pandas where it is installed


def test_a_command_that_is_not_asked_for_is_not_imported() -> None:
    code = (
        "import sys\nfrom textclf.cli import make_app\nmake_app(['read'])\n"
        "print(*sorted(name for name in sys.modules if name.startswith('textclf.cli.')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "textclf.cli.read" in done.stdout.split()
    assert not {"textclf.cli.tune", "textclf.cli.data", "textclf.cli.compare"} & set(done.stdout.split())


def test_help_lists_every_command_in_order() -> None:
    from typer.main import get_command

    from textclf.cli import COMMANDS, make_app

    assert list(get_command(make_app()).commands) == list(COMMANDS)  # type: ignore[attr-defined]
    assert list(get_command(make_app(["predict"])).commands) == ["predict"]  # type: ignore[attr-defined]
