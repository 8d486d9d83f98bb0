"""A write that fails, or a process that dies, at any point leaves the old or the new, never a mixture."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import LABELS, make_articles
from tests.models import make_encoder
from tests.test_bundle import train_tiny
from tests.test_predict import make_model
from textclf import files
from textclf.bundle import load_bundle, save_bundle
from textclf.bundle_check import check_bundle
from textclf.datasets.convert import convert_labelled
from textclf.errors import TextclfError
from textclf.files import written_aside
from textclf.locks import LockedError, held
from textclf.predict import predict_files

ROOT = Path(__file__).parent.parent


@dataclass
class Calls:
    """Counts the calls to the disk, and lets one of them do something else."""

    nth: int
    act: Callable[[], None]
    made: int = 0

    def tick(self) -> None:
        self.made += 1
        if self.made == self.nth:
            self.act()


class Ticking:
    """A file whose every write is a call."""

    def __init__(self, file: Any, calls: Calls) -> None:
        self.file, self.calls = file, calls

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)

    def __enter__(self) -> Ticking:
        self.file.__enter__()
        return self

    def __exit__(self, *given: Any) -> Any:
        return self.file.__exit__(*given)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.file)

    def write(self, content: Any) -> Any:
        self.calls.tick()
        return self.file.write(content)


@contextmanager
def watched(calls: Calls, patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Count every opening for writing, write, sync, new folder, move and exchange of the block."""
    plain_open, plain_exchange = io.open, files._exchange

    def opened(file: Any, mode: str = "r", *given: Any, **options: Any) -> Any:
        if not set(mode) & set("wax+"):
            return plain_open(file, mode, *given, **options)
        calls.tick()
        return Ticking(plain_open(file, mode, *given, **options), calls)

    def ticking(plain: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **options: Any) -> Any:
            calls.tick()
            return plain(*given, **options)

        return call

    with patch.context() as inner:
        inner.setattr(io, "open", opened)
        for name in ("fsync", "replace", "rename", "mkdir", "write"):
            inner.setattr(os, name, ticking(getattr(os, name)))
        inner.setattr(files, "_exchange", ticking(plain_exchange))
        yield


def state(path: Path) -> dict[str, bytes]:
    """Return everything in a file or folder."""
    if path.is_file():
        return {"": path.read_bytes()}
    return {f.relative_to(path).as_posix(): f.read_bytes() for f in sorted(path.rglob("*")) if f.is_file()}


def fail_at_every_call(
    work: Callable[[], object],
    target: Path,
    patch: pytest.MonkeyPatch,
    *,
    code: int,
    whole: Callable[[], bool],
    step: int = 1,
) -> int:
    """Let each call in turn fail; after each the target is what it was or whole and new. Return how many there were."""
    nth, told = 1, 0

    def act() -> None:
        raise OSError(code, os.strerror(code))

    while True:
        before = state(target)
        calls = Calls(nth, act)
        with watched(calls, patch):
            try:
                work()
            except TextclfError:
                told += 1
        strays = [p.name for p in target.parent.iterdir() if p.name.endswith((".partial", ".old"))]
        assert strays == [], f"call {nth}"
        assert state(target) == before or whole(), f"call {nth}"
        if calls.made < nth:
            break
        nth += step
    assert told > 0
    return nth


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tiny(tmp_path_factory.mktemp("tfidf"), "tfidf")


