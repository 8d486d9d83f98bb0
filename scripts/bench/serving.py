"""How fast models are served, side by side: `textclf serve`, a plain FastAPI endpoint, LitServe; load comes from wrk.

    python scripts/bench/serving.py MODEL... [--connections 1 8 32 128] [--seconds S] [--litserve PYTHON] [--out FILE]
    python scripts/bench/serving.py MODEL --soak S

Every server runs alone, in a process of its own, on loopback, and is asked by the program `wrk` (apt install wrk) in
this machine: single paragraphs, and whole articles (their paragraphs as one request), from the shipped validation
articles. Prints Markdown:

- closed loops: so many connections, each sending its next request when the last is answered;
- the bare library in a process of its own, with the same texts, in batches as large as the server's: the share of its
  paragraphs a second that a server keeps, and the time of one batch;
- open loops, requests at random times at a fixed rate, `textclf serve` alone: at half of what it took with the most
  connections, and at twice, where `--max-requests` is 32.

`--litserve` names a Python with LitServe and what the models need. `--soak` keeps 32 connections busy and prints the
server's memory over time.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parent.parent.parent
HERE = Path(__file__).parent
WARM_S = 2
OPEN_CONNECTIONS = 400
OVERLOAD_REQUESTS = 32
BARE = """
import json, sys, time
import textclf
model, texts, seconds = textclf.load(sys.argv[1]), json.load(sys.stdin), float(sys.argv[2])
batches, held = [[]], 0
for text in texts:
    if held >= 16_384:
        batches, held = [*batches, []], 0
    batches[-1].append(text)
    held += len(text)
model.predict_proba(batches[0])
began, done, place, times = time.perf_counter(), 0, 0, []
while (at := time.perf_counter()) < began + seconds:
    batch = batches[place % len(batches)]
    model.predict_proba(batch)
    times.append(time.perf_counter() - at)
    done, place = done + len(batch), place + 1
