"""What is written is whole or absent, and what was there before survives every failure."""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from textclf import files
from textclf.errors import TextclfError
from textclf.files import WriteError, check_writable, sha256_of, written_aside


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def write_half(target: Path, fault: BaseException, *, folder: bool = False) -> None:
    """Begin to write, and fail."""
    with written_aside(target, folder=folder) as aside:
        (aside / "a" if folder else aside).write_text("half", encoding="utf-8")
        raise fault


def run(code: str) -> str:
    """Run code in a process of its own and give what it printed."""
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_file_appears_when_the_block_ends(tmp_path: Path):
    target = tmp_path / "new" / "deep" / "out.txt"
    with written_aside(target) as aside:
        aside.write_text("new", encoding="utf-8")
        assert aside.parent == target.parent  # the same file system, so that the last step is a rename
        assert not target.exists()
    assert target.read_text(encoding="utf-8") == "new"
    assert names(target.parent) == ["out.txt"]


def test_a_file_is_replaced_at_once(tmp_path: Path):
    target = tmp_path / "out.txt"
    target.write_text("old", encoding="utf-8")
    with written_aside(target) as aside:
        aside.write_text("new", encoding="utf-8")
        assert target.read_text(encoding="utf-8") == "old"
    assert target.read_text(encoding="utf-8") == "new"
    assert names(tmp_path) == ["out.txt"]


@pytest.mark.parametrize("exchange", [True, False])
def test_a_folder_is_replaced_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exchange: bool):
    if not exchange:
        monkeypatch.setattr(files, "_exchange", lambda one, other: False)
    target = tmp_path / "bundle"
    for content in ("one", "two"):
        with written_aside(target, folder=True) as aside:
            (aside / "sub").mkdir()
            (aside / "sub" / content).write_text(content, encoding="utf-8")
    assert names(tmp_path) == ["bundle"]
    assert names(target / "sub") == ["two"]


@pytest.mark.parametrize("fault", [ValueError("no"), KeyboardInterrupt(), SystemExit(1)])
@pytest.mark.parametrize("folder", [True, False])
def test_an_exception_leaves_the_old_whole_and_nothing_stray(tmp_path: Path, fault: BaseException, folder: bool):
    target = tmp_path / "out"
    with written_aside(target, folder=folder) as aside:
        (aside / "a" if folder else aside).write_text("old", encoding="utf-8")
    with pytest.raises(type(fault)):
        write_half(target, fault, folder=folder)
    assert names(tmp_path) == ["out"]
    assert (target / "a" if folder else target).read_text(encoding="utf-8") == "old"


