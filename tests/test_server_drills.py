"""The server in trouble: shared batches, full queues, failing models, clients that go away, and the way out."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import WORDS
from tests.models import make_encoder
from tests.props import quick
from tests.server import Counting, asking, counting, guarded, listening, records, serving, until
from tests.test_bundle import train_tiny
from textclf.cli import main
from textclf.errors import DataError, MissingExtraError
from textclf.export import export
from textclf.labeller import Labeller
from textclf.server.batching import LEAST_COST, Batcher, QueueFullError, TooLateError, WorkError
from textclf.server.reading_process import ReadingError, ReadingProcess


class Memory:
    """Work that gives each item back, and remembers its batches; also a meter."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.go = threading.Event()
        self.go.set()

    def __call__(self, items: list[str]) -> Sequence[str]:
        assert self.go.wait(20)
        self.batches.append(list(items))
        if "poison" in items:
            raise ZeroDivisionError
        return [item.upper() for item in items]

    def batch(self, *, texts: int, characters: int, seconds: float) -> None:
        assert texts == len(self.batches[-1])

    def queue(self, *, texts: int, characters: int) -> None:
        assert characters >= texts * LEAST_COST


Scenario = Callable[[Batcher, Memory], Coroutine[Any, Any, None]]


def batching(scenario: Scenario, *, budget: int = 10_000, max_wait_s: float = 0.0, max_queue: int = 10_000) -> None:
    """Run a scenario with a batcher."""

    async def run() -> None:
        memory = Memory()
        batcher = Batcher(budget=budget, max_wait_s=max_wait_s, max_queue=max_queue, meter=memory)
        batcher.start()
        try:
            await scenario(batcher, memory)
        finally:
            memory.go.set()
            await batcher.stop()
        assert (batcher.waiting_texts, batcher.waiting_cost) == (0, 0)

    asyncio.run(run())


def put(batcher: Batcher, memory: Memory, items: Sequence[str], *, seconds: float = 20.0, **more: Any) -> Any:
    deadline = asyncio.get_running_loop().time() + seconds
    return batcher.submit(memory, items, [len(item) for item in items], deadline=deadline, **more)


@quick
@given(
    requests=st.lists(st.lists(st.text("ab", max_size=90), max_size=6), max_size=6),
    budget=st.integers(1, 400),
)
def test_every_request_gets_its_own_results_in_order(requests: list[list[str]], budget: int) -> None:
    async def scenario(batcher: Batcher, memory: Memory) -> None:
        jobs = [put(batcher, memory, items) for items in requests]
        found = await asyncio.gather(*(job.all() for job in jobs))
        assert found == [[item.upper() for item in items] for items in requests]
        longest = max((len(item) for items in requests for item in items), default=0)
        for batch in memory.batches:
            costs = [max(len(item), LEAST_COST) for item in batch]
            assert costs == sorted(costs)
            assert sum(costs) < budget + max(longest, LEAST_COST)

    batching(scenario, budget=budget, max_queue=100_000)


def test_requests_share_a_batch_while_they_wait() -> None:
    async def scenario(batcher: Batcher, memory: Memory) -> None:
        jobs = [put(batcher, memory, [name]) for name in "abc"]
        await asyncio.gather(*(job.all() for job in jobs))
        assert memory.batches == [["a", "b", "c"]]

    batching(scenario, max_wait_s=0.0)


def test_a_full_batch_does_not_wait() -> None:
    async def scenario(batcher: Batcher, memory: Memory) -> None:
        async with asyncio.timeout(20):
            assert await put(batcher, memory, ["a" * 100]).all() == ["A" * 100]

    batching(scenario, budget=100, max_wait_s=3_600.0)


def test_a_lone_text_waits_no_longer_than_it_should() -> None:
    async def scenario(batcher: Batcher, memory: Memory) -> None:
        async with asyncio.timeout(20):
            assert await put(batcher, memory, ["a"]).all() == ["A"]

    batching(scenario, max_wait_s=0.01)


