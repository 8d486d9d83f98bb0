"""Comparing models: nothing is trained twice, ranks are tested and corrected, and folds never leak."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import textclf.comparison.contenders as contenders_module
import textclf.comparison.costs as costs_module
import textclf.comparison.fits as fits_module
from tests.conftest import LABELS, make_articles
from tests.models import options_of
from tests.props import quick
from textclf.bundle import load_bundle
from textclf.cli import main
from textclf.compare import BASELINE_KIND, Comparison, choose_baseline, compare_folds, compare_trained
from textclf.comparison.contenders import find_contenders, train_missing
from textclf.comparison.costs import Cost, mean_cost, measure_inference
from textclf.comparison.folds import Folds, check_enough, make_folds, parts_of
from textclf.comparison.leaderboard import build_leaderboard, side_by_side
from textclf.errors import BundleError, ConfigError, DataError
from textclf.labels import LabelSet
from textclf.memory import peak_memory, process_peak
from textclf.metrics import Scored, macro_ap, macro_f1
from textclf.progress import log
from textclf.records import Article, Examples, Paragraph
from textclf.significance import holm, permutation_test
from textclf.splits import article_folds

Write = Callable[..., Path]
ROOT = Path(__file__).parent.parent


def numbered(n: int, name: str, *, seed: int) -> list[Article]:
    return [replace(a, article_id=f"{name}-{i}") for i, a in enumerate(make_articles(n, seed=seed))]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_jsonl: Write) -> Path:
    """A folder with data of three splits and two configs, `good` and `poor`, which is the working folder."""
    monkeypatch.chdir(tmp_path)
    for seed, (name, n) in enumerate({"train": 24, "validation": 10, "test": 16}.items()):
        write_jsonl(numbered(n, name, seed=seed), f"{name}.jsonl")
    write_config("good")
    write_config("poor", options={"min_df": 1, "word_ngrams": [12, 12], "char_ngrams": None})
    return tmp_path


def write_config(name: str, *, options: dict[str, Any] | None = None, **changes: Any) -> Path:
    settings = {
        "labels": list(LABELS),
        "data": {split: f"{split}.jsonl" for split in ("train", "validation", "test")},
        "model": {"kind": "tfidf", "options": options or {"min_df": 1}},
        "thresholds": {"folds": 2},
        "evaluation": {"resamples": 100},
        **changes,
    }
    path = Path(f"{name}.yaml")
    path.write_text(yaml.safe_dump(settings))
    return path


def held_out() -> dict[str, list[Article]]:
    return {"test": numbered(16, "test", seed=2)}


def compared(*given: str, seeds: int = 1, costs: bool = False, **more: Any) -> Comparison:
    found = find_contenders(given, seeds=seeds)
    train_missing(found)
    return compare_trained(found, held_out(), resamples=100, permutations=200, costs=costs, **more)


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every training of the test, by the folder it writes."""
    seen: list[str] = []
    train = contenders_module.train

    def counted(config: Any) -> Any:
        seen.append(str(config.out))
        return train(config)

    monkeypatch.setattr(contenders_module, "train", counted)
    return seen


@pytest.mark.usefixtures("project")
def test_each_config_is_trained_once_a_seed_and_never_again(trainings: list[str]) -> None:
    first = compared("good.yaml", "poor.yaml", seeds=2)
    assert trainings == ["runs/good", "runs/good-seed14", "runs/poor", "runs/poor-seed14"]
    assert [load_bundle(path).card["config"]["seed"] for path in trainings] == [13, 14, 13, 14]
    again = compared("good.yaml", "poor.yaml", seeds=2)
    assert len(trainings) == 4
    assert again == first
    compared("good.yaml", "poor.yaml", seeds=3)
    assert trainings[4:] == ["runs/good-seed15", "runs/poor-seed15"]


