"""brat standoff (INCEpTION exports it too): a folder of articles, each a `.txt` with an `.ann` of the same name.

A paragraph is a span. Where the `.ann` has spans of the type `Paragraph`, they are the paragraphs; else blank lines
part them, or, where there is none, line ends. A span of any other type gives its type as a label to every paragraph of
which it covers at least nine tenths; one that covers so much of none is a fault. A span may be in pieces, as brat makes
it at line ends: it reaches from its first to its last character. An attribute `Uncertain`, or a note that says
`uncertain`, makes its label unknown. A paragraph without a label span carries none.

An article whose `.ann` is missing or empty was never annotated, and every label is unknown in it. What has no other
place (id, title, date, source, labels looked for, keys of your own) is JSON in the note of each paragraph's span.
brat's types have no spaces, so a label's are written as `_` and read back where the label set is given.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from textclf.datasets.interface import Format, Head
from textclf.datasets.jsonfile import parse
from textclf.datasets.raw import NOT_UTF8, Fault, RawArticle
from textclf.datasets.units import Unit, join, label_names, metadata
from textclf.errors import DataError
from textclf.labels import LabelSet
from textclf.records import Article

PARAGRAPH = "Paragraph"
UNCERTAIN = "uncertain"
COVERED = 0.9  # of a paragraph's characters, for a span to be its label: a missed full stop is no matter
SPAN = re.compile(r"(T\d+)\t(\S+) (\d{1,9} \d{1,9}(?:;\d{1,9} \d{1,9})*)(?:\t.*)?")


@dataclass
class Span:
    """A text-bound annotation: its line in the `.ann`, type, and place in the text in characters."""

    line: int
    type: str
    start: int
    end: int
    uncertain: bool = False
    note: str = ""


@dataclass
class Standoff:
    """One `.ann` as read: its spans by id, and what is wrong with it."""

    spans: dict[str, Span] = field(default_factory=dict)
    faults: list[tuple[int, str]] = field(default_factory=list)
    empty: bool = True


def sniff(head: Head) -> bool:
    """Tell whether a folder holds `.ann` files."""
    return head.path.is_dir() and next(head.path.rglob("*.ann"), None) is not None


def read(path: Path, labels: LabelSet | None) -> Iterator[RawArticle | Fault]:
    """Yield one article a `.txt`, in order of their names; a fault's line is that of the `.ann`."""
    if not path.is_dir():
        raise DataError(f"{path} is no folder; brat's annotations are a folder of .txt and .ann files")
    texts = sorted(file for file in path.rglob("*.txt") if file.is_file())
    for lost in sorted(file for file in path.rglob("*.ann") if not file.with_suffix(".txt").is_file()):
        yield Fault(str(lost), None, None, None, f"its text {lost.with_suffix('.txt').name} is missing")
    names = {_type_of(name): name for name in labels or ()}
    first: dict[str, Path] = {}
    for file in texts:
        for found in _article(path, file, names, labels):
            article_id = found.article_id if isinstance(found, RawArticle) else None
            if article_id is not None and (earlier := first.setdefault(article_id, file)) != file:
                yield Fault(str(file), None, article_id, None, f"this article_id stands already in {earlier}")
            else:
                yield found


def write(articles: Sequence[Article], path: Path, labels: LabelSet | None) -> None:
    """Write each article as a `.txt` and an `.ann`, and the `annotation.conf` that brat needs beside them.

    Raises:
        DataError: When two labels have the same name as brat's types, or one is called `Paragraph`.
    """
    names = label_names(articles, labels)
    types = [_type_of(name) for name in names]
    doubled = sorted({name for name in types if types.count(name) > 1 or name == PARAGRAPH})
    if doubled:
        raise DataError(f"as types of brat these labels are not apart or not free: {', '.join(doubled)}; rename them")
    taken: set[str] = set()
    for article in articles:
        name = _file_name(article.article_id, taken)
        text, annotations = _standoff(article)
        for ending, content in ((".txt", text), (".ann", annotations)):
            with (path / f"{name}{ending}").open("w", encoding="utf-8", newline="") as file:
                file.write(content)
    parts = ["[entities]", PARAGRAPH, *types, "[relations]", "[events]", "[attributes]", "Uncertain\tArg:<ENTITY>", ""]
    (path / "annotation.conf").write_text("\n".join(parts), encoding="utf-8")


