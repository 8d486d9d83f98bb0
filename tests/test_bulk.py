"""Bulk labelling: every paragraph once, whatever is broken in the input, dies, or is run again."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import WORDS, make_articles
from tests.test_bundle import train_tiny
from tests.test_faults_of_the_disk import Calls, state, watched
from textclf.bulk import local_engine
from textclf.bulk.blocks import Block, make_plan
from textclf.bulk.in_process import in_process
from textclf.bulk.job import BulkSummary, TooManyRejectsError, label_in_bulk
from textclf.bulk.local_engine import run_locally
from textclf.bulk.output import Done
from textclf.bulk.work import Job
from textclf.bundle import load_bundle
from textclf.cli import main
from textclf.errors import DataError, ModelError
from textclf.files import WriteError
from textclf.labeller import Labeller
from textclf.locks import LockedError, held
from textclf.models.checkpoints import StoppedError
from textclf.predict import predict_files

ROOT = Path(__file__).parent.parent
Write = Callable[..., Path]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tiny(tmp_path_factory.mktemp("tfidf"), "tfidf")


@pytest.fixture(scope="module")
def other_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tiny(tmp_path_factory.mktemp("other"), "tfidf", validation=False)


@pytest.fixture(scope="module")
def model(bundle: Path) -> Labeller:
    return load_bundle(bundle)


@pytest.fixture
def source(write_jsonl: Write) -> Path:
    return write_jsonl(make_articles(20, seed=3), "in.jsonl")


def rows_of(out: Path) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    return [row for part in sorted((out / "labels").glob("*.parquet")) for row in pq.read_table(part).to_pylist()]


def lines_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for part in sorted(folder.glob("*.jsonl")) for line in part.read_text().splitlines()]


def plain_rows(model: Labeller, inputs: Sequence[Path], folder: Path) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    predict_files(model, inputs, out=folder / "plain.parquet")
    return pq.read_table(folder / "plain.parquet").to_pylist()


def without_ids(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != "id"} for row in rows]


@pytest.fixture
def label(bundle: Path, model: Labeller) -> Callable[..., BulkSummary]:
    def run(inputs: Any, out: Path, **settings: Any) -> BulkSummary:
        given = inputs if isinstance(inputs, list) else [inputs]
        return label_in_bulk(bundle, given, out, **{"engine": in_process(model), "block_rows": 8, **settings})

    return run


Label = Callable[..., BulkSummary]


def write_rows(folder: Path, ending: str, rows: Sequence[dict[str, Any]]) -> Path:
    """Write rows as a file of the kind that the ending names."""
    import csv

    path = folder / f"rows{ending}"
    if ending == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist(list(rows)), path, row_group_size=7)
    elif ending == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    else:
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), delimiter="\t" if ending == ".tsv" else ",")
            writer.writeheader()
            writer.writerows(rows)
    return path


ROWS = [
    {
        "article_id": f"a{n // 5}" if n < 25 else "",
        "title": f"T{n // 5}",
        "text": f'{list(WORDS.values())[n % 3]}\n"{n}"',
    }
    for n in range(30)
]


@pytest.mark.parametrize("block_rows", [1, 4, 100])
@pytest.mark.parametrize("ending", [".jsonl", ".csv", ".tsv", ".parquet"])
def test_rows_are_labelled_as_predict_labels_them(
    ending: str, block_rows: int, model: Labeller, label: Label, tmp_path: Path
) -> None:
    path = write_rows(tmp_path, ending, ROWS)
    summary = label(path, tmp_path / "out", block_rows=block_rows)
    found = rows_of(tmp_path / "out")
    assert without_ids(found) == plain_rows(model, [path], tmp_path)
    assert len({row["id"] for row in found}) == summary.paragraphs == 30
    assert summary.rejects == summary.repeated == 0
    assert summary.blocks == -(-30 // block_rows)


def test_articles_and_pages_of_a_folder_are_labelled_as_predict_labels_them(
    source: Path, model: Labeller, label: Label, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    (folder / "b" / "saved_files").mkdir(parents=True)
    source.rename(folder / "b" / "in.jsonl")
    (folder / "a.txt").write_text("\n\n".join(f"{words} in the morning of that day." for words in WORDS.values()))
    (folder / "b" / "saved_files" / "x.txt").write_text("not read")
    (folder / ".hidden.txt").write_text("not read")
    (folder / "b" / "picture.png").write_bytes(b"")
    summary = label([folder], tmp_path / "out")
    found = rows_of(tmp_path / "out")
    assert without_ids(found) == plain_rows(model, [folder], tmp_path)
    assert {row["id"] for row in found} == {f"{row['article_id']}/{row['paragraph']}" for row in found}
    assert summary.per_label == {n: sum(n in row["labels"] for row in found) for n in model.labels}


@pytest.mark.parametrize("start", ["file://", "memory://"])
def test_addresses_are_read(start: str, source: Path, model: Labeller, label: Label, tmp_path: Path) -> None:
    import fsspec

    with fsspec.open(f"memory://archive/{source.name}", "wb") as file:
        file.write(source.read_bytes())
    given = f"file://{source.parent}" if start == "file://" else "memory://archive"
    label([given], tmp_path.parent / f"{tmp_path.name}-out")
    assert without_ids(rows_of(tmp_path.parent / f"{tmp_path.name}-out")) == plain_rows(model, [source], tmp_path)


def test_a_sentence_has_an_id_of_its_own(source: Path, label: Label, tmp_path: Path) -> None:
    pytest.importorskip("sentencex")
    label(source, tmp_path / "out", unit="sentence")
    found = rows_of(tmp_path / "out")
    assert [row["id"] for row in found] == [f"{r['article_id']}/{r['paragraph']}.{r['sentence']}" for r in found]


def test_corrupt_lines_are_set_aside_with_their_bytes_and_the_rest_is_labelled(label: Label, tmp_path: Path) -> None:
    lines = [
        b'{"text": "one"}',
        b'{"text": ',
        b'{"text": "\xff"}',
        b"",
        b'{"text": 3}',
        b'{"else": 1}',
        b'{"text": "six"}',
    ]
    path = tmp_path / "in.jsonl"
    path.write_bytes(b"\n".join(lines) + b"\n")
    summary = label(path, tmp_path / "out", block_rows=2)
    assert [(row["article_id"], row["text"]) for row in rows_of(tmp_path / "out")] == [("in-1", "one"), ("in-6", "six")]
    rejects = lines_of(tmp_path / "out" / "rejects")
    assert summary.rejects == len(rejects) == 4
    assert [(one["file"], one["line"]) for one in rejects] == [(str(path), n) for n in (2, 3, 5, 6)]
    assert rejects[0]["raw"] == '{"text": \n'
    assert rejects[1]["raw_base64"] == "eyJ0ZXh0IjogIv8ifQo="
    assert "UTF-8" in rejects[1]["reason"]


def test_a_stray_quotation_mark_costs_one_row(label: Label, tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_bytes(b'article_id,text\na,one\nb,"two\nc,three\nd,"fo\nur"\ne,\xff\nf,six,more\ng,seven\n')
    label(path, tmp_path / "out", block_rows=2)
    assert [row["text"] for row in rows_of(tmp_path / "out")] == ["one", "three", "fo\nur", "seven"]
    assert [(one["line"], one["reason"].split(":")[0]) for one in lines_of(tmp_path / "out" / "rejects")] == [
        (3, "broken CSV"),
        (7, "is not valid UTF-8"),
        (8, "this row's cells do not match the header's"),
    ]


def test_files_that_are_no_text_and_broken_tables_are_set_aside(label: Label, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.txt").write_bytes(b"%PDF-1.4 and so on")
    (folder / "b.parquet").write_bytes(b"PAR1 and so on")
    write_rows(folder, ".parquet", ROWS)
    whole = bytearray((folder / "rows.parquet").read_bytes())
    whole[40:120] = bytes(80)
    (folder / "rows.parquet").write_bytes(bytes(whole))
    summary = label(folder, tmp_path / "out")
    reasons = [one["reason"] for one in lines_of(tmp_path / "out" / "rejects")]
    assert "PDF" in reasons[0]
    assert "cannot be read as Parquet" in reasons[1]
    assert "rows 1 to 7 cannot be read" in reasons[2]
    assert summary.paragraphs == 23


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("in.csv", "a,b\n1,2\n", "no column `text`"),
        ("in.docx", "", "cannot label this kind of file in bulk"),
        ("in.warc.gz", "", "textclf read"),
        ("in.jsonl", "\n\n", "no paragraph"),
        ("in.jsonl", "", "no paragraph"),
    ],
)
def test_inputs_without_texts_are_refused(name: str, content: str, told: str, label: Label, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=told):
        label(tmp_path / name, tmp_path / "out")
    assert not (tmp_path / "out" / "labels").exists()


def test_a_missing_input_and_standard_input_are_refused(label: Label, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        label(tmp_path / "none.jsonl", tmp_path / "out")
    with pytest.raises(DataError, match="standard input"):
        label("-", tmp_path / "out")


def test_past_the_most_rejects_it_stops_and_keeps_what_is_done(label: Label, tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text("".join(f'{{"text": "{n}"}}\nbroken\n' for n in range(10)))
    with pytest.raises(TooManyRejectsError, match="--max-rejects"):
        label(path, tmp_path / "out", block_rows=4, max_rejects=3)
    assert len(rows_of(tmp_path / "out")) == 4
    summary = label(path, tmp_path / "out", block_rows=4, max_rejects=10, resume=True)
    assert (summary.paragraphs, summary.rejects, summary.new_paragraphs) == (10, 10, 6)


def test_a_row_that_the_model_raises_on_is_found_and_set_aside(
    source: Path, model: Labeller, label: Label, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = plain_rows(model, [source], tmp_path)
    poison = {wanted[3]["text"], wanted[20]["text"]}
    plain = Labeller.predict_proba

    def raising(self: Labeller, texts: Sequence[str], contexts: Any = None) -> np.ndarray:
        if poison & set(texts):
            raise RuntimeError("it does not like this")
        return plain(self, texts, contexts)

    monkeypatch.setattr(Labeller, "predict_proba", raising)
    summary = label(source, tmp_path / "out", block_rows=1_000)
    assert without_ids(rows_of(tmp_path / "out")) == [row for row in wanted if row["text"] not in poison]
    rejects = lines_of(tmp_path / "out" / "rejects")
    assert summary.rejects == 2
    assert [one["id"] for one in rejects] == [f"{wanted[n]['article_id']}/{wanted[n]['paragraph']}" for n in (3, 20)]
    assert all("it does not like this" in one["reason"] for one in rejects)


def test_repeated_ids_are_told_and_marked_and_no_row_is_lost(label: Label, tmp_path: Path) -> None:
    first, second = tmp_path / "one.jsonl", tmp_path / "x.txt"
    rows = [("k", "1"), ("k", "2"), ("k#2", "3"), (None, "4"), ("x/0", "5"), ("k", "6")]
    first.write_text("".join(json.dumps({"id": own, "text": text}) + "\n" for own, text in rows))
    second.write_text("Shells fell near the bridge in the morning of that day.\n")
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / "x.txt").write_text("Envoys met the elders in the morning of that day.\n")
    summary = label([first, second, tmp_path / "again"], tmp_path / "out", block_rows=2)
    ids = [row["id"] for row in rows_of(tmp_path / "out")]
    assert ids == ["k", "k#2", "k#2#1", "one-4/0", "x/0#3", "k#3", "x/0", "x/0#2"]
    told = lines_of(tmp_path / "out" / "repeated")
    assert summary.repeated == len(told) == 4
    assert told[0] == {"file": str(first), "line": 2, "id": "k", "made": "k#2"}


def test_a_second_run_adds_nothing(source: Path, label: Label, tmp_path: Path) -> None:
    first = label(source, tmp_path / "out")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}

    def never(job: Job, blocks: Sequence[Block]) -> Iterator[Done]:
        raise AssertionError(blocks)

    second = label(source, tmp_path / "out", engine=never)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")} == before
    assert (second.paragraphs, second.per_label) == (first.paragraphs, first.per_label)
    assert second.new_paragraphs == 0


def test_the_manifest_says_what_the_job_was(source: Path, label: Label, tmp_path: Path) -> None:
    summary = label(source, tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["complete"]
    assert manifest["counts"]["paragraphs"] == summary.paragraphs
    assert manifest["counts"]["per_label"] == summary.per_label
    assert {"input", "bundle", "options", "versions"} <= set(manifest)


def test_another_model_writes_beside_and_never_into_the_parts_of_the_first(
    source: Path, label: Label, other_bundle: Path, tmp_path: Path
) -> None:
    label(source, tmp_path / "out")
    before = state(tmp_path / "out")
    other = label_in_bulk(other_bundle, [source], tmp_path / "out", engine=in_process(load_bundle(other_bundle)))
    assert other.out.parent == tmp_path / "out"
    assert other.out.name.startswith("model-")
    after = state(tmp_path / "out")
    assert {name: after[name] for name in before} == before
    assert all(name.startswith(f"{other.out.name}/") for name in set(after) - set(before))
    assert len(rows_of(other.out)) == other.paragraphs


def test_another_input_or_other_options_are_refused(source: Path, label: Label, tmp_path: Path) -> None:
    label(source, tmp_path / "out")
    with pytest.raises(DataError, match="other options"):
        label(source, tmp_path / "out", block_rows=9)
    source.write_text('{"text": "another"}\n')
    with pytest.raises(DataError, match="another input"):
        label(source, tmp_path / "out", resume=True)


def stopped_after(model: Labeller, blocks: int, fault: BaseException) -> Any:
    """Return an engine that raises once it has done some blocks."""
    plain = in_process(model)

    def run(job: Job, waiting: Sequence[Block]) -> Iterator[Done]:
        yield from plain(job, waiting[:blocks])
        raise fault

    return run


def test_a_stopped_job_goes_on_only_when_asked_and_does_no_block_again(
    source: Path, model: Labeller, label: Label, tmp_path: Path
) -> None:
    label(source, tmp_path / "wanted")
    with pytest.raises(KeyboardInterrupt):
        label(source, tmp_path / "out", engine=stopped_after(model, 3, KeyboardInterrupt()))
    with pytest.raises(DataError, match="--resume"):
        label(source, tmp_path / "out")
    parts = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "labels").iterdir()}
    assert len(parts) == 3
    summary = label(source, tmp_path / "out", resume=True)
    assert summary.new_blocks == summary.blocks - 3
    assert {path: path.stat().st_mtime_ns for path in parts} == parts
    assert state(tmp_path / "out") == state(tmp_path / "wanted")


@pytest.mark.parametrize("damage", [b"", b"PAR1", None])
def test_a_part_that_is_gone_or_damaged_is_written_again(
    damage: bytes | None, source: Path, label: Label, tmp_path: Path
) -> None:
    label(source, tmp_path / "out")
    wanted, part = state(tmp_path / "out"), tmp_path / "out" / "labels" / "part-00002.parquet"
    part.unlink() if damage is None else part.write_bytes(damage)
    assert label(source, tmp_path / "out", resume=True).new_blocks == 1
    assert state(tmp_path / "out") == wanted


def test_sigterm_stops_it_and_what_is_done_stays(source: Path, model: Labeller, label: Label, tmp_path: Path) -> None:
    def run(job: Job, blocks: Sequence[Block]) -> Iterator[Done]:
        for done in in_process(model)(job, blocks):
            yield done
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(StoppedError, match="--resume"):
        label(source, tmp_path / "out", engine=run)
    assert [path.name for path in (tmp_path / "out" / "labels").iterdir()] == ["part-00000.parquet"]


def test_a_second_job_into_one_folder_is_refused_while_the_first_goes_on(
    source: Path, label: Label, tmp_path: Path
) -> None:
    with held(tmp_path / "out", what="bulk labelling"), pytest.raises(LockedError):
        label(source, tmp_path / "out")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_full_disk_at_any_write_stops_it_and_a_resumed_run_ends_as_if_nothing_had_been(
    code: int, label: Label, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text('{"id": "k", "text": "one"}\nbroken\n{"id": "k", "text": "two"}\n{"text": "three"}\n')
    label(source, tmp_path / "wanted", block_rows=2)
    wanted = state(tmp_path / "wanted")
    nth = 1
    while True:
        out = tmp_path / f"out{nth}"

        def fail() -> None:
            raise OSError(code, os.strerror(code))

        calls = Calls(nth, fail)
        with watched(calls, monkeypatch), suppress(WriteError, OSError):
            label(source, out, block_rows=2)
        assert list(tmp_path.rglob("*.partial")) == [], nth
        label(source, out, block_rows=2, resume=True)
        assert state(out) == wanted, nth
        if calls.made < nth:
            break
        nth += 1
    assert nth > 12


def test_a_file_that_changes_on_the_way_is_noticed(source: Path, model: Labeller, label: Label, tmp_path: Path) -> None:
    def run(job: Job, blocks: Sequence[Block]) -> Iterator[Done]:
        source.write_bytes(source.read_bytes().replace(b"shells", b"SHELLS"))
        return in_process(model)(job, blocks)

    with pytest.raises(DataError, match="has changed"):
        label(source, tmp_path / "out", engine=run)


def test_a_file_that_goes_away_stops_it(source: Path, model: Labeller, label: Label, tmp_path: Path) -> None:
    def run(job: Job, blocks: Sequence[Block]) -> Iterator[Done]:
        source.unlink()
        return in_process(model)(job, blocks)

    with pytest.raises(DataError, match=r"cannot read .*in\.jsonl"):
        label(source, tmp_path / "out", engine=run)


class NeverBegins:
    """A worker whose process dies before it has read its block."""

    stopped = False

    def do(self, block: Block, leave_out: Sequence[int]) -> Done:
        raise local_engine.DiedError

    def probe(self, block: Block, start: int) -> int | None:
        return -1

    def check_stopped(self) -> None:
        pass


def test_where_processes_die_before_any_row_no_row_is_blamed_and_the_block_is_given_up(source: Path) -> None:
    worker: Any = NeverBegins()
    with pytest.raises(local_engine.GivenUpError, match="--resume"):
        local_engine.done_by(worker, make_plan([source]).blocks[0])


def test_a_block_is_the_same_after_it_was_told_in_json(source: Path) -> None:
    seen = make_plan([source, source], block_rows=8).blocks
    assert [Block.from_json(json.loads(json.dumps(block.to_json()))) for block in seen] == seen
    assert [block.number for block in seen] == list(range(len(seen)))


def test_the_command_tells_what_goes_together(
    bundle: Path, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, told in (
        (["--engine", "local"], "--out DIR"),
        (["--engine", "local", "--out", "x.csv"], "--out DIR"),
        (["--engine", "spark", "--out", str(tmp_path / "out")], "local, ray"),
        (["--resume"], "add --engine local"),
        (["--engine", "local", "--pretty"], "--pretty does not go with --engine"),
        (["--out", str(tmp_path / "out")], "add --engine local"),
        (["--out", str(tmp_path)], "add --engine local"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(["predict", str(bundle), str(source), *arguments])
        assert ended.value.code == 1
        assert told in capsys.readouterr().err


# What follows begins processes.


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[str]]:
    """Return the worker processes as they are begun; they die over texts that say so."""
    begun: list[subprocess.Popen[str]] = []
    plain = subprocess.Popen

    def noting(*given: Any, **options: Any) -> subprocess.Popen[str]:
        begun.append(plain(*given, **options))
        return begun[-1]

    monkeypatch.setattr(local_engine.subprocess, "Popen", noting)
    monkeypatch.setattr(local_engine, "COMMAND", (sys.executable, str(ROOT / "tests" / "bulk_worker.py")))
    return begun


def test_the_command_labels_with_a_process_as_this_one_does(
    bundle: Path, source: Path, label: Label, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    label(source, tmp_path / "wanted")
    settings = ["--out", str(tmp_path / "out"), "--block-rows", "8", "--processes", "1"]
    with pytest.raises(SystemExit) as ended:
        main(["predict", str(bundle), str(source), "--engine", "local", *settings])
    assert ended.value.code == 0
    assert "paragraphs in" in capsys.readouterr().err
    assert state(tmp_path / "out") == state(tmp_path / "wanted")


@pytest.mark.slow
def test_two_processes_write_the_same_bytes(
    bundle: Path, source: Path, label: Label, tmp_path: Path, processes: list[subprocess.Popen[str]]
) -> None:
    label(source, tmp_path / "wanted")
    label_in_bulk(bundle, [source], tmp_path / "out", processes=2, block_rows=8)
    assert state(tmp_path / "out") == state(tmp_path / "wanted")
    assert len(processes) == 2
    assert all(process.returncode is not None for process in processes)


@pytest.mark.slow
def test_a_killed_worker_costs_nothing_but_time(
    bundle: Path, source: Path, label: Label, tmp_path: Path, processes: list[subprocess.Popen[str]]
) -> None:
    label(source, tmp_path / "wanted")

    def run(job: Job, blocks: Sequence[Block]) -> Iterator[Done]:
        for number, done in enumerate(run_locally(job, blocks, processes=1)):
            if number in (1, 3):
                processes[-1].kill()
            yield done

    summary = label_in_bulk(bundle, [source], tmp_path / "out", engine=run, block_rows=8)
    assert state(tmp_path / "out") == state(tmp_path / "wanted")
    assert summary.rejects == 0
    assert len(processes) == 3


@pytest.mark.slow
def test_a_row_that_ends_processes_is_found_and_set_aside_and_one_that_did_once_is_not(
    bundle: Path, model: Labeller, tmp_path: Path, processes: list[subprocess.Popen[str]]
) -> None:
    path = tmp_path / "in.jsonl"
    texts = [f"shells fell {n}" for n in range(10)]
    texts[3] = f"ONCE {tmp_path / 'died'}"
    texts[6] = "DEADLY"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    summary = label_in_bulk(bundle, [path], tmp_path / "out", processes=1, block_rows=5)
    assert [row["text"] for row in rows_of(tmp_path / "out")] == [text for text in texts if text != "DEADLY"]
    assert [one["line"] for one in lines_of(tmp_path / "out" / "rejects")] == [7]
    assert summary.rejects == 1


@pytest.mark.slow
def test_a_worker_that_cannot_load_its_model_ends_the_job(
    bundle: Path, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_engine, "COMMAND", (sys.executable, "-c", "import sys; sys.exit(9)"))
    with pytest.raises(ModelError, match="died while they loaded"):
        label_in_bulk(bundle, [source], tmp_path / "out", processes=2)


DRIVER = """
    import os, signal, sys
    from textclf.bulk.job import label_in_bulk
    from textclf.bulk.local_engine import run_locally

    def run(job, blocks):
        for number, done in enumerate(run_locally(job, blocks, processes=2)):
            yield done
            if number == 2:
                os.kill(os.getpid(), signal.SIGKILL)

    label_in_bulk(sys.argv[1], [sys.argv[2]], sys.argv[3], engine=run, block_rows=4)
"""


@pytest.mark.slow
def test_after_a_killed_driver_a_resumed_job_ends_as_if_nothing_had_been(
    bundle: Path, source: Path, label: Label, tmp_path: Path
) -> None:
    label(source, tmp_path / "wanted", block_rows=4)
    arguments = [str(bundle), str(source), str(tmp_path / "out")]
    code = [sys.executable, "-c", textwrap.dedent(DRIVER), *arguments]
    killed = subprocess.run(code, cwd=ROOT, check=False, capture_output=True)
    assert killed.returncode == -signal.SIGKILL
    there = {p: p.stat().st_mtime_ns for p in (tmp_path / "out" / "labels").glob("part-*.parquet")}
    assert len(there) >= 3
    summary = label(source, tmp_path / "out", block_rows=4, resume=True)
    assert summary.new_blocks <= summary.blocks - 3
    rows, wanted = rows_of(tmp_path / "out"), rows_of(tmp_path / "wanted")
    assert rows == wanted
    assert len({row["id"] for row in rows}) == len(rows)
