"""doccano's export of a text classification project, JSON Lines or JSON: ``{"id", "text", "label": [...]}``.

The names stand under `label`, `labels` or `cats` (a list, or an object of name to 1 or 0). doccano keeps imported
metadata as keys beside them (older versions under `meta`). An empty list means that no label is carried, since doccano
does not tell whether a text was looked at; a record without any of the keys is unknown. What is uncertain stands in the
metadata, and a label given since then is no longer uncertain.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from textclf.datasets.interface import Format, Head
from textclf.datasets.raw import Fault, RawArticle
from textclf.datasets.units import Unit, join_records, metadata
from textclf.datasets.verdicts import names_in
from textclf.errors import DataError
from textclf.labels import LabelSet
from textclf.records import Article

NAMES = ("label", "labels", "cats")
OF_DOCCANO = ("id", "text", *NAMES, "meta", "Comments", "comments", "annotation_approver", "is_confirmed")


def sniff(head: Head) -> bool:
    """Tell whether the first record is a text with its `label`, or an `id` and its `labels`."""
    record = head.record
    if not isinstance(record, dict) or "text" not in record or {"answer", "options", "fields"} & set(record):
        return False
    return isinstance(record.get("label"), list) or ("id" in record and ("labels" in record or "cats" in record))


def read(path: Path, labels: LabelSet | None) -> Iterator[RawArticle | Fault]:
    """Yield the articles of an export; a paragraph is one record."""
    yield from join_records(path, labels, _unit, expected="an object with text and label")


def write(articles: Sequence[Article], path: Path, labels: LabelSet | None) -> None:
    """Write one paragraph a line, metadata as keys beside it, which doccano keeps."""
    number = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        for article in articles:
            for place, paragraph in enumerate(article.paragraphs):
                number += 1
                meta = {key: value for key, value in metadata(article, place).items() if key not in OF_DOCCANO}
                record = {"id": number, "text": paragraph.text, "label": list(paragraph.labels), **meta}
                file.write(json.dumps(record, ensure_ascii=False) + "\n")


def _unit(place: int, record: Mapping[str, Any]) -> Unit:
    meta = {key: value for key, value in record.items() if key not in OF_DOCCANO}
    if isinstance(record.get("meta"), Mapping):
        meta = {**record["meta"], **meta}
    own = record.get("id")
    unit_id = str(own) if isinstance(own, (int, str)) else None
    key = next((key for key in NAMES if key in record), None)
    if key is None:
        return Unit(place, record.get("text"), judged=(), meta=meta, unit_id=unit_id)
    try:
        carried, judged = _names(record[key], key)
    except DataError as fault:
        return Unit(place, record.get("text"), meta=meta, unit_id=unit_id, fault=str(fault))
    return Unit(place, record.get("text"), carried, (), judged, meta, unit_id)


def _names(value: Any, key: str) -> tuple[tuple[str, ...], tuple[str, ...] | None]:
    """Return the names given, and which were decided (None: every one).

    Raises:
        DataError: When they are neither names nor names with 1 or 0.
    """
    if isinstance(value, Mapping):
        if not all(answer in (0, 1) for answer in value.values() if isinstance(answer, (int, float))) or not all(
            isinstance(answer, (int, float)) for answer in value.values()
        ):
            raise DataError(f"{key} must give each label 1 or 0, found {dict(value)!r:.60}")
        return tuple(str(name) for name, answer in value.items() if answer), tuple(map(str, value))
    if isinstance(value, list) and value and all(isinstance(item, list) for item in value):
        raise DataError(f"{key} holds spans, not labels of the text; export a text classification project")
    return names_in(value, key), None


FORMAT = Format("doccano", "doccano's export of a text classification project, JSON Lines", (), sniff, read, write)
