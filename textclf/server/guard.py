"""What stands before every request: its id, who sends it, how large it is and how long it may take.

The body is read here, whole and bounded, before anything else sees it; the request ends when its client goes away.
"""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from textclf.server.binary_tensors import HEADER, json_length, unpacked
from textclf.server.logs import Log
from textclf.server.measures import Measures
from textclf.server.refusals import RefusalError
from textclf.server.settings import ServerSettings
from textclf.server.tokens import Tokens

PROBES = {"/healthz", "/readyz", "/v2/health/live", "/v2/health/ready"}
OPEN = PROBES | {"/openapi.json", "/", "/page.css", "/page.js", "/favicon.ico"}
"""Paths that need no token when they are read (GET): probes, the description of the API, and the web page."""

PROBES = {"/healthz", "/readyz", "/metrics", "/v2/health/live", "/v2/health/ready"}
"""Paths that are answered however busy the server is."""

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "object-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
STRINGS = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
INFER = re.compile(r"/v2/models/[^/]+/infer")
UNNAMED = ("", "application/octet-stream")
"""What Triton's clients call a body of theirs: nothing, even where it is JSON."""

GONE = 499  # the status in logs of a client that went away


class ClientGoneError(Exception):
    """The client went away before its body was whole, or does not read its answer."""


@dataclass
class Notes:
    """What is known of one request besides what its client sent.

    Attributes:
        request_id: The client's, where it is clean, or a new one.
        deadline: When its time is up, by the event loop's clock.
        log: Further words for its line in the log.
    """

    request_id: str
    deadline: float
    log: dict[str, Any] = field(default_factory=dict)


class Guard:
    """An ASGI application around another.

    Args:
        app: The application that answers.
        settings: The limits.
        measures: Is told of every request.
        log: Is told of every request.
    """

    def __init__(self, app: ASGIApp, *, settings: ServerSettings, measures: Measures, log: Log) -> None:
        self.app, self._settings, self._measures, self._log = app, settings, measures, log
        self._tokens = Tokens(settings.tokens)
        self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass on the server's start and end."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, headers = time.perf_counter(), Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        loop = asyncio.get_running_loop()
        notes = Notes(request_id, loop.time() + self._settings.timeout_s)
        scope["textclf"] = notes
        answer = Answer(send, request_id, most_s=self._settings.timeout_s)
        counted = scope["path"] not in PROBES
        self._in_flight += counted
        self._measures.in_flight(counted)
        try:
            await self._answer(scope, receive, answer, headers, notes)
        except RefusalError as refusal:
            self._measures.rejection(refusal.reason)
            await refusal.response(request_id)(scope, receive, answer.send)
        except ClientGoneError:
            answer.status = GONE
        finally:
            self._in_flight -= counted
            self._measures.in_flight(-counted)
            seconds, method = time.perf_counter() - began, scope["method"]
            route = getattr(scope.get("route"), "path", "other")
            known = method if method in ("GET", "POST", "HEAD", "OPTIONS") else "other"
            self._measures.request(route=route, method=known, status=answer.status, seconds=seconds)
            told = {"method": method[:16], "path": scope["path"][:200], "request_id": request_id}
            self._log.request(status=answer.status, seconds=seconds, **told, **notes.log)

    async def _answer(self, scope: Scope, receive: Receive, answer: Answer, headers: Headers, notes: Notes) -> None:
        self._check_sender(scope, headers)
        body = b""
        if scope["method"] not in ("GET", "HEAD", "OPTIONS"):
            body = await self._read_body(receive, headers, notes)
            body = self._check_body(body, headers, scope)
        gone = asyncio.Event()
        replay = Replay(body, gone)
        work = asyncio.ensure_future(self.app(scope, replay.receive, answer.send))
        watch = asyncio.ensure_future(_disconnect(receive, gone))
        try:
            await asyncio.wait({work, watch}, return_when=asyncio.FIRST_COMPLETED)
            if not answer.whole:  # one that was sent ends by itself
                work.cancel()
            await asyncio.wait({work})
        finally:
            work.cancel()
            watch.cancel()
        await asyncio.wait({work, watch})
        if answer.stuck or (work.cancelled() and not answer.whole):
            answer.status = GONE
        elif not work.cancelled() and (fault := work.exception()) is not None:
            self._log.fault(fault, request_id=notes.request_id)  # the application has answered it with status 500

    def _check_sender(self, scope: Scope, headers: Headers) -> None:
        is_open = scope["path"] in OPEN and scope["method"] in ("GET", "HEAD")
        if self._tokens and not is_open and not self._tokens.admits(headers.get("authorization", "")):
            needed = {"WWW-Authenticate": "Bearer"}
            told = "a token is needed; send the header: Authorization: Bearer TOKEN"
            raise RefusalError(401, told, headers=needed, reason="token")
        if self._in_flight > self._settings.max_requests and scope["path"] not in PROBES:
            told = f"{self._settings.max_requests} requests are being worked on; try again"
            raise RefusalError(429, told, headers={"Retry-After": "1"}, reason="requests")

    async def _read_body(self, receive: Receive, headers: Headers, notes: Notes) -> bytes:
        most, declared = self._settings.max_body, headers.get("content-length", "")
        too_large = RefusalError(
            413,
            f"the body has more than {most} bytes; send less at a time",
            headers={"Connection": "close"},
            reason="body",
        )
        if declared.isdecimal() and int(declared[:20]) > most:
            raise too_large
        held = bytearray()
        try:
            async with asyncio.timeout_at(notes.deadline):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ClientGoneError
                    held += message.get("body", b"")
                    if len(held) > most:
                        raise too_large
                    if not message.get("more_body", False):
                        return bytes(held)
        except TimeoutError as fault:
            told = f"the body was not whole after {self._settings.timeout_s:g} s"
            raise RefusalError(408, told, headers={"Connection": "close"}, reason="time") from fault

    def _check_body(self, body: bytes, headers: Headers, scope: Scope) -> bytes:
        """Return the JSON of a body."""
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        infers = INFER.fullmatch(scope["path"]) is not None
        if body and kind != "application/json" and not (infers and kind in UNNAMED):
            told = "the body must be JSON; send it with the header: Content-Type: application/json"
            raise RefusalError(415, told, reason="content_type")
        length = json_length(headers.get(HEADER, ""), len(body)) if infers else len(body)
        if nesting(body[:length]) > self._settings.max_nesting:
            told = f"brackets of the body nest deeper than {self._settings.max_nesting}"
            raise RefusalError(422, told, faults=[("body", told)], reason="nesting")
        if not infers:
            return body
        MutableHeaders(scope=scope)["content-type"] = "application/json"
        return unpacked(body, length) if HEADER in headers else body


