"""One target under the fuzzer, in a process of its own: `python -m tests.fuzz` starts it."""

from __future__ import annotations

import hashlib
import sys
import tempfile
import traceback
from pathlib import Path

MOST_MEMORY = 4_000  # MB
LONGEST = 60_000  # bytes of a case


def main(name: str, corpus: str, bundles: str, faults: str, seconds: str, slowest: str, runs: str) -> None:
    """Run one target; each new kind of fault leaves a file that holds the bytes, and one that tells of it."""
    import atheris

    with atheris.instrument_imports(include=["textclf", "yaml", "email", "csv"]):
        from tests.fuzz.targets import target_of
    call, scratch, known = target_of(name, Path(bundles)), Path(tempfile.mkdtemp()) / "case", set()

    def one(data: bytes) -> None:
        try:
            call(data, scratch)
        except Exception as fault:  # noqa: BLE001 (whatever comes out here is what is looked for)
            places = traceback.extract_tb(fault.__traceback__)
            own = [place for place in places if "textclf" in place.filename] or list(places)
            mark = f"{type(fault).__name__} {Path(own[-1].filename).name}:{own[-1].lineno}"
            if mark not in known:
                known.add(mark)
                file = Path(faults) / f"fault-{name}-{hashlib.sha256(mark.encode()).hexdigest()[:10]}"
                file.write_bytes(data)
                file.with_suffix(".txt").write_text(f"{mark}\n{traceback.format_exc()}", encoding="utf-8")

    for seed in sorted(Path(corpus).iterdir()):  # libraries are imported by the first case that needs them
        one(seed.read_bytes())
    limits = [f"-max_total_time={seconds}", f"-timeout={slowest}", f"-rss_limit_mb={MOST_MEMORY}"]
    limits.append(f"-report_slow_units={slowest}")
    if int(runs):
        limits += [f"-runs={runs}", "-seed=13"]
    ways = [f"-max_len={LONGEST}", f"-artifact_prefix={faults}/{name}-", "-print_final_stats=1", "-verbosity=1"]
    atheris.Setup(["fuzz", *limits, *ways, corpus], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
