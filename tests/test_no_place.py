"""No permission, a read-only place, no home: every command ends with one message, and nothing is half-written."""

from __future__ import annotations

import ctypes
import errno
import json
import os
import re
import shutil
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import make_articles
from tests.test_bundle import train_tiny
from textclf.adapt import adapt_labelled
from textclf.cascade import cascade
from textclf.cli import main
from textclf.cli.models import read_together
from textclf.errors import ModelError, TextclfWarning
from textclf.locks import LockedError, held
from textclf.models.embedding_cache import EmbeddingCache, cache_folder
from textclf.models.encoders import find_encoder
from textclf.pretrain import pretrain
from textclf.pseudo_label import pseudo_label
from textclf.refit import refit_thresholds

OVERRIDING = 0b110  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH: what lets root write where nobody may


@contextmanager
def powerless() -> Iterator[None]:
    """Let this thread keep to permissions even where it is root's; skip the test where that cannot be."""
    if os.geteuid():
        yield
        return
    try:
        system = ctypes.CDLL(None, use_errno=True)
        head, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
        assert system.capget(head, sets) == 0
    except (OSError, AttributeError, AssertionError):
        pytest.skip("root's powers cannot be laid down here")
    had = sets[0]
    sets[0] = had & ~OVERRIDING
    assert system.capset(head, sets) == 0
    try:
        yield
    finally:
        sets[0] = had
        assert system.capset(head, sets) == 0


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tiny(tmp_path_factory.mktemp("tfidf"), "tfidf")


@pytest.fixture
def more(tmp_path: Path) -> Path:
    """Labelled articles that the bundle has not seen."""
    lines = [json.dumps({**a.to_json(), "article_id": f"more-{a.article_id}"}) for a in make_articles(20, seed=8)]
    (tmp_path / "more.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path / "more.jsonl"


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Path]:
    """A folder in which nothing may be made."""
    folder = tmp_path / "closed"
    folder.mkdir()
    folder.chmod(0o555)
    yield folder
    folder.chmod(0o755)


COMMANDS = {
    "train": "train {config} --out {closed}/m",
    "tune": "tune {config} --trials 1 --out {closed}/m",
    "predict": "predict {bundle} {more} --out {closed}/out.csv",
    "evaluate, json": "evaluate {bundle} {more} --json {closed}/out.json",
    "evaluate, report": "evaluate {bundle} {more} --report {closed}/out.html",
    "explain": "explain {bundle} {page} --html {closed}/out.html",
    "adapt": "adapt {bundle} --labelled {more} --out {closed}/m",
    "thresholds": "thresholds {bundle} --set fight=0.5 --out {closed}/m",
    "pseudo-label": "pseudo-label {bundle} {more} --out {closed}/out.jsonl --confidence 0.6",
    "publish": "publish {bundle} {closed}/m",
    "read": "read {page} --out {closed}/out.jsonl",
    "data convert": "data convert {more} --labels {labels} --out {closed}/out.csv",
    "data split": "data split {more} --labels {labels} --out {closed}/parts",
    "data dedupe": "data dedupe {more} --labels {labels} --out {closed}/out.jsonl",
}


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_where_nothing_may_be_written_a_command_says_so(
    name: str, bundle: Path, more: Path, closed: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "page.txt").write_text("Shells fell near the bridge on Monday, residents of the town said.\n")
    settings = {"labels": ["fight", "talk", "move"], "data": {"train": [str(more)]}, "model": {"kind": "tfidf"}}
    (tmp_path / "config.yaml").write_text(json.dumps(settings))
    (tmp_path / "labels.yaml").write_text("[fight, talk, move]\n")
    places = {"bundle": bundle, "more": more, "closed": closed}
    places |= {"page": tmp_path / "page.txt", "labels": tmp_path / "labels.yaml"}
    command = COMMANDS[name].format(**places, config=tmp_path / "config.yaml")
    with powerless(), warnings.catch_warnings(action="ignore"), pytest.raises(SystemExit) as end:
        main(command.split())
    told = capfd.readouterr().err
    assert end.value.code == 1, told
    assert re.search(r"error: .*[Pp]ermission denied|error: .*not writable", told), told
    assert str(closed) in told
    assert "Traceback" not in told
    assert [*closed.iterdir()] == []