@pytest.mark.usefixtures("project")
def test_a_comparison_that_was_cut_off_trains_only_the_rest(
    trainings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    train = contenders_module.train

    def cut_off(config: Any) -> Any:
        if len(trainings) == 2:
            raise KeyboardInterrupt
        return train(config)

    monkeypatch.setattr(contenders_module, "train", cut_off)
    with pytest.raises(KeyboardInterrupt):
        compared("good.yaml", seeds=3)
    monkeypatch.setattr(contenders_module, "train", train)
    compared("good.yaml", seeds=3)
    assert trainings == ["runs/good", "runs/good-seed14", "runs/good-seed15"]


@pytest.mark.usefixtures("project")
def test_the_better_model_comes_first_and_the_first_tfidf_is_the_baseline() -> None:
    board = compared("poor.yaml", "good.yaml").leaderboards[0]
    assert [each.model for each in board.standings] == ["good", "poor"]
    assert [each.rank for each in board.standings] == [1, 2]
    good, poor = board.standings
    assert board.baseline == "poor"
    assert good.to_best is None
    assert poor.to_baseline is None
    assert good.to_baseline is not None
    assert poor.to_best is not None
    gain = good.scores["macro_f1"].value - poor.scores["macro_f1"].value
    assert good.to_baseline.difference.value == pytest.approx(gain)
    assert poor.to_best.difference.value == pytest.approx(-gain)
    assert poor.to_best.difference.interval.high < 0
    assert poor.to_best.p < 0.05
    assert poor.distinguishable
    assert board.as_good() == []


@pytest.mark.usefixtures("project")
def test_several_seeds_are_averaged_and_their_share_is_told(tmp_path: Path) -> None:
    from tests.models import make_encoder

    options = {**options_of("finetuned", make_encoder(tmp_path / "encoder")), "epochs": 3}
    write_config("tuned", model={"kind": "finetuned", "options": options})
    found = compared("good.yaml", "tuned.yaml", seeds=2)
    tuned = next(each for each in found.leaderboards[0].standings if each.model == "tuned")
    alone = [row.evaluation.overall["macro_f1"].value for row in found.rows if "tuned" in row.model]
    assert tuned.by_seed == pytest.approx(alone)
    assert tuned.scores["macro_f1"].value == pytest.approx(np.mean(alone))
    assert tuned.seeds.n_seeds == 2
    assert tuned.seeds.sd == pytest.approx(np.std(alone, ddof=1))
    assert 0 <= tuned.seeds.seed_share <= 1
    one = compared("tuned.yaml").leaderboards[0].best
    assert math.isnan(one.seeds.sd)
    assert one.by_seed == tuned.by_seed[:1]


@pytest.mark.usefixtures("project")
def test_trained_models_stand_beside_configs_with_one_training() -> None:
    compared("good.yaml")
    found = find_contenders(["runs/good", "poor.yaml"], seeds=2)
    assert [len(each.bundles) for each in found] == [1, 2]
    board = compared("runs/good", "poor.yaml", seeds=2).leaderboards[0]
    assert [(each.model, each.seeds.n_seeds) for each in board.standings] == [("good", 1), ("poor", 2)]


@pytest.mark.usefixtures("project")
def test_models_that_share_a_name_are_named_by_their_folders() -> None:
    compared("good.yaml")
    Path("copies").mkdir()
    Path("runs/good").rename("copies/good")
    train_missing(find_contenders(["good.yaml"]))
    assert [each.name for each in find_contenders(["copies/good", "runs/good"])] == ["copies/good", "runs/good"]


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("given", "kind", "message"),
    [
        (["good.yaml", "other.yaml"], DataError, "good and other have different labels .fight, talk, move against"),
        (["good.yaml", "good.yaml"], ConfigError, "as another model given does; change its `out`"),
        (["good.yaml", "clash.yaml"], ConfigError, "clash.yaml writes to runs/good-seed14, as another model"),
        (["good.yaml", "absent"], BundleError, "no model at absent"),
        ([], ConfigError, "at least one config"),
    ],
)
def test_what_cannot_be_compared_is_refused_before_anything_is_trained(
    given: list[str], kind: type[Exception], message: str, trainings: list[str]
) -> None:
    write_config("other", labels=["fight", "talk"])
    write_config("clash", out="runs/good-seed14")
    with pytest.raises(kind, match=message):
        compared(*given, seeds=2)
    assert trainings == []


@pytest.mark.usefixtures("project")
def test_a_baseline_is_found_by_name_config_or_folder_and_another_is_refused() -> None:
    found = find_contenders(["good.yaml", "poor.yaml"])
    assert {choose_baseline(found, wanted) for wanted in ("poor", "poor.yaml", "runs/poor", "./poor.yaml")} == {"poor"}
    others = [replace(found[0], kind="static"), found[1]]
    assert choose_baseline(others, None) == "poor"
    assert found[1].kind == BASELINE_KIND
    assert choose_baseline(others[:1], None) == "good"
    with pytest.raises(DataError, match=r"'pore' is none of the models compared \('good', 'poor'\); did you mean"):
        choose_baseline(found, "pore")


