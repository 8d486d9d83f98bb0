"""The Ray engine: the same bytes as the local one, each row once, whatever dies."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import make_articles
from tests.ray_actors import FragileActor
from tests.test_bulk import lines_of, rows_of
from tests.test_bundle import train_tiny
from tests.test_faults_of_the_disk import state
from textclf.bulk import ray_engine
from textclf.bulk.blocks import Block
from textclf.bulk.in_process import in_process
from textclf.bulk.job import BulkSummary, label_in_bulk
from textclf.bulk.output import Done
from textclf.bulk.ray_engine import run_on_ray
from textclf.bulk.work import Job
from textclf.bundle import load_bundle
from textclf.cli import main
from textclf.errors import BundleError, DataError, MissingExtraError, ModelError, TextclfError
from textclf.files import WriteError

ray = pytest.importorskip("ray")
ROOT = Path(__file__).parent.parent
BLOCK_ROWS = 8
Write = Callable[..., Path]
Label = Callable[..., BulkSummary]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tiny(tmp_path_factory.mktemp("tfidf"), "tfidf")


@pytest.fixture(scope="module")
def small_ray() -> Iterator[None]:
    """Have a Ray of two cores running, as the engine starts it; a machine too busy to start one skips these tests."""
    with ExitStack() as stack:
        try:
            stack.enter_context(ray_engine._cluster(ray, None, 2))
        except ModelError as fault:
            pytest.skip(str(fault))
        yield


@pytest.fixture
def source(write_jsonl: Write) -> Path:
    return write_jsonl(make_articles(20, seed=3), "in.jsonl")


@pytest.fixture
def wanted(bundle: Path, source: Path, tmp_path: Path) -> dict[str, Any]:
    """Return what a single process makes of the source."""
    label_in_bulk(bundle, [source], tmp_path / "wanted", engine=in_process(load_bundle(bundle)), block_rows=BLOCK_ROWS)
    return state(tmp_path / "wanted")


@pytest.fixture
def label(bundle: Path, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Label:
    """Give a function that labels with Ray, by actors over which files have power."""
    monkeypatch.setattr(ray_engine, "BlockActor", FragileActor)

    def run(**settings: Any) -> BulkSummary:
        given = {"engine": "ray", "processes": 2, "block_rows": BLOCK_ROWS, **settings}
        return label_in_bulk(bundle, [given.pop("source", source)], tmp_path / "out", **given)

    return run


@pytest.mark.usefixtures("small_ray")
def test_it_writes_the_bytes_of_a_single_process_and_a_resumed_job_does_only_what_is_left(
    label: Label, wanted: dict[str, Any], tmp_path: Path
) -> None:
    summary = label(processes=1)
    assert state(tmp_path / "out") == wanted
    assert summary.new_blocks == summary.blocks > 4
    parts = sorted((tmp_path / "out" / "labels").iterdir())
    before = {path: path.stat().st_mtime_ns for path in parts[2:]}
    for path in parts[:2]:
        path.unlink()
    assert label(processes=1, resume=True).new_blocks == 2
    assert state(tmp_path / "out") == wanted
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert ray.is_initialized()  # it was there before, so it is left running


@pytest.mark.usefixtures("small_ray")
def test_a_row_that_ends_processes_is_set_aside(label: Label, tmp_path: Path) -> None:
    texts = [f"shells fell {n}" for n in range(4)] + ["DEADLY"]
    path = tmp_path / "poison.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    label(source=path, processes=1)
    assert [row["text"] for row in rows_of(tmp_path / "out")] == texts[:4]
    assert [one["line"] for one in lines_of(tmp_path / "out" / "rejects")] == [5]


def away(folder: Path) -> Any:
    """Return an engine before whose work a folder goes away, as on a machine that does not share it."""

    def run(job: Job, blocks: Sequence[Block]) -> Iterator[Done]:
        folder.rename(folder.with_name("elsewhere"))
        try:
            yield from run_on_ray(job, blocks, processes=1)
        finally:
            folder.with_name("elsewhere").rename(folder)

    return run


@pytest.mark.usefixtures("small_ray")
@pytest.mark.parametrize(("gone", "kind"), [("model", BundleError), ("out", DataError)])
def test_a_worker_that_does_not_see_a_folder_says_so(
    gone: str, kind: type[TextclfError], bundle: Path, source: Path, tmp_path: Path
) -> None:
    shutil.copytree(bundle, tmp_path / "model")
    with pytest.raises(kind, match="every node shares"):
        label_in_bulk(tmp_path / "model", [source], tmp_path / "out", engine=away(tmp_path / gone))
    assert not (tmp_path / "out" / "labels").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--engine", "local", "--address", "auto"], "--address is for --engine ray"),
        (["--engine", "local", "--gpus", "1"], "--gpus is for --engine ray"),
        (["--address", "auto"], "add --engine"),
        (["--engine", "ray", "--processes", "0"], "--processes must be at least 1"),
        (["--engine", "ray", "--gpus", "-1"], "--gpus must not be negative"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    arguments: list[str], told: str, bundle: Path, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["predict", str(bundle), str(source), "--out", str(tmp_path / "out"), *arguments])
    assert told in capsys.readouterr().err


def test_without_ray_it_says_what_to_install(
    bundle: Path, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"textclf\[ray\]"):
        label_in_bulk(bundle, [source], tmp_path / "out", engine="ray")


def test_an_address_where_no_cluster_is_ends_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    def refusing(*given: Any, **options: Any) -> None:
        raise ConnectionError("Could not find any running Ray instance")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", refusing)
    with (
        pytest.raises(ModelError, match="no Ray cluster answers at auto: Could not find"),
        ray_engine._cluster(ray, "auto", None),
    ):
        pass


def test_the_job_for_kubernetes_asks_for_what_there_is() -> None:
    job = yaml.safe_load((ROOT / "deploy" / "ray-job.yaml").read_text(encoding="utf-8"))
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    spec = job["spec"]
    words = spec["entrypoint"].split()
    assert words[:2] == ["textclf", "predict"]
    assert {"--engine", "ray", "--address", "auto", "--resume", "--out"} <= set(words)
    cluster = spec["rayClusterSpec"]
    [workers] = cluster["workerGroupSpecs"]
    assert workers["minReplicas"] <= workers["replicas"] <= workers["maxReplicas"]
    mounts = []
    for group in (cluster["headGroupSpec"], workers):
        [container] = group["template"]["spec"]["containers"]
        mounts.append({mount["mountPath"] for mount in container["volumeMounts"]})
    assert mounts[0] == mounts[1]  # every node sees the model, the input and the output in the same place


# Drills: something dies, or is full, in the midst of the work.


@pytest.mark.slow
@pytest.mark.usefixtures("small_ray")
def test_killed_actors_cost_nothing_but_time(label: Label, wanted: dict[str, Any], tmp_path: Path) -> None:
    for kill in ("kill-before-1", "kill-after-3"):
        (tmp_path / kill).touch()
    summary = label()
    assert state(tmp_path / "out") == wanted
    assert summary.new_blocks == summary.blocks
    assert list(tmp_path.glob("kill-*")) == []


@pytest.mark.slow
@pytest.mark.usefixtures("small_ray")
def test_a_block_over_which_actor_after_actor_is_lost_is_given_up_and_the_others_are_done(
    label: Label, wanted: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_engine, "LOSSES", 1)
    (tmp_path / "kill-before-1").touch()
    with pytest.raises(ModelError, match="block 1 was given up after 1 Ray actors"):
        label()
    assert not (tmp_path / "out" / "labels" / "part-00001.parquet").exists()
    assert label(resume=True).new_blocks == 1
    assert state(tmp_path / "out") == wanted


@pytest.mark.slow
@pytest.mark.usefixtures("small_ray")
def test_a_full_disk_stops_it_and_a_resumed_job_ends_as_if_nothing_had_been(
    label: Label, wanted: dict[str, Any], tmp_path: Path
) -> None:
    def filling(job: Job, blocks: Sequence[Block]) -> Iterator[Done]:
        for done in run_on_ray(job, blocks, processes=2):
            (tmp_path / "full").touch()
            yield done

    with pytest.raises(WriteError, match="free some space"):
        label(engine=filling)
    assert list(tmp_path.rglob("*.partial")) == []
    (tmp_path / "full").unlink()
    label(resume=True)
    assert state(tmp_path / "out") == wanted


DRIVER = """
    import os, signal, sys
    from textclf.bulk.job import label_in_bulk
    from textclf.bulk.ray_engine import run_on_ray

    def run(job, blocks):
        for number, done in enumerate(run_on_ray(job, blocks, processes=2)):
            yield done
            if number == 2:
                os.kill(os.getpid(), getattr(signal, sys.argv[4]))

    label_in_bulk(sys.argv[1], [sys.argv[2]], sys.argv[3], engine=run, block_rows=8)