def test_only_clients_that_had_company_wait_for_it() -> None:
    async def scenario(batcher: Batcher, memory: Memory) -> None:
        async with asyncio.timeout(20):
            for _ in range(3):
                assert await put(batcher, memory, ["a"]).all() == ["A"]
            memory.batches.clear()
            await asyncio.gather(*(put(batcher, memory, [name]).all() for name in "abc"))
            again = [asyncio.create_task(put(batcher, memory, [name]).all()) for name in "ab"]
            for _ in range(20):
                await asyncio.sleep(0)
            assert memory.batches == [["a", "b", "c"]]
            await asyncio.gather(put(batcher, memory, ["c"]).all(), *again)
        assert memory.batches == [["a", "b", "c"], ["a", "b", "c"]]

    batching(scenario, max_wait_s=3_600.0)


def test_a_long_request_does_not_hold_up_a_short_one() -> None:
    async def scenario(batcher: Batcher, memory: Memory) -> None:
        memory.go.clear()
        long = put(batcher, memory, [f"long {n:02}" for n in range(40)])
        await asyncio.sleep(0)
        short = put(batcher, memory, ["short"])
        memory.go.set()
        await asyncio.gather(long.all(), short.all())
        turn = next(n for n, batch in enumerate(memory.batches) if "short" in batch)
        assert turn <= 1
        assert len(memory.batches) >= 10

    batching(scenario, budget=4 * LEAST_COST)


def test_slow_work_goes_alone_and_in_turn() -> None:
    async def scenario(batcher: Batcher, memory: Memory) -> None:
        slow = put(batcher, memory, ["s1", "s2", "s3"], alone=True)
        quickly = put(batcher, memory, ["q1", "q2"])
        await asyncio.gather(slow.all(), quickly.all())
        assert memory.batches == [["s1"], ["q1", "q2"], ["s2"], ["s3"]]

    batching(scenario)


def test_a_cancelled_request_leaves_the_queue() -> None:
    async def scenario(batcher: Batcher, memory: Memory) -> None:
        memory.go.clear()
        first = asyncio.create_task(put(batcher, memory, ["first"]).all())
        while batcher.waiting_texts:
            await asyncio.sleep(0)
        gone = asyncio.create_task(put(batcher, memory, ["gone"] * 3).all())
        stays = asyncio.create_task(put(batcher, memory, ["stays"]).all())
        await asyncio.sleep(0)
        assert batcher.waiting_texts == 4
        gone.cancel()
        await asyncio.wait([gone])
        assert batcher.waiting_texts == 1
        memory.go.set()
        assert await asyncio.gather(first, stays) == [["FIRST"], ["STAYS"]]
        assert memory.batches == [["first"], ["stays"]]

    batching(scenario)


def test_a_request_past_its_time_leaves_the_queue() -> None:
    async def scenario(batcher: Batcher, memory: Memory) -> None:
        memory.go.clear()
        first = put(batcher, memory, ["first"])
        while batcher.waiting_texts:
            await asyncio.sleep(0)
        with pytest.raises(TooLateError):
            await put(batcher, memory, ["late"], seconds=0.01).all()
        assert batcher.waiting_texts == 0
        memory.go.set()
        await first.all()

    batching(scenario)


def test_a_full_queue_takes_no_more_but_one_that_waits_alone() -> None:
    async def scenario(batcher: Batcher, memory: Memory) -> None:
        memory.go.clear()
        jobs = [put(batcher, memory, ["a" * 500])]
        while batcher.waiting_texts:
            await asyncio.sleep(0)
        jobs.append(put(batcher, memory, ["b" * 500]))
        with pytest.raises(QueueFullError) as full:
            put(batcher, memory, ["c"])
        assert 1 <= full.value.retry_after <= 60
        memory.go.set()
        await asyncio.gather(*(job.all() for job in jobs))

    batching(scenario, max_queue=100)


def test_a_text_the_model_fails_on_spoils_no_other_request() -> None:
    async def scenario(batcher: Batcher, memory: Memory) -> None:
        jobs = [put(batcher, memory, [name]) for name in ("good", "poison", "better")]
        good, bad, better = await asyncio.gather(*(job.all() for job in jobs), return_exceptions=True)
        assert (good, better) == (["GOOD"], ["BETTER"])
        assert isinstance(bad, WorkError)
        assert isinstance(bad.__cause__, ZeroDivisionError)
        assert await put(batcher, memory, ["after"]).all() == ["AFTER"]

    batching(scenario)


