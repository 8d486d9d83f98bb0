"""Reprints: which articles belong together, what is boilerplate, what training has met, and what dedupe leaves."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import DATA, LABELS, make_articles
from tests.props import quick
from textclf.cli import main
from textclf.datasets import read_labelled
from textclf.datasets.dedupe import Place, dedupe
from textclf.datasets.duplicates import find_duplicates
from textclf.datasets.reprints import find_reprints, rows_of, seen_in_training, tied_articles
from textclf.errors import DataError
from textclf.labels import LabelSet
from textclf.records import Article, Paragraph
from textclf.splits import split_articles

Write = Callable[..., Path]
Run = Callable[..., tuple[int, str, str]]
FOOTER = "This story has not been edited by our staff and comes from a syndicated feed."
SHORT = "Reuters contributed to this report."
SHARED = "Envoys of both sides met in a school at the edge of Terhan on Monday and spoke for nine hours."


def own(number: int, n: int = 4) -> tuple[Paragraph, ...]:
    """Paragraphs that no other article has."""
    return tuple(Paragraph(" ".join(f"w{number}x{i}x{j}" for j in range(20))) for i in range(n))


def article(number: int, *more: str) -> Article:
    return Article(f"a{number}", (*own(number), *map(Paragraph, more)))


def cut(given: Article, name: str, paragraphs: slice) -> Article:
    return Article(name, given.paragraphs[paragraphs])


def partition(numbers: Any) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(numbers == number).tolist()) for number in numbers}


@pytest.mark.parametrize("kept", [slice(None), slice(0, 2), slice(1, None), slice(0, 1)])
def test_an_article_is_tied_to_its_reprint_whole_or_cut_short(kept: slice) -> None:
    articles = [article(i) for i in range(10)]
    copy = cut(articles[3], "copy", kept)
    assert partition(tied_articles([*articles, copy])) == {
        frozenset({3, 10}),
        *(frozenset({i}) for i in range(10) if i != 3),
    }


def test_a_shared_paragraph_ties_but_a_short_one_and_boilerplate_do_not() -> None:
    articles = [article(i, FOOTER, SHORT) for i in range(12)]
    articles[4] = article(4, SHARED, FOOTER, SHORT)
    articles[9] = article(9, SHARED.replace(" on Monday", ""), FOOTER, SHORT)
    tied = tied_articles(articles)
    assert tied[4] == tied[9]
    assert len(set(tied)) == 11


def test_reprints_of_one_story_do_not_make_it_boilerplate() -> None:
    story = article(0, SHARED)
    reprints = [Article(f"outlet-{i}", (Paragraph(f"CITY{i} (Wire) —"), *story.paragraphs)) for i in range(15)]
    partly = article(50, SHARED)
    tied = tied_articles([*(article(i) for i in range(1, 30)), *reprints, partly])
    assert len(set(tied[29:])) == 1
    assert len(set(tied)) == 30


def test_thousands_of_articles_of_one_text_are_one_cluster() -> None:
    same = [Article(str(i), (Paragraph(SHARED), Paragraph(FOOTER))) for i in range(3_000)]
    assert set(tied_articles(same)) == {0}
    assert len(dedupe(same).kept) == 1


@quick
@given(order=st.permutations(range(9)))
def test_ties_do_not_depend_on_order(order: list[int]) -> None:
    articles = [article(i) for i in range(6)]
    articles += [article(20, SHARED), article(21, SHARED), cut(articles[2], "copy", slice(0, 3))]
    tied = tied_articles(articles)
    again = tied_articles([articles[i] for i in order])
    assert partition(tied) == {frozenset(order[i] for i in group) for group in partition(again)}


def test_wordless_paragraphs_tie_nothing() -> None:
    articles = [Article(str(i), (Paragraph("***"), Paragraph("—"))) for i in range(4)]
    assert len(set(tied_articles(articles))) == 4
    assert [len(each) for each in seen_in_training(articles[:2], articles[2:], [])] == [4, 0]


def test_no_articles_tie_nothing() -> None:
    assert tied_articles([]).tolist() == []
    assert dedupe([]).kept == []


def test_what_training_has_met_is_marked_row_by_row() -> None:
    training = [article(i, FOOTER, SHORT) for i in range(8)]
    fresh = [article(30, FOOTER), Article("test", (Paragraph("EDITED — " + own(2)[1].text), Paragraph(SHORT)))]
    one, other = seen_in_training(training, fresh, training[:1])
    assert one.tolist() == [False] * 5 + [True, False]
    assert other.tolist() == [True] * 4 + [False, False]  # footer and agency line are boilerplate


def test_copies_among_held_out_articles_alone_are_none_of_training() -> None:
    (seen,) = seen_in_training([article(1)], [article(2), Article("copy", own(2))])
    assert not seen.any()


def test_the_shipped_data_holds_no_copy_across_or_within_its_files() -> None:
    labels = LabelSet.read(DATA / "labels.yaml")
    splits = {n: read_labelled(DATA / f"{n}.jsonl", labels) for n in ("train", "validation", "test", "unseen")}
    everything = [a for part in splits.values() for a in part]
    found = find_reprints(*rows_of(everything))
    assert len(found.paragraphs.pairs) == len(found.articles.pairs) == 0
    assert len(set(found.ties())) == len(everything)
    assert not any(seen.any() for seen in seen_in_training(*splits.values()))


# splitting


@pytest.mark.parametrize("seed", range(3))
def test_a_cluster_goes_to_one_part_and_balance_stays(seed: int) -> None:
    labels = LabelSet.read(DATA / "labels.yaml")
    articles = read_labelled(DATA / "train.jsonl", labels)
    copies = [Article(f"copy-{a.article_id}", a.paragraphs[:-1]) for a in articles[::7]]
    both = [*articles, *copies]
    tied = tied_articles(both)
    assert len(set(tied)) == len(articles)
    parts = split_articles(both, {"train": 0.7, "validation": 0.1, "test": 0.2}, labels, seed=seed, tied=tied)
    part = {a.article_id: name for name, these in parts.items() for a in these}
    assert all(part[f"copy-{a.article_id}"] == part[a.article_id] for a in articles[::7])
    assert not seen_in_training(parts["train"], parts["test"])[0].any()
    totals = {name: sum(len(a.paragraphs) for a in these) for name, these in parts.items()}
    n = sum(totals.values())
    assert [totals[name] / n for name in parts] == pytest.approx([0.7, 0.1, 0.2], abs=0.01)
    for label in labels:
        counts = [sum(label in p.labels for a in these for p in a.paragraphs) for these in parts.values()]
        assert np.array(counts) / sum(counts) == pytest.approx([0.7, 0.1, 0.2], abs=0.02)


def test_ties_in_any_numbers_and_order_give_the_same_split(labels: LabelSet) -> None:
    articles = make_articles(20)
    tied = np.arange(20) // 2
    shares = {"a": 0.5, "b": 0.5}
    parts = split_articles(articles, shares, labels, seed=1, tied=tied)
    renamed = split_articles(articles[::-1], shares, labels, seed=1, tied=(100 - tied)[::-1])
    assert {n: {a.article_id for a in p} for n, p in parts.items()} == {
        n: {a.article_id for a in p} for n, p in renamed.items()
    }
    alone = split_articles(articles, shares, labels, seed=1, tied=np.arange(20))
    assert alone == split_articles(articles, shares, labels, seed=1)


def test_copies_of_one_text_cannot_fill_two_parts(labels: LabelSet) -> None:
    with pytest.raises(DataError, match=r"4 articles make only 1 cluster\(s\).*cannot fill 2 parts"):
        split_articles(make_articles(4), {"a": 0.5, "b": 0.5}, labels, seed=0, tied=[7, 7, 7, 7])


# dedupe


def labelled(text: str, *labels: str, unsure: tuple[str, ...] = ()) -> Paragraph:
    return Paragraph(text, labels, unsure)


def test_the_first_article_is_kept_and_a_shared_paragraph_stays_once() -> None:
    first, other = article(1, SHARED, SHORT), article(2, SHARED.upper(), SHORT)
    copy = Article("copy", (Paragraph("AMSUR (Wire) —"), *first.paragraphs))
    found = dedupe([first, other, copy])
    assert [a.article_id for a in found.kept] == ["a1", "a2"]
    assert [(c.place, c.of) for c in found.articles] == [(Place(2, None), Place(0, None))]
    assert [(c.place, c.of, c.jaccard) for c in found.paragraphs] == [(Place(1, 4), Place(0, 4), 1.0)]
    assert found.kept[0] == first
    assert found.kept[1] == article(2, SHORT)  # the short line stays wherever it stands


@pytest.mark.parametrize(("unit", "left"), [("article", [5, 5]), ("paragraph", [5, 4]), ("both", [5, 4])])
def test_units(unit: Any, left: list[int]) -> None:
    first, other = article(1, SHARED), article(2, SHARED)
    found = dedupe([first, other, Article("copy", first.paragraphs)], unit=unit)
    assert [len(a.paragraphs) for a in found.kept] == left
    assert found.emptied == ([2] if unit == "paragraph" else [])


def test_one_cut_short_gives_way_to_a_longer_one() -> None:
    whole = article(1)
    found = dedupe([cut(whole, "brief", slice(0, 2)), whole, article(2)])
    assert [a.article_id for a in found.kept] == ["a1", "a2"]
    assert found.articles[0].containment == 1 > found.articles[0].jaccard


def test_a_chain_goes_only_as_far_as_copies_of_what_is_kept() -> None:
    words = [f"w{i}" for i in range(60)]
    steps = [
        Article(str(i), (Paragraph(" ".join([*words[i * 5 :], *(f"n{j}" for j in range(i * 5))])),)) for i in range(9)
    ]
    texts = [a.paragraphs[0].text for a in steps]
    assert find_duplicates(texts).clusters().max() == 0  # a chain: each is near the next
    kept = [a.paragraphs[0].text for a in dedupe(steps).kept]
    assert len(kept) > 1
    assert len(find_duplicates(kept).pairs) == 0
    for text in texts:
        assert text in kept or len(find_duplicates([text, *kept]).pairs)


def test_disagreeing_labels_become_uncertain() -> None:
    pairs = [
        (labelled(SHARED, "talk"), labelled(SHARED), ["talk"]),
        (labelled(SHARED, "fight"), labelled(SHARED, "talk", "fight"), ["talk"]),
        (labelled(SHARED, "talk"), labelled(SHARED, unsure=("talk",)), []),
        (labelled(SHARED, "talk"), labelled(SHARED.replace(" on Monday", ""), "talk"), []),
        # cut short: what the rest told may be missing, but what is there should be in the whole
        (labelled(SHARED, "talk"), labelled(SHARED[: SHARED.index(" and spoke")]), []),
        (labelled(SHARED), labelled(SHARED[: SHARED.index(" and spoke")], "talk"), ["talk"]),
    ]
    for kept, copy, disputed in pairs:
        found = dedupe([Article("a", (kept, *own(1))), Article("b", (copy, *own(2)))])
        assert [each.label for each in found.contradictions] == disputed, (kept, copy)
        left = found.kept[0].paragraphs[0]
        assert left.text == SHARED
        assert set(left.uncertain) == set(disputed)
        assert set(left.labels) == set(kept.labels) - set(disputed)


def test_what_was_not_looked_for_contradicts_nothing() -> None:
    kept = Article("a", (labelled(SHARED, "talk"), *own(1)))
    copy = Article("b", (labelled(SHARED), *own(2)), annotated=("fight",))
    assert dedupe([kept, copy]).contradictions == []


def test_labels_of_a_dropped_article_are_compared_too() -> None:
    first = Article("a", (labelled(SHARED, "talk"), *own(1)), extra={"desk": "north"})
    found = dedupe([first, Article("b", (labelled(SHARED), *own(1)))])
    assert [(c.label, c.yes, c.no) for c in found.contradictions] == [("talk", Place(0, 0), Place(1, 0))]
    assert found.kept[0].paragraphs[0] == labelled(SHARED, unsure=("talk",))
    assert found.kept[0].paragraphs[1:] == first.paragraphs[1:]
    assert found.kept[0].extra == {"desk": "north"}


@quick
@given(picks=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=8))
def test_what_is_left_has_no_copies_and_loses_no_text(picks: list[tuple[int, int]]) -> None:
    edits: list[Callable[[str], str]] = [str, str.upper, lambda text: f"AMSUR — {text}"]
    articles = [
        Article(f"{i}", tuple(Paragraph(edits[edit](p.text)) for p in own(number, 2)))
        for i, (number, edit) in enumerate(picks)
    ]
    found = dedupe(articles)
    texts = [p.text for a in found.kept for p in a.paragraphs]
    assert len(texts) == 2 * len({number for number, _ in picks})
    assert find_duplicates(texts).pairs.shape == (0, 2)
    assert dedupe(found.kept).kept == found.kept


# the commands


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Give a function that runs the command and returns exit code, stdout and stderr."""

    def call(*arguments: str | int | Path) -> tuple[int, str, str]:
        capfd.readouterr()
        with pytest.raises(SystemExit) as stopped:
            main([str(argument) for argument in arguments])
        return int(stopped.value.code or 0), *capfd.readouterr()

    return call


