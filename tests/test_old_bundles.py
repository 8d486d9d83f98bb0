"""Bundles that earlier versions wrote are loaded, and say what they said then."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import textclf
from textclf.bundle import CARD, MANIFEST
from textclf.errors import BundleError
from textclf.files import sha256_of

BUNDLES = Path(__file__).parent / "data" / "bundles"
EXPECTED = json.loads((BUNDLES / "expected.json").read_text(encoding="utf-8"))


def test_every_old_bundle_is_tried() -> None:
    assert {path.name for path in BUNDLES.iterdir() if path.is_dir()} == set(EXPECTED["probabilities"])


@pytest.mark.parametrize("name", sorted(EXPECTED["probabilities"]))
def test_an_old_bundle_says_what_it_said_then(name: str) -> None:
    model = textclf.load(BUNDLES / name)
    wanted = np.array(EXPECTED["probabilities"][name])
    np.testing.assert_allclose(model.predict_proba(EXPECTED["texts"]), wanted, atol=2e-6)


def changed(folder: Path, **changes: object) -> Path:
    """Return a copy of a bundle with another card, whose manifest holds."""
    bundle = Path(shutil.copytree(BUNDLES / "finetuned-1", folder / "bundle"))
    card = json.loads((bundle / CARD).read_text(encoding="utf-8")) | changes
    (bundle / CARD).write_text(json.dumps(card), encoding="utf-8")
    manifest = json.loads((bundle / MANIFEST).read_text(encoding="utf-8"))
    manifest[CARD] = {"size": (bundle / CARD).stat().st_size, "sha256": sha256_of(bundle / CARD)}
    (bundle / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    return bundle


def test_a_bundle_of_a_later_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"format 2; this textclf .* reads format 1\. Install a newer textclf"):
        textclf.load(changed(tmp_path, format_version=2))


def test_an_option_of_a_later_version_is_named_with_that_version(tmp_path: Path) -> None:
    card = json.loads((BUNDLES / "finetuned-1" / CARD).read_text(encoding="utf-8"))
    card["config"]["model"]["options"]["sharpness"] = 2
    bundle = changed(tmp_path, config=card["config"], textclf_version="9.1")
    with pytest.raises(BundleError, match=r"no option sharpness of kind finetuned.*by textclf 9\.1"):
        textclf.load(bundle)
