"""Two processes tune by one database, as two machines would: no trial too many, none twice, and the same winner."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_tune import SPACE, config, project
from textclf.config import load_config
from textclf.models.registry import get_kind
from textclf.search_space import read_space
from textclf.study.plots import import_matplotlib
from textclf.study.storage import import_optuna
from textclf.tune import TuningResult, tune

__all__ = ["project"]  # the fixture
pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # of forks
TRIALS = 6


def search(storage: str, out: str) -> TuningResult:
    found, space = config(), Path(f"{out}.space.yaml")
    space.write_text(SPACE)
    return tune(found, trials=TRIALS, space=read_space(space, found), storage=storage, out=out)


def check_shared(storage: str) -> None:
    """Tune in two processes, each with outputs of its own, and look at what both left."""
    import_optuna(), import_matplotlib(), get_kind("tfidf")  # once, before the fork
    fork = multiprocessing.get_context("fork")
    both = [fork.Process(target=search, args=(storage, out)) for out in ("one", "two")]
    for process in both:
        process.start()
    for process in both:
        process.join(timeout=300)
    assert [process.exitcode for process in both] == [0, 0]
    after = search(storage, "after")
    done = [trial for trial in after.trials if trial.state != "surplus"]
    assert [trial.state for trial in done] == ["complete"] * TRIALS
    assert len({trial.settings["model.options.C"] for trial in done}) == TRIALS
    assert workers(storage) == 2
    for out in ("one", "two"):  # the one that ended first has written what it saw
        assert (Path(out) / "best.yaml").is_file()
    settings = [load_config(Path(out) / "best.yaml").options() for out in ("one", "two", "after")]
    assert after.config.options() == settings[2]
    assert settings[2] in settings[:2]
    assert {"history.svg", "trials.csv"} <= {path.name for path in Path("after").iterdir()}


def workers(storage: str) -> int:
    """Return how many processes finished trials of the study."""
    import optuna

    kept = optuna.storages.RDBStorage(storage)
    try:
        trials = optuna.load_study(study_name="small", storage=kept).get_trials(deepcopy=False)
        return len({trial.user_attrs["worker"] for trial in trials if trial.state.name == "COMPLETE"})
    finally:
        kept.remove_session()
        kept.engine.dispose()


def test_two_processes_share_a_sqlite_file(project: Path) -> None:
    check_shared(f"sqlite:///{project}/shared.db")


@pytest.fixture
def postgres() -> Iterator[str]:
    """Give the URL of a database of a PostgreSQL server of its own, stopped afterwards."""
    pytest.importorskip("psycopg", reason="needs the extra tune-postgres")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("no PostgreSQL under /usr/lib/postgresql; Debian's package postgresql brings one")
    prefix: list[str] = []
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        if shutil.which("runuser") is None:
            pytest.skip("run as another user than root, or install runuser")
        prefix = ["runuser", "-u", "postgres", "--"]
    folder = Path(tempfile.mkdtemp(prefix="textclf-postgres-"))  # pytest's own are closed to other users
    data = folder / "data"
    if prefix:
        shutil.chown(folder, "postgres")
    bin_ = found[-1].parent
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def run(*command: str) -> None:
        subprocess.run([*prefix, *command], check=True, capture_output=True, cwd=folder, stdin=subprocess.DEVNULL)

    run(f"{bin_}/initdb", "-D", str(data), "-U", "me", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
    run(f"{bin_}/pg_ctl", "-D", str(data), "-o", options, "-l", str(folder / "log"), "-w", "start")
    try:
        yield f"postgresql+psycopg://me@127.0.0.1:{port}/postgres"
    finally:
        run(f"{bin_}/pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder)


@pytest.mark.postgres
def test_two_processes_share_a_postgresql_database(project: Path, postgres: str) -> None:
    check_shared(postgres)
