"""Train kinds, or variants of one config, and score them on held-out articles, with time and peak memory of each.

    python scripts/bench/train_quality.py [--configs FILE ...] [--set KEY=VALUE ...] [--vary "NAME: KEY=VALUE ..." ...]
        [--data FILE ...] [--seeds 13 ...] [--json FILE]

With --vary, the first config is trained as it is and once more for each variant: an ablation table; --set changes all
of them. Every training is a process of its own with an empty embedding cache. The scores of each go to --json as soon
as it is done, and what is there already is not trained again. Prints Markdown: one table of costs, one of scores with
95% intervals over articles, and, for several seeds, one of means and standard deviations over seeds and of what each
differs from the first, seed by seed.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
SCORES = ("macro_f1", "macro_ap", "micro_f1", "false_alarm_rate")


def train(config: Path, out: Path, seed: int, settings: list[str]) -> tuple[float, float]:
    """Train in a process of its own; return wall seconds and peak memory in MiB."""
    command = [sys.executable, "-m", "textclf", "train", str(config), "--out", str(out)]
    command += [f"--set={setting}" for setting in (f"seed={seed}", *settings)]
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as cache:
        child = subprocess.Popen(command, env={**os.environ, "TEXTCLF_CACHE": cache}, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit(f"training {config} failed")
    return time.perf_counter() - started, usage.ru_maxrss / 1024


def evaluate(model: Path, data: Path) -> dict[str, object]:
    """Score a model and return what `textclf evaluate --json` writes."""
    with tempfile.TemporaryDirectory() as folder:
        scores = Path(folder) / "scores.json"
        command = [sys.executable, "-m", "textclf", "evaluate", str(model), str(data), "--json", str(scores)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return dict(json.loads(scores.read_text(encoding="utf-8")))


def show(scores: dict, name: str) -> str:
    """Return a score with its interval; a dash where it is undefined."""
    low, high = scores["intervals"][name]
    if None in (scores[name], low, high):
        return "–"
    return f"{scores[name]:.3f} [{low:.3f}, {high:.3f}]"


def of_seeds(runs: list[dict], name: str, data: str) -> list[list[float]]:
    """Return macro-F1 and macro average precision of a variant, a number for each seed."""
    return [[run["scores"][data][metric] for run in runs if run["config"] == name] for metric in SCORES[:2]]


def spread(values: list[float], sign: str = "") -> str:
    """Return the mean and, in brackets, the standard deviation."""
    return f"{statistics.mean(values):{sign}.3f} ({statistics.stdev(values):.3f})"


def make(
    wanted: list[tuple[str, Path, list[str]]], seeds: list[int], held_out: list[Path], kept: Path | None
) -> list[dict]:
    """Train and score every variant with every seed; return the runs in that order, those kept from before too."""
    known = json.loads(kept.read_text(encoding="utf-8")) if kept and kept.exists() else []
    done = {(run["config"], run["seed"], tuple(run["settings"])): run for run in known}
    runs = []
    for seed, (name, config, settings) in itertools.product(seeds, wanted):
        run = done.get((name, seed, tuple(settings)))
        if run is None:
            with tempfile.TemporaryDirectory() as folder:
                model = Path(folder) / "model"
                seconds, memory = train(config, model, seed, settings)
                scores = {data.stem: evaluate(model, data) for data in held_out}
                size = sum(file.stat().st_size for file in model.rglob("*") if file.is_file()) / 2**20
            cost = {"seconds": seconds, "peak_mib": memory, "size_mib": size}
            run = {"config": name, "seed": seed, "settings": settings, **cost, "scores": scores}
            known.append(run)
            if kept:
                kept.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")
            print(f"trained {name}, seed {seed}: {seconds:.0f} s", file=sys.stderr, flush=True)
        runs.append(run)
    return sorted(runs, key=lambda run: [name for name, _, _ in wanted].index(run["config"]))


def main() -> None:
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = [ROOT / "configs" / name for name in ("tfidf.yaml", "minilm_frozen.yaml", "minilm.yaml")]
    held_out = [ROOT / "data" / name for name in ("test.jsonl", "unseen.jsonl")]
    parser.add_argument("--configs", nargs="+", type=Path, default=kinds)
    parser.add_argument("--vary", nargs="+", default=[], metavar="NAME: KEY=VALUE ...", help="of the first config")
    parser.add_argument("--data", nargs="+", type=Path, default=held_out, help="held-out labelled articles")
    parser.add_argument("--seeds", nargs="+", type=int, default=[13])
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="change these settings of all")
    parser.add_argument("--json", type=Path, help="keep every score here, and go on from what is there")
    given = parser.parse_args()
    wanted = [(config.stem, config, given.set) for config in (given.configs[:1] if given.vary else given.configs)]
    for variant in given.vary:
        name, _, settings = variant.partition(":")
        wanted.append((name.strip(), given.configs[0], [*given.set, *settings.split()]))
    runs = make(wanted, given.seeds, given.data, given.json)
    print("| model | seed | training, s | peak memory, MiB | size, MiB |\n| --- | --- | --- | --- | --- |")
    for run in runs:
        costs = f"{run['seconds']:.1f} | {run['peak_mib']:.0f} | {run['size_mib']:.1f}"
        print(f"| {run['config']} | {run['seed']} | {costs} |")
    print(f"\n| data | model | seed | {' | '.join(SCORES)} |\n| --- | --- | --- |{' --- |' * len(SCORES)}")
    for data in given.data:
        for run in runs:
            cells = " | ".join(show(run["scores"][data.stem], name) for name in SCORES)
            print(f"| {data.stem} | {run['config']} | {run['seed']} | {cells} |")
    if len(given.seeds) > 1:
        print("\n| data | model | macro_f1, mean (sd) over seeds | less the first's | macro_ap | less the first's |")
        print("| --- | --- | --- | --- | --- | --- |")
        for data in given.data:
            first = of_seeds(runs, wanted[0][0], data.stem)
            for name, _, _ in wanted:
                cells = []
                for column, base in zip(of_seeds(runs, name, data.stem), first, strict=True):
                    less = [mine - other for mine, other in zip(column, base, strict=True)]
                    cells += [spread(column), "–" if name == wanted[0][0] else spread(less, sign="+")]
                print(f"| {data.stem} | {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
