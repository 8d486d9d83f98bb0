"""Write docs/results.md: every shipped config, trained where it is not yet, scored on the same held-out articles.

    python scripts/results.py [--configs FILE ...] [--extra NAME=FILE ...] [--out FILE] [--json FILE]

The first config is the baseline the others are set against. Each training is a process of its own with an empty
embedding cache, so that its time and peak memory can be told; they are kept beside the model for the next time. A
config whose encoder cannot be had is listed with the reason.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from textclf.bundle import library_versions, load_bundle
from textclf.compare import Row, compare
from textclf.config import Config, load_config
from textclf.datasets import read_labelled
from textclf.errors import DataError, TextclfError
from textclf.evaluate import Estimate
from textclf.files import written_aside
from textclf.labeller import Labeller
from textclf.leakage import find_leakage, training_articles
from textclf.markdown import escaped, table
from textclf.records import Article
from textclf.train import is_trained
from textclf.version import __version__

ROOT = Path(__file__).parent.parent
BASELINE = "tfidf.yaml"
SCORES = {
    "macro_f1": "macro-F1",
    "micro_f1": "micro-F1",
    "macro_ap": "macro-AP",
    "false_alarm_rate": "false alarms",
}


@dataclass(frozen=True)
class Costs:
    """What a model cost.

    Attributes:
        seconds: Wall time of its training; None where that is not known.
        cpu_seconds: Processor time of it, on all cores together.
        peak_mib: The most memory it took.
        size_mib: Of the bundle.
        per_second: Paragraphs labelled in a second.
    """

    seconds: float | None
    cpu_seconds: float | None
    peak_mib: float | None
    size_mib: float
    per_second: float


@dataclass
class Results:
    """What was measured.

    Attributes:
        costs: Config name to what its model cost.
        rows: One for each config and set of articles.
        sets: Name of each set to its articles and paragraphs.
        missing: Config name to why it could not be trained.
    """

    costs: dict[str, Costs] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    sets: dict[str, tuple[int, int]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return all of it JSON-ready."""
        rows = [
            {
                "model": row.model,
                "data": row.data,
                **row.evaluation.to_json(),
                "difference_to_first": row.difference.to_json() if row.difference else None,
            }
            for row in self.rows
        ]
        costs = {name: vars(each) for name, each in self.costs.items()}
        return {"costs": costs, "rows": rows, "missing": self.missing, "versions": versions()}


def measure(configs: Sequence[Path], sets: Mapping[str, Path], *, resamples: int = 1_000, seed: int = 13) -> Results:
    """Train what is not trained, and score every model on every set.

    Args:
        configs: YAML configs; the first is the baseline.
        sets: Name to labelled file.
        resamples: Article resamples of the intervals.
        seed: Fixes them.

    Raises:
        TextclfError: When the baseline cannot be trained, data has faults, or a model was trained on some of it.
    """
    found, baseline = Results(), None
    for path in configs:
        config = load_config(path)
        try:
            train_where_needed(path, config)
            model = load_bundle(config.out)
        except TextclfError as fault:
            if baseline is None:
                raise
            found.missing[config.name] = str(fault)
            continue
        held_out = {name: read_held_out(name, file, model) for name, file in sets.items()}
        found.sets = {name: (len(a), sum(len(x.paragraphs) for x in a)) for name, a in held_out.items()}
        found.costs[config.name] = costs_of(config, model, next(iter(held_out.values())))
        baseline = baseline or (config.name, model)
        pair = dict([baseline, (config.name, model)])
        rows = compare(pair, held_out, resamples=resamples, seed=seed)
        found.rows += [row for row in rows if row.model == config.name]
    return found


