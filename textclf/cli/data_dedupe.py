"""The `textclf data dedupe` command: shows near-duplicate articles and paragraphs, and writes the data without them."""

from __future__ import annotations

import difflib
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from textclf.cli import tables
from textclf.datasets.dedupe import Contradiction, Copy, Deduped, Place, Unit
from textclf.errors import DataError
from textclf.records import Article

Origin = Sequence[tuple[Path, Article]]  # every article with the file it was read from
MOST_CHARACTERS = 300  # of a text that is shown
CONTEXT = 4  # words shown on each side of a difference


def dedupe(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Labelled .jsonl, .csv, .tsv or .parquet files.")
    ],
    unit: Annotated[Unit, typer.Option(help="What to take for a copy: whole articles, paragraphs, or both.")] = "both",
    threshold: Annotated[
        float, typer.Option(min=0.5, max=1, metavar="SHARE", help="The least similarity of near-copies.")
    ] = 0.8,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.jsonl", help="Write the articles of all files without the copies.")
    ] = None,
    show: Annotated[int, typer.Option(min=0, metavar="N", help="How many clusters to show, the largest first.")] = 10,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Also write every copy and contradiction as JSON.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Of the search; the same seed finds the same.")] = 0,
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="YAML of the labels allowed [default: labels.yaml beside the data, else data/labels.yaml].",
        ),
    ] = None,
) -> None:
    """Show near-duplicate articles and paragraphs within and across files; with --out, write the data without them."""
    from textclf.cli.data import find_labels
    from textclf.cli.models import write_json
    from textclf.datasets import check_labelled
    from textclf.datasets.dedupe import dedupe as run
    from textclf.datasets.raw import raise_faults

    if out is not None and out.suffix.lower() not in (".jsonl", ".ndjson"):
        raise DataError(f"--out {out}: articles are written as JSON Lines; give a name that ends in .jsonl")
    allowed = find_labels(labels, near=files[0])
    checked = [check_labelled(file, allowed) for file in dict.fromkeys(files)]
    raise_faults(fault for file in checked for fault in file.faults)
    origin = [(file.path, article) for file in checked for article in file.articles]
    found = run([article for _, article in origin], unit=unit, threshold=threshold, seed=seed)
    show_copies(found, origin, most=show)
    if out is not None:
        write_articles(out, found.kept)
    write_json(json_file, {"unit": unit, "threshold": threshold, "seed": seed, **to_json(found, origin)})


def write_articles(out: Path, articles: Sequence[Article]) -> None:
    """Write articles as JSON Lines; the file is whole or absent.

    Raises:
        DataError: When two of them have one id, so that the file could not be read again.
        WriteError: When it cannot be written.
    """
    from textclf.files import written_aside

    twice = [name for name, count in Counter(article.article_id for article in articles).items() if count > 1]
    if twice:
        raise DataError(
            f"{len(twice)} article_id(s) stand in more than one file for different articles, so nothing was written: "
            f"{', '.join(twice[:5])}. Give each article an id of its own"
        )
    with written_aside(out) as aside, aside.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(article.to_json(), ensure_ascii=False) + "\n" for article in articles)


def to_json(found: Deduped, origin: Origin) -> dict[str, Any]:
    """Return what was found, JSON-ready: counts, every copy with its kept one and similarity, and contradictions."""

    def place(at: Place) -> dict[str, Any]:
        """Return where something stands."""
        file, article = origin[at.article]
        where: dict[str, Any] = {"file": str(file), "article_id": article.article_id}
        return where if at.paragraph is None else {**where, "paragraph": at.paragraph}

    def copies(these: Sequence[Copy]) -> dict[str, Any]:
        """Return the copies of one kind."""
        pairs = [
            {
                "copy": place(copy.place),
                "of": place(copy.of),
                "jaccard": round(copy.jaccard, 4),
                "containment": round(copy.containment, 4),
            }
            for copy in these
        ]
        within, across = _within_and_across(these, origin)
        return {"n": len(these), "within_a_file": within, "across_files": across, "copies": pairs}

    return {
        "n_articles": len(origin),
        "n_paragraphs": sum(len(article.paragraphs) for _, article in origin),
        "articles": copies(found.articles),
        "paragraphs": copies(found.paragraphs),
        "articles_left_without_a_paragraph": [place(Place(i, None)) for i in found.emptied],
        "contradictions": [
            {"label": each.label, "yes": place(each.yes), "no": place(each.no)} for each in found.contradictions
        ],
        "kept": {"n_articles": len(found.kept), "n_paragraphs": sum(len(a.paragraphs) for a in found.kept)},
    }


