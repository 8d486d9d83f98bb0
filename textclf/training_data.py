"""The articles a training is given: read with every fault told at once, and checked for what would flatter scores."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

from textclf.article_ids import met_by
from textclf.bundle import read_card
from textclf.config import Config
from textclf.datasets import Checked, check_labelled, shared_articles
from textclf.datasets.raw import raise_faults
from textclf.datasets.reprints import seen_in_training
from textclf.errors import DataError, TextclfWarning
from textclf.models.interface import TakesUnlabelled
from textclf.models.registry import get_kind
from textclf.records import Article
from textclf.unlabelled import Unlabelled, read_unlabelled


def read_splits(config: Config) -> dict[str, list[Article]]:
    """Read the config's files; every fault in any of them, and every article in two splits, is reported at once.

    Raises:
        DataError: With all faults.
    """
    checked: dict[str, list[Checked]] = {}
    for name in ("train", "validation", "test"):
        files: Sequence[Path] = getattr(config.data, name) or ()
        if files:
            checked[name] = [check_labelled(file, config.labels) for file in files]
    everything = [file for files in checked.values() for file in files]
    raise_faults(fault for file in everything for fault in file.faults)
    raise_faults(shared_articles(everything))
    splits = {name: [a for file in files for a in file.articles] for name, files in checked.items()}
    warn_of_copies(splits)
    return splits


def unlabelled_of(config: Config, splits: Mapping[str, Sequence[Article]]) -> Unlabelled | None:
    """Read the config's unlabelled articles, if it names any and its kind learns from them.

    Those that stand in a split already are left out.

    Raises:
        DataError: When they cannot be read, or there is no paragraph in them.
    """
    if config.data.unlabelled is None:
        return None
    if not issubclass(get_kind(config.model.kind), TakesUnlabelled):
        warnings.warn(
            f"the kind {config.model.kind} does not learn from unlabelled articles; data.unlabelled changes nothing "
            f"for it",
            TextclfWarning,
            stacklevel=2,
        )
        return None
    ids = {name: {article.article_id for article in articles} for name, articles in splits.items()}
    return read_unlabelled(config.data.unlabelled, context=config.data.context, leave_out=ids)


def check_bundles(config: Config, splits: Mapping[str, Sequence[Article]]) -> None:
    """Refuse held-out articles which a trained model that this one learns from has seen; warn where folds flatter.

    Raises:
        DataError: Naming the model and some of the articles.
        BundleError: When such a model is missing or damaged.
    """
    for path in config.options().bundles():
        seen = read_card(path)
        trained, fitted = (met_by(seen, name) for name in ("train", "validation"))
        for name, known in (("validation", trained), ("test", trained | fitted)):
            met = [article.article_id for article in splits.get(name, ()) if article.article_id in known]
            if met:
                more = f" and {len(met) - 5} more" if len(met) > 5 else ""
                raise DataError(
                    f"{path}, which this model learns from, has seen {len(met)} article(s) of {name} "
                    f"({', '.join(met[:5])}{more}); scores on them would flatter. Train it without them, or take them "
                    f"out of data.{name}"
                )
        if "validation" not in splits and any(article.article_id in trained for article in splits["train"]):
            warnings.warn(
                f"{path}, which this model learns from, was trained on these articles, so thresholds fitted out of "
                f"fold flatter; give data.validation",
                TextclfWarning,
                stacklevel=2,
            )


def warn_of_copies(splits: Mapping[str, Sequence[Article]]) -> None:
    """Warn of paragraphs in another split that are near-copies of training paragraphs."""
    names = [name for name in splits if name != "train"]
    if not names:
        return
    for name, seen in zip(names, seen_in_training(splits["train"], *(splits[n] for n in names)), strict=True):
        if not seen.any():
            continue
        of = [article.article_id for article in splits[name] for _ in article.paragraphs]
        articles = list(dict.fromkeys(article_id for article_id, copied in zip(of, seen, strict=True) if copied))
        more = f" and {len(articles) - 5} more" if len(articles) > 5 else ""
        warnings.warn(
            f"{seen.sum()} paragraph(s) of {name}, {seen.mean():.1%}, are near-copies of training paragraphs (in "
            f"{', '.join(articles[:5])}{more}); scores on them flatter. See them with `textclf data dedupe`, which "
            f"also takes them out, or split again with `textclf data split`, which keeps copies on one side",
            TextclfWarning,
            stacklevel=2,
        )