def held(predictor: Counting) -> None:
    """Let the model wait from its next batch on."""
    predictor.began.clear()
    predictor.go.clear()


def test_a_full_queue_and_too_many_requests_are_answered_429() -> None:
    predictor, served = counting()
    held(predictor)
    with serving(served, max_queue=100, max_requests=2) as ask, ThreadPoolExecutor() as pool:
        first = pool.submit(ask, "POST", "/v1/predict", json={"texts": ["a" * 90]})
        assert predictor.began.wait(20)
        second = pool.submit(ask, "POST", "/v1/predict", json={"texts": ["b" * 90]})
        until(lambda: "textclf_queue_texts 1.0" in ask("GET", "/metrics").text)
        third = ask("POST", "/v1/predict", json={"texts": ["c"]})
        assert ask("GET", "/readyz").status_code == 200
        predictor.go.set()
        assert (first.result().status_code, second.result().status_code) == (200, 200)
        refused = ask("GET", "/metrics").text
    assert third.status_code == 429
    assert int(third.headers["retry-after"]) >= 1
    assert 'textclf_rejections_total{reason="requests"} 1.0' in refused


def test_a_queue_without_room_says_when_to_come_back() -> None:
    predictor, served = counting()
    held(predictor)
    with serving(served, max_queue=100) as ask, ThreadPoolExecutor() as pool:
        first = pool.submit(ask, "POST", "/v1/predict", json={"texts": ["a" * 90]})
        assert predictor.began.wait(20)
        second = pool.submit(ask, "POST", "/v1/predict", json={"texts": ["b" * 90]})
        until(lambda: "textclf_queue_characters 90.0" in ask("GET", "/metrics").text)
        refused = ask("POST", "/v1/predict", json={"texts": ["c"]})
        predictor.go.set()
        assert (first.result().status_code, second.result().status_code) == (200, 200)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")


def test_a_request_past_its_time_is_answered_408() -> None:
    predictor, served = counting()
    held(predictor)
    with serving(served, timeout_s=0.2) as ask:
        answer = ask("POST", "/v1/predict", json={"texts": ["a"]})
        lines = ask("POST", "/v1/predict", json={"texts": ["a"]}, headers={"Accept": "application/x-ndjson"})
        predictor.go.set()
    assert answer.status_code == 408
    assert [json.loads(line)["kind"] for line in lines.text.splitlines()] == ["head", "error"]


def test_a_model_that_fails_is_told_and_the_server_goes_on() -> None:
    with serving(counting()[1]) as ask:
        failed = ask("POST", "/v1/predict", json={"texts": ["poison"]})
        lines = ask("POST", "/v1/predict", json={"texts": ["poison"]}, headers={"Accept": "application/x-ndjson"})
        after = ask("POST", "/v1/predict", json={"texts": ["good"]})
    assert (failed.status_code, failed.json()["error"]) == (500, "the model failed on this request")
    assert json.loads(lines.text.splitlines()[-1])["error"] == "the model failed on this request"
    assert after.status_code == 200


def test_a_page_that_is_made_to_take_long_stops_nobody() -> None:
    with serving(counting()[1], read_s=0.01) as ask, ThreadPoolExecutor() as pool:
        reading = pool.submit(ask, "POST", "/v1/predict", json={"article": '<p a="' * 20_000})
        assert ask("POST", "/v1/predict", json={"texts": ["a"]}).status_code == 200
        assert reading.result().json()["faults"][0]["message"].startswith("it took more than 0.01 s to read")
        assert ask("GET", "/readyz").status_code == 200


def test_a_reader_that_breaks_down_is_begun_again() -> None:
    async def scenario() -> None:
        reading = ReadingProcess(most_s=60)
        process = await reading.start()
        process.kill()
        with pytest.raises(ReadingError, match="broke down"):
            await reading.read("One.")
        article = await reading.read(
            "One sentence of an article stands here.\n\nAnother — \U0001f642 — stands below it."
        )
        assert [(p.text, p.start) for p in article.paragraphs] == [
            ("One sentence of an article stands here.", 0),
            ("Another — \U0001f642 — stands below it.", 41),
        ]
        with pytest.raises(DataError, match="no text"):
            await reading.read(" ")
        await reading.stop()

    asyncio.run(scenario())


