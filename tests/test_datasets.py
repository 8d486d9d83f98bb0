"""Labelled files: every format reads to the same articles, and every fault is found, with its place."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import DATA, LABELS, make_articles
from tests.props import quick
from textclf.datasets import check_labelled, read_labelled, shared_articles
from textclf.datasets.raw import Fault
from textclf.errors import DataError, TextclfError
from textclf.labels import LabelSet
from textclf.records import Article

Write = Callable[..., Path]


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scratch")


def article(**changes: Any) -> dict[str, Any]:
    """Give a whole record, with some keys changed."""
    return {"article_id": "a", "paragraphs": [{"text": "One.", "labels": ["fight"]}], **changes}


def of_paragraph(**changes: Any) -> dict[str, Any]:
    """Give a record whose second paragraph is changed."""
    return article(paragraphs=[{"text": "One.", "labels": []}, {"text": "Two.", "labels": [], **changes}])


def flat_rows(articles: list[Article]) -> list[dict[str, Any]]:
    return [
        {
            "article_id": a.article_id,
            "title": a.title,
            "text": p.text,
            "labels": list(p.labels),
            "uncertain": list(p.uncertain),
        }
        for a in articles
        for p in a.paragraphs
    ]


def write_table(path: Path, rows: list[dict[str, Any]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]), delimiter="\t" if path.suffix == ".tsv" else ",")
        table.writeheader()
        table.writerows(rows)
    return path


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def save_to_disk(path: Path, rows: list[dict[str, Any]]) -> Path:
    import datasets

    progress = datasets.is_progress_bar_enabled()
    datasets.disable_progress_bars()
    datasets.Dataset.from_list(rows).save_to_disk(str(path))
    if progress:
        datasets.enable_progress_bars()
    return path


def one_fault(path: Path, labels: LabelSet) -> Fault:
    """Give the file's only fault."""
    faults = check_labelled(path, labels).faults
    assert len(faults) == 1, [str(fault) for fault in faults]
    return faults[0]


# The same articles from every format


def test_json_lines_round_trip(write_jsonl: Write, labels: LabelSet, articles: list[Article]):
    assert read_labelled(write_jsonl(articles), labels) == articles


@pytest.mark.parametrize("ending", [".csv", ".tsv"])
@pytest.mark.parametrize("joined", [";".join, ",".join, "|".join, " ; ".join, json.dumps])
def test_flat_text_tables_read_the_same(
    tmp_path: Path, labels: LabelSet, articles: list[Article], ending: str, joined: Callable[[list[str]], str]
):
    rows = flat_rows(articles)
    for row in rows:
        row["labels"], row["uncertain"] = joined(row["labels"]), joined(row["uncertain"])
    assert read_labelled(write_table(tmp_path / f"flat{ending}", rows), labels) == articles


@pytest.mark.parametrize("write", [write_parquet, save_to_disk])
@pytest.mark.parametrize("flat", [True, False])
def test_arrow_tables_read_the_same(
    tmp_path: Path,
    labels: LabelSet,
    articles: list[Article],
    write: Callable[[Path, list[dict[str, Any]]], Path],
    flat: bool,
):
    rows = flat_rows(articles) if flat else [a.to_json() for a in articles]
    assert read_labelled(write(tmp_path / "table.parquet", rows), labels) == articles


def test_flat_json_lines_read_the_same(write_jsonl: Write, labels: LabelSet, articles: list[Article]):
    assert read_labelled(write_jsonl(flat_rows(articles)), labels) == articles


@pytest.mark.parametrize("write", [write_table, write_parquet])
def test_a_column_per_label_holds_yes_no_or_nothing(
    tmp_path: Path, labels: LabelSet, articles: list[Article], write: Callable[[Path, list[dict[str, Any]]], Path]
):
    rows = flat_rows(articles)
    for row in rows:
        carried, unsure = row.pop("labels"), row.pop("uncertain")
        row |= {name: "" if name in unsure else str(int(name in carried)) for name in LABELS}
    path = write(tmp_path / ("wide.csv" if write is write_table else "wide.parquet"), rows)
    read = read_labelled(path, labels)
    assert [a.paragraphs for a in read] == [a.paragraphs for a in articles]


