"""What annotation tools export is read as its annotators meant it: yes, no, and unknown."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import LABELS
from textclf.datasets import check_labelled, read_labelled, write_labelled
from textclf.datasets.write import setup_of
from textclf.errors import DataError, TextclfWarning
from textclf.labels import LabelSet
from textclf.records import Article, Paragraph

ALONE = "ignore:.*name no article"


def write_json(path: Path, records: Any, *, lines: bool = False) -> Path:
    content = "".join(json.dumps(record) + "\n" for record in records) if lines else json.dumps(records, indent=2)
    path.write_text(content, encoding="utf-8")
    return path


def targets(path: Path, labels: LabelSet) -> list[str]:
    """Give each paragraph's targets as text: 1 carried, 0 not, ? unknown."""
    marks = {"1.0": "1", "0.0": "0", "nan": "?"}
    read = read_labelled(path, labels)
    return ["".join(marks[str(value)] for value in row) for article in read for row in article.targets(labels).tolist()]


# Label Studio


def task(number: int, *results: list[str] | None, **changes: Any) -> dict[str, Any]:
    """Give a task as Label Studio exports it, an annotation a result; None is a cancelled one."""
    annotations = [
        {
            "id": 1000 + number,
            "completed_by": place,
            "result": [
                {
                    "value": {"choices": chosen},
                    "id": "Dx_aB91ISN",
                    "from_name": "labels",
                    "to_name": "text",
                    "type": "choices",
                    "origin": "manual",
                }
            ]
            if chosen
            else [],
            "was_cancelled": chosen is None,
            "ground_truth": False,
            "created_at": "2024-05-01T10:12:00.000000Z",
            "lead_time": 8.4,
            "result_count": 1,
        }
        for place, chosen in enumerate(results, start=1)
    ]
    return {
        "id": number,
        "annotations": annotations,
        "file_upload": "a1b2-tasks.json",
        "drafts": [],
        "predictions": [{"result": [{"type": "choices", "value": {"choices": ["move"]}}], "score": 0.9}],
        "data": {"text": f"Paragraph {number}.", "article_id": "a-1", "paragraph": number},
        "meta": {},
        "project": 4,
        **changes,
    }


def test_label_studio_annotators_agree_differ_or_say_nothing(tmp_path: Path, labels: LabelSet):
    tasks = [
        task(0, ["fight", "talk"]),
        task(1, []),
        task(2),
        task(3, None),
        task(4, ["fight"], ["fight", "talk"]),
        task(5, ["fight"], None),
    ]
    path = write_json(tmp_path / "project-4.json", tasks)
    assert check_labelled(path, labels).format == "label_studio"
    assert targets(path, labels) == ["110", "000", "???", "???", "1?0", "100"]
    (read,) = read_labelled(path, labels)
    assert (read.article_id, read.annotated) == ("a-1", None)


def test_label_studio_ground_truth_decides(tmp_path: Path, labels: LabelSet):
    one = task(0, ["fight"], ["talk"])
    one["annotations"][1]["ground_truth"] = True
    assert targets(write_json(tmp_path / "truth.json", [one]), labels) == ["010"]


def test_label_studio_uncertain_is_a_control_of_its_own(tmp_path: Path, labels: LabelSet):
    one = task(0, ["fight"])
    unsure = {"from_name": "uncertain", "to_name": "text", "type": "choices", "value": {"choices": ["move"]}}
    one["annotations"][0]["result"].append(unsure)
    assert targets(write_json(tmp_path / "unsure.json", [one]), labels) == ["10?"]


def test_label_studio_tasks_are_put_in_order(tmp_path: Path, labels: LabelSet):
    path = write_json(tmp_path / "order.json", [task(2, ["move"]), task(0, ["fight"]), task(1, ["talk"])])
    assert [p.text for p in read_labelled(path, labels)[0].paragraphs] == [f"Paragraph {n}." for n in (0, 1, 2)]


def test_a_file_of_tasks_never_annotated_knows_nothing(tmp_path: Path, labels: LabelSet):
    (read,) = read_labelled(write_json(tmp_path / "raw.json", [task(0), task(1)]), labels)
    assert read.annotated == ()