def test_an_extra_that_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    _, served = counting()

    def explain(*_: Any, **__: Any) -> None:
        raise MissingExtraError("pip install 'textclf[explain]'")

    monkeypatch.setattr(Labeller, "explain", explain)
    with serving(served) as ask:
        answer = ask("POST", "/v1/predict?explain=true", json={"texts": ["a"]})
    assert (answer.status_code, answer.json()["error"]) == (501, "pip install 'textclf[explain]'")


def raw(port: int, head: str, body: bytes = b"") -> socket.socket:
    """Open a connection and send the beginning of a request."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=20)
    connection.sendall(head.replace("\n", "\r\n").encode() + body)
    return connection


HEAD = "POST /v1/predict HTTP/1.1\nHost: test\nContent-Type: application/json\nContent-Length: {}\nX-Request-ID: {}\n\n"


def logged(log: io.StringIO, request_id: str) -> dict[str, Any]:
    """Wait for a request's line in the log."""

    def found() -> list[dict[str, Any]]:
        return [r for r in records(log.getvalue()) if r["kind"] == "request" and r["request_id"] == request_id]

    until(lambda: bool(found()))
    return found()[0]


def test_clients_that_go_away_leave_nothing_behind() -> None:
    predictor, served = counting()
    log = io.StringIO()
    with (
        listening(guarded(served, log=log, timeout_s=20)) as port,
        httpx.Client(base_url=f"http://127.0.0.1:{port}") as c,
    ):
        raw(port, HEAD.format(1_000, "half"), b'{"texts": ["half').close()
        assert logged(log, "half")["status"] == 499
        assert predictor.batches == []
        held(predictor)
        working = raw(port, HEAD.format(18, "works"), b'{"texts": ["one"]}')
        assert predictor.began.wait(20)
        waiting = raw(port, HEAD.format(18, "waits"), b'{"texts": ["two"]}')
        until(lambda: "textclf_queue_texts 1.0" in c.get("/metrics").text)
        waiting.close()
        assert logged(log, "waits")["status"] == 499
        assert "textclf_queue_texts 0.0" in c.get("/metrics").text
        predictor.go.set()
        assert working.recv(12) == b"HTTP/1.1 200"
        working.close()
        assert predictor.batches == [["one"]]
        assert c.post("/v1/predict", json={"texts": ["three"]}).status_code == 200


def test_a_client_that_does_not_read_is_dropped() -> None:
    log = io.StringIO()
    guard = guarded(counting()[1], log=log, timeout_s=0.05)
    scope = {"type": "http", "method": "GET", "path": "/healthz", "headers": [], "query_string": b""}

    async def never(message: Any = None) -> Any:
        await asyncio.Event().wait()

    asyncio.run(guard(scope, never, never))
    assert [(r["kind"], r["status"]) for r in records(log.getvalue())] == [("request", 499)]


def test_a_body_that_does_not_come_is_answered_408() -> None:
    with listening(guarded(counting()[1], timeout_s=0.2)) as port:
        connection = raw(port, HEAD.format(1_000, "slow"), b'{"texts": ')
        assert connection.recv(12) == b"HTTP/1.1 408"
        connection.close()


def test_a_body_that_says_it_is_too_large_is_not_read() -> None:
    with listening(guarded(counting()[1], max_body=100)) as port:
        for length in ("101", "9" * 18):
            connection = raw(port, HEAD.format(length, "large"))
            assert connection.recv(12) == b"HTTP/1.1 413"
            connection.close()


PROGRAM = """
import sys
from textclf.cli import main
try:
    main(sys.argv[1:])
finally:
    print(sorted({"torch", "transformers", "sklearn", "matplotlib"} & set(sys.modules)))
"""


@dataclass
class Outing:
    """What a server in a process of its own did until SIGTERM, and what its clients saw."""

    code: int
    printed: str
    log: list[dict[str, Any]]
    answered: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    readiness: int = 0


