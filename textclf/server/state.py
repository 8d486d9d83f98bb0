"""What the routes of a server share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from textclf.server.batching import Batcher, Job, QueueFullError, Work
from textclf.server.guard import Notes
from textclf.server.logs import Log
from textclf.server.measures import Measures
from textclf.server.reading_process import ReadingProcess
from textclf.server.refusals import RefusalError
from textclf.server.served import Shelf
from textclf.server.settings import ServerSettings


@dataclass
class ServerState:
    """What the routes of a server share.

    Attributes:
        settings: The limits.
        shelf: Where the model stands.
        batcher: The queue before it.
        measures: What is counted.
        log: Where things are told.
        reading: Reads pages.
        draining: Whether the server is on its way out, so that it is no longer ready.
        tell_others: Has processes beside this one load the model again.
    """

    settings: ServerSettings
    shelf: Shelf
    batcher: Batcher
    measures: Measures
    log: Log
    reading: ReadingProcess
    draining: bool = False
    tell_others: Callable[[], None] = lambda: None

    def submit(
        self, work: Work, items: Sequence[Any], lengths: Sequence[int], *, deadline: float, alone: bool = False
    ) -> Job:
        """Let texts wait for the model (see `Batcher.submit`).

        Raises:
            RefusalError: When there is no room to wait.
        """
        try:
            return self.batcher.submit(work, items, lengths, deadline=deadline, alone=alone)
        except QueueFullError as full:
            told = f"the queue is full; try again in {full.retry_after} s"
            headers = {"Retry-After": str(full.retry_after)}
            raise RefusalError(429, told, headers=headers, reason="queue") from full


def state_of(request: Request) -> ServerState:
    """Return what the routes share."""
    found: ServerState = request.app.state.server
    return found


def notes_of(request: Request) -> Notes:
    """Return what is known of a request."""
    found: Notes = request.scope["textclf"]
    return found


def too_late(settings: ServerSettings) -> RefusalError:
    """Return the refusal of a request that took too long."""
    return RefusalError(408, f"it was not done in {settings.timeout_s:g} s; send less at a time", reason="time")
