"""spaCy's `.spacy` files (DocBin): a document is a paragraph, its `cats` are the labels.

A value of 0.8 or more is yes, of 0.2 or less no, and between them unknown; so is a label that `cats` lacks. A document
without any was not annotated. The metadata stand in `user_data`.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from textclf.datasets.interface import Format, Head
from textclf.datasets.raw import Fault, RawArticle
from textclf.datasets.units import Unit, join, label_names, metadata, unknown_labels
from textclf.errors import DataError, import_extra
from textclf.labels import LabelSet
from textclf.records import Article

SURE_YES = 0.8
SURE_NO = 0.2
BROKEN = (ValueError, LookupError, TypeError, AttributeError, OverflowError, EOFError, AssertionError, struct.error)
"""What spaCy and its packing raise of bytes that are no DocBin."""


def sniff(head: Head) -> bool:
    """Tell whether the file is a packed DocBin."""
    if not head.start.startswith(b"\x78"):
        return False
    try:
        return b"attrs" in zlib.decompressobj().decompress(head.start, 200)
    except zlib.error:
        return False


def read(path: Path, labels: LabelSet | None) -> Iterator[RawArticle | Fault]:
    """Yield the articles of a DocBin; a document's place is its number from 1.

    Raises:
        MissingExtraError: Without spaCy.
        DataError: When the file is no DocBin.
    """
    import_extra("spacy", extra="spacy", purpose="reading a .spacy file")
    tokens = import_extra("spacy.tokens", extra="spacy", purpose="reading a .spacy file")
    vocab = import_extra("spacy.vocab", extra="spacy", purpose="reading a .spacy file")
    try:
        content = tokens.DocBin().from_bytes(path.read_bytes())
        units = [_unit(place, doc) for place, doc in enumerate(content.get_docs(vocab.Vocab()), start=1)]
    except OSError as fault:
        raise DataError(f"cannot read {path}: {fault.strerror}") from fault
    except BROKEN as fault:
        raise DataError(f"{path} is not a .spacy file (a DocBin) that can be read: {fault}") from fault
    yield from join(path, units, labels)


def write(articles: Sequence[Article], path: Path, labels: LabelSet | None) -> None:
    """Write one document a paragraph; a label that is unknown is left out of its `cats`.

    Raises:
        MissingExtraError: Without spaCy.
    """
    spacy = import_extra("spacy", extra="spacy", purpose="writing a .spacy file")
    tokens = import_extra("spacy.tokens", extra="spacy", purpose="writing a .spacy file")
    make_doc = spacy.blank("xx").make_doc
    names = label_names(articles, labels)
    content = tokens.DocBin(store_user_data=True)
    for article in articles:
        for number, paragraph in enumerate(article.paragraphs):
            doc = make_doc(paragraph.text)
            unknown = unknown_labels(article, number, names)
            doc.cats = {name: float(name in paragraph.labels) for name in names if name not in unknown}
            doc.user_data.update(metadata(article, number))
            content.add(doc)
    path.write_bytes(content.to_bytes())


def _unit(place: int, doc: Any) -> Unit:
    meta = {key: _plain(value) for key, value in doc.user_data.items() if isinstance(key, str)}
    cats = doc.cats
    if not isinstance(cats, Mapping) or not all(
        isinstance(name, str) and isinstance(value, (int, float)) and 0 <= value <= 1 for name, value in cats.items()
    ):
        return Unit(
            place, doc.text, meta=meta, fault=f"cats must give each label a value from 0 to 1, found {cats!r:.60}"
        )
    yes = [name for name, value in cats.items() if value >= SURE_YES]
    unsure = [name for name, value in cats.items() if SURE_NO < value < SURE_YES]
    told = meta.get("uncertain")
    unsure += [name for name in (told if isinstance(told, list) else ()) if name not in cats]
    return Unit(place, doc.text, yes, unsure, tuple(cats), meta)


def _plain(value: Any) -> Any:
    """Turn the tuples that spaCy reads lists as back into lists."""
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


FORMAT = Format("spacy", "spaCy's DocBin with doc.cats", (".spacy",), sniff, read, write)
