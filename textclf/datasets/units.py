"""Flat formats: one labelled paragraph a record, joined into articles by what its metadata say.

Every flat format keeps the same keys in its place for metadata, so that written articles read back the same:
`article_id`, `paragraph` (from 0), `title`, `date`, `source`, `annotated`, `uncertain`, an article's own keys as
`article.KEY`, and a paragraph's own keys as they are.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from textclf.datasets.jsonfile import read_json
from textclf.datasets.raw import Fault, RawArticle, Unreadable
from textclf.errors import TextclfWarning
from textclf.labels import LabelSet
from textclf.records import Article, Paragraph

HEAD_KEYS = ("title", "date", "source")
META_KEYS = ("article_id", "paragraph", *HEAD_KEYS, "annotated", "uncertain")
OF_ARTICLE = "article."  # begins the name of a key of the article's own
SUGGESTED = "suggested"  # a key of the paragraph's own: the labels a model gives, for tools that show a suggestion


@dataclass(frozen=True, slots=True)
class Unit:
    """One labelled paragraph as a flat format has it; nothing in it is checked yet.

    Attributes:
        place: Its line, or its number from 1.
        text: The text.
        labels: The names it carries.
        uncertain: The names nobody is sure of.
        judged: The labels that were decided at all; None means every one.
        meta: The metadata, keyed as this module says.
        unit_id: The tool's own id of the record, which must be unique in the file.
        fault: What makes it unreadable, if anything does.
    """

    place: int
    text: Any
    labels: Any = ()
    uncertain: Any = ()
    judged: Sequence[str] | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    unit_id: str | None = None
    fault: str | None = None


def join_records(
    path: Path, labels: LabelSet | None, unit: Callable[[int, Mapping[str, Any]], Unit], *, expected: str
) -> Iterator[RawArticle | Fault]:
    """Yield the articles of a JSON file in which one object is one paragraph.

    Args:
        path: The file.
        labels: The labels allowed.
        unit: Makes a paragraph of a place and an object.
        expected: Told where something else than an object is found.
    """
    units = []
    for found in read_json(path):
        if isinstance(found, Fault):
            yield found
        elif isinstance(found[1], Mapping):
            units.append(unit(*found))
        else:
            yield Fault(str(path), found[0], None, None, f"expected {expected}")
    yield from join(path, units, labels)


def join(
    path: Path, units: Iterable[Unit], labels: LabelSet | None, *, may_grow: bool = True
) -> Iterator[RawArticle | Fault]:
    """Join flat paragraphs into one record per article, in order of first appearance, and by paragraph number.

    A paragraph whose metadata name no article is an article of its own, and one warning says so.

    Args:
        path: The file, for the faults.
        units: The paragraphs, in the file's order.
        labels: The labels allowed, or None.
        may_grow: Whether an article may carry labels outside its `annotated`, as one does that was annotated further
            in a tool since its metadata were written; `annotated` then no longer holds.
    """
    units = list(units)
    universe = list(labels or dict.fromkeys(name for unit in units for name in _all_names(unit)))
    articles: dict[str, list[Unit]] = {}
    alone = 0
    first_place: dict[str, int] = {}
    for unit in units:
        if unit.unit_id is not None and (earlier := first_place.setdefault(unit.unit_id, unit.place)) != unit.place:
            yield Fault(str(path), unit.place, None, None, f"the id {unit.unit_id!r} stands already at {earlier}")
            continue
        if "article_id" in unit.meta:
            given = unit.meta["article_id"]
            articles.setdefault("" if given is None else str(given), []).append(unit)
        else:
            alone += 1
            own = f"{path.stem}-{unit.place if unit.unit_id is None else unit.unit_id}"
            articles.setdefault(own, []).append(unit)
    if alone:
        warnings.warn(
            f"{path}: {alone} of {len(units)} records name no article (article_id), so each is an article of its own; "
            f"a split by article is then a split by paragraph, and paragraphs of one article may stand on both sides",
            TextclfWarning,
            stacklevel=2,
        )
    for article_id, members in articles.items():
        yield from _doubled(path, article_id, members)
        members = _in_order(members)
        record = _record(article_id, members, universe, labels, may_grow)
        places = tuple(unit.place for unit in members)
        yield RawArticle(record, members[0].place, places, tuple(unit.unit_id for unit in members))


def metadata(article: Article, number: int) -> dict[str, Any]:
    """Return what a flat format keeps beside a paragraph's text and labels; what is empty is left out.

    An `annotated` that lists nothing is kept: it says that no label was looked for.
    """
    paragraph = article.paragraphs[number]
    meta: dict[str, Any] = {"article_id": article.article_id, "paragraph": number}
    meta |= {key: value for key in HEAD_KEYS if (value := getattr(article, key))}
    if article.annotated is not None:
        meta["annotated"] = list(article.annotated)
    if paragraph.uncertain:
        meta["uncertain"] = list(paragraph.uncertain)
    meta |= {f"{OF_ARTICLE}{key}": value for key, value in article.extra.items()}
    return meta | {key: value for key, value in paragraph.extra.items() if key not in META_KEYS}


def suggestion(paragraph: Paragraph) -> list[str] | None:
    """Return the labels a model gives a paragraph, where its own keys list them under `SUGGESTED`."""
    given = paragraph.extra.get(SUGGESTED)
    if not isinstance(given, (list, tuple)) or not all(isinstance(name, str) for name in given):
        return None
    return list(given)


def label_names(articles: Iterable[Article], labels: LabelSet | None) -> list[str]:
    """Return the label set's names, or without one every name the articles mention, in order of appearance."""
    if labels is not None:
        return list(labels)
    names: dict[str, None] = {}
    for article in articles:
        names |= dict.fromkeys(article.annotated or ())
        for paragraph in article.paragraphs:
            names |= dict.fromkeys((*paragraph.labels, *paragraph.uncertain))
    return list(names)


