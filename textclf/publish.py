"""A trained model as a folder for the Hugging Face hub. Nothing is sent: `hf upload` does that."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from textclf.article_ids import IDS, without_ids
from textclf.bundle import (
    CARD,
    FOR_PEOPLE,
    MANIFEST,
    README,
    as_json,
    check_format,
    check_replaceable,
    model_files,
    read_parts,
    write_manifest,
)
from textclf.bundle_check import raise_bundle_faults
from textclf.config import DATA_FILES
from textclf.errors import BundleError
from textclf.files import written_aside
from textclf.model_card import write_model_card
from textclf.model_metadata import loads_in_transformers

LARGE = 10 * 2**20  # bytes; the hub keeps larger files apart from the others
LARGE_KINDS = (".safetensors", ".onnx", ".skops")

LICENCE_NOTE = """This file is a placeholder: no licence is granted by it.

Put the text of the licence of this model here, and its name under `license:` at the top of README.md. What may be
chosen hangs on the licence of the encoder it was made from, if any, and on the rights in the articles it learnt from.
"""


@dataclass(frozen=True)
class Published:
    """A folder for the hub.

    Attributes:
        path: The folder.
        name: The model's name in its card.
        flat: Whether the model's files lie at the root, where transformers finds them.
        size: Bytes in all.
        article_ids: Whether the ids of the articles it was trained on are in it in the clear.
        missing: What its metadata lack: language, license.
    """

    path: Path
    name: str
    flat: bool
    size: int
    article_ids: bool
    missing: tuple[str, ...]

    @property
    def upload(self) -> str:
        """The line that sends it to the hub."""
        return f"hf upload USER/{self.name} {self.path} ."


def publish(
    model: str | Path,
    out: str | Path,
    *,
    article_ids: bool = False,
    license: str | None = None,
    language: Sequence[str] = (),
) -> Published:
    """Write a folder that can be put on a hub as it is, and that textclf loads.

    A fine-tuned model's files lie at its root, so that `AutoModelForSequenceClassification.from_pretrained` loads it as
    well; those of every other kind stay under `model/`. Paths of this machine are left out of its card.

    Args:
        model: The bundle.
        out: The folder to be. An older one of the same kind is replaced, unless somebody edited its files.
        article_ids: Leave the ids of training articles in the clear; else their hashes are kept, by which `evaluate`
            still knows them.
        license: Of the model, as the hub names it; by default what the config's `card` section says.
        language: Of the texts, likewise.

    Raises:
        BundleError: When `model` is no whole bundle, or `out` holds something else.
        WriteError: When it cannot be written.
    """
    source, path = Path(model), Path(out)
    check_format(source)
    raise_bundle_faults(source)
    card = read_parts(source).card
    if path.resolve().is_relative_to(source.resolve()) or source.resolve().is_relative_to(path.resolve()):
        raise BundleError(
            f"{path} and the model itself, {source}, must not lie one in the other; choose another folder"
        )
    check_replaceable(path)
    files = model_files(source)
    flat = loads_in_transformers(card) and not {name.split("/")[0] for name in files} & {CARD, MANIFEST, *FOR_PEOPLE}
    name = path.absolute().name
    told = publishable(card, article_ids=article_ids, license=license, language=language, flat=flat)
    with written_aside(path, folder=True) as folder:
        for inside, file in files.items():
            target = folder / inside if flat else folder / "model" / inside
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
        large = _large_files(folder)
        (folder / CARD).write_text(as_json(told), encoding="utf-8")
        (folder / README).write_text(write_model_card(told, name=name), encoding="utf-8")
        (folder / "LICENSE").write_text(LICENCE_NOTE, encoding="utf-8")
        (folder / ".gitattributes").write_text(large, encoding="utf-8")
        write_manifest(folder)
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    known = told["config"]["card"]
    missing = tuple(key for key in ("language", "license") if not known.get(key))
    return Published(path, name, flat, size, _has_ids(told), missing)


def publishable(
    card: Mapping[str, Any], *, article_ids: bool, license: str | None, language: Sequence[str], flat: bool
) -> dict[str, Any]:
    """Return what a card says when others may read it: no paths of this machine, and no ids unless asked for."""
    told = {key: value if key == "labels" else _without_places(value) for key, value in card.items()}
    config = {key: value for key, value in told["config"].items() if key not in ("out", "tracking")}
    data = {
        key: [_name_of(file) for file in value] if key in DATA_FILES and value else value
        for key, value in config.get("data", {}).items()
    }
    own = dict(config.get("card", {}))
    own |= ({"license": license} if license else {}) | ({"language": list(language)} if language else {})
    told["config"] = {**config, "card": own} | ({"data": data} if data else {})
    told |= {"layout": "flat"} if flat else {}
    return told if article_ids else dict(without_ids(told))


def _name_of(file: str) -> str:
    return file if file.startswith("hf:") else Path(file).name


def _without_places(value: Any) -> Any:
    """Return a JSON-ready value with only the last part of every path that leads out of the working folder."""
    if isinstance(value, Mapping):
        return {key: _without_places(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_places(each) for each in value]
    if isinstance(value, str) and (value.startswith(("/", "~", "../", "./", "\\")) or value[1:3] in (":\\", ":/")):
        return value.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    return value


def _large_files(folder: Path) -> str:
    """Return what .gitattributes says: the kinds of files, and single ones, that go to large file storage."""
    patterns = [f"*{ending}" for ending in LARGE_KINDS]
    for file in sorted(file for file in folder.rglob("*") if file.is_file()):
        if file.stat().st_size > LARGE and file.suffix not in LARGE_KINDS:
            patterns.append(file.relative_to(folder).as_posix())
    return "".join(f"{pattern} filter=lfs diff=lfs merge=lfs -text\n" for pattern in patterns)


def _has_ids(record: Any) -> bool:
    """Tell whether there is any article's id in the clear in a card."""
    if isinstance(record, Mapping):
        return isinstance(record.get(IDS), list) or any(map(_has_ids, record.values()))
    return isinstance(record, list) and any(map(_has_ids, record))
