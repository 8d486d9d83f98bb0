"""A trained model as a folder: `textclf.json`, `README.md`, the files of its kind under `model/`, and a manifest.

No pickle, ever. Every file's size and SHA-256 is in `manifest.json`; `textclf.bundle_check` looks at all of it before
anything is loaded. What is written for people, `README.md` above all, may be edited or missing: no model depends on it.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from textclf.bundle_check import CARD as CARD
from textclf.bundle_check import FOR_PEOPLE as FOR_PEOPLE
from textclf.bundle_check import MANIFEST as MANIFEST
from textclf.bundle_check import README as README
from textclf.bundle_check import model_folder, raise_bundle_faults
from textclf.bundle_contents import LARGEST_CARD, read_object
from textclf.calibration import Calibration
from textclf.errors import BundleError, ConfigError
from textclf.files import WriteError, sha256_of, written_aside
from textclf.labeller import Labeller
from textclf.labels import LabelSet
from textclf.models.interface import Options, Trainable
from textclf.models.registry import get_kind
from textclf.run_facts import put_back, set_apart
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
    card = {key: value for key, value in card.items() if key not in ("evaluations", "layout")}  # of another model
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
        (folder / CARD).write_text(as_json(whole), encoding="utf-8")
        from textclf.model_card import write_model_card  # not needed to load, and it takes in yaml

        (folder / README).write_text(write_model_card(whole, name=path.absolute().name), encoding="utf-8")
        write_manifest(folder)
    return replace(labeller, card=whole, path=path)


def write_manifest(folder: Path) -> None:
    """Write the manifest of everything in a folder."""
    files = sorted(file for file in folder.rglob("*") if file.is_file() and file != folder / MANIFEST)
    manifest = {file.relative_to(folder).as_posix(): entry_of(file) for file in files}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def entry_of(file: Path) -> dict[str, Any]:
    """Return what a manifest says of a file."""
    return {"size": file.stat().st_size, "sha256": sha256_of(file)}


def as_json(card: Mapping[str, Any]) -> str:
    """Return what `textclf.json` holds."""
    return json.dumps(set_apart(card), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def rewrite_card(path: str | Path, card: Mapping[str, Any]) -> bool:
    """Give a bundle another `textclf.json` and a new `README.md`; all else in the folder stays as it is.

    The new folder is put in place in one step, so the bundle is whole at every moment. A README.md that somebody edited
    is left alone.

    Args:
        path: The bundle.
        card: What `textclf.json` is to hold.

    Returns:
        Whether README.md was written.

    Raises:
        WriteError: When the bundle is read-only or cannot be written.
        BundleError: When it is damaged.
    """
    path = Path(path).resolve()
    if any(not place.stat().st_mode & 0o222 or not os.access(place, os.W_OK) for place in (path, path / CARD)):
        raise WriteError(f"{path} is read-only")
    manifest, edited = read_json(path / MANIFEST), README in edited_files(path)
    with written_aside(path, folder=True) as folder:
        shutil.copytree(path, folder, symlinks=True, copy_function=_link_or_copy, dirs_exist_ok=True)
        from textclf.model_card import write_model_card

        texts = {CARD: as_json(card)} | ({} if edited else {README: write_model_card(card, name=path.name)})
        for name, text in texts.items():
            (folder / name).unlink(missing_ok=True)  # it may be the same file as the old one: never write into it
            (folder / name).write_text(text, encoding="utf-8")
            manifest[name] = entry_of(folder / name)
        (folder / MANIFEST).unlink()
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return not edited


def edited_files(path: Path) -> list[str]:
    """Return the names of files for people in a bundle that are not as they were written, or were put there since."""
    manifest: dict[str, Any] = {}
    with suppress(BundleError):
        manifest = read_json(path / MANIFEST)
    return [name for name in FOR_PEOPLE if (path / name).is_file() and manifest.get(name) != entry_of(path / name)]


@dataclass(frozen=True)
class Parts:
    """What a bundle's `textclf.json` says, understood.

    Attributes:
        card: The whole of it.
        labels: The labels.
        kind: The class of the model.
        options: Of the kind.
        calibration: Of each label.
        thresholds: float64 (k,).
        folder: Where the files of the kind are.
        seed: The config's.
    """

    card: dict[str, Any]
    labels: LabelSet
    kind: type[Trainable]
    options: Options
    calibration: Calibration
    thresholds: np.ndarray
    folder: Path
    seed: int


def read_parts(path: Path) -> Parts:
    """Read a bundle's `textclf.json` without loading the model.

    Raises:
        BundleError: When it is damaged or does not fit together.
    """
    card = read_json(path / CARD)
    try:
        labels = LabelSet.from_json(card["labels"])
        kind = get_kind(card["kind"])
        return Parts(
            card,
            labels,
            kind,
            _read_options(path, kind.options_type, card),
            Calibration.from_json(card["calibration"], labels.names),
            np.array([card["thresholds"][name] for name in labels], dtype=np.float64),
            model_folder(path, card),
            int(card["config"]["seed"]),
        )
    except (*UNFIT, ValidationError, ConfigError) as fault:
        raise _cannot_load(path, fault) from fault


def _read_options(path: Path, options_type: type[Options], card: Mapping[str, Any]) -> Options:
    """Return a model's options.

    Raises:
        BundleError: When this version does not know some of them.
    """
    try:
        return options_type.model_validate(card["config"]["model"]["options"])
    except ValidationError as fault:
        unknown = [".".join(map(str, e["loc"])) for e in fault.errors() if e["type"] == "extra_forbidden"]
        if not unknown:
            raise
        raise BundleError(
            f"{path} cannot be loaded: this textclf {__version__} knows no option {', '.join(unknown)} of kind "
            f"{card['kind']}. The bundle was written by textclf {card.get('textclf_version')}: install that, or "
            f"a newer version"
        ) from None


def _cannot_load(path: Path, fault: Exception) -> BundleError:
    return BundleError(f"{path} cannot be loaded: {type(fault).__name__}: {fault}")


def load_bundle(path: str | Path) -> Labeller:
    """Load a bundle. No code in it is run.

    Raises:
        BundleError: When it is missing, damaged, not safe to load, of a newer format, or does not fit together.
    """
    path = Path(path)
    check_format(path)
    raise_bundle_faults(path)
    parts = read_parts(path)
    try:
        predictor = parts.kind.load(parts.folder, parts.labels, parts.options, seed=parts.seed)
    except (*UNFIT, ValidationError, ConfigError) as fault:
        raise _cannot_load(path, fault) from fault
    return Labeller(predictor, parts.calibration, parts.thresholds, card=parts.card, path=path)


def read_card(path: str | Path) -> dict[str, Any]:
    """Return what is known of a bundle's model, without loading it; its files are checked.

    Raises:
        BundleError: When it is missing, damaged or of a newer format.
    """
    path = Path(path)
    check_format(path)
    raise_bundle_faults(path)
    return read_json(path / CARD)


def check_format(path: Path) -> None:
    """Make sure that there is a bundle of a format this version reads.

    Raises:
        BundleError: When there is no bundle, or one of another format.
    """
    if not path.is_dir():
        raise BundleError(f"no model at {path}: there is no such folder. Train one with: textclf train CONFIG")
    if not (path / CARD).is_file() and not (path / MANIFEST).is_file():
        raise BundleError(f"{path} is no textclf model: it holds no {CARD}")
    found = read_json(path / CARD).get("format_version")
    if found != FORMAT_VERSION:
        raise BundleError(
            f"{path} has bundle format {found!r}; this textclf {__version__} reads format {FORMAT_VERSION}. "
            f"Install a newer textclf, or train the model again"
        )


def model_files(path: Path) -> dict[str, Path]:
    """Return the files of a bundle's kind, by their name inside the folder that the kind is loaded from.

    Raises:
        BundleError: When its manifest cannot be read.
    """
    names = [name for name in read_json(path / MANIFEST) if name not in (CARD, *FOR_PEOPLE)]
    return {name.removeprefix("model/"): path / name for name in names}


def check_replaceable(path: Path) -> None:
    """Make sure that a bundle may be written at `path`: nothing there, an empty folder, or an older bundle alone.

    Raises:
        BundleError: When something else is there.
    """
    if path.is_dir() and (not any(path.iterdir()) or (path / CARD).is_file()):
        own = {CARD, MANIFEST, "model"}
        with suppress(BundleError):
            own |= {name.split("/")[0] for name in read_json(path / MANIFEST)}
        foreign = sorted({file.name for file in path.iterdir()} - own | set(edited_files(path)))
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


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object of a bundle, `textclf.json` or the manifest.

    Raises:
        BundleError: When it cannot be read, or is something else.
    """
    content = read_object(path, most=LARGEST_CARD)
    return put_back(content) if path.name == CARD else content


def _link_or_copy(source: str, target: str) -> None:
    """Give a file a second name, or, where the file system cannot, copy it."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target)
