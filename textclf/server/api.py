"""The API of this project: labelled paragraphs, the model's card, another model in its place."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from textclf.errors import BundleError, MissingExtraError
from textclf.server.batching import Job, TooLateError, WorkError
from textclf.server.guard import Notes
from textclf.server.labelling import Reading, check_explained, label, read_request
from textclf.server.refusals import RefusalError, Refused
from textclf.server.schemas import ModelIdentity, PredictRequest, PredictResponse
from textclf.server.served import Served
from textclf.server.state import ServerState, notes_of, state_of, too_late

NDJSON = "application/x-ndjson"
REFUSED: dict[int | str, dict[str, Any]] = {
    400: {"model": Refused, "description": "The body is no JSON."},
    401: {"model": Refused, "description": "A token is needed."},
    408: {"model": Refused, "description": "It was not done in time."},
    413: {"model": Refused, "description": "The body is too large."},
    415: {"model": Refused, "description": "The body is not sent as JSON."},
    422: {"model": Refused, "description": "Faults of the body, each with its place."},
    429: {"model": Refused, "description": "Too much is waiting; see the header Retry-After."},
    500: {"model": Refused, "description": "The model failed."},
    501: {"model": Refused, "description": "What is needed to explain this model is not installed."},
}
ANSWERED: dict[int | str, dict[str, Any]] = {
    200: {
        "model": PredictResponse,
        "description": "Every paragraph, in order. With `Accept: application/x-ndjson` one JSON object a line: the "
        "head (kind `head`: everything but the paragraphs), a line a paragraph (kind `paragraph`), and the end (kind "
        "`end`, or `error` where it broke off).",
        "content": {NDJSON: {"schema": {"type": "string"}}},
    }
}
Explain = Annotated[bool, Query(description="Tell what each word adds to the labels a paragraph carries.")]


async def predict(request: Request, body: PredictRequest, explain: Explain = False) -> Response:
    """Label texts, or the paragraphs of an article."""
    state, notes = state_of(request), notes_of(request)
    served = state.shelf.current
    reading = await read_request(body, state, notes)
    if explain:
        check_explained(reading, state.settings)
    job = state.submit(served.score, reading.items(served), reading.lengths(), deadline=notes.deadline)
    head = {"model": served.identity(), "thresholds": served.thresholds, **reading.front()}
    if NDJSON in request.headers.get("accept", ""):
        lines = stream(head, served, reading, job, state, notes, explain=explain)
        return StreamingResponse(lines, media_type=NDJSON)
    paragraphs = [record async for record in label(served, reading, job, state, notes, explain=explain)]
    return JSONResponse({**head, "paragraphs": paragraphs})


async def stream(
    head: dict[str, Any],
    served: Served,
    reading: Reading,
    job: Job,
    state: ServerState,
    notes: Notes,
    *,
    explain: bool,
) -> AsyncIterator[str]:
    """Yield the lines of an answer; the last one tells whether it is whole."""
    yield line("head", head)
    try:
        async for record in label(served, reading, job, state, notes, explain=explain):
            yield line("paragraph", record)
    except (RefusalError, TooLateError, WorkError) as fault:
        refusal = as_refusal(fault, state)
        state.measures.rejection(refusal.reason)
        if isinstance(fault, WorkError) and fault.__cause__:
            state.log.fault(fault.__cause__, request_id=notes.request_id)
        yield line("error", refusal.record(notes.request_id))
    else:
        yield line("end", {"paragraphs": len(reading.passages)})


def as_refusal(fault: RefusalError | TooLateError | WorkError, state: ServerState) -> RefusalError:
    """Return what a client is told of a fault."""
    if isinstance(fault, RefusalError):
        return fault
    if isinstance(fault, TooLateError):
        return too_late(state.settings)
    if isinstance(fault.__cause__, MissingExtraError):
        return RefusalError(501, str(fault.__cause__), reason="extra")
    return RefusalError(500, "the model failed on this request", reason="model")


def line(kind: str, record: dict[str, Any]) -> str:
    """Return one line of a streamed answer."""
    return json.dumps({"kind": kind, **record}, ensure_ascii=False, allow_nan=False) + "\n"


async def card(request: Request) -> Response:
    """Tell what is known of the model: labels, config, scores on validation articles. Articles are not named."""
    return JSONResponse(state_of(request).shelf.current.card())


async def reload(request: Request) -> Response:
    """Load the model's folder again; where that fails, the old model goes on. It needs a token to be configured."""
    state = state_of(request)
    if not state.settings.tokens:
        raise RefusalError(403, "reloading over HTTP is off until a token is configured; send SIGHUP", reason="reload")
    try:
        served = await state.shelf.reload()
    except BundleError as fault:
        state.log.event("reload refused", reason=str(fault))
        raise RefusalError(409, str(fault), reason="reload") from fault
    state.log.event("reloaded", model=served.name, version=served.version)
    state.tell_others()
    return JSONResponse(served.identity())


def make_routes() -> Any:
    """Return the routes of the API."""
    routes = APIRouter(tags=["textclf"])
    add = routes.add_api_route
    add("/v1/predict", predict, methods=["POST"], responses={**REFUSED, **ANSWERED}, response_model=None)
    add("/v1/model", card, methods=["GET"], response_model=None, responses={401: REFUSED[401]})
    again = {200: {"model": ModelIdentity}, 403: {"model": Refused}, 409: {"model": Refused}, 401: REFUSED[401]}
    add("/v1/reload", reload, methods=["POST"], response_model=None, responses=again)
    return routes