def read_held_out(name: str, file: Path, model: Labeller) -> list[Article]:
    """Read labelled articles that a model has not met.

    Raises:
        DataError: When it was trained on some of them, or on copies of them.
    """
    articles = read_labelled(file, model.labels)
    leakage = find_leakage(model, [a.article_id for a in articles], articles, training=training_articles(model))
    met = [*leakage.seen, *leakage.reprints]
    if met:
        raise DataError(f"{model.path} was trained on {len(met)} article(s) of {name} ({file}), or copies: {met[:5]}")
    return articles


def train_where_needed(path: Path, config: Config) -> None:
    """Train a config's model unless it is there, in a process of its own, and keep what that cost beside it.

    Raises:
        TextclfError: When it cannot be trained; the command's own message.
    """
    if is_trained(config):
        return
    print(f"training {config.name}", file=sys.stderr)
    command = [sys.executable, "-m", "textclf", "train", str(path), "--out", str(config.out)]
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as cache, tempfile.TemporaryFile("w+") as errors:
        child = subprocess.Popen(
            command, env={**os.environ, "TEXTCLF_CACHE": cache}, stdout=subprocess.DEVNULL, stderr=errors
        )
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        told = errors.read()
    if child.returncode != 0:
        raise TextclfError(told.rpartition("error: ")[2].strip() or f"training ended with {child.returncode}")
    spent = {
        "seconds": round(time.perf_counter() - started, 1),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "peak_mib": round(usage.ru_maxrss / 1024),
    }
    created = load_bundle(config.out).card["created"]
    with written_aside(costs_file(config)) as aside:
        aside.write_text(json.dumps({"created": created, **spent}) + "\n", encoding="utf-8")


def costs_file(config: Config) -> Path:
    """Return where the costs of a config's training are kept."""
    return config.out.parent / f"{config.out.name}.costs.json"


def costs_of(config: Config, model: Labeller, articles: Sequence[Article]) -> Costs:
    """Return what a model cost; its training's only where they were kept when it was trained."""
    kept: dict[str, Any] = {}
    if costs_file(config).is_file():
        kept = json.loads(costs_file(config).read_text(encoding="utf-8"))
    if kept.get("created") != model.card["created"]:
        kept = {}  # another training's
    size = sum(file.stat().st_size for file in config.out.rglob("*") if file.is_file()) / 2**20
    texts = [paragraph.text for article in articles for paragraph in article.paragraphs]
    model.predict_proba(texts[:8])
    started = time.perf_counter()
    model.predict_proba(texts)
    speed = len(texts) / (time.perf_counter() - started)
    return Costs(kept.get("seconds"), kept.get("cpu_seconds"), kept.get("peak_mib"), size, speed)


def page(found: Results, *, command: str) -> str:
    """Return the whole page.

    Args:
        found: What was measured.
        command: The line that wrote it.
    """
    today = datetime.now(UTC).date().isoformat()
    lines = [
        "# Results",
        "",
        f"This page is generated by `scripts/results.py`; it was written on {today} by `{command}`. Do not edit it.",
        "",
        f"Measured with {', '.join(f'{name} {version}' for name, version in versions().items())}, on {machine()}.",
        "",
        "Every score is of held-out articles, with its 95% interval from resamples of the articles; the difference is "
        "paired, on the same resamples. One training each, with the config's own seed: another seed moves scores too. "
        "`test` and `unseen` are invented articles ([data card](../data/README.md)), which real news need not be like.",
    ]
    for name, (articles, paragraphs) in found.sets.items():
        rows = [row for row in found.rows if row.data == name]
        lines += ["", f"## {escaped(name)}: {articles} articles, {paragraphs:,} paragraphs", ""]
        lines += score_table(rows)
        lines += [line for note in notes_of(rows) for line in ("", f"Note: {escaped(note)}.")]
    lines += ["", "## What they cost", "", *cost_table(found.costs), ""]
    lines.append(
        "Training is wall time, reading and saving included, in a process of its own; processor time is that of all "
        "cores together, and tells more where the machine was busy. Paragraphs a second are of one pass over the first "
        "set. A dash: the model was there already, and nobody had measured its training."
    )
    if found.missing:
        lines += ["", "## Not measured", ""]
        lines += [f"- {escaped(name)}: {escaped(reason)}" for name, reason in found.missing.items()]
    return "\n".join(lines) + "\n"


