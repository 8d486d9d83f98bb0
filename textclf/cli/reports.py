"""Reports as the commands write them: with the line that writes them again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textclf.compare import Comparison
    from textclf.comparison.contenders import Contender
    from textclf.comparison.costs import Cost
    from textclf.comparison.leaderboard import Leaderboard as Ranking
    from textclf.evaluate import Evaluation
    from textclf.labeller import Labeller
    from textclf.records import Article
    from textclf.report import Against, Leaderboard
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
        settings: Resamples, confidence, seed, and how intervals are read off.
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


def write_comparison(
    paths: Sequence[Path],
    comparison: Comparison,
    contenders: Sequence[Contender],
    *,
    resamples: int,
    seed: int,
    command: str,
) -> None:
    """Write the leaderboard of the first set of articles, and all about its best model there, as each of the reports.

    Args:
        paths: The reports.
        comparison: What was found.
        contenders: Who was compared, all of them trained.
        resamples: Article resamples of the intervals.
        seed: Fixes the resamples.
        command: What to type to get the report again.
    """
    import typer

    from textclf.bundle import load_bundle
    from textclf.cli.models import read_together
    from textclf.evaluate import evaluate
    from textclf.report import build_report, write_report

    board = comparison.leaderboards[0]
    best = next(each for each in contenders if each.name == board.best.model)
    model = load_bundle(best.bundles[0])
    articles = read_together([Path(board.data)], model.labels)
    found = evaluate(model, articles, resamples=resamples, seed=seed)
    assert found.scored is not None  # noqa: S101 (for the type checker)
    notes = [*board.notes]
    if len(best.bundles) > 1:
        notes.append(f"what follows the leaderboard is of {best.bundles[0]}, one of {len(best.bundles)} trainings")
    report = build_report(
        model,
        articles,
        found,
        found.scored,
        name=str(best.bundles[0]),
        data=[board.data],
        leaderboard=leaderboard_of(board, comparison.costs),
        explain=getattr(model, "explain", None),
        notes=notes,
        command=command,
    )
    for path in paths:
        write_report(path, report)
        typer.echo(f"report written to {path}", err=True)


def leaderboard_of(board: Ranking, costs: Mapping[str, Cost]) -> Leaderboard:
    """Return a ranking as a report takes it: differences are to the best, and costs in words."""
    from textclf.report import Contender as Row
    from textclf.report import Leaderboard

    rows = [
        Row(
            each.model,
            each.scores,
            None if each.to_best is None else each.to_best.difference,
            _in_words(costs.get(each.model)),
        )
        for each in board.standings
    ]
    return Leaderboard(rows, reference=board.best.model)


def _in_words(cost: Cost | None) -> dict[str, str]:
    """Return what was measured of a cost, by what it is called."""
    if cost is None:
        return {}
    measured = {
        "training": (cost.training_seconds, "{:,.0f} s"),
        "paragraphs a second": (cost.paragraphs_per_second, "{:,.0f}"),
        "bundle": (cost.bundle_mib, "{:,.1f} MiB"),
        "memory, training": (cost.training_peak_mib, "{:,.0f} MiB"),
        "memory, predicting": (cost.inference_peak_mib, "{:,.0f} MiB"),
    }
    return {name: "–" if value is None else shape.format(value) for name, (value, shape) in measured.items()}


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
