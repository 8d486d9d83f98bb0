"""The tables of a comparison: leaderboards, paired differences, seeds and costs; each fits a hundred columns."""

from __future__ import annotations

import math
from pathlib import Path

from rich.markup import escape
from rich.text import Text

from textclf.cli.tables import console, signed, table
from textclf.compare import Comparison
from textclf.comparison.leaderboard import Leaderboard, Paired
from textclf.evaluate import Estimate

SHOWN = {
    "macro_f1": "macro-F1",
    "micro_f1": "micro-F1",
    "macro_ap": "macro-AP",
    "false_alarm_rate": "false alarms",
}


def show_comparison(comparison: Comparison) -> None:
    """Show a leaderboard for each set of articles, then what each model costs."""
    for board in comparison.leaderboards:
        show_leaderboard(board)
    show_costs(comparison)
    screen = console()
    for note in comparison.notes:
        screen.print(Text(f"note: {note}", style="yellow"), soft_wrap=True)


def show_leaderboard(board: Leaderboard) -> None:
    """Show models best first, then each against the best and the baseline, then what seeds add."""
    percent = f"{board.settings['confidence']:.0%}"
    counts = f"{board.n_articles} articles, {board.n_paragraphs} paragraphs"
    title = f"{Path(board.data).stem}: {counts} [{percent} interval over articles]"
    scores = table(title, "model", *SHOWN.values())
    for each in board.standings:
        cells = [_stacked(each.scores[name]) for name in SHOWN]
        scores.add_row(f"{each.rank} {escape(each.model)}", *cells)
    screen = console()
    screen.print(scores)
    if len(board.standings) > 1:
        _show_paired(board)
    if any(each.seeds.n_seeds > 1 for each in board.standings):
        _show_seeds(board)
    for note in board.notes:
        screen.print(Text(f"note: {note}", style="yellow"), soft_wrap=True)


def _show_paired(board: Leaderboard) -> None:
    """Show the paired differences in macro-F1, and say which models are as good as the best for all one can tell."""
    shown = table("macro-F1, paired over articles", "model", "less the best", "p (Holm)", "less the baseline", "p")
    for each in board.standings:
        to_best = _cells(each.to_best, adjusted=True) or ("best", "")
        to_baseline = _cells(each.to_baseline, adjusted=False) or ("baseline", "")
        shown.add_row(escape(each.model), *to_best, *to_baseline)
    screen = console()
    screen.print(shown)
    screen.print("* the interval of the paired difference leaves out 0")
    if math.isnan(board.best.scores["macro_f1"].value):
        return
    best, alike = board.best.model, [each.model for each in board.as_good()]
    told = f"not distinguishable from the best, {best}: {', '.join(alike)}"
    if not alike:
        told = f"{best} is distinguishable from {'every other' if len(board.standings) > 2 else 'the other'}"
    screen.print(Text(told), soft_wrap=True)


def _show_seeds(board: Leaderboard) -> None:
    """Show how far macro-F1 moves with the seed."""
    shown = table("macro-F1 by seed", "model", "mean", "sd over seeds", "share of variance from seeds", "each")
    for each in board.standings:
        seeds = each.seeds
        share = "–" if math.isnan(seeds.seed_share) else f"{seeds.seed_share:.0%}"
        sd = "–" if math.isnan(seeds.sd) else f"{seeds.sd:.3f}"
        values = " ".join(f"{value:.3f}" for value in each.by_seed)
        shown.add_row(escape(each.model), f"{seeds.mean:.3f}", sd, share, values)
    console().print(shown)


def show_costs(comparison: Comparison) -> None:
    """Show what each model costs to train, to keep and to use."""
    shown = table(
        "costs",
        "model",
        "training: s",
        "peak MiB",
        "bundle: MiB",
        "predicting: paragraphs/s",
        "peak MiB",
    )
    for name, cost in comparison.costs.items():
        cells = [
            _plain(cost.training_seconds, ".1f"),
            _plain(cost.training_peak_mib, ",.0f"),
            _plain(cost.bundle_mib, ",.1f"),
            _plain(cost.paragraphs_per_second, ",.0f"),
            _plain(cost.inference_peak_mib, ",.0f"),
        ]
        shown.add_row(escape(name), *cells)
    console().print(shown)


def _stacked(estimate: Estimate) -> str:
    """Return an estimate over two lines, so that four fit beside one another."""
    return escape(str(estimate).replace(" [", "\n["))


def _cells(paired: Paired | None, *, adjusted: bool) -> tuple[str, str] | None:
    if paired is None:
        return None
    return escape(signed(paired.difference)), _p(paired.p_adjusted if adjusted else paired.p)


def _p(value: float) -> str:
    return "–" if math.isnan(value) else "<0.001" if value < 0.001 else f"{value:.3f}"


def _plain(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)
