"""The floors of docs/architecture.md: a module imports from lower floors or its own, and `import textclf` is light."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "textclf"

FLOORS = [
    set(rooms.split())
    for rooms in (
        "errors explanation files labels languages locks memory progress records scripts version words yamlfile",
        "articles datasets perturb",
        "bands bundle_check bundle_contents calibration curves cut_offs facets intervals keywords metrics models "
        "objectives onnx_contents priors significance splits threshold_fit thresholds",
        "article_ids bundle config corpus_summary labeller markdown model_card model_metadata narrowed run_facts "
        "search_space",
        "adapt adapt_changes adapt_target adjudication agreement bulk cascade cascade_evidence classifier client "
        "compare comparison data_facts errors_found evaluate explain export gold inspection leakage learning_curve "
        "leave_out own_articles predict pretrain pseudo_label publish refit report robustness saved_scores scoring "
        "slices speeds study train train_together training_data tune unlabelled",
        "cli server",
    )
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
HEAVY = {"torch", "transformers", "onnxruntime", "onnx", "openvino", "accelerate", "skops", "sentence_transformers"}


def imports(path: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.append(node.module)
        elif isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        assert not (isinstance(node, ast.ImportFrom) and node.level), f"{path}: relative import"
    return found


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def modules() -> list[Path]:
    return [p for p in sorted(PACKAGE.rglob("*.py")) if room(p) not in ("__init__", "__main__")]


def test_every_room_has_a_floor() -> None:
    assert {room(path) for path in modules()} == set(FLOOR)


def test_nothing_imports_from_a_higher_floor() -> None:
    climbing = []
    for path in modules():
        for name in imports(path):
            parts = name.split(".")
            if parts[0] == "textclf" and len(parts) > 1 and FLOOR[parts[1]] > FLOOR[room(path)]:
                climbing.append(f"{path.relative_to(PACKAGE)} imports {name}")
    assert climbing == []


def test_no_two_rooms_import_each_other() -> None:
    needs = {r: set[str]() for r in FLOOR}
    for path in modules():
        parts = [name.split(".") for name in imports(path)]
        needs[room(path)] |= {p[1] for p in parts if p[0] == "textclf" and len(p) > 1} - {room(path)}
    done: set[str] = set()
    while ready := {r for r in needs if r not in done and needs[r] <= done}:
        done |= ready
    assert set(needs) - done == set()


def test_heavy_libraries_stay_in_models_and_scikit_learn_in_its_face() -> None:
    for path in modules():
        tops = {name.split(".")[0] for name in imports(path)}
        if room(path) != "models":
            assert not tops & HEAVY, path
        if room(path) not in ("models", "classifier"):
            assert "sklearn" not in tops, path
        assert not tops & {"pickle", "joblib", "dill"}, path


def test_importing_textclf_loads_nothing_heavy() -> None:
    code = (
        "import sys, textclf, textclf.cli\n"
        "textclf.LabelSet, textclf.Article, textclf.load, textclf.read_article, textclf.load_config\n"
        "heavy = {'torch', 'transformers', 'onnxruntime', 'matplotlib', 'fastapi', 'sklearn', 'scipy', 'datasets', "
        "'optuna'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_public_names_are_there() -> None:
    import textclf

    for name in textclf.__all__:
        assert getattr(textclf, name) is not None
    assert set(textclf.__all__) <= set(dir(textclf))


def test_the_page_of_commands_is_fresh() -> None:
    root = PACKAGE.parent
    code = "import runpy; print(runpy.run_path('scripts/docs_cli.py')['page'](), end='')"
    page = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root).stdout
    assert page == (root / "docs" / "cli.md").read_text(encoding="utf-8"), "run: python scripts/docs_cli.py"