def test_a_label_without_a_column_was_not_looked_for(tmp_path: Path, labels: LabelSet):
    path = tmp_path / "part.csv"
    path.write_text("article_id,text,fight,talk\na,One.,1,0\na,Two.,,no\n", encoding="utf-8")
    (read,) = read_labelled(path, labels)
    assert read.annotated == ("fight", "talk")
    assert read.paragraphs[0].labels == ("fight",)
    assert read.paragraphs[1].uncertain == ("fight",)
    assert str(read.targets(labels).tolist()) == "[[1.0, 0.0, nan], [nan, 0.0, nan]]"


def test_annotated_names_the_labels_looked_for(write_jsonl: Write, labels: LabelSet):
    (read,) = read_labelled(write_jsonl([article(annotated=["fight", "talk"])]), labels)
    assert str(read.targets(labels).tolist()) == "[[1.0, 0.0, nan]]"


def test_rows_of_an_article_need_not_stand_together(tmp_path: Path, labels: LabelSet):
    path = tmp_path / "mixed.csv"
    path.write_text("article_id,text,labels\na,One.,fight\nb,Two.,\na,Three.,talk\n", encoding="utf-8")
    read = read_labelled(path, labels)
    assert [(a.article_id, [p.text for p in a.paragraphs]) for a in read] == [
        ("a", ["One.", "Three."]),
        ("b", ["Two."]),
    ]


def test_cells_may_hold_line_breaks_and_quotes(tmp_path: Path, labels: LabelSet):
    text = 'He said "go",\nand they went, "quickly".'
    path = write_table(tmp_path / "quoted.csv", [{"article_id": "a", "text": text, "labels": "move"}])
    assert read_labelled(path, labels)[0].paragraphs[0].text == text


def test_whole_numbers_are_ids_too(tmp_path: Path, write_jsonl: Write, labels: LabelSet):
    rows = [{"article_id": number, "text": "One.", "labels": ["fight"]} for number in (0, 1, 2)]
    assert [a.article_id for a in read_labelled(write_jsonl([article(article_id=0)]), labels)] == ["0"]
    assert [a.article_id for a in read_labelled(write_parquet(tmp_path / "t.parquet", rows), labels)] == ["0", "1", "2"]


def test_keys_of_your_own_are_kept(write_jsonl: Write, labels: LabelSet):
    record = article(region="north", paragraphs=[{"text": "One.", "labels": [], "page": 4}])
    (read,) = read_labelled(write_jsonl([record]), labels)
    assert read.to_json()["region"] == "north"
    assert read.to_json()["paragraphs"][0]["page"] == 4


@pytest.mark.parametrize("key", ["annotator", "updated", "dateline", "label_count"])
def test_a_key_of_your_own_is_not_taken_for_a_slip(write_jsonl: Write, labels: LabelSet, key: str):
    (read,) = read_labelled(write_jsonl([article(**{key: "x"})]), labels)
    assert read.extra == {key: "x"}


def test_line_ends_blank_lines_and_a_byte_order_mark_do_not_matter(tmp_path: Path, labels: LabelSet):
    path = tmp_path / "windows.jsonl"
    lines = [json.dumps(article(article_id=name)) for name in "ab"]
    path.write_bytes(("\ufeff" + "\r\n\r\n".join(lines) + "\r\n").encode())
    assert [a.article_id for a in read_labelled(path, labels)] == ["a", "b"]
    table = tmp_path / "windows.csv"
    table.write_bytes("\ufeffarticle_id,text,labels\r\na,One.,fight\r\n\r\n".encode())
    assert read_labelled(table, labels)[0].paragraphs[0].labels == ("fight",)


def test_a_label_named_twice_counts_once(write_jsonl: Write, labels: LabelSet):
    (read,) = read_labelled(write_jsonl([of_paragraph(labels=["fight", "fight"])]), labels)
    assert read.paragraphs[1].labels == ("fight",)


def test_the_shipped_data_has_no_fault_and_no_leak():
    labels = LabelSet.read(DATA / "labels.yaml")
    checked = [check_labelled(path, labels) for path in sorted(DATA.glob("*.jsonl"))]
    assert [len(c.faults) for c in checked] == [0] * 6
    assert sum(len(c.articles) for c in checked) == 652
    assert shared_articles(checked) == []


# Rules: each has a record that breaks it

