"""A trained model as a folder: `textclf.json`, `README.md`, the files of its kind under `model/`, and a manifest.

No pickle, ever. Every file's size and SHA-256 is in `manifest.json`, which is checked before anything is loaded. What
is written for people, `README.md` above all, may be edited or missing: no model depends on it.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from textclf.calibration import Calibration
from textclf.errors import BundleError, ConfigError
from textclf.files import WriteError, sha256_of, written_aside
from textclf.labeller import Labeller
from textclf.labels import LabelSet
from textclf.models.interface import Options, Trainable
from textclf.models.registry import get_kind
from textclf.version import __version__

FORMAT_VERSION = 1
CARD = "textclf.json"
MANIFEST = "manifest.json"
README = "README.md"
FOR_PEOPLE = (README, "LICENSE", ".gitattributes")
"""Files of a bundle that people may edit; nothing that loads a model reads them."""

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
    return json.dumps(card, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


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


_UNFIT = (KeyError, TypeError, ValueError, OSError, ValidationError, ConfigError)


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
            kind.options_type.model_validate(card["config"]["model"]["options"]),
            Calibration.from_json(card["calibration"], labels.names),
            np.array([card["thresholds"][name] for name in labels], dtype=np.float64),
            path if card.get("layout") == "flat" else path / "model",
            int(card["config"]["seed"]),
        )
    except (*_UNFIT, AttributeError) as fault:
        raise _cannot_load(path, fault) from fault


def _cannot_load(path: Path, fault: Exception) -> BundleError:
    return BundleError(f"{path} cannot be loaded: {type(fault).__name__}: {fault}")


def load_bundle(path: str | Path) -> Labeller:
    """Load a bundle. No code in it is run.

    Raises:
        BundleError: When it is missing, damaged, of a newer format, or does not fit together.
    """
    path = Path(path)
    check_format(path)
    check_whole(path)
    parts = read_parts(path)
    try:
        predictor = parts.kind.load(parts.folder, parts.labels, parts.options, seed=parts.seed)
    except _UNFIT as fault:
        raise _cannot_load(path, fault) from fault
    return Labeller(predictor, parts.calibration, parts.thresholds, card=parts.card, path=path)


def read_card(path: str | Path) -> dict[str, Any]:
    """Return what is known of a bundle's model, without loading it; its files are checked.

    Raises:
        BundleError: When it is missing, damaged or of a newer format.
    """
    path = Path(path)
    check_format(path)
    check_whole(path)
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


def check_whole(path: Path) -> None:
    """Make sure that a bundle's files are there and are what its manifest says.

    Raises:
        BundleError: Naming every file that is missing or changed.
    """
    faults = find_faults(path)
    if faults:
        listed = "; ".join(faults)
        raise BundleError(f"{path} is damaged: {listed}. Copy it again, or train the model again")


def find_faults(path: Path) -> list[str]:
    """Return what is wrong with the files of a bundle: what is missing, changed, or was slipped in.

    Raises:
        BundleError: When its manifest cannot be read.
    """
    manifest = read_json(path / MANIFEST)
    faults = [] if CARD in manifest else [f"{MANIFEST} does not list {CARD}"]
    faults += [f"{name} is not in {MANIFEST}" for name in sorted(_held(path, manifest)) if name not in manifest]
    for name, entry in manifest.items():
        file = path / name
        if name in FOR_PEOPLE:
            continue
        if not file.resolve().is_relative_to(path.resolve()):
            faults.append(f"{name} points out of the folder")
        elif not file.is_file():
            faults.append(f"{name} is missing")
        elif not isinstance(entry, dict) or file.stat().st_size != entry.get("size"):
            faults.append(f"{name} has {file.stat().st_size:,} bytes, not {entry!r:.80}")
        elif sha256_of(file) != entry.get("sha256"):
            faults.append(f"{name} was changed: its SHA-256 differs")
    return faults


def _held(path: Path, manifest: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of the files that lie where a model's kind may read them."""
    flat = not any(name.startswith("model/") for name in manifest)
    for file in (path if flat else path / "model").rglob("*"):
        name = file.relative_to(path).as_posix()
        aside = flat and (name.startswith(".") or name in (MANIFEST, *FOR_PEOPLE))
        if file.is_file() and not aside:
            yield name


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
    """Read a JSON object of a bundle.

    Raises:
        BundleError: When it cannot be read, or is something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as fault:
        raise BundleError(f"cannot read {path}: {fault.strerror}. The model is damaged or incomplete") from fault
    except (ValueError, RecursionError) as fault:
        raise BundleError(f"{path} is damaged: it is no JSON ({fault})") from fault
    if not isinstance(content, dict):
        raise BundleError(f"{path} is damaged: it holds no JSON object")
    return content


def _link_or_copy(source: str, target: str) -> None:
    """Give a file a second name, or, where the file system cannot, copy it."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target)