print(json.dumps({"rate": done / (time.perf_counter() - began), "batch_ms": 1e3 * sorted(times)[len(times) // 2]}))
"""


@dataclass(frozen=True)
class Contestant:
    """A server: how it is begun, where it answers, and where it tells that it runs."""

    name: str
    command: tuple[str, ...]
    path: str
    health: str


@dataclass(frozen=True)
class Load:
    """Requests of one shape.

    Attributes:
        name: What they are.
        file: Their bodies, one a line.
        texts: How many paragraphs each has, on average.
    """

    name: str
    file: Path
    texts: float


def contestants(model: Path, port: int, litserve: str | None) -> list[Contestant]:
    """Return who competes with a model."""
    ours = (sys.executable, "-m", "textclf", "serve", str(model), "--port", str(port))
    found = [Contestant("textclf serve", ours, "/v1/predict", "/readyz")]
    naive = (sys.executable, str(HERE / "serving_naive.py"), str(model), str(port))
    found.append(Contestant("plain FastAPI", naive, "/predict", "/health"))
    if litserve:
        other = (litserve, str(HERE / "serving_litserve.py"), str(model), str(port))
        found.append(Contestant("LitServe", other, "/predict", "/health"))
    return found


@contextmanager
def running(contestant: Contestant, port: int, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server and give its process once it answers."""
    command = [*contestant.command, *options]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, process_group=0)
    try:
        for _ in range(900):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}{contestant.health}", timeout=5)
                break
            except (urllib.error.URLError, OSError):
                if process.poll() is not None:
                    raise SystemExit(f"the server ended at once: {' '.join(command)}") from None
                time.sleep(0.2)
        yield process
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # LitServe leaves its workers behind
        process.wait()


def wrk(url: str, script: str, *given: str, connections: int, seconds: float) -> str:
    """Run the load generator and return what it printed."""
    size = ("-t1", f"-c{connections}", f"-d{max(round(seconds), 1)}s", "--timeout", "120s")
    command = ["wrk", *size, "-s", str(HERE / script), url, "--", *given]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def closed(url: str, load: Load, *, connections: int, seconds: float) -> dict[str, float]:
    """Return what a closed loop met: requests, paragraphs a second, percentiles in milliseconds, refusals, breaks."""
    printed = wrk(url, "serving_closed.lua", str(load.file), connections=connections, seconds=seconds)
    found: dict[str, float] = json.loads(printed.partition("RESULT ")[2].splitlines()[0])
    good = found["requests"] - found["refused"]
    return {**found, "rate": good / found["seconds"], "texts": good / found["seconds"] * load.texts}


def opened(url: str, load: Load, *, rate: float, seconds: float, folder: Path) -> dict[str, Any]:
    """Return what an open loop met: offered requests a second, and how many and how slow the answers of each status."""
    out = folder / "answers.txt"
    given = (str(load.file), f"{rate:.3f}", str(out))
    wrk(url, "serving_open.lua", *given, connections=OPEN_CONNECTIONS, seconds=WARM_S + seconds)
    table = np.loadtxt(out, ndmin=2)
    table = table[table[:, 2] >= WARM_S]
    by_status = {int(status): table[table[:, 0] == status, 1] for status in np.unique(table[:, 0])}
    return {"offered": len(table) / max(float(np.ptp(table[:, 2])), 1e-9), "by_status": by_status}


def loads_in(folder: Path) -> tuple[list[Load], list[str]]:
    """Write the bodies; return the loads and all the texts."""
    lines = (ROOT / "data" / "validation.jsonl").read_text(encoding="utf-8").splitlines()
    articles = [[p["text"] for p in json.loads(line)["paragraphs"]] for line in lines]
    texts = [text for article in articles for text in article]
    found = []
    for name, requests in (("single paragraphs", [[text] for text in texts]), ("whole articles", articles)):
        file = folder / f"{name.replace(' ', '-')}.jsonl"
        file.write_text("".join(json.dumps({"texts": each}) + "\n" for each in requests), encoding="utf-8")
        found.append(Load(name, file, len(texts) / len(requests)))
    return found, texts


def bare(model: Path, texts: Sequence[str], seconds: float) -> dict[str, float]:
    """Return the bare library's paragraphs a second, and the milliseconds of a batch."""
    command = [sys.executable, "-c", BARE, str(model), str(seconds)]
    done = subprocess.run(command, input=json.dumps(list(texts)), capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def memory_of(pid: int) -> list[tuple[str, float, float]]:
    """Return name, resident and proportional MiB of a process and of those it began."""
    tasks = Path(f"/proc/{pid}/task")
    below = [int(child) for task in tasks.iterdir() for child in (task / "children").read_text().split()]
    words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    own = {"Rss": 0.0, "Pss": 0.0}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if (key := line.split(":")[0]) in own:
            own[key] = int(line.split()[1]) / 1024
    name = next((word for word in words if word.startswith("textclf.server")), "textclf serve")
    return [(name, own["Rss"], own["Pss"]), *(row for child in below for row in memory_of(child))]


def free_port() -> int:
    """Return a port nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class Report:
    """Prints lines, and keeps them."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, *lines: str) -> None:
        """Print and keep some lines."""
        self.lines.extend(lines)
        print(*lines, sep="\n", flush=True)


def compare(model: Path, given: argparse.Namespace, folder: Path, report: Report) -> None:
    """Measure one model behind every server."""
    loads, texts = loads_in(folder)
    alone = bare(model, texts, given.seconds)
    report(
        f"\n#### {model.name}\n",
        f"The bare library: {alone['rate']:.0f} paragraphs/s, {alone['batch_ms']:.1f} ms a batch.\n",
        "| server | requests | connections | requests/s | paragraphs/s | p50 ms | p95 ms | p99 ms | of bare |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    )
    capacity = 0.0
    for number in range(len(contestants(model, 0, given.litserve))):
        port = free_port()
        contestant = contestants(model, port, given.litserve)[number]
        with running(contestant, port) as process:
            url = f"http://127.0.0.1:{port}{contestant.path}"
            for load in loads:
                closed(url, load, connections=8, seconds=1)
                for connections in given.connections:
                    met = closed(url, load, connections=connections, seconds=given.seconds)
                    faults = met["refused"] + met["broken"]
                    report(
                        f"| {contestant.name} | {load.name} | {connections} | {met['rate']:.1f} | {met['texts']:.0f} "
                        f"| {met['p50']:.1f} | {met['p95']:.1f} | {met['p99']:.1f} | {met['texts'] / alone['rate']:.0%}"
                        f"{f' ({faults:.0f} failed)' if faults else ''} |"
                    )
                    if contestant.name == "textclf serve" and load is loads[0]:
                        capacity = met["rate"]
            if contestant.name == "textclf serve":
                held = memory_of(process.pid)
                half = opened(url, loads[0], rate=capacity / 2, seconds=given.open_seconds, folder=folder)
    ours_port = free_port()
    ours = contestants(model, ours_port, None)[0]
    with running(ours, ours_port, "--max-requests", str(OVERLOAD_REQUESTS)):
        url = f"http://127.0.0.1:{ours_port}{ours.path}"
        least = closed(url, loads[0], connections=OVERLOAD_REQUESTS, seconds=given.seconds)
        twice = opened(url, loads[0], rate=2 * least["rate"], seconds=given.open_seconds, folder=folder)
    report("", "Memory after this, MiB: " + ", ".join(f"{n} {rss:.0f} RSS, {pss:.0f} PSS" for n, rss, pss in held), "")
    report(
        "| load | offered/s | status | answers | p50 ms | p95 ms | p99 ms |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    )
    for name, met in (("half", half), ("twice", twice)):
        for status, took in met["by_status"].items():
            p50, p95, p99 = np.percentile(took, (50, 95, 99))
            report(f"| {name} | {met['offered']:.1f} | {status} | {len(took)} | {p50:.1f} | {p95:.1f} | {p99:.1f} |")
    p99 = float(np.percentile(half["by_status"].get(200, np.array([np.nan])), 99))
    report(
        "",
        f"At half load p99 is {p99 / alone['batch_ms']:.1f} times one batch's time. {OVERLOAD_REQUESTS} connections in "
        "a closed loop, for comparison: "
        f"{least['rate']:.1f} requests/s, p50 {least['p50']:.1f}, p99 {least['p99']:.1f} ms.",
    )


def soak(model: Path, seconds: float, folder: Path, report: Report) -> None:
    """Keep a server busy and print its memory over time."""
    loads, _ = loads_in(folder)
    port = free_port()
    ours = contestants(model, port, None)[0]
    report("| seconds | requests | failed | MiB of the server | of its reader |", "| --- | --- | --- | --- | --- |")
    with running(ours, port) as process:
        url, began, done = f"http://127.0.0.1:{port}{ours.path}", time.monotonic(), 0.0
        while (at := time.monotonic() - began) < seconds:
            met = closed(url, loads[round(at) % 2], connections=32, seconds=seconds / 20)
            done += met["requests"]
            sizes = [rss for _, rss, _ in memory_of(process.pid)]
            past, failed = time.monotonic() - began, met["refused"] + met["broken"]
            report(f"| {past:.0f} | {done:.0f} | {failed:.0f} | {sizes[0]:.1f} | {sum(sizes[1:]):.1f} |")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("models", type=Path, nargs="+")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 8, 32, 128])
    parser.add_argument("--seconds", type=float, default=10.0, help="of each closed loop")
    parser.add_argument("--open-seconds", type=float, default=15.0)
    parser.add_argument("--litserve", metavar="PYTHON")
    parser.add_argument("--soak", type=float, metavar="S")
    parser.add_argument("--out", type=Path, help="also write the tables here")
    given = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("the load comes from wrk, which is not installed: apt install wrk")
    report = Report()
    report(f"{os.cpu_count()} cores ({platform.machine()}), the load generator on the same ones.\n")
    with tempfile.TemporaryDirectory() as folder:
        for model in given.models:
            if given.soak:
                soak(model, given.soak, Path(folder), report)
            else:
                compare(model, given, Path(folder), report)
    if given.out is not None:
        given.out.write_text("\n".join(report.lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
