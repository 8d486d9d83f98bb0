"""New thresholds for a trained model: what changes, what stays, what the card tells, and what is refused."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import LABELS, make_articles
from tests.models import make_encoder
from tests.test_adapt import some, train_on, write
from tests.test_cli import Run, project, run
from textclf.bundle import CARD, load_bundle
from textclf.calibration import LINEAR
from textclf.config import build_config
from textclf.errors import BundleError, ConfigError, DataError, TextclfWarning
from textclf.evaluate import evaluate
from textclf.labeller import Labeller
from textclf.objectives import F1, Objective
from textclf.records import Article, Paragraph
from textclf.refit import Refit, refit_thresholds
from textclf.thresholds import NEVER, decide
from textclf.train import is_trained, train

__all__ = ["project", "run"]  # fixtures

PRECISE = Objective("precision_at_least", 0.8)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A baseline trained on articles some of whose labels are turned, so that it is not too sure."""
    return train_on(tmp_path_factory.mktemp("refit"))


def turned(n: int = 120, *, seed: int = 3, prefix: str = "new") -> list[Article]:
    """Make articles some of whose labels are turned, so that nothing is told apart without fault."""
    rng = np.random.default_rng(seed)
    return [
        Article(
            article.article_id,
            tuple(
                Paragraph(p.text, tuple(x for x in LABELS if (x in p.labels) != (rng.random() < 0.1)))
                for p in article.paragraphs
            ),
        )
        for article in some(n, seed=seed, prefix=prefix)
    ]


def refit(
    source: Path, out: Path, objective: Objective = F1, articles: list[Article] | None = None, **more: Any
) -> Refit:
    given = turned() if articles is None else articles
    return refit_thresholds(source, lambda _: given, objective, out=out, **more)


def digests(folder: Path) -> dict[str, str]:
    files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_thresholds_change_and_the_model_does_not(bundle: Path, tmp_path: Path):
    before = digests(bundle)
    result = refit(bundle, tmp_path / "out", PRECISE)
    assert digests(bundle) == before
    assert digests(tmp_path / "out" / "model") == digests(bundle / "model")
    old, new = load_bundle(bundle), load_bundle(tmp_path / "out")
    texts = [p.text for article in turned(10) for p in article.paragraphs]
    np.testing.assert_array_equal(new.predict_proba(texts), old.predict_proba(texts))
    assert new.calibration == old.calibration
    np.testing.assert_array_equal(new.thresholds, result.model.thresholds)
    assert (new.thresholds != old.thresholds).all()
    assert (result.n_articles, result.before.tolist()) == (120, old.thresholds.tolist())


def test_what_was_asked_for_is_reached_on_the_articles_given(bundle: Path, tmp_path: Path):
    articles = turned()
    refit(bundle, tmp_path / "out", PRECISE, articles)
    found = evaluate(load_bundle(tmp_path / "out"), articles, resamples=100)
    assert all(score.value >= 0.8 for score in found.per_label["precision"])


def test_the_card_tells_what_was_done_and_how_sure_it_is(bundle: Path, tmp_path: Path):
    refit(bundle, tmp_path / "out", PRECISE)
    card, source = json.loads((tmp_path / "out" / CARD).read_text()), load_bundle(bundle).card
    (step,) = card["adaptations"]
    assert step["method"] == "thresholds"
    assert step["from"]["created"] == source["created"]
    assert step["target"]["articles"] == 120
    assert step["labels"]["fight"]["outcome"] == "fitted"
    assert step["labels"]["fight"]["old_threshold"] == source["thresholds"]["fight"]
    assert step["labels"]["fight"]["new_threshold"] == card["thresholds"]["fight"]
    assert step["labels"]["fight"]["value"] == 0.8
    told = card["threshold_fit"]["fight"]
    assert (told["objective"], told["value"], told["trusted"]) == ("precision_at_least", 0.8, True)
    assert told["interval"][0] <= card["thresholds"]["fight"] <= told["interval"][1]
    assert told["reached"]["precision"]["value"] >= 0.8
    assert card["shares"] == source["shares"]
    assert card["config"] == source["config"]
    assert "before it was adapted" in card["validation_scores"]["note"]


def test_scores_on_articles_that_thresholds_were_fitted_on_are_noted(bundle: Path, tmp_path: Path):
    articles = turned(20)
    with pytest.warns(TextclfWarning, match="do not trust"):
        refit(bundle, tmp_path / "out", Objective("recall_at_least", 0.8), articles[:9])
    found = evaluate(load_bundle(tmp_path / "out"), articles, resamples=100)
    assert found.fitted_articles == [article.article_id for article in articles[:9]]


def test_refitting_twice_keeps_the_chain_and_the_other_labels(bundle: Path, tmp_path: Path):
    first = refit(bundle, tmp_path / "out", PRECISE)
    again = refit(tmp_path / "out", tmp_path / "out", Objective("expected_count"), labels=["talk"])
    assert len(again.model.card["adaptations"]) == 2
    assert set(again.fits) == {"talk"}
    columns = [LABELS.index("fight"), LABELS.index("move")]
    assert again.model.thresholds[columns].tolist() == first.model.thresholds[columns].tolist()
    told = again.model.card["threshold_fit"]
    assert [told[name]["objective"] for name in LABELS] == [
        "precision_at_least",
        "expected_count",
        "precision_at_least",
    ]