"""


def in_a_process(*command: str, ends: int) -> str:
    """Run a command without the Ray of this process, and return what it says."""
    ended = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == ends, ended.stderr
    return ended.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("way", "ends"), [("SIGKILL", -signal.SIGKILL), ("SIGTERM", 1), ("SIGINT", -signal.SIGINT)])
def test_after_a_killed_driver_the_command_goes_on_with_a_ray_of_its_own(
    way: str, ends: int, bundle: Path, source: Path, wanted: dict[str, Any], tmp_path: Path
) -> None:
    out = str(tmp_path / "out")
    in_a_process("-c", textwrap.dedent(DRIVER), str(bundle), str(source), out, way, ends=ends)
    there = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "labels").glob("part-*.parquet")}
    assert len(there) >= 3
    settings = ["--engine", "ray", "--out", out, "--processes", "1", "--block-rows", str(BLOCK_ROWS), "--resume"]
    in_a_process("-m", "textclf", "predict", str(bundle), str(source), *settings, ends=0)
    assert state(tmp_path / "out") == wanted
    assert {path: path.stat().st_mtime_ns for path in there} == there


NODES = """
    import sys
    import ray
    from ray.cluster_utils import Cluster
    from textclf.bulk.job import label_in_bulk
    from textclf.bulk.ray_engine import run_on_ray

    settings = {"num_cpus": 1, "object_store_memory": 80_000_000}
    cluster = Cluster(initialize_head=True, head_node_args={**settings, "include_dashboard": False})
    lost = cluster.add_node(**settings)
    ray.init(cluster.address, log_to_driver=False)

    def run(job, blocks):
        for number, done in enumerate(run_on_ray(job, blocks, processes=2)):
            yield done
            if number == 2:
                cluster.remove_node(lost, allow_graceful=False)

    label_in_bulk(sys.argv[1], [sys.argv[2]], sys.argv[3], engine=run, block_rows=8)
    ray.shutdown()
    cluster.shutdown()
"""


@pytest.mark.slow
def test_a_lost_node_costs_nothing_but_time_though_none_comes_in_its_place(
    bundle: Path, source: Path, wanted: dict[str, Any], tmp_path: Path
) -> None:
    in_a_process("-c", textwrap.dedent(NODES), str(bundle), str(source), str(tmp_path / "out"), ends=0)
    assert state(tmp_path / "out") == wanted