BAD_ARTICLES = [
    (3, "expected an object"),
    ([], "expected an object"),
    (None, "expected an object"),
    (article(article_id=None), "article_id must be"),
    (article(article_id=""), "article_id must be"),
    (article(article_id=" "), "article_id must be"),
    (article(article_id=True), "article_id must be"),
    (article(article_id=["a"]), "article_id must be"),
    (article(title=5), "title must be a text"),
    (article(date=2020), "date must be a text"),
    (article(source=["x"]), "source must be a text"),
    (article(annotated="fight"), "annotated must be a list"),
    (article(annotated=[1], paragraphs=[{"text": "One.", "labels": []}]), "annotated must be a list"),
    (article(annotated=["fight", "fihgt"]), "did you mean 'fight'"),
    (article(paragraphs=None), "paragraphs must be a non-empty list, found nothing"),
    (article(paragraphs=[]), "paragraphs must be a non-empty list, found an empty list"),
    (article(paragraphs={"text": "x"}), "paragraphs must be a non-empty list, found an object"),
    ({"article_id": "a", "paragraph": []}, "did you mean 'paragraphs'"),
    ({"article_id": "a", "paragraphs": [{"text": "x", "labels": []}], "anotated": []}, "did you mean 'annotated'"),
    (article(title="half \ud800"), "half a character"),
    (article(article_id="half \ud800"), "half a character"),
]

BAD_PARAGRAPHS = [
    ({"text": None}, "text must be a text, found nothing"),
    ({"text": 5}, "text must be a text, found 5"),
    ({"text": ["x"]}, "text must be a text, found a list"),
    ({"text": ""}, "the text is empty"),
    ({"text": " \n\t"}, "the text is empty"),
    ({"text": "x" * 10_000_000}, "10,000,000 characters, more than 100,000"),
    ({"text": "half \ud83d"}, "half a character"),
    ({"labels": "fight"}, "labels must be a list of label names, found a text"),
    ({"labels": None}, "labels"),
    ({"labels": 0}, "labels must be a list"),
    ({"labels": False}, "labels must be a list"),
    ({"labels": [3]}, "labels must be a list"),
    ({"labels": [["fight"]]}, "labels must be a list"),
    ({"labels": ["fihgt"]}, r"'fihgt' is not in the label set .*did you mean 'fight'"),
    ({"labels": ["Fight"]}, "did you mean 'fight'"),
    ({"uncertain": "talk"}, "uncertain must be a list"),
    ({"uncertain": ["tlak"]}, "did you mean 'talk'"),
    ({"labels": ["fight"], "uncertain": ["fight"]}, "'fight' is both in labels and in uncertain"),
    ({"uncertian": ["talk"]}, "unknown key 'uncertian'; did you mean 'uncertain'"),
]


@pytest.mark.parametrize(("record", "said"), BAD_ARTICLES)
def test_a_bad_article_is_a_fault_at_its_line(write_jsonl: Write, labels: LabelSet, record: Any, said: str):
    path = write_jsonl([article(article_id="good")])
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")
    checked = check_labelled(path, labels)
    assert [a.article_id for a in checked.articles] == ["good"]
    assert any(said in fault.message for fault in checked.faults)
    assert {(fault.line, fault.paragraph) for fault in checked.faults} == {(2, None)}


@pytest.mark.parametrize(("changes", "said"), BAD_PARAGRAPHS)
def test_a_bad_paragraph_is_a_fault_at_its_number(tmp_path: Path, labels: LabelSet, changes: dict[str, Any], said: str):
    path = tmp_path / "bad.jsonl"
    path.write_text("\n" + json.dumps(of_paragraph(**changes)) + "\n", encoding="utf-8")
    fault = one_fault(path, labels)
    assert re.search(said, fault.message)
    assert (fault.line, fault.article_id, fault.paragraph) == (2, "a", 1)
    assert f"{path}:2: article a, paragraph 1: " in str(fault)


def test_a_paragraph_must_say_its_labels(write_jsonl: Write, labels: LabelSet):
    fault = one_fault(write_jsonl([article(paragraphs=[{"text": "One."}])]), labels)
    assert '"labels": []' in fault.message
    misspelt = check_labelled(write_jsonl([article(paragraphs=[{"text": "One.", "lables": []}])]), labels)
    assert any("did you mean 'labels'" in fault.message for fault in misspelt.faults)


def test_a_paragraph_must_be_an_object(write_jsonl: Write, labels: LabelSet):
    fault = one_fault(write_jsonl([article(paragraphs=["One."])]), labels)
    assert (fault.paragraph, fault.message) == (0, "expected an object with text and labels, found a text")


def test_a_label_outside_annotated_contradicts_it(write_jsonl: Write, labels: LabelSet):
    fault = one_fault(write_jsonl([article(annotated=["talk"])]), labels)
    assert fault.paragraph == 0
    assert "'fight' is given but not listed in the article's annotated" in fault.message


