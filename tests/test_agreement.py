"""Agreement: alpha and kappa against values worked by hand and the library; disagreements and their decisions."""

from __future__ import annotations

import csv
import json
import math
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import krippendorff
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.conftest import LABELS, make_articles
from tests.props import quick
from textclf.adjudication import adjudicate, disagreements, read_decisions, write_disagreements
from textclf.agreement import alpha, coincidences, measure
from textclf.cli import main
from textclf.datasets import read_labelled
from textclf.datasets.annotators import ABSENT, NO, UNKNOWN, YES, Answers, gather
from textclf.errors import DataError, MissingExtraError
from textclf.labels import LabelSet
from textclf.records import Article, Paragraph

FIGHT = LabelSet.of(["fight"])


def file_of(*answers: str, articles: int = 5, annotated: Any = None) -> list[Article]:
    """Give articles of equally many paragraphs, each answered y, n or ? for the label fight."""
    size = math.ceil(len(answers) / articles)
    made = []
    for number in range(articles):
        paragraphs = tuple(
            Paragraph(f"Text {number} {place}.", ("fight",) * (answer == "y"), ("fight",) * (answer == "?"))
            for place, answer in enumerate(answers[number * size : (number + 1) * size])
        )
        made.append(Article(f"a{number}", paragraphs, annotated=annotated))
    return made


def answers_of(*rows: str, **options: Any) -> Answers:
    return gather({f"annotator {m}": file_of(*row, **options) for m, row in enumerate(rows)}, FIGHT)


# --- numbers


def test_alpha_kappa_and_percent_are_those_worked_by_hand() -> None:
    # ten units, two annotators: 1 both yes, 5 both no, 4 apart; yes 6 of 20 answers.
    # alpha = 1 - 19 * 4 / (6 * 14); kappa: alike 0.6, by chance 0.2 * 0.4 + 0.8 * 0.6 = 0.56
    (found,) = measure(answers_of("nynnnnnnyn", "yyynnynnnn"), resamples=100).per_label
    assert found.alpha.value == pytest.approx(1 - 19 * 4 / (6 * 14))
    assert found.percent == pytest.approx(0.6)
    assert found.n == 10
    assert found.yes == {"annotator 0": 2, "annotator 1": 4}
    (pair,) = found.pairs
    assert (pair.n, pair.percent) == (10, pytest.approx(0.6))
    assert pair.kappa == pytest.approx((0.6 - 0.56) / 0.44)
    assert found.alpha.interval.low <= found.alpha.value <= found.alpha.interval.high


def test_unknown_is_a_missing_value() -> None:
    # three annotators. units: yyy, nn?, y?n, ?y? (not pairable), nnn; coincidences by hand:
    # yyy: 3 yes; nn: 2 no; y-n: 1 yes, 1 no apart; nnn: 3 no. so yes 4, no 6, apart 1, in all 10
    (found,) = measure(answers_of("yny?n", "yn?yn", "y?n?n"), resamples=100).per_label
    assert found.alpha.value == pytest.approx(1 - (10 - 1) * 1 / (4 * 6))
    assert found.n == 4
    assert [pair.n for pair in found.pairs] == [3, 3, 2]
    assert found.percent == pytest.approx(8 / 10)
    assert found.pairs[0].kappa == 1  # the two never differ where both answered


def test_full_agreement_is_one_and_full_disagreement_below_zero() -> None:
    (same,) = measure(answers_of("ynynyn", "ynynyn", articles=3), resamples=100).per_label
    assert same.alpha.value == 1
    assert same.pairs[0].kappa == 1
    (opposite,) = measure(answers_of("ynynyn", "nynyny", articles=3), resamples=100).per_label
    assert opposite.alpha.value == pytest.approx(1 - 11 * 6 / 36)
    assert opposite.pairs[0].kappa == pytest.approx(-1)


