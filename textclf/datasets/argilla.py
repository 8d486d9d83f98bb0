"""Argilla's records, JSON: what `dataset.records.to_json` writes, and the lists of the 1.x feedback datasets.

A question is answered by `responses`, one a user; only submitted ones decide. The answer to a question named
`uncertain` tells of what the user is unsure; every other question that is answered with label names gives labels.
Suggestions and vectors are passed over. A record that nobody submitted an answer to has every label unknown, unless its
status is `completed`: then the question was left empty on purpose, and no label is carried.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from textclf.datasets.interface import Format, Head
from textclf.datasets.raw import Fault, RawArticle
from textclf.datasets.units import Unit, join_records, metadata, suggestion
from textclf.datasets.verdicts import Verdict, agree, names_in
from textclf.errors import DataError
from textclf.labels import LabelSet
from textclf.records import Article

UNCERTAIN = "uncertain"
NOBODY = "00000000-0000-0000-0000-000000000000"
"""The user of a written response; put a real user's id there before records go to a server."""
TEXTS = ("text", "paragraph", "content", "body")


def sniff(head: Head) -> bool:
    """Tell whether the first record has fields, and responses or suggestions."""
    record = head.record
    return isinstance(record, dict) and "fields" in record and bool({"responses", "suggestions"} & set(record))


def read(path: Path, labels: LabelSet | None) -> Iterator[RawArticle | Fault]:
    """Yield the articles of an export; a record is a paragraph, and its place is its number from 1."""
    yield from join_records(path, labels, _unit, expected="a record, an object with fields and responses")


def write(articles: Sequence[Article], path: Path, labels: LabelSet | None) -> None:
    """Write one record a paragraph, its labels as a submitted response to the question `labels`."""
    records: list[dict[str, Any]] = []
    for article in articles:
        for number, paragraph in enumerate(article.paragraphs):
            meta = metadata(article, number)
            meta.pop("uncertain", None)
            answers: dict[str, Any] = {}
            suggested = suggestion(paragraph)
            if article.annotated == ():
                meta.pop("annotated")
            else:
                given = {"labels": paragraph.labels, UNCERTAIN: paragraph.uncertain}
                answers = {
                    question: [{"value": list(names), "user_id": NOBODY, "status": "submitted"}]
                    for question, names in given.items()
                    if names
                }
            records.append(
                {
                    "id": f"{article.article_id}/{number}",
                    "fields": {"text": paragraph.text},
                    "metadata": meta,
                    "suggestions": {"labels": {"value": suggested, "agent": "textclf"}} if suggested else {},
                    "responses": answers,
                    "vectors": {},
                    "status": "pending" if article.annotated == () else "completed",
                    "_server_id": None,
                }
            )
    path.write_text(json.dumps(records, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _unit(place: int, record: Mapping[str, Any]) -> Unit:
    own = record.get("id")
    unit_id = str(own) if isinstance(own, (int, str)) else None
    given = record.get("metadata")
    meta = dict(given) if isinstance(given, Mapping) else {}
    fields = record.get("fields")
    if not isinstance(fields, Mapping):
        return Unit(place, None, meta=meta, unit_id=unit_id, fault=f"fields must be an object, found {fields!r:.60}")
    key = next((name for name in TEXTS if name in fields), next(iter(fields)) if len(fields) == 1 else None)
    if key is None:
        found = ", ".join(map(str, fields)) or "nothing"
        fault = f"no text among the fields; name it one of {', '.join(TEXTS)}; found: {found}"
        return Unit(place, None, meta=meta, unit_id=unit_id, fault=fault)
    try:
        verdicts = _verdicts(record.get("responses"))
    except DataError as fault:
        return Unit(place, fields[key], meta=meta, unit_id=unit_id, fault=str(fault))
    if not verdicts and record.get("status") == "completed":
        verdicts = [Verdict()]
    agreed = agree(verdicts)
    return Unit(place, fields[key], agreed.yes, agreed.unsure, agreed.judged, meta, unit_id)


def _verdicts(responses: Any) -> list[Verdict]:
    """Return what each user submitted.

    Raises:
        DataError: When the responses are not as Argilla writes them.
    """
    given: dict[str, dict[str, tuple[str, ...]]] = {}
    for user, question, value, status in _answers(responses):
        if status in (None, "submitted"):
            answers = given.setdefault(user, {})
            answers[question] = (*answers.get(question, ()), *_names(value))
    verdicts = []
    for answers in given.values():
        yes = tuple(name for question, names in answers.items() if question != UNCERTAIN for name in names)
        unsure = tuple(name for name in answers.get(UNCERTAIN, ()) if name not in yes)
        verdicts.append(Verdict(yes, unsure))
    return verdicts


def _answers(responses: Any) -> Iterator[tuple[str, str, Any, Any]]:
    """Yield user, question, value and status of each answer, in either layout."""
    fault = DataError(f"responses must be an object of question to answers, found {responses!r:.60}")
    if isinstance(responses, Mapping):  # 2.x: question to a list of answers
        for question, answers in responses.items():
            if not isinstance(answers, list) or not all(isinstance(item, Mapping) for item in answers):
                raise fault
            for item in answers:
                yield repr(item.get("user_id")), str(question), item.get("value"), item.get("status")
    elif isinstance(responses, list):  # 1.x: a list of users' answers, each of question to value
        for item in responses:
            values = item.get("values") if isinstance(item, Mapping) else None
            if not isinstance(item, Mapping) or not isinstance(values, (Mapping, type(None))):
                raise fault
            if not values:
                yield repr(item.get("user_id")), "", None, item.get("status")
            for question, value in (values or {}).items():
                inner = value.get("value") if isinstance(value, Mapping) else value
                yield repr(item.get("user_id")), str(question), inner, item.get("status")
    elif responses is not None:
        raise fault


def _names(value: Any) -> tuple[str, ...]:
    return names_in(value, "the value of a response")


FORMAT = Format("argilla", "Argilla's records, JSON", (".json",), sniff, read, write)
