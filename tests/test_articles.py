"""Unlabelled articles: text is parted into paragraphs, and every kind of file streams as passages."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.props import quick
from textclf.articles import feeds, pages, passages_of, read_article, stream_passages
from textclf.errors import DataError, TextclfError, TextclfWarning
from textclf.records import Passage

LONG = "The convoy left the town before dawn and crossed the river by the old iron bridge, drivers said on Monday."


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scratch")


def texts(source: str | Path) -> list[str]:
    return [paragraph.text for paragraph in read_article(source).paragraphs]


def passages(*inputs: str | Path) -> list[tuple[str, int, str]]:
    return [(p.article_id, p.paragraph, p.text) for p in stream_passages(inputs)]


# Paragraphs of a text


def test_a_line_is_a_paragraph():
    assert texts("One came.\nTwo went.\n  Three stayed.  \n") == ["One came.", "Two went.", "Three stayed."]


def test_blank_lines_part_paragraphs():
    assert texts(f"{LONG}\n\n{LONG}\n\n\n\nThe end.") == [LONG, LONG, "The end."]


def test_hard_wrapped_lines_are_joined_again():
    wrapped = "Gunmen fired on the\nmarket and fled before\nthe army came.\n\nNobody was hurt, the\nmayor said."
    assert texts(wrapped) == [
        "Gunmen fired on the market and fled before the army came.",
        "Nobody was hurt, the mayor said.",
    ]


def test_long_lines_between_blank_lines_stay_apart():
    assert texts(f"{LONG}\n{LONG}\n\n{LONG}") == [LONG, LONG, LONG]


def test_short_lines_that_end_sentences_stay_apart():
    assert texts("One came.\nTwo went.\n\nThree stayed.\nFour slept.") == [
        "One came.",
        "Two went.",
        "Three stayed.",
        "Four slept.",
    ]


def test_a_short_first_line_is_the_headline():
    article = read_article(f"Convoy leaves town\n{LONG}\n{LONG}")
    assert article.title == "Convoy leaves town"
    assert [p.text for p in article.paragraphs] == [LONG, LONG]


@pytest.mark.parametrize("first", ["The convoy left.", "“They left.”", "他们离开了。", "word " * 21 + "word"])
def test_a_sentence_or_a_long_line_is_no_headline(first: str):
    assert read_article(f"{first}\n{LONG}").title == ""
    assert texts(f"{first}\n{LONG}") == [first, LONG]


def test_the_only_line_is_a_paragraph_and_no_headline():
    assert read_article("Convoy leaves town").title == ""
    assert texts("Convoy leaves town") == ["Convoy leaves town"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_and_the_byte_order_mark_do_not_matter(tmp_path: Path, end: str, mark: str):
    path = tmp_path / "story.txt"
    path.write_bytes((mark + end.join(["Convoy leaves town", "", LONG, "", LONG])).encode())
    article = read_article(path)
    assert (article.article_id, article.title) == ("story", "Convoy leaves town")
    assert [p.text for p in article.paragraphs] == [LONG, LONG]
    assert passages(path) == [("story", 0, LONG), ("story", 1, LONG)]


@pytest.mark.parametrize("odd", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"])
def test_a_text_and_its_file_part_alike(tmp_path: Path, odd: str):
    text = f"{LONG} One{odd}two.\n{LONG}"
    path = tmp_path / "story.txt"
    path.write_text(text, encoding="utf-8", newline="")
    assert texts(path) == texts(text)


def test_a_long_text_is_read_part_by_part_as_its_file_is(tmp_path: Path):
    text = "Convoy leaves the town\n" + "".join(f"{LONG[:-1]} for the {n}th time.\n" for n in range(4_000))
    path = tmp_path / "long.txt"
    path.write_text(text, encoding="utf-8")
    article = read_article(text)
    assert article.title == "Convoy leaves the town"
    assert len(article.paragraphs) == 4_000
    assert all(text[p.start : p.end] == p.text for p in article.paragraphs)
    assert read_article(path).paragraphs == article.paragraphs


def test_no_text_is_an_error_that_names_the_file(tmp_path: Path):
    path = tmp_path / "blank.txt"
    path.write_text(" \n\ufeff\n", encoding="utf-8")
    with pytest.raises(DataError, match="blank"):
        read_article(path)
    with pytest.raises(DataError, match="no text"):
        read_article("")


def test_a_string_that_looks_like_a_path_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    Path("story").write_text(LONG, encoding="utf-8")
    assert texts("story") == [LONG]
    with pytest.raises(DataError, match=r"cannot read missing\.txt: No such file"):
        read_article("missing.txt")
    assert texts("See the file missing.txt") == ["See the file missing.txt"]


def test_a_folder_is_no_article(tmp_path: Path):
    with pytest.raises(DataError, match="directory"):
        read_article(tmp_path)


def test_text_in_another_encoding_is_read(tmp_path: Path):
    path = tmp_path / "latin.txt"
    path.write_bytes("One came.\nTwo went.\nThe café by the bridge stayed open, its owner said.\n".encode("cp1252"))
    article = read_article(path)
    assert article.paragraphs[2].text == "The café by the bridge stayed open, its owner said."
    assert article.extra == {"encoding": "cp1252"}


@pytest.mark.parametrize("source", ["nul\0.txt", Path("nul\0.txt"), Path("x" * 300)])
def test_a_path_no_system_takes_is_a_data_error(source: str | Path):
    with pytest.raises(DataError):
        read_article(source)
    with pytest.raises(DataError):
        list(stream_passages([source]))


@quick
@example("\x00")
@example("\ud800")
@example("a.txt")
@pytest.mark.filterwarnings("ignore::textclf.errors.TextclfWarning")
@given(st.text(max_size=200) | st.text("ab. \n\r\u2028", max_size=60))
def test_any_text_is_an_article_or_a_data_error(text: str):
    try:
        article = read_article(text)
    except TextclfError:
        return
    assert article.blocks
    assert all(p.text.strip() == p.text != "" for p in article.paragraphs)


def test_a_page_without_an_article_is_kept_and_told():
    with pytest.warns(TextclfWarning, match=r"no paragraph of an article was found in it, only 2 navigation"):
        article = read_article("Home\nSubscribe now")
    assert [block.role for block in article.blocks] == ["navigation", "navigation"]
    assert article.paragraphs == ()


# Files of many articles


def test_json_lines_of_articles_and_of_rows(tmp_path: Path):
    records: list[Any] = [
        {"article_id": "a", "paragraphs": [{"text": "a0", "labels": []}, "a1"]},
        {"paragraphs": ["b0"]},
        {"article_id": 7, "paragraphs": []},
        {"article_id": "c", "text": "c0"},
        {"article_id": "c", "text": "c1"},
        {"text": "alone"},
        {"article_id": "d", "paragraph": 5, "text": "d5"},
        {"article_id": "d", "text": "d6"},
    ]
    path = tmp_path / "feed.jsonl"
    path.write_text("\ufeff" + "\r\n\r\n".join(map(json.dumps, records)), encoding="utf-8", newline="")
    found = passages(path)
    assert found[:5] == [("a", 0, "a0"), ("a", 1, "a1"), ("feed-3", 0, "b0"), ("c", 0, "c0"), ("c", 1, "c1")]
    assert found[5][1:] == (0, "alone")
    assert found[6:] == [("d", 5, "d5"), ("d", 6, "d6")]


def rows_as_csv(path: Path, rows: list[dict[str, Any]]) -> Path:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]), delimiter="\t" if path.suffix == ".tsv" else ",")
        table.writeheader()
        table.writerows(rows)
    return path


def rows_as_jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def rows_as_parquet(path: Path, rows: list[dict[str, Any]]) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


FORMATS = [("f.csv", rows_as_csv), ("f.tsv", rows_as_csv), ("f.jsonl", rows_as_jsonl), ("f.parquet", rows_as_parquet)]


@pytest.mark.parametrize(("name", "write"), FORMATS)
def test_tables_number_the_paragraphs_of_each_article(tmp_path: Path, name: str, write: Callable[..., Path]):
    rows = [
        {"article_id": "a", "text": 'a0, with "quotes"'},
        {"article_id": "a", "text": "a1"},
        {"article_id": "b", "text": "b0"},
        {"article_id": "b", "text": "b1\nand more"},
    ]
    numbers = [("a", 0), ("a", 1), ("b", 0), ("b", 1)]
    assert passages(write(tmp_path / name, rows)) == [(*n, row["text"]) for n, row in zip(numbers, rows, strict=True)]


@pytest.mark.parametrize(("name", "write"), FORMATS)
def test_tables_keep_paragraph_numbers_of_their_own(tmp_path: Path, name: str, write: Callable[..., Path]):
    rows = [{"article_id": "a", "paragraph": n, "text": f"a{n}"} for n in (4, 2, 9)]
    assert passages(write(tmp_path / name, rows)) == [("a", 4, "a4"), ("a", 2, "a2"), ("a", 9, "a9")]


@pytest.mark.parametrize(("name", "write"), FORMATS)
def test_rows_without_an_id_are_articles_of_their_own(tmp_path: Path, name: str, write: Callable[..., Path]):
    found = passages(write(tmp_path / name, [{"text": "one"}, {"text": "two"}]))
    assert [(number, text) for _, number, text in found] == [(0, "one"), (0, "two")]
    assert len({article_id for article_id, _, _ in found}) == 2
    assert all(article_id.startswith("f") for article_id, _, _ in found)


def test_parquet_holds_articles_too(tmp_path: Path):
    rows = [{"article_id": "a", "paragraphs": [{"text": "a0"}, {"text": "a1"}]}]
    assert passages(rows_as_parquet(tmp_path / "f.parquet", rows)) == [("a", 0, "a0"), ("a", 1, "a1")]


def test_a_folder_is_read_in_the_order_of_names(tmp_path: Path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "b.txt").write_text(LONG, encoding="utf-8")
    (tmp_path / "a.jsonl").write_text('{"article_id": "x", "text": "x0"}\n', encoding="utf-8")
    (tmp_path / "sub" / "b.TXT").write_text("Another one.", encoding="utf-8")
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8")
    (tmp_path / ".hidden").write_bytes(b"")
    skipped: list[Path] = []
    found = [(p.article_id, p.text) for p in stream_passages([tmp_path], on_skip=skipped.append)]
    assert found == [("x", "x0"), ("b", LONG), ("sub/b", "Another one.")]
    assert skipped == [tmp_path / "photo.jpg"]


def give_stdin(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(content))))


@pytest.mark.parametrize("mark", ["", "\ufeff", "\n  "])
def test_standard_input_is_text_or_json_lines(monkeypatch: pytest.MonkeyPatch, mark: str):
    give_stdin(monkeypatch, f"{mark}One came.\nTwo went.".encode())
    assert passages("-") == [("stdin", 0, "One came."), ("stdin", 1, "Two went.")]
    give_stdin(monkeypatch, (mark + '{"article_id": "a", "text": "a0"}\n').encode())
    assert passages("-") == [("a", 0, "a0")]


def test_empty_standard_input_has_no_passages(monkeypatch: pytest.MonkeyPatch):
    give_stdin(monkeypatch, b"")
    assert passages("-") == []


def test_standard_input_stays_open(monkeypatch: pytest.MonkeyPatch):
    give_stdin(monkeypatch, b"One came.\n")
    assert passages("-", "-") == [("stdin", 0, "One came.")]
    assert not sys.stdin.closed


# Streaming


class Endless(io.RawIOBase):
    """A file without an end: a head, then one line for ever; it counts what is read of it."""

    def __init__(self, head: bytes, line: bytes) -> None:
        self.pending = head
        self.line = line
        self.given = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while len(self.pending) < len(buffer):
            self.pending += self.line * 100
        size = len(buffer)
        buffer[:], self.pending = self.pending[:size], self.pending[size:]
        self.given += size
        assert self.given < 10_000_000, "the whole file is being read"
        return size


def text_passages(file: Any, *, name: str, article_id: str) -> Iterator[Passage]:
    return passages_of(pages.read_text(file, name=name, article_id=article_id))


@pytest.mark.parametrize(
    ("feed", "head", "line"),
    [
        (text_passages, b"", LONG.encode() + b"\n"),
        (text_passages, b"Title of it\n\n", LONG.encode() + b"\n"),
        (text_passages, b"Title of it\n\n", b"A short line of six words.\n"),
        (feeds.read_jsonl, b"", b'{"text": "x"}\n'),
        (feeds.read_jsonl, b"", b'{"article_id": "a", "paragraphs": [{"text": "x"}]}\n'),
        (feeds.read_csv, b"article_id,text\n", b"a,x\n"),
        (feeds.read_tsv, b"article_id\ttext\n", b"a\tx\n"),
    ],
)
def test_first_passages_come_before_the_file_is_read(feed: Any, head: bytes, line: bytes):
    file = Endless(head, line)
    found = list(islice(feed(io.BufferedReader(file), name="endless", article_id="e"), 3))
    assert len(found) == 3
    assert file.given < 300_000


def test_parquet_comes_a_batch_of_rows_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({"text": [f"t{n}" for n in range(10_000)]})
    pq.write_table(table, tmp_path / "big.parquet", row_group_size=1_000)
    taken: list[int] = []
    plain = pq.ParquetFile.iter_batches

    def counted(*args: Any, **kwargs: Any) -> Iterator[Any]:
        for batch in plain(*args, **kwargs):
            taken.append(len(batch))
            yield batch

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", counted)
    stream = stream_passages([tmp_path / "big.parquet"])
    assert next(stream).text == "t0"
    assert sum(taken) < 10_000
    assert sum(1 for _ in stream) == 9_999


def test_a_later_input_is_opened_only_when_reached(tmp_path: Path):
    first = tmp_path / "first.txt"
    first.write_text("One came.\nTwo went.", encoding="utf-8")
    stream = stream_passages([first, tmp_path / "missing.txt"])
    assert next(stream) == Passage("first", 0, "One came.", start=0, end=9)
    with pytest.raises(DataError, match=r"missing\.txt"):
        list(stream)


# Errors


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("f.jsonl", '{"text": "x"}\n{"text": \n', r"f\.jsonl:2: broken JSON"),
        ("f.jsonl", '{"text": "x"}\n\n[1]\n', r"f\.jsonl:3: expected an object"),
        ("f.jsonl", '{"body": "x"}\n', r"f\.jsonl:1: expected an object with `paragraphs`.*`text`"),
        ("f.jsonl", '{"text": 5}\n', r"f\.jsonl:1: `text` must be a text, found 5"),
        ("f.jsonl", '{"paragraphs": "x"}\n', r"f\.jsonl:1: `paragraphs` must be a list"),
        ("f.jsonl", '{"paragraphs": [{"text": "x"}, {}]}\n', r"f\.jsonl:1: paragraph 1 has no text"),
        ("f.jsonl", '{"article_id": "a", "text": "x", "paragraph": "two"}', "`paragraph` must be a whole number"),
        ("f.jsonl", '{"article_id": "a", "text": "x", "paragraph": Infinity}', "`paragraph` must be a whole number"),
        ("f.jsonl", '{"article_id": "a", "text": "x", "paragraph": 1e999}', "`paragraph` must be a whole number"),
        ("f.jsonl", '{"article_id": "a", "text": "x", "paragraph": 2.5}', "`paragraph` must be a whole number"),
        ("f.jsonl", "[" * 100_000, r"f\.jsonl:1: broken JSON"),
        ("f.csv", "id,body\na,x\n", r"f\.csv: no column `text`; found: id, body"),
        ("f.csv", "article_id,text\na,x\nb,x,y\n", r"f\.csv:3: this row's cells do not match"),
        ("f.csv", "article_id,text\nb\n", r"f\.csv:2: this row's cells do not match"),
        ("f.csv", 'article_id,text\na,"open\nb,two\nc,three\n', "broken CSV"),
        ("f.csv", "article_id,text,text\na,x,y\n", "text"),
        ("f.parquet", "not parquet", r"cannot read .*f\.parquet as Parquet"),
        ("f.docx", "x", r"f\.docx: cannot read this kind of file; allowed: \.txt"),
    ],
)
def test_a_broken_file_is_told_with_its_place(tmp_path: Path, name: str, content: str, said: str):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=said):
        list(stream_passages([path]))


def test_a_parquet_file_without_texts_names_its_columns(tmp_path: Path):
    path = rows_as_parquet(tmp_path / "f.parquet", [{"id": 1, "body": "x"}])
    with pytest.raises(DataError, match="no column `text`; found: id, body"):
        list(stream_passages([path]))


def test_a_missing_file_is_told(tmp_path: Path):
    with pytest.raises(DataError, match=r"cannot read .*none\.jsonl: No such file"):
        list(stream_passages([tmp_path / "none.jsonl"]))


@quick
@pytest.mark.filterwarnings("ignore::textclf.errors.TextclfWarning")
@pytest.mark.parametrize("ending", [".txt", ".html", ".mhtml", ".jsonl", ".csv", ".tsv", ".parquet"])
@given(content=st.binary(max_size=80) | st.text(max_size=80).map(str.encode))
def test_any_bytes_are_passages_or_a_data_error(scratch: Path, ending: str, content: bytes):
    path = scratch / f"any{ending}"
    path.write_bytes(content)
    try:
        found = list(stream_passages([path]))
    except TextclfError:
        return
    assert all(isinstance(p.text, str) and p.paragraph >= 0 for p in found)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["text", "x"]), inner, max_size=2),
    max_leaves=4,
)


@quick
@given(st.lists(st.dictionaries(st.sampled_from(["article_id", "paragraph", "text", "paragraphs"]), JSON), max_size=3))
def test_any_json_is_passages_or_a_data_error(scratch: Path, records: list[dict[str, Any]]):
    path = scratch / "any_json.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    try:
        found = list(stream_passages([path]))
    except TextclfError:
        return
    assert all(isinstance(p.article_id, str) and isinstance(p.text, str) for p in found)
