"""Error analysis: planted errors are found, what is unknown never is, and no model judges what it has learnt."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import LABELS, make_articles
from tests.props import quick
from textclf.bundle import load_bundle
from textclf.calibration import Calibration, LabelMap
from textclf.cli import main
from textclf.config import build_config
from textclf.datasets import check_labelled, read_labelled
from textclf.datasets.convert import convert_labelled
from textclf.datasets.corrections import take_corrections
from textclf.errors import ConfigError, DataError, MissingExtraError
from textclf.errors_found import ErrorsFound, find_errors
from textclf.errors_found import held_out as judging
from textclf.errors_found.doubt import FEWEST, doubted_targets
from textclf.errors_found.found import what_next
from textclf.errors_found.held_out import Recipe, judge
from textclf.errors_found.to_label import FILES, to_label, write_to_label
from textclf.labeller import Labeller
from textclf.labels import LabelSet
from textclf.progress import log
from textclf.records import Article, Examples, Paragraph
from textclf.train import train

LABEL_SET = LabelSet.of(LABELS)
KEYS = {"fight": "shells", "talk": "envoys", "move": "buses"}
Run = Callable[..., tuple[int, str, str]]


class Words:
    """Knows each label by one word, but is blind to all of them where a text holds "blind"."""

    labels = LABEL_SET

    def predict_proba(self, texts: Sequence[str], contexts: Sequence[str] | None = None) -> np.ndarray:
        found = [[0.9 if KEYS[n] in text and "blind" not in text else 0.1 for n in LABELS] for text in texts]
        return np.array(found, dtype=np.float32).reshape(len(texts), len(LABELS))


def words_model() -> Labeller:
    return Labeller(Words(), Calibration((LabelMap(),) * 3), np.full(3, 0.5))


def flip(articles: Sequence[Article], places: set[tuple[str, int, str]]) -> list[Article]:
    """Flip targets at (article id, paragraph, label)."""
    changed = []
    for article in articles:
        paragraphs = []
        for number, p in enumerate(article.paragraphs):
            names = {name for name in LABELS if (article.article_id, number, name) in places}
            paragraphs.append(replace(p, labels=tuple(n for n in LABELS if (n in p.labels) != (n in names))))
        changed.append(replace(article, paragraphs=tuple(paragraphs)))
    return changed


def some_places(articles: Sequence[Article], n: int, *, seed: int = 0) -> set[tuple[str, int, str]]:
    known = [
        (article.article_id, number, name)
        for article in articles
        for number, p in enumerate(article.paragraphs)
        for name in LABELS
        if name not in p.uncertain
    ]
    return {known[int(i)] for i in np.random.default_rng(seed).permutation(len(known))[:n]}


def places_of(mistakes: Sequence[Any]) -> list[tuple[str, int, str]]:
    return [(m.article_id, m.paragraph, m.label) for m in mistakes]


def save(path: Path, articles: Sequence[Article]) -> Path:
    path.write_text("".join(json.dumps(a.to_json()) + "\n" for a in articles))
    return path


def config_of(folder: Path, **changes: Any) -> Any:
    given = {
        "labels": list(LABELS),
        "data": {"train": str(folder / "train.jsonl")},
        "model": {"kind": "tfidf", "options": {"min_df": 1}},
        "thresholds": {"folds": 3},
        "evaluation": {"resamples": 100},
        **changes,
    }
    return build_config(given, name="t", near=folder / "t.yaml", source="t")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny tfidf bundle that learnt eight wrong labels among its training articles, and held-out articles."""
    folder = tmp_path_factory.mktemp("errors")
    clean = make_articles(40)
    save(folder / "train.jsonl", flip(clean, some_places(clean, 8)))
    held = [replace(a, article_id=f"held-{i}") for i, a in enumerate(make_articles(12, seed=5))]
    save(folder / "held.jsonl", held)
    train(config_of(folder), out=folder / "model")
    return folder


@pytest.fixture
def model(project: Path) -> Labeller:
    return load_bundle(project / "model")


