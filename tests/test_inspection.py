"""Looking at a bundle without loading it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import LABELS
from tests.test_bundle import train_tiny
from tests.test_cli import ROOT, Run, run
from textclf.errors import BundleError
from textclf.inspection import inspect_bundle

__all__ = ["run"]  # a fixture


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tiny(tmp_path_factory.mktemp("inspect"), "tfidf")


@pytest.fixture
def bundle(trained: Path, tmp_path: Path) -> Path:
    shutil.copytree(trained, tmp_path / "model")
    return tmp_path / "model"


def test_a_whole_bundle_is_told_of(bundle: Path, run: Run) -> None:
    code, out, _ = run("inspect", bundle, "--json", bundle.parent / "i.json")
    assert code == 0
    for told in ("kind tfidf", "fight", "it would load", "no held-out scores", "weights.safetensors"):
        assert told in " ".join(out.split())
    found = json.loads((bundle.parent / "i.json").read_text())
    assert found["loads"]
    assert [label["name"] for label in found["labels"]] == list(LABELS)
    assert set(found["files"]) == {f.relative_to(bundle).as_posix() for f in bundle.rglob("*") if f.is_file()}
    assert found["size"] == sum(f.stat().st_size for f in bundle.rglob("*") if f.is_file())
    assert "article-0" not in json.dumps(found)


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("model/weights.safetensors", b"x"),
        ("model/weights.safetensors", None),
        ("textclf.json", b"{"),
        ("textclf.json", b'{"format_version": 1, "kind": [], "config": "?"}'),
        ("textclf.json", None),
        ("manifest.json", b"[]"),
        ("manifest.json", None),
        ("model/adapter_config.json", b"{}"),
    ],
)
def test_a_damaged_bundle_is_told_by_name_and_ends_with_1(
    bundle: Path, run: Run, file: str, damage: bytes | None
) -> None:
    if damage is None:
        (bundle / file).unlink()
    else:
        (bundle / file).write_bytes(damage)
    code, out, err = run("inspect", bundle)
    assert code == 1
    assert "Traceback" not in err
    assert f"damaged: {Path(file).name}" in out.replace("model/", "") or f"{Path(file).name}" in out
    assert "it would not load" in out


def test_a_card_that_does_not_fit_together_is_a_fault_though_its_hash_is_right(bundle: Path) -> None:
    from textclf.bundle import rewrite_card

    card = json.loads((bundle / "textclf.json").read_text())
    options = {**card["config"]["model"]["options"], "min_dff": 3}
    rewrite_card(bundle, {**card, "config": {**card["config"], "model": {"kind": "tfidf", "options": options}}})
    (fault,) = inspect_bundle(bundle).faults
    assert "min_dff" in fault


def test_a_newer_format_and_a_missing_package_are_faults(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("textclf.inspection.find_spec", lambda name: None)
    assert "it needs the package sklearn, which is not installed" in inspect_bundle(bundle).faults
    card = json.loads((bundle / "textclf.json").read_text())
    (bundle / "textclf.json").write_text(json.dumps({**card, "format_version": 99}))
    assert any("format 99" in fault for fault in inspect_bundle(bundle).faults)


def test_warnings_tell_of_what_does_not_stop_it(bundle: Path) -> None:
    from textclf.bundle import rewrite_card

    card = json.loads((bundle / "textclf.json").read_text())
    changed = {"thresholds": {**card["thresholds"], "talk": 2.0}, "libraries": {**card["libraries"], "numpy": "1.0"}}
    rewrite_card(bundle, {**card, **changed})
    (bundle / "README.md").write_text("mine")
    found = inspect_bundle(bundle)
    told = "\n".join(found.warnings)
    assert found.faults == ()
    for text in ("never gives talk", "numpy 1.0", "README.md was edited", "24 articles", "no held-out scores"):
        assert text in told


def test_no_bundle_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"holds no textclf\.json"):
        inspect_bundle(tmp_path)
    with pytest.raises(BundleError, match="no such folder"):
        inspect_bundle(tmp_path / "nothing")


def test_the_model_is_not_loaded(bundle: Path) -> None:
    code = (
        "import sys\nfrom textclf.inspection import inspect_bundle\n"
        f"assert not inspect_bundle({str(bundle)!r}).faults\n"
        "print(sorted({'torch', 'transformers', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"
