"""Fuzz the readers, configs and the loader of bundles: see `scripts/fuzz --help`."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
TARGETS = {
    "readers": ("articles", "datasets"),
    "articles": ("articles",),
    "datasets": ("datasets",),
    "config": ("config",),
    "loader": ("loader",),
    "all": ("articles", "datasets", "config", "loader"),
}
COUNTED = re.compile(r"#(\d+)\s+\w+.*?cov: (\d+) ft: (\d+)")


@dataclass(frozen=True)
class Outcome:
    """What came of one target: cases run, edges of the code reached, features, and the files of faults."""

    name: str
    cases: int
    edges: int
    features: int
    faults: tuple[Path, ...]


def fuzz(name: str, *, seconds: float, slowest: int, runs: int, work: Path, keep: Path) -> Outcome:
    """Fuzz one target for so long; after a hang or a death it begins again.

    Args:
        name: The target.
        seconds: For how long.
        slowest: Seconds that a case may take.
        runs: Cases, always the same ones, after which it ends; 0 goes by time alone.
        work: A folder for seeds and bundles, which may hold those of an earlier target.
        keep: The folder that bytes which led to faults are put in.

    Raises:
        RuntimeError: When the fuzzer itself does not run.
    """
    from tests.fuzz.seeds import make_bundles, write_seeds

    bundles, corpus = work / "bundles" / "made", work / f"corpus-{name}"
    corpus.mkdir(parents=True, exist_ok=True)
    keep.mkdir(parents=True, exist_ok=True)
    if name == "loader" and not bundles.exists():
        make_bundles(bundles)
    write_seeds(name, corpus, bundles)
    before, end = set(keep.iterdir()), time.monotonic() + seconds
    cases = edges = features = 0
    while (left := end - time.monotonic()) > 1:
        settings = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "tests.fuzz.child", name, corpus, bundles, keep, f"{left:.0f}", slowest, runs]
        run = subprocess.run(
            [str(part) for part in command],
            cwd=ROOT,
            env=os.environ | settings,
            capture_output=True,
            check=False,
        )
        told = COUNTED.findall(run.stderr.decode("utf-8", "replace"))
        if not told:
            raise RuntimeError(f"the fuzzer did not run:\n{run.stderr.decode('utf-8', 'replace')[-2_000:]}")
        cases += int(told[-1][0])
        end = min(end, time.monotonic()) if runs else end
        edges, features = max(edges, int(told[-1][1])), max(features, int(told[-1][2]))
    found = sorted(path for path in set(keep.iterdir()) - before if path.suffix != ".txt")
    return Outcome(name, cases, edges, features, tuple(found))


def main(given: Sequence[str] | None = None) -> int:
    """Fuzz what is named and tell what came of it; 1 when there was a fault."""
    parser = argparse.ArgumentParser(prog="scripts/fuzz", description=__doc__)
    parser.add_argument("what", choices=list(TARGETS), nargs="?", default="all")
    parser.add_argument("--seconds", type=float, default=60, help="for each target (default: 60)")
    parser.add_argument("--slowest", type=int, default=30, help="seconds a case may take (default: 30)")
    parser.add_argument("--runs", type=int, default=0, help="so many cases, always the same, in place of a time")
    parser.add_argument("--keep", type=Path, default=Path("runs/fuzz"), help="where faults go (default: runs/fuzz)")
    asked = parser.parse_args(given)
    if find_spec("atheris") is None:
        print("fuzz: atheris is not installed; pip install 'textclf[fuzz]'", file=sys.stderr)
        return 2
    bad = 0
    with tempfile.TemporaryDirectory() as work:
        for name in TARGETS[asked.what]:
            kept = asked.keep.absolute()
            limits = {"seconds": asked.seconds, "slowest": asked.slowest, "runs": asked.runs}
            outcome = fuzz(name, **limits, work=Path(work), keep=kept)
            told = f"{outcome.cases:,} cases, {outcome.edges:,} edges, {outcome.features:,} features"
            print(f"{name}: {told}, {len(outcome.faults)} faults", flush=True)
            bad += len(outcome.faults)
            for path in outcome.faults:
                about = path.with_suffix(".txt")
                print(f"  {path}: {about.read_text(encoding='utf-8').splitlines()[0] if about.exists() else path.name}")
    return min(bad, 1)


if __name__ == "__main__":
    sys.exit(main())
