"""A trained model as a folder: `textclf.json`, the files of its kind under `model/`, and a manifest.

No pickle, ever. Every file's size and SHA-256 is in `manifest.json`, which is checked before anything is loaded.
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

from textclf.calibration import Calibration
from textclf.errors import BundleError, ConfigError
from textclf.files import sha256_of, written_aside
from textclf.labeller import Labeller
from textclf.labels import LabelSet
from textclf.models.interface import Trainable
from textclf.models.registry import get_kind
from textclf.version import __version__

FORMAT_VERSION = 1
CARD = "textclf.json"
MANIFEST = "manifest.json"
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
        BundleError: When it is missing, damaged, of a newer format, or does not fit together.
    """
    path = Path(path)
    check_format(path)
    try:
        check_whole(path)
        card = _read_json(path / CARD)
        labels = LabelSet.from_json(card["labels"])
        kind = get_kind(card["kind"])
        options = kind.options_type.model_validate(card["config"]["model"]["options"])
        predictor = kind.load(path / "model", labels, options, seed=int(card["config"]["seed"]))
        calibration = Calibration.from_json(card["calibration"], labels.names)
        thresholds = np.array([card["thresholds"][name] for name in labels], dtype=np.float64)
    except (KeyError, TypeError, ValueError, OSError, ValidationError, ConfigError) as fault:
        raise BundleError(f"{path} cannot be loaded: {type(fault).__name__}: {fault}") from fault
    return Labeller(predictor, calibration, thresholds, card=card, path=path)


def read_card(path: str | Path) -> dict[str, Any]:
    """Return what is known of a bundle's model, without loading it; its files are checked.

    Raises:
        BundleError: When it is missing, damaged or of a newer format.
    """
    path = Path(path)
    check_format(path)
    check_whole(path)
    return _read_json(path / CARD)


def check_format(path: Path) -> None:
    """Make sure that there is a bundle of a format this version reads.

    Raises:
        BundleError: When there is no bundle, or one of another format.
    """
    if not path.is_dir():
        raise BundleError(f"no model at {path}: there is no such folder. Train one with: textclf train CONFIG")
    if not (path / CARD).is_file() and not (path / MANIFEST).is_file():
        raise BundleError(f"{path} is no textclf model: it holds no {CARD}")
    found = _read_json(path / CARD).get("format_version")
    if found != FORMAT_VERSION:
        raise BundleError(
            f"{path} has bundle format {found!r}; this textclf {__version__} reads format {FORMAT_VERSION}. "
            f"Install a newer textclf, or train the model again"
        )


def check_whole(path: Path) -> None:
    """Make sure that a bundle's files are there and are what its manifest says.

    Raises:
        BundleError: Naming every file that is missing or changed.
    """
    manifest = _read_json(path / MANIFEST)
    faults = [] if CARD in manifest else [f"{MANIFEST} does not list {CARD}"]
    held = (file.relative_to(path).as_posix() for file in (path / "model").rglob("*") if file.is_file())
    faults += [f"{name} is not in {MANIFEST}" for name in sorted(held) if name not in manifest]
    for name, entry in manifest.items():
        file = path / name
        if not file.resolve().is_relative_to(path.resolve()):
            faults.append(f"{name} points out of the folder")
        elif not file.is_file():
            faults.append(f"{name} is missing")
        elif not isinstance(entry, dict) or file.stat().st_size != entry.get("size"):
            faults.append(f"{name} has {file.stat().st_size:,} bytes, not {entry!r:.80}")
        elif sha256_of(file) != entry.get("sha256"):
            faults.append(f"{name} was changed: its SHA-256 differs")
    if faults:
        listed = "; ".join(faults)
        raise BundleError(f"{path} is damaged: {listed}. Copy it again, or train the model again")


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


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as fault:
        raise BundleError(f"cannot read {path}: {fault.strerror}. The model is damaged or incomplete") from fault
    except (ValueError, RecursionError) as fault:
        raise BundleError(f"{path} is damaged: it is no JSON ({fault})") from fault
    if not isinstance(content, dict):
        raise BundleError(f"{path} is damaged: it holds no JSON object")
    return content