@pytest.fixture
def files(write_jsonl: Write, tmp_path: Path) -> tuple[Path, Path]:
    (tmp_path / "labels.yaml").write_text(json.dumps(dict.fromkeys(LABELS, "it reports it")))
    first = Article("a1", (labelled(SHARED, "talk"), *own(1)))
    return (
        write_jsonl([first, article(2), Article("a1-again", (labelled(SHARED.upper()), *own(1)))], "one.jsonl"),
        write_jsonl([Article("b", (Paragraph("AMSUR (Wire) — " + own(2)[0].text), *own(5)))], "two.jsonl"),
    )


def test_dedupe_shows_and_changes_nothing(files: tuple[Path, Path], tmp_path: Path, run: Run) -> None:
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    code, out, _ = run("data", "dedupe", *files)
    assert code == 0
    assert "1 article(s) are near-copies of another: 1 within a file, 0 across files" in out
    assert "1 paragraph(s) are near-copies of another: 0 within a file, 1 across files" in out
    assert f"label noise: {files[0]}: a1, paragraph 0 carries talk, its copy {files[0]}: a1-again" in out
    assert "{+AMSUR (Wire) —+} w2x0x0" in out
    assert "without copies 3 of 4 articles and 13 of 19 paragraphs are left" in out
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_dedupe_writes_the_data_without_copies(files: tuple[Path, Path], tmp_path: Path, run: Run) -> None:
    code, out, _ = run(
        "data", "dedupe", *files, "--out", tmp_path / "out.jsonl", "--json", tmp_path / "found.json", "--show", 0
    )
    assert code == 0
    assert "[-" not in out
    left = read_labelled(tmp_path / "out.jsonl", LabelSet.of(LABELS))
    assert [(a.article_id, len(a.paragraphs)) for a in left] == [("a1", 5), ("a2", 4), ("b", 4)]
    assert left[0].paragraphs[0].uncertain == ("talk",)
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["kept"] == {"n_articles": 3, "n_paragraphs": 13}
    assert found["articles"]["copies"][0]["copy"] == {"file": str(files[0]), "article_id": "a1-again"}
    assert found["paragraphs"]["copies"][0]["of"] == {"file": str(files[0]), "article_id": "a2", "paragraph": 0}
    assert 0.8 < found["paragraphs"]["copies"][0]["jaccard"] < 1
    assert [c["label"] for c in found["contradictions"]] == ["talk"]
    _, out, _ = run("data", "dedupe", tmp_path / "out.jsonl")
    assert "0 article(s) are near-copies" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{one}", "--out", "{folder}/out.csv"], "give a name that ends in .jsonl"),
        (["{one}", "--threshold", "0.2"], "be greater than or equal to"),
        (["{one}", "--unit", "sentence"], "sentence"),
        (["{folder}/nope.jsonl"], "no such file"),
        (["{one}", "{clash}", "--out", "{folder}/out.jsonl"], "a2. Give each article an id of its own"),
    ],
)
def test_mistakes_leave_no_file(
    files: tuple[Path, Path],
    tmp_path: Path,
    write_jsonl: Write,
    run: Run,
    arguments: list[str],
    message: str,
) -> None:
    clash = write_jsonl([Article("a2", own(9))], "clash.jsonl")
    before = sorted(tmp_path.iterdir())
    places = {"one": files[0], "folder": tmp_path, "clash": clash}
    code, out, err = run("data", "dedupe", *(argument.format(**places) for argument in arguments))
    assert code != 0
    assert message in " ".join((out + err).split())
    assert sorted(tmp_path.iterdir()) == before


def test_split_says_what_it_tied(files: tuple[Path, Path], tmp_path: Path, run: Run) -> None:
    code, _, err = run("data", "split", files[0], "--out", tmp_path / "parts", "--shares", "a=0.5,b=0.5")
    assert code == 0
    assert "2 of 3 articles share copied text with another; their 1 cluster(s), the largest of 2 articles" in err
    sizes = sorted(len(path.read_text().splitlines()) for path in (tmp_path / "parts").iterdir())
    assert sizes == [1, 2]
    code, _, err = run("data", "split", files[0], "--out", tmp_path / "p", "--ignore-duplicates")
    assert code == 0
    assert "share copied text" not in err
    code, _, err = run("data", "split", files[0], "--out", tmp_path / "q")
    assert code == 1
    assert "3 articles make only 2 cluster(s)" in err
    assert not (tmp_path / "q").exists()
