"""A little server that keeps the contract of `textclf serve` with canned answers: for the page and the client.

Run `python -m tests.page_stub` to look at the page with no model at all.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, JSONResponse

from textclf.articles import read_article
from textclf.errors import DataError
from textclf.records import Article
from textclf.words import word_spans

PAGE = Path(__file__).parent.parent / "textclf" / "server" / "page"
POLICY = "default-src 'self'"
CUES = {
    "clashes": ("shells fell|fired|fighting|gunmen seize|clashes", "armed force used by or against an armed group"),
    "negotiation": ("mediator|shuttled|talks|letters|terms", "parties communicating to settle a dispute"),
    "kidnapping": ("hostages?|led away|captors|being held", "people unlawfully seized or held"),
    "surrender_deal": ("accord|mortars|hand over|lay down", "an arrangement under which a force gives up"),
    "evacuation": ("buses|convoy|corridor|evacuat", "organised movement of people out of danger"),
}
THRESHOLDS = {"clashes": 0.437213, "negotiation": 0.5, "kidnapping": 0.35, "surrender_deal": 0.41, "evacuation": 0.62}


@dataclass
class Stub:
    """What the stub is to do, and what it was asked.

    Attributes:
        token: What a request must bring as its bearer token; None for nothing.
        faults: Answers to give before any other: status, error message, `where`, and headers.
        most_texts: Texts a request may hold before it is answered 413.
        gate: Where it is set, predictions wait for it.
        bodies: The JSON of each prediction asked for, and whether it was to be explained.
    """

    token: str | None = None
    faults: deque[tuple[int, str, str | None, dict[str, str]]] = field(default_factory=deque)
    most_texts: int = 1_000
    gate: threading.Event | None = None
    bodies: list[tuple[dict[str, Any], bool]] = field(default_factory=list)
    thresholds: dict[str, float] = field(default_factory=lambda: dict(THRESHOLDS))

    def model(self) -> dict[str, Any]:
        labels = [{"name": name, "definition": definition} for name, (_, definition) in CUES.items()]
        return {"kind": "stub", "labels": labels, "thresholds": self.thresholds}

    def answer(self, paragraphs: list[dict[str, Any]], article: Article | None) -> dict[str, Any]:
        blocks = [] if article is None else [block.to_json() for block in article.blocks]
        told = None if article is None else {"title": article.title, "date": article.date}
        model = {"name": "minilm", "version": "0123abcd4567"}
        return {
            "model": model, "thresholds": self.thresholds, "article": told, "blocks": blocks, "paragraphs": paragraphs,
        }  # fmt: skip


def score(text: str, label: str) -> float:
    """Return a made-up score that follows from the text alone."""
    found = len(re.findall(CUES[label][0], text, re.IGNORECASE))
    spread = (sum(map(ord, text + label)) % 23) / 100
    return round(min(0.58 + 0.17 * found, 0.97) - spread / 4 if found else spread, 6)


def explained(text: str) -> dict[str, Any]:
    """Return made-up weights: cues add, the word `peace` takes away, others add a little."""
    spans = word_spans(text)
    weights: dict[str, list[float]] = {}
    for label, (cue, _) in CUES.items():
        places = [match.span() for match in re.finditer(cue, text, re.IGNORECASE)]
        weights[label] = [
            2.1 - 0.2 * (n % 3)
            if any(start < right and left < end for left, right in places)
            else (-0.9 if text[start:end].lower() in ("peace", "quiet", "only") else 0.02 * (n % 5))
            for n, (start, end) in enumerate(spans)
        ]
    words = [{"word": text[start:end], "start": start, "end": end} for start, end in spans]
    return {
        "method": "integrated gradients",
        "words": words,
        "labels": {label: {"score": score(text, label), "weights": column} for label, column in weights.items()},
    }


def paragraph(stub: Stub, index: int, text: str, start: int | None, end: int | None, explain: bool) -> dict[str, Any]:
    scores = {label: score(text, label) if text.strip() else 0.0 for label in CUES}
    labels = [label for label in CUES if scores[label] >= stub.thresholds[label]]
    told = explained(text) if explain else None
    return {
        "paragraph": index, "text": text, "start": start, "end": end, "labels": labels, "scores": scores,
        "explanation": told,
    }  # fmt: skip


def answer(stub: Stub, body: dict[str, Any], explain: bool) -> dict[str, Any]:
    if "texts" in body:
        rows = [paragraph(stub, n, text, None, None, explain) for n, text in enumerate(body["texts"])]
        return stub.answer(rows, None)
    article = read_article(body["article"])
    rows = [paragraph(stub, n, p.text, p.start, p.end, explain) for n, p in enumerate(article.paragraphs)]
    return stub.answer(rows, article)


def fault(status: int, message: str, where: str | None = None, headers: dict[str, str] | None = None) -> JSONResponse:
    faults = [] if where is None else [{"at": where, "message": message}]
    return JSONResponse({"error": message, "faults": faults}, status, headers=headers)


def make_app(stub: Stub) -> FastAPI:
    """Return the server: the contract, and the page under the policy it is served with."""
    app = FastAPI(openapi_url=None)

    @app.middleware("http")
    async def guard(request: Request, go_on: Any) -> Any:
        response = await go_on(request)
        response.headers["Content-Security-Policy"] = POLICY
        return response

    def refused(request: Request) -> JSONResponse | None:
        if stub.token is not None and request.headers.get("authorization") != f"Bearer {stub.token}":
            return fault(401, "a bearer token is needed", "header Authorization")
        return None

    @app.get("/v1/model")
    async def model(request: Request) -> JSONResponse:
        return refused(request) or JSONResponse(stub.model())

    @app.post("/v1/predict")
    async def predict(request: Request, explain: bool = False) -> JSONResponse:
        body = await request.json()
        stub.bodies.append((body, explain))
        if stub.gate is not None:
            await asyncio.to_thread(stub.gate.wait, 20)
        if no := refused(request):
            return no
        if stub.faults:
            return fault(*stub.faults.popleft())
        if len(body.get("texts", ())) > stub.most_texts:
            return fault(413, f"at most {stub.most_texts} texts a request", "texts")
        try:
            return JSONResponse(answer(stub, body, explain))
        except DataError as told:
            return fault(422, str(told), "article")

    for path, name in (("/", "index.html"), ("/page.css", "page.css"), ("/page.js", "page.js")):
        app.get(path)(lambda name=name: FileResponse(PAGE / name))
    return app


@contextmanager
def serving(stub: Stub, *, port: int = 0) -> Iterator[str]:
    """Serve on a free port of this machine while the block runs; give the address."""
    settings = uvicorn.Config(make_app(stub), host="127.0.0.1", port=port, log_level="warning", ws="none")
    server = uvicorn.Server(settings)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    pause = threading.Event()
    while not server.started:
        assert thread.is_alive(), "the stub did not start"
        pause.wait(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)


if __name__ == "__main__":
    with serving(Stub(), port=8765) as address:
        print(f"the page is at {address}; Ctrl-C ends it")
        threading.Event().wait()