def sample(n_articles: int, *, k: int = 2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return (rng.random((n_articles * 4, k)) < 0.4).astype(np.float32), np.repeat(np.arange(n_articles), 4)


def noisy(targets: np.ndarray, noise: float, *, seed: int) -> Scored:
    rng = np.random.default_rng(seed)
    p = np.clip(0.5 + 0.4 * (2 * targets - 1) + noise * rng.normal(size=targets.shape), 0, 1).astype(np.float32)
    return Scored(targets, p, p >= 0.5)


def test_p_values_are_corrected_for_all_models_set_against_the_best() -> None:
    targets, groups = sample(25)
    models = {f"m{i}": [noisy(targets, noise, seed=i)] for i, noise in enumerate((0.3, 0.36, 0.42, 1.5))}
    board = build_leaderboard("d", models, groups, baseline="m3", resamples=100, permutations=300, seed=1)
    others = [each.to_best for each in board.standings[1:]]
    p = [each.p for each in others if each]
    assert [each.p_adjusted for each in others if each] == pytest.approx(holm(np.array(p)).tolist())
    best = models[board.best.model][0]
    expected = [
        permutation_test(macro_f1, models[each.model][0], best, groups, n_permutations=300, seed=1)
        for each in board.standings[1:]
    ]
    assert p == pytest.approx(np.array(expected).tolist())
    assert board.standings[-1].model == "m3"
    assert board.standings[-1].distinguishable
    for each in board.standings[1:]:
        assert each.distinguishable == (each.to_best is not None and each.to_best.p_adjusted < 0.05)


def test_equal_models_are_not_distinguishable() -> None:
    targets, groups = sample(25)
    one = noisy(targets, 0.4, seed=1)
    board = build_leaderboard("d", {"a": [one], "b": [one]}, groups, baseline="a", resamples=100, permutations=100)
    assert [each.model for each in board.as_good()] == ["b"]
    assert board.standings[1].to_best is not None
    assert board.standings[1].to_best.p == 1
    assert json.dumps(board.to_json(), allow_nan=False)


def test_a_set_without_positives_or_with_few_articles_is_noted() -> None:
    targets, groups = np.zeros((8, 2), np.float32), np.repeat(np.arange(2), 4)
    models = {name: [noisy(targets, 0.4, seed=i)] for i, name in enumerate("ab")}
    board = build_leaderboard("d", models, groups, baseline="a", resamples=100, permutations=100)
    assert any("2 article(s) are too few" in note for note in board.notes)
    assert any("nothing can be ranked" in note for note in board.notes)
    assert [each.model for each in board.as_good()] == ["b"]
    assert board.to_json()["standings"][1]["to_best"]["p"] is None
    with pytest.raises(DataError, match="no paragraph to compare on"):
        build_leaderboard("d", {"a": [noisy(targets[:0], 0.4, seed=0)]}, groups[:0], baseline="a")


@quick
@given(
    ours=st.integers(1, 3),
    theirs=st.integers(1, 3),
    n=st.integers(1, 12),
    unknown=st.floats(0, 0.5),
    seed=st.integers(0, 1000),
)
def test_trainings_side_by_side_score_as_their_mean(ours: int, theirs: int, n: int, unknown: float, seed: int) -> None:
    """What the paired test sees is the mean over seeds, whatever the weights of the rows and the unknown labels."""
    rng = np.random.default_rng(seed)
    targets, _ = sample(n, k=3, seed=seed)
    targets[rng.random(targets.shape) < unknown] = np.nan
    trained = [[noisy(np.nan_to_num(targets), 0.6, seed=seed + i) for i in range(m)] for m in (ours, theirs)]
    trained = [[replace(scored, targets=targets) for scored in each] for each in trained]
    weights = rng.integers(0, 3, size=(5, len(targets))).astype(float)
    pair = side_by_side(*trained)
    assert pair[0].targets.shape == pair[1].targets.shape
    for scored, each in zip(pair, trained, strict=True):
        for metric in (macro_f1, macro_ap):
            mean = np.mean([metric(one, weights) for one in each], axis=0)
            np.testing.assert_allclose(metric(scored, weights), mean, equal_nan=True)


def all_contenders(*given: str, seeds: int = 1) -> Any:
    return find_contenders(given, seeds=seeds)


def copies_of(articles: Sequence[Article]) -> list[Article]:
    return [Article(f"copy-{a.article_id}", a.paragraphs[:-1] or a.paragraphs, title=a.title) for a in articles]


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("validation", ["validation.jsonl", None])
def test_no_fold_shares_an_article_or_a_copy_of_one_with_its_training(validation: str | None) -> None:
    write_config("good", data={"train": "train.jsonl", "validation": validation})
    articles = numbered(20, "own", seed=5)
    articles += copies_of(articles[:8])
    folds = make_folds(all_contenders("good.yaml"), n_folds=4, given=articles, seed=3)
    story = np.array([int(a.article_id.split("-")[-1]) for a in articles])
    assert all(len(set(folds.folds[story == number])) == 1 for number in range(20))
    examples = Examples.of(articles, LabelSet.of(LABELS))
    scored: list[int] = []
    for fold in range(4):
        found = parts_of(folds, fold, examples, validation_share=folds.validation_shares["good"], seed=7)
        parts = [set(story[examples.groups[rows]]) for rows in found]
        training, inner, outer = parts
        assert training
        assert outer
        assert bool(inner) == (validation is not None)
        assert not training & inner
        assert not training & outer
        assert not inner & outer
        assert training | inner | outer == set(range(20))
        scored += found[2].tolist()
    assert sorted(scored) == list(range(len(examples)))


@quick
@given(
    n=st.integers(6, 20),
    n_clusters=st.integers(4, 12),
    n_folds=st.integers(2, 3),
    share=st.sampled_from([0.0, 0.1, 0.3, 0.7]),
    seed=st.integers(0, 1000),
)
def test_parts_of_a_fold_never_share_a_cluster(n: int, n_clusters: int, n_folds: int, share: float, seed: int) -> None:
    articles = make_articles(n, seed=seed)
    clusters = np.concatenate([np.arange(4), np.random.default_rng(seed).integers(n_clusters, size=n - 4)])
    examples = Examples.of(articles, LabelSet.of(LABELS))
    rows = article_folds(examples.targets, clusters[examples.groups], n_folds=n_folds, seed=seed)
    of_article = np.array([rows[examples.groups == number][0] for number in range(n)])
    folds = Folds(articles, of_article, clusters, n_folds, {})
    scored: list[int] = []
    for fold in range(n_folds):
        training, inner, held_out = parts_of(folds, fold, examples, validation_share=share, seed=seed)
        held = [set(clusters[examples.groups[part]]) for part in (training, inner, held_out)]
        assert sum(map(len, held)) == len(set.union(*held))
        assert len(held_out)
        assert bool(len(inner)) == (share > 0 and len(held[0] | held[1]) > 1)
        assert sorted([*training, *inner, *held_out]) == list(range(len(examples)))
        scored += held_out.tolist()
    assert sorted(scored) == list(range(len(examples)))


@pytest.mark.usefixtures("project")
def test_out_of_fold_scores_cannot_learn_what_only_the_article_tells(write_jsonl: Write) -> None:
    """Where every article has a word of its own that tells its labels, only a leak could learn it."""
    rng = np.random.default_rng(0)
    articles = [
        Article(f"a{n}", tuple(Paragraph(f"secret{n:02d} word number {i}", ("fight",) * int(yes)) for i in range(4)))
        for n, yes in enumerate(rng.random(40) < 0.5)
    ]
    write_jsonl(articles, "train.jsonl")
    write_config("good", options={"min_df": 1, "char_ngrams": None}, labels=["fight"], data={"train": "train.jsonl"})
    found = all_contenders("good.yaml")
    folds = make_folds(found, n_folds=4, seed=0)
    board = compare_folds(found, folds, resamples=100, permutations=100).leaderboards[0]
    assert board.best.scores["macro_ap"].value < 0.75


@pytest.mark.usefixtures("project")
def test_folds_train_once_and_go_on_where_they_were_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    fit = fits_module.fit

    def counted(**given: Any) -> Any:
        if len(calls) == 3:
            raise KeyboardInterrupt
        calls.append(given["seed"])
        return fit(**given)

    found = all_contenders("good.yaml", "poor.yaml")
    folds = make_folds(found, n_folds=3, seed=0)
    monkeypatch.setattr(fits_module, "fit", counted)
    with pytest.raises(KeyboardInterrupt):
        compare_folds(found, folds, resamples=100, permutations=100)
    calls.clear()
    first = compare_folds(found, folds, resamples=100, permutations=100)
    assert len(calls) == 3
    monkeypatch.setattr(fits_module, "fit", None)
    again = compare_folds(found, folds, resamples=100, permutations=100)
    assert again == first
    assert first.costs["good"].training_seconds is not None
    assert [each.model for each in first.leaderboards[0].standings] == ["good", "poor"]


@pytest.mark.usefixtures("project")
def test_a_damaged_answer_is_trained_again() -> None:
    found = all_contenders("good.yaml")
    folds = make_folds(found, n_folds=2, seed=0)
    first = compare_folds(found, folds, resamples=100, permutations=100)
    for file in Path("runs/good-fits").iterdir():
        file.write_bytes(b"damaged")
    again = compare_folds(found, folds, resamples=100, permutations=100)
    assert again.leaderboards == first.leaderboards


@pytest.mark.usefixtures("project")
def test_other_labels_or_settings_are_other_trainings() -> None:
    config = all_contenders("good.yaml")[0].configs[0]
    examples = Examples.of(make_articles(6), config.labels)
    changed = replace(examples, targets=1 - examples.targets)
    keys = [
        fits_module.key_of(config, examples, examples, validation=None, seed=1),
        fits_module.key_of(config, changed, examples, validation=None, seed=1),
        fits_module.key_of(config, examples, examples, validation=examples, seed=1),
        fits_module.key_of(config, examples, examples.take([0, 1]), validation=None, seed=1),
        fits_module.key_of(config, examples, examples, validation=None, seed=2),
        fits_module.key_of(all_contenders("poor.yaml")[0].configs[0], examples, examples, validation=None, seed=1),
    ]
    assert len(set(keys)) == len(keys)
    assert fits_module.key_of(config, examples, changed, validation=None, seed=1) == keys[0]


@pytest.mark.usefixtures("project")
def test_folds_are_refused_where_they_cannot_be_made(write_jsonl: Write) -> None:
    found = all_contenders("good.yaml", "poor.yaml")
    with pytest.raises(DataError, match=r"--folds 20 needs at least 40 articles, 2 a fold.*there are 34"):
        make_folds(found, n_folds=20, seed=0)
    train_missing(found[:1])
    with pytest.raises(ConfigError, match="runs/good is a trained model, which has seen its articles"):
        make_folds(all_contenders("runs/good", "poor.yaml"), n_folds=2, seed=0)
    write_jsonl(make_articles(12), "more.jsonl")
    write_config("poor", data={"train": "more.jsonl"})
    with pytest.raises(DataError, match=r"good and poor train on different articles.*--data FILE"):
        make_folds(all_contenders("good.yaml", "poor.yaml"), n_folds=2, seed=0)


@pytest.mark.parametrize(
    ("clusters", "n_folds", "message"),
    [
        ([0, 1, 2], 2, "needs at least 4 articles.*there are 3. Ask for fewer"),
        ([0, 0, 1, 1, 2], 2, "there are 5 in 3 cluster"),
        ([0, 0, 0, 0, 0, 1, 2, 3], 2, "copies tie 5 of 8 paragraphs together"),
        ([0, 1, 2, 3], 1, "--folds 1: give at least 2"),
    ],
)
def test_too_few_articles_for_folds_are_told(clusters: list[int], n_folds: int, message: str) -> None:
    with pytest.raises(DataError, match=message):
        check_enough(np.array(clusters), np.ones(len(clusters), dtype=np.int64), n_folds=n_folds)


@pytest.mark.usefixtures("project")
def test_costs_are_those_of_training_and_of_a_process_that_predicts() -> None:
    cost = compared("good.yaml", seeds=2, costs=True).costs["good"]
    cards = [load_bundle(f"runs/good{end}").card["training"] for end in ("", "-seed14")]
    assert cost.training_seconds == pytest.approx(np.mean([card["wall_seconds"] for card in cards]))
    assert cost.bundle_mib is not None
    assert 0 < cost.bundle_mib < 1
    assert cost.paragraphs_per_second is not None
    assert cost.paragraphs_per_second > 0
    assert cost.inference_peak_mib is not None
    assert cost.inference_peak_mib > 20  # no Python with numpy and scikit-learn takes less


@pytest.mark.usefixtures("project")
def test_a_model_that_cannot_be_measured_is_warned_of(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "propagate", True)
    examples = Examples.of(make_articles(3), LabelSet.of(LABELS))
    assert measure_inference(Path("absent"), examples) == (None, None)
    assert "speed and memory of absent could not be measured: textclf.errors.BundleError: no model at" in caplog.text


def test_every_pass_reads_other_texts() -> None:
    class Model:
        seen: list[list[str]] = []  # noqa: RUF012

        def predict_proba(self, texts: list[str], contexts: Any) -> None:
            del contexts
            self.seen.append(texts)

    model: Any = Model()
    assert costs_module.passes_per_second(model, ["a", "b"], None) > 0
    assert model.seen[0] == ["a 0", "b 0"]
    flat = [text for texts in model.seen for text in texts]
    assert len(set(flat)) == len(flat)


def test_a_mean_cost_is_over_those_that_were_measured() -> None:
    mean = mean_cost([Cost(training_seconds=2), Cost(training_seconds=4, bundle_mib=3), Cost(bundle_mib=None)])
    assert mean == Cost(training_seconds=3, bundle_mib=3)


def test_peak_memory_is_that_of_the_block() -> None:
    whole = process_peak()
    with peak_memory() as peak:
        before = peak()
        held = np.ones(60 * 2**20, dtype=np.uint8)
        after = peak()
        del held
    assert whole is not None
    if before is not None and after is not None:
        assert after >= before + 50


def test_peak_memory_is_not_told_where_it_cannot_be_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("textclf.memory.PROCESS", tmp_path)
    (tmp_path / "clear_refs").mkdir()  # cannot be written
    (tmp_path / "status").write_text("Name:\tx\nVmHWM:\t  2048 kB\n")
    with peak_memory() as peak:
        assert peak() is None
        (tmp_path / "status").write_text("VmHWM:\t4096 kB\n")
        assert peak() == 4


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Give a function that runs the command and returns exit code, stdout and stderr."""
    monkeypatch.setattr(log, "handlers", [])
    monkeypatch.setenv("COLUMNS", "100")

    def call(*arguments: str) -> tuple[int, str, str]:
        capfd.readouterr()
        log.handlers.clear()  # one made before writes to a stream that is gone
        with pytest.raises(SystemExit) as stopped:
            main(list(arguments))
        out, err = capfd.readouterr()
        return int(stopped.value.code or 0), out, err

    return call


@pytest.mark.usefixtures("project")
def test_the_command_ranks_says_what_is_alike_and_writes_it_all(run: Run) -> None:
    code, out, err = run(
        "compare", "poor.yaml", "good.yaml", "--seeds", "2", "--resamples", "100", "--json", "c.json", "--no-costs"
    )
    assert code == 0
    assert "training 4 of 4: good, seed 14, into runs/good-seed14" in err
    assert out.index("1 good") < out.index("2 poor")
    assert "good is distinguishable from the other" in out
    assert "share of variance from seeds" in out
    assert max(map(len, out.splitlines())) <= 100
    written = json.loads(Path("c.json").read_text())
    assert [each["model"] for each in written["leaderboards"][0]["standings"]] == ["good", "poor"]
    assert [row["model"] for row in written["rows"]] == [
        *("runs/poor", "runs/poor-seed14"),
        *("runs/good", "runs/good-seed14"),
    ]
    code, out, err = run("compare", "good.yaml", "good2.yaml", "--no-costs")
    assert code == 1
    assert "good2.yaml" in err


@pytest.mark.usefixtures("project")
def test_the_command_cross_validates(run: Run) -> None:
    code, out, err = run(
        "compare", "good.yaml", "poor.yaml", "--folds", "3", "--resamples", "100", "--baseline", "good"
    )
    assert code == 0
    assert "3 folds: 34 articles" in out
    assert "poor, seed 13: fold 3 of 3" in err
    assert not Path("runs/good").exists()
    code, out, err = run("compare", "good.yaml", "--folds", "3", "--data", "test.jsonl", "--resamples", "100")
    assert code == 0
    assert "3 folds: 16 articles" in out
    code, _, err = run("compare", "good.yaml", "--baseline", "god")
    assert code == 1
    assert "did you mean 'good'" in err


@pytest.mark.usefixtures("project")
def test_a_comparison_is_written_as_a_page_about_the_best_model(run: Run) -> None:
    code, _, err = run(
        "compare", "poor.yaml", "good.yaml", "--resamples", "100", "--report", "page.html", "--report", "page.md"
    )
    assert code == 0, err
    page, text = (Path(name).read_text(encoding="utf-8") for name in ("page.html", "page.md"))
    assert "Leaderboard" in page
    assert "paragraphs a second" in text
    assert text.index("| good") < text.index("| poor")
    assert "textclf compare poor.yaml good.yaml" in text
    code, _, err = run("compare", "good.yaml", "--folds", "3", "--report", "other.html")
    assert code == 1
    assert "leave out one of them" in err
