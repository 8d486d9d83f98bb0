"""What is said above and below a paragraph that was labelled wrongly."""

from __future__ import annotations

from textclf.report.marking import Marked
from textclf.report.mistakes import Mistake
from textclf.report.words import DASH, MINUS


def verdict(mistake: Mistake) -> str:
    """Return the label with its probability and threshold."""
    if mistake.threshold > 1:
        return f"{mistake.label}, {mistake.probability:.2f}; this label is never given"
    return f"{mistake.label}, {mistake.probability:.2f} at a threshold of {mistake.threshold:.2f}"


def outcome(mistake: Mistake) -> str:
    """Return what the paragraph carries and what the model gave it."""
    unsure = f"; nobody is sure of {', '.join(mistake.unknown)}" if mistake.unknown else ""
    return f"carries {', '.join(mistake.truth) or 'none'}; was given {', '.join(mistake.said) or 'none'}{unsure}"


def place_of(mistake: Mistake) -> str:
    """Return where the paragraph stands: source, date, article and number."""
    article = mistake.article
    known = [article.source, article.date, f"{article.article_id}, paragraph {mistake.paragraph}"]
    return " · ".join(part for part in known if part)


def spoken(marked: Marked) -> list[str]:
    """Return the words that spoke for the label and against it, one line each."""
    sides = (("spoke for it", marked.for_it), ("spoke against it", marked.against_it))
    return [f"{side}: {', '.join(_word(word, weight) for word, weight in words)}" for side, words in sides if words]


def _word(word: str, weight: float) -> str:
    shown = f"{weight:+.2f}".replace("-", MINUS)
    return f"{word or DASH} {shown}"