def show_copies(found: Deduped, origin: Origin, *, most: int) -> None:
    """Show the largest clusters, each copy under the one that is kept, then contradictions and counts."""
    screen = tables.console()
    for what, copies in (("article", found.articles), ("paragraph", found.paragraphs)):
        clusters: dict[Place, list[Copy]] = {}
        for copy in copies:
            clusters.setdefault(copy.of, []).append(copy)
        shown = sorted(clusters.items(), key=lambda item: (-len(item[1]), item[0].article, item[0].paragraph or 0))
        for of, members in shown[:most]:
            screen.print(Text(f"{what} {_name(of, origin)}: kept", style="bold"), soft_wrap=True)
            screen.print(Text(f"    {_clip(_text(of, origin))}"), soft_wrap=True)
            for member in members[:most]:
                screen.print(Text(f"  {_likeness(member)}  {_name(member.place, origin)}"), soft_wrap=True)
                different = differences(_text(of, origin), _text(member.place, origin))
                screen.print(Text(f"    {_clip(different)}", style="dim"), soft_wrap=True)
            if len(members) > most:
                screen.print(f"  ... and {len(members) - most} more copies of it")
        if len(shown) > most:
            screen.print(f"... and {len(shown) - most} more clusters of {what}s (--show N, or --json FILE for all)")
    for each in found.contradictions[:most]:
        screen.print(Text(f"label noise: {_contradiction(each, origin)}", style="yellow"), soft_wrap=True)
    if len(found.contradictions) > most:
        screen.print(f"... and {len(found.contradictions) - most} more contradictions between the labels of copies")
    for line in summary(found, origin):
        screen.print(line, soft_wrap=True, markup=False)


def summary(found: Deduped, origin: Origin) -> list[str]:
    """Return the counts as sentences."""
    lines = []
    for what, copies in (("article", found.articles), ("paragraph", found.paragraphs)):
        within, across = _within_and_across(copies, origin)
        lines.append(
            f"{len(copies)} {what}(s) are near-copies of another: {within} within a file, {across} across files"
        )
    if found.emptied:
        lines.append(f"{len(found.emptied)} article(s) hold nothing but copied paragraphs")
    if found.contradictions:
        lines.append(f"{len(found.contradictions)} label(s) contradict between copies; the kept ones become uncertain")
    paragraphs = sum(len(article.paragraphs) for article in found.kept)
    before = sum(len(article.paragraphs) for _, article in origin)
    lines.append(
        f"without copies {len(found.kept)} of {len(origin)} articles and {paragraphs} of {before} paragraphs are left"
    )
    return lines


def differences(kept: str, copy: str) -> str:
    """Return the copy with its differences marked, ``[-gone-]`` and ``{+new+}``, and what is alike between them cut."""
    before, after = kept.split(), copy.split()
    if before == after:
        return "word for word the same"
    if len(before) + len(after) > 2_000:  # comparing grows with the square
        return copy
    pieces: list[str] = []
    for kind, low, high, start, end in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind == "equal":
            words = before[low:high]
            short = len(words) <= 2 * CONTEXT + 1
            pieces += words if short else [*words[:CONTEXT], "…", *words[-CONTEXT:]]
            continue
        pieces += [f"[-{' '.join(before[low:high])}-]"] if high > low else []
        pieces += [f"{{+{' '.join(after[start:end])}+}}"] if end > start else []
    return " ".join(pieces)


def _within_and_across(copies: Sequence[Copy], origin: Origin) -> tuple[int, int]:
    within = sum(origin[copy.place.article][0] == origin[copy.of.article][0] for copy in copies)
    return within, len(copies) - within


def _likeness(copy: Copy) -> str:
    """Return the similarity of a copy, and what of the shorter is in the longer where that is the more telling."""
    cut = f" ({copy.containment:.0%} of the shorter)" if copy.containment - copy.jaccard > 0.1 else ""
    return f"{copy.jaccard:.2f}{cut}"


def _name(at: Place, origin: Origin) -> str:
    file, article = origin[at.article]
    return f"{file}: {article.article_id}" + ("" if at.paragraph is None else f", paragraph {at.paragraph}")


def _text(at: Place, origin: Origin) -> str:
    paragraphs = origin[at.article][1].paragraphs
    return " ".join(p.text for p in paragraphs) if at.paragraph is None else paragraphs[at.paragraph].text


def _clip(text: str) -> str:
    one_line = " ".join(text.split())
    return one_line if len(one_line) <= MOST_CHARACTERS else one_line[: MOST_CHARACTERS - 1] + "…"


def _contradiction(found: Contradiction, origin: Origin) -> str:
    return f"{_name(found.yes, origin)} carries {found.label}, its copy {_name(found.no, origin)} does not"
