"""Labelling files: three formats that agree, in order, whole or absent, in flat memory."""

from __future__ import annotations

import csv
import errno
import gzip
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import LABELS
from tests.props import quick
from textclf import labeller, predict
from textclf.calibration import Calibration, LabelMap
from textclf.errors import DataError, TextclfError, TextclfWarning
from textclf.files import WriteError
from textclf.labeller import Labeller
from textclf.labels import LabelSet
from textclf.predict import open_writer, predict_files
from textclf.records import Article, LabelledPassage, Paragraph, Passage


class ByWords:
    """A predictor that finds a label's name in the text; it notes how many texts it is given at a time."""

    def __init__(self) -> None:
        self.labels = LabelSet.of(LABELS)
        self.sizes: list[int] = []

    def predict_proba(self, texts: Sequence[str]) -> np.ndarray:
        self.sizes.append(len(texts))
        found = [[0.9 if name in text else 0.123456789 for name in self.labels] for text in texts]
        return np.array(found, dtype=np.float32).reshape(len(texts), len(self.labels))


@pytest.fixture
def model() -> Labeller:
    return make_model()


def make_model() -> Labeller:
    return Labeller(ByWords(), Calibration((LabelMap(),) * 3), np.full(3, 0.5))


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scratch")


TEXTS = ["a fight", "talk, then a move", 'no "event"\nat all', "naïve — ok; 他们", " ", "fight talk move"]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.jsonl"
    records = [{"article_id": f"a{n // 2}", "text": text} for n, text in enumerate(TEXTS)]
    path.write_text("".join(json.dumps(r) + "\n" for r in records), encoding="utf-8")
    return path


def read_back(path: Path) -> list[dict[str, Any]]:
    """Give the records of an output, whatever its format."""
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        return pq.read_table(path).to_pylist()
    with path.open(encoding="utf-8", newline="") as file:
        return [
            {
                **row,
                "paragraph": int(row["paragraph"]),
                "labels": [name for name in row["labels"].split(";") if name],
                **{name: int(row[name]) if row[name] else None for name in ("windows", "sentence", "start", "end")},
                "scores": json.loads(row["scores"]),
            }
            for row in csv.DictReader(file)
        ]


def test_all_formats_hold_the_same_records_in_order(tmp_path: Path, source: Path, model: Labeller):
    outputs = []
    for ending in predict.WRITERS:
        out = tmp_path / "deep" / f"out{ending}"
        predict_files(model, [source], out=out)
        outputs.append(read_back(out))
    tables = ["article_id", "paragraph", "sentence", "text", "labels", "scores", "windows", "start", "end"]
    lines = ["article_id", "paragraph", "text", "labels", "scores", "windows"]
    for records, names in zip(outputs, (lines, tables, tables), strict=True):
        assert [list(r) for r in records] == [names] * len(TEXTS)
        assert [r["windows"] for r in records] == [1, 1, 1, 1, 0, 1]  # the blank one is not read
        assert {r.get(name) for r in records for name in ("sentence", "start", "end")} == {None}
        assert [r["text"] for r in records] == TEXTS
        assert [(r["article_id"], r["paragraph"]) for r in records] == [(f"a{n // 2}", n % 2) for n in range(6)]
        assert [r["labels"] for r in records] == [["fight"], ["talk", "move"], [], [], [], list(LABELS)]
        for record, reference in zip(records, outputs[0], strict=True):
            assert record["scores"] == pytest.approx(reference["scores"], abs=1e-6)
    assert len(outputs) == 3
    assert outputs[0][0]["scores"] == pytest.approx({"fight": 0.9, "talk": 0.123457, "move": 0.123457})


def test_standard_output_gets_json_lines(source: Path, model: Labeller, capsys: pytest.CaptureFixture[str]):
    predict_files(model, [source])
    assert [json.loads(line)["text"] for line in capsys.readouterr().out.splitlines()] == TEXTS


@pytest.mark.parametrize("ending", [".jsonl", ".csv", ".parquet"])
def test_windows_sentences_and_places_are_written(tmp_path: Path, model: Labeller, ending: str):
    out = tmp_path / f"out{ending}"
    with open_writer(out, model.labels) as writer:
        scores = dict.fromkeys(LABELS, 0.5)
        writer.write(LabelledPassage("a", 0, "x", (), scores, windows=3, sentence=1, start=0, end=1))
    (record,) = read_back(out)
    assert [record[name] for name in ("windows", "sentence", "start", "end")] == [3, 1, 0, 1]