def test_label_studio_text_may_have_another_name(tmp_path: Path, labels: LabelSet):
    path = write_json(tmp_path / "named.json", [task(7, ["fight"], data={"body": "Shells fell."})])
    with pytest.warns(TextclfWarning, match="1 of 1 records name no article"):
        (read,) = read_labelled(path, labels)
    assert (read.article_id, read.paragraphs[0].text) == ("named-7", "Shells fell.")


def test_label_studio_faults_name_the_task(tmp_path: Path, labels: LabelSet):
    tasks = [
        task(0, ["fight"]),
        task(1, ["fihgt"]),
        task(2, ["talk"], data={"image": "x.png", "mask": "y.png", "article_id": "a-2"}),
        task(0, ["talk"]),
        task(4, ["talk"], annotations=[{"result": {"choices": ["talk"]}}]),
        7,
    ]
    tasks[4]["data"]["article_id"] = "a-4"
    checked = check_labelled(write_json(tmp_path / "faults.json", tasks), labels)
    told = {fault.line: fault.message for fault in checked.faults}
    assert "did you mean 'fight' (id 1)" in told[2].replace("?", "")
    assert "no text in the task's data; found: image, mask" in told[3]
    assert "the id '0' stands already at 1" in told[4]
    assert "result must be a list" in told[5]
    assert "expected a task" in told[6]


def test_label_studio_min_is_one_record_an_annotation(tmp_path: Path, labels: LabelSet):
    def record(number: int, annotation: int, **given: Any) -> dict[str, Any]:
        return {
            "text": f"Paragraph {number}.",
            "article_id": "a-1",
            "paragraph": number,
            "id": number,
            "annotator": annotation % 2,
            "annotation_id": annotation,
            "created_at": "2024-05-01T10:12:00.000000Z",
            "updated_at": "2024-05-01T10:12:00.000000Z",
            "lead_time": 3.5,
            **given,
        }

    records = [
        record(0, 11, labels={"choices": ["fight", "talk"]}),
        record(0, 12, labels="fight"),
        record(1, 13, labels="move"),
        record(2, 14),
        record(3, 15, event="talk"),
    ]
    path = write_json(tmp_path / "min.json", records)
    assert check_labelled(path, labels).format == "label_studio"
    assert targets(path, labels) == ["1?0", "001", "000", "010"]


def test_label_studio_min_without_a_choice_is_a_fault(tmp_path: Path, labels: LabelSet):
    record = {"text": "One.", "article_id": "a", "id": 3, "annotator": 1, "annotation_id": 9, "lead_time": 2.0}
    path = write_json(tmp_path / "min.json", [{**record, "event": "talk"}])
    (fault,) = check_labelled(path, None).faults
    assert "a single choice is known by the control's name (labels, label" in fault.message
    assert check_labelled(path, labels).faults == []


def test_label_studio_set_up_offers_every_label_twice():
    view = ET.fromstring(setup_of("label_studio", LabelSet.of({"a&b": 'said "so"', "talk": ""})))
    assert {c.get("name"): c.get("choice") for c in view.iter("Choices")} == {
        "labels": "multiple",
        "uncertain": "multiple",
    }
    assert [c.get("value") for c in view.iter("Choice")] == ["a&b", "talk"] * 2
    assert next(view.iter("Choice")).get("hint") == 'said "so"'
    assert {c.get("toName") for c in view.iter("Choices")} == {next(view.iter("Text")).get("name")}
    with pytest.raises(DataError, match="no labelling set-up"):
        setup_of("csv", LabelSet.of(["a"]))


def test_unread_articles_go_to_a_tool_and_come_back_labelled(tmp_path: Path, labels: LabelSet):
    path = tmp_path / "tasks.json"
    write_labelled(
        [Article("a", (Paragraph("One."), Paragraph("Two.")), annotated=())], path, labels, format="label_studio"
    )
    tasks = json.loads(path.read_text(encoding="utf-8"))
    assert [one["annotations"] for one in tasks] == [[], []]
    tasks[0]["annotations"] = task(0, ["move"])["annotations"]
    tasks[1]["annotations"] = task(0, [])["annotations"]
    assert targets(write_json(path, tasks), labels) == ["001", "000"]


# doccano


