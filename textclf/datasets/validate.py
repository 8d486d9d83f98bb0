"""The rules of labelled data: a raw record becomes an `Article`, or a list of everything wrong with it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from textclf.datasets.raw import NEARLY, Fault, RawArticle, Unreadable
from textclf.errors import did_you_mean
from textclf.labels import LabelSet
from textclf.records import MAX_CHARACTERS, Article, Paragraph

ARTICLE_KEYS = ("article_id", "title", "date", "source", "annotated", "paragraphs")
PARAGRAPH_KEYS = ("text", "labels", "uncertain")
HALF_CHARACTER = "holds half a character (a lone surrogate); export it again as UTF-8"


def validate(path: Path, raw: RawArticle, labels: LabelSet | None) -> tuple[Article | None, list[Fault]]:
    """Return the article and no faults, or None and every fault of the record.

    Args:
        path: The file, for the faults.
        raw: The record as read.
        labels: The labels allowed; None leaves names unchecked.
    """
    record = raw.record
    if not isinstance(record, Mapping):
        message = f"expected an object with article_id and paragraphs, found {_kind(record)}"
        return None, [Fault(str(path), raw.line, None, None, message)]
    article_id = raw.article_id
    messages: list[tuple[int | None, str]] = []
    if article_id is not None and has_half_character(article_id):
        messages.append((None, f"article_id {HALF_CHARACTER}"))
    if article_id is None:
        messages.append((None, f"article_id must be a non-empty text, found {_kind(record.get('article_id'))}"))
    messages += [(None, text) for text in _article_faults(record, labels)]
    paragraphs = record.get("paragraphs")
    if not isinstance(paragraphs, list) or not paragraphs:
        messages.append((None, f"paragraphs must be a non-empty list, found {_kind(paragraphs)}"))
        paragraphs = []
    for number, paragraph in enumerate(paragraphs):
        found = _paragraph_faults(paragraph, record.get("annotated"), labels)
        messages += [(number, text) for text in found]
    lines = raw.paragraph_lines
    ids = raw.paragraph_ids
    faults = []
    for where, message in messages:
        line = raw.line if where is None or lines is None else lines[where]
        own_id = ids[where] if where is not None and ids is not None else None
        told = message if own_id is None else f"{message} (id {own_id})"
        faults.append(Fault(str(path), line, article_id, where, told))
    if faults or article_id is None:
        return None, faults
    return _article(article_id, record), []


def _article(article_id: str, record: Mapping[str, Any]) -> Article:
    annotated = record.get("annotated")
    return Article(
        article_id=article_id,
        paragraphs=tuple(
            Paragraph(
                text=paragraph["text"],
                labels=tuple(dict.fromkeys(paragraph["labels"])),
                uncertain=tuple(dict.fromkeys(paragraph.get("uncertain") or ())),
                extra={key: value for key, value in paragraph.items() if key not in PARAGRAPH_KEYS},
            )
            for paragraph in record["paragraphs"]
        ),
        title=record.get("title") or "",
        date=record.get("date") or "",
        source=record.get("source") or "",
        annotated=None if annotated is None else tuple(annotated),
        extra={key: value for key, value in record.items() if key not in ARTICLE_KEYS},
    )


def _article_faults(record: Mapping[str, Any], labels: LabelSet | None) -> list[str]:
    faults = _misspelt(record, ARTICLE_KEYS)
    for key in ("title", "date", "source"):
        if record.get(key) is not None and not isinstance(record[key], str):
            faults.append(f"{key} must be a text, found {_kind(record[key])}")
        elif has_half_character(record.get(key) or ""):
            faults.append(f"{key} {HALF_CHARACTER}")
    if record.get("annotated") is not None:
        faults += _name_faults("annotated", record["annotated"], labels)
    return faults


def _paragraph_faults(paragraph: Any, annotated: Any, labels: LabelSet | None) -> list[str]:
    if isinstance(paragraph, Unreadable):
        return [paragraph.message]
    if not isinstance(paragraph, Mapping):
        return [f"expected an object with text and labels, found {_kind(paragraph)}"]
    faults = _misspelt(paragraph, PARAGRAPH_KEYS)
    faults += text_faults(paragraph.get("text"))
    if "labels" not in paragraph:
        faults.append('no labels; write "labels": [] for a paragraph that carries none')
    given = {"labels": paragraph.get("labels", []), "uncertain": paragraph.get("uncertain")}
    given["uncertain"] = [] if given["uncertain"] is None else given["uncertain"]
    for key, names in given.items():
        faults += _name_faults(key, names, labels)
    if faults:
        return faults
    both = sorted(set(given["labels"]) & set(given["uncertain"]))
    faults += [f"label {name!r} is both in labels and in uncertain" for name in both]
    if isinstance(annotated, list):
        stray = sorted(set(given["labels"]) - set(annotated))
        faults += [f"label {name!r} is given but not listed in the article's annotated" for name in stray]
    return faults


def text_faults(text: Any) -> list[str]:
    """Return what is wrong with a paragraph's text, as messages."""
    if not isinstance(text, str):
        return [f"text must be a text, found {_kind(text)}"]
    if not text.strip():
        return ["the text is empty; leave the paragraph out"]
    if len(text) > MAX_CHARACTERS:
        return [f"the text has {len(text):,} characters, more than {MAX_CHARACTERS:,}; split it into paragraphs"]
    if has_half_character(text):
        return [f"the text {HALF_CHARACTER}"]
    return []


def has_half_character(text: str) -> bool:
    """Tell whether a text holds a lone surrogate, which UTF-8 has no bytes for."""
    return any("\ud800" <= character <= "\udfff" for character in text)


def _name_faults(key: str, names: Any, labels: LabelSet | None) -> list[str]:
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        return [f"{key} must be a list of label names, found {_kind(names)}"]
    if labels is None:
        return []
    return [labels.unknown(name) for name in names if name not in labels]


def _misspelt(record: Mapping[str, Any], known: Iterable[str]) -> list[str]:
    """Return a fault for each key that is nearly, but not quite, one that is read."""
    absent = [key for key in known if key not in record]
    hints = {key: did_you_mean(str(key), absent, cutoff=NEARLY) for key in record if key not in known}
    return [f"unknown key {key!r}{hint}" for key, hint in hints.items() if hint]


def _kind(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, str) and not value.strip():
        return "an empty text"
    if isinstance(value, float) and math.isnan(value):
        return "NaN"
    if isinstance(value, (list, tuple)) and not value:
        return "an empty list"
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false"}
    return names.get(type(value), f"{value!r}"[:60])
