"""Every format of labelled data: what is written reads back the same, and is recognised without being named."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import LABELS, make_articles
from tests.props import quick
from textclf.datasets import check_labelled, read_labelled, write_labelled
from textclf.datasets.interface import HELD
from textclf.datasets.registry import FORMATS, format_for, format_of, get_format
from textclf.errors import DataError, TextclfError, TextclfWarning
from textclf.files import WriteError
from textclf.labels import LabelSet
from textclf.records import Article, Paragraph

WHOLE = [name for name, known in FORMATS.items() if known.holds == tuple(HELD)]
ENDING = {"label_studio": ".json", "argilla": ".json", "doccano": ".jsonl", "prodigy": ".jsonl", "conflibert": ".tsv"}

ARTICLES = [
    Article(
        "levant-1",
        (
            Paragraph('He said "go",\nand they went;\tquickly, all.', ("fight", "move"), ("talk",), {"page": "4"}),
            Paragraph("Rain fell — on the market’s roof.", (), ()),
            Paragraph("Nobody could say.", (), LABELS),
        ),
        title="Last rebels leave, quietly",
        date="2016-08-27",
        source="Meridian Wire",
        extra={"region": "levant"},
    ),
    Article(
        "sahel/2", (Paragraph("Envoys met.", ("talk",)), Paragraph("  Indented, and kept.", ())), annotated=("talk",)
    ),
    Article("never read", (Paragraph("Shells fell."), Paragraph("Buses left.")), annotated=()),
]


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scratch")


def place_for(name: str, folder: Path) -> Path:
    known = FORMATS[name]
    return folder / f"data{'' if known.folder else ENDING.get(name) or known.endings[0]}"


def test_the_formats_are_these():
    assert list(FORMATS) == [
        "jsonl",
        "csv",
        "tsv",
        "parquet",
        "label_studio",
        "argilla",
        "prodigy",
        "doccano",
        "brat",
        "huggingface",
        "spacy",
        "conflibert",
    ]
    assert [name for name in FORMATS if name not in WHOLE] == ["conflibert"]


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("made", [ARTICLES, make_articles(12)], ids=["by hand", "made"])
def test_what_is_written_is_recognised_and_reads_back_the_same(
    tmp_path: Path, labels: LabelSet, name: str, made: list[Article]
):
    path = place_for(name, tmp_path)
    write_labelled(made, path, labels, format=name)
    checked = check_labelled(path, labels)
    assert [str(fault) for fault in checked.faults] == []
    assert checked.format == name
    assert sorted(checked.articles, key=lambda a: a.article_id) == sorted(made, key=lambda a: a.article_id)


@pytest.mark.parametrize("name", [name for name in WHOLE if name != "brat"])
def test_articles_keep_their_order(tmp_path: Path, labels: LabelSet, name: str):
    path = place_for(name, tmp_path)
    write_labelled(ARTICLES, path, labels, format=name)
    assert [a.article_id for a in read_labelled(path, labels)] == [a.article_id for a in ARTICLES]


@pytest.mark.parametrize("name", WHOLE)
def test_what_is_known_and_unknown_needs_no_label_set(tmp_path: Path, labels: LabelSet, name: str):
    path = place_for(name, tmp_path)
    write_labelled(ARTICLES, path, None, format=name)
    read = {article.article_id: article for article in check_labelled(path, None).articles}
    for article in ARTICLES:
        assert str(read[article.article_id].targets(labels)) == str(article.targets(labels))


def test_a_table_of_conflibert_keeps_texts_and_what_is_unknown(tmp_path: Path, labels: LabelSet):
    path = tmp_path / "data.tsv"
    with pytest.warns(TextclfWarning) as told:
        write_labelled(ARTICLES, path, labels, format="conflibert")
    (lost,) = [str(one.message) for one in told]
    assert "conflibert" in lost
    for part in ("articles", "head", "extra"):
        assert HELD[part] in lost
    for part in ("annotated", "unknown"):
        assert HELD[part] not in lost
    with pytest.warns(TextclfWarning, match="7 of 7 records name no article"):
        checked = check_labelled(path, labels)
    assert checked.format == "conflibert"
    assert [a.paragraphs[0].text for a in checked.articles] == [p.text for a in ARTICLES for p in a.paragraphs]
    read = [row for a in checked.articles for row in a.targets(labels).tolist()]
    assert str(read) == str([row for a in ARTICLES for row in a.targets(labels).tolist()])


def test_nothing_is_said_lost_that_is_not_there(tmp_path: Path, labels: LabelSet):
    bare = [Article("a", (Paragraph("One.", ("fight",)),))]
    with pytest.warns(TextclfWarning) as told:
        write_labelled(bare, tmp_path / "bare.tsv", labels, format="conflibert")
    (lost,) = [str(one.message) for one in told]
    assert "titles" not in lost
    assert "keys of your own" not in lost


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\x00"), min_size=1, max_size=12).filter(str.strip)
IDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8).filter(lambda text: bool(text.strip()))


@st.composite
def paragraphs(draw: st.DrawFn) -> Paragraph:
    marks = draw(st.lists(st.sampled_from(["yes", "no", "unknown"]), min_size=3, max_size=3))
    given = list(zip(LABELS, marks, strict=True))
    return Paragraph(
        draw(WORDS), tuple(n for n, m in given if m == "yes"), tuple(n for n, m in given if m == "unknown")
    )


@st.composite
def some_articles(draw: st.DrawFn) -> list[Article]:
    ids = draw(st.lists(IDS, min_size=1, max_size=3, unique=True))
    return [
        Article(
            article_id,
            tuple(draw(st.lists(paragraphs(), min_size=1, max_size=3))),
            title=draw(st.just("") | WORDS),
            source=draw(st.just("") | WORDS),
        )
        for article_id in ids
    ]


@quick
@pytest.mark.parametrize("name", [name for name in WHOLE if not FORMATS[name].folder])
@given(made=some_articles())
def test_any_articles_round_trip(scratch: Path, name: str, made: list[Article]):
    labels = LabelSet.of(LABELS)
    path = place_for(name, scratch)
    write_labelled(made, path, labels, format=name)
    assert read_labelled(path, labels) == made


@quick
@given(made=some_articles())
def test_any_articles_round_trip_through_a_folder_of_brat(
    tmp_path_factory: pytest.TempPathFactory, made: list[Article]
):
    labels = LabelSet.of(LABELS)
    path = tmp_path_factory.mktemp("brat") / "out"
    write_labelled(made, path, labels, format="brat")
    assert sorted(read_labelled(path, labels), key=lambda a: a.article_id) == sorted(made, key=lambda a: a.article_id)


# Recognising


def test_content_tells_more_than_the_ending(tmp_path: Path, labels: LabelSet):
    for name in ("jsonl", "label_studio", "argilla", "doccano", "prodigy", "parquet", "csv", "spacy"):
        path = tmp_path / f"{name}.txt"
        write_labelled(ARTICLES, path, labels, format=name)
        assert format_of(path).name == name


def test_a_pretty_printed_list_of_articles_is_read(tmp_path: Path, labels: LabelSet):
    path = tmp_path / "articles.json"
    path.write_text(json.dumps([article.to_json() for article in ARTICLES], indent=2), encoding="utf-8")
    assert read_labelled(path, labels) == ARTICLES


def test_one_pretty_printed_article_is_read(tmp_path: Path, labels: LabelSet):
    path = tmp_path / "article.json"
    path.write_text(json.dumps(ARTICLES[0].to_json(), indent=2), encoding="utf-8")
    assert read_labelled(path, labels) == ARTICLES[:1]


def test_what_is_of_no_format_names_them_all(tmp_path: Path, labels: LabelSet):
    for content in (b"{}", b'[{"a": 1}]', b"", b"\x89PNG\r\n"):
        path = tmp_path / "what.json"
        path.write_bytes(content)
        with pytest.raises(DataError) as caught:
            check_labelled(path, labels)
        assert all(name in str(caught.value) for name in FORMATS)


def test_another_encoding_is_told_by_name(tmp_path: Path, labels: LabelSet):
    path = tmp_path / "wide.json"
    path.write_bytes('[{"id": 1, "data": {"text": "One."}, "annotations": []}]'.encode("utf-16"))
    with pytest.raises(DataError, match="UTF-16; convert it first"):
        check_labelled(path, labels)


def test_an_unknown_name_names_the_nearest():
    with pytest.raises(DataError, match=r"'docano'; did you mean 'doccano'\?.*known: jsonl, csv"):
        get_format("docano")


def test_an_ending_of_two_formats_asks_which():
    with pytest.raises(DataError, match=r"\.json can be label_studio or argilla; say it with --to"):
        format_for(Path("out.json"))
    with pytest.raises(DataError, match=r"its ending tells none; say it with --to, one of jsonl"):
        format_for(Path("out"))


# Writing


def test_a_failed_writing_leaves_what_was_there(tmp_path: Path):
    path = tmp_path / "data.tsv"
    path.write_text("before", encoding="utf-8")
    with pytest.raises(DataError, match="--labels"):
        write_labelled(ARTICLES, path, None, format="conflibert")
    assert path.read_text(encoding="utf-8") == "before"
    assert [file.name for file in tmp_path.iterdir()] == ["data.tsv"]


def test_a_folder_that_holds_something_is_not_replaced(tmp_path: Path, labels: LabelSet):
    (tmp_path / "mine.txt").write_text("keep", encoding="utf-8")
    with pytest.raises(WriteError, match="holds something"):
        write_labelled(ARTICLES, tmp_path, labels, format="brat")
    assert (tmp_path / "mine.txt").exists()


def test_labels_outside_the_set_are_not_left_out_in_silence(tmp_path: Path, labels: LabelSet):
    made = [Article("a", (Paragraph("One.", ("fihgt", "tlak")),))]
    with pytest.raises(DataError, match=r"'fihgt'.*did you mean 'fight'.*'tlak'"):
        write_labelled(made, tmp_path / "out.tsv", labels, format="conflibert")
    assert not (tmp_path / "out.tsv").exists()


def test_no_article_is_not_written(tmp_path: Path, labels: LabelSet):
    with pytest.raises(DataError, match="no article to write"):
        write_labelled([], tmp_path / "none.jsonl", labels)
    assert not (tmp_path / "none.jsonl").exists()


def test_keys_of_several_types_in_one_column_become_text(tmp_path: Path, labels: LabelSet):
    made = [Article("a", (Paragraph("One.", extra={"page": 4}), Paragraph("Two.", extra={"page": "five"})))]
    write_labelled(made, tmp_path / "mixed.parquet", labels)
    (read,) = read_labelled(tmp_path / "mixed.parquet", labels)
    assert [p.extra for p in read.paragraphs] == [{"page": "4"}, {"page": "five"}]


# Bad input of every format: articles, faults, or an error that says what to do

TEXT_FORMATS = [name for name, known in FORMATS.items() if not known.folder]
LOOSE = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(0, 1) | st.text(max_size=5) | st.sampled_from(LABELS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
CHOICES = st.fixed_dictionaries(
    {"type": st.just("choices") | LOOSE, "value": st.fixed_dictionaries({"choices": LOOSE}) | LOOSE},
    optional={"from_name": st.just("uncertain") | LOOSE},
)
ANNOTATION = st.fixed_dictionaries(
    {"result": st.lists(CHOICES | LOOSE, max_size=2) | LOOSE},
    optional={"was_cancelled": LOOSE, "ground_truth": LOOSE},
)
ANSWER = st.fixed_dictionaries({"value": LOOSE}, optional={"user_id": LOOSE, "status": st.just("submitted") | LOOSE})
META = st.fixed_dictionaries(
    {}, optional={"article_id": LOOSE, "paragraph": LOOSE, "annotated": LOOSE, "uncertain": LOOSE, "title": LOOSE}
)
RECORD = st.one_of(
    st.fixed_dictionaries(
        {"data": st.fixed_dictionaries({"text": LOOSE}, optional={"annotated": LOOSE, "article_id": LOOSE}) | LOOSE},
        optional={"id": LOOSE, "annotations": st.lists(ANNOTATION | LOOSE, max_size=2) | LOOSE},
    ),
    st.fixed_dictionaries(
        {"fields": st.fixed_dictionaries({"text": LOOSE}) | LOOSE},
        optional={
            "id": LOOSE,
            "metadata": META | LOOSE,
            "status": LOOSE | st.just("completed"),
            "responses": st.dictionaries(st.sampled_from(["labels", "uncertain"]), st.lists(ANSWER | LOOSE, max_size=2))
            | st.lists(st.fixed_dictionaries({"values": LOOSE}) | LOOSE, max_size=2)
            | LOOSE,
        },
    ),
    st.fixed_dictionaries(
        {"text": LOOSE},
        optional={
            "id": LOOSE,
            "annotation_id": LOOSE,
            "label": LOOSE,
            "labels": LOOSE,
            "cats": LOOSE,
            "answer": st.sampled_from(["accept", "reject", "ignore"]) | LOOSE,
            "accept": LOOSE,
            "options": st.lists(st.fixed_dictionaries({"id": LOOSE}) | LOOSE, max_size=2) | LOOSE,
            "meta": META | LOOSE,
            "_input_hash": LOOSE,
        },
    ),
    LOOSE,
)


def check_any_content(path: Path, name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TextclfWarning)
        try:
            checked = check_labelled(path, LabelSet.of(LABELS), format=name)
            unnamed = check_labelled(path, None, format=name)
        except TextclfError:
            return
    assert checked.articles or checked.faults
    assert unnamed.articles or unnamed.faults
    for article in checked.articles:
        assert article.targets(LabelSet.of(LABELS)).shape == (len(article.paragraphs), 3)


@quick
@pytest.mark.parametrize("name", TEXT_FORMATS)
@given(content=st.binary(max_size=60) | st.text(max_size=60).map(lambda t: t.encode("utf-8", "surrogatepass")))
def test_any_bytes_give_no_traceback(scratch: Path, name: str, content: bytes):
    path = scratch / f"bytes-{name}.txt"
    path.write_bytes(content)
    check_any_content(path, name)


@quick
@pytest.mark.parametrize("name", ["jsonl", "label_studio", "argilla", "prodigy", "doccano"])
@given(records=st.lists(RECORD, max_size=3), in_a_list=st.booleans())
def test_any_json_gives_no_traceback(scratch: Path, name: str, records: list[Any], in_a_list: bool):
    path = scratch / f"json-{name}.json"
    lines = "".join(json.dumps(record) + "\n" for record in records)
    path.write_text(json.dumps(records) if in_a_list else lines, encoding="utf-8")
    check_any_content(path, name)


PIECES = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=2)
ANN_LINES = st.one_of(
    st.builds(
        lambda n, kind, pieces: f"T{n}\t{kind} {';'.join(f'{a} {b}' for a, b in pieces)}\tx",
        st.integers(1, 3),
        st.sampled_from([*LABELS, "Paragraph", "other"]),
        PIECES,
    ),
    st.builds(lambda n: f"A1\tUncertain T{n}", st.integers(1, 3)),
    st.builds(lambda n, note: f"#1\tAnnotatorNotes T{n}\t{note}", st.integers(1, 3), RECORD.map(json.dumps)),
    st.text(max_size=12),
)


@quick
@given(text=st.text("ab. \n\r", max_size=20), lines=st.lists(ANN_LINES, max_size=4))
def test_any_standoff_gives_no_traceback(scratch: Path, text: str, lines: list[str]):
    folder = scratch / "standoff"
    folder.mkdir(exist_ok=True)
    (folder / "a.txt").write_bytes(text.encode())
    (folder / "a.ann").write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))
    check_any_content(folder, "brat")


@pytest.mark.parametrize("name", ["jsonl", "label_studio", "argilla", "prodigy", "doccano"])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[]", "there is no article in it"),
        ("[" * 100_000, "nested too deeply"),
        ('[{"text": NaN}]', "NaN is not a JSON value"),
        ('[{"text": "a"}, {"text": "b"', "broken JSON in record 2"),
        ('[\n{"text": "a"}\n{"text": "b"}\n]', "broken JSON after record 1: '{' stands where ',' or ']' should"),
        ('[\n{"text": "a"}', "broken JSON after record 1: the file ends where ',' or ']' should"),
        ("[\n1\n] [2]", "something follows the end of the JSON list"),
        ("{\n" + '"text": "a"\n', "broken JSON"),
        ('{\n"text": "a"}\n{"text": "b"}\n', "more follows the first record"),
        ("[\n1, 2", "expected"),
    ],
)
def test_broken_json_is_told_with_its_place(tmp_path: Path, labels: LabelSet, name: str, content: str, said: str):
    path = tmp_path / "broken.json"
    path.write_text(content, encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TextclfWarning)
        faults = check_labelled(path, labels, format=name).faults
    assert any(said in fault.message for fault in faults), [str(fault) for fault in faults]


def test_json_that_is_not_utf8_names_the_line(tmp_path: Path, labels: LabelSet):
    path = tmp_path / "latin.json"
    path.write_bytes(b'[\n{"id": 1, "data": {"text": "caf\xe9"}, "annotations": []}\n]')
    (fault,) = check_labelled(path, labels).faults
    assert "line 2: not valid UTF-8" in fault.message


@pytest.mark.parametrize("name", [name for name in FORMATS if name not in ("brat", "huggingface")])
def test_a_folder_is_not_a_file(tmp_path: Path, labels: LabelSet, name: str):
    with pytest.raises(DataError, match="cannot read"):
        check_labelled(tmp_path, labels, format=name)