@pytest.mark.filterwarnings(ALONE)
@pytest.mark.parametrize("lines", [True, False])
def test_doccano_labels(tmp_path: Path, labels: LabelSet, lines: bool):
    records = [
        {"id": 17, "text": "Shells fell.", "label": ["fight"], "Comments": []},
        {"id": 18, "text": "Rain fell.", "label": [], "Comments": ["?"]},
        {"id": 19, "text": "Envoys met.", "labels": ["talk"], "meta": {"source": "Wire"}, "annotation_approver": None},
        {"id": 20, "text": "Buses left.", "cats": {"move": 1, "talk": 0}},
        {"id": 21, "text": "Buses came.", "cats": ["move"]},
        {"id": 22, "text": "Nobody looked."},
    ]
    path = write_json(tmp_path / "admin.jsonl", records, lines=lines)
    assert check_labelled(path, labels).format == "doccano"
    assert targets(path, labels) == ["100", "000", "010", "?01", "001", "???"]
    read = read_labelled(path, labels)
    assert [a.article_id for a in read][:2] == ["admin-17", "admin-18"]
    assert read[2].source == "Wire"


def test_doccano_keeps_metadata_as_keys(tmp_path: Path, labels: LabelSet):
    records = [
        {"id": n, "text": f"{n}.", "label": [], "article_id": "a", "paragraph": n, "uncertain": ["talk"], "desk": "x"}
        for n in range(2)
    ]
    records[1]["label"] = ["talk"]
    (read,) = read_labelled(write_json(tmp_path / "all.jsonl", records, lines=True), labels)
    assert [(p.labels, p.uncertain, p.extra) for p in read.paragraphs] == [
        ((), ("talk",), {"desk": "x"}),
        (("talk",), (), {"desk": "x"}),
    ]


def test_doccano_spans_and_doubles_are_faults(tmp_path: Path, labels: LabelSet):
    records = [
        {"id": 1, "text": "Shells fell.", "label": [[0, 6, "fight"]], "article_id": "a"},
        {"id": 2, "text": "Shells fell.", "label": ["fight"], "article_id": "b"},
        {"id": 2, "text": "Rain fell.", "label": [], "article_id": "c"},
        {"id": 4, "text": "Rain fell.", "label": [], "article_id": "d", "paragraph": 0},
        {"id": 5, "text": "Rain came.", "label": [], "article_id": "d", "paragraph": 0},
        {"id": 6, "text": "Rain came.", "cats": {"fight": 0.5}, "article_id": "e"},
    ]
    path = write_json(tmp_path / "spans.jsonl", records, lines=True)
    told = {fault.line: fault.message for fault in check_labelled(path, labels).faults}
    assert "export a text classification project" in told[1]
    assert "the id '2' stands already at 2" in told[3]
    assert "paragraph 0 of this article stands already at 4" in told[5]
    assert "1 or 0" in told[6]


# Prodigy

OPTIONS = [{"id": name, "text": name.title()} for name in LABELS]


def choice(text: str, accept: list[str], answer: str = "accept", **changes: Any) -> dict[str, Any]:
    return {
        "text": text,
        "_input_hash": hash(text) % 10**9,
        "_task_hash": 5,
        "options": OPTIONS,
        "_view_id": "choice",
        "config": {"choice_style": "multiple"},
        "accept": accept,
        "answer": answer,
        "_annotator_id": "news-anna",
        **changes,
    }


@pytest.mark.filterwarnings(ALONE)
def test_prodigy_choices(tmp_path: Path, labels: LabelSet):
    records = [
        choice("Shells fell.", ["fight"]),
        choice("Rain fell.", []),
        choice("Mangled.", ["fight"], "reject"),
        choice("Hard.", [], "ignore"),
        choice("Few offered.", ["talk"], options=OPTIONS[:2]),
        {"text": "Not yet seen.", "options": OPTIONS},
    ]
    path = write_json(tmp_path / "db.jsonl", records, lines=True)
    assert check_labelled(path, labels).format == "prodigy"
    assert targets(path, labels) == ["100", "000", "???", "???", "01?", "???"]