@pytest.fixture
def training(project: Path) -> list[Article]:
    return read_labelled(project / "train.jsonl", LABEL_SET)


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Give a function that runs the command and returns exit code, stdout and stderr."""
    monkeypatch.setattr(log, "handlers", [])  # one made before writes to a stream that is gone

    def call(*arguments: str | Path) -> tuple[int, str, str]:
        capfd.readouterr()
        with pytest.raises(SystemExit) as stopped:
            main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return int(stopped.value.code or 0), out, err

    return call


# What is found


@pytest.mark.parametrize("twice", [False, True])
def test_labels_planted_wrong_in_training_are_found_by_folds(
    model: Labeller, training: list[Article], twice: bool
) -> None:
    planted = some_places(training, 8)
    found = find_errors(model, training, twice=twice)
    listed = places_of(found.label_errors)
    assert len(planted & set(listed)) >= 5
    assert len(set(listed) - planted) <= 2
    assert len(planted & set(places_of(found.mistakes))) >= 7
    assert all(each.folded for each in found.mistakes)
    assert "never from the model itself" in found.notes[0]
    assert ("second round" in found.notes[0]) == twice


def test_the_model_itself_repeats_what_it_learnt_wrong(model: Labeller, training: list[Article]) -> None:
    strange = replace(model, card={**model.card, "data": {}})  # a model that does not know what it was trained on
    itself = find_errors(strange, training)
    folds = find_errors(model, training)
    planted = some_places(training, 8)
    assert len(planted & set(places_of(itself.mistakes))) < len(planted & set(places_of(folds.mistakes)))


def test_a_confident_model_doubts_the_label_and_an_unsure_one_itself() -> None:
    articles = make_articles(40, uncertain=False)
    planted = some_places(articles, 6)
    found = find_errors(words_model(), flip(articles, planted))
    assert set(places_of(found.label_errors)) == planted
    assert found.model_errors == []
    blinded = [
        replace(a, paragraphs=tuple(replace(p, text=f"blind {p.text}") for p in a.paragraphs)) if i < 30 else a
        for i, a in enumerate(articles)
    ]
    unsure = find_errors(words_model(), blinded)
    assert {each.kind for each in unsure.mistakes} == {"missed"}
    assert "missed" in unsure.groups[0].to_json()["examples"][0]["kind"]


@quick
@given(seed=st.integers(0, 30), n=st.integers(1, 12), flips=st.integers(0, 8))
def test_what_is_listed_is_wrong_and_known_and_all_of_it(seed: int, n: int, flips: int) -> None:
    clean = make_articles(n, seed=seed)
    articles = flip(clean, some_places(clean, flips, seed=seed))
    found = find_errors(words_model(), articles)
    targets = Examples.of(articles, LABEL_SET).targets
    listed = {(m.row, m.column) for m in found.mistakes}
    assert len(listed) == len(found.mistakes)
    for each in found.mistakes:
        assert targets[each.row, each.column] == each.given
        assert (each.probability >= each.threshold) != each.given
    decided = LABEL_SET.encode(found.decided)
    wrong = ~np.isnan(targets) & (decided != targets)
    assert listed == {tuple(place) for place in np.argwhere(wrong).tolist()}
    rows = [row for group in found.groups for row in group.rows]
    assert sorted(rows) == sorted({row for row, _ in listed})
    sizes = [len(group.rows) for group in found.groups]
    assert sizes == sorted(sizes, reverse=True)
    assert [m.trust for m in found.label_errors] == sorted(m.trust for m in found.label_errors)
    assert what_next(found)


def test_what_is_unknown_is_never_listed() -> None:
    text = "shells fell while nobody looked"
    asked = [Article(f"a-{i}", (Paragraph(text, (), LABELS), Paragraph(text, ("talk",)))) for i in range(8)]
    unasked = [Article(f"b-{i}", (Paragraph(text),), annotated=("move",)) for i in range(8)]
    found = find_errors(words_model(), [*asked, *unasked])
    assert {(m.article_id[0], m.paragraph) for m in found.mistakes} == {("a", 1)}
    assert found.n_known == 8 * 3 + 8
    assert len(found.groups) == 1


def test_no_error_at_all_is_told() -> None:
    found = find_errors(words_model(), make_articles(10))
    assert (found.mistakes, found.groups, found.n_wrong) == ([], [], 0)
    assert what_next(found)[0].startswith("No decision differs")
    assert to_label(found, make_articles(10)) == []


def test_nothing_changes_from_run_to_run(model: Labeller, training: list[Article]) -> None:
    assert find_errors(model, training).to_json() == find_errors(model, training).to_json()


def test_few_paragraphs_are_not_enough_to_doubt_a_label() -> None:
    targets = np.array([[1.0, 1.0]] * FEWEST + [[0.0, np.nan]] * FEWEST, dtype=np.float32)
    probabilities = np.where(np.nan_to_num(targets) == 1, 0.9, 0.1).astype(np.float32)
    probabilities[0] = 0.05
    assert np.argwhere(doubted_targets(targets, probabilities)).tolist() == [[0, 0]]
    assert not doubted_targets(targets[1:], probabilities[1:]).any()
    found = find_errors(words_model(), make_articles(1))
    assert any("no label error is sought for fight, talk, move" in note for note in found.notes)


@pytest.mark.parametrize(
    "texts",
    [
        ["123 456", "…", "!!!", "9"],
        ["﻿\u202eshells\u0007 \x1b[31mred", "[bold]shells[/bold] {x} %s <script>", "shells " * 3_000, "ش" * 50],
        ["shells", "shells", "shells", "shells"],
    ],
    ids=["no words", "hostile", "all alike"],
)
def test_any_text_is_grouped_written_and_shown(
    texts: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from textclf.cli import tables
    from textclf.cli.errors import groups_table, mistakes_table

    articles = [
        Article(f"a{i}", (Paragraph(t, ("talk",)), Paragraph(f"{t} {i}", ("move",)))) for i, t in enumerate(texts)
    ]
    found = find_errors(words_model(), articles, n_groups=5)
    assert sum(len(group.rows) for group in found.groups) == found.n_wrong == 8
    for name in FILES:
        (path, *_) = write_to_label(found, articles, tmp_path / name, LABEL_SET, format=name)
        assert check_labelled(path, LABEL_SET).faults == []
    tables.console().print(groups_table(found.groups))
    tables.console().print(mistakes_table(found.mistakes, title="[x]"))
    assert "\x1b[31m" not in capsys.readouterr().out


# Who judges


def test_articles_of_training_and_copies_of_them_are_folded_and_others_are_not(
    model: Labeller, training: list[Article]
) -> None:
    held = [replace(a, article_id=f"new-{i}") for i, a in enumerate(make_articles(6, seed=9))]
    longest = max((p for a in training for p in a.paragraphs), key=lambda p: len(p.text))
    copy = replace(held[0], article_id="copy", paragraphs=(longest, *held[0].paragraphs[1:]))
    articles = [*training[:3], *held[1:], copy]
    judged = judge(model, articles)
    expected = [True] * 3 + [False] * 5 + [True]
    assert judged.folded.tolist() == [expected[group] for group in judged.examples.groups.tolist()]
    texts = [judged.examples.texts[row] for row in np.flatnonzero(~judged.folded)]
    assert np.array_equal(judged.probabilities[~judged.folded], model.predict_proba(texts))
    assert (judged.thresholds[~judged.folded] == model.thresholds).all()


def test_no_judge_has_read_the_article_it_judges(
    model: Labeller, training: list[Article], monkeypatch: pytest.MonkeyPatch
) -> None:
    pools: list[Examples] = []
    fold = judging.out_of_fold

    def watched(**given: Any) -> np.ndarray:
        pools.append(given["examples"])
        return fold(**given)

    monkeypatch.setattr(judging, "out_of_fold", watched)
    mended = flip(training[:2], {(training[0].article_id, 0, "fight")})
    judge(model, mended)
    (pool,) = pools
    assert pool.article_ids == [a.article_id for a in training]  # the rest of training is there to learn from
    assert np.array_equal(pool.targets[0], Examples.of(mended, LABEL_SET).targets[0], equal_nan=True)


def test_one_article_of_training_alone_cannot_be_judged(model: Labeller, training: list[Article]) -> None:
    data = {**model.card["config"]["data"], "train": ["gone.jsonl"]}
    gone = replace(model, card={**model.card, "config": {**model.card["config"], "data": data}})
    with pytest.raises(DataError, match="Name them in a config and give it with --config"):
        find_errors(gone, training[:1])
    found = find_errors(gone, training[:4])
    assert any("2 article folds" in note or "3 article folds of 4" in note for note in found.notes)
    assert any("copies of training paragraphs were not looked for" in note for note in found.notes)
    nothing = replace(model, card={**gone.card, "config": {"data": data}})
    with pytest.raises(DataError, match="does not say how it was trained"):
        find_errors(nothing, training[:4])


def test_one_held_out_article_is_judged_by_the_model(model: Labeller) -> None:
    (article,) = make_articles(1, seed=77)
    found = find_errors(model, [replace(article, article_id="one")])
    assert found.n_articles == 1
    assert found.notes[0].startswith("1 article(s) are held out")


def test_a_config_may_name_another_kind_and_other_files(
    model: Labeller, training: list[Article], project: Path
) -> None:
    config = config_of(project, model={"kind": "tfidf", "options": {"min_df": 1, "char_ngrams": None}})
    recipe = Recipe.of_config(config, LABEL_SET)
    found = find_errors(model, training[:3], recipe=recipe)
    assert "of 40 articles (the kind of t, tfidf)" in found.notes[0]
    with pytest.raises(ConfigError, match="they must be the same"):
        Recipe.of_config(config, LabelSet.of(["fight"]))


def test_no_paragraph_is_refused() -> None:
    with pytest.raises(DataError, match="no paragraph"):
        find_errors(words_model(), [])


def test_without_cleanlab_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "cleanlab.filter", None)
    with pytest.raises(MissingExtraError, match=r"textclf\[errors\]"):
        find_errors(words_model(), make_articles(12))


# What is written


def wrong_ones() -> tuple[ErrorsFound, list[Article]]:
    """Articles with everything a record can hold, some of it wrong."""
    articles = make_articles(30, seed=3)
    articles = [
        replace(
            a,
            source="Wire",
            date="2020-05-01",
            extra={"region": "east"},
            paragraphs=tuple(replace(p, extra={"note": f"n{i}"}) for i, p in enumerate(a.paragraphs)),
        )
        for a in flip(articles, some_places(articles, 9))
    ]
    return find_errors(words_model(), articles), articles


@pytest.mark.parametrize("name", FILES)
def test_what_is_written_reads_back_with_its_labels_and_reasons(name: str, tmp_path: Path) -> None:
    found, articles = wrong_ones()
    (path, *_) = write_to_label(found, articles, tmp_path, LABEL_SET, format=name)
    written = to_label(found, articles)
    checked = check_labelled(path, LABEL_SET)
    assert checked.format == name
    assert checked.faults == []
    assert [a.article_id for a in checked.articles] == [a.article_id for a in written]
    for read, made in zip(checked.articles, written, strict=True):
        assert [(p.text, p.labels) for p in read.paragraphs] == [(p.text, p.labels) for p in made.paragraphs]
        assert np.array_equal(read.targets(LABEL_SET), made.targets(LABEL_SET), equal_nan=True)
        for p, q in zip(read.paragraphs, made.paragraphs, strict=True):
            assert {key: str(p.extra[key]) for key in ("why", "suspected", "rank", "group", "note")} == {
                key: str(q.extra[key]) for key in ("why", "suspected", "rank", "group", "note")
            }
    convert_labelled(path, tmp_path / "back.jsonl", LABEL_SET)
    assert len(read_labelled(tmp_path / "back.jsonl", LABEL_SET)) == len(written)


def test_the_reason_says_score_threshold_suspicion_and_group() -> None:
    found, articles = wrong_ones()
    first = to_label(found, articles)[0].paragraphs
    worst = next(p for p in first if p.extra["rank"] == 1)
    mistake = found.label_errors[0]
    marked = "marked" if mistake.given else "not marked"
    assert worst.text == mistake.text
    assert worst.extra["why"].startswith(
        f"likely label error, {mistake.label}: {marked}, model {mistake.probability:.2f} (threshold 0.50)"
    )
    assert worst.extra["suspected"] == "label"
    assert worst.extra["in_article"] == mistake.paragraph
    assert any(worst.extra["group"] == group.name for group in found.groups)


def test_tools_show_what_the_model_suggests(tmp_path: Path) -> None:
    found, articles = wrong_ones()
    paragraphs = [p for a in to_label(found, articles) for p in a.paragraphs]
    path, setup = write_to_label(found, articles, tmp_path, LABEL_SET, format="label_studio")
    assert '<Text name="why" value="$why"/>' in setup.read_text()
    for task, p in zip(json.loads(path.read_text()), paragraphs, strict=True):
        shown = [c for part in task["predictions"][0]["result"] for c in part["value"]["choices"]]
        assert shown == p.extra["suggested"]
        assert task["data"]["why"] == p.extra["why"]
    (path,) = write_to_label(found, articles, tmp_path, LABEL_SET, format="argilla")
    for record, p in zip(json.loads(path.read_text()), paragraphs, strict=True):
        assert record["suggestions"].get("labels", {"value": []})["value"] == p.extra["suggested"]
        assert record["metadata"]["why"] == p.extra["why"]
    (path,) = write_to_label(found, articles, tmp_path, LABEL_SET, format="prodigy")
    for line, p in zip(path.read_text().splitlines(), paragraphs, strict=True):
        assert json.loads(line)["meta"]["why"] == p.extra["why"]


# What is corrected


@pytest.mark.parametrize("name", FILES)
def test_what_was_corrected_in_a_tool_goes_back_into_its_articles(name: str, tmp_path: Path) -> None:
    clean = make_articles(30, seed=3)
    planted = some_places(clean, 9)
    wrong = [replace(a, extra={"desk": "west"}) for a in flip(clean, planted)]
    found = find_errors(words_model(), wrong)
    (path, *_) = write_to_label(found, wrong, tmp_path, LABEL_SET, format=name)
    exported = read_labelled(path, LABEL_SET)
    truth = {(a.article_id, p.text): p for a in clean for p in a.paragraphs}
    mended = [
        replace(
            a,
            paragraphs=tuple(
                replace(p, labels=truth[a.article_id, p.text].labels, uncertain=truth[a.article_id, p.text].uncertain)
                for p in a.paragraphs
            ),
        )
        for a in exported
    ]
    done = take_corrections(wrong, mended)
    assert done.n_changed == len({(article_id, number) for article_id, number, _ in planted})
    assert sum(done.changes.values()) == len(planted)
    assert [replace(a, extra={}) for a in done.articles] == clean
    assert {a.extra["desk"] for a in done.articles} == {"west"}


def test_what_was_not_looked_for_in_the_tool_keeps_its_answer() -> None:
    old = [Article("a", (Paragraph("one", ("fight",), ("move",), {"note": 1}), Paragraph("two"), Paragraph("two")))]
    new = Article("a", (Paragraph("one", ("talk",)), Paragraph("two", ("talk",), extra={"in_article": "2"})))
    (article,) = take_corrections(old, [replace(new, annotated=("talk",)), Article("b", (Paragraph("x"),))]).articles
    assert article.paragraphs[0] == Paragraph("one", ("fight", "talk"), ("move",), {"note": 1})
    assert [p.labels for p in article.paragraphs[1:]] == [(), ("talk",)]
    unanswered = take_corrections(old, [replace(new, annotated=(), paragraphs=(Paragraph("one"),))])
    assert (unanswered.articles, unanswered.n_changed, unanswered.n_paragraphs) == (old, 0, 1)


def test_corrections_that_do_not_fit_are_told_together() -> None:
    old = [
        Article("a", (Paragraph("one"), Paragraph("two"), Paragraph("two"))),
        Article("b", (Paragraph("three"),), annotated=("talk",)),
    ]
    new = [
        Article("a", (Paragraph("none such"), Paragraph("two", ("move",)))),
        Article("b", (Paragraph("three", ("move",)),)),
    ]
    with pytest.raises(DataError, match="3 correction") as told:
        take_corrections(old, new)
    assert "'none such'" in str(told.value)
    assert "paragraph 0: it was not looked through for 'move'" in str(told.value)
    with pytest.raises(DataError, match="no corrected article is among these"):
        take_corrections(old, [Article("c", (Paragraph("one"),))])


def test_the_command_takes_corrections_back(project: Path, run: Run, tmp_path: Path) -> None:
    data, out = project / "train.jsonl", tmp_path / "out"
    assert run("errors", project / "model", data, "--out", out)[0] == 0
    tasks = json.loads((out / "to_label.json").read_text())
    assert tasks
    for task in tasks:  # the annotator takes what the model suggests
        task["annotations"] = [{"result": task["predictions"][0]["result"], "was_cancelled": False}]
    exported = tmp_path / "export.json"
    exported.write_text(json.dumps(tasks))
    (tmp_path / "labels.yaml").write_text(f"[{', '.join(LABELS)}]")
    arguments = ["data", "correct", data, exported, "--labels", tmp_path / "labels.yaml", "--out"]
    code, _, err = run(*arguments, tmp_path / "mended.jsonl")
    assert code == 0
    assert f"{len(tasks)} of {len(tasks)} paragraphs changed" in err
    mended = read_labelled(tmp_path / "mended.jsonl", LABEL_SET)
    assert [a.article_id for a in mended] == [a.article_id for a in read_labelled(data, LABEL_SET)]
    assert "why" not in (tmp_path / "mended.jsonl").read_text()
    code, _, err = run(*arguments, tmp_path / "mended.csv")
    assert code == 1
    assert "ends in .jsonl" in err


# The command


def test_the_command_shows_groups_and_both_lists(project: Path, run: Run, tmp_path: Path) -> None:
    file, out = tmp_path / "e.json", tmp_path / "out"
    arguments = ["errors", project / "model", project / "train.jsonl", project / "held.jsonl"]
    code, shown, _ = run(*arguments, "--out", out, "--json", file, "--clusters", "2")
    assert code == 0
    for part in ("wrong paragraphs in groups", "likely label errors", "what to do next", "12 article(s) are held out"):
        assert part in shown
    written = json.loads(file.read_text(), parse_constant=pytest.fail)
    assert len(written["groups"]) == 2
    assert {each["judged_by"] for each in written["label_errors"]} == {"article folds"}
    assert written["n_wrong_decisions"] == len(written["label_errors"]) + len(written["model_errors"])
    assert sorted(path.name for path in out.iterdir()) == ["to_label.json", "to_label.xml"]


def test_the_command_takes_another_kind_from_a_config(project: Path, run: Run, tmp_path: Path) -> None:
    quick = tmp_path / "quick.yaml"
    quick.write_text(
        f"labels: [{', '.join(LABELS)}]\ndata: {{train: {project / 'train.jsonl'}}}\nmodel: {{kind: tfidf}}\n"
    )
    arguments = ["errors", project / "model", project / "train.jsonl", "--config", quick]
    code, shown, _ = run(*arguments, "--set", "model.options.char_ngrams=null", "--twice")
    assert code == 0
    assert "the kind of quick, tfidf" in shown
    assert "in a second round" in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format", "label_studo"], "did you mean 'label_studio'"),
        (["--set", "seed=3"], "--set changes a setting of --config"),
        (["--config", "gone.yaml"], "gone.yaml"),
    ],
)
def test_mistakes_are_told(arguments: list[str], message: str, project: Path, run: Run) -> None:
    code, _, err = run("errors", project / "model", project / "held.jsonl", *arguments)
    assert code == 1
    assert message in err
    assert "Traceback" not in err
