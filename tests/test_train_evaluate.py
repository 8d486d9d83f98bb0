"""Training and evaluating as whole jobs: what is refused, what is warned of, and what the scores say."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import LABELS, make_articles
from tests.models import TINY_OPTIONS, make_encoder
from textclf.bundle import load_bundle
from textclf.calibration import Calibration, LabelMap
from textclf.compare import compare
from textclf.config import build_config
from textclf.errors import DataError, TextclfWarning
from textclf.evaluate import evaluate, evaluate_against
from textclf.labeller import Labeller
from textclf.labels import LabelSet
from textclf.metrics import OVERALL, PER_LABEL
from textclf.records import Article, Examples, Paragraph
from textclf.thresholds import NEVER
from textclf.train import fold_groups, is_trained, out_of_fold, train

Write = Callable[..., Path]


class Oracle:
    """Knows the labels from the words, with some noise that follows from the text."""

    def __init__(self, labels: Sequence[str] = LABELS, noise: float = 0.0) -> None:
        self.labels = LabelSet.of(labels)
        self.noise = noise

    def predict_proba(self, texts: Sequence[str]) -> np.ndarray:
        words = {"fight": "shells", "talk": "envoys", "move": "buses"}
        right = np.array([[words.get(n, "~") in text for n in self.labels] for text in texts], dtype=float)
        flip = np.array([[hash_of(text, n) < self.noise for n in self.labels] for text in texts], dtype=float)
        return np.abs(right - flip).astype(np.float32).reshape(len(texts), len(self.labels)) * 0.8 + 0.1


def hash_of(text: str, name: str) -> float:
    return (sum(ord(c) * (i + 1) for i, c in enumerate(text + name)) % 997) / 997


def labeller(noise: float = 0.0, labels: Sequence[str] = LABELS) -> Labeller:
    k = len(labels)
    return Labeller(Oracle(labels, noise), Calibration((LabelMap(),) * k), np.full(k, 0.5))


def settings(train_file: Path, **changes: Any) -> dict[str, Any]:
    return {
        "labels": list(LABELS),
        "data": {"train": str(train_file)},
        "model": {"kind": "tfidf", "options": {"min_df": 1}},
        "thresholds": {"folds": 2},
        "evaluation": {"resamples": 100},
        **changes,
    }


def run(folder: Path, given: dict[str, Any]) -> Any:
    return train(build_config(given, name="t", near=folder / "t.yaml", source="t"), out=folder / "bundle")


def test_a_label_without_a_positive_is_warned_of_and_never_predicted(tmp_path: Path, write_jsonl: Write) -> None:
    given = settings(write_jsonl(make_articles(20)), labels=[*LABELS, "flood"])
    with pytest.warns(TextclfWarning, match="label 'flood' has no positive example.*never be predicted"):
        model = run(tmp_path, given).model
    assert model.thresholds[3] == NEVER
    assert not any("flood" in labels for labels in model.predict([a.paragraphs[0].text for a in make_articles(20)]))
    scores = evaluate(load_bundle(tmp_path / "bundle"), make_articles(8, seed=3), resamples=100).to_json()
    assert scores["per_label"]["flood"]["f1"] is None
    assert scores["per_label"]["flood"]["support"] == 0
    assert json.dumps(scores, allow_nan=False)


def test_a_label_never_looked_for_is_warned_of_too(tmp_path: Path, write_jsonl: Write) -> None:
    articles = [
        Article(a.article_id, a.paragraphs, annotated=LABELS)  # the fourth label was not looked for anywhere
        for a in make_articles(20)
    ]
    with pytest.warns(TextclfWarning, match="'flood' has no positive"):
        model = run(tmp_path, settings(write_jsonl(articles), labels=[*LABELS, "flood"])).model
    assert model.thresholds[3] == NEVER


def test_a_label_that_is_always_there_is_warned_of(tmp_path: Path, write_jsonl: Write) -> None:
    articles = [
        Article(a.article_id, tuple(Paragraph(p.text, (*p.labels, "news"), p.uncertain) for p in a.paragraphs))
        for a in make_articles(20)
    ]
    with pytest.warns(TextclfWarning, match="'news' has no negative example"):
        model = run(tmp_path, settings(write_jsonl(articles), labels=[*LABELS, "news"])).model
    assert all("news" in labels for labels in model.predict(["anything at all", "shells"]))


@pytest.mark.parametrize(
    ("articles", "message"),
    [
        (make_articles(1), "held-out articles, and there is only one"),
        ([Article("a", (Paragraph("x"),), annotated=())], "no labelled paragraph to train on"),
    ],
)
def test_too_little_to_train_on_is_said(
    tmp_path: Path, write_jsonl: Write, articles: list[Article], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        run(tmp_path, settings(write_jsonl(articles)))
    assert not (tmp_path / "bundle").exists()


def test_an_article_in_two_splits_is_refused(tmp_path: Path, write_jsonl: Write) -> None:
    whole = write_jsonl(make_articles(20))
    part = write_jsonl(make_articles(20)[5:8], "test.jsonl")
    with pytest.raises(DataError, match=r"3 fault.*") as caught:
        run(tmp_path, settings(whole, data={"train": str(whole), "test": str(part)}))
    for number in (5, 6, 7):
        assert f"article article-{number:03d}: this article also stands in {whole}" in str(caught.value)


@pytest.mark.parametrize("edit", [lambda text: text, lambda text: f"TERHAN (Wire) - {text.upper()[:-1]}, again!"])
def test_copied_paragraphs_are_warned_of(tmp_path: Path, write_jsonl: Write, edit: Callable[[str], str]) -> None:
    training = make_articles(20)
    longest = max((p.text for a in training for p in a.paragraphs), key=len)
    copy = Article("other", (Paragraph(edit(longest)), Paragraph("something new")))
    files = {"train": str(write_jsonl(training)), "test": str(write_jsonl([copy], "test.jsonl"))}
    with pytest.warns(TextclfWarning, match=r"1 paragraph\(s\) of test, 50.0%, are near-copies.*other.*data dedupe"):
        run(tmp_path, settings(Path(), data=files))


def test_folds_keep_copied_articles_together() -> None:
    articles = make_articles(12)
    copies = [Article(f"copy-{a.article_id}", a.paragraphs[:-1] or a.paragraphs) for a in articles[:6]]
    examples = Examples.of([*articles, *copies], LabelSet.of(LABELS))
    groups = fold_groups(examples)
    tied = [set(groups[examples.groups == i]) for i in range(18)]
    assert all(len(each) == 1 for each in tied)
    assert tied[:6] == tied[12:]
    assert len(set.union(*tied)) == 12


def test_folds_fall_back_on_articles_when_copies_tie_everything() -> None:
    text = "the very same paragraph of more than eight words stands here"
    examples = Examples.of([Article(str(i), (Paragraph(text),)) for i in range(4)], LabelSet.of(LABELS))
    assert fold_groups(examples).tolist() == [0, 1, 2, 3]


def test_out_of_fold_probabilities_come_from_models_that_did_not_see_the_article() -> None:
    """Where every article has a word of its own that tells its label, only a leak could learn it."""
    from textclf.models.tfidf import TfidfOptions

    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(60), 4)
    answers = (rng.random(60) < 0.5).astype(np.float32)
    texts = [f"secret{group:02d} word number {i % 4}" for i, group in enumerate(groups)]
    examples = Examples(texts, answers[groups][:, None], groups, [str(i) for i in range(60)])
    options = TfidfOptions(min_df=1, char_ngrams=None)
    p = out_of_fold(kind="tfidf", options=options, labels=LabelSet.of(["x"]), examples=examples, n_folds=4, seed=0)
    agreement = ((p[:, 0] > 0.5) == (answers[groups] == 1)).mean()
    assert 0.2 < agreement < 0.7


def test_scores_are_right_and_within_their_intervals() -> None:
    articles = make_articles(60, seed=4)
    perfect = evaluate(labeller(), articles, resamples=200)
    assert perfect.overall["macro_f1"].value == 1
    assert perfect.overall["macro_f1"].interval == (1, 1)
    assert perfect.overall["false_alarm_rate"].value == 0
    noisy = evaluate(labeller(0.2), articles, resamples=200)
    for estimate in (*noisy.overall.values(), *noisy.per_label["f1"]):
        assert estimate.interval.low <= estimate.value <= estimate.interval.high
        assert estimate.interval.low < estimate.interval.high
    assert noisy.n_articles == 60
    assert noisy.n_known == noisy.n_paragraphs * 3 - sum(len(p.uncertain) for a in articles for p in a.paragraphs)


def test_the_same_seed_gives_the_same_intervals() -> None:
    articles = make_articles(30, seed=4)
    first, second = (evaluate(labeller(0.2), articles, resamples=100, seed=5).to_json() for _ in range(2))
    assert first == second


def test_a_paired_difference_is_narrower_than_two_intervals() -> None:
    articles = make_articles(80, seed=4)
    better, worse, difference = evaluate_against(labeller(0.1), labeller(0.3), articles, resamples=300)
    gain = difference.overall["macro_f1"]
    expected = better.overall["macro_f1"].value - worse.overall["macro_f1"].value
    assert gain.value == pytest.approx(expected)
    assert gain.interval.low > 0
    widths = [np.diff(each.overall["macro_f1"].interval)[0] for each in (better, worse)]
    assert np.diff(gain.interval)[0] < sum(widths)


def test_a_difference_carries_p_values_adjusted_over_labels() -> None:
    articles = make_articles(60, seed=4)
    *_, difference = evaluate_against(labeller(0.05), labeller(0.4), articles, resamples=200)
    assert difference.p_values["macro_f1"] == pytest.approx(1 / 201)
    for name, raw in difference.label_p_values.items():
        assert all(adjusted >= p for p, adjusted in zip(raw, difference.holm[name], strict=True) if p == p)
    written = difference.to_json()
    assert written["macro_f1"]["p_value"] == round(1 / 201, 6)
    assert written["per_label"]["fight"]["f1"]["p_value_holm"] == pytest.approx(3 / 201, abs=1e-6)
    *_, nothing = evaluate_against(labeller(0.2), labeller(0.2), articles, resamples=100)
    assert set(nothing.p_values.values()) == {1.0}


def test_intervals_may_be_bca_and_say_so() -> None:
    articles = make_articles(30, seed=4)
    plain, bca = (
        evaluate(labeller(0.2), articles, resamples=300, interval=method).to_json() for method in ("percentile", "bca")
    )
    assert plain["macro_f1"] == bca["macro_f1"]
    assert plain["intervals"]["method"] == "percentile bootstrap over articles"
    assert bca["intervals"]["method"] == "BCa bootstrap over articles, widened for few of them"
    low, high = bca["intervals"]["macro_ap"]
    assert low < bca["macro_ap"] < high
    assert [low, high] != plain["intervals"]["macro_ap"]
    assert low == pytest.approx(plain["intervals"]["macro_ap"][0], abs=0.1)


def test_every_score_is_written_with_its_reliability() -> None:
    written = evaluate(labeller(0.2), make_articles(30, seed=4), resamples=100).to_json()
    assert set(OVERALL) < set(written)
    assert set(OVERALL) < set(written["intervals"])
    for label in LABELS:
        scores = written["per_label"][label]
        assert {*PER_LABEL, "support", "threshold", "reliability"} == set(scores)
        assert sum(each["count"] for each in scores["reliability"]) <= written["n_paragraphs"]
        assert scores["best_f1"] >= scores["f1"]
    assert written["article_macro_f1"] >= 0.3
    assert json.dumps(written, allow_nan=False)


def test_models_with_different_labels_are_not_compared() -> None:
    with pytest.raises(DataError, match="different labels"):
        evaluate_against(labeller(), labeller(labels=("fight", "talk")), make_articles(5))


def test_nothing_to_evaluate_on_is_said() -> None:
    with pytest.raises(DataError, match="no paragraph to evaluate on"):
        evaluate(labeller(), [])


def test_few_articles_and_absent_labels_are_noted() -> None:
    articles = [Article("a", (Paragraph("shells", ("fight",)), Paragraph("rain")))]
    notes = " ".join(evaluate(labeller(), articles, resamples=100).notes)
    assert "1 article(s) are too few" in notes
    assert "no paragraph here carries talk, move" in notes


@pytest.mark.parametrize("validation", [True, False])
def test_context_stays_with_the_model_from_training_to_scoring(
    tmp_path: Path, write_jsonl: Write, validation: bool
) -> None:
    """Which of two texts carries the label, the title alone says."""
    yes, no = Paragraph("rain fell", ("fight",)), Paragraph("rain fell")
    kinds = [("envoys", no), ("shells", yes)]
    articles = [Article(f"{n}", (kinds[n % 2][1],) * 3, title=kinds[n % 2][0]) for n in range(40)]
    options = {**TINY_OPTIONS["frozen_encoder"], "encoder": str(make_encoder(tmp_path / "encoder"))}
    data = {"train": str(write_jsonl(articles[:24])), "context": "title"}
    if validation:
        data["validation"] = str(write_jsonl(articles[24:32], "validation.jsonl"))
    with warnings.catch_warnings(action="ignore", category=TextclfWarning):  # labels with no positive, copies
        given = settings(tmp_path, labels=["fight"], data=data, model={"kind": "frozen_encoder", "options": options})
        result = run(tmp_path, given)
    model = load_bundle(tmp_path / "bundle")
    assert model.context == "title"
    assert result.validation.overall["macro_ap"].value == 1
    assert evaluate(model, articles[32:], resamples=100).overall["macro_f1"].value == 1
    assert {p.labels for a in articles[33::2] for p in model.label(a)} == {("fight",)}
    assert not any(p.labels for a in articles[32::2] for p in model.label(a))
    blind = replace(model, card={})
    ours, theirs, difference = evaluate_against(model, blind, articles[32:], resamples=100)
    assert ours.overall["macro_ap"].value > theirs.overall["macro_ap"].value
    assert difference.overall["macro_ap"].value > 0.2
    rows = compare({"blind": blind, "seeing": model}, {"held out": articles[32:]}, resamples=100)
    assert [row.evaluation.overall["macro_ap"].value for row in rows] == [
        theirs.overall["macro_ap"].value,
        ours.overall["macro_ap"].value,
    ]


def test_another_context_or_title_is_another_training(tmp_path: Path, write_jsonl: Write) -> None:
    articles = make_articles(12)
    data = {"train": str(write_jsonl(articles)), "context": "title"}

    def config(**changes: Any) -> Any:
        given = settings(tmp_path, data={**data, **changes}, out=str(tmp_path / "bundle"))
        return build_config(given, name="t", near=tmp_path / "t.yaml", source="t")

    with pytest.warns(TextclfWarning, match="tfidf reads a paragraph alone"):
        train(config())
    assert is_trained(config())
    assert not is_trained(config(context="none"))
    write_jsonl([replace(articles[0], title="Another"), *articles[1:]])
    assert not is_trained(config())