@pytest.mark.filterwarnings(ALONE)
def test_prodigy_judges_one_label_at_a_time(tmp_path: Path, labels: LabelSet):
    def judged(text: str, label: str, answer: str) -> dict[str, Any]:
        return {"text": text, "label": label, "answer": answer, "_input_hash": len(text), "score": 0.6, "priority": 0.6}

    records = [
        judged("Shells fell.", "fight", "accept"),
        judged("Rain fell on it.", "fight", "reject"),
        judged("Shells fell.", "talk", "reject"),
        judged("Hm.", "talk", "ignore"),
        judged("Shells fell.", "move", "ignore"),
    ]
    path = write_json(tmp_path / "teach.jsonl", records, lines=True)
    assert targets(path, labels) == ["10?", "0??", "???"]
    unnamed = check_labelled(path, None)
    assert [a.annotated for a in unnamed.articles] == [("fight", "talk"), ("fight",), ()]


@pytest.mark.filterwarnings(ALONE)
def test_prodigy_annotators_who_differ_leave_a_label_unknown(tmp_path: Path, labels: LabelSet):
    records = [
        choice("Shells fell.", ["fight", "talk"]),
        choice("Shells fell.", ["fight"], _annotator_id="news-ben"),
    ]
    assert targets(write_json(tmp_path / "two.jsonl", records, lines=True), labels) == ["1?0"]


def test_prodigy_groups_by_its_meta(tmp_path: Path, labels: LabelSet):
    records = [
        choice("Two.", ["talk"], meta={"article_id": "a", "paragraph": 1, "title": "News", "section": "world"}),
        choice("One.", ["fight"], meta={"article_id": "a", "paragraph": 0}),
    ]
    (read,) = read_labelled(write_json(tmp_path / "meta.jsonl", records, lines=True), labels)
    assert (read.article_id, read.title) == ("a", "News")
    assert [(p.text, p.extra) for p in read.paragraphs] == [("One.", {}), ("Two.", {"section": "world"})]


@pytest.mark.filterwarnings(ALONE)
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"answer": "yes"}, "answer must be one of 'accept', 'reject', 'ignore'"),
        ({"accept": [3]}, "accept must be a list of label names"),
        ({"options": ["fight"]}, "options must be a list of objects with an id"),
        ({"accept": ["fihgt"]}, "did you mean 'fight'"),
    ],
)
def test_prodigy_faults(tmp_path: Path, labels: LabelSet, changes: dict[str, Any], said: str):
    path = write_json(tmp_path / "bad.jsonl", [choice("One.", []), {**choice("Two.", ["talk"]), **changes}], lines=True)
    (fault,) = check_labelled(path, labels).faults
    assert said in fault.message
    assert fault.line == 2


# Argilla


def record(number: int, *answers: tuple[list[str], str], **changes: Any) -> dict[str, Any]:
    """Give a record as Argilla 2 exports it, one answer a user."""
    return {
        "id": f"rec-{number}",
        "fields": {"text": f"Paragraph {number}."},
        "metadata": {"article_id": "a-1", "paragraph": number},
        "suggestions": {"labels": {"value": ["move"], "score": 0.7, "agent": "model"}},
        "responses": {
            "labels": [
                {"value": value, "user_id": f"1f0a-{user}", "status": status}
                for user, (value, status) in enumerate(answers)
            ]
        },
        "vectors": {"sentence": [0.1, 0.2]},
        "status": "pending",
        "_server_id": "5b1c",
        **changes,
    }


def test_argilla_counts_what_was_submitted(tmp_path: Path, labels: LabelSet):
    unsure = {"uncertain": [{"value": ["talk"], "user_id": "u"}], "labels": [{"value": ["fight"], "user_id": "u"}]}
    records = [
        record(0, (["fight", "talk"], "submitted")),
        record(1, (["fight"], "draft")),
        record(2, (["fight"], "discarded"), (["talk"], "submitted")),
        record(3, (["fight"], "submitted"), (["fight", "talk"], "submitted")),
        record(4),
        record(5, responses={}, status="completed"),
        record(6, responses=unsure),
    ]
    path = write_json(tmp_path / "records.json", records)
    assert check_labelled(path, labels).format == "argilla"
    assert targets(path, labels) == ["110", "???", "010", "1?0", "???", "000", "1?0"]


