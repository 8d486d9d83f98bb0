"""Every perturbation by its name, and how texts go through them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from textclf.errors import ConfigError, did_you_mean
from textclf.perturb import casing, characters, cuts, frames, names, numbers, punctuation, slips

Change = Callable[[str, np.random.Generator], str]


@dataclass(frozen=True)
class Perturbation:
    """One change of a text.

    Attributes:
        name: Its name.
        change: Takes a text and what decides, and returns the changed text; one with nothing to change as it is.
        labels: ``"exact"`` where the labels surely stay; ``"may_lose"`` where what a label rests on may be lost.
        contexts: Whether what a model reads beside the text changes too; datelines, tails and cuts are the text's own.
    """

    name: str
    change: Change
    labels: Literal["exact", "may_lose"] = "exact"
    contexts: bool = True


def _table(*rows: Perturbation) -> dict[str, Perturbation]:
    return {row.name: row for row in rows}


# In the order in which they befall a text: names and numbers first, its characters last.
PERTURBATIONS: dict[str, Perturbation] = _table(
    Perturbation("arabic_names", names.arabic_names),
    Perturbation("spanish_names", names.spanish_names),
    Perturbation("diacritics_added", names.diacritics_added),
    Perturbation("diacritics_removed", characters.diacritics_removed),
    Perturbation("numbers_as_words", numbers.numbers_as_words),
    Perturbation("numbers_as_digits", numbers.numbers_as_digits),
    Perturbation("first_sentence_cut", cuts.first_sentence_cut, labels="may_lose", contexts=False),
    Perturbation("last_sentence_cut", cuts.last_sentence_cut, labels="may_lose", contexts=False),
    Perturbation("cut_short", cuts.cut_short, labels="may_lose", contexts=False),
    Perturbation("dateline_removed", frames.dateline_removed, contexts=False),
    Perturbation("dateline_added", frames.dateline_added, contexts=False),
    Perturbation("agency_tag", frames.agency_tag, contexts=False),
    Perturbation("scraped_tail", frames.scraped_tail, contexts=False),
    Perturbation("typos", slips.typos),
    Perturbation("ocr", slips.ocr),
    Perturbation("lost_capitals", casing.lost_capitals),
    Perturbation("lower_case", casing.lower_case),
    Perturbation("upper_case", casing.upper_case),
    Perturbation("title_case", casing.title_case),
    Perturbation("quotes_lost", punctuation.quotes_lost),
    Perturbation("quotes_straight", punctuation.quotes_straight),
    Perturbation("quotes_curly", punctuation.quotes_curly),
    Perturbation("dashes_swapped", punctuation.dashes_swapped),
    Perturbation("punctuation_lost", punctuation.punctuation_lost),
    Perturbation("ligatures", characters.ligatures),
    Perturbation("fullwidth", characters.fullwidth),
    Perturbation("decomposed", characters.decomposed),
    Perturbation("html_entities", characters.html_entities),
    Perturbation("mojibake", characters.mojibake),
    Perturbation("white_space", characters.white_space),
)


def chosen_perturbations(given: str | Sequence[str]) -> list[Perturbation]:
    """Return the perturbations asked for, in the registry's order.

    Args:
        given: Names, as a list or parted by commas; ``"all"`` is every one.

    Raises:
        ConfigError: When there is no name, or one is not known.
    """
    wanted = [name.strip() for name in (given.split(",") if isinstance(given, str) else given) if name.strip()]
    if wanted == ["all"]:
        return list(PERTURBATIONS.values())
    faults = [_unknown(name, known=("all", *PERTURBATIONS)) for name in wanted if name not in PERTURBATIONS]
    if faults or not wanted:
        known = f"known: all, {', '.join(PERTURBATIONS)}"
        raise ConfigError(f"{'; '.join(faults) or 'no perturbation is named'} ({known})")
    return [perturbation for name, perturbation in PERTURBATIONS.items() if name in wanted]


def check_shares(shares: Mapping[str, float]) -> dict[str, float]:
    """Return the shares of texts that each perturbation is to change, for a settings class to validate with.

    Raises:
        ConfigError: A `ValueError`: when a name is not known or a share is not within 0 and 1; all faults together.
    """
    faults = [_unknown(name, known=tuple(PERTURBATIONS)) for name in shares if name not in PERTURBATIONS]
    if faults:
        faults[-1] += f" (known: {', '.join(PERTURBATIONS)})"
    faults += [
        f"the share of {name!r} must be within 0 and 1, not {share!r}"
        for name, share in shares.items()
        if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 <= share <= 1
    ]
    if faults:
        raise ConfigError("; ".join(faults))
    return dict(shares)


def perturb_texts(
    perturbation: Perturbation,
    texts: Sequence[str],
    contexts: Sequence[str] | None = None,
    *,
    rows: Sequence[int] | np.ndarray | None = None,
    rng: np.random.Generator,
) -> tuple[list[str], list[str] | None]:
    """Return the texts, some or all of them changed, and what stands beside them changed as they are.

    A text and its context go through the same draws, so that both lose the same marks and a name is one name in both.

    Args:
        perturbation: The change.
        texts: n texts.
        contexts: Their n contexts, or None.
        rows: Which texts change; None for all.
        rng: Decides.
    """
    changed, beside = list(texts), None if contexts is None else list(contexts)
    chosen = np.arange(len(changed)) if rows is None else np.asarray(rows, dtype=np.int64)
    seeds = rng.integers(2**63, size=len(chosen))
    for row, seed in zip(chosen.tolist(), seeds.tolist(), strict=True):
        changed[row] = perturbation.change(changed[row], np.random.default_rng(seed))
        if beside is not None and beside[row] and perturbation.contexts:
            beside[row] = perturbation.change(beside[row], np.random.default_rng(seed))
    return changed, beside


def perturb_some(
    texts: Sequence[str],
    contexts: Sequence[str] | None = None,
    *,
    shares: Mapping[str, float],
    rng: np.random.Generator,
) -> tuple[list[str], list[str] | None]:
    """Return the texts after every perturbation named, each at its own share of the texts, in the registry's order.

    Raises:
        ConfigError: As `check_shares` does.
    """
    shares = check_shares(shares)
    changed, beside = list(texts), None if contexts is None else list(contexts)
    for name, perturbation in PERTURBATIONS.items():
        if share := shares.get(name, 0.0):
            rows = np.flatnonzero(rng.random(len(changed)) < share)
            changed, beside = perturb_texts(perturbation, changed, beside, rows=rows, rng=rng)
    return changed, beside


def _unknown(name: str, *, known: Sequence[str]) -> str:
    return f"perturbation {name!r} is not known{did_you_mean(name, known)}"
