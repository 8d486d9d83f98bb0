"""Train kinds, or variants of one config, and score them on held-out articles, with time and peak memory of each.

    python scripts/bench/train_quality.py [--configs FILE ...] [--vary "NAME: KEY=VALUE ..." ...] [--data FILE ...]
        [--seeds 13 ...] [--json FILE]

With --vary, the first config is trained as it is and once more for each variant: an ablation table. Every training is a
process of its own with an empty embedding cache. Prints Markdown: one table of costs, one of scores with 95% intervals
over articles, and, for several seeds, one of means and standard deviations over seeds.
"""

from __future__ import annotations

import argparse
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


def main() -> None:
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = [ROOT / "configs" / name for name in ("tfidf.yaml", "minilm_frozen.yaml", "minilm.yaml")]
    held_out = [ROOT / "data" / name for name in ("test.jsonl", "unseen.jsonl")]
    parser.add_argument("--configs", nargs="+", type=Path, default=kinds)
    parser.add_argument("--vary", nargs="+", default=[], metavar="NAME: KEY=VALUE ...", help="of the first config")
    parser.add_argument("--data", nargs="+", type=Path, default=held_out, help="held-out labelled articles")
    parser.add_argument("--seeds", nargs="+", type=int, default=[13])
    parser.add_argument("--json", type=Path, help="also write every score here")
    given = parser.parse_args()
    wanted = [(config.stem, config, []) for config in (given.configs[:1] if given.vary else given.configs)]
    for variant in given.vary:
        name, _, settings = variant.partition(":")
        wanted.append((name.strip(), given.configs[0], settings.split()))
    runs = []
    with tempfile.TemporaryDirectory() as folder:
        for name, config, settings in wanted:
            for seed in given.seeds:
                model = Path(folder) / f"{len(runs)}"
                seconds, memory = train(config, model, seed, settings)
                scores = {data.stem: evaluate(model, data) for data in given.data}
                size = sum(file.stat().st_size for file in model.rglob("*") if file.is_file()) / 2**20
                cost = {"seconds": seconds, "peak_mib": memory, "size_mib": size}
                runs.append({"config": name, "seed": seed, **cost, "scores": scores})
                print(f"trained {name}, seed {seed}: {seconds:.0f} s", file=sys.stderr)
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
        print("\n| data | model | macro_f1, mean (sd) over seeds | macro_ap |\n| --- | --- | --- | --- |")
        for data in given.data:
            for name, _, _ in wanted:
                of_seeds = [run["scores"][data.stem] for run in runs if run["config"] == name]
                columns = [[scores[metric] for scores in of_seeds] for metric in ("macro_f1", "macro_ap")]
                cells = " | ".join(f"{statistics.mean(c):.3f} ({statistics.stdev(c):.3f})" for c in columns)
                print(f"| {data.stem} | {name} | {cells} |")
    if given.json:
        given.json.write_text(json.dumps(runs, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
