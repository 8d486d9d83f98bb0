"""Requests a second and waiting times: `textclf serve` against a plain FastAPI endpoint with a model call a request.

    python scripts/bench/serving.py MODEL [--connections 1 8 32] [--seconds S] [--texts N] [--rounds N] [--json FILE]

Both serve the same bundle, each in a process of its own, in turns within every round, so that a busy machine slows
both alike. The load comes from this process: each connection sends its next request when the last one is answered (a
closed loop), one request of N paragraphs at a time, drawn from the shipped validation articles. Requests of the first
second are not counted. Prints Markdown: requests and paragraphs a second, and the 50th, 95th and 99th percentile of
the time from sending to having the whole answer, with all rounds taken together.

The plain endpoint is what one would write in ten lines: a function (not a coroutine) that FastAPI runs in its pool of
threads, with no queue and no shared batches.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np

ROOT = Path(__file__).parent.parent.parent
WARM_S = 1.0
PLAIN = """
import sys
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
import textclf
model = textclf.load(sys.argv[1])
app = FastAPI()
class Texts(BaseModel):
    texts: list[str]
@app.post("/v1/predict")
def predict(body: Texts) -> list[dict[str, float]]:
    rows = model.predict_proba(body.texts)
    return [dict(zip(model.labels, map(float, row))) for row in rows]
@app.get("/healthz")
def healthz() -> str:
    return "alive"
uvicorn.run(app, port=int(sys.argv[2]), log_level="error", access_log=False)
"""


def commands(model: Path, port: int) -> dict[str, list[str]]:
    """Return how each contestant is begun."""
    ours = [sys.executable, "-m", "textclf", "serve", str(model), "--port", str(port)]
    return {"textclf serve": ours, "plain FastAPI": [sys.executable, "-c", PLAIN, str(model), str(port)]}


@contextmanager
def running(command: Sequence[str], port: int) -> Iterator[str]:
    """Run a server and give its address once it answers."""
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                httpx.get(f"{address}/healthz", timeout=5)
                break
            except httpx.TransportError:
                if process.poll() is not None:
                    raise SystemExit(f"the server ended at once: {' '.join(command[:4])}") from None
                time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait(60)


async def load(address: str, bodies: Sequence[dict[str, Any]], *, connections: int, seconds: float) -> list[float]:
    """Return the seconds each counted request took."""
    took: list[float] = []
    began = time.perf_counter()

    async def connection(number: int) -> None:
        async with httpx.AsyncClient(base_url=address, timeout=120) as client:
            place = number
            while (sent := time.perf_counter()) < began + WARM_S + seconds:
                answer = await client.post("/v1/predict", json=bodies[place % len(bodies)])
                answer.raise_for_status()
                if sent >= began + WARM_S:
                    took.append(time.perf_counter() - sent)
                place += connections

    await asyncio.gather(*(connection(number) for number in range(connections)))
    return took


def bodies_of(texts: int) -> list[dict[str, Any]]:
    """Return requests of so many paragraphs each, from the shipped validation articles."""
    lines = (ROOT / "data" / "validation.jsonl").read_text(encoding="utf-8").splitlines()
    found = [paragraph["text"] for line in lines for paragraph in json.loads(line)["paragraphs"]]
    return [{"texts": found[start : start + texts]} for start in range(0, len(found) - texts + 1, texts)]


def free_port() -> int:
    """Return a port nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--texts", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    bodies = bodies_of(given.texts)
    took: dict[tuple[str, int], list[float]] = {}
    for _ in range(given.rounds):
        for name, command in commands(given.model, port := free_port()).items():
            with running(command, port) as address:
                for connections in given.connections:
                    found = asyncio.run(load(address, bodies, connections=connections, seconds=given.seconds))
                    took.setdefault((name, connections), []).extend(found)
    print("| server | connections | requests/s | paragraphs/s | p50 ms | p95 ms | p99 ms |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    rows = []
    for (name, connections), times in took.items():
        rate = len(times) / (given.seconds * given.rounds)
        p50, p95, p99 = (float(np.percentile(times, share)) * 1_000 for share in (50, 95, 99))
        rows.append({"server": name, "connections": connections, "requests": rate, "p50": p50, "p95": p95, "p99": p99})
        print(f"| {name} | {connections} | {rate:.1f} | {rate * given.texts:.1f} | {p50:.1f} | {p95:.1f} | {p99:.1f} |")
    if given.json is not None:
        given.json.write_text(json.dumps(rows, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
