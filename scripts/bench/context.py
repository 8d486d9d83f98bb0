"""Measure what a paragraph's context is worth: train with none, the title, the previous paragraph and both.

    python scripts/bench/context.py [--config FILE] [--settings none title ...] [--seeds 13 ...] [--out DIR]

Every training is a process of its own. Models are scored on the config's validation articles, the ones to choose by;
held-out articles are not touched. Prints Markdown: macro average precision, which needs no threshold, and macro-F1 with
thresholds cross-fitted over article folds, each with a 95% interval of the paired difference to the first setting over
article resamples. Those articles also pick the epoch and fit the calibration, which flatters every setting alike.
With several seeds, a difference is that of the means over seeds. A model already in `--out` is not trained again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import get_args

import numpy as np

from textclf.bundle import load_bundle
from textclf.config import Config, load_config
from textclf.datasets import check_labelled
from textclf.intervals import bootstrap, percentile_interval
from textclf.metrics import Scored, macro_ap, macro_f1
from textclf.records import Article, ContextSetting, Examples
from textclf.splits import article_folds
from textclf.thresholds import decide, fit_thresholds

ROOT = Path(__file__).parent.parent.parent


def train(config: Path, out: Path, *, setting: str, seed: int) -> None:
    """Train in a process of its own, unless the model is there."""
    if (out / "textclf.json").is_file():
        return
    command = [sys.executable, "-m", "textclf", "train", str(config), "--out", str(out)]
    command += ["--set", f"seed={seed}", "--set", f"data.context={setting}"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def score(path: Path, config: Config, articles: list[Article]) -> tuple[Scored, np.ndarray]:
    """Return a model's scores, decided at thresholds fitted on the other article folds, and the article of each row."""
    model = load_bundle(path)
    examples = Examples.of(articles, model.labels, context=model.context)
    targets, groups = examples.targets, examples.groups
    probabilities = model.predict_proba(examples.texts, examples.contexts)
    decisions = np.zeros(targets.shape, dtype=bool)
    folds = article_folds(targets, groups, n_folds=config.thresholds.folds, seed=0)
    for fold in range(config.thresholds.folds):
        rest, rows = folds != fold, folds == fold
        shrinkage = config.thresholds.shrinkage
        fitted = fit_thresholds(targets[rest], probabilities[rest], groups[rest], shrinkage=shrinkage, seed=0)
        decisions[rows] = decide(probabilities[rows], fitted)
    return Scored(targets, probabilities, decisions), groups


def mean_scores(scored: list[Scored], weights: np.ndarray) -> np.ndarray:
    """Return (b, 2): macro-AP and macro-F1 of each resample, averaged over seeds."""
    return np.mean([np.stack([macro_ap(s, weights), macro_f1(s, weights)], axis=-1) for s in scored], axis=0)


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    settings = list(get_args(ContextSetting))
    parser.add_argument("--config", type=Path, default=ROOT / "configs" / "minilm.yaml")
    parser.add_argument("--settings", nargs="+", choices=settings, default=settings)
    parser.add_argument("--seeds", nargs="+", type=int, default=[13])
    parser.add_argument("--out", type=Path, help="keep the models here")
    parser.add_argument("--json", type=Path, help="also write the table here")
    given = parser.parse_args()
    config = load_config(given.config)
    files = config.data.validation or sys.exit("the config has no validation articles to score on")
    articles = [article for file in files for article in check_labelled(file, config.labels).articles]
    scored: dict[str, list[Scored]] = {setting: [] for setting in given.settings}
    with tempfile.TemporaryDirectory() as scratch:
        for seed in given.seeds:
            for setting in given.settings:
                path = (given.out or Path(scratch)) / f"{given.config.stem}-{setting}-{seed}"
                train(given.config, path, setting=setting, seed=seed)
                found, groups = score(path, config, articles)
                scored[setting].append(found)
                print(f"{setting}, seed {seed}: macro-AP {macro_ap(found, found.ones())[0]:.4f}", file=sys.stderr)
    rows = []
    baseline = scored[given.settings[0]]
    print("| context | macro-AP | difference | macro-F1, cross-fitted | difference |\n| --- | --- | --- | --- | --- |")
    for setting, ours in scored.items():

        def gain(weights: np.ndarray, ours: list[Scored] = ours) -> np.ndarray:
            return mean_scores(ours, weights) - mean_scores(baseline, weights)

        values, gains = mean_scores(ours, ours[0].ones())[0], gain(ours[0].ones())[0]
        ends = percentile_interval(bootstrap(gain, groups, n_resamples=2_000, seed=0), confidence=0.95)
        cells = [
            f"{value:.3f} | {change:+.3f} [{low:+.3f}, {high:+.3f}]"
            for value, change, (low, high) in zip(values, gains, ends, strict=True)
        ]
        print(f"| {setting} | {' | '.join(cells)} |")
        names = ("macro_ap", "macro_f1")
        rows.append({"context": setting, "seeds": given.seeds, **dict(zip(names, values.tolist(), strict=True))})
        rows[-1] |= {f"{name}_gain": [float(g), *e] for name, g, e in zip(names, gains, ends, strict=True)}
    if given.json:
        given.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
