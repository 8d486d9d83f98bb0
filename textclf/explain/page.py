"""Explanations as one page of HTML that needs nothing beside it: no script, no font, no network."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

import numpy as np

from textclf.explain.passages import ExplainedPassage
from textclf.explanation import Explanation

FAINTEST = 0.05  # of the strongest word; what is weaker has no colour

STYLE = """
:root { color-scheme: light dark;
  --adds: 37 99 235; --takes: 217 119 6; --ink: #1c1917; --paper: #fff; --faint: #6b6660; }
@media (prefers-color-scheme: dark) {
  :root { --adds: 96 155 255; --takes: 240 160 60; --ink: #e7e5e4; --paper: #171615; --faint: #a8a29e; }
}
body { margin: 2rem auto; max-width: 46rem; padding: 0 1rem; font: 1rem/1.7 system-ui, sans-serif;
  color: var(--ink); background: var(--paper); }
h1 { font-size: 1.3rem; } h2 { font-size: 1rem; margin: 2.2rem 0 0; } h3 { font-size: .9rem; margin: 1rem 0 .2rem; }
p { margin: .2rem 0; } .note { color: var(--faint); font-size: .85rem; line-height: 1.45; }
.text { white-space: pre-wrap; overflow-wrap: anywhere; }
.adds, .takes { border-radius: .2em; padding: .08em 0; }
.adds { background: rgb(var(--adds) / calc(var(--w) * .6)); }
.takes { background: rgb(var(--takes) / calc(var(--w) * .6)); text-decoration: underline dotted; }
""".strip()


def to_html(explained: Iterable[ExplainedPassage], *, title: str) -> str:
    """Return the page: each paragraph, once per label, its words coloured by what they add.

    Args:
        explained: The paragraphs.
        title: The page's heading.
    """
    sections = "\n".join(_section(each) for each in explained) or "<p>No paragraph carries a label.</p>"
    return f"""<!DOCTYPE html>
<html lang="und">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{escape(title)}</title>
<style>
{STYLE}
</style>
</head>
<body>
<h1>{escape(title)}</h1>
<p class="note">A word marked <span class="adds" style="--w:.8">so</span> adds to the label's log-odds, one marked
<span class="takes" style="--w:.8">so</span> takes from them; the stronger the colour, the more, against the strongest
word of the paragraph. Point at a word for its number. The words say what the model's score hangs on, not whether it is
right.</p>
{sections}
</body>
</html>
"""


def _section(explained: ExplainedPassage) -> str:
    passage = explained.passage
    unit = f"paragraph {passage.paragraph}"
    parts = [f"<section>\n<h2>{escape(passage.article_id)}, {unit}</h2>"]
    for label in explained.labels:
        carried = "" if label in passage.labels else ", not carried"
        parts.append(f"<h3>{escape(label)} {passage.scores[label]:.2f}{carried}</h3>")
        parts.append(f'<p class="text" dir="auto">{marked(explained.explanation, label)}</p>')
        parts.append(f'<p class="note">{escape(account(explained.explanation, label))}</p>')
    return "\n".join([*parts, "</section>"])


def marked(explanation: Explanation, label: str) -> str:
    """Return the text as HTML, escaped, its words in spans that say what each adds to a label."""
    weights, text = explanation.column(label), explanation.text
    strongest = float(np.abs(weights).max(initial=0.0)) or 1.0
    parts, done = [], 0
    for (start, end), weight in zip(explanation.spans, weights, strict=True):
        parts.append(escape(text[done:start]))
        share, word, done = abs(float(weight)) / strongest, escape(text[start:end]), end
        if share >= FAINTEST:
            kind = "adds" if weight > 0 else "takes"
            word = f'<span class="{kind}" style="--w:{share:.2f}" title="{weight:+.2f}">{word}</span>'
        parts.append(word)
    return "".join([*parts, escape(text[done:])])


def account(explanation: Explanation, label: str) -> str:
    """Return one line that says how a label's log-odds come about, and how far the words account for them."""
    column = explanation.labels.index(label)
    baseline, total = explanation.baseline[column], explanation.log_odds[column]
    before = " before calibration" if label in explanation.before_calibration else ""
    said = f"log-odds{before} {baseline:+.2f} with nothing read, {total:+.2f} with the text ({explanation.method}"
    error = float(explanation.error[column])
    return f"{said}; the words account for all but {abs(error):.2f})" if abs(error) >= 0.005 else f"{said})"