def test_argilla_of_the_first_kind_is_read_too(tmp_path: Path, labels: LabelSet):
    records = [
        {
            "fields": {"text": "Shells fell."},
            "metadata": {"article_id": "a", "paragraph": 0},
            "responses": [{"user_id": "u", "status": "submitted", "values": {"labels": {"value": ["fight"]}}}],
            "suggestions": [],
        },
        {
            "fields": {"text": "Rain fell."},
            "metadata": {"article_id": "a", "paragraph": 1},
            "responses": [{"user_id": "u", "status": "discarded", "values": None}],
            "suggestions": [],
        },
    ]
    path = write_json(tmp_path / "feedback.json", records)
    assert targets(path, labels) == ["100", "???"]


def test_argilla_faults(tmp_path: Path, labels: LabelSet):
    records = [
        record(0, ([3], "submitted")),  # type: ignore[list-item]
        record(1, (["fihgt"], "submitted"), metadata={"article_id": "b"}),
        record(2, metadata={"article_id": "c"}, fields={"prompt": "x", "answer": "y"}),
        record(3, metadata={"article_id": "d"}, responses="none"),
        record(3, metadata={"article_id": "e"}),
    ]
    path = write_json(tmp_path / "bad.json", records)
    told = {fault.line: fault.message for fault in check_labelled(path, labels).faults}
    assert "must be a list of label names" in told[1]
    assert "did you mean 'fight'" in told[2]
    assert "no text among the fields" in told[3]
    assert "responses must be an object" in told[4]
    assert "the id 'rec-3' stands already at 4" in told[5]


# brat


def brat(folder: Path, **files: str | None) -> Path:
    """Write texts and their annotations: ``name=text`` and ``name_ann=annotations``."""
    for name, content in files.items():
        if content is not None:
            ending = ".ann" if name.endswith("_ann") else ".txt"
            with (folder / (name.removesuffix("_ann") + ending)).open("w", encoding="utf-8", newline="") as file:
                file.write(content)
    return folder


TEXT = "Shells fell on Terhan.\n\nRain fell on the market.\n\nEnvoys met,\nand buses left.\n"


def test_brat_spans_give_their_paragraphs_labels(tmp_path: Path, labels: LabelSet):
    annotations = (
        "T1\tfight 0 22\tShells fell on Terhan.\n"
        "T2\ttalk 50 61;62 77\tEnvoys met, and buses left.\n"
        "T3\tmove 50 61;62 77\tEnvoys met, and buses left.\n"
        "A1\tUncertain T3\n"
        "#1\tAnnotatorNotes T1\tcheck the place\n"
        "R1\tBefore Arg1:T1 Arg2:T2\n"
    )
    path = brat(tmp_path, terhan=TEXT, terhan_ann=annotations)
    assert check_labelled(path, labels).format == "brat"
    assert targets(path, labels) == ["100", "000", "01?"]
    (read,) = read_labelled(path, labels)
    assert read.article_id == "terhan"
    assert read.paragraphs[2].text == "Envoys met,\nand buses left."


def test_brat_counts_characters_and_keeps_line_ends(tmp_path: Path, labels: LabelSet):
    text = "Café — “shells”.\r\n\r\nRain fell.\r\n"
    path = brat(tmp_path, a=text, a_ann="T1\tfight 0 16\tx\r\nT2\tmove 20 30\tx\r\n")
    (read,) = read_labelled(path, labels)
    assert [(p.text, p.labels) for p in read.paragraphs] == [
        ("Café — “shells”.", ("fight",)),
        ("Rain fell.", ("move",)),
    ]


def test_brat_lines_are_paragraphs_where_nothing_is_blank(tmp_path: Path, labels: LabelSet):
    path = brat(tmp_path, a="Shells fell.\nRain fell.\n", a_ann="T1\tfight 0 11\tShells fell\n")
    assert targets(path, labels) == ["100", "000"]


def test_brat_a_note_may_say_uncertain(tmp_path: Path, labels: LabelSet):
    notes = "T1\tfight 0 22\tx\n#1\tAnnotatorNotes T1\tuncertain\nT2\ttalk 0 22\tx\n"
    assert targets(brat(tmp_path, a=TEXT, a_ann=notes), labels)[0] == "?10"


