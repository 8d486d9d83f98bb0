"""How the score on held-out articles grows with the number of training articles, and what wrong labels cost.

Each repeat draws an order of the training articles; a size takes the first so many of it, so that the sizes of a
repeat are nested. Validation articles, where a config names them, stay the same and fit thresholds at every size.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from textclf.comparison.curve import LearningCurve, Point
from textclf.comparison.fits import fit_and_score
from textclf.comparison.folds import without_test
from textclf.comparison.forecast import forecast
from textclf.comparison.power_law import FEWEST
from textclf.config import Config
from textclf.errors import ConfigError, DataError, TextclfWarning
from textclf.evaluate import Estimate
from textclf.intervals import bootstrap, percentile_interval
from textclf.metrics import Metric, Scored, macro_ap, macro_f1
from textclf.progress import log
from textclf.records import Article, Examples
from textclf.training_data import read_splits, warn_of_copies

SCORES: dict[str, Metric] = {"macro_f1": macro_f1, "macro_ap": macro_ap}
HALVINGS = 5
SMALLEST = 5  # articles of a size that is chosen here
MORE = 100


def learning_curve(
    config: Config,
    held_out: Sequence[Article],
    *,
    steps: Sequence[int] | None = None,
    repeats: int = 3,
    noise: Sequence[float] = (),
    more: int = MORE,
    resamples: int = 1_000,
    confidence: float = 0.95,
    seed: int = 13,
) -> LearningCurve:
    """Train a config on ever more of its articles and score each on the same held-out ones.

    What each training said is kept beside the config's `out`, so that a run that was cut off goes on.

    Args:
        config: What to train; its `data.test` is not read.
        held_out: Labelled articles, none of which is in training or validation.
        steps: Numbers of training articles; by default all of them and five halvings.
        repeats: Draws of the articles at each size; each trains with a seed of its own, from the config's on.
        noise: Shares of known training labels to flip, each with all articles; the labels of validation stay.
        more: Articles to predict the gain of.
        resamples: Of repeats and held-out articles, for the intervals.
        confidence: Of the intervals.
        seed: Fixes draws, flips and resamples.

    Raises:
        ConfigError: When steps, repeats or noise are none that can be.
        DataError: When the data have faults, or a held-out article is in training.
        WriteError: When answers cannot be kept.
    """
    splits = read_splits(without_test(config))
    training, validation = splits["train"], splits.get("validation", [])
    _check_held_out(splits, held_out)
    sizes = check_steps(default_steps(len(training)) if steps is None else steps, n_articles=len(training))
    shares = check_noise(noise)
    if repeats < 1:
        raise ConfigError(f"repeats: give at least 1; given: {repeats}")
    wanted = [(size, 0.0) for size in sizes] + [(len(training), share) for share in shares]
    if shares and sizes[-1] < len(training):
        wanted.append((len(training), 0.0))  # what flipped labels are set against
    runs = _Runs(config, training, validation, held_out, seed=seed)
    scored = runs.score_all(wanted, repeats)
    groups = Examples.of(held_out, config.labels).groups
    sampled = {
        name: _resample(metric, scored, groups, resamples=resamples, seed=seed) for name, metric in SCORES.items()
    }
    whole: Cell = (len(training), 0.0)
    points = {cell: _point(cell, float(np.mean(runs.paragraphs[cell])), sampled, whole, confidence) for cell in wanted}
    forecasts = {}
    for name, found in sampled.items():
        scores = np.array([found.values[size, 0.0].mean() for size in sizes])
        samples = np.stack([found.drawn[size, 0.0] for size in sizes], axis=1)
        forecasts[name] = forecast(np.array(sizes), scores, samples, more=more, confidence=confidence, seed=seed)
    return LearningCurve(
        model=config.name,
        n_held_out=len(np.unique(groups)),
        points=[points[size, 0.0] for size in sizes],
        forecasts=forecasts,
        noise=[points[len(training), share] for share in shares],
        settings={"repeats": repeats, "resamples": resamples, "confidence": confidence, "seed": seed},
        notes=[*runs.notes(), *_notes(sizes, repeats)],
    )


def default_steps(n_articles: int) -> list[int]:
    """Return all articles and five halvings, none under five articles, ascending."""
    halved = {round(n_articles / 2**power) for power in range(HALVINGS + 1)}
    return sorted(size for size in halved if size >= SMALLEST or size == n_articles)


def check_steps(steps: Sequence[int], *, n_articles: int) -> list[int]:
    """Return steps ascending, each once.

    Raises:
        ConfigError: When there is none, or one is no number of training articles.
    """
    wrong = [step for step in steps if not 2 <= step <= n_articles]
    if wrong or not steps:
        given = ", ".join(map(str, wrong or steps)) or "none"
        raise ConfigError(
            f"steps are numbers of training articles, from 2 to the {n_articles} there are; given: {given}"
        )
    return sorted(set(steps))


def check_noise(noise: Sequence[float]) -> list[float]:
    """Return shares ascending, each once.

    Raises:
        ConfigError: When one is not over 0 and up to 0.5.
    """
    wrong = [share for share in noise if not 0 < share <= 0.5]
    if wrong:
        raise ConfigError(
            f"noise is a share of the labels to flip, over 0 and up to 0.5; given: {', '.join(map(str, wrong))}"
        )
    return sorted(set(noise))


def flip_labels(targets: np.ndarray, share: float, *, seed: int | Sequence[int]) -> np.ndarray:
    """Return targets (n, k) of which that share of the known ones of each label, rounded, say the opposite.

    What a smaller share flips a larger one flips too, with the same seed.
    """
    rng = np.random.default_rng(seed)
    flipped = targets.copy()
    for column in range(targets.shape[1]):
        known = rng.permutation(np.flatnonzero(~np.isnan(targets[:, column])))
        rows = known[: round(share * len(known))]
        flipped[rows, column] = 1 - flipped[rows, column]
    return flipped


Cell = tuple[int, float]
"""What a training is told by: how many articles, and which share of their labels was flipped."""


class _Runs:
    """The trainings of a curve.

    Args:
        config: What to train.
        training: All training articles.
        validation: Those that thresholds are fitted on; none fits them out of fold.
        held_out: Those to score.
        seed: Of draws and flips.
    """

    def __init__(
        self,
        config: Config,
        training: Sequence[Article],
        validation: Sequence[Article],
        held_out: Sequence[Article],
        *,
        seed: int,
    ) -> None:
        context = config.data.context
        self.config, self.training, self.seed = config, training, seed
        self.validation = Examples.of(validation, config.labels, context=context) if validation else None
        self.held_out = Examples.of(held_out, config.labels, context=context)
        self.paragraphs: dict[Cell, list[int]] = {}
        self.missing: dict[str, int] = {}

    def score_all(self, cells: Sequence[Cell], repeats: int) -> dict[Cell, list[Scored]]:
        """Train every cell so many times; return what each training said of the held-out paragraphs."""
        scored: dict[Cell, list[Scored]] = {}
        for number, cell in enumerate(cells):
            size, share = cell
            for repeat in range(repeats):
                what = f"{size} articles" + (f", {share:.0%} of labels flipped" if share else "")
                done = number * repeats + repeat + 1
                log.info("%s, %d of %d: %s, repeat %d", self.config.name, done, len(cells) * repeats, what, repeat + 1)
                scored.setdefault(cell, []).append(self.score(cell, repeat))
        return scored

    def score(self, cell: Cell, repeat: int) -> Scored:
        """Train one cell once."""
        size, share = cell
        order = np.random.default_rng([self.seed, repeat]).permutation(len(self.training))
        chosen = [self.training[i] for i in sorted(order[:size])]
        examples = Examples.of(chosen, self.config.labels, context=self.config.data.context)
        self.paragraphs.setdefault(cell, []).append(len(examples))
        for j, name in enumerate(self.config.labels):
            if not (examples.targets[:, j] == 1).any():
                self.missing[name] = max(self.missing.get(name, 0), size)
        if share:
            targets = flip_labels(examples.targets, share, seed=[self.seed, repeat, 1])
            examples = Examples(examples.texts, targets, examples.groups, examples.article_ids, examples.contexts)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TextclfWarning)  # labels with no positive are told in a note
            fitted = fit_and_score(
                self.config, examples, self.held_out, validation=self.validation, seed=self.config.seed + repeat
            )
        return fitted.scored

    def notes(self) -> list[str]:
        """Return which labels some training could not learn."""
        return [
            f"label {name!r} had no positive in a training of {size} articles, and was never predicted there"
            for name, size in self.missing.items()
        ]


@dataclass(frozen=True)
class _Sampled:
    """One score of every cell: of each repeat, (r,), and on resamples, (b,), as the mean over repeats drawn anew."""

    values: dict[Cell, np.ndarray]
    drawn: dict[Cell, np.ndarray]


def _resample(
    metric: Metric, scored: Mapping[Cell, Sequence[Scored]], groups: np.ndarray, *, resamples: int, seed: int
) -> _Sampled:
    """Score every repeat plainly and on resamples of articles and repeats, the same ones for every cell.

    A mean over repeats drawn anew moves less than one over new repeats would, by the root of 1 - 1/r; it is stretched.
    """
    repeats = len(next(iter(scored.values())))
    draws = np.random.default_rng([seed, 2]).integers(repeats, size=(resamples, repeats))
    values, drawn = {}, {}
    for cell, trained in scored.items():

        def scores(weights: np.ndarray, trained: Sequence[Scored] = trained) -> np.ndarray:
            return np.stack([metric(each, weights) for each in trained], axis=1)

        values[cell] = scores(trained[0].ones())[0]
        samples = bootstrap(scores, groups, n_resamples=resamples, seed=seed)  # (b, r)
        means = samples.mean(axis=1)
        moved = np.take_along_axis(samples, draws, axis=1).mean(axis=1) - means
        drawn[cell] = np.clip(means + moved * math.sqrt(repeats / max(repeats - 1, 1)), 0, 1)
    return _Sampled(values, drawn)


def _point(cell: Cell, paragraphs: float, sampled: Mapping[str, _Sampled], whole: Cell, confidence: float) -> Point:
    """Return the scores of a cell, and what it lost against the whole, unflipped training set where it was flipped."""

    def estimate(value: float, samples: np.ndarray) -> Estimate:
        return Estimate(value, percentile_interval(samples, confidence=confidence)[0])

    scores = {name: estimate(float(s.values[cell].mean()), s.drawn[cell]) for name, s in sampled.items()}
    losses = {
        name: estimate(float((s.values[whole] - s.values[cell]).mean()), s.drawn[whole] - s.drawn[cell])
        for name, s in sampled.items()
        if cell[1]
    }
    by_repeat = {name: [float(value) for value in s.values[cell]] for name, s in sampled.items()}
    return Point(cell[0], paragraphs, cell[1], scores, by_repeat, losses)


def _check_held_out(splits: Mapping[str, Sequence[Article]], held_out: Sequence[Article]) -> None:
    """Make sure that held-out articles are held out, and warn of copies.

    Raises:
        DataError: When there is none, or one is in training or validation.
    """
    if not any(article.paragraphs for article in held_out):
        raise DataError("there is no held-out paragraph to score; give --data FILE, or a config with data.test")
    known = {article.article_id for articles in splits.values() for article in articles}
    shared = [article.article_id for article in held_out if article.article_id in known]
    if shared:
        more = f" and {len(shared) - 5} more" if len(shared) > 5 else ""
        raise DataError(
            f"{len(shared)} of the held-out articles are in the config's training or validation data: "
            f"{', '.join(shared[:5])}{more}. Give --data FILE with others"
        )
    warn_of_copies({"train": splits["train"], "the held-out articles": held_out})


def _notes(sizes: Sequence[int], repeats: int) -> list[str]:
    notes = []
    if repeats == 1:
        notes.append("with one repeat the intervals leave out the luck of which articles were drawn; give --repeats 3")
    if len(sizes) < FEWEST:
        notes.append(f"{len(sizes)} size(s) are too few for a power law; give {FEWEST} or more")
    return notes
