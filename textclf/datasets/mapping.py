"""Data labelled in another ontology become ours: each code says yes, no or unknown of each of our labels.

What a paragraph's codes say together, label by label:

- every code has an answer for every target: what its line says; where the line is silent, *no* if the source is
  complete for that label (marks it wherever it occurs) and *unknown* if not. So has a paragraph without codes;
- *yes* beats *unknown*, and *unknown* beats *no*;
- a code the source itself is unsure of can make a label unknown, never yes, and never settles a no;
- where an article's `annotated` leaves out a code that could speak for a label, its *no* becomes *unknown*;
- a label outside the targets is not in the `annotated` of the mapped article: unknown throughout.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from textclf.datasets import mapping_file
from textclf.datasets.mapping_file import NO, UNKNOWN, YES, MappingFile, Rule, fold
from textclf.datasets.mapping_report import MappingReport, Unlisted, nearest
from textclf.errors import ConfigError, DataError
from textclf.labels import LabelSet
from textclf.records import Article, Paragraph

STRENGTH = {NO: 0, UNKNOWN: 1, YES: 2}


@dataclass(frozen=True)
class Mapped:
    """Articles in our labels, and how they came by them."""

    articles: list[Article]
    report: MappingReport


@dataclass(frozen=True)
class Mapping:
    """What each code of another ontology says of our labels; read one with `Mapping.read`.

    Attributes:
        name: What it is called: a shipped mapping's name, or the file.
        file: Its content.
    """

    name: str
    file: MappingFile
    _exact: dict[str, str] = field(init=False, repr=False, compare=False)
    _prefixes: list[tuple[str, str]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        codes = self.file.codes
        exact = {fold(code): code for code in codes if not code.strip().endswith("*")}
        prefixes = [(fold(code)[:-1], code) for code in codes if code.strip().endswith("*")]
        object.__setattr__(self, "_exact", exact)
        object.__setattr__(self, "_prefixes", sorted(prefixes, key=lambda pair: -len(pair[0])))

    @classmethod
    def read(cls, path: str | Path) -> Mapping:
        """Read a mapping file, or a shipped mapping by its name (see `mapping_file.shipped`).

        Raises:
            ConfigError: When there is none, or it has faults; all of them are in the message.
        """
        return cls(str(path), mapping_file.read(mapping_file.find(path)))

    @property
    def targets(self) -> tuple[str, ...]:
        """The labels of ours it speaks of."""
        return self.file.targets

    def line_of(self, code: str) -> str | None:
        """Return the line, as written in the mapping, that holds for a code; None when there is none.

        A line for the code itself comes before patterns, and a longer pattern before a shorter.
        """
        folded = fold(code)
        if folded in self._exact:
            return self._exact[folded]
        return next((pattern for stem, pattern in self._prefixes if folded.startswith(stem)), None)

    def answers(self, code: str) -> Rule:
        """Return what one code says of every target, silence resolved: target to ``"yes"``, ``"unknown"``, ``"no"``."""
        line = self.line_of(code)
        if line is not None:
            return {name: self.file.codes[line].get(name, self._silence(name)) for name in self.targets}
        return dict.fromkeys(self.targets, UNKNOWN if self.file.unlisted == UNKNOWN else NO)

    def apply(self, articles: Iterable[Article], labels: LabelSet | None = None) -> Mapped:
        """Map articles into our labels.

        The codes they had are kept beside each paragraph, as `source_labels` and `source_uncertain`.

        Args:
            articles: Articles whose labels are codes of the mapping's ontology.
            labels: Our labels; None takes the mapping's targets for them.

        Raises:
            ConfigError: When a target is not in `labels`.
            DataError: When a code has no line and the mapping says `unlisted: error`; all such codes are named.
        """
        self._check(labels)
        articles = list(articles)
        unlisted = self._unlisted(articles)
        if unlisted and self.file.unlisted == "error":
            shown = "\n".join(f"  {code}" for code in unlisted)
            raise DataError(
                f"{len(unlisted)} code(s) of the data have no line in the mapping {self.name}:\n{shown}\n"
                "Give each a line, or say what they are with `unlisted: unknown` or `unlisted: none`"
            )
        order = [name for name in labels or self.targets if name in self.targets]
        mapped = [self._article(article, order) for article in articles]
        return Mapped(mapped, self._report(articles, mapped, order, unlisted))

    def _check(self, labels: LabelSet | None) -> None:
        strays = [labels.unknown(name) for name in self.targets if name not in labels] if labels else []
        if strays:
            raise ConfigError(
                f"the mapping {self.name} cannot be used:\n" + "\n".join(f"  {stray}" for stray in strays)
            )

    def _silence(self, target: str) -> str:
        return NO if target in self.file.complete else UNKNOWN

    def _article(self, article: Article, order: Sequence[str]) -> Article:
        doubted = set() if article.annotated is None else self._not_looked_for(article.annotated)
        paragraphs = tuple(self._paragraph(paragraph, order, doubted) for paragraph in article.paragraphs)
        return replace(article, paragraphs=paragraphs, annotated=tuple(order))

    def _paragraph(self, paragraph: Paragraph, order: Sequence[str], doubted: set[str]) -> Paragraph:
        certain = [self.answers(code) for code in paragraph.labels]
        unsure = [self.answers(code) for code in paragraph.uncertain]
        found: dict[str, list[str]] = {YES: [], UNKNOWN: [], NO: []}
        for name in order:
            said = [answer[name] for answer in certain] or [self._silence(name)]
            said += [UNKNOWN for answer in unsure if answer[name] != NO]
            said += [UNKNOWN] if name in doubted else []
            found[max(said, key=STRENGTH.__getitem__)].append(name)
        origin = {"source_labels": [*paragraph.labels]}
        if paragraph.uncertain:
            origin["source_uncertain"] = [*paragraph.uncertain]
        extra = {**origin, **paragraph.extra}  # mapped again, a paragraph keeps the codes it had first
        return replace(paragraph, labels=tuple(found[YES]), uncertain=tuple(found[UNKNOWN]), extra=extra)

    def _not_looked_for(self, annotated: Sequence[str]) -> set[str]:
        """Return the targets of which a code could speak that was not looked for in the article.

        A pattern was looked for where `annotated` lists it, or what it begins with.
        """
        looked_for = {fold(code) for code in annotated} | {f"{fold(code)}*" for code in annotated}
        missing = [code for code in self.file.codes if fold(code) not in looked_for]
        return {name for code in missing for name, answer in self.file.codes[code].items() if answer != NO}

    def _unlisted(self, articles: Iterable[Article]) -> list[Unlisted]:
        counts = Counter(
            code
            for article in articles
            for paragraph in article.paragraphs
            for code in {*paragraph.labels, *paragraph.uncertain}
            if self.line_of(code) is None
        )
        return [Unlisted(code, n, nearest(code, self.file.codes)) for code, n in sorted(counts.items())]

    def _report(
        self, before: Sequence[Article], after: Sequence[Article], order: Sequence[str], unlisted: list[Unlisted]
    ) -> MappingReport:
        report = MappingReport(self.name, self.file, tuple(order), unlisted)
        for article in before:
            for paragraph in article.paragraphs:
                for codes, certain in ((paragraph.labels, True), (paragraph.uncertain, False)):
                    for code in {fold(code): code for code in codes}.values():
                        report.count(code, self.line_of(code), self.answers(code), certain=certain)
        for article in after:
            report.count_article(article)
        return report