CODES = [errno.ENOSPC, errno.EIO]
card_of: Callable[[Any], dict[str, Any]] = lambda model: {k: model.card[k] for k in ("config", "data")}  # noqa: E731


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("there", [True, False], ids=["over an old one", "new"])
def test_a_bundle_is_the_old_or_the_new_whatever_call_fails(
    code: int, there: bool, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, target = load_bundle(bundle), tmp_path / "bundle"
    if there:
        save_bundle(model, target, kind="tfidf", card=card_of(model))
    cases = fail_at_every_call(
        lambda: save_bundle(model, target, kind="tfidf", card=card_of(model)),
        target,
        monkeypatch,
        code=code,
        whole=lambda: check_bundle(target) == [],
    )
    assert cases > 10
    np.testing.assert_array_equal(load_bundle(target).predict_proba(["shells"]), model.predict_proba(["shells"]))


def source_of(folder: Path) -> Path:
    source = folder / "source.jsonl"
    source.write_text("".join(json.dumps({"text": f"a fight {n}"}) + "\n" for n in range(5)), encoding="utf-8")
    return source


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("ending", [".jsonl", ".csv", ".parquet"])
def test_a_prediction_is_the_old_or_the_new_whatever_call_fails(
    code: int, ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, source, target = make_model(), source_of(tmp_path), tmp_path / f"out{ending}"
    predict_files(model, [source], out=tmp_path / f"wanted{ending}")
    wanted = state(tmp_path / f"wanted{ending}")
    target.write_bytes(b"old")
    cases = fail_at_every_call(
        lambda: predict_files(model, [source], out=target),
        target,
        monkeypatch,
        code=code,
        whole=lambda: state(target) == wanted,
    )
    assert cases > 3


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("name", ["out.csv", "out.jsonl", "out.spacy", "out.json"])
def test_a_conversion_is_the_old_or_the_new_whatever_call_fails(
    code: int, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / name
    source.write_text(
        "".join(json.dumps(a.to_json()) + "\n" for a in make_articles(3, uncertain=False)), encoding="utf-8"
    )
    write_as = {"write_as": "label_studio"} if name.endswith(".json") else {}
    convert_labelled(source, tmp_path / f"wanted_{name}", **write_as)
    wanted = state(tmp_path / f"wanted_{name}")
    target.write_bytes(b"old")
    fail_at_every_call(
        lambda: convert_labelled(source, target, **write_as),
        target,
        monkeypatch,
        code=code,
        whole=lambda: state(target) == wanted,
    )


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    """An exported bundle; None where graphs cannot be drawn or run."""
    if not (find_spec("onnx") and find_spec("onnxruntime")):
        return None
    from textclf.export import export

    folder = tmp_path_factory.mktemp("export")
    model = train_tiny(folder, "finetuned", encoder=make_encoder(folder / "encoder"))
    with held(folder / "onnx", what="export"), pytest.raises(LockedError, match="another export"):
        export(model, folder / "onnx")
    return export(model, folder / "onnx").path


def test_an_export_is_the_old_or_the_new_whatever_call_fails(
    exported: Path | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The graph is drawn once; what is repeated is the writing of its bundle."""
    if exported is None:
        pytest.skip("there is no runtime of graphs")
    model, target = load_bundle(exported), tmp_path / "again"
    cases = fail_at_every_call(
        lambda: save_bundle(model, target, kind="onnx", card=card_of(model)),
        target,
        monkeypatch,
        code=errno.ENOSPC,
        whole=lambda: check_bundle(target) == [],
    )
    assert cases > 10
    assert load_bundle(target).labels.names == LABELS


DEATHS = """
    import hashlib, json, os, sys, warnings
    from pathlib import Path
    import pytest
    from tests.conftest import make_articles
    from tests.test_bundle import train_tiny
    from tests.test_faults_of_the_disk import Calls, card_of, settled, source_of, state, watched
    from tests.test_predict import make_model
    from textclf.bundle import load_bundle, save_bundle
    from textclf.datasets.convert import convert_labelled
    from textclf.predict import predict_files

    warnings.simplefilter("ignore")
    folder, bundle, exported = map(Path, sys.argv[1:4])
    source, patch = source_of(folder), pytest.MonkeyPatch()
    labelled = folder / "in.jsonl"
    labelled.write_text("".join(json.dumps(a.to_json()) + "\\n" for a in make_articles(3, uncertain=False)))

    def saving(path, kind):
        model = load_bundle(path)
        return lambda out: save_bundle(model, out, kind=kind, card=card_of(model))

    works = {
        "train/bundle": lambda out: train_tiny(out.parent, "tfidf"),
        "bundle": saving(bundle, "tfidf"),
        **({"export": saving(exported, "onnx")} if exported.is_dir() else {}),
        "out.csv": lambda out: predict_files(make_model(), [source], out=out),
        "out.jsonl": lambda out: predict_files(make_model(), [source], out=out),
        "out.parquet": lambda out: predict_files(make_model(), [source], out=out),
        "converted.csv": lambda out: convert_labelled(labelled, out),
        "converted.spacy": lambda out: convert_labelled(labelled, out),
    }
    deaths = dict.fromkeys(works, 0)
    for name, work in works.items():
        target = folder / name
        target.parent.mkdir(exist_ok=True)
        work(target)
        whole, nth = settled(target), 1
        if target.is_file():
            target.write_bytes(b"old")
        while True:
            before = state(target) if target.exists() else None
            child = os.fork()
            if child == 0:
                with watched(Calls(nth, lambda: os._exit(9)), patch):
                    work(target)
                os._exit(0)
            died = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
            after = state(target) if target.exists() else None
            assert after == before or settled(target) == whole, (name, nth)
            if not died:
                assert settled(target) == whole, name
                break
            deaths[name] += 1
            nth += 1
        strays = [p.name for p in target.parent.iterdir() if p.name.endswith((".partial", ".old", ".lock", ".probe"))]
        assert strays == [], strays  # the run that lived removed what the dead ones left
    print(json.dumps(deaths))
"""


def settled(path: Path) -> dict[str, Any]:
    """Return what two runs alike have alike: everything in a file or folder but when, and how long, it was made."""
    found: dict[str, Any] = dict(state(path))
    if "textclf.json" in found:
        card, manifest = (json.loads(found[name]) for name in ("textclf.json", "manifest.json"))
        assert {name: hashlib.sha256(found[name]).hexdigest() for name in manifest} == {
            name: entry["sha256"] for name, entry in manifest.items()
        }
        card.pop("run")
        manifest.pop("textclf.json")
        return {**found, "textclf.json": card, "manifest.json": manifest}
    return found


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_death_at_any_call_leaves_the_old_or_the_new_and_the_next_run_ends_the_same(
    bundle: Path, exported: Path | None, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(DEATHS), str(tmp_path), str(bundle), str(exported or tmp_path / "none")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    deaths = json.loads(done.stdout)
    assert min(deaths["train/bundle"], deaths["bundle"], deaths.get("export", 11)) > 10
    assert min(deaths.values()) > 3


def test_a_folder_that_comes_up_meanwhile_is_replaced(tmp_path: Path) -> None:
    """Two processes that both find no folder: the later one takes the place of the earlier."""
    target = tmp_path / "bundle"
    with written_aside(target, folder=True) as aside:
        (aside / "mine").write_text("late")
        plain = Path.exists

        def absent(path: Path, **options: Any) -> bool:
            return path != target and plain(path, **options)

        target.mkdir()
        (target / "theirs").write_text("early")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Path, "exists", absent)
            assert not files._moves_in(aside, target)
    assert state(target) == {"mine": b"late"}
    assert [p.name for p in tmp_path.iterdir()] == ["bundle"]


HOLD = """
    import sys
    from pathlib import Path
    from textclf.locks import held
    with held(Path(sys.argv[1]), what="training"):
        print("held", flush=True)
        sys.stdin.read()
"""


@contextmanager
def holder(target: Path) -> Iterator[subprocess.Popen[str]]:
    """Let another process hold the lock of a place."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": ROOT}
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(HOLD), str(target)], **pipes) as process:  # type: ignore[call-overload]
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def test_a_second_training_into_one_folder_is_refused_while_the_first_goes_on(tmp_path: Path) -> None:
    with holder(tmp_path / "bundle") as process:
        with pytest.raises(LockedError, match=rf"another training \(process {process.pid}\) is under way"):
            train_tiny(tmp_path, "tfidf")
        assert not (tmp_path / "bundle").exists()
    assert check_bundle(train_tiny(tmp_path, "tfidf")) == []  # the lock died with the process
    assert not (tmp_path / ".bundle.lock").exists()


def test_the_lock_is_one_at_a_time_and_leaves_nothing(tmp_path: Path) -> None:
    inside, together, refusals = [], [], []

    def work() -> None:
        for _ in range(50):
            try:
                with held(tmp_path / "x", what="training"):
                    inside.append(1)
                    together.append(len(inside))
                    inside.pop()
            except LockedError as fault:
                refusals.append(fault)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(together) == {1}
    assert len(together) + len(refusals) == 200
    assert [*tmp_path.iterdir()] == []


def test_of_two_predictors_of_one_output_the_later_one_is_there_whole(tmp_path: Path) -> None:
    source, target = source_of(tmp_path), tmp_path / "out.csv"
    predict_files(make_model(), [source], out=tmp_path / "wanted.csv")
    faults: list[Exception] = []

    def work() -> None:
        try:
            for _ in range(5):
                predict_files(make_model(), [source], out=target)
        except TextclfError as fault:
            faults.append(fault)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert state(target) == state(tmp_path / "wanted.csv")


CACHE = """
    import sys
    from pathlib import Path
    import numpy as np
    from textclf.models.embedding_cache import EmbeddingCache
    cache = EmbeddingCache("shared", width=3, folder=Path(sys.argv[1]))
    for n in range(40):
        cache.put({f"{n}".encode() * 8: np.full(3, n, np.float32)})
        assert cache.get([f"{n}".encode() * 8])
"""


def test_a_cache_is_shared_by_processes(tmp_path: Path) -> None:
    from textclf.models.embedding_cache import EmbeddingCache

    code = [sys.executable, "-c", textwrap.dedent(CACHE), str(tmp_path)]
    running = [subprocess.Popen(code, cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    told = [process.communicate()[1] for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], told
    found = EmbeddingCache("shared", width=3, folder=tmp_path).get([f"{n}".encode() * 8 for n in range(40)])
    assert {key: float(vector[0]) for key, vector in found.items()} == {f"{n}".encode() * 8: n for n in range(40)}
