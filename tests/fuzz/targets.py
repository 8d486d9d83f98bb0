"""What is fuzzed: each target takes bytes, of which the first says what kind of file the rest is, and reads them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

from textclf.articles import FEEDS, PAGES, read_articles, stream_passages
from textclf.bundle import load_bundle
from textclf.bundle_check import check_bundle
from textclf.config import load_config
from textclf.datasets import check_labelled
from textclf.datasets.registry import FORMATS
from textclf.errors import TextclfError
from textclf.inspection import inspect_bundle
from textclf.labels import LabelSet

LABELS = LabelSet.of(["fight", "talk", "move"])
PARTS = b"\n%%%%\n"  # between the files of a folder
ARTICLES = tuple(name for name in (*PAGES, *FEEDS, ".json") if name != ".warc.gz")
DATASETS = tuple(FORMATS)
ENDINGS = {"label_studio": ".json", "argilla": ".json", "prodigy": ".jsonl", "doccano": ".jsonl", "conflibert": ".tsv"}
FOLDERS = {"brat": ("a.txt", "a.ann"), "huggingface": ("data.arrow", "state.json", "dataset_info.json")}
CONFIGS = ("config.yaml", "labels.yaml")
Target = Callable[[bytes, Path], None]


def read_article_files(data: bytes, folder: Path) -> None:
    """Read bytes as an article file of each ending that is known, by both ways in."""
    path = folder / f"page{ARTICLES[data[0] % len(ARTICLES)]}"
    path.write_bytes(data[1:])
    for read in (read_articles, stream_passages):
        try:
            list(read([path]))
        except TextclfError:
            continue


def read_dataset(data: bytes, folder: Path) -> None:
    """Read bytes as labelled data: of a format by name, and as what they seem to be."""
    name = DATASETS[data[0] % len(DATASETS)]
    path = folder / f"data{ending_of(name)}"
    if name in FOLDERS:
        path = folder / "data"
        path.mkdir(exist_ok=True)
        parts = data[1:].split(PARTS)
        for number, file in enumerate(FOLDERS[name]):
            (path / file).write_bytes(parts[number] if number < len(parts) else b"")
    else:
        path.write_bytes(data[1:])
    for given in (name, None):
        try:
            check_labelled(path, LABELS, format=given)
        except TextclfError:
            continue


def ending_of(name: str) -> str:
    """Return the ending of a format's files; nothing where it is a folder."""
    return "" if name in FOLDERS else ENDINGS.get(name) or FORMATS[name].endings[0]


def read_config(data: bytes, folder: Path) -> None:
    """Read bytes as a config, or as a file of labels."""
    path = folder / CONFIGS[data[0] % len(CONFIGS)]
    path.write_bytes(data[1:])
    try:
        load_config(path) if path.name == "config.yaml" else LabelSet.read(path)
    except TextclfError:
        return


def bundle_files(bundles: Path) -> list[Path]:
    """Return the files of small bundles that are fuzzed, in an order that stays."""
    return sorted(file for file in bundles.rglob("*") if file.is_file() and file.name != "README.md")


def load_changed(data: bytes, folder: Path, *, bundles: Path) -> None:
    """Put bytes in the place of one file of a bundle, sign the whole, and check, inspect, load and use it."""
    files = bundle_files(bundles)
    file = files[data[0] % len(files)]
    bundle = bundles / file.relative_to(bundles).parts[0]
    copy = folder / "bundle"
    shutil.copytree(bundle, copy, copy_function=os.link)
    changed = copy / file.relative_to(bundle)
    changed.unlink()
    changed.write_bytes(data[1:])
    if changed.name != "manifest.json":
        sign(copy)
    for read in (check_bundle, inspect_bundle, load_bundle):
        try:
            found = read(copy)
            if read is load_bundle:
                found.predict(["shells fell near the bridge", ""])
        except TextclfError:
            continue


def sign(bundle: Path) -> None:
    """Write a manifest that fits, as whoever crafts a bundle would."""
    manifest = bundle / "manifest.json"
    manifest.unlink(missing_ok=True)
    listed = {}
    for file in sorted(f for f in bundle.rglob("*") if f.is_file()):
        raw = file.read_bytes()
        listed[file.relative_to(bundle).as_posix()] = {"size": len(raw), "sha256": hashlib.sha256(raw).hexdigest()}
    manifest.write_text(json.dumps(listed), encoding="utf-8")


def target_of(name: str, bundles: Path) -> Target:
    """Return a target by its name; each call of it begins with an empty folder and shows no warning."""
    targets: dict[str, Target] = {
        "articles": read_article_files,
        "datasets": read_dataset,
        "config": read_config,
        "loader": lambda data, folder: load_changed(data, folder, bundles=bundles),
    }
    read = targets[name]

    def call(data: bytes, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read(data or b"\0", folder)

    return call