@pytest.mark.parametrize("annotations", [None, "", "\n"])
def test_brat_articles_nobody_annotated_are_unknown(tmp_path: Path, labels: LabelSet, annotations: str | None):
    brat(tmp_path, done="Rain fell.\n", done_ann="T1\tfight 0 10\tRain fell.\n")
    read = read_labelled(brat(tmp_path, a=TEXT, a_ann=annotations), labels)
    assert {a.article_id: a.annotated for a in read} == {"a": (), "done": None}


def test_brat_one_span_may_label_several_paragraphs(tmp_path: Path, labels: LabelSet):
    path = brat(tmp_path, a=TEXT, a_ann="T1\tfight 0 48\tx\n")
    assert targets(path, labels) == ["100", "100", "000"]


def test_brat_labels_with_spaces(tmp_path: Path):
    spaced = LabelSet.of(["armed clash", "talk"])
    made = [Article("x", (Paragraph("One.", ("armed clash",)), Paragraph("Two.")))]
    write_labelled(made, tmp_path / "out", spaced, format="brat")
    assert "T2\tarmed_clash 0 4\tOne.\n" in (tmp_path / "out" / "x.ann").read_text(encoding="utf-8")
    assert "armed_clash" in (tmp_path / "out" / "annotation.conf").read_text(encoding="utf-8").split("\n")
    assert read_labelled(tmp_path / "out", spaced) == made
    with pytest.raises(DataError, match="not apart or not free: armed_clash"):
        write_labelled(made, tmp_path / "two", LabelSet.of(["armed clash", "armed_clash"]), format="brat")


def test_brat_ids_make_safe_file_names(tmp_path: Path, labels: LabelSet):
    ids = ["../up", "a/b", "a_b", "A_B", ".", "x" * 300, "ü"]
    made = [Article(article_id, (Paragraph("One.", ("fight",)),)) for article_id in ids]
    write_labelled(made, tmp_path / "out", labels, format="brat")
    assert {file.parent for file in (tmp_path / "out").rglob("*")} == {tmp_path / "out"}
    assert {a.article_id for a in read_labelled(tmp_path / "out", labels)} == set(ids)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("T1\tfight 0 9999\tx", "is not in the text"),
        ("T1\tfight 5 5\tx", "is not in the text"),
        ("T1\tfight 0 6\tShells", "'Shells', which is no whole paragraph"),
        ("T1 fight 0 6", "no span such as"),
        ("T1\tfight zero six\tx", "no span such as"),
        ("hello", "no line of brat's standoff"),
        ("T1\tfihgt 0 22\tx", "did you mean 'fight'"),
        ("T1\tfight 0 22\tx\nT1\ttalk 0 22\tx", "the id T1 stands already at line 1"),
    ],
)
def test_brat_faults(tmp_path: Path, labels: LabelSet, line: str, said: str):
    checked = check_labelled(brat(tmp_path, a=TEXT, a_ann=line + "\n"), labels)
    assert said in " ".join(str(fault) for fault in checked.faults)
    assert checked.articles == []
    assert all(fault.article_id == "a" for fault in checked.faults)


def test_brat_files_without_their_other_half_or_text(tmp_path: Path, labels: LabelSet):
    brat(tmp_path, lost_ann="T1\tfight 0 3\tx\n", blank="\n\n", blank_ann="")
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    told = [str(fault) for fault in check_labelled(tmp_path, labels).faults]
    assert any("lost.ann: its text lost.txt is missing" in line for line in told)
    assert any("blank.txt" in line and "no paragraph" in line for line in told)
    assert any("latin.txt" in line and "not valid UTF-8" in line for line in told)


def test_brat_two_files_of_one_article_are_a_fault(tmp_path: Path, labels: LabelSet):
    note = "T1\tParagraph 0 4\tOne.\n#1\tAnnotatorNotes T1\t" + json.dumps({"article_id": "same"}) + "\n"
    path = brat(tmp_path, a="One.", a_ann=note, b="One.", b_ann=note)
    (fault,) = check_labelled(path, labels).faults
    assert "stands already in" in fault.message
    assert fault.file.endswith("b.txt")
