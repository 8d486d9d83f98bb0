"""Bulk labelling on Ray: the same parts as one process writes, whatever dies on the way."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import make_articles
from tests.test_bundle import train_tiny
from textclf.bulk.blocks import make_plan
from textclf.bulk.in_process import in_process
from textclf.bulk.job import bundle_fingerprint, label_in_bulk
from textclf.bulk.ray_engine import Actor, _connected, _import_ray, _model_here, _packed, _room
from textclf.bulk.work import Job
from textclf.bundle import load_bundle
from textclf.cli import main
from textclf.errors import BundleError, DataError, MissingExtraError

ROOT = Path(__file__).parent.parent
Write = Callable[..., Path]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tiny(tmp_path_factory.mktemp("tfidf"), "tfidf")


@pytest.fixture
def source(write_jsonl: Write) -> Path:
    return write_jsonl(make_articles(20, seed=3), "in.jsonl")


def parts(out: Path) -> dict[str, bytes]:
    return {p.relative_to(out).as_posix(): p.read_bytes() for p in sorted(out.rglob("part-*"))}


@pytest.fixture
def plain(bundle: Path, source: Path, tmp_path: Path) -> Path:
    label_in_bulk(bundle, [source], tmp_path / "plain", engine=in_process(load_bundle(bundle)), block_rows=8)
    return tmp_path / "plain"


def job_of(out: Path, model: Path) -> Job:
    return Job(str(model), str(out), json.loads((out / "manifest.json").read_text())["job"])


def answer_of(actor: Actor, block: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(actor({"block": json.dumps(block.to_json())})["told"])
    return found


@pytest.fixture
def begun() -> Iterator[list[Actor]]:
    """Give a list whose actors' processes are ended."""
    actors: list[Actor] = []
    yield actors
    for actor in actors:
        actor.stop()


def test_an_actor_writes_the_bytes_that_one_process_writes(
    begun: list[Actor], bundle: Path, source: Path, plain: Path
) -> None:
    expected, block = parts(plain), make_plan([source], block_rows=8).blocks[2]
    (plain / "labels/part-00002.parquet").unlink()
    begun.append(Actor(job_of(plain, bundle), bundle_fingerprint(bundle), None))
    assert answer_of(begun[0], block)["done"]["rows"] > 0
    assert parts(plain) == expected


def test_an_actor_refuses_a_folder_that_is_not_the_jobs(
    begun: list[Actor], bundle: Path, source: Path, tmp_path: Path
) -> None:
    block = make_plan([source]).blocks[0]
    begun.append(Actor(Job(str(bundle), str(tmp_path / "other"), "x"), bundle_fingerprint(bundle), None))
    answer = answer_of(begun[0], block)
    assert answer["kind"] == "DataError"
    assert "give one that all nodes share" in answer["fault"]
    assert not (tmp_path / "other").exists()


class Sent:
    """What stands for a bundle in Ray's store."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, content: dict[str, bytes]) -> None:
        self.asked = 0
        self.content = content
        monkeypatch.setattr(_import_ray(), "get", self.get)

    def get(self, reference: Any) -> dict[str, bytes]:
        assert reference == "reference"
        self.asked += 1
        return self.content


def test_a_bundle_that_a_node_does_not_see_is_unpacked_there_once(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    sent = Sent(monkeypatch, _packed(bundle) or {})
    given = tmp_path / "elsewhere", bundle_fingerprint(bundle), ["reference"]
    places = {_model_here(*given) for _ in range(2)}
    assert len(places) == sent.asked == 1
    assert load_bundle(places.pop()).labels == load_bundle(bundle).labels


def test_a_bundle_too_large_to_send_must_be_where_the_job_says(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("textclf.bulk.ray_engine.LARGEST_SENT", 1_000)
    assert _packed(bundle) is None
    assert _model_here(bundle, bundle_fingerprint(bundle), None) == bundle
    with pytest.raises(BundleError, match="put it at the same path on every node"):
        _model_here(tmp_path, bundle_fingerprint(bundle), None)


@pytest.mark.parametrize(
    ("resources", "gpus", "room"),
    [({"CPU": 8.0}, 0, 8), ({"CPU": 8.0, "GPU": 2.0}, 0.5, 4), ({"CPU": 2.0, "GPU": 4.0}, 1, 2), ({}, 0, 1)],
)
def test_there_are_as_many_actors_as_there_is_room_for(resources: dict[str, float], gpus: float, room: int) -> None:
    assert _room(resources, gpus) == room


def test_without_ray_it_says_what_to_install(
    bundle: Path, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"textclf\[ray\]"):
        label_in_bulk(bundle, [source], tmp_path / "out", engine="ray")


def test_an_address_without_a_cluster_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray")

    def nobody(**given: Any) -> None:
        raise ConnectionError(f"nobody at {given['address']}")

    monkeypatch.setattr(ray, "init", nobody)
    with pytest.raises(DataError, match="no Ray cluster at --address auto: nobody at auto"), _connected(ray, "auto"):
        pass


@pytest.mark.parametrize("option", [["--address", "auto"], ["--gpus", "1"]])
def test_options_of_ray_go_with_ray_alone(
    option: list[str], bundle: Path, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["predict", str(bundle), str(source), "--out", str(tmp_path / "out"), "--engine", "local", *option]
    assert main(command) == 1
    assert f"{option[0]} is for --engine ray" in capsys.readouterr().err


def test_the_job_for_kubernetes_runs_a_command_that_there_is_with_the_versions_installed_here() -> None:
    import re
    from importlib.metadata import version

    import yaml
    from typer.main import get_command

    from textclf.cli import make_app

    job = yaml.safe_load((ROOT / "deploy" / "ray-job.yaml").read_text(encoding="utf-8"))
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    pytest.importorskip("ray")
    assert job["spec"]["rayClusterSpec"]["rayVersion"] == version("ray")
    words = job["spec"]["entrypoint"].split()
    assert words[:2] == ["textclf", "predict"]
    known = {o for p in get_command(make_app()).commands["predict"].params for o in p.opts}  # type: ignore[attr-defined]
    assert {word for word in words if re.match("--", word)} <= known
    pods = [job["spec"]["rayClusterSpec"]["headGroupSpec"], *job["spec"]["rayClusterSpec"]["workerGroupSpecs"]]
    for pod in (p["template"]["spec"] for p in pods):
        mounted = {mount["name"] for container in pod["containers"] for mount in container["volumeMounts"]}
        assert mounted == {volume["name"] for volume in pod["volumes"]}