def _article(
    folder: Path, file: Path, names: Mapping[str, str], labels: LabelSet | None
) -> Iterator[RawArticle | Fault]:
    """Yield the article of one `.txt`, or its faults."""
    own_id = file.relative_to(folder).with_suffix("").as_posix()
    annotations = file.with_suffix(".ann")
    text = _text(file)
    standoff = _read_standoff(annotations) if annotations.is_file() else Standoff()
    if text is None:
        standoff.faults.insert(0, (0, NOT_UTF8))
        text = ""
    paragraphs = _paragraphs(text, standoff)
    carried = _assign(paragraphs, text, standoff, names) if not standoff.faults else {}
    if standoff.faults:
        for line, message in standoff.faults:
            yield Fault(str(annotations if line else file), line or None, own_id, None, message)
        return
    units = []
    for number, span in enumerate(paragraphs):
        spans = carried.get(number, [])
        unsure = tuple(dict.fromkeys(name for name, label in spans if label.uncertain))
        yes = tuple(dict.fromkeys(name for name, label in spans if name not in unsure))
        meta = {**_note(span.note), "paragraph": number}
        meta.setdefault("article_id", own_id)
        judged = () if standoff.empty else None
        units.append(Unit(span.line or number + 1, text[span.start : span.end], yes, unsure, judged, meta))
    if not units:
        yield Fault(str(file), None, own_id, None, "there is no paragraph in it")
    yield from join(file, units, labels)


def _text(path: Path) -> str | None:
    """Return a text with its line ends as they are, since places count them; None where it is not UTF-8."""
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return None
    except OSError as fault:
        raise DataError(f"cannot read {path}: {fault.strerror}") from fault


def _read_standoff(path: Path) -> Standoff:
    """Read the spans of an `.ann`, with their attributes and notes; relations and events are passed over."""
    found = Standoff()
    text = _text(path)
    if text is None:
        found.faults.append((1, NOT_UTF8))
        return found
    attached: list[tuple[int, str]] = []
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        line = line.rstrip("\r")
        if not line.strip():
            continue
        found.empty = False
        if line[0] in "AM#":
            attached.append((number, line))
        elif line[0] == "T":
            _add_span(found, number, line)
        elif line[0] not in "REN*":
            found.faults.append((number, f"no line of brat's standoff: {line!r:.60}"))
    for _, line in attached:
        _attach(found, line)
    return found


def _add_span(found: Standoff, number: int, line: str) -> None:
    match = SPAN.fullmatch(line)
    if match is None:
        found.faults.append((number, f"no span such as 'T1<tab>label 0 25<tab>text': {line!r:.60}"))
        return
    name, kind, pieces = match.groups()
    places = [int(place) for piece in pieces.split(";") for place in piece.split(" ")]
    if name in found.spans:
        found.faults.append((number, f"the id {name} stands already at line {found.spans[name].line}"))
    else:
        found.spans[name] = Span(number, kind, min(places), max(places))


def _attach(found: Standoff, line: str) -> None:
    """Put an attribute or a note to the span it is of; one of something else is passed over."""
    _, _, rest = line.partition("\t")
    head, _, note = rest.partition("\t")
    kind, _, target = head.partition(" ")
    span = found.spans.get(target.split(" ")[0])
    if span is None:
        return
    if line[0] == "#":
        span.note = note
    if (note.strip() if line[0] == "#" else kind).lower() == UNCERTAIN:
        span.uncertain = True


