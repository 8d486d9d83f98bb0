"""Bundles that older code wrote still load and say what they said then; those of newer formats are refused."""

from __future__ import annotations

import hashlib
import json
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from textclf.bundle import FORMAT_VERSION, load_bundle, read_card
from textclf.errors import BundleError
from textclf.inspection import inspect_bundle

OLD = Path(__file__).parent / "data" / "bundles"
NEWEST = OLD / "18859ee"
STAGES = sorted(folder.name for folder in OLD.iterdir() if (folder / "expected.json").is_file())
EXPECTED = {stage: json.loads((OLD / stage / "expected.json").read_text(encoding="utf-8")) for stage in STAGES}
KEPT = [(stage, kind) for stage in STAGES for kind in EXPECTED[stage]["kinds"]]


def test_every_format_has_a_bundle_that_is_kept():
    formats = {json.loads(card.read_text(encoding="utf-8"))["format_version"] for card in OLD.rglob("textclf.json")}
    assert formats == set(range(1, FORMAT_VERSION + 1))


def here_is_older_than_in(bundle: Path) -> bool:
    wrote = json.loads((bundle / "textclf.json").read_text(encoding="utf-8"))["libraries"]["scikit-learn"]
    here = version("scikit-learn")
    return [int(part) for part in here.split(".")[:2]] < [int(part) for part in wrote.split(".")[:2]]


@pytest.mark.filterwarnings("default")  # a newer scikit-learn may say that an older one wrote the head
@pytest.mark.parametrize(("stage", "kind"), KEPT)
def test_an_old_bundle_says_what_it_said_when_it_was_written(stage: str, kind: str):
    if kind == "frozen_encoder" and here_is_older_than_in(OLD / stage / kind):
        pytest.skip("its head is scikit-learn's own file, and a newer scikit-learn wrote it")
    model, texts, then = load_bundle(OLD / stage / kind), EXPECTED[stage]["texts"], EXPECTED[stage]["kinds"][kind]
    np.testing.assert_allclose(model.predict_proba(texts), then["probabilities"], atol=2e-5)
    assert [list(found) for found in model.predict(texts)] == then["labels"]
    assert not inspect_bundle(OLD / stage / kind).faults


def sign(bundle: Path, card: dict[str, Any]) -> None:
    """Give a bundle another card, and a manifest that holds."""
    content = json.dumps(card).encode()
    (bundle / "textclf.json").write_bytes(content)
    manifest = json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))
    manifest["textclf.json"] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (bundle / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


@pytest.mark.parametrize("version", [0, FORMAT_VERSION + 1, "1", None, 1.5])
def test_a_bundle_of_a_format_that_is_not_read_is_refused(tmp_path: Path, version: Any):
    bundle = shutil.copytree(NEWEST / "tfidf", tmp_path / "bundle")
    sign(bundle, json.loads((bundle / "textclf.json").read_text(encoding="utf-8")) | {"format_version": version})
    for read in (load_bundle, read_card):
        with pytest.raises(BundleError, match=r"bundle format .*reads format 1\. Install a newer textclf"):
            read(bundle)


def test_an_option_of_a_later_version_is_named_with_that_version(tmp_path: Path):
    bundle = shutil.copytree(NEWEST / "finetuned", tmp_path / "bundle")
    card = json.loads((bundle / "textclf.json").read_text(encoding="utf-8")) | {"textclf_version": "9.1"}
    card["config"]["model"]["options"]["sharpness"] = 2
    sign(bundle, card)
    with pytest.raises(BundleError, match=r"no option sharpness of kind finetuned.*by textclf 9\.1"):
        load_bundle(bundle)


SIGNATURES = ("manifest.json.sig", "manifest.json.asc", "manifest.json.sigstore.json", "manifest.json.sigstore")


@pytest.mark.parametrize("name", SIGNATURES)
def test_a_signature_of_the_manifest_may_lie_beside_it(tmp_path: Path, name: str):
    bundle = shutil.copytree(NEWEST / "tfidf", tmp_path / "bundle")
    (bundle / name).write_bytes(b"\x89\x02 a signature, which is for other programs to check")
    assert not inspect_bundle(bundle).faults
    assert load_bundle(bundle).predict(["shells fell near the bridge."])
