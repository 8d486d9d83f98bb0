"""The words that give a label away, to see what a model knows beyond them.

A word tells of a label when it stands in far more of the paragraphs that carry it than of those that do not: its
odds are at least `TIMES` as high there, and the square root of the log-likelihood ratio (Dunning 1993), which is about
normal where nothing is in it, is at least `STRONG`. A label's keywords are the words of its name, the `MOST` words that
tell most, and the words of its definition that tell of it in that sense or a weaker one (`WEAK`).

Keywords are never taken from the articles they are looked for in: they come from the training articles where those
are known, and else, fold by fold, from the other evaluated articles.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from textclf.labels import LabelSet

WORD = re.compile(r"[^\W\d_]{3,}")
MOST = 10
STRONG, WEAK = 3.0, 1.645
TIMES = 4.0  # keeps out words such as "were", which are common everywhere
FEWEST = 3  # paragraphs with the label that a word must stand in
FOLDS = 5


def words_in(text: str) -> set[str]:
    """Return the words of three letters or more in a text, in small letters."""
    return set(WORD.findall(text.lower()))


def keywords_of(texts: Sequence[str], targets: np.ndarray, labels: LabelSet) -> list[tuple[str, ...]]:
    """Return each label's keywords, those of its name first, then by how much they tell.

    Args:
        texts: The n paragraphs to learn them from.
        targets: float32 (n, k): 1, 0 or NaN, which counts on neither side.
        labels: The labels.
    """
    held = [words_in(text) for text in texts]
    found = []
    for column, name in enumerate(labels):
        yes, no = (_counted(held, targets[:, column] == answer) for answer in (1, 0))
        n_yes, n_no = (int((targets[:, column] == answer).sum()) for answer in (1, 0))
        measured = {w: _telling(n, n_yes, no[w], n_no) for w, n in yes.items() if n >= FEWEST}
        defined = words_in(labels.definitions.get(name, ""))
        telling = {w: z for w, (times, z) in measured.items() if times >= TIMES}
        best = sorted(telling, key=lambda word: (-telling[word], word))
        strong = [word for word in best if telling[word] >= STRONG][:MOST]
        weak = [word for word in best if word in defined and telling[word] >= WEAK]
        found.append(tuple(dict.fromkeys([*sorted(words_in(name.replace("_", " "))), *strong, *weak])))
    return found


def holds_keyword(texts: Sequence[str], keywords: Sequence[Sequence[str]]) -> np.ndarray:
    """Return bool (n, k): which of n texts hold a keyword of each of k labels."""
    wanted = [set(words) for words in keywords]
    held = [[not words.isdisjoint(each) for each in wanted] for words in map(words_in, texts)]
    return np.array(held, dtype=bool).reshape(len(texts), len(wanted))


def holds_keyword_out_of_fold(
    texts: Sequence[str], targets: np.ndarray, groups: np.ndarray, labels: LabelSet
) -> np.ndarray:
    """Return bool (n, k) as `holds_keyword` does, by keywords of the articles in other folds than the text's own."""
    _, article = np.unique(groups, return_inverse=True)
    folds = article.reshape(len(texts)) % FOLDS
    held = np.zeros(targets.shape, dtype=bool)
    for fold in np.unique(folds):
        rows, rest = np.flatnonzero(folds == fold).tolist(), np.flatnonzero(folds != fold).tolist()
        keywords = keywords_of([texts[i] for i in rest], targets[rest], labels)
        held[rows] = holds_keyword([texts[i] for i in rows], keywords)
    return held


def _counted(held: Sequence[set[str]], rows: np.ndarray) -> Counter[str]:
    return Counter(word for i in np.flatnonzero(rows).tolist() for word in held[i])


def _telling(with_label: int, n_yes: int, without: int, n_no: int) -> tuple[float, float]:
    """Return how many times as high the odds of a word are, and the root of the log-likelihood ratio."""
    cells = np.array([[with_label, n_yes - with_label], [without, n_no - without]], dtype=np.float64)
    expected = np.outer(cells.sum(axis=1), cells.sum(axis=0)) / cells.sum()
    some = cells > 0
    likelihood = 2 * (cells[some] * np.log(cells[some] / expected[some])).sum()
    (a, b), (c, d) = cells + 0.5
    return float(a * d / (b * c)), float(np.sqrt(max(likelihood, 0.0)))
