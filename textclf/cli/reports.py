"""Reports as the commands write them: with the line that writes them again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textclf.evaluate import Evaluation
    from textclf.labeller import Labeller
    from textclf.records import Article
    from textclf.report import Against
    from textclf.report.protocols import SlicesLike


def write_reports(
    paths: Sequence[Path],
    labeller: Labeller,
    articles: Sequence[Article],
    evaluation: Evaluation,
    *,
    name: Path,
    data: Sequence[Path],
    against: Against | None,
    settings: Mapping[str, Any],
    slices: SlicesLike | None = None,
    notes: Sequence[str] = (),
    more: Sequence[str] = (),
) -> None:
    """Write one evaluation as each of the reports asked for, and say where they are.

    Args:
        paths: The reports; none is fine.
        labeller: The model.
        articles: What it was evaluated on.
        evaluation: The scores, with what was scored.
        name: The model's folder.
        data: The files of the articles.
        against: The other model, where there is one.
        settings: Resamples, confidence and seed.
        slices: Scores of parts of the articles, where they were measured.
        notes: What must be said of the scores at the head.
        more: Other options that were given, as they are typed.
    """
    if not paths or evaluation.scored is None:
        return
    import typer

    from textclf.report import build_report, write_report

    report = build_report(
        labeller,
        articles,
        evaluation,
        evaluation.scored,
        name=str(name),
        data=[str(path) for path in data],
        against=against,
        slices=slices,
        explain=getattr(labeller, "explain", None),
        notes=notes,
        command=evaluate_command(name, data, against.model.name if against else None, paths, settings, more),
    )
    for path in paths:
        write_report(path, report)
        typer.echo(f"report written to {path}", err=True)


def evaluate_command(
    name: Path,
    data: Sequence[Path],
    against: str | None,
    paths: Sequence[Path],
    settings: Mapping[str, Any],
    more: Sequence[str] = (),
) -> str:
    """Return the line that evaluates and reports the same again, every setting written out."""
    parts = ["textclf", "evaluate", str(name), *map(str, data)]
    parts += ["--against", against] if against else []
    for setting, value in settings.items():
        parts += [f"--{setting}", f"{value:g}" if isinstance(value, float) else str(value)]
    parts += more
    for path in paths:
        parts += ["--report", str(path)]
    return shlex.join(parts)
