"""Whether a bundle is whole and safe to load, told before any library opens a file of it.

Nothing here runs code of a bundle, follows a link or unpacks anything; torch and transformers are not needed.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from textclf.bundle_contents import LARGEST_CARD, content_faults, read_object
from textclf.errors import BundleError
from textclf.files import sha256_of

CARD = "textclf.json"
MANIFEST = "manifest.json"
README = "README.md"
FOR_PEOPLE = (README, "LICENSE", ".gitattributes")
"""Files of a bundle that people may edit or take away; nothing that loads a model reads them."""

ENDINGS = (".json", ".safetensors", ".skops", ".onnx", ".txt", ".model", ".jinja")
"""Of the files of the model: what the kinds write, none of which holds code."""

RUNS_CODE = (
    *(".bin", ".pt", ".pth", ".pt2", ".ckpt", ".pkl", ".pickle", ".p", ".joblib", ".dill", ".npy", ".npz", ".h5"),
    *(".py", ".pyc", ".so", ".pyd", ".dll", ".dylib", ".sh"),
)
"""Endings of files that can run code when they are opened; they stand nowhere in a bundle."""

ADAPTER = "adapter_config.json"  # transformers would follow it to a model that lies elsewhere
MOST_FILES = 1_000
LARGEST_MANIFEST = 1_000_000  # bytes
MOST_TOLD = 20
_NAME = re.compile(r"[^\\:\x00-\x1f\x7f]+")


def check_bundle(path: str | Path) -> list[str]:
    """Return what is wrong with a bundle, each fault as one line; an empty list says that it may be loaded.

    Looked at are the names, kinds and hashes of its files against the manifest; and of their content whatever could
    run code, exhaust memory, or give numbers that are none.

    Args:
        path: The bundle's folder.
    """
    path = Path(path)
    try:
        found = dict(_walk(path))
        manifest = _read_manifest(path)
    except (BundleError, OSError) as fault:
        return [str(fault)]
    model = _files_of_model(found, manifest)
    faults = [] if CARD in manifest else [f"{MANIFEST} does not list {CARD}"]
    faults += filter(None, (_kind_fault(name, mode, in_model=name in model) for name, mode in found.items()))
    faults += [f"{name} is not in {MANIFEST}" for name in model if name not in manifest]
    faults += _name_faults(manifest)
    if faults:
        return faults  # nothing is opened where names alone are wrong
    read = {name: entry for name, entry in manifest.items() if name not in FOR_PEOPLE}
    changed = [*filter(None, (_entry_fault(path, name, entry) for name, entry in read.items()))]
    told = changed or [fault for name in read for fault in content_faults(path / name, shown=name)]
    return told or _layout_faults(path, manifest)


def model_folder(path: Path, card: Mapping[str, Any]) -> Path:
    """Return the folder of a bundle that its kind is loaded from: `model/`, or its root where the layout is flat."""
    return path if card.get("layout") == "flat" else path / "model"


def _is_flat(manifest: Mapping[str, Any]) -> bool:
    """Tell whether the files of the model lie at the root, as in a folder published for transformers."""
    return not any(name.startswith("model/") for name in manifest)


def _files_of_model(found: Mapping[str, int], manifest: Mapping[str, Any]) -> list[str]:
    """Return the files that a model's kind may read: those under `model/`, or all where none is listed there."""
    if not _is_flat(manifest):
        return [name for name in found if name.startswith("model/")]
    return [name for name in found if name not in (CARD, MANIFEST, *FOR_PEOPLE) and not name.startswith(".")]


def _layout_faults(path: Path, manifest: Mapping[str, Any]) -> list[str]:
    """Return whether the model would be loaded from the root, where only the files under `model/` were looked at."""
    card = read_object(path / CARD, most=LARGEST_CARD)
    if model_folder(path, card) == path and not _is_flat(manifest):
        return [f"{CARD} says that the model lies at the top, but {MANIFEST} lists files of it under model/"]
    return []


