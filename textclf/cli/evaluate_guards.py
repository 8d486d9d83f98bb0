"""What `textclf evaluate` looks at before it predicts anything: faults, labels, and what the model has met before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.text import Text

from textclf.cli import tables
from textclf.gold import Renaming, only_labels, open_gold
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
        training: What the first model was trained on, less labels that are not scored; None where it is not known.
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
    compared = bool(training_files) or gold.n_paragraphs <= MOST_COMPARED
    articles = list(gold) if keep or compared else gold
    in_hand = articles if compared and isinstance(articles, list) else None
    found, training, grave = [], [], []
    for model in models:
        first = model is models[0]
        training.append(training_articles(model, training_files if first else ()) if compared else None)
        leakage = find_leakage(model, gold.article_ids, in_hand, training=training[-1])
        said = [*refuse_leakage(leakage, allow=allow), *leakage.notes]
        grave += said if first else [f"{model.path}: {note}" for note in said]
        found.append(leakage)
    notes = [] if found[0].copied is not None else [_unsought(compared)]
    screen = tables.console()
    for note in grave:
        screen.print(Text(note, style="bold red"), soft_wrap=True)
    for note in notes:
        screen.print(Text(f"note: {note}", style="yellow"), soft_wrap=True)
    learnt = None if training[0] is None else [only_labels(article, gold.labels) for article in training[0]]
    return Guarded(gold.labels, articles, found[0], learnt, [*grave, *notes])


def _unsought(compared: bool) -> str:
    reason = (
        "the files the model was trained on are not where its config says, or have changed"
        if compared
        else f"there are more than {MOST_COMPARED:,} paragraphs"
    )
    return f"copies of training paragraphs were not looked for: {reason}. Name the training files with --training FILE"
