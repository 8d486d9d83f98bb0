"""Tables whose first line names nothing, tables parted otherwise, and tables of other libraries."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import LABELS
from textclf.datasets import check_labelled, read_labelled
from textclf.errors import DataError, MissingExtraError, TextclfWarning
from textclf.labels import LabelSet
from textclf.records import Article

ALONE = "ignore:.*name no article"


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def marks(articles: list[Article], labels: LabelSet) -> list[str]:
    shown = {"1.0": "1", "0.0": "0", "nan": "?"}
    return ["".join(shown[str(value)] for value in row) for a in articles for row in a.targets(labels).tolist()]


# Recognised columns


@pytest.mark.filterwarnings(ALONE)
@pytest.mark.parametrize(
    ("rows", "ids"),
    [
        ("a,One.,fight\na,Two.,talk;move\nb,Three.,\n", ["a", "b"]),
        ("One.,fight\nTwo.,talk|move\nThree.,\n", ["t-1", "t-2", "t-3"]),
        ("a,One.,1,0,0\na,Two.,0,1,1\nb,Three.,0,0,0\n", ["a", "b"]),
        ("One.,1,0,0\nTwo.,0,yes,1\nThree.,0,0,no\n", ["t-1", "t-2", "t-3"]),
    ],
)
def test_columns_are_recognised_by_what_they_hold(tmp_path: Path, labels: LabelSet, rows: str, ids: list[str]):
    read = read_labelled(write(tmp_path / "t.csv", rows), labels)
    assert [a.article_id for a in read] == ids
    assert [p.text for a in read for p in a.paragraphs] == ["One.", "Two.", "Three."]
    assert marks(read, labels) == ["100", "011", "000"]


def test_an_empty_mark_is_unknown(tmp_path: Path, labels: LabelSet):
    read = read_labelled(write(tmp_path / "t.tsv", "a\tOne.\t1\t\t0\n"), labels)
    assert marks(read, labels) == ["1?0"]


def test_columns_may_be_named(tmp_path: Path, labels: LabelSet):
    path = write(tmp_path / "t.csv", "fight,a,One.\n,a,Two.\n")
    (read,) = check_labelled(path, labels, columns=["labels", "article_id", "text"]).articles
    assert [(p.text, p.labels) for p in read.paragraphs] == [("One.", ("fight",)), ("Two.", ())]


def test_named_columns_pass_over_a_header(tmp_path: Path, labels: LabelSet):
    path = write(tmp_path / "t.csv", "story_id,text,labels\na,One.,fight\n")
    (read,) = check_labelled(path, labels, columns=["article_id", "text", "labels"]).articles
    assert (read.article_id, len(read.paragraphs)) == ("a", 1)


def test_columns_are_for_text_tables_alone(tmp_path: Path, labels: LabelSet):
    with pytest.raises(DataError, match="csv and tsv, not for jsonl"):
        check_labelled(write(tmp_path / "t.jsonl", '{"article_id": "a", "paragraphs": []}\n'), labels, columns=["text"])


def test_rows_of_another_width_are_named(tmp_path: Path, labels: LabelSet):
    path = write(tmp_path / "t.csv", "a,One.,fight\nb,Two.\nc,Three.,talk\n")
    checked = check_labelled(path, labels)
    assert [(f.line, f.message.split(";")[0]) for f in checked.faults] == [(2, "2 cells where the columns are 3")]
    assert [a.article_id for a in checked.articles] == ["a", "c"]


def test_what_cannot_be_recognised_says_how_to_name_it(tmp_path: Path, labels: LabelSet):
    (fault,) = check_labelled(write(tmp_path / "t.csv", "x,One.,what\n"), labels).faults
    assert "no column article_id and text; found: x, One., what" in fault.message
    assert "--columns" in fault.message


def test_a_table_of_texts_alone_makes_each_row_an_article(tmp_path: Path, labels: LabelSet):
    path = write(tmp_path / "t.csv", "text,labels\nOne.,fight\nTwo.,\n")
    with pytest.warns(TextclfWarning, match="2 of 2 records name no article.*split by paragraph"):
        read = read_labelled(path, labels)
    assert [a.article_id for a in read] == ["t-2", "t-3"]


@pytest.mark.parametrize("mark", [";", "\t", ","])
@pytest.mark.parametrize("ending", [".csv", ".tsv", ".txt"])
def test_the_first_line_tells_what_parts_cells(tmp_path: Path, labels: LabelSet, mark: str, ending: str):
    rows = [["article_id", "text", "labels"], ["a", "One", "fight"]]
    path = write(tmp_path / f"t{ending}", "".join(mark.join(row) + "\n" for row in rows))
    assert read_labelled(path, labels)[0].paragraphs[0].labels == ("fight",)


def test_rows_go_by_their_paragraph_number(tmp_path: Path, labels: LabelSet):
    path = write(tmp_path / "t.csv", "article_id,paragraph,text,labels\na,10,Last.,\na,9,First.,\n")
    assert [p.text for p in read_labelled(path, labels)[0].paragraphs] == ["First.", "Last."]


def test_a_paragraph_that_stands_twice_is_a_fault(tmp_path: Path, labels: LabelSet):
    path = write(tmp_path / "t.csv", "article_id,paragraph,text,labels\na,0,One.,\na,0,Two.,\n")
    (fault,) = check_labelled(path, labels).faults
    assert (fault.line, fault.message) == (3, "paragraph 0 of this article stands already at 2")


# ConfliBERT


def test_conflibert_tables_need_the_labels_in_order(tmp_path: Path, labels: LabelSet):
    path = write(tmp_path / "train.tsv", 'Shells fell.\t1\t0\t0\nHe said "go".\t0\t\t1\n')
    with pytest.raises(DataError, match="give them in order with --labels"):
        check_labelled(path, None)
    with pytest.warns(TextclfWarning, match="name no article"):
        checked = check_labelled(path, labels)
    assert checked.format == "conflibert"
    assert marks(checked.articles, labels) == ["100", "0?1"]


@pytest.mark.filterwarnings(ALONE)
def test_conflibert_faults_name_the_line(tmp_path: Path, labels: LabelSet):
    path = write(tmp_path / "train.tsv", "One.\t1\t0\t0\nTwo.\t1\t0\nThree.\tx\t0\t0\n\t0\t0\t0\n")
    told = {fault.line: fault.message for fault in check_labelled(path, labels).faults}
    assert "3 cells where the columns are 4" in told[2]
    assert "column 'fight' holds 'x'" in told[3]
    assert "the text is empty" in told[4]


# Hugging Face


def parquet(path: Path, rows: list[dict[str, Any]], features: Any = None) -> Path:
    import datasets

    path.parent.mkdir(parents=True, exist_ok=True)
    datasets.Dataset.from_list(rows, features=features).to_parquet(str(path))
    return path


@pytest.fixture(autouse=True)
def no_bars() -> Any:
    import datasets

    showing = datasets.is_progress_bar_enabled()
    datasets.disable_progress_bars()
    yield
    if showing:
        datasets.enable_progress_bars()


def test_class_labels_are_turned_into_names(tmp_path: Path, labels: LabelSet):
    import datasets

    kind = datasets.ClassLabel(names=list(LABELS))
    text, names = datasets.Value("string"), datasets.List(kind)
    many = datasets.Features({"article_id": text, "text": text, "labels": names})
    rows = [
        {"article_id": "a", "text": "One.", "labels": [0, 2]},
        {"article_id": "a", "text": "Two.", "labels": []},
    ]
    parquet(tmp_path / "many" / "train.parquet", rows, many)
    read = read_labelled(tmp_path / "many", labels)
    assert marks(read, labels) == ["101", "000"]
    one = datasets.Features({"article_id": text, "text": text, "label": kind})
    rows = [{"article_id": "a", "text": "One.", "label": 1}, {"article_id": "b", "text": "Two.", "label": -1}]
    parquet(tmp_path / "one" / "train.parquet", rows, one)
    assert marks(read_labelled(tmp_path / "one", labels), labels) == ["010", "???"]


def test_a_column_of_yes_and_no_classes(tmp_path: Path, labels: LabelSet):
    import datasets

    text, answer = datasets.Value("string"), datasets.ClassLabel(names=["no", "yes"])
    features = datasets.Features({"article_id": text, "text": text, **dict.fromkeys(LABELS, answer)})
    rows = [{"article_id": "a", "text": "One.", "fight": 1, "talk": 0, "move": None}]
    parquet(tmp_path / "wide" / "train.parquet", rows, features)
    assert marks(read_labelled(tmp_path / "wide", labels), labels) == ["10?"]


@pytest.mark.parametrize("ending", [".jsonl", ".csv"])
def test_a_folder_of_data_files_streams(tmp_path: Path, labels: LabelSet, ending: str):
    folder = tmp_path / "plain"
    folder.mkdir()
    row = {"article_id": "a", "text": "One.", "labels": "fight"}
    text = "article_id,text,labels\na,One.,fight\n" if ending == ".csv" else json.dumps(row) + "\n"
    write(folder / f"train{ending}", text)
    assert check_labelled(folder, labels).format == "huggingface"
    assert marks(read_labelled(folder, labels), labels) == ["100"]
    assert marks(read_labelled(f"hf:{folder}", labels), labels) == ["100"]


def test_a_split_is_named_after_a_colon(tmp_path: Path, labels: LabelSet):
    for name, article_id in (("train", "a"), ("test", "b")):
        row = {"article_id": article_id, "text": "One.", "labels": ["fight"]}
        parquet(tmp_path / "two" / f"{name}.parquet", [row])
    assert [a.article_id for a in read_labelled(f"hf:{tmp_path / 'two'}:test", labels)] == ["b"]
    with pytest.raises(DataError, match=r"several splits; name one: hf:.*two:train"):
        check_labelled(tmp_path / "two", labels)
    with pytest.raises(DataError, match="no split 'tset'; did you mean 'test'"):
        check_labelled(f"hf:{tmp_path / 'two'}:tset", labels)


def test_a_dataset_that_is_not_there_or_broken(tmp_path: Path, labels: LabelSet, monkeypatch: pytest.MonkeyPatch):
    import datasets

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    with pytest.raises(DataError, match="cannot read the dataset"):
        check_labelled(f"hf:{tmp_path / 'none'}", labels)
    (tmp_path / "bad").mkdir()
    write(tmp_path / "bad" / "train.parquet", "not parquet")
    with pytest.raises(DataError, match="cannot read the dataset"):
        check_labelled(tmp_path / "bad", labels)


# spaCy


def save_docs(path: Path, docs: list[tuple[str, dict[str, float], dict[Any, Any]]]) -> Path:
    import spacy
    from spacy.tokens import DocBin

    made = spacy.blank("en")
    content = DocBin(store_user_data=True)
    for text, cats, user_data in docs:
        doc = made.make_doc(text)
        doc.cats = cats
        doc.user_data.update(user_data)
        content.add(doc)
    content.to_disk(path)
    return path


def test_spacy_cats_are_yes_no_or_unknown(tmp_path: Path, labels: LabelSet):
    docs = [
        ("One.", {"fight": 1.0, "talk": 0.0, "move": 0.5}, {"article_id": "a", "paragraph": 0}),
        ("Two.", {"fight": 0.9, "talk": 0.1}, {"article_id": "a", "paragraph": 1, ("._.", "seen", None, None): 1}),
        ("Three.", {}, {"article_id": "a", "paragraph": 2}),
    ]
    path = save_docs(tmp_path / "train.spacy", docs)
    assert marks(read_labelled(path, labels), labels) == ["10?", "10?", "???"]


def test_spacy_documents_of_no_article(tmp_path: Path, labels: LabelSet):
    path = save_docs(tmp_path / "train.spacy", [("One.", {"fight": 1.0}, {})])
    with pytest.warns(TextclfWarning, match="name no article"):
        (read,) = read_labelled(path, labels)
    assert (read.article_id, read.annotated) == ("train-1", ("fight",))


def test_spacy_values_outside_0_to_1_are_faults(tmp_path: Path, labels: LabelSet):
    path = save_docs(tmp_path / "odd.spacy", [("One.", {"fight": 3.0}, {"article_id": "a"})])
    (fault,) = check_labelled(path, labels).faults
    assert "a value from 0 to 1" in fault.message


def test_a_broken_spacy_file_is_refused(tmp_path: Path, labels: LabelSet):
    path = save_docs(tmp_path / "cut.spacy", [("One.", {"fight": 1.0}, {})])
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match=r"not a \.spacy file"):
        check_labelled(path, labels)


def test_without_spacy_the_extra_is_named(tmp_path: Path, labels: LabelSet, monkeypatch: pytest.MonkeyPatch):
    path = save_docs(tmp_path / "train.spacy", [("One.", {"fight": 1.0}, {})])
    monkeypatch.setitem(__import__("sys").modules, "spacy", None)
    with pytest.raises(MissingExtraError, match=r"textclf\[spacy\]"):
        check_labelled(path, labels)
