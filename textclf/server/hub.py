"""Shapes that other servers have: Hugging Face's text-classification, and Text Embeddings Inference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from textclf.calibration import log_odds
from textclf.server.api import REFUSED
from textclf.server.labelling import passages_of_texts, score
from textclf.server.refusals import invalid
from textclf.server.schemas import HubRequest, Score, TeiRequest
from textclf.server.served import Served
from textclf.server.state import notes_of, state_of


async def classify(request: Request, body: HubRequest) -> Response:
    """Give every label's probability, the highest first, a list a text."""
    texts = [body.inputs] if isinstance(body.inputs, str) else body.inputs
    served, rows = await _score(request, texts)
    return JSONResponse([ranked(served, row)[: body.parameters.top_k] for row in rows])


async def predict(request: Request, body: TeiRequest) -> Response:
    """Give every label's probability, the highest first: one list for a text, a list of lists for a batch."""
    texts, is_batch = texts_of(body.inputs)
    served, rows = await _score(request, texts)
    if body.raw_scores:
        rows = [log_odds(row) for row in rows]
    found = [ranked(served, row) for row in rows]
    return JSONResponse(found if is_batch else found[0])


async def _score(request: Request, texts: Sequence[str]) -> tuple[Served, list[np.ndarray]]:
    state, notes = state_of(request), notes_of(request)
    served = state.shelf.current
    passages = passages_of_texts(texts, state.settings, at="body.inputs")
    return served, await score(served, passages, state, notes)


def texts_of(inputs: str | list[str] | list[list[str]]) -> tuple[list[str], bool]:
    """Return the texts of a request to Text Embeddings Inference, and whether they are a batch.

    Raises:
        RefusalError: When a pair of texts is given.
    """
    if isinstance(inputs, str):
        return [inputs], False
    rows = [inputs] if inputs and isinstance(inputs[0], str) else inputs
    faults = [
        (f"body.inputs[{number}]" if rows is inputs else "body.inputs", "a batch has each text in a list of its own")
        for number, row in enumerate(rows)
        if len(row) != 1
    ]
    if faults or not rows:
        raise invalid(*(faults or [("body.inputs", "there is no text in it")]))
    return [row[0] for row in rows], rows is inputs


def ranked(served: Served, row: np.ndarray) -> list[dict[str, Any]]:
    """Return labels with their scores, the highest first."""
    labels = list(served.labeller.labels)
    return [{"label": labels[j], "score": round(float(row[j]), 6)} for j in np.argsort(-row, kind="stable")]


def make_routes() -> Any:
    """Return the routes that are shaped as other servers' are."""
    routes = APIRouter(tags=["other servers' shapes"])
    add = routes.add_api_route
    lists: dict[int | str, dict[str, Any]] = {200: {"model": list[list[Score]]}}
    add("/", classify, methods=["POST"], response_model=None, responses={**REFUSED, **lists})
    either: dict[int | str, dict[str, Any]] = {200: {"model": list[Score] | list[list[Score]]}}
    add("/predict", predict, methods=["POST"], response_model=None, responses={**REFUSED, **either})
    return routes
