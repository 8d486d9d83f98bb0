"""Several processes behind one port: who begins them, tells them signals, and puts another where one is killed.

They share one listening socket, so a connection that waits goes to whichever is free, and one that is killed takes only
the requests it was working on with it.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from textclf.errors import BundleError, ConfigError
from textclf.models.running import cores
from textclf.server.logs import Log
from textclf.server.settings import ServerSettings

COUNTERS = "PROMETHEUS_MULTIPROC_DIR"  # where prometheus_client keeps counters that processes share
LONGEST_WAIT = 30.0  # seconds before a worker that does not begin is begun again


class Workers:
    """The processes of one server.

    Args:
        path: The model's folder.
        settings: The limits, of each.
        listener: Holds the address; it is theirs to listen at.
        number: How many.
        counters: The folder of the counters they share.
        log: Is told of those that end.
    """

    def __init__(
        self, path: Path, settings: ServerSettings, listener: socket.socket, *, number: int, counters: Path, log: Log
    ) -> None:
        self._number, self._listener, self._counters, self._log = number, listener, counters, log
        orders = {"path": str(path.resolve()), "listener": listener.fileno(), "settings": asdict(settings)}
        self._orders = json.dumps(orders, default=str).encode() + b"\n"
        self._processes: set[Process] = set()
        self._ready: set[Process] = set()
        self._reloads = 0
        self._begun = False
        self._leaving = asyncio.Event()

    async def run(self, *, address: str) -> None:
        """Keep so many at work until SIGTERM or SIGINT, and return when all have finished.

        Raises:
            BundleError: When one cannot begin at the start.
        """
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, self._leave, signum)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        tasks = [asyncio.ensure_future(self._keep(address)) for _ in range(self._number)]
        try:
            await asyncio.gather(*tasks)
        finally:
            self._leaving.set()
            self._tell(signal.SIGTERM)
            await asyncio.gather(*tasks, return_exceptions=True)

    def _leave(self, signum: int) -> None:
        self._leaving.set()
        self._listener.close()  # the workers hold it as long as they need it
        self._tell(signum)

    def _reload(self) -> None:
        """Have the model loaded again by those that serve; one that is beginning is told when it does."""
        self._reloads += 1
        for process in self._ready:
            if process.returncode is None:
                process.send_signal(signal.SIGHUP)

    def _tell(self, signum: int) -> None:
        for process in self._processes:
            if process.returncode is None:
                process.send_signal(signum)

    async def _keep(self, address: str) -> None:
        """Let a process work, and another after it, until it is time to leave."""
        told, wait = await self._work(address), 0.0
        if not self._leaving.is_set() and told.get("is") != "ready":
            raise BundleError(told.get("message", "a worker ended before it was ready; what it wrote above tells why"))
        while not self._leaving.is_set():
            self._log.event("a worker ended; another takes its place", exit_code=told["code"], after_s=wait)
            try:
                await asyncio.wait_for(self._leaving.wait(), wait or 0.001)
            except TimeoutError:
                told = await self._work(address)
                wait = 0.0 if told.get("is") == "ready" else min(2 * wait + 1, LONGEST_WAIT)

    async def _work(self, address: str) -> dict[str, Any]:
        """Let one process work until it ends; return the last it told, and its exit code."""
        held, reloads = self._listener.fileno(), self._reloads
        command = (sys.executable, "-m", "textclf.server.worker")
        process = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, pass_fds=(held,), env=self._environment(), start_new_session=True
        )
        self._processes.add(process)
        if self._leaving.is_set():
            process.terminate()
        assert process.stdin is not None  # noqa: S101 (a pipe was asked for)
        assert process.stdout is not None  # noqa: S101
        process.stdin.write(self._orders)
        told: dict[str, Any] = {}
        async for line in process.stdout:
            said = json.loads(line)
            if said["is"] == "reload":
                self._reload()
                continue
            told = said
            if said["is"] == "ready":
                self._serves(process, said, address, late=self._reloads != reloads)
        code = await process.wait()
        self._processes.discard(process)
        self._ready.discard(process)
        _forget(process.pid, self._counters)
        return {**told, "code": code}

    def _serves(self, process: Process, said: Mapping[str, str], address: str, *, late: bool) -> None:
        """Take down that a process serves; tell of the server when all do for the first time."""
        self._ready.add(process)
        if late:
            process.send_signal(signal.SIGHUP)
        if len(self._ready) == self._number and not self._begun:
            self._begun = True
            about = {"version": said["version"], "workers": self._number}
            self._log.event(f"serving {said['name']} at {address}", **about)

    def _environment(self) -> Mapping[str, str]:
        """Return the environment of a worker: its share of the cores, and where to count."""
        share = str(max(cores() // self._number, 1))
        return {"OMP_NUM_THREADS": share, "RAYON_NUM_THREADS": share, **os.environ, COUNTERS: str(self._counters)}


def run_workers(
    path: Path, settings: ServerSettings, listener: socket.socket, *, number: int, address: str, log: Log
) -> None:
    """Serve a model in several processes until SIGTERM or SIGINT.

    Args:
        path: The model's folder.
        settings: The limits, of each process.
        listener: Holds the address.
        number: How many processes.
        address: What the address is called.
        log: Is told that the server is ready, and of processes that end.

    Raises:
        ConfigError: Where the system cannot hand a port to other processes.
        BundleError: When the model does not load.
    """
    if os.name != "posix":
        raise ConfigError("--workers needs a system that hands a port to other processes, such as Linux; leave it at 1")

    async def run(counters: str) -> None:
        """Run them by an event loop, which the events in them belong to."""
        await Workers(path, settings, listener, number=number, counters=Path(counters), log=log).run(address=address)

    with tempfile.TemporaryDirectory(prefix="textclf-counters-") as counters:
        asyncio.run(run(counters))


def _forget(pid: int, counters: Path) -> None:
    """Leave what a process was doing out of the gauges; what it has done still counts."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(pid, path=str(counters))