class Answer:
    """What is sent back, with the headers every answer has.

    Attributes:
        status: As sent; 0 before.
        whole: Whether all of it was sent.
        stuck: Whether the client left off reading it.
    """

    def __init__(self, send: Send, request_id: str, *, most_s: float) -> None:
        self._send, self._request_id, self._most_s = send, request_id, most_s
        self.status, self.whole, self.stuck = 0, False, False

    async def send(self, message: Message) -> None:
        """Send a part of the answer.

        Raises:
            ClientGoneError: When the client does not take it in time.
        """
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in {**HEADERS, "X-Request-ID": self._request_id}.items():
                headers.setdefault(name, value)
        try:
            async with asyncio.timeout(self._most_s):
                await self._send(message)
        except TimeoutError as fault:
            self.stuck = True
            raise ClientGoneError from fault
        self.whole = message["type"] == "http.response.body" and not message.get("more_body", False)


class Replay:
    """Gives a body that was read already, and tells of the client's going when it does."""

    def __init__(self, body: bytes, gone: asyncio.Event) -> None:
        self._body: bytes | None = body
        self._gone = gone

    async def receive(self) -> Message:
        """Return the body, and then wait until the client goes."""
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}


def nesting(body: bytes) -> int:
    """Return how deep brackets of a JSON text nest; those in strings do not count."""
    signs = np.frombuffer(STRINGS.sub(b"", body), dtype=np.uint8)
    opened = ((signs == ord("[")) | (signs == ord("{"))).astype(np.int32)
    closed = ((signs == ord("]")) | (signs == ord("}"))).astype(np.int32)
    return int(np.cumsum(opened - closed).max(initial=0))


async def _disconnect(receive: Receive, gone: asyncio.Event) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue
    gone.set()