def raise_bundle_faults(path: Path) -> None:
    """Make sure that a bundle may be loaded.

    Raises:
        BundleError: Naming what is wrong (the first 20 faults).
    """
    faults = check_bundle(path)
    if faults:
        more = f"; and {len(faults) - MOST_TOLD:,} more" if len(faults) > MOST_TOLD else ""
        listed = "; ".join(faults[:MOST_TOLD])
        raise BundleError(f"{path} is damaged or not safe to load: {listed}{more}. Copy it again, or train it again")


def _walk(path: Path) -> Iterator[tuple[str, int]]:
    """Yield the name and mode of everything in a folder but plain folders; links are not followed.

    Hidden folders at its top, such as `.git`, are passed over: no loader looks there.
    """
    count, waiting = 0, [path]
    while waiting:
        folder = waiting.pop()
        with os.scandir(folder) as entries:
            for entry in sorted(entries, key=lambda e: e.name):
                if folder == path and entry.name.startswith(".") and entry.is_dir(follow_symlinks=False):
                    continue
                count += 1
                if count > MOST_FILES:
                    raise BundleError(f"there are more than {MOST_FILES:,} files in it, which no model has")
                mode = entry.stat(follow_symlinks=False).st_mode
                if stat.S_ISDIR(mode):
                    waiting.append(Path(entry.path))
                else:
                    yield Path(entry.path).relative_to(path).as_posix(), mode


def _read_manifest(path: Path) -> dict[str, Any]:
    if not stat.S_ISREG((path / MANIFEST).lstat().st_mode):
        raise BundleError(f"{MANIFEST} is no plain file")
    manifest = read_object(path / MANIFEST, most=LARGEST_MANIFEST)
    if len(manifest) > MOST_FILES:
        raise BundleError(f"{MANIFEST} lists {len(manifest):,} files; a model has at most {MOST_FILES:,}")
    return manifest


def _kind_fault(name: str, mode: int, *, in_model: bool) -> str:
    """Return what is wrong with a file by its name and mode alone, or an empty string."""
    ending, last = Path(name).suffix.lower(), Path(name).name.lower()
    if stat.S_ISLNK(mode):
        return f"{name} is a link; a bundle holds its files itself"
    if not stat.S_ISREG(mode):
        return f"{name} is no plain file"
    if ending in RUNS_CODE:
        return f"{name} is a file of a kind that can run code ({ending}), which a bundle never holds"
    if last == ADAPTER:
        return f"{name} would send the loader to another model"
    if in_model and ending not in ENDINGS:
        return f"{name} is of a kind that no model writes; allowed: {', '.join(ENDINGS)}"
    return ""


def _name_faults(manifest: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names in a manifest that are none of a file inside the folder, or that differ in case alone."""
    seen: dict[str, str] = {}
    flat = _is_flat(manifest)
    for name in manifest:
        if name in FOR_PEOPLE:
            continue
        parts = name.split("/")
        is_plain = all(_NAME.fullmatch(part) and part == part.strip(" .") for part in parts)
        if not is_plain or (len(parts) > 1 and parts[0] != "model" and not flat):
            yield f"{name!r:.200} points out of the folder, or is no name of a file in it"
        elif (other := seen.setdefault(name.casefold(), name)) != name:
            yield f"{name} and {other} differ in case alone"


def _entry_fault(path: Path, name: str, entry: Any) -> str:
    """Return how a file differs from its entry in the manifest, or an empty string."""
    file = path / name
    try:
        if file.is_symlink() or not file.resolve().is_relative_to(path.resolve()):
            return f"{name} points out of the folder"
        if not file.is_file():
            return f"{name} is missing"
        size = file.stat().st_size
        if not isinstance(entry, dict) or size != entry.get("size"):
            return f"{name} has {size:,} bytes, not {json.dumps(entry)[:80]}"
        if sha256_of(file) != entry.get("sha256"):
            return f"{name} was changed: its SHA-256 differs"
    except OSError as fault:
        return f"{name} cannot be read: {fault.strerror}"
    return ""
