"""For those who watch the server: is it alive, is it ready, what has it done; and the web page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from textclf.server.state import state_of

FILES = {"/": "index.html", "/page.css": "page.css", "/page.js": "page.js"}


async def healthz() -> Response:
    """Tell that the server runs."""
    return JSONResponse({"status": "alive"})


async def readyz(request: Request) -> Response:
    """Tell whether the model is loaded and warm; from SIGTERM on it is not."""
    state = state_of(request)
    if state.draining:
        return JSONResponse({"status": "draining"}, status_code=503)
    return JSONResponse({"status": "ready", "model": state.shelf.current.identity()})


async def metrics(request: Request) -> Response:
    """Give what is counted, for Prometheus."""
    measures = state_of(request).measures
    return Response(measures.page(), headers={"Content-Type": measures.content_type})


async def no_picture() -> Response:
    """Answer browsers that ask for a picture of the site: there is none."""
    return Response(status_code=204)


def make_routes(page: Path) -> Any:
    """Return the routes of probes, and of the web page where its folder is there."""
    routes = APIRouter(tags=["for those who watch"])
    unready: dict[int | str, dict[str, Any]] = {503: {"description": "It is on its way out."}}
    routes.add_api_route("/healthz", healthz, methods=["GET"], response_model=None)
    routes.add_api_route("/readyz", readyz, methods=["GET"], response_model=None, responses=unready)
    text: dict[int | str, dict[str, Any]] = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}
    routes.add_api_route("/metrics", metrics, methods=["GET"], response_model=None, responses=text)
    routes.add_api_route("/favicon.ico", no_picture, methods=["GET"], include_in_schema=False)
    for path, name in FILES.items():
        if (page / name).is_file():
            routes.add_api_route(path, _giver(page / name), methods=["GET"], include_in_schema=False)
    return routes


def _giver(file: Path) -> Callable[[], Awaitable[Response]]:
    async def give() -> Response:
        return FileResponse(file)

    return give