@pytest.mark.parametrize("folder", [True, False])
def test_an_exception_before_anything_was_there_leaves_nothing(tmp_path: Path, folder: bool):
    with pytest.raises(ValueError, match="no"), written_aside(tmp_path / "out", folder=folder):
        raise ValueError("no")
    assert names(tmp_path) == []


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_told_and_the_old_file_kept(tmp_path: Path, code: int):
    target = tmp_path / "out.txt"
    target.write_text("old", encoding="utf-8")
    with pytest.raises(WriteError, match=r"out\.txt.*free some space") as caught:
        write_half(target, OSError(code, os.strerror(code)))
    assert isinstance(caught.value, TextclfError)
    assert os.strerror(code) in str(caught.value)
    assert target.read_text(encoding="utf-8") == "old"
    assert names(tmp_path) == ["out.txt"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs resource limits")
@pytest.mark.parametrize("folder", [True, False])
def test_a_write_past_the_size_limit_is_told_and_the_old_kept(tmp_path: Path, folder: bool):
    told = run(
        f"""
        import resource
        from pathlib import Path
        from textclf.files import WriteError, written_aside

        target, folder = Path({str(tmp_path)!r}) / "out", {folder}
        with written_aside(target, folder=folder) as aside:
            (aside / "a" if folder else aside).write_bytes(b"old")
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, resource.RLIM_INFINITY))
        try:
            with written_aside(target, folder=folder) as aside:
                (aside / "a" if folder else aside).write_bytes(b"x" * 100_000)
        except WriteError as fault:
            print(fault)
        """
    )
    assert "cannot write" in told
    assert "free some space" in told
    assert (tmp_path / "out" / "a" if folder else tmp_path / "out").read_bytes() == b"old"
    assert names(tmp_path) == ["out"]


@pytest.mark.skipif(not hasattr(os, "setuid"), reason="needs POSIX permissions")
def test_a_read_only_place_is_told():
    told = run(
        """
        import os, tempfile
        from pathlib import Path
        from textclf.files import WriteError, check_writable, written_aside

        if os.geteuid() == 0:  # to root nothing is read-only
            os.setgid(65534)
            os.setuid(65534)
        with tempfile.TemporaryDirectory() as made:
            folder = Path(made)
            (folder / "out").write_text("old")
            folder.chmod(0o555)
            try:
                check_writable(folder / "out")
            except WriteError as fault:
                print(fault)
            try:
                with written_aside(folder / "out") as aside:
                    aside.write_text("new")
            except WriteError as fault:
                print(fault)
            print((folder / "out").read_text(), sorted(os.listdir(folder)))
            folder.chmod(0o755)
        """
    )
    assert told.count("Permission denied") == 2
    assert told.endswith("old ['out']\n")


def test_a_file_where_a_folder_is_needed_is_told(tmp_path: Path):
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(WriteError, match="cannot write"), written_aside(tmp_path / "file" / "out") as aside:
        aside.write_text("new", encoding="utf-8")
    with pytest.raises(WriteError):
        check_writable(tmp_path / "file" / "out")


def test_a_folder_is_not_replaced_by_a_file(tmp_path: Path):
    target = tmp_path / "out"
    target.mkdir()
    (target / "a").write_text("old", encoding="utf-8")
    with pytest.raises(WriteError, match="is a folder"), written_aside(target) as aside:
        aside.write_text("new", encoding="utf-8")
    assert (target / "a").read_text(encoding="utf-8") == "old"
    assert names(tmp_path) == ["out"]


def test_a_file_is_not_replaced_by_a_folder(tmp_path: Path):
    target = tmp_path / "out"
    target.write_text("old", encoding="utf-8")
    with pytest.raises(WriteError), written_aside(target, folder=True) as aside:
        (aside / "a").write_text("new", encoding="utf-8")
    assert target.is_file()
    assert target.read_text(encoding="utf-8") == "old"
    assert names(tmp_path) == ["out"]


def test_what_cannot_be_put_in_place_leaves_the_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    target = tmp_path / "out"
    with written_aside(target, folder=True) as aside:
        (aside / "a").write_text("old", encoding="utf-8")
    plain = Path.replace

    def failing(self: Path, other: Path) -> Path:
        if self.name.endswith(".partial"):
            raise OSError(errno.EIO, "Input/output error")
        return plain(self, other)

    monkeypatch.setattr(Path, "replace", failing)
    monkeypatch.setattr(files, "_exchange", lambda one, other: False)
    with pytest.raises(WriteError, match="Input/output error"), written_aside(target, folder=True) as aside:
        (aside / "a").write_text("new", encoding="utf-8")
    assert (target / "a").read_text(encoding="utf-8") == "old"
    assert names(tmp_path) == ["out"]


def test_a_failure_to_read_is_not_told_as_a_failure_to_write(tmp_path: Path):
    with pytest.raises(OSError, match=r"input\.txt") as caught, written_aside(tmp_path / "out.txt"):
        (tmp_path / "input.txt").read_text(encoding="utf-8")
    assert not isinstance(caught.value, WriteError)


def test_a_killed_process_leaves_the_old_whole_and_the_next_one_tidies_up(tmp_path: Path):
    target = tmp_path / "out"
    target.write_text("old", encoding="utf-8")
    run(
        f"""
        import os
        from pathlib import Path
        from textclf.files import written_aside

        with written_aside(Path({str(target)!r})) as aside:
            aside.write_text("half")
            os._exit(0)
        """
    )
    assert target.read_text(encoding="utf-8") == "old"
    with written_aside(target) as aside:
        aside.write_text("new", encoding="utf-8")
    assert names(tmp_path) == ["out"]


def test_two_writers_do_not_disturb_each_other(tmp_path: Path):
    target = tmp_path / "out"
    with written_aside(target) as first:
        first.write_text("first", encoding="utf-8")
        with written_aside(target) as second:
            second.write_text("second", encoding="utf-8")
        assert target.read_text(encoding="utf-8") == "second"
    assert target.read_text(encoding="utf-8") == "first"
    assert names(tmp_path) == ["out"]


def test_checking_leaves_nothing_behind(tmp_path: Path):
    target = tmp_path / "out"
    check_writable(target)
    assert names(tmp_path) == []
    target.write_text("old", encoding="utf-8")
    check_writable(target)
    assert target.read_text(encoding="utf-8") == "old"
    assert names(tmp_path) == ["out"]


def test_the_hash_is_that_of_the_bytes(tmp_path: Path):
    path = tmp_path / "a"
    path.write_bytes(b"abc" * 1_000)
    assert sha256_of(path) == hashlib.sha256(b"abc" * 1_000).hexdigest()