@pytest.mark.parametrize(
    ("rows", "articles", "why"),
    [
        (("nnnn", "nnnn"), 2, "every answer is no"),
        (("yyyy", "yyyy"), 2, "every answer is yes"),
        (("ynyn", "ynyn"), 1, "only one article"),
        (("yn??", "ynyn"), 2, "only one article"),
        (("y?y?", "?n?n"), 2, "no paragraph was answered by two"),
    ],
)
def test_alpha_is_undefined_rather_than_nought_or_one(rows: Sequence[str], articles: int, why: str) -> None:
    result = measure(answers_of(*rows, articles=articles), resamples=100)
    (found,) = result.per_label
    assert math.isnan(found.alpha.value)
    assert all(map(math.isnan, found.alpha.interval))
    assert why in found.note
    written = json.loads(json.dumps(result.to_json(), allow_nan=False))["per_label"]["fight"]
    assert (written["alpha"], written["interval"]) == (None, [None, None])


def test_kappa_is_undefined_where_both_give_one_answer_only() -> None:
    (found,) = measure(answers_of("nnnn", "nnnn", articles=2), resamples=100).per_label
    assert math.isnan(found.pairs[0].kappa)
    assert found.percent == found.pairs[0].percent == 1
    (apart,) = measure(answers_of("nnnn", "yyyy", articles=2), resamples=100).per_label
    assert apart.pairs[0].kappa == 0


known_answers = st.integers(2, 4).flatmap(
    lambda m: st.lists(st.lists(st.sampled_from([0.0, 1.0, math.nan]), min_size=m, max_size=m), min_size=2, max_size=14)
)


@quick
@given(rows=known_answers, data=st.data())
def test_a_weighted_resample_has_the_alpha_the_library_gives_for_the_articles_drawn(
    rows: list[list[float]], data: st.DataObject
) -> None:
    known = np.array(rows).T[:, :, None]
    groups = np.array(sorted(data.draw(st.lists(st.integers(0, 3), min_size=len(rows), max_size=len(rows)))))
    groups = np.unique(groups, return_inverse=True)[1]
    counts = coincidences(known, groups)
    weights = np.array(data.draw(st.lists(st.integers(0, 3), min_size=len(counts), max_size=len(counts))))
    (ours,) = alpha(np.tensordot(weights.astype(float), counts, axes=1))
    drawn = np.repeat(known[:, :, 0], weights[groups], axis=1)
    values = np.stack([(drawn == 0).sum(axis=0), (drawn == 1).sum(axis=0)], axis=1)
    pairable = values[values.sum(axis=1) > 1]
    if not len(pairable) or not pairable.any(axis=0).all():
        assert math.isnan(ours)
    else:
        assert ours == pytest.approx(krippendorff.alpha(value_counts=values, level_of_measurement="nominal"))


@quick
@given(rows=known_answers, seed=st.integers(0, 5))
def test_neither_the_order_of_annotators_nor_that_of_paragraphs_nor_yes_and_no_changed_matters(
    rows: list[list[float]], seed: int
) -> None:
    known = np.array(rows).T[:, :, None]
    one_article = np.zeros(len(rows), dtype=np.int64)
    (value,) = alpha(coincidences(known, one_article).sum(axis=0))
    assume(not math.isnan(value))
    rng = np.random.default_rng(seed)
    shuffled = known[rng.permutation(known.shape[0])][:, rng.permutation(known.shape[1])]
    for other in (shuffled, 1 - known):
        assert alpha(coincidences(other, one_article).sum(axis=0)) == pytest.approx([value])


def test_intervals_come_from_articles_and_narrow_with_more_of_them() -> None:
    rng = np.random.default_rng(0)
    widths = []
    for n in (20, 320):
        truth = rng.random(n * 4) < 0.4
        rows = ["".join("y" if t ^ (rng.random() < 0.1) else "n" for t in truth) for _ in range(2)]
        (found,) = measure(answers_of(*rows, articles=n), resamples=400).per_label
        assert found.alpha.interval.low < found.alpha.value < found.alpha.interval.high
        widths.append(found.alpha.interval.high - found.alpha.interval.low)
    assert widths[1] < widths[0] / 2


def test_the_seed_fixes_the_intervals() -> None:
    answers = answers_of("nynnnnnnyn", "yyynnynnnn")
    first, again, other = (measure(answers, resamples=100, seed=seed).per_label[0].alpha for seed in (1, 1, 2))
    assert first == again
    assert first.interval != other.interval


def test_a_rare_label_says_how_many_resamples_were_left_out() -> None:
    (found,) = measure(answers_of("ynnnnnnnnn", "ynnnnnnnnn", articles=10), resamples=200).per_label
    assert found.alpha.value == 1
    assert re.match(r"[34]\d% of the resamples hold one answer only", found.note)  # 0.9 ** 10 have no yes