def unknown_labels(article: Article, number: int, names: Sequence[str]) -> set[str]:
    """Return which of the names are unknown for a paragraph."""
    paragraph = article.paragraphs[number]
    unknown = set(paragraph.uncertain)
    if article.annotated is not None:
        unknown |= set(names) - set(article.annotated) - set(paragraph.labels)
    return unknown


def _all_names(unit: Unit) -> list[str]:
    """Return every label name a unit mentions, as far as they are names."""
    lists = (unit.labels, unit.uncertain, unit.judged, unit.meta.get("annotated"))
    return [name for names in lists if isinstance(names, (list, tuple)) for name in names if isinstance(name, str)]


def _doubled(path: Path, article_id: str, members: Sequence[Unit]) -> Iterator[Fault]:
    """Yield a fault for each paragraph number that stands twice in an article."""
    places: dict[int, int] = {}
    for unit in members:
        number = _number(unit)
        if number is not None and (earlier := places.setdefault(number, unit.place)) != unit.place:
            message = f"paragraph {number} of this article stands already at {earlier}"
            yield Fault(str(path), unit.place, article_id, None, message)


def _in_order(members: list[Unit]) -> list[Unit]:
    """Put paragraphs in the order of their numbers, where each has one."""
    numbered = [(number, unit) for unit in members if (number := _number(unit)) is not None]
    if len(numbered) < len(members):
        return members
    return [unit for _, unit in sorted(numbered, key=lambda pair: pair[0])]


def _number(unit: Unit) -> int | None:
    given = unit.meta.get("paragraph")
    if isinstance(given, str) and given.isascii() and given.isdigit() and len(given) < 10:
        return int(given)
    return given if isinstance(given, int) and not isinstance(given, bool) else None


def _record(
    article_id: str, members: Sequence[Unit], universe: Sequence[str], labels: LabelSet | None, may_grow: bool
) -> dict[str, Any]:
    """Make one article's record, as the JSON Lines format has it."""
    record: dict[str, Any] = {"article_id": article_id}
    for unit in members:
        for key, value in unit.meta.items():
            if value is None or value == "":
                continue
            if key in HEAD_KEYS:
                record.setdefault(key, value.isoformat() if isinstance(value, date) else value)
            elif key.startswith(OF_ARTICLE) and len(key) > len(OF_ARTICLE):
                record.setdefault(key.removeprefix(OF_ARTICLE), value)
    annotated = _annotated(members, universe, labels, may_grow)
    if annotated is not None:
        record["annotated"] = annotated
    looked_for = annotated if isinstance(annotated, list) else list(universe)
    record["paragraphs"] = [_paragraph(unit, looked_for) for unit in members]
    return record


def _annotated(members: Sequence[Unit], universe: Sequence[str], labels: LabelSet | None, may_grow: bool) -> Any:
    """Return which labels were looked for in an article: as its metadata say, or those decided anywhere in it."""
    given = next((unit.meta["annotated"] for unit in members if unit.meta.get("annotated") not in (None, "")), None)
    if isinstance(given, (list, tuple)):
        carried = [name for unit in members if isinstance(unit.labels, (list, tuple)) for name in unit.labels]
        if not may_grow or all(name in given for name in carried):
            return list(given)
    elif given is not None:
        return given  # a fault, told by the rules
    sound = [unit for unit in members if unit.fault is None]
    if not sound or any(unit.judged is None for unit in sound):
        return None
    union = dict.fromkeys(name for unit in sound for name in (*(unit.judged or ()), *_told_uncertain(unit)))
    ordered = [*(name for name in universe if name in union), *(name for name in union if name not in universe)]
    return None if labels is not None and set(labels) <= set(union) else ordered


def _told_uncertain(unit: Unit) -> list[str]:
    """Return the labels a unit says to be uncertain, which were then looked for."""
    told = unit.uncertain or unit.meta.get("uncertain")
    return [name for name in told if isinstance(name, str)] if isinstance(told, (list, tuple)) else []


def _paragraph(unit: Unit, looked_for: Sequence[str]) -> dict[str, Any] | Unreadable:
    if unit.fault is not None:
        return Unreadable(unit.fault)
    own = {
        key: value
        for key, value in unit.meta.items()
        if key not in META_KEYS and not key.startswith(OF_ARTICLE) and value is not None and value != ""
    }
    uncertain: Any = unit.uncertain or unit.meta.get("uncertain")
    uncertain = [] if uncertain is None else uncertain
    carried, unsure = unit.labels, uncertain
    if isinstance(carried, (list, tuple)) and isinstance(uncertain, (list, tuple)):
        if not unit.uncertain:  # what stood as uncertain in the metadata may have been decided since
            unsure = [name for name in uncertain if name not in carried]
        if unit.judged is not None:
            open_still = [name for name in looked_for if name not in (*unit.judged, *carried, *unsure)]
            unsure = [*unsure, *open_still]
        carried, unsure = list(carried), list(unsure)
    return {**own, "text": unit.text, "labels": carried, "uncertain": unsure}