@pytest.mark.parametrize("ending", [".jsonl", ".csv", ".parquet"])
def test_sentences_are_labelled_one_by_one(tmp_path: Path, model: Labeller, ending: str):
    source, out = tmp_path / "in.jsonl", tmp_path / f"out{ending}"
    paragraphs = ["There was a fight. Mr. Haddad said: “Then came talk.”", "They move"]
    source.write_text(json.dumps({"article_id": "a", "paragraphs": paragraphs}), encoding="utf-8")
    summary = predict_files(model, [source], out=out, unit="sentence")
    assert (summary.paragraphs, summary.unit) == (3, "sentence")
    found = [(r["paragraph"], r["sentence"], r["text"], r["labels"]) for r in read_back(out)]
    assert found == [
        (0, 0, "There was a fight.", ["fight"]),
        (0, 1, "Mr. Haddad said: “Then came talk.”", ["talk"]),
        (1, 0, "They move", ["move"]),
    ]


def test_a_unit_that_is_not_known_is_told(tmp_path: Path, source: Path, model: Labeller):
    with pytest.raises(DataError, match="unit 'word' is not known; it must be one of paragraph, sentence"):
        predict_files(model, [source], out=tmp_path / "out.csv", unit="word")
    assert not (tmp_path / "out.csv").exists()


def test_the_summary_counts(tmp_path: Path, source: Path, model: Labeller):
    (tmp_path / "photo.jpg").write_bytes(b"")
    summary = predict_files(model, [tmp_path], out=tmp_path / "out.jsonl")
    assert (summary.paragraphs, summary.articles) == (6, 3)
    assert summary.per_label == {"fight": 2, "talk": 2, "move": 2}
    assert summary.skipped == [tmp_path / "photo.jpg"]


def test_the_probabilities_of_a_blank_text_are_0(model: Labeller):
    assert model.predict_proba(["", " \n", "fight"]).tolist()[:2] == [[0, 0, 0]] * 2
    assert model.predict([" "]) == [()]


@pytest.mark.parametrize("ending", [".jsonl", ".csv", ".parquet"])
def test_an_error_in_mid_stream_leaves_no_output(tmp_path: Path, source: Path, model: Labeller, ending: str):
    with source.open("a", encoding="utf-8") as file:
        file.write("broken\n")
    out = tmp_path / "results" / f"out{ending}"
    with pytest.raises(DataError, match=r"in\.jsonl:7: broken JSON"):
        predict_files(model, [source], out=out)
    assert list(out.parent.iterdir()) == []
    out.write_bytes(b"old")
    with pytest.raises(DataError, match="broken JSON"):
        predict_files(model, [source], out=out)
    assert [path.read_bytes() for path in out.parent.iterdir()] == [b"old"]


@pytest.mark.parametrize("packed", [False, True])
def test_a_stream_that_ends_in_the_middle_of_a_record_is_told_and_leaves_no_output(
    tmp_path: Path, source: Path, model: Labeller, packed: bool
):
    content = source.read_bytes()
    cut = tmp_path / "cut" / ("in.jsonl.gz" if packed else "in.jsonl")
    cut.parent.mkdir()
    cut.write_bytes(gzip.compress(content)[:-20] if packed else content[:-10])
    with pytest.raises(DataError, match=cut.name):
        predict_files(model, [cut], out=cut.with_name("out.csv"))
    assert list(cut.parent.iterdir()) == [cut]


@pytest.mark.parametrize("ending", [".jsonl", ".csv", ".parquet"])
def test_a_full_disk_leaves_no_output(
    tmp_path: Path, source: Path, model: Labeller, ending: str, monkeypatch: pytest.MonkeyPatch
):
    def full(self: object, passage: LabelledPassage) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    for writer in (predict.JsonLines, predict.Csv, predict.Parquet):
        monkeypatch.setattr(writer, "write", full)
    out = tmp_path / "results" / f"out{ending}"
    with pytest.raises(WriteError, match="No space left on device; free some space"):
        predict_files(model, [source], out=out)
    assert list(out.parent.iterdir()) == []


def test_memory_stays_flat(tmp_path: Path, model: Labeller, monkeypatch: pytest.MonkeyPatch):
    taken = 0

    def passages(*args: object, **kwargs: object) -> Iterator[Passage]:
        nonlocal taken
        for number in range(1_000):
            taken += 1
            yield Passage("a", number, f"move {number}")

    ahead = []
    plain = predict.JsonLines.write

    def write(self: predict.JsonLines, passage: LabelledPassage) -> None:
        ahead.append(taken - passage.paragraph)
        plain(self, passage)

    monkeypatch.setattr(predict, "stream_passages", passages)
    monkeypatch.setattr(predict.JsonLines, "write", write)
    monkeypatch.setattr(labeller, "STREAM_WINDOW", 16)
    summary = predict_files(model, ["any"], out=tmp_path / "out.jsonl")
    assert summary.paragraphs == 1_000
    assert max(ahead) <= 16  # never more than one window is read ahead of what is written
    assert max(model.predictor.sizes) <= 16
    assert [r["paragraph"] for r in read_back(tmp_path / "out.jsonl")] == list(range(1_000))


