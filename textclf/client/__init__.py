"""A model behind `textclf serve`, asked over HTTP, as if it were here."""

from textclf.client.asynchronous import AsyncClient
from textclf.client.blocking import Client
from textclf.client.faults import (
    AccessError,
    BusyError,
    RefusedError,
    RemoteError,
    TooLargeError,
    UnreachableError,
)
from textclf.client.remote import RemoteModel, WordWeights

__all__ = [
    "AccessError",
    "AsyncClient",
    "BusyError",
    "Client",
    "RefusedError",
    "RemoteError",
    "RemoteModel",
    "TooLargeError",
    "UnreachableError",
    "WordWeights",
]
