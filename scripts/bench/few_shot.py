"""The few-shot curve: how good each kind is after 8, 16, 32, 64 labelled positives a label.

    python scripts/bench/few_shot.py [--configs FILE ...] [--sizes 8 16 32 64] [--seeds 13 ...] [--data FILE ...]
        [--thresholds validation|folds] [--plot FILE.svg] [--json FILE]

The training paragraphs for n positives are taken one by one from the shuffled articles of the training file: a
paragraph is taken when it carries a label that has fewer than n so far, or when it is known to carry none and fewer
than n such are taken. A paragraph with several labels counts for each, so a common label may come to more than n, and
one with fewer in the file has all of them. A larger set begins with the smaller one, so it holds it; the seed decides
the order of the articles, and is the model's seed too. Every kind learns from the same paragraphs.

Thresholds and calibration must not cost more labels than training did. With `--thresholds validation` they are fitted,
and epochs chosen, on whole validation articles, shuffled by the seed, until these have as many paragraphs as the
training set: the whole validation file would be many times the labels that the curve says are enough. Whole articles
keep the rates of labels as they are in the wild, which a training set of so many positives a label does not. With
`--thresholds folds` they come out of folds of the training set alone: no more labels, but six trainings for one.

Prints one Markdown table of macro-F1 and macro average precision on held-out articles: the mean over seeds, and the
lowest and highest of them where there are several. A band in the plot is the same.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from textclf.config import Config, load_config
from textclf.datasets import read_labelled
from textclf.errors import TextclfError
from textclf.evaluate import score, summarise
from textclf.files import written_aside
from textclf.records import Article, Examples
from textclf.train import fit

ROOT = Path(__file__).parent.parent.parent
OFFLINE = ("tfidf", "static", "zero_shot", "minilm_frozen", "setfit", "minilm")  # those there are, in this order
SCORES = {"macro_f1": "macro-F1", "macro_ap": "macro-AP"}
RESAMPLES = 200  # of articles, for the intervals in the JSON


@dataclass(frozen=True)
class Point:
    """One training and its scores on one file.

    Attributes:
        model: The config's name.
        size: Positives a label that were asked for.
        seed: Of the paragraphs drawn, and of the model.
        data: The name of the held-out file.
        paragraphs: How many the model learned from.
        positives: How many of them carry each label.
        seconds: Of the training, thresholds included.
        scores: What `textclf evaluate --json` gives.
    """

    model: str
    size: int
    seed: int
    data: str
    paragraphs: int
    positives: dict[str, int]
    seconds: float
    scores: dict[str, Any]


def nested_samples(
    targets: np.ndarray, groups: np.ndarray, sizes: Iterable[int], *, seed: int
) -> dict[int, np.ndarray]:
    """Return the rows of each sample, in the order of the data; a larger one holds the smaller.

    Args:
        targets: float32 (n, k): 1, 0 or NaN for unknown, which counts for nothing.
        groups: (n,): the article of each row; articles are shuffled, their rows stay in order.
        sizes: Positives wanted of each label, and of no label.
        seed: Decides the order of the articles.
    """
    place = np.random.default_rng(seed).permutation(int(groups.max(initial=-1)) + 1)
    order = np.argsort(place[groups], kind="stable")
    counted = np.column_stack([targets == 1, (targets == 0).all(axis=1)])  # no label is one more to count
    have, taken = np.zeros(counted.shape[1], dtype=np.int64), np.zeros(len(targets), dtype=bool)
    samples = {}
    for size in sorted(sizes):
        for row in order:
            if not taken[row] and (counted[row] & (have < size)).any():
                taken[row] = True
                have += counted[row]
        samples[size] = np.flatnonzero(taken)
    return samples


def like_sized(groups: np.ndarray, n_rows: int, *, seed: int) -> np.ndarray:
    """Return the rows of whole articles, shuffled by the seed, until they are at least `n_rows`, or all there are."""
    chosen: list[np.ndarray] = []
    for group in np.random.default_rng(seed).permutation(np.unique(groups)):
        if sum(map(len, chosen)) >= n_rows:
            break
        chosen.append(np.flatnonzero(groups == group))
    return np.sort(np.concatenate(chosen)) if chosen else np.zeros(0, dtype=np.int64)


def points(
    config: Config,
    training: Sequence[Article],
    validation: Sequence[Article] | None,
    held_out: Mapping[str, Sequence[Article]],
    *,
    sizes: Sequence[int],
    seed: int,
) -> Iterator[Point]:
    """Train a config on each sample and yield its scores on each held-out file.

    Args:
        config: Its labels, kind, options, context and threshold settings are used; its files are not.
        training: Articles to draw samples from.
        validation: Articles to draw like-sized samples from, for thresholds; None fits them out of fold.
        held_out: Articles to score on, by name.
        sizes: Positives a label.
        seed: Of samples and model.
    """
    whole = Examples.of(training, config.labels, context=config.data.context)
    beside = None if validation is None else Examples.of(validation, config.labels, context=config.data.context)
    for size, rows in nested_samples(whole.targets, whole.groups, sizes, seed=seed).items():
        started, sample = time.perf_counter(), whole.take(rows)
        fitted = fit(
            kind=config.model.kind,
            options=config.options(),
            labels=config.labels,
            examples=sample,
            validation=None if beside is None else beside.take(like_sized(beside.groups, len(rows), seed=seed)),
            thresholds=config.thresholds,
            seed=seed,
        )
        seconds = round(time.perf_counter() - started, 1)
        positives = dict(zip(config.labels, (sample.targets == 1).sum(axis=0).tolist(), strict=True))
        for name, articles in held_out.items():
            examples = Examples.of(articles, config.labels, context=config.data.context)
            scored = score(fitted.model, examples)
            found = summarise(fitted.model, examples, scored, resamples=RESAMPLES, confidence=0.95, seed=0)
            yield Point(config.name, size, seed, name, len(rows), positives, seconds, found.to_json())


def gathered(found: Sequence[Point], name: str) -> dict[tuple[str, str], dict[int, list[float]]]:
    """Return a score's values over seeds by (data, model), then by size; undefined ones are left out."""
    values: dict[tuple[str, str], dict[int, list[float]]] = {}
    for point in found:
        by_size = values.setdefault((point.data, point.model), {}).setdefault(point.size, [])
        if point.scores[name] is not None:
            by_size.append(point.scores[name])
    return values