def test_parquet_writes_a_group_of_rows_at_a_time(tmp_path: Path, model: Labeller, monkeypatch: pytest.MonkeyPatch):
    import pyarrow.parquet as pq

    monkeypatch.setattr(predict, "BATCH_ROWS", 10)
    out = tmp_path / "out.parquet"
    with open_writer(out, model.labels) as writer:
        for number in range(25):
            writer.write(LabelledPassage("a", number, "x", (), dict.fromkeys(LABELS, 0.5)))
            assert len(writer.held) < 10
    file = pq.ParquetFile(out)
    assert [file.metadata.row_group(g).num_rows for g in range(file.num_row_groups)] == [10, 10, 5]
    file.close()


@pytest.mark.parametrize("out", [None, "out.jsonl", "out.csv", "out.parquet"])
def test_no_paragraph_at_all_is_an_error(tmp_path: Path, model: Labeller, out: str | None):
    (tmp_path / "empty.txt").write_text("\n", encoding="utf-8")
    with pytest.raises(DataError, match="no paragraph in the input"):
        predict_files(model, [tmp_path / "empty.txt"], out=out and tmp_path / out)
    assert [path.name for path in tmp_path.iterdir()] == ["empty.txt"]


@pytest.mark.parametrize("out", ["out.xlsx", "out", "out.json"])
def test_an_ending_that_is_not_known_is_told_before_the_work(tmp_path: Path, source: Path, model: Labeller, out: str):
    with pytest.raises(DataError, match=r"the ending must be one of \.jsonl, \.csv, \.parquet"):
        predict_files(model, [source], out=tmp_path / out)
    assert model.predictor.sizes == []


def test_a_folder_as_output_is_told_before_the_work(tmp_path: Path, source: Path, model: Labeller):
    (tmp_path / "out.csv").mkdir()
    with pytest.raises(DataError, match="is a folder"):
        predict_files(model, [source], out=tmp_path / "out.csv")
    assert model.predictor.sizes == []


def test_a_second_run_does_not_read_its_own_output(tmp_path: Path, source: Path, model: Labeller):
    out = tmp_path / "out.jsonl"
    assert [predict_files(model, [tmp_path], out=out).paragraphs for _ in range(2)] == [6, 6]


def test_over_long_texts_are_cut_with_a_warning(model: Labeller):
    with pytest.warns(TextclfWarning, match="only the first 100,000 are read"):
        (found,) = model.predict(["x" * 100_000 + "fight"])
    assert found == ()


def test_what_is_no_list_of_texts_is_told(model: Labeller):
    with pytest.raises(DataError, match="put a single text in a list"):
        model.predict_proba("fight")
    with pytest.raises(DataError, match="text 1 is no text but NoneType"):
        model.predict_proba(["fight", None])


def test_no_texts_give_no_rows(model: Labeller):
    assert model.predict_proba([]).shape == (0, 3)
    assert model.predict([]) == []


def test_an_article_is_labelled_paragraph_by_paragraph(model: Labeller):
    found = model.label(Article("a", (Paragraph("fight"), Paragraph("rain"))))
    assert [(p.article_id, p.paragraph, p.labels) for p in found] == [("a", 0, ("fight",)), ("a", 1, ())]


@quick
@pytest.mark.parametrize("ending", [".jsonl", ".csv", ".parquet"])
@given(
    records=st.lists(
        st.fixed_dictionaries(
            {"text": st.text(st.characters(), max_size=12)},
            optional={
                "article_id": st.text(st.characters(), max_size=4),
                "paragraph": st.integers(0, 5) | st.just(10**30),
            },
        ),
        min_size=1,
        max_size=5,
    )
)
def test_any_text_is_written_or_refused(scratch: Path, ending: str, records: list[dict[str, Any]]):
    source, out = scratch / "any.jsonl", scratch / f"any{ending}"
    source.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    try:
        predict_files(make_model(), [source], out=out)
    except TextclfError:
        return
    texts = [r["text"] for r in read_back(out)]
    assert len(texts) == len(records)
    for text, record in zip(texts, records, strict=True):
        if record["text"].isprintable():
            assert text == record["text"]


@pytest.mark.parametrize("ending", [".jsonl", ".csv", ".parquet"])
@pytest.mark.parametrize(
    "record", [{"text": "half \ud800"}, {"article_id": "half \ud800"}, {"article_id": "a", "paragraph": 10**30}]
)
def test_odd_records_of_a_feed_do_not_end_in_a_traceback(
    tmp_path: Path, model: Labeller, ending: str, record: dict[str, Any]
):
    source = tmp_path / "odd.jsonl"
    source.write_text(json.dumps({"text": "fight", **record}) + "\n", encoding="utf-8")
    out = tmp_path / f"out{ending}"
    try:
        predict_files(model, [source], out=out)
    except TextclfError:
        assert not out.exists()
    else:
        assert len(read_back(out)) == 1
