"""The application: routes, faults and the guard before them, put together around one model."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from textclf.server import api, hub, inference_protocol, probes
from textclf.server.batching import Batcher, TooLateError, WorkError
from textclf.server.guard import Guard
from textclf.server.logs import Log
from textclf.server.measures import Measures
from textclf.server.reading_process import ReadingProcess
from textclf.server.refusals import RefusalError, invalid, place
from textclf.server.served import Served, Shelf
from textclf.server.settings import ServerSettings
from textclf.server.state import ServerState, notes_of, state_of
from textclf.version import __version__

ABOUT = "Labels the paragraphs of news articles by event type. Texts are neither kept nor logged."


def make_app(path: Path, served: Served, settings: ServerSettings, *, log: Log | None = None) -> Guard:
    """Return the ASGI application of a server.

    Args:
        path: The bundle's folder, which a reload reads again.
        served: The model as loaded from it.
        settings: The limits.
        log: Where to tell of requests; by default standard error.
    """
    measures, log = Measures(), log or Log(as_json=settings.log_json)
    shelf = Shelf(path, served, name=settings.name, measures=measures)
    batcher = Batcher(
        budget=settings.batch_characters,
        max_wait_s=settings.max_wait_ms / 1_000,
        max_queue=settings.max_queue,
        meter=measures,
    )
    reading = ReadingProcess(most_s=settings.read_s)
    state = ServerState(settings, shelf, batcher, measures, log, reading)

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        """Run the queue while the server is up."""
        batcher.start()
        yield
        await batcher.stop()
        await state.reading.stop()

    bearer = [Depends(HTTPBearer(auto_error=False))] if settings.tokens else []
    app = FastAPI(
        title="textclf",
        version=__version__,
        description=ABOUT,
        lifespan=lifespan,
        docs_url=None,  # its page loads scripts from elsewhere, which the security policy does not allow
        redoc_url=None,
        dependencies=bearer,
    )
    app.state.server = state
    for routes in (api.make_routes(), hub.make_routes(), inference_protocol.make_routes()):
        app.include_router(routes)
    app.include_router(probes.make_routes(settings.page))
    for kind, handler in HANDLERS.items():
        app.add_exception_handler(kind, handler)
    return Guard(app, settings=settings, measures=measures, log=log)


async def refuse(request: Request, fault: Any) -> Response:
    """Answer with what was wrong."""
    state, notes = state_of(request), notes_of(request)
    if isinstance(fault, WorkError) and fault.__cause__ is not None:
        state.log.fault(fault.__cause__, request_id=notes.request_id)
    refusal = api.as_refusal(fault, state)
    state.measures.rejection(refusal.reason)
    return refusal.response(notes.request_id)


async def refuse_body(request: Request, fault: Any) -> Response:
    """Answer with every fault of a request and its place, and nothing of its content."""
    return await refuse(request, invalid(*((place(each["loc"]), each["msg"]) for each in fault.errors()[:100])))


async def refuse_otherwise(request: Request, fault: Any) -> Response:
    """Answer where there is no such path or method, or the body is no JSON."""
    refusal = RefusalError(fault.status_code, str(fault.detail), headers=fault.headers, reason="http")
    return await refuse(request, refusal)


async def fail(request: Request, fault: Any) -> Response:
    """Answer where the fault is ours; the guard logs it."""
    return await refuse(request, RefusalError(500, "the server failed on this request", reason="server"))


HANDLERS: dict[Any, Any] = {
    RefusalError: refuse,
    TooLateError: refuse,
    WorkError: refuse,
    RequestValidationError: refuse_body,
    HTTPException: refuse_otherwise,
    Exception: fail,
}