def test_an_interval_without_width_says_why() -> None:
    (found,) = measure(answers_of("ynynynynyn", "ynynynynyn", articles=5), resamples=100).per_label
    assert found.alpha.interval == (1, 1)
    assert "no two answers differ" in found.note


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "krippendorff", None)
    with pytest.raises(MissingExtraError, match=r"textclf\[agreement\]"):
        measure(answers_of("ynyn", "yyyn", articles=2), resamples=100)


# --- matching


def test_paragraphs_are_matched_by_article_and_text_wherever_they_stand() -> None:
    one = [
        Article("a", (Paragraph("X.", ("fight",)), Paragraph("Y."), Paragraph("X."))),
        Article("b", (Paragraph("Z."),)),
    ]
    other = [
        Article("c", (Paragraph("X."),)),
        Article("a", (Paragraph("New."), Paragraph("X.\n", ("fight",)), Paragraph("X.", ("fight",)))),
    ]
    answers = gather({"one": one, "other": other}, FIGHT)
    assert [(unit.article_id, unit.paragraph, unit.text) for unit in answers.units] == [("a", 0, "X."), ("a", 2, "X.")]
    assert answers.given[:, :, 0].tolist() == [[YES, NO], [YES, YES]]
    assert {(gap.article_id, gap.paragraphs, gap.had_by) for gap in answers.gaps} == {
        ("a", 1, ("one",)),
        ("a", 1, ("other",)),
        ("b", 1, ("one",)),
        ("c", 1, ("other",)),
    }


def test_what_one_of_three_lacks_is_still_compared_between_the_two() -> None:
    whole, part = file_of(*"ynyn", articles=2), file_of(*"ynyn", articles=2)[:1]
    answers = gather({"a": whole, "b": whole, "c": part}, FIGHT)
    assert answers.given[2, :, 0].tolist() == [YES, NO, ABSENT, ABSENT]
    assert [(gap.article_id, gap.had_by) for gap in answers.gaps] == [("a1", ("a", "b"))]


def test_a_label_nobody_looked_for_is_absent_and_an_uncertain_one_unknown() -> None:
    answers = gather(
        {"a": file_of("?", "y", articles=1), "b": file_of("n", "n", articles=1, annotated=("other",))},
        LabelSet.of(["fight", "other"]),
    )
    assert answers.given[:, :, 0].tolist() == [[UNKNOWN, YES], [ABSENT, ABSENT]]
    assert answers.given[:, :, 1].tolist() == [[NO, NO], [NO, NO]]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a": file_of("y", articles=1)}, "two annotators or more"),
        ({"a": file_of("y", articles=1), "b": [Article("z", (Paragraph("T."),))]}, "no paragraph in common"),
    ],
)
def test_what_cannot_be_compared_is_refused(files: dict[str, list[Article]], message: str) -> None:
    with pytest.raises(DataError, match=message):
        gather(files, FIGHT)


# --- disagreements


def test_only_different_answers_are_disagreements() -> None:
    answers = answers_of("yyn?yn", "yn?y?n", articles=2)
    assert [each.unit for each in disagreements(answers)] == [1, 2, 3, 4]


def test_what_one_alone_looked_for_is_no_disagreement_and_stays() -> None:
    labels = LabelSet.of(["fight", "other"])
    files = {"a": file_of(*"y?", articles=1), "b": file_of(*"nn", articles=1, annotated=("other",))}
    answers = gather(files, labels)
    assert disagreements(answers) == []
    (article,) = adjudicate(answers, [], {})
    assert [(p.labels, p.uncertain) for p in article.paragraphs] == [(("fight",), ()), ((), ("fight",))]
    assert article.annotated is None


def test_agreed_answers_stay_decided_ones_are_decided_and_the_rest_is_uncertain() -> None:
    answers = answers_of("ynyyy?", "ynnnn?", articles=2)
    found = disagreements(answers)
    decisions = {found[0].key: "yes", found[1].key: "no"}
    united = adjudicate(answers, found, decisions)
    carried = [(p.labels, p.uncertain) for article in united for p in article.paragraphs]
    yes, no, unsure = (("fight",), ()), ((), ()), ((), ("fight",))
    assert carried == [yes, no, yes, no, unsure, unsure]