@pytest.fixture(scope="module")
def outing(tmp_path_factory: pytest.TempPathFactory) -> Outing:
    """Serve an exported model, ask it from four sides, and stop it with SIGTERM in the midst."""
    encoder = make_encoder(tmp_path_factory.mktemp("encoder"))
    trained = train_tiny(tmp_path_factory.mktemp("frozen"), "frozen_encoder", encoder=encoder)
    exported = export(trained, tmp_path_factory.mktemp("exported") / "m").path
    command = [sys.executable, "-c", PROGRAM, "serve", str(exported), "--port", "0", "--drain-s", "0.5", "--log-json"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert server.stderr is not None
        told = server.stderr.readline()
        address = re.search(r"http://[\d.:]+", told)
        assert address, told
        found = Outing(-1, "", [])
        lines: list[str] = []
        reader = threading.Thread(target=lambda: lines.extend(server.stderr or ()))
        reader.start()

        def ask(side: int) -> None:
            texts = [WORDS["fight"], WORDS["talk"]] * 10
            with httpx.Client(base_url=address[0], timeout=30) as client:
                for number in range(10_000):
                    name = f"{side}-{number}"
                    try:
                        answer = client.post("/v1/predict", json={"texts": texts}, headers={"X-Request-ID": name})
                    except httpx.TransportError:
                        found.refused.append(name)
                        return
                    assert (answer.status_code, len(answer.json()["paragraphs"])) == (200, 20)
                    found.answered.append(answer.headers["x-request-id"])

        with ThreadPoolExecutor(4) as pool:
            asking = [pool.submit(ask, side) for side in range(4)]
            with httpx.Client(base_url=address[0]) as probe:
                assert probe.get("/readyz").status_code == 200
                until(lambda: len(found.answered) >= 20 or any(future.done() for future in asking))
                server.send_signal(signal.SIGTERM)
                until(lambda: probe.get("/readyz").status_code == 503)
                found.readiness = 503
            for future in asking:
                future.result()
        assert server.stdout is not None
        found.printed, found.code = server.stdout.read(), server.wait(30)
        reader.join()
        server.stdout.close()
        server.stderr.close()
        found.log = records("".join(lines))
        return found
    finally:
        server.kill()


@pytest.mark.skipif(os.name != "posix", reason="signals")
class TestTheWayOut:
    def test_it_ends_well_and_is_unready_before(self, outing: Outing) -> None:
        assert outing.code == 0
        assert outing.readiness == 503

    def test_no_request_that_was_taken_is_lost_and_none_is_answered_twice(self, outing: Outing) -> None:
        done = [r["request_id"] for r in outing.log if r["kind"] == "request" and r["path"] == "/v1/predict"]
        assert sorted(done) == sorted(outing.answered)
        assert len(set(done)) == len(done)
        assert {r["status"] for r in outing.log if r.get("path") == "/v1/predict"} == {200}
        assert not set(outing.refused) & set(done)
        assert len(outing.refused) == 4

    def test_an_exported_model_is_served_without_torch(self, outing: Outing) -> None:
        assert outing.printed.strip() == "[]"


def test_what_cannot_be_served_is_told_in_one_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for arguments, message in (
            ((str(tmp_path / "none"), "--port", "0"), "no model at"),
            ((str(tmp_path), "--port", port), "cannot listen at 127.0.0.1"),
            ((str(tmp_path), "--max-characters", "200000"), "max_characters must be at most 100000"),
            ((str(tmp_path), "--token-file", str(tmp_path / "none")), "--token-file"),
        ):
            with pytest.raises(SystemExit) as stopped:
                main(["serve", *arguments])
            assert stopped.value.code == 1
            assert message in capsys.readouterr().err


def test_a_log_of_lines_for_people_names_status_and_time(capsys: pytest.CaptureFixture[str]) -> None:
    from textclf.server.app import make_app
    from textclf.server.settings import ServerSettings

    with asking(make_app(Path("nowhere"), counting()[1], ServerSettings())) as ask:
        ask("GET", "/healthz", headers={"X-Request-ID": "a7"})
    assert re.search(
        r"^\d\d:\d\d:\d\d GET /healthz 200  ms=[\d.]+ request_id=a7$", capsys.readouterr().err, re.MULTILINE
    )