def score_table(rows: Sequence[Row]) -> list[str]:
    """Return the scores of every model on one set."""
    cells = [
        [
            f"`{row.model}`",
            *(str(row.evaluation.overall[name]) for name in SCORES),
            "baseline" if row.difference is None else signed(row.difference.overall["macro_f1"]),
        ]
        for row in rows
    ]
    return table(["config", *(f"{shown}:" for shown in SCORES.values()), "macro-F1 less the baseline's:"], cells)


def cost_table(costs: Mapping[str, Costs]) -> list[str]:
    """Return what every model cost."""
    cells = [
        [
            f"`{name}`",
            *("–" if spent is None else f"{spent:,.0f}" for spent in (each.seconds, each.cpu_seconds, each.peak_mib)),
            f"{each.size_mib:,.1f}",
            f"{each.per_second:,.0f}",
        ]
        for name, each in costs.items()
    ]
    heads = ("training, s", "processor time, s", "peak memory, MiB", "size, MiB", "paragraphs a second")
    return table(["config", *(f"{head}:" for head in heads)], cells)


def notes_of(rows: Sequence[Row]) -> list[str]:
    """Return what is to be said of the scores, each once."""
    return list(dict.fromkeys(note for row in rows for note in row.evaluation.notes))


def signed(estimate: Estimate) -> str:
    """Return a difference with its sign, and a star where its interval leaves out 0."""
    low, high = estimate.interval
    star = " \\*" if low > 0 or high < 0 else ""
    return f"{estimate.value:+.3f} [{low:+.3f}, {high:+.3f}]{star}"


def versions() -> dict[str, str]:
    """Return the versions that results hang on."""
    return {"textclf": __version__, "Python": platform.python_version(), **library_versions()}


def machine() -> str:
    """Return the processor, how many cores of it, and any GPU."""
    import torch

    name = platform.machine()
    if Path("/proc/cpuinfo").is_file():
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), name)
    gpu = f" and {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{cores} core(s) of {name}{gpu}"


def named_file(given: str) -> tuple[str, Path]:
    """Return name and path of ``NAME=FILE``."""
    name, equals, file = given.partition("=")
    if not equals or not name.strip() or not file.strip():
        raise argparse.ArgumentTypeError(f"write it as NAME=FILE, not {given!r}")
    return name.strip(), Path(file.strip())


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and write the page."""
    given_line = sys.argv[1:] if arguments is None else list(arguments)
    shipped = sorted((ROOT / "configs").glob("*.yaml"), key=lambda path: (path.name != BASELINE, path.name))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--configs", nargs="+", type=Path, default=shipped, metavar="FILE", help="the first: baseline")
    parser.add_argument("--extra", nargs="+", type=named_file, default=[], metavar="NAME=FILE", help="other articles")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "results.md", metavar="FILE")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every score here")
    parser.add_argument("--resamples", type=int, default=1_000, metavar="N")
    given = parser.parse_args(given_line)
    sets = {name: ROOT / "data" / f"{name}.jsonl" for name in ("test", "unseen")} | dict(given.extra)
    try:
        found = measure(given.configs, sets, resamples=given.resamples)
        shown = [part.split("=")[0] + "=FILE" if "=" in part else Path(part).name for part in given_line]
        with written_aside(given.out) as aside:
            aside.write_text(page(found, command=" ".join(["python scripts/results.py", *shown])), encoding="utf-8")
        if given.json:
            with written_aside(given.json) as aside:
                aside.write_text(json.dumps(found.to_json(), indent=2) + "\n", encoding="utf-8")
    except TextclfError as fault:
        sys.exit(f"error: {fault}")


if __name__ == "__main__":
    main()
