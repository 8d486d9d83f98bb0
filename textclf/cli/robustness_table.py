"""The table of scores under perturbations."""

from __future__ import annotations

from textclf.cli.tables import console, signed, table
from textclf.robustness import Robustness


def show_robustness(robustness: Robustness, *, title: str) -> None:
    """Show the scores as the paragraphs are, then under each perturbation."""
    percent = f"{robustness.settings['confidence']:.0%}"
    shown = table(
        f"{title}, every paragraph perturbed [{percent} interval over articles]",
        "perturbation",
        "macro-F1",
        "against unperturbed",
        "macro-AP",
        "decisions flipped",
        "texts changed",
    )
    plain = robustness.unperturbed
    shown.add_row("unperturbed", str(plain["macro_f1"]), "", str(plain["macro_ap"]), "", "")
    for under in robustness.perturbed:
        shown.add_row(
            under.name + (" †" if under.labels == "may_lose" else ""),
            str(under.scores["macro_f1"]),
            signed(under.differences["macro_f1"]),
            str(under.scores["macro_ap"]),
            f"{under.flipped:.1%}",
            f"{under.changed:.0%}",
        )
    screen = console()
    screen.print(shown)
    screen.print("* the interval of the paired difference leaves out 0")
    if any(under.labels == "may_lose" for under in robustness.perturbed):
        screen.print("† may take away what a label rests on, so that a lower score is partly right")