def test_where_a_file_may_not_be_read_a_command_says_so(
    bundle: Path, more: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    more.chmod(0)
    for command in (f"predict {bundle} {more}", f"evaluate {bundle} {more}", f"data check {more}", f"read {more}"):
        with powerless(), pytest.raises(SystemExit) as end:
            main(command.split())
        told = capfd.readouterr().err
        assert end.value.code == 1, (command, told)
        assert "ermission denied" in told, (command, told)
        assert "Traceback" not in told


def test_a_read_only_file_system_is_told_by_its_name(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    plain = Path.mkdir

    def refused(path: Path, *given: object, **options: object) -> None:
        if path.name.endswith(".partial"):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        plain(path, *given, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "mkdir", refused)
    with pytest.raises(SystemExit):
        main(["thresholds", str(bundle), "--set", "fight=0.5", "--out", str(tmp_path / "m")])
    assert "Read-only file system" in capfd.readouterr().err
    assert not (tmp_path / "m").exists()


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """No HOME, and a user whom the system knows no home of."""
    for name in ("HOME", "XDG_CACHE_HOME", "TEXTCLF_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", _nobody)


def _nobody(user: int) -> object:
    raise KeyError(user)


@pytest.mark.usefixtures("homeless")
def test_without_a_home_there_is_no_cache_and_all_goes_on(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    from textclf.progress import log

    with pytest.MonkeyPatch.context() as patch, caplog.at_level("WARNING", logger="textclf"):
        patch.setattr(log, "propagate", True)
        cache = EmbeddingCache("x", width=3)
        cache.put({b"k" * 32: np.zeros(3, np.float32)})
        assert cache.get([b"k" * 32]) == {}
    assert "name a folder for them in TEXTCLF_CACHE" in caplog.text
    assert cache_folder() is None
    with pytest.raises(ModelError, match="no encoder's folder"):
        find_encoder("~/encoder")


def test_a_home_that_may_not_be_entered_is_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o000)
    for name in ("XDG_CACHE_HOME", "TEXTCLF_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    with powerless(), caplog.at_level("WARNING", logger="textclf"):
        cache = EmbeddingCache("x", width=3)
        assert cache.get([b"k" * 32]) == {}
        cache.put({b"k" * 32: np.zeros(3, np.float32)})
        assert cache.get([b"k" * 32]) == {}
    home.chmod(0o755)
    assert [*home.iterdir()] == []


Job = Callable[[Path, Path, Path], object]
JOBS: dict[str, tuple[str, Job]] = {
    "adapt": (
        "adaptation",
        lambda model, more, out: adapt_labelled(model, lambda m: read_together([more], m.labels), out=out),
    ),
    "thresholds": (
        "fitting of thresholds",
        lambda model, more, out: refit_thresholds(model, None, out=out, by_hand={"fight": 0.5}),
    ),
    "pseudo-label": ("labelling", lambda model, more, out: pseudo_label(model, [more], out=out, confidence=0.6)),
    "cascade": (
        "making of a cascade",
        lambda model, more, out: cascade(
            model, shutil.copytree(model, more.parent / "slow"), out=out, validation=[more]
        ),
    ),
}


@pytest.mark.parametrize("name", sorted(JOBS))
def test_two_jobs_into_one_place_are_refused(name: str, bundle: Path, more: Path, tmp_path: Path) -> None:
    what, job = JOBS[name]
    out = tmp_path / ("out.jsonl" if name == "pseudo-label" else "out")
    with (
        held(out, what="any work"),
        warnings.catch_warnings(action="ignore", category=TextclfWarning),
        pytest.raises(LockedError, match=rf"another {what} \(process {os.getpid()}\) is under way for {out}"),
    ):
        job(bundle, more, out)
    assert not out.exists()
    with warnings.catch_warnings(action="ignore", category=TextclfWarning):
        if name != "cascade":  # two equal models gain nothing
            job(bundle, more, out)
            assert out.exists()


def test_two_pretrainings_into_one_place_are_refused(more: Path, tmp_path: Path) -> None:
    """Their checkpoints would be mixed."""
    from tests.test_pretrain import QUICK, make_maskable
    from textclf.models.masked_language import MaskedSettings

    encoder, out = make_maskable(tmp_path / "encoder"), tmp_path / "out"
    with held(out, what="any work"), pytest.raises(LockedError, match="another pretraining"):
        pretrain(str(encoder), [more], out=out, settings=MaskedSettings(**QUICK))
    assert not out.exists()
