"""What a mapping did: each code, how many paragraphs have it and what it became; codes never met or without a line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from textclf.datasets.mapping_file import NO, UNKNOWN, YES, MappingFile, Rule, fold
from textclf.records import Article


@dataclass(frozen=True, slots=True)
class Unlisted:
    """A code of the data that the mapping has no line for.

    Attributes:
        code: The code.
        paragraphs: How many paragraphs have it.
        nearest: The listed code most like it, or None.
    """

    code: str
    paragraphs: int
    nearest: str | None

    def __str__(self) -> str:
        hint = f"; did you mean {self.nearest!r}?" if self.nearest else ""
        return f"{self.code!r} ({self.paragraphs} paragraphs){hint}"


@dataclass
class CodeCount:
    """How often one code was met, and what it says.

    Attributes:
        code: The code as first met in the data.
        line: Its line in the mapping, as written; None when it has none.
        answers: Target to ``"yes"``, ``"unknown"`` or ``"no"``.
        paragraphs: Paragraphs that have it for certain.
        uncertain: Paragraphs whose source is unsure of it.
    """

    code: str
    line: str | None
    answers: Rule
    paragraphs: int = 0
    uncertain: int = 0

    def of(self, answer: str) -> list[str]:
        """Return the targets it gives that answer for."""
        return [name for name, given in self.answers.items() if given == answer]


@dataclass
class MappingReport:
    """What a mapping did to a set of articles.

    Attributes:
        name: The mapping's name.
        file: Its content.
        targets: The labels spoken of, in the label set's order.
        unlisted: Codes of the data without a line.
        codes: Every code met, by its folded form.
        labels: Target to paragraphs that are ``"yes"``, ``"unknown"`` and ``"no"``.
        articles: Articles mapped.
        paragraphs: Paragraphs mapped.
    """

    name: str
    file: MappingFile
    targets: tuple[str, ...]
    unlisted: list[Unlisted]
    codes: dict[str, CodeCount] = field(default_factory=dict)
    labels: dict[str, dict[str, int]] = field(init=False)
    articles: int = 0
    paragraphs: int = 0

    def __post_init__(self) -> None:
        self.labels = {name: {YES: 0, UNKNOWN: 0, NO: 0} for name in self.targets}

    @property
    def never_seen(self) -> list[str]:
        """The mapping's lines that no code of the data came to, as written."""
        met = {count.line for count in self.codes.values()}
        return [code for code in self.file.codes if code not in met]

    def count(self, code: str, line: str | None, answers: Rule, *, certain: bool) -> None:
        """Count one code on one paragraph."""
        found = self.codes.setdefault(fold(code), CodeCount(code, line, answers))
        if certain:
            found.paragraphs += 1
        else:
            found.uncertain += 1

    def count_article(self, article: Article) -> None:
        """Count what one mapped article came to."""
        self.articles += 1
        self.paragraphs += len(article.paragraphs)
        for paragraph in article.paragraphs:
            for name, counts in self.labels.items():
                counts[YES if name in paragraph.labels else UNKNOWN if name in paragraph.uncertain else NO] += 1

    def to_json(self) -> dict[str, Any]:
        """Return the report JSON-ready."""
        return {
            "mapping": self.name,
            "ontology": self.file.ontology,
            "source": self.file.source,
            "n_articles": self.articles,
            "n_paragraphs": self.paragraphs,
            "labels": self.labels,
            "codes": [
                {
                    "code": count.code,
                    "line": count.line,
                    "paragraphs": count.paragraphs,
                    "uncertain": count.uncertain,
                    "answers": count.answers,
                }
                for count in sorted(self.codes.values(), key=lambda count: -count.paragraphs)
            ],
            "never_seen": self.never_seen,
            "unlisted": [
                {"code": each.code, "paragraphs": each.paragraphs, "nearest": each.nearest} for each in self.unlisted
            ],
        }


def nearest(code: str, codes: Iterable[str]) -> str | None:
    """Return the listed code most like a given one, case and spaces aside; None when none is like it."""
    folded = {fold(listed): listed for listed in codes}
    near = difflib.get_close_matches(fold(code), list(folded), n=1, cutoff=0.6)
    return folded[near[0]] if near else None
