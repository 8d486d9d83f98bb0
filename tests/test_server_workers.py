"""Several processes behind one port: killed, told to reload, counted together, and sent away under load."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.conftest import WORDS
from tests.server import records, until
from tests.test_bundle import train_tiny
from textclf.errors import BundleError
from textclf.server.run import serve
from textclf.server.settings import ServerSettings

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sockets are not handed on there")
TOKEN = "a-token-of-a-length-that-will-do"
TEXTS = [WORDS["fight"], WORDS["talk"]] * 5


@dataclass
class Outing:
    """A server of two workers, and what its clients saw until it was sent away."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    seen: dict[str, Any] = field(default_factory=dict)
    address: str = ""

    def workers(self) -> list[Any]:
        return [child for child in psutil.Process(self.process.pid).children() if is_worker(child)]

    def pids(self) -> set[int]:
        return {worker.pid for worker in self.workers()}

    def told(self, word: str) -> int:
        return sum(word in line for line in self.lines)

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.address + path, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60)

    def ask(self, side: int, leaving: threading.Event) -> None:
        """Send requests until the port is closed; one whose connection breaks is told of."""
        for number in range(100_000):
            name = f"{side}-{number}"
            with httpx.Client(base_url=self.address, timeout=60) as client:
                try:
                    headers = {"X-Request-ID": name, "Authorization": f"Bearer {TOKEN}"}
                    answer = client.post("/v1/predict", json={"texts": TEXTS}, headers=headers)
                except httpx.TransportError:
                    if leaving.is_set():
                        return
                    self.broken.append(name)
                    continue
            assert (answer.status_code, len(answer.json()["paragraphs"])) == (200, len(TEXTS))
            self.answered.append(name)


def is_worker(process: Any) -> bool:
    try:
        return "textclf.server.worker" in process.cmdline()
    except psutil.NoSuchProcess:  # it has ended meanwhile
        return False


@contextmanager
def ended(process: subprocess.Popen[str], leaving: threading.Event) -> Iterator[None]:
    """End the server, and with it those that ask it, when the block fails."""
    try:
        yield
    except BaseException:
        leaving.set()
        process.kill()
        raise


@pytest.fixture(scope="module")
def outing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outing]:
    bundle = train_tiny(tmp_path_factory.mktemp("served"), "tfidf")
    command = [sys.executable, "-m", "textclf", "serve", str(bundle), "--port", "0", "--workers", "2"]
    process = subprocess.Popen(
        [*command, "--drain-s", "0.5", "--log-json"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TEXTCLF_TOKENS": TOKEN},
    )
    out, leaving = Outing(process), threading.Event()
    reader = threading.Thread(target=lambda: out.lines.extend(process.stderr or ()))
    reader.start()
    try:
        until(lambda: out.told("serving tiny at") == 1 or process.poll() is not None)
        out.address = re.findall(r"http://[\d.:]+", "".join(out.lines))[-1]
        with ThreadPoolExecutor(3) as pool, ended(process, leaving):
            asking = [pool.submit(out.ask, side, leaving) for side in range(3)]
            until(lambda: len(out.answered) >= 10)
            first = out.workers()
            first[0].kill()
            until(lambda: bool(out.pids() - {worker.pid for worker in first}))  # looked at once: both may change
            out.seen["survivor"] = first[1].pid in out.pids()
            process.send_signal(signal.SIGHUP)
            until(lambda: out.told('"reloaded"') >= 2)
            out.seen["metrics"], out.seen["answered"] = out.get("/metrics").text, len(out.answered)
            known = {"Authorization": f"Bearer {TOKEN}"}
            out.seen["reload"] = httpx.post(f"{out.address}/v1/reload", headers=known, timeout=60).status_code
            until(lambda: out.told('"reloaded"') >= 4)
            leaving.set()
            process.send_signal(signal.SIGTERM)
            for future in asking:
                future.result()
        out.seen["code"] = process.wait(60)
        reader.join()
        yield out
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


def test_a_killed_worker_is_replaced_and_costs_only_its_own_requests(outing: Outing) -> None:
    ended = [r for r in records("".join(outing.lines)) if r["message"].startswith("a worker ended")]
    assert [r["exit_code"] for r in ended] == [-signal.SIGKILL]
    assert outing.seen["survivor"]
    assert len(outing.broken) <= 3
    assert not set(outing.broken) & set(outing.answered)


def test_they_leave_together_and_answer_what_they_took_once(outing: Outing) -> None:
    told = [r for r in records("".join(outing.lines)) if r.get("path") == "/v1/predict"]
    done = [r["request_id"] for r in told]
    assert outing.seen["code"] == 0
    assert {r["status"] for r in told} == {200}
    assert len(set(done)) == len(done)
    assert len(set(outing.answered) - set(done)) <= 3  # answered, and the worker killed before it wrote the line
    assert set(done) <= set(outing.answered)


def test_a_reload_reaches_all(outing: Outing) -> None:
    assert outing.seen["reload"] == 200
    assert 'textclf_model_info{name="tiny",version=' in outing.seen["metrics"]
    assert "} 2.0" in next(
        line for line in outing.seen["metrics"].splitlines() if line.startswith("textclf_model_info")
    )


def test_what_they_count_is_counted_together_with_what_a_killed_one_did(outing: Outing) -> None:
    counted = re.findall(r"^textclf_texts_total (\S+)", outing.seen["metrics"], re.MULTILINE)
    assert float(counted[0]) >= (outing.seen["answered"] - 3) * len(TEXTS)
    assert re.search(r"^textclf_queue_texts \d", outing.seen["metrics"], re.MULTILINE)


def test_no_token_is_on_a_command_line_or_in_the_log(outing: Outing) -> None:
    assert TOKEN not in "".join(outing.lines)


def test_a_model_that_does_not_load_is_told_as_with_one_process(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no model at"):
        serve(tmp_path / "none", port=0, settings=ServerSettings(), workers=2)
