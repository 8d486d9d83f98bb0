"""A trained model as a folder: `textclf.json`, the files of its kind under `model/`, and a manifest.

No pickle, ever. Every file's size and SHA-256 is in `manifest.json`. `textclf.bundle_check` looks at all of it before
anything is loaded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from textclf.bundle_check import CARD as CARD
from textclf.bundle_check import MANIFEST as MANIFEST
from textclf.bundle_check import raise_bundle_faults
from textclf.bundle_contents import LARGEST_CARD, read_object
from textclf.calibration import Calibration
from textclf.errors import BundleError, ConfigError
from textclf.files import sha256_of, written_aside
from textclf.labeller import Labeller
from textclf.labels import LabelSet
from textclf.models.interface import Trainable
from textclf.models.registry import get_kind
from textclf.version import __version__

FORMAT_VERSION = 1
UNFIT = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, OSError, RuntimeError)
"""What comes of parts that do not fit each other."""

LIBRARIES = ("numpy", "scikit-learn", "skops", "safetensors", "tokenizers", "torch", "transformers")


def save_bundle(labeller: Labeller, path: str | Path, *, kind: str, card: Mapping[str, Any]) -> Labeller:
    """Write a labeller as a bundle, in place of an older bundle if there is one.

    Args:
        labeller: Its predictor must be `Trainable`.
        path: The folder to be. It is written beside and then renamed, so a kill leaves the old bundle whole.
        kind: The registry name of the predictor's kind.
        card: What else to keep in `textclf.json`: the resolved config, data fingerprint, scores.

    Returns:
        The same labeller, knowing its card and path.

    Raises:
        BundleError: When `path` holds something that is no bundle.
        WriteError: When it cannot be written.
    """
    path = Path(path)
    check_replaceable(path)
    predictor: Trainable = labeller.predictor  # type: ignore[assignment]
    whole = {
        "format_version": FORMAT_VERSION,
        "textclf_version": __version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "kind": kind,
        "labels": labeller.labels.to_json(),
        "thresholds": dict(zip(labeller.labels, map(float, labeller.thresholds), strict=True)),
        "calibration": labeller.calibration.to_json(labeller.labels.names),
        "libraries": library_versions(),
        **card,
    }
    with written_aside(path, folder=True) as folder:
        (folder / "model").mkdir()
        predictor.save(folder / "model")
        content = json.dumps(whole, indent=2, ensure_ascii=False, allow_nan=False)
        (folder / CARD).write_text(content + "\n", encoding="utf-8")
        files = sorted(file for file in folder.rglob("*") if file.is_file())
        manifest = {
            file.relative_to(folder).as_posix(): {"size": file.stat().st_size, "sha256": sha256_of(file)}
            for file in files
        }
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return replace(labeller, card=whole, path=path)


def load_bundle(path: str | Path) -> Labeller:
    """Load a bundle. No code in it is run.

    Raises:
        BundleError: When it is missing, damaged, not safe to load, of a newer format, or does not fit together.
    """
    path = Path(path)
    check_format(path)
    try:
        raise_bundle_faults(path)
        card = read_object(path / CARD, most=LARGEST_CARD)
        labels = LabelSet.from_json(card["labels"])
        kind = get_kind(card["kind"])
        options = kind.options_type.model_validate(card["config"]["model"]["options"])
        predictor = kind.load(path / "model", labels, options, seed=int(card["config"]["seed"]))
        calibration = Calibration.from_json(card["calibration"], labels.names)
        thresholds = np.array([card["thresholds"][name] for name in labels], dtype=np.float64)
    except (*UNFIT, ValidationError, ConfigError) as fault:
        raise BundleError(f"{path} cannot be loaded: {type(fault).__name__}: {fault}") from fault
    return Labeller(predictor, calibration, thresholds, card=card, path=path)


def read_card(path: str | Path) -> dict[str, Any]:
    """Return what is known of a bundle's model, without loading it; its files are checked.

    Raises:
        BundleError: When it is missing, damaged or of a newer format.
    """
    path = Path(path)
    check_format(path)
    raise_bundle_faults(path)
    return read_object(path / CARD, most=LARGEST_CARD)


def check_format(path: Path) -> None:
    """Make sure that there is a bundle of a format this version reads.

    Raises:
        BundleError: When there is no bundle, or one of another format.
    """
    if not path.is_dir():
        raise BundleError(f"no model at {path}: there is no such folder. Train one with: textclf train CONFIG")
    if not (path / CARD).is_file() and not (path / MANIFEST).is_file():
        raise BundleError(f"{path} is no textclf model: it holds no {CARD}")
    found = read_object(path / CARD, most=LARGEST_CARD).get("format_version")
    if found != FORMAT_VERSION:
        raise BundleError(
            f"{path} has bundle format {found!r}; this textclf {__version__} reads format {FORMAT_VERSION}. "
            f"Install a newer textclf, or train the model again"
        )


def check_replaceable(path: Path) -> None:
    """Make sure that a bundle may be written at `path`: nothing there, an empty folder, or an older bundle alone.

    Raises:
        BundleError: When something else is there.
    """
    if path.is_dir() and (not any(path.iterdir()) or (path / CARD).is_file()):
        foreign = sorted({file.name for file in path.iterdir()} - {CARD, MANIFEST, "model"})
        if foreign:
            raise BundleError(
                f"{path} holds {', '.join(foreign)} beside the model, which would be lost. Move that away, or choose "
                f"another --out"
            )
    elif path.exists():
        raise BundleError(f"{path} exists and is no textclf model; it is left alone. Choose another --out")


def library_versions() -> dict[str, str]:
    """Return the versions of the libraries a model depends on."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
