"""What a bundle holds and whether it would load, without loading the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from textclf.article_ids import met_by
from textclf.bundle import (
    CARD,
    README,
    check_format,
    edited_files,
    library_versions,
    read_json,
    read_parts,
)
from textclf.bundle_check import check_bundle, model_folder
from textclf.errors import BundleError
from textclf.model_metadata import loads_in_transformers
from textclf.thresholds import NEVER

NEEDS = {
    "tfidf": ("sklearn", "safetensors"),
    "frozen_encoder": ("torch", "transformers", "skops"),
    "setfit": ("torch", "transformers", "skops"),
    "finetuned": ("torch", "transformers"),
    "zero_shot": ("torch", "transformers"),
    "static": ("tokenizers", "safetensors"),
}
"""Packages without which a kind does not load."""


@dataclass(frozen=True)
class Inspection:
    """What is known of a bundle.

    Attributes:
        path: Its folder.
        card: What `textclf.json` holds; empty where it cannot be read.
        files: The size in bytes of each file, by name.
        faults: Why it would not load.
        warnings: What a user should know of a bundle that loads.
        in_transformers: The folder that plain transformers loads, if any.
    """

    path: Path
    card: Mapping[str, Any]
    files: Mapping[str, int]
    faults: tuple[str, ...]
    warnings: tuple[str, ...]
    in_transformers: Path | None

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(self.files.values())

    def to_json(self) -> dict[str, Any]:
        """Return all of it JSON-ready; of the card what tells of the model, without the ids of articles."""
        keys = ("format_version", "textclf_version", "created", "kind", "labels", "thresholds", "calibration")
        scores = ("validation_scores", "evaluations")
        return {
            "path": str(self.path),
            "loads": not self.faults,
            "faults": list(self.faults),
            "warnings": list(self.warnings),
            "transformers_folder": None if self.in_transformers is None else str(self.in_transformers),
            "size": self.size,
            "files": dict(self.files),
            **{key: self.card.get(key) for key in (*keys, "libraries", "config", *scores)},
        }


def inspect_bundle(path: str | Path) -> Inspection:
    """Look at a bundle: its files against their hashes, and whether what `textclf.json` says fits together.

    The model itself is not loaded, so a file that is safe but does not fit the others goes unseen.

    Raises:
        BundleError: When there is no bundle at `path`.
    """
    path = Path(path)
    faults, card = [], {}
    try:
        check_format(path)
    except BundleError as fault:
        if not path.is_dir() or not any((path / name).exists() for name in (CARD, "manifest.json")):
            raise
        faults.append(_within(fault, path))
    faults += [_within(fault, path) for fault in check_bundle(path)]
    try:
        card = read_json(path / CARD)
        read_parts(path)
        faults += [f"it needs the package {name}, which is not installed" for name in _missing(card)]
    except BundleError as fault:
        faults.append(_within(fault, path))
    files = {
        file.relative_to(path).as_posix(): file.stat().st_size for file in sorted(path.rglob("*")) if file.is_file()
    }
    faults = list(dict.fromkeys(faults))
    plain = None
    if card and not faults and loads_in_transformers(card):
        plain = model_folder(path, card)
    return Inspection(path, card, files, tuple(faults), () if faults else tuple(_warnings(path, card)), plain)


def _within(fault: BundleError | str, path: Path) -> str:
    return str(fault).replace(f"{path}/", "").replace(f"{path} ", "")


def _missing(card: Mapping[str, Any]) -> list[str]:
    """Return the packages that a bundle needs and that are not here."""
    options = card["config"]["model"]["options"]
    kinds = [card.get("kind")] + [member.get("kind") for member in options.get("members", ())]
    needs = [name for kind in kinds for name in NEEDS.get(str(kind), ())]
    if card.get("kind") == "onnx":
        needs += ["tokenizers", "openvino" if options.get("runtime") == "openvino" else "onnxruntime"]
    return [name for name in dict.fromkeys(needs) if find_spec(name) is None]


def _warnings(path: Path, card: Mapping[str, Any]) -> Iterator[str]:
    never = [name for name, threshold in card["thresholds"].items() if threshold >= NEVER]
    if never:
        yield f"it never gives {', '.join(never)}: no positive in training, or switched off"
    for name, fit in card.get("threshold_fit", {}).items():
        if name not in never and fit.get("reason"):
            yield f"the threshold of {name} is not to be trusted: {fit['reason']}"
    if not card.get("evaluations"):
        yield "no held-out scores are kept with it: textclf evaluate MODEL DATA --save-scores puts them there"
    here = library_versions()
    for name, version in card.get("libraries", {}).items():
        if name in here and here[name].split(".")[0] != str(version).split(".")[0]:
            yield f"it was written with {name} {version}; here is {here[name]}"
    if not (path / README).is_file():
        yield "it has no model card (README.md)"
    for name in edited_files(path):
        yield f"{name} was edited, or put there, since the model was written"
    train = met_by(card, "train")
    if train.ids:
        yield f"it names the {len(train.ids)} articles it was trained on by their ids; textclf publish leaves those out"