def table(found: Sequence[Point]) -> str:
    """Return the Markdown table: a row for each file, score and model, a column for each size."""
    sizes = sorted({point.size for point in found})
    head = f"| data | score | model | {' | '.join(f'{size} a label' for size in sizes)} |"
    lines = [head, "| --- | --- | --- |" + " --- |" * len(sizes)]
    by_score = {name: gathered(found, name) for name in SCORES}
    for data in dict.fromkeys(point.data for point in found):
        for name, shown in SCORES.items():
            for (of, model), by_size in by_score[name].items():
                if of == data:
                    cells = " | ".join(cell(by_size.get(size, [])) for size in sizes)
                    lines.append(f"| {data} | {shown} | {model} | {cells} |")
    return "\n".join(lines)


def cell(values: Sequence[float]) -> str:
    """Return the mean, with the lowest and highest of several; a dash for none."""
    if not values:
        return "–"
    spread = f" ({min(values):.3f} to {max(values):.3f})" if len(values) > 1 else ""
    return f"{statistics.mean(values):.3f}{spread}"


def plot(found: Sequence[Point], path: Path) -> None:
    """Draw the curves as SVG: a row of panels for each score, a column for each file, a line for each model."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    files = list(dict.fromkeys(point.data for point in found))
    sizes = sorted({point.size for point in found})
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "few shot"}):
        shape = (len(SCORES), len(files))
        figure, panels = pyplot.subplots(*shape, figsize=(1 + 4 * shape[1], 1 + 3 * shape[0]), squeeze=False)
        for row, (name, shown) in zip(panels, SCORES.items(), strict=True):
            values = gathered(found, name)
            for panel, data in zip(row, files, strict=True):
                for model, by_size in ((m, v) for (of, m), v in values.items() if of == data):
                    known = {size: by_size[size] for size in sizes if by_size.get(size)}
                    (line,) = panel.plot(list(known), [statistics.mean(v) for v in known.values()], "o-", label=model)
                    low, high = [min(v) for v in known.values()], [max(v) for v in known.values()]
                    panel.fill_between(list(known), low, high, color=line.get_color(), alpha=0.2, linewidth=0)
                panel.set(xscale="log", xlabel="positives a label", ylabel=shown, title=data, ylim=(0, 1))
                panel.set_xticks(sizes, [str(size) for size in sizes])
                panel.minorticks_off()
        figure.legend(*panels[0][0].get_legend_handles_labels(), loc="lower center", ncols=8, frameon=False)
        figure.tight_layout(rect=(0, 0.05, 1, 1))
        with written_aside(path) as aside:
            figure.savefig(aside, format="svg", metadata={"Date": None})
        pyplot.close(figure)


def curve(
    configs: Sequence[Config],
    training: Path,
    validation: Path | None,
    held_out: Sequence[Path],
    *,
    sizes: Sequence[int],
    seeds: Sequence[int],
) -> list[Point]:
    """Return every point of every config and seed; a config that cannot be trained is left out, and why is told."""
    found: list[Point] = []
    for config in configs:
        own: list[Point] = []
        try:
            articles = read_labelled(training, config.labels)
            beside = None if validation is None else read_labelled(validation, config.labels)
            scored_on = {path.stem: read_labelled(path, config.labels) for path in held_out}
            for seed in seeds:
                for point in points(config, articles, beside, scored_on, sizes=sizes, seed=seed):
                    own.append(point)
                    shown = ", ".join(f"{SCORES[name]} {cell(v)}" for name in SCORES if (v := _known(point, name)))
                    print(
                        f"{point.model}, {point.size} a label ({point.paragraphs} paragraphs), seed {seed}, "
                        f"{point.data}: {shown}; {point.seconds:.0f} s",
                        file=sys.stderr,
                    )
        except TextclfError as fault:
            print(f"left out {config.name}: {fault}", file=sys.stderr)
            continue
        found += own
    return found


def _known(point: Point, name: str) -> list[float]:
    return [] if point.scores[name] is None else [point.scores[name]]


def main() -> None:
    """Run the benchmark, print its table, write its plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = [path for name in OFFLINE if (path := ROOT / "configs" / f"{name}.yaml").is_file()]
    parser.add_argument("--configs", nargs="+", type=Path, default=kinds)
    parser.add_argument("--sizes", nargs="+", type=int, default=[8, 16, 32, 64], help="positives a label")
    parser.add_argument("--seeds", nargs="+", type=int, default=[13])
    parser.add_argument("--train", type=Path, default=ROOT / "data" / "train.jsonl")
    parser.add_argument("--validation", type=Path, default=ROOT / "data" / "validation.jsonl")
    parser.add_argument("--data", nargs="+", type=Path, default=[], help="held-out articles, besides data/test.jsonl")
    parser.add_argument("--thresholds", choices=["validation", "folds"], default="validation")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the curves here, as SVG")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every score here")
    given = parser.parse_args()
    if min(given.sizes) < 1:
        parser.error(f"--sizes must be at least 1; given: {min(given.sizes)}")
    try:
        configs = [load_config(path) for path in given.configs]
    except TextclfError as fault:
        sys.exit(f"error: {fault}")
    found = curve(
        configs,
        given.train,
        given.validation if given.thresholds == "validation" else None,
        list(dict.fromkeys([ROOT / "data" / "test.jsonl", *given.data])),
        sizes=sorted(set(given.sizes)),
        seeds=given.seeds,
    )
    if not found:
        sys.exit("error: no config could be trained")
    print(table(found))
    if given.json:
        with written_aside(given.json) as aside:
            aside.write_text(json.dumps([asdict(point) for point in found], indent=2) + "\n", encoding="utf-8")
    if given.plot:
        plot(found, given.plot)


if __name__ == "__main__":
    main()
