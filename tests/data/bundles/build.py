"""Train the small bundles kept here, with the code of an older commit; see README.md beside this file.

cd OLD-CHECKOUT && PYTHONPATH=$PWD python .../tests/data/bundles/build.py FOLDER
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path

from tests.models import make_encoder
from tests.test_bundle import TEXTS, train_tiny
from textclf.bundle import load_bundle


def main(out: Path) -> None:
    """Train each kind that this commit has, and write what it says of three texts beside its bundle."""
    expected = {}
    with tempfile.TemporaryDirectory() as made:
        encoder = make_encoder(Path(made) / "encoder")
        for kind in ("tfidf", "frozen_encoder", "finetuned"):
            place = Path(made) / kind
            place.mkdir()
            bundle = train_tiny(place, kind, encoder=None if kind == "tfidf" else encoder)
            shutil.copytree(bundle, out / kind)
            model = load_bundle(out / kind)
            expected[kind] = {
                "probabilities": model.predict_proba(TEXTS).astype(float).round(7).tolist(),
                "labels": [list(found) for found in model.predict(TEXTS)],
            }
    (out / "expected.json").write_text(json.dumps({"texts": TEXTS, "kinds": expected}, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
