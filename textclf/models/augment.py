"""Training texts made to look more like the copy a model will meet; labels stay true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from textclf.perturb import perturb_some
from textclf.perturb.punctuation import draw_losses, lose

LONGEST_JOINED = 900  # characters: two texts longer than this together stay apart
CONTEXTS_LEFT_OUT = 0.1


def augment(
    texts: Sequence[str],
    targets: np.ndarray,
    contexts: Sequence[str] | None = None,
    *,
    join_neighbours: float,
    strip_punctuation: float,
    perturb: Mapping[str, float] = MappingProxyType({}),
    rng: np.random.Generator,
) -> tuple[list[str], np.ndarray, list[str] | None]:
    """Return as many texts, targets and contexts, some of them changed.

    A joined text keeps the context of its first part: that of the second is the first. A text that loses punctuation
    loses it in its context too. One context in ten is left out, so that a text alone can be read as well.

    Args:
        texts: n paragraphs; neighbours in the list are taken for neighbours in an article.
        targets: float32 (n, k): 1, 0 or NaN, or a probability.
        contexts: Their n contexts, or None.
        join_neighbours: Chance of a text being joined with the next one. Joined, a label is yes where either says
            yes, no where both say no, else unknown; of two probabilities it is that of either (see `unite`).
        strip_punctuation: Chance of a text losing some of its punctuation, as scraped copy does (see `LOSSES` of
            `textclf.perturb.punctuation`).
        perturb: Name of a perturbation to the share of texts it changes (see `textclf.perturb`).
        rng: Decides.

    Raises:
        ConfigError: When a perturbation is not known or its share is not within 0 and 1.
    """
    changed, wanted = list(texts), np.array(targets, dtype=np.float32)
    for row in np.flatnonzero(rng.random(len(changed)) < join_neighbours).tolist():
        if row + 1 < len(changed) and len(texts[row]) + len(texts[row + 1]) < LONGEST_JOINED:
            changed[row] = f"{texts[row]} {texts[row + 1]}"
            wanted[row] = unite(targets[row], targets[row + 1])
    beside = list(contexts) if contexts is not None and any(contexts) else None
    changed, beside = perturb_some(changed, beside, shares=perturb, rng=rng)
    for row in np.flatnonzero(rng.random(len(changed)) < strip_punctuation).tolist():
        lost = draw_losses(rng)
        changed[row] = lose(changed[row], lost)
        if beside is not None:
            beside[row] = lose(beside[row], lost)
    if beside is not None:
        for row in np.flatnonzero(rng.random(len(beside)) < CONTEXTS_LEFT_OUT).tolist():
            beside[row] = ""
    return changed, wanted, beside


def draw_rows(targets: np.ndarray, *, keep_empty: float, rng: np.random.Generator) -> np.ndarray:
    """Return the numbers of the rows an epoch reads, rising: all that may carry a label, and a share of the others.

    Args:
        targets: float32 (n, k): 1, 0 or NaN, or a probability.
        keep_empty: Share of the rows known to carry no label that is drawn, rounded up.
        rng: Decides.
    """
    empty = np.flatnonzero((targets == 0).all(axis=1))
    left_out = rng.permutation(empty)[int(np.ceil(keep_empty * len(empty))) :]
    return np.setdiff1d(np.arange(len(targets)), left_out)


def unite(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the targets of two texts read as one: yes where either is yes, no where both are no, else unknown.

    Probabilities p and q become ``1 - (1 - p)(1 - q)``, as if the two were independent.
    """
    yes = (first == 1) | (second == 1)
    return np.where(yes, 1.0, 1 - (1 - first) * (1 - second)).astype(np.float32)
