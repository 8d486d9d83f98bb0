"""Does training on a model's own confident labels help? Half of the training articles lose their labels.

    python scripts/bench/self_training.py [--config configs/tfidf.yaml] [--data FILE ...] [--seeds 13 14 15]
        [--precision 0.95 0.9] [--confidence 0.9]

For each seed the training articles are halved. A model is trained on one half; it labels the other as `textclf
pseudo-label` does; a second model is trained on both. Beside them stands what the true labels of the other half would
bring. Prints Markdown: means over seeds, and the difference from the first half alone with its range over seeds.
Thresholds are always fitted on the config's validation articles.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from textclf.config import Config, load_config
from textclf.datasets import read_labelled
from textclf.errors import TextclfWarning
from textclf.evaluate import evaluate
from textclf.labeller import Labeller
from textclf.pseudo_label import pseudo_label
from textclf.records import Article
from textclf.train import train


def write(path: Path, records: Iterable[dict[str, Any]]) -> Path:
    """Write JSON Lines and return the path."""
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def unlabelled(article: Article) -> dict[str, Any]:
    """Return an article as a record without its labels."""
    record = article.to_json()
    return {**record, "paragraphs": [{"text": p["text"]} for p in record["paragraphs"]]}


def trained(config: Config, files: list[Path], out: Path) -> Labeller:
    """Train the config on files of ours."""
    data = config.data.model_copy(update={"train": tuple(files), "test": None})
    return train(config.model_copy(update={"data": data}), out=out).model


def measure(config: Config, data: list[Path], seed: int, ways: dict[str, dict[str, float]]) -> dict[str, list[float]]:
    """Return, for each way, macro-F1 and macro average precision on each of the held-out files."""
    articles = [article for file in config.data.train for article in read_labelled(file, config.labels)]
    order = np.random.default_rng(seed).permutation(len(articles))
    halves = [[articles[i] for i in sorted(part)] for part in np.array_split(order, 2)]
    held_out = {file: read_labelled(file, config.labels) for file in data}

    def scores(model: Labeller) -> list[float]:
        """Return both scores on each file."""
        found = [evaluate(model, held_out[file], resamples=100).to_json() for file in data]
        return [float(each[name]) for each in found for name in ("macro_f1", "macro_ap")]

    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        first = write(place / "first.jsonl", (article.to_json() for article in halves[0]))
        second = write(place / "second.jsonl", (article.to_json() for article in halves[1]))
        bare = write(place / "bare.jsonl", map(unlabelled, halves[1]))
        result = {"half": scores(trained(config, [first], place / "half"))}
        for name, how in ways.items():
            labelled = pseudo_label(place / "half", [bare], out=place / "labelled.jsonl", **how)
            counts = {label: (labelled.yes[label], labelled.no[label]) for label in config.labels}
            right = agreement(halves[1], read_labelled(labelled.path, config.labels), config)
            print(f"seed {seed}, {name}: yes and no {counts} of {labelled.n_paragraphs}; right {right}", flush=True)
            result[name] = scores(trained(config, [first, labelled.path], place / "both"))
        result["all true labels"] = scores(trained(config, [first, second], place / "all"))
    return result


def agreement(truth: list[Article], labelled: list[Article], config: Config) -> dict[str, float]:
    """Return the share of answers yes, and of answers no, that the true labels bear out."""
    said = np.concatenate([article.targets(config.labels) for article in labelled])
    true = np.concatenate([article.targets(config.labels) for article in truth])
    known = ~np.isnan(said) & ~np.isnan(true)
    return {
        word: round(float((true == value)[known & (said == value)].mean()), 3)
        for word, value in (("yes", 1), ("no", 0))
    }


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, default=Path("configs/tfidf.yaml"))
    parser.add_argument("--data", nargs="+", type=Path, default=[Path("data/test.jsonl"), Path("data/unseen.jsonl")])
    parser.add_argument("--seeds", nargs="+", type=int, default=[13, 14, 15])
    parser.add_argument("--precision", nargs="*", type=float, default=[0.95, 0.9, 0.8])
    parser.add_argument("--confidence", nargs="*", type=float, default=[0.9])
    given = parser.parse_args()
    warnings.simplefilter("ignore", TextclfWarning)
    config = load_config(given.config)
    data = [*(config.data.validation or ()), *given.data]
    ways = {f"precision {p:g}": {"precision": p} for p in given.precision}
    ways |= {f"confidence {p:g}": {"confidence": p} for p in given.confidence}
    found = [measure(config, data, seed, ways) for seed in given.seeds]
    columns = [f"{file.stem} {name}" for file in data for name in ("macro-F1", "macro-AP")]
    print(f"\n| trained on | {' | '.join(columns)} |\n|{' --- |' * (len(columns) + 1)}")
    base = np.array([each["half"] for each in found])
    for name in found[0]:
        rows = np.array([each[name] for each in found])
        cells = [f"{mean:.3f}" for mean in rows.mean(axis=0)]
        if name != "half":
            low, mean, high = (f(rows - base, axis=0) for f in (np.min, np.mean, np.max))
            cells = [f"{c} ({m:+.3f}: {a:+.3f} to {b:+.3f})" for c, m, a, b in zip(cells, mean, low, high, strict=True)]
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
