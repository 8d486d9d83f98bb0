"""Which articles are reprints of one another, which belong together, and which paragraphs training has met already.

An agency's article stands in many outlets; each may cut it, add to it, or take one paragraph of it. Articles that are
near-copies as a whole are one *story*. Beyond that, two articles are *tied* when they share a near-copied paragraph
that is not boilerplate. What stands in many stories is boilerplate: footers, and the background that one desk puts
under everything. It ties nothing, or it would tie the whole corpus; nor does it flatter a score, since it will stand
in articles to come as well. Reprints count as one story here, so a much reprinted article is not taken for boilerplate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from textclf.datasets.duplicates import Duplicates, connected, find_duplicates
from textclf.datasets.shingles import ascending
from textclf.records import Article

ARTICLE_CUT_TO = 0.1  # an article may be cut down to its first paragraphs
MOST_STORIES = 10  # that share a paragraph before it is boilerplate; fewer in a small corpus
SHARE_OF_STORIES = 0.05
MOST_REPRINTS = 50  # of one wording, for its articles to be compared pair by pair


@dataclass(frozen=True)
class Reprints:
    """The copies among paragraphs and among articles.

    Attributes:
        paragraphs: Copies among the n paragraphs.
        articles: Copies among the a articles, each taken as one text.
        groups: int64 (n,): the article of each paragraph.
        stories: int64 (a,): the number of each article's story.
        boilerplate: bool (w,): the wordings of paragraphs that stand, with their near-copies, in many stories.
    """

    paragraphs: Duplicates
    articles: Duplicates
    groups: np.ndarray
    stories: np.ndarray
    boilerplate: np.ndarray

    @property
    def telling(self) -> np.ndarray:
        """The wordings that say something of where their article comes from, not short, no boilerplate: bool (w,)."""
        return np.asarray(~self.paragraphs.short & ~self.boilerplate)

    def ties(self) -> np.ndarray:
        """Return int64 (a,): the number of each article's cluster of tied articles."""
        n, first = len(self.stories), len(self.stories)
        telling, pairs, wording = self.telling, self.paragraphs.pairs, self.paragraphs.wording
        shown = telling[wording]
        edges = [
            np.stack([self.groups[shown], first + wording[shown]], axis=1),
            first + pairs[telling[pairs].all(axis=1)],
            np.stack([np.arange(n), first + len(telling) + self.stories], axis=1),
        ]
        joined = connected(first + len(telling) + n, np.concatenate(edges))[:n]
        return np.asarray(np.unique(joined, return_inverse=True)[1].reshape(n))

    def also_in(self, known: np.ndarray) -> np.ndarray:
        """Return bool (n,): the paragraphs that have a near-copy among those that `known`, bool (n,), marks."""
        telling, pairs = self.telling, self.paragraphs.pairs[self.telling[self.paragraphs.pairs].all(axis=1)]
        held = np.zeros(len(telling), bool)
        held[self.paragraphs.wording[known]] = True
        found = held & telling
        found[pairs[held[pairs[:, 0]], 1]] = True
        found[pairs[held[pairs[:, 1]], 0]] = True
        return np.asarray(found[self.paragraphs.wording])


def find_reprints(texts: Sequence[str], groups: np.ndarray, *, threshold: float = 0.8, seed: int = 0) -> Reprints:
    """Find the copies among paragraphs and among the articles they make up.

    Args:
        texts: The n paragraphs, those of an article in their order.
        groups: int64 (n,): the article of each, from 0 to a - 1, none left out.
        threshold: As in `find_duplicates`.
        seed: Of MinHash.

    Raises:
        DataError: When the threshold is outside 0.5 to 1.
    """
    paragraphs = find_duplicates(texts, threshold=threshold, seed=seed)
    whole: list[list[str]] = [[] for _ in range(int(groups.max(initial=-1)) + 1)]
    for text, group in zip(texts, groups, strict=True):
        whole[group].append(text)
    articles = find_duplicates(
        ["\n".join(each) for each in whole],
        threshold=threshold,
        seed=seed,
        cut_to=ARTICLE_CUT_TO,
        likely=_sharing(paragraphs, groups, len(whole)),
    )
    stories = articles.clusters()
    return Reprints(paragraphs, articles, groups, stories, _widespread(paragraphs, stories[groups]))