def _paragraphs(text: str, standoff: Standoff) -> list[Span]:
    """Return the paragraphs' places in the text, in order."""
    given = [span for span in standoff.spans.values() if span.type == PARAGRAPH]
    for span in standoff.spans.values():
        if span.end > len(text) or span.start >= span.end:
            message = f"the span {span.start} {span.end} is not in the text, which has {len(text):,} characters"
            standoff.faults.append((span.line, message))
    if given:
        return sorted(given, key=lambda span: (span.start, span.end))
    blank = re.search(r"\S[^\S\n]*\r?\n[^\S\n]*\r?\n\s*\S", text) is not None
    pattern = r"\S(?:(?!\n[^\S\n]*\n).)*" if blank else r"\S[^\n]*"
    found = re.finditer(pattern, text, re.DOTALL if blank else 0)
    return [Span(0, PARAGRAPH, match.start(), match.start() + len(match.group().rstrip())) for match in found]


def _assign(
    paragraphs: Sequence[Span], text: str, standoff: Standoff, names: Mapping[str, str]
) -> dict[int, list[tuple[str, Span]]]:
    """Return the label spans of each paragraph; a span that is of no whole paragraph becomes a fault."""
    carried: dict[int, list[tuple[str, Span]]] = {}
    for span in standoff.spans.values():
        if span.type == PARAGRAPH:
            continue
        whole = []
        for number, paragraph in enumerate(paragraphs):
            shared = min(span.end, paragraph.end) - max(span.start, paragraph.start)
            if shared >= COVERED * (paragraph.end - paragraph.start):
                whole.append(number)
        for number in whole:
            carried.setdefault(number, []).append((names.get(span.type, span.type), span))
        if not whole:
            words = " ".join(text[span.start : span.end].split())
            message = f"{span.type} is on {words!r:.60}, which is no whole paragraph; a label here is of a paragraph"
            standoff.faults.append((span.line, message))
    return carried


def _note(note: str) -> dict[str, Any]:
    """Return the metadata a paragraph's note holds; a person's own note is none."""
    if not note.startswith("{"):
        return {}
    try:
        record = parse(note)
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def _standoff(article: Article) -> tuple[str, str]:
    """Return an article's text and its annotations."""
    text, lines, marks = "", [], 0
    spans = 0
    for number, paragraph in enumerate(article.paragraphs):
        start = len(text)
        text += paragraph.text + "\n\n"
        place = _pieces(paragraph.text, start)
        shown = re.sub(r"\s+", " ", paragraph.text)
        meta = metadata(article, number)
        meta.pop("uncertain", None)
        unsure = set(paragraph.uncertain)
        for kind in (PARAGRAPH, *paragraph.labels, *paragraph.uncertain):
            spans += 1
            lines.append(f"T{spans}\t{_type_of(kind)} {place}\t{shown}")
            if kind == PARAGRAPH:
                note = json.dumps(meta, ensure_ascii=True)
                lines.append(f"#{number + 1}\tAnnotatorNotes T{spans}\t{note}")
            elif kind in unsure:
                marks += 1
                lines.append(f"A{marks}\tUncertain T{spans}")
    return text, "".join(f"{line}\n" for line in lines)


def _pieces(text: str, start: int) -> str:
    """Return a paragraph's place, in pieces at its line ends, as brat writes a span over several lines."""
    found = [(match.start(), match.end()) for match in re.finditer(r"[^\n]+", text)]
    return ";".join(f"{start + begin} {start + end}" for begin, end in found)


def _type_of(label: str) -> str:
    return re.sub(r"\s", "_", label)


def _file_name(article_id: str, taken: set[str]) -> str:
    """Return a name for an article's files that no other has, even where case does not count."""
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", article_id)[:100].lstrip(".") or "_"
    number, free = 1, name
    while free.lower() in taken:
        number += 1
        free = f"{name}-{number}"
    taken.add(free.lower())
    return free


FORMAT = Format(
    "brat",
    "brat standoff: a folder of .txt and .ann, a span a paragraph",
    (),
    sniff,
    read,
    write,
    folder=True,
)
