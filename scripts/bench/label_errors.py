"""Plant wrong labels in labelled articles and measure how many `textclf errors` finds.

    python scripts/bench/label_errors.py [--config FILE] [--data FILE] [--share 0.03] [--seeds 1 2 3]

`even`: a share of all known targets is flipped, each as likely as any other; most become a false yes. `both ways`: as
many targets, half of them a yes made no and half a no made yes. `none`: nothing is planted, to see what is doubted all
the same. Every list comes from article folds of the articles with the planted labels. Prints Markdown, mean over seeds:

- *confidence*: all known targets, the lowest probability of the label as given first;
- *errors*: likely label errors, then the other wrong decisions by the same probability, as `textclf errors` lists them;
- *errors --twice*: the same from a second round, trained without what the first doubted.

Precision among the first k; precision among the first n, n being the number planted (there it is recall as well); how
many are called label errors, and which share of them and of what was planted that is. Labels that were wrong before
count as false finds.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from textclf.config import load_config
from textclf.datasets import read_labelled
from textclf.errors_found.held_out import Judged, Recipe, judge_by_folds
from textclf.errors_found.suspects import find_mistakes
from textclf.labels import LabelSet
from textclf.records import Article, Examples

KS = (20, 50, 100)


def plant(targets: np.ndarray, *, share: float, way: str, seed: int) -> np.ndarray:
    """Return bool (n, k): the targets to be flipped."""
    rng = np.random.default_rng(seed)
    n = round(share * int((~np.isnan(targets)).sum()))
    if way == "none":
        pools, sizes = [np.zeros((0, 2), dtype=np.int64)], [0]
    elif way == "even":
        pools, sizes = [np.argwhere(~np.isnan(targets))], [n]
    else:
        pools, sizes = [np.argwhere(targets == 1), np.argwhere(targets == 0)], [n // 2, n - n // 2]
    flipped = np.zeros(targets.shape, dtype=bool)
    for pool, size in zip(pools, sizes, strict=True):
        flipped[tuple(rng.permutation(pool)[:size].T)] = True
    return flipped


def relabel(articles: Sequence[Article], flipped: np.ndarray, labels: LabelSet) -> list[Article]:
    """Return the articles with those targets flipped."""
    row, changed = 0, []
    for article in articles:
        paragraphs = []
        for paragraph in article.paragraphs:
            names = {labels[int(j)] for j in np.flatnonzero(flipped[row])}
            paragraphs.append(replace(paragraph, labels=tuple(sorted(set(paragraph.labels) ^ names, key=labels.index))))
            row += 1
        changed.append(replace(article, paragraphs=tuple(paragraphs)))
    return changed


def measure(
    judged: Judged, articles: Sequence[Article], flipped: np.ndarray, labels: LabelSet
) -> dict[str, list[float]]:
    """Return, for plain confidence and for `textclf errors`, precision at each k and at n, and what is doubted."""
    targets = judged.examples.targets
    trust = np.where(targets == 1, judged.probabilities, 1 - judged.probabilities)
    plain = np.argsort(np.where(np.isnan(targets), np.inf, trust), axis=None, kind="stable")
    plain = plain[: int((~np.isnan(targets)).sum())]
    mistakes = sorted(find_mistakes(judged, articles, list(labels)), key=lambda m: (m.suspected != "label", m.trust))
    listed = np.array([m.row * len(labels) + m.column for m in mistakes], dtype=np.int64)
    doubted = listed[: sum(m.suspected == "label" for m in mistakes)]
    n, hit = int(flipped.sum()), flipped.ravel()
    found: dict[str, list[float]] = {}
    for name, order in (("confidence", plain), ("errors", listed)):
        found[name] = [float(hit[order[:k]].mean()) for k in KS] + [float(hit[order[:n]].mean()) if n else np.nan]
    found["confidence"] += [np.nan] * 3
    found["errors"] += [len(doubted), float(hit[doubted].mean()), float(hit[doubted].sum() / n) if n else np.nan]
    return found


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, default=Path("configs/tfidf.yaml"))
    parser.add_argument("--data", type=Path, default=Path("data/train.jsonl"))
    parser.add_argument("--share", type=float, default=0.03)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    given = parser.parse_args()
    config = load_config(given.config)
    recipe, labels = Recipe.of_config(config, config.labels), config.labels
    articles = read_labelled(given.data, labels)
    clean = Examples.of(articles, labels).targets
    print(
        "| planted | ranked by | "
        + " | ".join(f"first {k}" for k in KS)
        + " | first n | doubted | right | of planted |"
    )
    print("| --- | --- |" + " ---: |" * (len(KS) + 4))
    for way in ("even", "both ways", "none"):
        rows: dict[str, list[list[float]]] = {}
        for seed in given.seeds if way != "none" else given.seeds[:1]:
            flipped = plant(clean, share=given.share, way=way, seed=seed)
            noisy = relabel(articles, flipped, labels)
            examples = Examples.of(noisy, labels)
            for twice in (False, True):
                p, thresholds = judge_by_folds(noisy, recipe, labels, twice=twice)
                whole = np.tile(thresholds, (len(p), 1))
                judged = Judged(examples, p, whole, np.ones(len(p), dtype=bool))
                for name, numbers in measure(judged, noisy, flipped, labels).items():
                    rows.setdefault(f"{name} --twice" if twice else name, []).append(numbers)
        for name, numbers in rows.items():
            *shares, doubted, right, of = np.mean(numbers, axis=0)
            cells = [f"{share:.2f}" for share in shares] + [f"{doubted:.0f}", f"{right:.2f}", f"{of:.2f}"]
            print(
                f"| {way} ({int(flipped.sum())}) | {name} | " + " | ".join(cells).replace("nan", "–") + " |", flush=True
            )


if __name__ == "__main__":
    main()
