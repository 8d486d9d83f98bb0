"""Changes that a text suffers on its way to a model and that leave its labels true, one function each, by name."""

from textclf.perturb.registry import (
    PERTURBATIONS,
    Perturbation,
    check_shares,
    chosen_perturbations,
    perturb_some,
    perturb_texts,
)

__all__ = [
    "PERTURBATIONS",
    "Perturbation",
    "check_shares",
    "chosen_perturbations",
    "perturb_some",
    "perturb_texts",
]