def test_the_united_article_keeps_what_the_first_annotator_has_of_it() -> None:
    paragraph = Paragraph("T.", ("fight",), extra={"note": 1})
    first = Article("a", (paragraph, Paragraph("Only here.")), title="Title", source="S", extra={"region": "r"})
    answers = gather({"a": [first], "b": [Article("a", (Paragraph("T.", ("fight",)),))]}, FIGHT)
    (united,) = adjudicate(answers, [], {})
    assert united == Article("a", (paragraph,), title="Title", source="S", extra={"region": "r"})


def test_a_label_no_one_looked_for_in_an_article_is_not_annotated_in_the_united_one() -> None:
    labels = LabelSet.of(["fight", "other"])
    files = {name: file_of(*"y", articles=1, annotated=("fight",)) for name in "ab"}
    (united,) = adjudicate(gather(files, labels), [], {})
    assert united.annotated == ("fight",)


@quick
@given(
    rows=st.integers(1, 8).flatmap(lambda n: st.lists(st.text("yn?", min_size=n, max_size=n), min_size=2, max_size=4))
)
def test_uniting_copies_of_one_file_gives_that_file_and_an_undecided_label_is_never_yes(rows: list[str]) -> None:
    copies = {name: file_of(*rows[0], articles=1) for name in "abc"}
    answers = gather(copies, FIGHT)
    assert disagreements(answers) == []
    assert adjudicate(answers, [], {}) == copies["a"]
    answers = answers_of(*rows, articles=1)
    (united,) = adjudicate(answers, disagreements(answers), {})
    for place, paragraph in enumerate(united.paragraphs):
        said = {row[place] for row in rows}
        assert bool(paragraph.labels) == (said == {"y"})
        assert bool(paragraph.uncertain) == (said == {"?"} or len(said) > 1)


@pytest.fixture
def written(tmp_path: Path) -> tuple[Path, Answers]:
    answers = answers_of("yyn", "nyy", articles=1)
    path = tmp_path / "differ.csv"
    write_disagreements(path, answers, disagreements(answers), {})
    return path, answers


def fill(path: Path, *decisions: str, **changes: str) -> None:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]), delimiter=changes.pop("delimiter", ","))
        table.writeheader()
        table.writerows({**row, **changes, "decision": d} for row, d in zip(rows, decisions, strict=True))


def test_the_list_has_every_answer_and_an_empty_column(written: tuple[Path, Answers]) -> None:
    with written[0].open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0] == {
        "article_id": "a0",
        "paragraph": "0",
        "text": "Text 0 0.",
        "label": "fight",
        "answer_annotator 0": "yes",
        "answer_annotator 1": "no",
        "decision": "",
    }
    assert [row["paragraph"] for row in rows] == ["0", "2"]


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_a_list_that_was_filled_in_is_read_back(written: tuple[Path, Answers], delimiter: str) -> None:
    path, answers = written
    found = disagreements(answers)
    fill(path, " Yes ", "", delimiter=delimiter)
    decisions = read_decisions(path, found)
    assert decisions == {found[0].key: "yes"}
    write_disagreements(path, answers, found, decisions)
    assert read_decisions(path, found) == decisions  # what is decided stays in the list
    fill(path, "0", "uncertain")
    assert read_decisions(path, found) == {found[0].key: "no", found[1].key: "unknown"}


@pytest.mark.parametrize(
    ("decisions", "changes", "messages"),
    [
        (("yess", "maybe"), {}, ["2 fault(s)", "decision 'yess' is none of", "did you mean 'yes'?", "'maybe'"]),
        (("yes", ""), {"text": "Something else."}, ["do not disagree on this; were their files changed since?"]),
        (("yes", ""), {"article_id": "zz"}, ["article zz, paragraph 0, fight: the annotators do not disagree"]),
        (("yes", "no"), {"paragraph": "0", "text": "Text 0 0."}, ["decided twice, as 'yes' and 'no'"]),
    ],
)
def test_every_fault_of_the_decisions_is_told(
    written: tuple[Path, Answers], decisions: Sequence[str], changes: dict[str, str], messages: list[str]
) -> None:
    path, answers = written
    fill(path, *decisions, **changes)
    with pytest.raises(DataError) as refused:
        read_decisions(path, disagreements(answers))
    assert all(message in str(refused.value) for message in messages)


