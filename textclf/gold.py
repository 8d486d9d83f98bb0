"""Labelled files to score a model on, checked whole before anything is predicted, and read article by article.

Labels of the files that the model does not know, and labels of the model that the files never looked for, would make
scores mean something else than they say. Both are refused until a person has said what is what, with a `Renaming`.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from textclf.datasets import stream_labelled
from textclf.datasets.raw import Fault, raise_faults
from textclf.errors import ConfigError, DataError, TextclfWarning, did_you_mean
from textclf.labels import LabelSet
from textclf.records import Article, Paragraph


@dataclass(frozen=True)
class Renaming:
    """What the labels of a gold standard are among a model's labels.

    Attributes:
        ours: A label of theirs to the labels of ours it is; to none where it is left out.
        unasked: Labels of ours that nobody looked for; they are not scored.
    """

    ours: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unasked: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, pairs: Iterable[str], labels: LabelSet) -> Renaming:
        """Read ``theirs=ours``, ``theirs=`` (left out) and ``=ours`` (not scored).

        Raises:
            ConfigError: When a pair is none of these, names no label of ours, or contradicts another.
        """
        ours: dict[str, list[str]] = {}
        unasked: set[str] = set()
        for pair in pairs:
            theirs, sign, mine = (part.strip() for part in pair.partition("="))
            if not sign or not (theirs or mine):
                raise ConfigError(f"--map {pair!r}: write theirs=ours, theirs= to leave theirs out, or =ours likewise")
            if mine and mine not in labels:
                raise ConfigError(f"--map {pair!r}: {labels.unknown(mine)}")
            if theirs:
                ours.setdefault(theirs, []).append(mine)
            else:
                unasked.add(mine)
        torn = [theirs for theirs, names in ours.items() if "" in names and any(names)]
        torn += sorted(unasked & {name for names in ours.values() for name in names})
        if torn:
            raise ConfigError(f"--map says of {torn[0]!r} both what it is and that it is left out")
        if unasked >= set(labels):
            raise ConfigError("--map leaves every label of the model out; there is nothing to score")
        named = {theirs: tuple(dict.fromkeys(filter(None, names))) for theirs, names in ours.items()}
        return cls(named, frozenset(unasked))

    def of(self, name: str) -> tuple[str, ...]:
        """Return the labels of ours that a label of theirs is; by itself each is the one of its own name."""
        return self.ours.get(name, (name,))

    def sources(self, label: str, present: Iterable[str]) -> set[str]:
        """Return the labels of theirs, among those present or named, that are a label of ours."""
        return {name for name in (*present, *self.ours) if label in self.of(name)}


@dataclass(frozen=True)
class Gold:
    """Labelled files without a fault, as articles in the labels they are scored by; to be gone through at will.

    Attributes:
        files: The files.
        labels: The labels scored: the model's, less those that nobody looked for.
        known: The model's labels.
        renaming: What their labels are among ours.
        present: The labels that stand anywhere in the files.
        article_ids: The articles, in order.
        n_paragraphs: How many paragraphs there are in all.
    """

    files: tuple[Path, ...]
    labels: LabelSet
    known: LabelSet
    renaming: Renaming
    present: frozenset[str]
    article_ids: list[str]
    n_paragraphs: int

    def __len__(self) -> int:
        return len(self.article_ids)

    def __iter__(self) -> Iterator[Article]:
        """Yield the articles one by one, read anew each time.

        Raises:
            DataError: When the files have changed and have faults now.
        """
        faults: list[Fault] = []
        for file in self.files:
            for article in stream_labelled(file, _columns(self.known, self.renaming), faults):
                yield self._renamed(article)
        raise_faults(faults)

    def _renamed(self, article: Article) -> Article:
        if not self.renaming.ours and not self.renaming.unasked:
            return article
        annotated = article.annotated
        if annotated is not None:
            sources = {label: self.renaming.sources(label, self.present) for label in self.labels}
            annotated = tuple(label for label, names in sources.items() if names and names <= set(annotated))
        return replace(article, annotated=annotated, paragraphs=tuple(map(self._relabelled, article.paragraphs)))

    def _relabelled(self, paragraph: Paragraph) -> Paragraph:
        carried, unsure = (
            dict.fromkeys(ours for name in names for ours in self.renaming.of(name) if ours in self.labels)
            for names in (paragraph.labels, paragraph.uncertain)
        )
        return replace(paragraph, labels=tuple(carried), uncertain=tuple(n for n in unsure if n not in carried))


def open_gold(files: Sequence[str | Path], labels: LabelSet, *, renaming: Renaming | None = None) -> Gold:
    """Check labelled files whole, without keeping their texts, and return them to be read article by article.

    Args:
        files: Labelled files or folders of any known format, taken as one set.
        labels: The model's labels.
        renaming: What labels of the files are among those.

    Raises:
        DataError: With every fault, or with the labels that do not fit and how to say what they are.
    """
    renaming = renaming or Renaming()
    seen = _Seen()
    faults: list[Fault] = []
    paths = tuple(map(Path, files))
    first: dict[str, Path] = {}
    for path in paths:
        for article in stream_labelled(path, _columns(labels, renaming), faults):
            other = first.setdefault(article.article_id, path)
            if other is not path:
                message = f"this article also stands in {other}; give it once"
                faults.append(Fault(str(path), None, article.article_id, None, message))
            seen.add(article)
    raise_faults(faults)
    _check_labels(seen, labels, renaming)
    scored = LabelSet.of({n: labels.definitions.get(n, "") for n in labels if n not in renaming.unasked})
    present = frozenset({*seen.carried, *seen.annotated})
    return Gold(paths, scored, labels, renaming, present, list(first), seen.n_paragraphs)


def only_labels(article: Article, labels: LabelSet) -> Article:
    """Return an article whose paragraphs carry nothing but the labels given, sure or not."""
    paragraphs = (
        replace(
            paragraph,
            labels=tuple(name for name in paragraph.labels if name in labels),
            uncertain=tuple(name for name in paragraph.uncertain if name in labels),
        )
        for paragraph in article.paragraphs
    )
    return replace(article, paragraphs=tuple(paragraphs))


@dataclass
class _Seen:
    """What was met in going through the files once."""

    carried: Counter[str] = field(default_factory=Counter)  # labels, sure or not, to their paragraphs
    places: dict[str, str] = field(default_factory=dict)  # the first place of each
    annotated: set[str] = field(default_factory=set)
    any_looked_for_all: bool = False
    n_paragraphs: int = 0

    def add(self, article: Article) -> None:
        """Take in one more article."""
        self.annotated.update(article.annotated or ())
        self.any_looked_for_all |= article.annotated is None
        self.n_paragraphs += len(article.paragraphs)
        for number, paragraph in enumerate(article.paragraphs):
            for name in (*paragraph.labels, *paragraph.uncertain):
                self.carried[name] += 1
                self.places.setdefault(name, f"article {article.article_id}, paragraph {number}")


def _check_labels(seen: _Seen, labels: LabelSet, renaming: Renaming) -> None:
    """Make sure that it is said of every label what it is.

    Raises:
        DataError: When it is not.
    """
    present = {*seen.carried, *seen.annotated}
    strange = sorted(name for name in present if name not in renaming.ours and name not in labels)
    lines = []
    for name in strange:
        where = (
            f"{seen.carried[name]} paragraph(s), first in {seen.places[name]}" if name in seen.places else "annotated"
        )
        lines.append(
            f"label {name!r} ({where}) is none of the model's ({', '.join(labels)}){did_you_mean(name, labels)}: say "
            f"which it is with --map {name}=OURS, or leave it out with --map {name}="
        )
    renamed = any(name not in ours and ours for name, ours in renaming.ours.items())
    told = {name for names in renaming.ours.values() for name in names} | renaming.unasked
    for label in labels:
        if label in told or renaming.sources(label, present) & present:
            continue
        if not seen.any_looked_for_all:
            lines.append(
                f"label {label!r} of the model was looked for in no article of the data (none lists it as annotated): "
                f"say which label of theirs it is with --map THEIRS={label}, or leave it out with --map ={label}"
            )
        elif renamed:
            lines.append(
                f"label {label!r} of the model stands nowhere in the data, whose labels are others: say which it is "
                f"with --map THEIRS={label}, leave it out with --map ={label}, or say that it was looked for and not "
                f"found with --map {label}={label}"
            )
    if lines:
        raise DataError("the labels of the data are not the model's:\n" + "\n".join(f"  - {line}" for line in lines))
    for name in renaming.ours:
        if name not in present and name not in renaming.ours[name]:
            warnings.warn(
                f"--map names the label {name!r}, which stands nowhere in the data{did_you_mean(name, present)}",
                TextclfWarning,
                stacklevel=3,
            )


def _columns(labels: LabelSet, renaming: Renaming) -> LabelSet:
    """Return the labels that a column of a table may be named for: ours, and theirs as far as they are named."""
    return LabelSet.of(dict.fromkeys([*labels, *renaming.ours]))