def test_an_empty_id_is_told_apart_from_a_text(write_jsonl: Write, labels: LabelSet):
    assert "found a text" not in one_fault(write_jsonl([article(article_id="")]), labels).message


def test_without_a_label_set_names_are_free(write_jsonl: Write):
    checked = check_labelled(write_jsonl([of_paragraph(labels=["anything"])]), None)
    assert checked.faults == []
    assert checked.articles[0].paragraphs[1].labels == ("anything",)


# Files: all faults of all lines


def test_every_fault_of_a_file_is_told_with_its_place(tmp_path: Path, labels: LabelSet):
    path = tmp_path / "many.jsonl"
    lines = [
        json.dumps(article(article_id="ok")).encode(),
        b'{"article_id": "broken", ',
        b'{"article_id": "latin", "title": "caf\xe9"}',
        json.dumps(article(article_id="ok")).encode(),
        b"",
        b'{"article_id": "nan", "paragraphs": NaN}',
        json.dumps(
            {"article_id": "two", "paragraphs": [{"text": "", "labels": ["tlak"]}, {"text": 3, "labels": []}]}
        ).encode(),
        b"[" * 100_000,
        json.dumps(article(article_id="last")).encode(),
    ]
    path.write_bytes(b"\n".join(lines))
    checked = check_labelled(path, labels)
    assert [a.article_id for a in checked.articles] == ["ok", "last"]
    assert [(f.line, f.article_id, f.paragraph) for f in checked.faults] == [
        (2, None, None),
        (3, None, None),
        (4, "ok", None),
        (6, None, None),
        (7, "two", 0),
        (7, "two", 0),
        (7, "two", 1),
        (8, None, None),
    ]
    said = [f.message for f in checked.faults]
    assert "broken JSON" in said[0]
    assert "column" in said[0]
    assert "iconv" in said[1]
    assert "stands already at line 1" in said[2]
    assert "NaN is not a JSON value" in said[3]
    assert "nested too deeply" in said[7]


def test_reading_raises_with_the_first_twenty_and_the_count(write_jsonl: Write, labels: LabelSet):
    path = write_jsonl([article(article_id=f"a{n}", title=n) for n in range(30)])
    with pytest.raises(DataError) as caught:
        read_labelled(path, labels)
    told = str(caught.value)
    assert "30 fault(s)" in told
    assert f"{path}:20: article a19" in told
    assert f"{path}:21" not in told
    assert "and 10 more" in told
    assert "textclf data check" in told


@pytest.mark.parametrize("name", ["empty.jsonl", "empty.csv", "empty.tsv"])
@pytest.mark.parametrize("content", ["", "\n\n", "\ufeff"])
def test_an_empty_file_is_a_fault(tmp_path: Path, labels: LabelSet, name: str, content: str):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    assert "empty" in one_fault(path, labels).message


def test_a_table_of_a_header_alone_is_a_fault(tmp_path: Path, labels: LabelSet):
    path = tmp_path / "header.csv"
    path.write_text("article_id,text,labels\n", encoding="utf-8")
    assert one_fault(path, labels).message


def test_ragged_rows_are_faults_and_the_others_still_read(tmp_path: Path, labels: LabelSet):
    path = tmp_path / "ragged.csv"
    path.write_text('article_id,text,labels\na,"One\nlong",fight\nb,Two, with comma,talk\nc,Three\nd,Four,move\n')
    checked = check_labelled(path, labels)
    assert [(f.line, f.message.split(";")[0]) for f in checked.faults] == [
        (4, "4 cells where the header has 3"),
        (5, "2 cells where the header has 3"),
    ]
    assert [a.article_id for a in checked.articles] == ["a", "d"]


def test_an_open_quote_is_a_fault_and_not_a_giant_paragraph(tmp_path: Path, labels: LabelSet):
    path = tmp_path / "open.csv"
    path.write_text('article_id,text,labels\na,One,fight\nb,"Two,talk\nc,Three,move\n', encoding="utf-8")
    assert "broken CSV after line 2" in one_fault(path, labels).message


def test_a_table_row_that_is_not_utf8_is_a_fault(tmp_path: Path, labels: LabelSet):
    path = tmp_path / "latin.csv"
    path.write_bytes(b"article_id,text,labels\na,One,fight\nb,caf\xe9,talk\n")
    fault = one_fault(path, labels)
    assert fault.line == 3
    assert "not valid UTF-8" in fault.message