@pytest.mark.parametrize("content", [b"article_id,text\na,b\n", b"", b"\xff\xfe", b'article_id,"broken\n'])
def test_a_file_that_is_no_such_list_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "d.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"d\.csv"):
        read_decisions(path, [])


def test_decisions_that_are_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot read"):
        read_decisions(tmp_path / "none.csv", [])


# --- the command


def run(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    return int(stopped.value.code or 0)


@pytest.fixture
def project(tmp_path: Path, write_jsonl: Callable[..., Path]) -> Path:
    """A folder with labels and the files of two annotators, the second of whom reads a third of `fight` otherwise."""
    (tmp_path / "labels.yaml").write_text(json.dumps(list(LABELS)))
    articles = make_articles(12)
    other = []
    for number, article in enumerate(articles):
        record = article.to_json()
        if number % 3 == 0:
            first = record["paragraphs"][0]
            first["labels"] = sorted(set(first["labels"]) ^ {"fight"})
            first["uncertain"] = [name for name in first["uncertain"] if name != "fight"]
        other.append(record)
    write_jsonl(articles, "anna.jsonl")
    write_jsonl(other, "ben.jsonl")
    return tmp_path


def test_the_command_measures_lists_and_unites(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    files = (project / "anna.jsonl", project / "ben.jsonl")
    out, united, scores = project / "differ.csv", project / "united.jsonl", project / "scores.json"
    options = ("--out", out, "--adjudicated", united, "--json", scores, "--resamples", "100")
    assert run("data", "agreement", *files, *options) == 0
    shown = capfd.readouterr().out
    assert "agreement of anna, ben" in shown
    assert "4 disagreement(s), 0 decided: fight 4, talk 0, move 0" in shown
    labels = LabelSet.of(LABELS)
    first = read_labelled(united, labels)[0].paragraphs[0]
    assert "fight" in first.uncertain
    written = json.loads(scores.read_text())
    assert written["per_label"]["talk"]["alpha"] == 1
    assert written["per_label"]["fight"]["alpha"] < 1
    assert written["n_disagreements"] == 4

    fill(out, "yes", "no", "", "")
    assert run("data", "agreement", *files, "--decisions", out, *options) == 0
    assert "4 disagreement(s), 2 decided" in capfd.readouterr().out
    first = read_labelled(united, labels)[0].paragraphs[0]
    assert "fight" in first.labels
    assert "yes" in out.read_text()  # decided rows keep their decision


def test_undefined_alpha_is_shown_as_undefined(
    project: Path, write_jsonl: Callable[..., Path], capfd: pytest.CaptureFixture[str]
) -> None:
    one, other = (write_jsonl(file_of(*"nnnn", articles=2), name) for name in ("c.jsonl", "d.jsonl"))
    assert run("data", "agreement", one, other, "--resamples", "100") == 0
    out, err = capfd.readouterr()
    assert out.count("undefined") >= 6  # alpha and kappa of three labels
    assert "every answer is no" in out
    assert "hold the very same labels; is one a copy?" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("anna.jsonl",), "two annotators or more"),
        (("anna.jsonl", "anna.jsonl"), "are the same file"),
        (("anna.jsonl", "link.jsonl"), "are the same file"),
        (("anna.jsonl", "ben.jsonl", "--out", "x.txt"), "ends in .csv"),
        (("anna.jsonl", "ben.jsonl", "--adjudicated", "x.csv"), "ends in .jsonl"),
        (("anna.jsonl", "ben.jsonl", "--adjudicated", "ben.jsonl"), "is one of the annotators' files"),
        (("anna.jsonl", "nobody.jsonl"), "no such file"),
    ],
)
def test_the_command_refuses_what_makes_no_sense(
    project: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: Sequence[str],
    message: str,
) -> None:
    monkeypatch.chdir(project)
    (project / "link.jsonl").symlink_to("anna.jsonl")
    before = (project / "ben.jsonl").read_bytes()
    assert run("data", "agreement", *arguments, "--labels", "labels.yaml") == 1
    assert message in capfd.readouterr().err
    assert (project / "ben.jsonl").read_bytes() == before
