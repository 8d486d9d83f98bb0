"""Cascades: sure paragraphs are decided as the fast model does, the others as the slow one, as promised."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import LABELS, make_articles
from tests.models import make_encoder
from tests.props import quick
from tests.test_bundle import train_tiny
from tests.test_export import _change_card as change_card
from tests.test_export import main_of
from textclf.adapt import adapt_labelled
from textclf.bands import NEVER_SURE, Bands
from textclf.bundle import load_bundle
from textclf.calibration import log_odds
from textclf.cascade import Cascading, cascade, join
from textclf.cli import main
from textclf.errors import BundleError, ConfigError, DataError, ModelError, TextclfWarning
from textclf.evaluate import evaluate
from textclf.labeller import says_something
from textclf.labels import LabelSet
from textclf.models.cascade import Cascade, CascadeOptions, move_scores
from textclf.models.interface import CountsWindows
from textclf.records import Article, Examples
from textclf.refit import refit_thresholds
from textclf.speeds import measure_speeds
from textclf.thresholds import NEVER, decide

LABEL_SET = LabelSet.of(LABELS)
LONG = " ".join(["shells fell near the bridge. envoys met the elders."] * 30)
ODD = ["", "   ", "—", "🙂🙂", "a" * 500, LONG, "shells\x00fell", "\ud800 shells"]
UNSEEN = make_articles(60, seed=8, uncertain=False)
TEXTS = [*Examples.of(UNSEEN[:20], LABEL_SET).texts, *ODD, LONG]


def write(path: Path, articles: list[Article]) -> Path:
    records = [{**a.to_json(), "article_id": f"more-{a.article_id}"} for a in articles]
    path.write_text("".join(json.dumps(r) + "\n" for r in records), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def more(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("more") / "more.jsonl", UNSEEN)


@pytest.fixture(scope="module")
def fast(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tiny(tmp_path_factory.mktemp("fast"), "tfidf")


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    encoder = make_encoder(tmp_path_factory.mktemp("encoder"))
    return train_tiny(tmp_path_factory.mktemp("slow"), "finetuned", encoder=encoder)


@pytest.fixture(scope="module")
def made(fast: Path, slow: Path, more: Path, tmp_path_factory: pytest.TempPathFactory) -> Cascading:
    return quietly(fast, slow, out=tmp_path_factory.mktemp("cascade") / "m", target=0.9, validation=[more])


def quietly(*args: Any, **settings: Any) -> Cascading:
    """Make a cascade; of models so small it is chance which of them is quicker."""
    with warnings.catch_warnings(action="ignore", category=TextclfWarning):
        return cascade(*args, n_resamples=100, **settings)


def halfway(fast: Path, slow: Path) -> tuple[Any, Any, Any]:
    """Return two models and their cascade with bands by hand, such that either answers some of the texts."""
    models = load_bundle(fast), load_bundle(slow)
    margins = np.abs(log_odds(models[0].predict_proba(TEXTS)) - log_odds(models[0].thresholds))
    width = np.full(3, np.median(margins[: len(TEXTS) - len(ODD)].min(axis=1)))
    whole = join(*models, Bands(-width, width))
    assert 0.2 < whole.predictor.sure(TEXTS).mean() < 0.8  # type: ignore[attr-defined]
    return (*models, whole)


def test_sure_paragraphs_are_decided_as_by_the_fast_model_and_others_as_by_the_slow_one(fast: Path, slow: Path) -> None:
    cheap, dear, whole = halfway(fast, slow)
    sure = np.array([bool(text.strip()) for text in TEXTS])
    sure[sure] = whole.predictor.sure([text for text in map(_readable, TEXTS) if text.strip()])
    found, by_fast, by_slow = (np.array(model.predict(TEXTS), dtype=object) for model in (whole, cheap, dear))
    assert (found[sure] == by_fast[sure]).all()
    p, wanted = whole.predict_proba(TEXTS), dear.predict_proba(TEXTS)
    np.testing.assert_allclose(p[~sure], wanted[~sure], atol=1e-6)
    assert (found[~sure] == by_slow[~sure]).all()
    assert not np.allclose(p[sure], wanted[sure], atol=1e-3)


def _readable(text: str) -> str:
    return text.encode("utf-8", errors="replace").decode("utf-8")


def test_one_by_one_and_together_and_in_any_order_a_text_gets_the_same(fast: Path, slow: Path) -> None:
    *_, whole = halfway(fast, slow)
    together = whole.predict_proba(TEXTS)
    np.testing.assert_allclose(np.concatenate([whole.predict_proba([t]) for t in TEXTS]), together, atol=1e-5)
    order = np.random.default_rng(0).permutation(len(TEXTS))
    np.testing.assert_allclose(whole.predict_proba([TEXTS[i] for i in order]), together[order], atol=1e-5)
    assert whole.predict_proba([]).shape == (0, 3)


def test_the_slow_model_reads_only_what_is_left(fast: Path, slow: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    *_, whole = halfway(fast, slow)
    read: list[str] = []
    predictor = whole.predictor.members[1].predictor
    real = predictor.predict_proba
    monkeypatch.setattr(predictor, "predict_proba", lambda texts, beside: read.extend(texts) or real(texts, beside))
    texts = [text for text in TEXTS if says_something(text) and "\ud800" not in text]
    whole.predict_proba(texts)
    assert read == [text for text, sure in zip(texts, whole.predictor.sure(texts), strict=True) if not sure]
    read.clear()
    everything = join(*halfway(fast, slow)[:2], Bands(np.zeros(3), np.zeros(3)))
    everything.predict_proba(texts)
    assert read == []


def test_windows_are_those_of_the_model_that_answered(fast: Path, slow: Path) -> None:
    models = load_bundle(fast), load_bundle(slow)
    assert isinstance(models[1].predictor, CountsWindows)
    wanted = models[1].count_windows(TEXTS)
    assert max(wanted) > 1
    for width, counts in ((NEVER_SURE, wanted), (0.0, [int(says_something(text)) for text in TEXTS])):
        ends = np.full(3, width)
        assert join(*models, Bands(-ends, ends)).count_windows(TEXTS) == counts


@quick
@given(st.integers(0, 1_000), st.sampled_from(["apart", "never before", "never after"]))
def test_moved_scores_decide_as_they_did_and_keep_their_order(seed: int, case: str) -> None:
    rng = np.random.default_rng(seed)
    p = np.concatenate([rng.random((40, 3)), [[0, 1, 0.5]], rng.random((4, 3)) * 1e-7, 1 - rng.random((4, 3)) * 1e-7])
    before, after = rng.random((2, 3))
    p[:3] = before
    before[0], after[0] = NEVER if case == "never before" else before[0], NEVER if case == "never after" else after[0]
    moved = move_scores(p.astype(np.float32), before, after)
    wanted = decide(p, before)
    wanted[:, 0] &= after[0] != NEVER
    np.testing.assert_array_equal(decide(moved, after), wanted)
    assert ((moved >= 0) & (moved <= 1)).all()
    for column in range(3):
        assert (np.diff(moved[np.argsort(p[:, column]), column]) >= -1e-7).all()


def test_scores_are_left_where_thresholds_are_the_same() -> None:
    p = np.random.default_rng(0).random((50, 2)).astype(np.float32)
    thresholds = np.array([0.3, 0.6])
    np.testing.assert_allclose(move_scores(p, thresholds, thresholds), p, atol=1e-5)


def test_what_is_promised_is_told_and_held(made: Cascading, fast: Path, slow: Path) -> None:
    assert made.share >= 0.05
    assert made.fit.interval.low >= 0.9
    assert made.fit.agreement == pytest.approx(made.by_paragraph)
    assert made.by_decision >= made.by_paragraph
    examples = Examples.of(make_articles(60, seed=21), LABEL_SET)
    found, wanted = (np.array(m.predict(examples.texts), dtype=object) for m in (made.model, load_bundle(slow)))
    assert (found == wanted).mean() >= 0.85
    assert set(made.macro_f1) == set(made.speeds) == {"fast", "slow", "cascade"}
    assert made.difference is not None
    f1 = {name: each.value for name, each in made.macro_f1.items()}
    assert made.difference.value == pytest.approx(f1["cascade"] - f1["slow"])
    told = load_bundle(made.path).card["cascade"]
    assert told == json.loads(json.dumps(made.model.card["cascade"]))
    assert (told["target"], told["per"], told["paragraphs"]) == (0.9, "paragraph", len(made.fit.sure))
    assert told["from"]["fast"]["kind"] == "tfidf"
    shares = [offer.share for offer in made.offers]
    assert shares == sorted(shares, reverse=True)


def test_a_cascade_comes_back_from_its_folder_as_it_was(made: Cascading) -> None:
    again = load_bundle(made.path)
    np.testing.assert_allclose(again.predict_proba(TEXTS), made.model.predict_proba(TEXTS), atol=1e-6)
    assert again.predict(TEXTS) == made.model.predict(TEXTS)
    np.testing.assert_array_equal(again.thresholds, made.model.thresholds)
    assert isinstance(again.predictor, Cascade)
    assert again.predictor.options.fast == "tfidf"
    assert {file.name for file in (made.path / "model").iterdir()} == {"cascade.json", "fast", "slow"}


def test_it_is_evaluated_and_knows_what_its_members_were_trained_on(
    made: Cascading, fast: Path, tmp_path: Path
) -> None:
    found = evaluate(made.model, make_articles(20, seed=31), resamples=100)
    assert found.overall["macro_f1"].value > 0.5
    data = load_bundle(made.path).card["data"]
    assert data["train"] == load_bundle(fast).card["data"]["train"]
    assert {f"more-{a.article_id}" for a in UNSEEN} < set(data["validation"]["article_ids"])
    main_of(["evaluate", str(made.path), str(write(tmp_path / "test.jsonl", make_articles(20, seed=31)))])
    with pytest.raises(SystemExit):
        main_of(["evaluate", str(made.path), str(fast.parent / "train.jsonl")])


def test_predicting_keeps_order(made: Cascading, more: Path, tmp_path: Path) -> None:
    main_of(["predict", str(made.path), str(more), "--out", str(tmp_path / "out.jsonl")])
    records = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    texts = [p.text for article in UNSEEN for p in article.paragraphs]
    assert [r["text"] for r in records] == texts
    assert [tuple(r["labels"]) for r in records] == made.model.predict(texts)


def test_it_is_not_adapted_given_other_thresholds_exported_or_trained(made: Cascading, tmp_path: Path) -> None:
    from textclf.export import export

    with pytest.raises(ModelError, match="make the cascade of them again"):
        adapt_labelled(made.path, lambda model: UNSEEN, out=tmp_path / "m")
    with pytest.raises(ModelError, match="make the cascade of them again"):
        refit_thresholds(made.path, out=tmp_path / "m", by_hand={"fight": 0.4})
    with pytest.raises(ModelError, match="kind cascade is not exported"):
        export(made.path, tmp_path / "m")
    with pytest.raises(ModelError, match="cannot be trained"):
        made.model.predictor.fit(TEXTS, np.zeros((len(TEXTS), 3)))  # type: ignore[attr-defined]
    with pytest.raises(ModelError, match="has no members"):
        Cascade(LABEL_SET, CascadeOptions(fast="tfidf", slow="tfidf"), seed=0).predict_proba(["a"])
    assert not (tmp_path / "m").exists()


def test_text_without_labels_is_enough(fast: Path, slow: Path, tmp_path: Path) -> None:
    for article in UNSEEN:
        text = "\n\n".join(p.text.strip() for p in article.paragraphs)
        (tmp_path / f"{article.article_id}-news.txt").write_text(text, encoding="utf-8")
    for bundle in (fast, slow):
        shutil.copytree(bundle, tmp_path / "models" / bundle.parent.name)
        change_card(
            tmp_path / "models" / bundle.parent.name, lambda card: card["config"]["data"].update(validation=["gone"])
        )
    lost = [tmp_path / "models" / bundle.parent.name for bundle in (fast, slow)]
    with pytest.raises(DataError, match="--texts PATH"):
        cascade(*lost, out=tmp_path / "m")
    texts = sorted(tmp_path.glob("*-news.txt"))
    made = quietly(*lost, out=tmp_path / "m", target=0.8, texts=texts)
    assert made.macro_f1 == {}
    assert made.difference is None
    assert made.n_articles == len(UNSEEN)
    assert "validation_scores" not in load_bundle(tmp_path / "m").card


def test_training_articles_are_left_out(fast: Path, slow: Path, more: Path, tmp_path: Path) -> None:
    train = fast.parent / "train.jsonl"
    with pytest.warns(TextclfWarning, match="24 of the articles given are ones"), pytest.raises(DataError):
        cascade(fast, slow, out=tmp_path / "m", validation=[train])
    made = quietly(fast, slow, out=tmp_path / "m", target=0.9, validation=[train, more])
    assert made.n_articles == len(UNSEEN)


def test_where_too_little_is_gained_nothing_is_written_and_it_is_said_what_would_help(
    fast: Path, slow: Path, more: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ModelError, match=r"nothing was written. \d+ paragraphs are few.*takes 2703") as told:
        cascade(fast, slow, out=tmp_path / "m", target=0.999, validation=[more])
    assert "Lower targets" in str(told.value)
    with pytest.raises(SystemExit) as left:
        main(["cascade", str(fast), str(slow), "--target-agreement", "0.999", "--out", str(tmp_path / "m")])
    assert left.value.code == 1
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    ("changes", "error", "told"),
    [
        ({"target": 1.0}, ConfigError, "between 0 and 1"),
        ({"target": 0.0}, ConfigError, "between 0 and 1"),
        ({"confidence": 0.5}, ConfigError, "between 0.5 and 1"),
        ({"out": "fast"}, BundleError, "one of the two models"),
        ({"out": "slow"}, BundleError, "one of the two models"),
        ({"slow": "fast"}, BundleError, "given twice"),
        ({"slow": "made"}, ModelError, "a cascade itself"),
        ({"fast": "nowhere"}, BundleError, "no model at"),
        ({"out": "foreign"}, BundleError, "left alone"),
    ],
)
def test_what_does_not_fit_is_refused(
    changes: dict[str, Any], error: type[Exception], told: str, fast: Path, slow: Path, made: Cascading, tmp_path: Path
) -> None:
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "notes.txt").write_text("mine")
    places = {"fast": fast, "slow": slow, "made": made.path}
    given = {"fast": "fast", "slow": "slow", "out": "m", **changes}
    given |= {name: places.get(given[name], tmp_path / given[name]) for name in ("fast", "slow", "out")}
    with pytest.raises(error, match=told):
        cascade(given.pop("fast"), given.pop("slow"), **given)


def test_other_labels_and_labels_in_another_order_are_refused(fast: Path, slow: Path, tmp_path: Path) -> None:
    shutil.copytree(fast, tmp_path / "fast")
    change_card(tmp_path / "fast", lambda card: card["labels"].reverse())
    with pytest.raises(DataError, match="different labels"):
        cascade(tmp_path / "fast", slow, out=tmp_path / "m")


def test_contexts_go_to_whom_reads_them(fast: Path, slow: Path, more: Path, tmp_path: Path) -> None:
    for bundle in (fast, slow):
        shutil.copytree(bundle, tmp_path / bundle.parent.name)
    cheap, dear = (tmp_path / bundle.parent.name for bundle in (fast, slow))
    change_card(dear, lambda card: card["config"]["data"].update(context="title"))
    made = quietly(cheap, dear, out=tmp_path / "m", target=0.9, validation=[more])
    assert made.model.context == "title"
    predictor: Any = load_bundle(tmp_path / "m").predictor
    assert predictor.options.fast_reads == "text"
    unsure = [text for text in TEXTS[:20] if not predictor.sure([text])[0]]
    alone, beside = (predictor.predict_proba(unsure, c) for c in (None, ["envoys met the elders"] * len(unsure)))
    assert np.abs(alone - beside).max() > 1e-4
    change_card(cheap, lambda card: card["config"]["data"].update(context="previous"))
    with pytest.raises(ModelError, match="'previous' and"):
        cascade(cheap, dear, out=tmp_path / "n", validation=[more])


def test_models_the_wrong_way_round_are_warned_of(
    fast: Path, slow: Path, more: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    import textclf.cascade as job
    from textclf.speeds import Speed

    speeds = {"fast": Speed(10, 10), "slow": Speed(90, 90), "cascade": Speed(9, 9)}
    monkeypatch.setattr(job, "measure_speeds", lambda *_: speeds)
    with pytest.warns(TextclfWarning, match="were they swapped"):
        cascade(fast, slow, out=tmp_path / "m", target=0.9, validation=[more], n_resamples=100)
    speeds["fast"] = Speed(99, 99)
    with pytest.warns(TextclfWarning, match="no faster than SLOW"):
        cascade(fast, slow, out=tmp_path / "m", target=0.9, validation=[more], n_resamples=100)


def test_speeds_are_measured_in_turns_on_texts_never_read_before(fast: Path) -> None:
    model, read = load_bundle(fast), list[list[str]]()

    class Spy:
        labels = model.labels

        def predict_proba(self, texts: list[str], contexts: Any = None) -> np.ndarray:
            read.append(list(texts))
            return np.zeros((len(texts), 3), dtype=np.float32)

    from dataclasses import replace

    spied = replace(model, predictor=Spy())
    speeds = measure_speeds({"one": spied, "other": spied}, ["a", "b"], None)
    assert all(speed.per_second > 0 and speed.per_cpu_second > 0 for speed in speeds.values())
    assert len({text for texts in read for text in texts}) == 2 * len(read)
    assert len(read) == 2 + 2 * 5


def test_damage_to_a_cascade_is_told(made: Cascading, tmp_path: Path) -> None:
    model: Any = made.model.predictor
    model.save(_made(tmp_path / "model"))
    settings = tmp_path / "model" / "cascade.json"
    content = json.loads(settings.read_text())
    with pytest.raises(BundleError, match="not those that are told of"):
        Cascade.load(tmp_path / "model", LABEL_SET, CascadeOptions(fast="tfidf", slow="static"), seed=0)
    settings.write_text(json.dumps({**content, "bands": {name: [1.0, 2.0] for name in LABELS}}))
    with pytest.raises(ValueError, match="a band must begin"):
        Cascade.load(tmp_path / "model", LABEL_SET, model.options, seed=0)


def test_a_cascade_of_plain_models_loads_no_torch(fast: Path, more: Path, tmp_path: Path) -> None:
    other = train_tiny(_made(tmp_path / "other"), "tfidf", seed=5)
    shutil.copytree(other, tmp_path / "renamed")
    quietly(fast, tmp_path / "renamed", out=tmp_path / "m", target=0.8, validation=[more])
    code = """
        import sys, textclf
        model = textclf.load(sys.argv[1])
        model.predict(["shells fell near the bridge."])
        print(*sorted({"torch", "transformers"} & set(sys.modules)))
    """
    run = [sys.executable, "-c", textwrap.dedent(code), str(tmp_path / "m")]
    assert subprocess.run(run, capture_output=True, text=True, check=True).stdout.strip() == ""


@pytest.mark.filterwarnings("ignore::textclf.errors.TextclfWarning")
def test_the_command_says_what_the_cascade_is_worth(
    fast: Path, slow: Path, more: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["cascade", str(fast), str(slow), "--out", str(tmp_path / "m"), "--validation", str(more)]
    main_of([*command, "--target-agreement", "0.95", "--per", "decision", "--resamples", "100"])
    said = capsys.readouterr().out
    for part in ("FAST answers", "agreement with SLOW per decision", "less SLOW's", "per CPU second", "what other"):
        assert part in said
    with pytest.raises(SystemExit):
        main_of([*command, "--per", "article"])
    assert "allowed: 'paragraph', 'decision'" in capsys.readouterr().err


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