def test_a_table_in_utf16_is_told_so(tmp_path: Path, labels: LabelSet):
    path = tmp_path / "excel.csv"
    path.write_bytes("article_id,text,labels\na,One,fight\n".encode("utf-16"))
    told = str(check_labelled(path, labels).faults[0])
    assert "UTF-8" in told
    assert told.encode()  # it can be printed


@pytest.mark.parametrize("header", ["id,text,labels", "article_id,body,labels"])
def test_a_table_without_its_columns_names_them(tmp_path: Path, labels: LabelSet, header: str):
    path = tmp_path / "columns.csv"
    path.write_text(f"{header}\na,One,fight\n", encoding="utf-8")
    fault = one_fault(path, labels)
    assert fault.line == 1
    assert "no column" in fault.message
    assert header.replace(",", ", ") in fault.message


def test_an_arrow_table_without_its_columns_names_them(tmp_path: Path, labels: LabelSet):
    rows = [{"article_id": "a", "body": "One.", "labels": ["fight"]}] * 3
    assert "no column text" in one_fault(write_parquet(tmp_path / "columns.parquet", rows), labels).message


def test_a_column_named_twice_is_a_fault(tmp_path: Path, labels: LabelSet):
    path = tmp_path / "twice.csv"
    path.write_text("article_id,text,labels,labels\na,One,fight,talk\n", encoding="utf-8")
    assert "labels" in one_fault(path, labels).message


def test_a_near_miss_of_a_column_is_a_fault(tmp_path: Path, labels: LabelSet):
    path = tmp_path / "near.csv"
    path.write_text("article_id,text,labels,uncertian\na,One,fight,talk\n", encoding="utf-8")
    assert any("did you mean 'uncertain'" in f.message for f in check_labelled(path, labels).faults)


def test_a_near_miss_of_a_label_column_is_a_fault(tmp_path: Path, labels: LabelSet):
    path = tmp_path / "near.csv"
    path.write_text("article_id,text,fight,tallk,move\na,One,1,1,0\n", encoding="utf-8")
    assert any("did you mean 'talk'" in f.message for f in check_labelled(path, labels).faults)


def test_faults_of_rows_keep_the_paragraphs_numbers(tmp_path: Path, labels: LabelSet):
    path = tmp_path / "cells.csv"
    path.write_text("article_id,text,fight\na,One,1\na,Two,maybe\na,,0\nb,Four,1\n", encoding="utf-8")
    checked = check_labelled(path, labels)
    assert [(f.line, f.article_id, f.paragraph) for f in checked.faults] == [(3, "a", 1), (4, "a", 2)]
    assert "column 'fight' holds 'maybe'" in checked.faults[0].message


def test_an_article_with_a_bad_row_is_not_given_as_whole(tmp_path: Path, labels: LabelSet):
    path = tmp_path / "cells.csv"
    path.write_text("article_id,text,fight\na,One,1\na,Two,maybe\nb,Three,1\n", encoding="utf-8")
    assert [a.article_id for a in check_labelled(path, labels).articles] == ["b"]


@pytest.mark.parametrize("cell", [5, True, 0.5, {"fight": 1}])
@pytest.mark.parametrize("key", ["labels", "uncertain"])
def test_a_flat_row_with_odd_labels_is_a_fault(write_jsonl: Write, labels: LabelSet, key: str, cell: Any):
    row = {"article_id": "a", "text": "One.", "labels": [], key: cell}
    fault = one_fault(write_jsonl([row]), labels)
    assert fault.line == 1
    assert key in fault.message


def test_a_row_without_labels_says_what_it_needs(tmp_path: Path, labels: LabelSet):
    path = tmp_path / "none.csv"
    path.write_text("article_id,text\na,One\n", encoding="utf-8")
    message = one_fault(path, labels).message
    assert "labels" in message
    assert "fight, talk, move" in message


def test_kinds_of_file_that_are_not_read_are_refused(tmp_path: Path, labels: LabelSet):
    (tmp_path / "data.xlsx").write_bytes(b"PK")
    with pytest.raises(DataError, match=r"\.jsonl, .*not \.xlsx"):
        check_labelled(tmp_path / "data.xlsx", labels)
    with pytest.raises(DataError, match="no such file"):
        check_labelled(tmp_path / "none.jsonl", labels)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not parquet at all"])
