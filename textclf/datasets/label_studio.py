"""Label Studio's export, JSON (tasks with their annotations) or JSON-MIN (one flat record an annotation).

What the results of type `choices` hold is carried; a control named `uncertain` tells of what the annotator is unsure.
Cancelled annotations and predictions decide nothing, and a task never annotated has every label unknown. Where one
annotation is the ground truth, it decides; else a label that not every annotator gave is unknown.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from textclf.datasets.interface import Format, Head
from textclf.datasets.jsonfile import read_json
from textclf.datasets.raw import Fault, RawArticle
from textclf.datasets.units import META_KEYS, OF_ARTICLE, Unit, join, metadata, suggestion
from textclf.datasets.verdicts import Verdict, agree, names_in
from textclf.errors import DataError
from textclf.labels import LabelSet
from textclf.records import Article

UNCERTAIN = "uncertain"
OF_MIN = ("id", "annotator", "annotation_id", "created_at", "updated_at", "lead_time", "agreement")
CONTROLS = ("labels", "label", "choices", "choice", "category", "categories")
"""Where JSON-MIN keeps the choice when it is one name alone, which tells nothing of itself."""
NO_CHOICE = (
    "no record holds a choice; in JSON-MIN a single choice is known by the control's name "
    f"({', '.join(CONTROLS)}) or by the labels given with --labels; or export as JSON"
)


def sniff(head: Head) -> bool:
    """Tell whether the first record is a task, or an annotation of JSON-MIN."""
    record = head.record
    if not isinstance(record, dict):
        return False
    task = isinstance(record.get("data"), dict) and bool({"annotations", "completions", "predictions"} & set(record))
    return task or {"id", "annotation_id"} <= set(record) or {"id", "annotator", "lead_time"} <= set(record)


def read(path: Path, labels: LabelSet | None) -> Iterator[RawArticle | Fault]:
    """Yield the articles of an export; a task is a paragraph, and its place is its number from 1."""
    units: list[Unit] = []
    flat: dict[str, list[tuple[int, Mapping[str, Any]]]] = {}
    for found in read_json(path):
        if isinstance(found, Fault):
            yield found
            continue
        place, task = found
        if not isinstance(task, Mapping):
            yield Fault(str(path), place, None, None, "expected a task, an object with data and annotations")
        elif "data" in task:
            units.append(_task(place, task))
        else:
            flat.setdefault(repr(task.get("id", f"place {place}")), []).append((place, task))
    records = [record for same in flat.values() for _, record in same]
    if records and not any(_is_control(name, value, labels) for record in records for name, value in record.items()):
        place = next(iter(flat.values()))[0][0]
        yield Fault(str(path), place, None, None, NO_CHOICE)
        return
    units += [_flat(same, labels) for same in flat.values()]
    yield from join(path, units, labels)


def write(articles: Sequence[Article], path: Path, labels: LabelSet | None) -> None:
    """Write one task a paragraph, annotated unless no label was looked for in its article."""
    tasks: list[dict[str, Any]] = []
    for article in articles:
        for number, paragraph in enumerate(article.paragraphs):
            data = {"text": paragraph.text, **{k: v for k, v in metadata(article, number).items() if k != "text"}}
            data.pop("uncertain", None)
            task: dict[str, Any] = {"id": len(tasks) + 1, "data": data, "annotations": []}
            task["predictions"] = _predictions(suggestion(paragraph))
            if article.annotated == ():
                data.pop("annotated")
            else:
                result = [_choices("labels", paragraph.labels), _choices(UNCERTAIN, paragraph.uncertain)]
                task["annotations"] = [{"result": [part for part in result if part], "was_cancelled": False}]
            tasks.append(task)
    path.write_text(json.dumps(tasks, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def setup(labels: LabelSet, *, beside: Sequence[str] = ()) -> str:
    """Return the labelling set-up (XML) under which Label Studio imports what `write` writes.

    Args:
        labels: The labels.
        beside: Keys of the paragraphs' own to be shown under the text; every paragraph must have them.
    """

    def choices(name: str, heading: str) -> list[str]:
        """Return the lines of one control."""
        options = [
            f'    <Choice value="{escape(label)}" hint="{escape(labels.definitions.get(label, ""))}"/>'
            for label in labels
        ]
        return [
            f'  <Header value="{heading}"/>',
            f'  <Choices name="{name}" toName="text" choice="multiple">',
            *options,
            "  </Choices>",
        ]

    shown = [f'  <Text name="{escape(key)}" value="${escape(key)}"/>' for key in ("text", *beside)]
    lines = ["<View>", *shown, *choices("labels", "What the paragraph reports")]
    return "\n".join([*lines, *choices(UNCERTAIN, "Not sure of"), "</View>", ""])


def _predictions(suggested: Sequence[str] | None) -> list[dict[str, Any]]:
    """Return what a model suggests, as Label Studio shows it beside the annotation."""
    if suggested is None:
        return []
    return [{"model_version": "textclf", "result": [part for part in [_choices("labels", suggested)] if part]}]


def _choices(name: str, chosen: Sequence[str]) -> dict[str, Any] | None:
    if not chosen:
        return None
    return {"from_name": name, "to_name": "text", "type": "choices", "value": {"choices": list(chosen)}}


def _task(place: int, task: Mapping[str, Any]) -> Unit:
    unit_id = str(task["id"]) if isinstance(task.get("id"), (int, str)) else None
    data = task["data"]
    if not isinstance(data, Mapping):
        return Unit(place, None, unit_id=unit_id, fault=f"data must be an object, found {data!r:.60}")
    key = _text_key(data)
    meta = {name: value for name, value in data.items() if name != key}
    if key is None:
        found = ", ".join(map(str, data)) or "nothing"
        return Unit(place, None, meta=meta, unit_id=unit_id, fault=f"no text in the task's data; found: {found}")
    try:
        agreed = agree(_verdicts(task.get("annotations", task.get("completions"))))
    except DataError as fault:
        return Unit(place, data[key], meta=meta, unit_id=unit_id, fault=str(fault))
    return Unit(place, data[key], agreed.yes, agreed.unsure, agreed.judged, meta, unit_id)


def _text_key(data: Mapping[str, Any]) -> str | None:
    """Return the key of the text: `text`, or the only text that is not one of ours."""
    if "text" in data:
        return "text"
    texts = [
        name
        for name, value in data.items()
        if isinstance(value, str) and name not in META_KEYS and not name.startswith(OF_ARTICLE)
    ]
    return texts[0] if len(texts) == 1 else None


def _verdicts(annotations: Any) -> list[Verdict]:
    """Return what each annotation that was not cancelled says.

    Raises:
        DataError: When they are not as Label Studio writes them.
    """
    if annotations is None:
        return []
    if not isinstance(annotations, list) or not all(isinstance(item, Mapping) for item in annotations):
        raise DataError(f"annotations must be a list of objects, found {annotations!r:.60}; export as JSON")
    kept = [item for item in annotations if not item.get("was_cancelled")]
    truth = [item for item in kept if item.get("ground_truth") is True]
    return [_verdict(item.get("result")) for item in truth or kept]


def _verdict(result: Any) -> Verdict:
    if not isinstance(result, list) or not all(isinstance(part, Mapping) for part in result):
        raise DataError(f"an annotation's result must be a list of objects, found {result!r:.60}")
    yes: list[str] = []
    unsure: list[str] = []
    for part in result:
        if part.get("type") == "choices":
            value = part.get("value")
            chosen = value.get("choices") if isinstance(value, Mapping) else value
            (unsure if part.get("from_name") == UNCERTAIN else yes).extend(names_in(chosen, "choices"))
    return Verdict(tuple(yes), tuple(name for name in unsure if name not in yes))


def _flat(records: Sequence[tuple[int, Mapping[str, Any]]], labels: LabelSet | None) -> Unit:
    """Turn the JSON-MIN records of one task, one an annotation, into one paragraph."""
    place, first = records[0]
    controls = {name for _, record in records for name, value in record.items() if _is_control(name, value, labels)}
    data = {name: value for name, value in first.items() if name not in controls and name not in OF_MIN}
    key = _text_key(data)
    unit_id = str(first["id"]) if isinstance(first.get("id"), (int, str)) else None
    if key is None:
        found = ", ".join(map(str, first)) or "nothing"
        return Unit(place, None, unit_id=unit_id, fault=f"no text in the record; found: {found}")
    meta = {name: value for name, value in data.items() if name != key}
    verdicts = []
    try:
        for _, record in records:
            chosen = {name: _chosen(record.get(name)) for name in sorted(controls)}
            yes = tuple(label for name, given in chosen.items() if name != UNCERTAIN for label in given)
            unsure = tuple(label for label in chosen.get(UNCERTAIN, ()) if label not in yes)
            verdicts.append(Verdict(yes, unsure))
    except DataError as fault:
        return Unit(place, data[key], meta=meta, unit_id=unit_id, fault=str(fault))
    agreed = agree(verdicts)
    return Unit(place, data[key], agreed.yes, agreed.unsure, agreed.judged, meta, unit_id)


def _is_control(name: str, value: Any, labels: LabelSet | None) -> bool:
    if isinstance(value, Mapping):
        return "choices" in value
    if name in ("text", *OF_MIN, *META_KEYS[:-1]) or not isinstance(value, str):
        return False
    return name in (*CONTROLS, UNCERTAIN) or (labels is not None and value in labels)


def _chosen(value: Any) -> tuple[str, ...]:
    return names_in(value.get("choices") if isinstance(value, Mapping) else value, "choices")


FORMAT = Format(
    "label_studio",
    "Label Studio's export, JSON or JSON-MIN",
    (".json",),
    sniff,
    read,
    write,
    setup=setup,
)