def tied_articles(articles: Sequence[Article], *, threshold: float = 0.8, seed: int = 0) -> np.ndarray:
    """Return int64 (a,): the number of each article's cluster of articles that share copies; most stand alone."""
    return find_reprints(*rows_of(articles), threshold=threshold, seed=seed).ties()


def seen_in_training(
    training: Sequence[Article], *held_out: Sequence[Article], threshold: float = 0.8, seed: int = 0
) -> list[np.ndarray]:
    """Tell which held-out paragraphs have a near-copy in training, boilerplate and short paragraphs apart.

    Args:
        training: The articles a model learns from.
        held_out: One or more sets of other articles.
        threshold: As in `find_duplicates`.
        seed: Of MinHash.

    Returns:
        For each held-out set bool (n,), one for each paragraph, in the order of `Examples.of`.
    """
    sets = [training, *held_out]
    texts, groups = rows_of([article for articles in sets for article in articles])
    ends = np.cumsum([sum(len(article.paragraphs) for article in articles) for articles in sets])
    found = find_reprints(texts, groups, threshold=threshold, seed=seed).also_in(np.arange(len(texts)) < ends[0])
    return np.split(found, ends[:-1])[1:]


def rows_of(articles: Sequence[Article]) -> tuple[list[str], np.ndarray]:
    """Return the n paragraphs of the articles and, as int64 (n,), the number of the article of each."""
    texts = [paragraph.text for article in articles for paragraph in article.paragraphs]
    counts = [len(article.paragraphs) for article in articles]
    return texts, np.repeat(np.arange(len(articles)), counts)


def _incidence(paragraphs: Duplicates, of: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return two sparse arrays: which wordings are near-copies (w, w), and which of `n` things hold which (w, n).

    Short wordings have empty rows in both.
    """
    from scipy.sparse import coo_array, csr_array

    w, pairs = len(paragraphs.short), paragraphs.pairs
    itself = np.flatnonzero(~paragraphs.short)
    ends = np.concatenate([pairs[:, 0], pairs[:, 1], itself]), np.concatenate([pairs[:, 1], pairs[:, 0], itself])
    near = csr_array(coo_array((np.ones(len(ends[0]), np.int32), ends), shape=(w, w)))
    shown = ~paragraphs.short[paragraphs.wording]
    cells = ascending(paragraphs.wording[shown] * max(n, 1) + of[shown])
    where = np.divmod(cells, max(n, 1))
    return near, csr_array(coo_array((np.ones(len(cells), np.int32), where), shape=(w, n)))


def _sharing(paragraphs: Duplicates, groups: np.ndarray, n: int) -> np.ndarray:
    """Return int64 (m, 2): pairs of articles that share a near-copied paragraph, unless very many share it."""
    from scipy.sparse import dia_array

    near, held = _incidence(paragraphs, groups, n)
    rare = (held.sum(axis=1) <= MOST_REPRINTS).astype(np.int32)
    held = dia_array((rare[None], [0]), shape=(len(rare), len(rare))) @ held
    pairs = (held.T @ (near @ held)).tocoo()
    return np.asarray(np.stack([pairs.row, pairs.col], axis=1)[pairs.row < pairs.col], np.int64)


def _widespread(paragraphs: Duplicates, stories: np.ndarray) -> np.ndarray:
    """Return bool (w,): the wordings that stand, with their near-copies, in more stories than a shared text does."""
    n = int(stories.max(initial=-1)) + 1
    near, held = _incidence(paragraphs, stories, n)
    few = min(MOST_STORIES, max(2, int(SHARE_OF_STORIES * n)))
    return np.asarray(np.diff((near @ held).indptr) > few)
