"""Measure what further pretraining of an encoder is worth: train configs with it as it was and as it then is.

    python scripts/bench/pretraining.py [--configs FILE ...] [--encoder NAME] [--unlabelled FILE ...] [--epochs N]
        [--learning-rate R] [--seeds 13 ...] [--data FILE ...] [--out DIR] [--json FILE]

The encoder is pretrained once, with the seed 13, on the texts of `--unlabelled`: by default those of the training
articles. Then each config is trained with either encoder, seed by seed, turn and turn about, every training a process
of its own. Prints Markdown: means and standard deviations over seeds, and the difference of the means with a 95%
interval from resampling the articles of the held-out files, paired. That interval knows nothing of another pretraining
with another seed. Choose by validation articles (the default of --data); their macro-F1 flatters, since thresholds and
calibration were fitted on them, their macro average precision hardly. What is in `--out` already is not trained again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from textclf.bundle import load_bundle
from textclf.datasets import check_labelled
from textclf.evaluate import score
from textclf.intervals import bootstrap, percentile_interval
from textclf.metrics import Scored, macro_ap, macro_f1
from textclf.models.encoders import MINILM
from textclf.records import Examples

ROOT = Path(__file__).parent.parent.parent
METRICS = {"macro-F1": macro_f1, "macro-AP": macro_ap}


def pretrain(encoder: str, inputs: list[Path], out: Path, settings: list[str]) -> float:
    """Pretrain in a process of its own, unless it was done; return wall seconds."""
    started = time.perf_counter()
    if not (out / "pretraining.json").is_file():
        command = [sys.executable, "-m", "textclf", "pretrain", encoder, *map(str, inputs), "--out", str(out)]
        subprocess.run([*command, *settings], check=True, stdout=sys.stderr)
    return time.perf_counter() - started


def with_encoder(options: Any, encoder: str) -> Any:
    """Return a config's options with another encoder wherever one is named, in members too."""
    if isinstance(options, dict):
        return {k: encoder if k == "encoder" else with_encoder(v, encoder) for k, v in options.items()}
    return [with_encoder(each, encoder) for each in options] if isinstance(options, list) else options


def train(config: Path, out: Path, *, encoder: str, seed: int) -> None:
    """Train a config with an encoder in a process of its own, unless the model is there."""
    if (out / "textclf.json").is_file():
        return
    given = yaml.safe_load(config.read_text(encoding="utf-8"))["model"]["options"]
    changed = with_encoder(given, encoder)
    settings = [f"model.options.{name}={json.dumps(changed[name])}" for name in given if changed[name] != given[name]]
    command = [sys.executable, "-m", "textclf", "train", str(config), "--out", str(out)]
    command += [f"--set={setting}" for setting in (f"seed={seed}", *settings)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def score_files(path: Path, files: list[Path]) -> tuple[Scored, np.ndarray]:
    """Return a model's scores on labelled files at its own thresholds, and the article of each row."""
    model = load_bundle(path)
    articles = [article for file in files for article in check_labelled(file, model.labels).articles]
    examples = Examples.of(articles, model.labels, context=model.context)
    return score(model, examples), examples.groups


def compare(plain: list[Scored], ours: list[Scored], groups: np.ndarray) -> list[str]:
    """Return the cells of a row: for each metric means and deviations of both, and their difference."""
    cells = []
    for metric in METRICS.values():

        def gain(weights: np.ndarray, metric: Any = metric) -> np.ndarray:
            return np.mean([metric(b, weights) - metric(a, weights) for a, b in zip(plain, ours, strict=True)], axis=0)

        for scored in (plain, ours):
            found = [float(metric(s, s.ones())[0]) for s in scored]
            cells.append(f"{np.mean(found):.3f} ({np.std(found, ddof=1) if len(found) > 1 else 0:.3f})")
        samples = bootstrap(gain, groups, n_resamples=2_000, seed=0)
        low, high = percentile_interval(samples, confidence=0.95)[0]
        cells.append(f"{float(gain(plain[0].ones())[0]):+.3f} [{low:+.3f}, {high:+.3f}]")
    return cells


def main() -> None:
    """Run the benchmark and print its table."""
    data = ROOT / "data"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--configs", nargs="+", type=Path, default=[ROOT / "configs" / "fast.yaml"])
    parser.add_argument("--encoder", default=MINILM)
    parser.add_argument("--unlabelled", nargs="+", type=Path, default=[data / "train.jsonl", data / "agency.jsonl"])
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--learning-rate", type=float)
    parser.add_argument("--seeds", nargs="+", type=int, default=[13, 14, 15])
    validation = [f"{data}/validation.jsonl,{data}/agency_validation.jsonl"]
    parser.add_argument("--data", nargs="+", default=validation, help="held-out files; with commas between: as one")
    parser.add_argument("--out", type=Path, help="keep encoder and models here")
    parser.add_argument("--json", type=Path, help="also write the table here")
    given = parser.parse_args()
    settings = ["--epochs", str(given.epochs)]
    settings += ["--learning-rate", str(given.learning_rate)] if given.learning_rate else []
    rows = []
    columns = [f"{name}: {what}" for name in METRICS for what in ("plain", "pretrained", "difference")]
    print(f"| config | articles | {' | '.join(columns)} |\n|{' --- |' * 8}")
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.out or Path(scratch)
        seconds = pretrain(given.encoder, given.unlabelled, folder / "encoder", settings)
        print(f"pretrained in {seconds:.0f} s", file=sys.stderr)
        encoders = {"plain": given.encoder, "pretrained": str((folder / "encoder").resolve())}
        for config in given.configs:
            for seed in given.seeds:
                for name, encoder in encoders.items():
                    train(config, folder / f"{config.stem}-{name}-{seed}", encoder=encoder, seed=seed)
            for held_out in given.data:
                files = [Path(file) for file in held_out.split(",")]
                scored: dict[str, list[Scored]] = {name: [] for name in encoders}
                for name in encoders:
                    for seed in given.seeds:
                        found, groups = score_files(folder / f"{config.stem}-{name}-{seed}", files)
                        scored[name].append(found)
                cells = compare(scored["plain"], scored["pretrained"], groups)
                named = ", ".join(file.stem for file in files)
                print(f"| {config.stem} | {named} | {' | '.join(cells)} |", flush=True)
                rows.append({"config": config.stem, "data": named, "cells": cells})
    if given.json:
        given.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
