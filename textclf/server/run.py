"""Running the server: the port, the signals, and the way out."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

from textclf.errors import BundleError, ConfigError, import_extra
from textclf.server.app import make_app
from textclf.server.logs import Log
from textclf.server.served import Served
from textclf.server.settings import ServerSettings
from textclf.server.state import ServerState
from textclf.server.workers import run_workers

LOCAL = ("127.0.0.1", "::1", "localhost")
BACKLOG = 2_048  # connections that may wait to be taken


def serve(
    path: str | Path, *, host: str = "127.0.0.1", port: int = 8000, settings: ServerSettings, workers: int = 1
) -> None:
    """Serve a model over HTTP until SIGTERM or SIGINT; work that was taken by then is finished.

    Args:
        path: The model's folder. SIGHUP loads it again.
        host: The address to listen at.
        port: The port; 0 takes one that is free and tells which.
        settings: The limits; each worker's own.
        workers: Processes that serve; with more than one, a further one begins and watches them.

    Raises:
        BundleError: When the model does not load.
        ConfigError: When the port cannot be had.
        MissingExtraError: When the extra `serve` is not installed.
    """
    import_extra("uvicorn", extra="serve", purpose="textclf serve")
    log = Log(as_json=settings.log_json)
    with open_port(host, port) as listener:
        address = f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"
        if host not in LOCAL and not settings.tokens:
            log.event("anybody who reaches this port is let in; give tokens with --token-file")
        if workers > 1:
            run_workers(Path(path), settings, listener, number=workers, address=address, log=log)
        else:
            served = Served.load(Path(path), name=settings.name)
            told = f"serving {served.name} at {address}"
            on_ready = partial(log.event, told, version=served.version)
            run_server(Path(path), served, settings, listener, log=log, on_ready=on_ready)
    log.event("stopped; everything that was taken is answered")


def run_server(
    path: Path,
    served: Served,
    settings: ServerSettings,
    listener: socket.socket,
    *,
    log: Log,
    at_a_time: int = BACKLOG,
    on_ready: Callable[[], None] = lambda: None,
    tell_others: Callable[[], None] = lambda: None,
) -> None:
    """Serve a model in this process until SIGTERM or SIGINT.

    Args:
        path: The model's folder.
        served: The model as loaded from it.
        settings: The limits.
        listener: Where requests come in.
        log: Where to tell of requests.
        at_a_time: Connections taken in one go.
        on_ready: Called when requests are taken.
        tell_others: Called when a request had the model loaded again, for processes beside this one.
    """
    uvicorn = import_extra("uvicorn", extra="serve", purpose="textclf serve")
    guard: Any = make_app(path, served, settings, log=log)
    state: ServerState = guard.app.state.server
    state.tell_others = tell_others
    config = uvicorn.Config(
        guard,
        access_log=False,
        log_config=None,
        server_header=False,
        ws="none",
        lifespan="on",
        backlog=at_a_time,
        loop="auto" if at_a_time == BACKLOG else "asyncio",  # uvloop takes all that wait, whatever it is told
        timeout_graceful_shutdown=int(settings.timeout_s) + 5,
    )
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(_run(uvicorn.Server(config), listener, state, log, on_ready))


async def _run(
    server: Any, listener: socket.socket, state: ServerState, log: Log, on_ready: Callable[[], None]
) -> None:
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[None]] = set()

    def leave(signum: int, _: Any) -> None:
        loop.call_soon_threadsafe(begin_to_leave, signum)

    def begin_to_leave(signum: int) -> None:
        """Be no longer ready, and close the port once what was taken is done."""
        wait = 0.0 if state.draining or signum == signal.SIGINT else state.settings.drain_s
        state.draining = True
        log.event(f"{signal.Signals(signum).name}: finishing what was taken", port_closes_in_s=wait)
        loop.call_later(wait, setattr, server, "should_exit", True)

    def begin(work: Coroutine[Any, Any, None]) -> None:
        """Let work go on beside the requests."""
        task = loop.create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    async def wait_until_ready() -> None:
        """Tell that requests are taken, once they are."""
        while not server.started:
            await asyncio.sleep(0.01)
        on_ready()

    server.handle_exit = leave  # uvicorn installs it for SIGTERM and SIGINT
    if hasattr(signal, "SIGHUP"):
        loop.add_signal_handler(signal.SIGHUP, lambda: begin(_reload(state)))
    await state.reading.start()  # so that the first article waits less
    begin(wait_until_ready())
    await server.serve(sockets=[listener])


async def _reload(state: ServerState) -> None:
    try:
        served = await state.shelf.reload()
    except BundleError as fault:
        state.log.event("reload refused", reason=str(fault))
    else:
        state.log.event("reloaded", model=served.name, version=served.version)


def open_port(host: str, port: int) -> socket.socket:
    """Return a socket that holds an address; it does not listen yet.

    Raises:
        ConfigError: When the address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # so that asyncio sends without delay
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as fault:
        listener.close()
        told = getattr(fault, "strerror", None) or fault
        raise ConfigError(f"cannot listen at {host}, port {port}: {told}. Choose another --host or --port") from fault
    return listener
