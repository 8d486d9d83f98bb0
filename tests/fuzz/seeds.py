"""What a fuzzer begins with: small whole files of every kind, made on the spot or taken from the data here."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

from tests.conftest import make_articles
from tests.fuzz.targets import ARTICLES, CONFIGS, DATASETS, FOLDERS, LABELS, PARTS, bundle_files, ending_of
from tests.models import make_encoder
from tests.test_bundle import train_tiny
from textclf.datasets import write_labelled

ROOT = Path(__file__).parent.parent.parent
KINDS = ("tfidf", "static", "frozen_encoder", "finetuned")
LARGEST = 60_000  # bytes of a seed

MHTML = (
    b'MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary="b"\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n'
    b"<html><body><h1>Talks</h1><p>Shells fell near the bridge on Monday.</p></body></html>\r\n--b--\r\n"
)
WARC = (
    b"WARC/1.0\r\nWARC-Type: resource\r\nWARC-Target-URI: http://x/\r\nContent-Type: text/html\r\n"
    b"WARC-Record-ID: <urn:uuid:1>\r\nWARC-Date: 2020-01-01T00:00:00Z\r\nContent-Length: 31\r\n\r\n"
    b"<html><p>Shells fell.</p></html>\r\n\r\n"
)


def write_seeds(name: str, folder: Path, bundles: Path) -> int:
    """Write the seeds of a target into a folder and return their number."""
    makers = {"articles": _articles, "datasets": _datasets, "config": _configs, "loader": _bundles}
    number = 0
    for number, (kind, content) in enumerate(makers[name](folder.parent / "making", bundles), start=1):
        if len(content) <= LARGEST:
            (folder / f"seed-{number:03d}").write_bytes(bytes([kind]) + content)
    return number


def make_bundles(folder: Path) -> Path:
    """Train a small model of each kind that is fuzzed."""
    encoder = make_encoder(folder.parent / "encoder")
    for kind in KINDS:
        place = folder.parent / f"train-{kind}"
        place.mkdir(parents=True)
        made = train_tiny(place, kind, encoder=None if kind == "tfidf" else encoder)
        folder.mkdir(exist_ok=True)
        made.rename(folder / kind)
    return folder


def _articles(making: Path, bundles: Path) -> Iterator[tuple[int, bytes]]:
    pages = sorted((ROOT / "tests" / "data" / "pages" / "dev").iterdir())
    for page in pages:
        if page.suffix in ARTICLES and page.suffix != ".json":
            yield ARTICLES.index(page.suffix), page.read_bytes()
    rows = b'{"text": "Shells fell.", "article_id": "a", "paragraph": 0}\n{"paragraphs": ["One.", {"text": "Two."}]}\n'
    for ending, content in {
        ".jsonl": rows,
        ".json": rows,
        ".csv": b"article_id,paragraph,text\na,0,Shells fell.\na,1,Envoys met.\n",
        ".tsv": b"article_id\ttext\na\tShells fell.\n",
        ".mhtml": MHTML,
        ".warc": WARC,
    }.items():
        yield ARTICLES.index(ending), content
    making.mkdir(parents=True, exist_ok=True)
    write_labelled(make_articles(2), making / "rows.parquet", LABELS)
    yield ARTICLES.index(".parquet"), (making / "rows.parquet").read_bytes()


def _datasets(making: Path, bundles: Path) -> Iterator[tuple[int, bytes]]:
    making.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(DATASETS):
        path = making / f"{name}{ending_of(name)}"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # some formats lose what they have no room for, and say so
            write_labelled(make_articles(3), path, LABELS, format=name)
        if path.is_dir():
            held = {file.suffix: file.read_bytes() for file in sorted(path.rglob("*")) if file.is_file()}
            yield number, PARTS.join(held.get(Path(file).suffix, b"") for file in FOLDERS[name])
        else:
            yield number, path.read_bytes()
    for line in (ROOT / "data" / "validation.jsonl").read_bytes().splitlines(keepends=True)[:3]:
        yield 0, line


def _configs(making: Path, bundles: Path) -> Iterator[tuple[int, bytes]]:
    for config in sorted((ROOT / "configs").glob("*.yaml")):
        yield CONFIGS.index("config.yaml"), config.read_bytes()
    yield CONFIGS.index("labels.yaml"), (ROOT / "data" / "labels.yaml").read_bytes()
    yield CONFIGS.index("labels.yaml"), b"a: &a {x: 1}\nb: *a\nc: {<<: *a}\n"


def _bundles(making: Path, bundles: Path) -> Iterator[tuple[int, bytes]]:
    for number, file in enumerate(bundle_files(bundles)):
        yield number, file.read_bytes()