def test_thresholds_are_set_by_hand(bundle: Path, tmp_path: Path):
    result = refit_thresholds(bundle, out=tmp_path / "out", by_hand={"fight": 0.4, "move": NEVER})
    old = load_bundle(bundle).thresholds
    assert load_bundle(tmp_path / "out").thresholds.tolist() == [0.4, old[1], NEVER]
    assert result.by_hand == ("fight", "move")
    card = result.model.card
    assert [step["outcome"] for step in card["adaptations"][0]["labels"].values()] == [
        "set by hand",
        "kept",
        "set by hand",
    ]
    assert card["threshold_fit"]["fight"] == {"objective": "by hand"}
    assert not evaluate(result.model, turned(5), resamples=100).fitted_articles


def test_a_label_that_is_switched_off_stays_so_unless_it_is_named(bundle: Path, tmp_path: Path):
    refit_thresholds(bundle, out=tmp_path / "off", by_hand={"move": NEVER})
    assert refit(tmp_path / "off", tmp_path / "all", PRECISE).model.thresholds[2] == NEVER
    assert refit(tmp_path / "off", tmp_path / "named", PRECISE, labels=["move"]).model.thresholds[2] < 1


def test_a_label_that_nothing_carries_keeps_its_threshold(bundle: Path, tmp_path: Path):
    without = [
        Article(a.article_id, tuple(Paragraph(p.text, tuple(x for x in p.labels if x != "talk")) for p in a.paragraphs))
        for a in turned()
    ]
    with pytest.warns(TextclfWarning, match="label 'talk': nothing here is known to carry it"):
        found = refit(bundle, tmp_path / "out", PRECISE, without)
    assert found.model.thresholds[1] == found.before[1]


def test_articles_of_training_are_refused_unless_allowed(bundle: Path, tmp_path: Path):
    seen = [*turned(60, prefix="train"), *turned(60)]
    with pytest.raises(DataError, match=r"trained on 60 of the 120 articles given \(train-0, .*--allow-leakage"):
        refit(bundle, tmp_path / "out", articles=seen)
    assert not (tmp_path / "out").exists()
    with pytest.warns(TextclfWarning, match="trained on 60 of the 120"):
        found = refit(bundle, tmp_path / "out", articles=seen, allow_leakage=True)
    assert found.model.card["adaptations"][0]["target"]["seen_in_training"] == 60
    refit(bundle, tmp_path / "out", articles=turned(60, prefix="validation"))  # those are what it was fitted on before


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"labels": ["fihgt"]}, "unknown label 'fihgt'; did you mean 'fight'"),
        ({"by_hand": {"walk": 0.4}}, "unknown label 'walk'; did you mean 'talk'"),
        ({"labels": ["talk"], "by_hand": {"talk": 0.4}}, "both to be fitted and set by hand"),
        ({"by_hand": {"talk": 0.0}}, "above 0 and at most 1, or never; given: 0.0"),
        ({"by_hand": {"talk": 1.5}}, "given: 1.5"),
        ({"by_hand": {"talk": float("nan")}}, "given: nan"),
    ],
)
def test_what_cannot_be_done_is_told(bundle: Path, tmp_path: Path, more: dict[str, Any], said: str):
    with pytest.raises(ConfigError, match=said):
        refit(bundle, tmp_path / "out", **more)
    assert not (tmp_path / "out").exists()


def test_nothing_to_do_is_told(bundle: Path, tmp_path: Path):
    with pytest.raises(ConfigError, match="nothing to do"):
        refit_thresholds(bundle, out=tmp_path / "out")
    with pytest.raises(ConfigError, match="no labelled articles given"):
        refit_thresholds(bundle, out=tmp_path / "out", labels=["talk"], by_hand={"fight": 0.3})
    with pytest.raises(DataError, match="no labelled paragraph"):
        refit(bundle, tmp_path / "out", articles=[Article("x", (Paragraph("a", uncertain=LABELS),))])
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(BundleError, match="is no textclf model"):
        refit(bundle, tmp_path)


def test_an_encoder_with_calibration_in_its_weights_gives_the_same_probabilities(tmp_path: Path):
    options = {"encoder": str(make_encoder(tmp_path / "encoder")), "epochs": 2}
    source = train_on(tmp_path, kind="finetuned", options=options, n=20)
    old = load_bundle(source)
    assert old.calibration.in_weights
    assert {label_map.method for label_map in old.calibration.maps} <= set(LINEAR)
    result = refit(source, tmp_path / "out", Objective("expected_count"))
    texts = [p.text for article in turned(4) for p in article.paragraphs]
    p = load_bundle(tmp_path / "out").predict_proba(texts)
    np.testing.assert_allclose(p, old.predict_proba(texts), atol=1e-6)
    assert decide(p, result.model.thresholds).shape == p.shape