def test_a_broken_parquet_file_is_refused(tmp_path: Path, labels: LabelSet, content: bytes):
    path = tmp_path / "broken.parquet"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"broken\.parquet"):
        check_labelled(path, labels)


@pytest.mark.parametrize("files", [{}, {"state.json": "{}"}, {"state.json": "{", "dataset_info.json": "{"}])
def test_a_folder_that_is_no_saved_dataset_is_refused(tmp_path: Path, labels: LabelSet, files: dict[str, str]):
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match="save_to_disk"):
        check_labelled(tmp_path, labels)


def test_a_folder_of_splits_names_them(tmp_path: Path, labels: LabelSet):
    save_to_disk(tmp_path / "all" / "train", [article()])
    (tmp_path / "all" / "dataset_dict.json").write_text('{"splits": ["train"]}', encoding="utf-8")
    with pytest.raises(DataError, match=r"several splits.*train"):
        check_labelled(tmp_path / "all", labels)
    assert len(read_labelled(tmp_path / "all" / "train", labels)) == 1


def test_an_article_in_two_files_is_a_leak(write_jsonl: Write, labels: LabelSet):
    one = check_labelled(write_jsonl(make_articles(4), "one.jsonl"), labels)
    two = check_labelled(write_jsonl(make_articles(1), "two.jsonl"), labels)
    (fault,) = shared_articles([one, two])
    assert fault.article_id == "article-000"
    assert str(one.path) in fault.message
    assert fault.file == str(two.path)


# Whatever a file holds, a user sees articles or faults, never a traceback

LOOSE = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(0, 1) | st.text(max_size=5) | st.sampled_from(LABELS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
KEYS = ["article_id", "title", "annotated", "paragraphs", "text", "labels", "uncertain", "paragraph", "own"]
NEARLY = st.fixed_dictionaries(
    {"article_id": st.sampled_from(["a", "b", 3]) | LOOSE},
    optional={
        "title": LOOSE,
        "annotated": st.lists(st.sampled_from(LABELS), max_size=3) | LOOSE,
        "own": LOOSE,
        "paragraphs": st.lists(
            st.fixed_dictionaries(
                {
                    "text": st.text(max_size=8) | LOOSE,
                    "labels": st.lists(st.sampled_from(LABELS), max_size=2) | st.none() | LOOSE,
                },
                optional={"uncertain": st.lists(st.sampled_from(LABELS), max_size=2) | LOOSE, "own": LOOSE},
            )
            | LOOSE,
            max_size=3,
        ),
        "text": LOOSE,
        "labels": LOOSE,
    },
)


@quick
@pytest.mark.filterwarnings("ignore:.*name no article")
@given(records=st.lists(NEARLY | LOOSE | st.dictionaries(st.sampled_from(KEYS), LOOSE), min_size=1, max_size=4))
def test_any_json_is_articles_or_faults_and_articles_round_trip(scratch: Path, records: list[Any]):
    labels = LabelSet.of(LABELS)
    path = scratch / "any.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    checked = check_labelled(path, labels)
    assert checked.articles or checked.faults
    if checked.articles:
        lines = [json.dumps(a.to_json(), ensure_ascii=False) + "\n" for a in checked.articles]
        path.write_text("".join(lines), encoding="utf-8")
        assert read_labelled(path, labels) == checked.articles


@quick
@pytest.mark.parametrize("ending", [".jsonl", ".csv", ".tsv", ".parquet"])
@given(content=st.binary(max_size=60) | st.text(max_size=60).map(lambda t: t.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_articles_or_faults_or_a_data_error(scratch: Path, ending: str, content: bytes):
    path = scratch / f"bytes{ending}"
    path.write_bytes(content)
    try:
        checked = check_labelled(path, LabelSet.of(LABELS))
    except TextclfError:
        return
    assert checked.faults


@quick
@given(
    rows=st.lists(
        st.tuples(st.sampled_from(["a", "b", ""]), st.text(max_size=6), st.text("fightalk;,|[]\"'1 ", max_size=8)),
        min_size=1,
        max_size=4,
    )
)
def test_any_table_is_articles_or_faults(scratch: Path, rows: list[tuple[str, str, str]]):
    path = scratch / "rows.csv"
    with path.open("w", encoding="utf-8", errors="surrogatepass", newline="") as file:
        csv.writer(file).writerows([("article_id", "text", "labels"), *rows])
    checked = check_labelled(path, LabelSet.of(LABELS))
    read = sum(len(a.paragraphs) for a in checked.articles)
    assert read == len(rows) or checked.faults
