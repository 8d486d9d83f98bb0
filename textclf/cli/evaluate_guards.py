"""What `textclf evaluate` looks at before it predicts anything: faults, labels, and what the model has met before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.text import Text

from textclf.cli import tables
from textclf.gold import Renaming, open_gold
from textclf.labeller import Labeller
from textclf.labels import LabelSet
from textclf.leakage import MOST_COMPARED, Leakage, find_leakage, refuse_leakage, training_articles
from textclf.records import Article


@dataclass(frozen=True)
class Guarded:
    """Articles to evaluate on that went past every guard.

    Attributes:
        labels: The labels to score.
        articles: The articles: a list, or, where there are very many, read anew each time they are gone through.
        leakage: What the first model has met of them.
        training: What the first model was trained on, where that is known.
        notes: What must be said of the scores; it has been shown.
    """

    labels: LabelSet
    articles: Iterable[Article]
    leakage: Leakage
    training: list[Article] | None
    notes: list[str]


def open_guarded(
    models: Sequence[Labeller],
    files: Sequence[Path],
    renamed: Sequence[str],
    training_files: Sequence[Path],
    *,
    allow: bool,
    keep: bool,
) -> Guarded:
    """Open labelled files, refuse what would make scores untrue, and show what must be said of them.

    Args:
        models: One or more models of the same labels.
        files: Labelled files.
        renamed: As `Renaming.parse` takes them.
        training_files: What the first model was trained on; by default what its config names.
        allow: Let articles through that a model was trained on.
        keep: Keep the articles in memory however many there are.

    Raises:
        DataError: When the data has faults, its labels are not the models', or a model was trained on it.
        ConfigError: When `renamed` is not written as it should be.
    """
    labels = models[0].labels
    gold = open_gold(files, labels, renaming=Renaming.parse(renamed, labels))
    held = keep or bool(training_files) or gold.n_paragraphs <= MOST_COMPARED
    articles = list(gold) if held else gold
    found, notes = [], []
    trained_on = [training_articles(m, training_files if m is models[0] else ()) if held else None for m in models]
    for model, training in zip(models, trained_on, strict=True):
        leakage = find_leakage(
            model, gold.article_ids, articles if isinstance(articles, list) else None, training=training
        )
        said = [*refuse_leakage(leakage, allow=allow), *leakage.notes]
        notes += said if model is models[0] else [f"{model.path}: {note}" for note in said]
        found.append(leakage)
    screen = tables.console()
    for note in notes:
        screen.print(Text(note, style="bold red"), soft_wrap=True)
    return Guarded(gold.labels, articles, found[0], trained_on[0], notes)
