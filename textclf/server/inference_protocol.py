"""The Open Inference Protocol (version 2), as KServe, Triton and others speak it."""

from __future__ import annotations

from typing import Any

import numpy as np
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from textclf.server.api import REFUSED
from textclf.server.binary_tensors import packed_answer
from textclf.server.labelling import passages_of_texts, score
from textclf.server.refusals import RefusalError, Refused, invalid, mended
from textclf.server.schemas import InferRequest, InferResponse
from textclf.server.served import Served
from textclf.server.state import ServerState, notes_of, state_of
from textclf.version import __version__

OUTPUTS = ("scores", "labels")
JOINED = ";"  # between the labels of a text, as in tables


async def live() -> Response:
    """Tell that the server runs."""
    return JSONResponse({"live": True})


async def ready(request: Request) -> Response:
    """Tell whether the server takes requests."""
    is_ready = not state_of(request).draining
    return JSONResponse({"ready": is_ready}, status_code=200 if is_ready else 503)


async def server() -> Response:
    """Tell what the server is."""
    return JSONResponse({"name": "textclf", "version": __version__, "extensions": ["binary_tensor_data"]})


async def model(request: Request, name: str) -> Response:
    """Tell what goes into the model and what comes out."""
    served = _named(state_of(request), name)
    labels = list(served.labeller.labels)
    return JSONResponse(
        {
            "name": served.name,
            "versions": [served.version],
            "platform": "textclf",
            "inputs": [{"name": "text", "datatype": "BYTES", "shape": [-1]}],
            "outputs": [
                {"name": "scores", "datatype": "FP32", "shape": [-1, len(labels)], "parameters": {"labels": labels}},
                {"name": "labels", "datatype": "BYTES", "shape": [-1]},
            ],
        }
    )


async def model_ready(request: Request, name: str) -> Response:
    """Tell whether the model takes requests."""
    state = state_of(request)
    told = {"name": _named(state, name).name, "ready": not state.draining}
    return JSONResponse(told, status_code=200 if told["ready"] else 503)


async def infer(request: Request, name: str, body: InferRequest) -> Response:
    """Give scores, FP32 (n, labels), and the labels of each text, BYTES (n,), parted by semicolons."""
    state, notes = state_of(request), notes_of(request)
    served = _named(state, name)
    wanted = OUTPUTS if body.outputs is None else tuple(output.name for output in body.outputs)
    unknown = [
        (f"body.outputs[{n}]", f"allowed: {', '.join(OUTPUTS)}") for n, w in enumerate(wanted) if w not in OUTPUTS
    ]
    if unknown:
        raise invalid(*unknown)
    passages = passages_of_texts(texts_of(body), state.settings, at="body.inputs[0].data")
    rows = await score(served, passages, state, notes)
    labels = list(served.labeller.labels)
    made = {
        "scores": {
            "name": "scores",
            "datatype": "FP32",
            "shape": [len(rows), len(labels)],
            "data": [round(float(p), 6) for row in rows for p in row],
            "parameters": {"labels": labels},
        },
        "labels": {
            "name": "labels",
            "datatype": "BYTES",
            "shape": [len(rows)],
            "data": [JOINED.join(served.decide(np.asarray(row))[0]) for row in rows],
        },
    }
    answer = {"model_name": served.name, "model_version": served.version, "outputs": [made[w] for w in wanted]}
    return packed_answer(answer if body.id is None else {**answer, "id": body.id}, binary_outputs(body))


def texts_of(body: InferRequest) -> list[str]:
    """Return the texts of the one input.

    Raises:
        RefusalError: When there is another input, or it is not as its shape says.
    """
    if len(body.inputs) != 1 or body.inputs[0].name != "text" or body.inputs[0].datatype != "BYTES":
        raise invalid(("body.inputs", "expected one input, named text, of datatype BYTES"))
    tensor = body.inputs[0]
    at = "body.inputs[0]"
    if len(tensor.shape) == 2 and tensor.shape[1] != 1:
        raise invalid((f"{at}.shape", "expected [n] or [n, 1]"))
    rows = [row[0] if isinstance(row, list) and len(row) == 1 else row for row in tensor.data]
    if tensor.shape[0] != len(rows):
        raise invalid((f"{at}.data", f"{len(rows)} texts for the shape {tensor.shape}"))
    faults = [(f"{at}.data[{n}]", "expected a text") for n, row in enumerate(rows) if not isinstance(row, str)]
    if faults:
        raise invalid(*faults)
    return [mended(row) for row in rows]


def binary_outputs(body: InferRequest) -> set[str]:
    """Return the names of the outputs that are asked for as bytes."""
    usual = body.parameters.get("binary_data_output") is True
    if body.outputs is None:
        return set(OUTPUTS) if usual else set()
    return {output.name for output in body.outputs if output.parameters.get("binary_data", usual) is True}


def _named(state: ServerState, name: str) -> Served:
    served = state.shelf.current
    if name != served.name:
        raise RefusalError(
            404, f"there is no such model here; the one that is served is {served.name!r}", reason="name"
        )
    return served


def make_routes() -> Any:
    """Return the routes of the protocol."""
    routes = APIRouter(tags=["Open Inference Protocol"], prefix="/v2")
    add = routes.add_api_route
    unknown: dict[int | str, dict[str, Any]] = {404: {"model": Refused}, 401: REFUSED[401], 422: REFUSED[422]}
    unready: dict[int | str, dict[str, Any]] = {503: {"description": "It is on its way out."}}
    add("/health/live", live, methods=["GET"], response_model=None)
    add("/health/ready", ready, methods=["GET"], response_model=None, responses=unready)
    add("", server, methods=["GET"], response_model=None)
    add("/models/{name}", model, methods=["GET"], response_model=None, responses=unknown)
    add("/models/{name}/ready", model_ready, methods=["GET"], response_model=None, responses={**unknown, **unready})
    answers = {**REFUSED, **unknown, 200: {"model": InferResponse}}
    add("/models/{name}/infer", infer, methods=["POST"], response_model=None, responses=answers)
    return routes