def config_of(folder: Path, **thresholds: Any) -> Any:
    settings = {
        "labels": list(LABELS),
        "data": {name: str(folder / f"{name}.jsonl") for name in ("train", "validation")},
        "model": {"kind": "tfidf", "options": {"min_df": 1}},
        "evaluation": {"resamples": 100},
        "thresholds": thresholds,
        "out": str(folder / "own"),
    }
    return build_config(settings, name="own", near=folder / "own.yaml", source="own")


def test_training_fits_what_the_config_asks_for_and_says_how_sure_it_is(bundle: Path):
    config = config_of(
        bundle.parent, objective="recall_at_least", value=0.9, per_label={"talk": {"objective": "expected_count"}}
    )
    model: Labeller = train(config).model
    told = model.card["threshold_fit"]
    assert [told[name]["objective"] for name in LABELS] == ["recall_at_least", "expected_count", "recall_at_least"]
    assert told["fight"]["reached"]["recall"]["value"] >= 0.9
    assert is_trained(config)
    assert not is_trained(config_of(bundle.parent))


def test_a_model_trained_before_there_were_objectives_is_not_trained_again(bundle: Path):
    config = config_of(bundle.parent)
    train(config)
    assert set(load_bundle(config.out).card["threshold_fit"]) == set(LABELS)
    strip_card(config.out, "objective", "value", "miss", "false_alarm", "per_label")
    assert is_trained(config)


def strip_card(bundle: Path, *keys: str) -> None:
    """Take keys of `config.thresholds` out of a card, as an older bundle has it, and mend the manifest."""
    card = json.loads((bundle / CARD).read_text())
    for key in keys:
        del card["config"]["thresholds"][key]
    content = json.dumps(card).encode()
    (bundle / CARD).write_bytes(content)
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest[CARD] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (bundle / "manifest.json").write_text(json.dumps(manifest))


def test_the_command_shows_thresholds_and_how_sure_they_are(project: Path, run: Run, tmp_path: Path):
    target = write(tmp_path / "t.jsonl", turned())
    model = project / "runs/tfidf"
    asked = ("--objective", "precision_at_least", "--value", "0.8")
    code, out, _ = run("thresholds", model, target, *asked, "--out", tmp_path / "a")
    assert code == 0
    assert "of 120 articles" in out
    assert "after [95% interval]" in out
    assert f"saved {tmp_path / 'a'}" in out
    code, out, _ = run(
        "thresholds", tmp_path / "a", "--set", "move=never", "--set", "talk=0.3", "--out", tmp_path / "b"
    )
    assert code == 0
    assert "never (set by hand)" in out
    by_hand = load_bundle(tmp_path / "b").card["thresholds"]
    assert (by_hand["move"], by_hand["talk"]) == (NEVER, 0.3)


@pytest.mark.filterwarnings("default::textclf.errors.TextclfWarning")
def test_the_command_says_whose_support_is_small(project: Path, run: Run, tmp_path: Path):
    few = write(tmp_path / "few.jsonl", make_articles(6, seed=9))
    ids = [json.loads(line)["article_id"] for line in few.read_text().splitlines()]
    assert not any(name.startswith("train") for name in ids)
    code, out, err = run("thresholds", project / "runs/tfidf", few, "--out", tmp_path / "a")
    assert (code, err.count("warning")) == (0, 0)
    assert "fight: not to be trusted yet: its positives are few" in out
    asked = ("--objective", "expected_count", "--label", "fight")
    code, out, err = run("thresholds", project / "runs/tfidf", few, *asked, "--out", tmp_path / "b")
    assert code == 0
    assert "warning: label 'fight': do not trust its threshold for expected_count yet" in err
    assert out.count("(kept)") == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "nothing to do"),
        (("data/test.jsonl", "--objective", "f2"), "unknown objective 'f2'"),
        (("data/test.jsonl", "--objective", "precision_at_least"), "needs --value: the precision to reach"),
        (("data/test.jsonl", "--objective", "cost", "--miss", "3"), "needs --miss and --false-alarm"),
        (("data/test.jsonl", "--value", "0.3"), "f1 takes no --value"),
        (("--objective", "expected_count"), "give labelled articles to fit thresholds for expected_count on"),
        (("--set", "talk"), "write it as LABEL=NUMBER"),
        (("--set", "talk=high"), "write it as LABEL=NUMBER"),
        (("data/train.jsonl",), "trained on 24 of the 24 articles"),
    ],
)
def test_a_mistake_gets_one_clear_message(
    project: Path, run: Run, tmp_path: Path, arguments: tuple[str, ...], said: str
):
    whole = [str(project / word) if word.startswith("data/") else word for word in arguments]
    code, _, err = run("thresholds", project / "runs/tfidf", *whole, "--out", tmp_path / "out")
    assert code == 1
    assert said in err
    assert err.count("error:") == 1
    assert not (tmp_path / "out").exists()
