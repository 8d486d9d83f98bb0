"""Servers for tests: in this process, by an event loop in a thread; no port, unless a test is about connections."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import uvicorn
from anyio.from_thread import start_blocking_portal

from tests.conftest import LABELS
from textclf.calibration import Calibration, LabelMap
from textclf.labeller import Labeller
from textclf.labels import LabelSet
from textclf.server.app import make_app
from textclf.server.guard import Guard
from textclf.server.logs import Log
from textclf.server.run import open_port
from textclf.server.served import Served
from textclf.server.settings import ServerSettings

Ask = Callable[..., httpx.Response]


class Counting:
    """A predictor whose scores tell a text's length, and with a memory; it may be made to wait or fail."""

    def __init__(self, labels: LabelSet) -> None:
        self.labels = labels
        self.batches: list[list[str]] = []
        self.began, self.go = threading.Event(), threading.Event()
        self.go.set()

    def predict_proba(self, texts: Sequence[str], contexts: Sequence[str] | None = None) -> np.ndarray:
        self.batches.append(list(texts))
        self.began.set()
        assert self.go.wait(20)
        if any("poison" in text for text in texts):
            raise ZeroDivisionError(f"this message holds the text {texts[0]}")
        return np.array([[len(text) % 100 / 100, 0.9, 0.1] for text in texts], np.float32).reshape(-1, 3)


def counting() -> tuple[Counting, Served]:
    """Return the predictor and a model around it."""
    labels = LabelSet.of(LABELS)
    predictor = Counting(labels)
    return predictor, Served(Labeller(predictor, Calibration((LabelMap(),) * 3), np.full(3, 0.5)), "counting", "0" * 64)


@contextmanager
def asking(guard: Guard) -> Iterator[Ask]:
    """Run an application and give a function that asks it; several threads may."""

    async def ask(method: str, path: str, **more: Any) -> httpx.Response:
        transport = httpx.ASGITransport(guard, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path, **more)

    app: Any = guard.app
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(app.router.lifespan_context(app)):
        yield lambda method, path, **more: portal.call(lambda: ask(method, path, **more))


def guarded(served: Served, *, path: Path = Path("nowhere"), log: io.StringIO | None = None, **settings: Any) -> Guard:
    """Return an application whose log is kept."""
    return make_app(path, served, ServerSettings(**settings), log=Log(as_json=True, to=log or io.StringIO()))


def serving(served: Served, **settings: Any) -> AbstractContextManager[Ask]:
    """Run an application around a model and give a function that asks it."""
    return asking(guarded(served, **settings))


@contextmanager
def listening(guard: Guard) -> Iterator[int]:
    """Run a server at a free port, in a thread, and give the port."""
    listener = open_port("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(guard, log_config=None, access_log=False, ws="none"))
    listener.listen(16)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join(20)
    assert not thread.is_alive()


def until(happens: Callable[[], bool]) -> None:
    """Wait for something that another thread does."""
    latest, pause = time.monotonic() + 60, threading.Event()
    while not happens():
        assert time.monotonic() < latest, "it did not happen in a minute"
        pause.wait(0.01)


def records(log: str) -> list[dict[str, Any]]:
    """Return the lines of a JSON log."""
    return [json.loads(line) for line in log.splitlines()]
