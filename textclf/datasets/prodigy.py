"""Prodigy's annotations, JSON Lines: a choice among `options` with what was accepted, or one label and an answer.

- *Choice* (`textcat.manual`): the labels in `accept` are carried, the other `options` are not, and a label that was not
  offered is unknown. Answers of `reject` and `ignore` decide nothing.
- *One label* (`textcat.teach`): `label` is carried when the answer is `accept`, not carried when it is `reject`; every
  other label is unknown.

Records of one paragraph, told by `article_id` and `paragraph` in `meta`, else by `_input_hash`, else by the text, are
one paragraph; where they differ on a label it is unknown. A record without an answer that accepts nothing is unknown.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from textclf.datasets.interface import Format, Head
from textclf.datasets.jsonfile import read_json
from textclf.datasets.raw import Fault, RawArticle
from textclf.datasets.units import Unit, join, label_names, metadata, unknown_labels
from textclf.datasets.verdicts import Verdict, agree, names_in
from textclf.errors import DataError, one_of
from textclf.labels import LabelSet
from textclf.records import Article

ANSWERS = ("accept", "reject", "ignore")


def sniff(head: Head) -> bool:
    """Tell whether the first record is a text with an answer, options, or one of Prodigy's hashes."""
    record = head.record
    return isinstance(record, dict) and "text" in record and bool({"answer", "options", "_task_hash"} & set(record))


def read(path: Path, labels: LabelSet | None) -> Iterator[RawArticle | Fault]:
    """Yield the articles of an export; records of one paragraph become one."""
    paragraphs: dict[Any, list[tuple[int, Mapping[str, Any]]]] = {}
    for found in read_json(path):
        if isinstance(found, Fault):
            yield found
        elif isinstance(found[1], Mapping):
            paragraphs.setdefault(_key(found[1]), []).append(found)
        else:
            yield Fault(str(path), found[0], None, None, "expected an object with text and answer")
    yield from join(path, [_unit(records) for records in paragraphs.values()], labels)


def write(articles: Sequence[Article], path: Path, labels: LabelSet | None) -> None:
    """Write one choice a paragraph, every label offered; one with nothing known is left to be answered."""
    names = label_names(articles, labels)
    options = [{"id": name, "text": name} for name in names]
    with path.open("w", encoding="utf-8", newline="") as file:
        for article in articles:
            for number, paragraph in enumerate(article.paragraphs):
                record: dict[str, Any] = {"text": paragraph.text, "options": options}
                record["meta"] = metadata(article, number)
                if article.annotated == ():
                    record["meta"].pop("annotated")
                if len(unknown_labels(article, number, names)) < len(names) or not names:
                    record |= {"accept": list(paragraph.labels), "answer": "accept"}
                record |= {"config": {"choice_style": "multiple"}, "_view_id": "choice"}
                file.write(json.dumps(record, ensure_ascii=False) + "\n")


def _key(record: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what tells a paragraph from others."""
    meta = record.get("meta")
    if isinstance(meta, Mapping) and "article_id" in meta and "paragraph" in meta:
        return ("meta", repr(meta["article_id"]), repr(meta["paragraph"]))
    article_id = repr(meta.get("article_id")) if isinstance(meta, Mapping) else ""
    if isinstance(record.get("_input_hash"), int):
        return ("hash", article_id, repr(record["_input_hash"]))
    return ("text", article_id, repr(record.get("text")))


def _unit(records: Sequence[tuple[int, Mapping[str, Any]]]) -> Unit:
    place, first = records[0]
    given = first.get("meta")
    meta = dict(given) if isinstance(given, Mapping) else {}
    verdicts = []
    for _, record in records:
        try:
            verdict = _verdict(record)
        except DataError as fault:
            return Unit(place, first.get("text"), meta=meta, fault=str(fault))
        if verdict is not None:
            verdicts.append(verdict)
    agreed = agree(verdicts)
    return Unit(place, first.get("text"), agreed.yes, agreed.unsure, agreed.judged, meta)


def _verdict(record: Mapping[str, Any]) -> Verdict | None:
    """Return what one record decides, or None when it decides nothing.

    Raises:
        DataError: When it is no record of Prodigy's.
    """
    answer = record.get("answer", "accept")
    if answer not in ANSWERS:
        raise DataError(f"answer must be one of {one_of(ANSWERS)}, found {answer!r:.60}")
    if "options" not in record and "accept" not in record:
        names = names_in(record.get("label"), "label")
        if not names or answer == "ignore":
            return None
        return Verdict(names if answer == "accept" else (), judged=names)
    if answer != "accept" or ("answer" not in record and not record.get("accept")):
        return None
    offered = record.get("options")
    if offered is not None and not (
        isinstance(offered, list) and all(isinstance(option, Mapping) and "id" in option for option in offered)
    ):
        raise DataError(f"options must be a list of objects with an id, found {offered!r:.60}")
    judged = None if offered is None else names_in([option["id"] for option in offered], "the ids of options")
    return Verdict(names_in(record.get("accept"), "accept"), judged=judged)


FORMAT = Format("prodigy", "Prodigy's annotations, choices or one label at a time, JSON Lines", (), sniff, read, write)
