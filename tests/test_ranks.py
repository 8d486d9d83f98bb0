"""Several processes that train together end where one does, whatever the recipe and however unequal their shares."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from tests.conftest import LABELS, make_articles
from tests.models import TINY_OPTIONS, make_encoder
from tests.props import quick
from textclf.bundle import load_bundle
from textclf.config import load_config
from textclf.errors import TextclfError
from textclf.labels import LabelSet
from textclf.models.checkpoints import checkpoints_in
from textclf.models.epoch_hook import reporting_epochs
from textclf.models.finetuned import Finetuned, FinetunedOptions
from textclf.models.packed import Dropout, Part
from textclf.models.ranks import ALONE, Ranks, RanksError, joined_ranks, training_with
from textclf.records import Examples
from textclf.train import train
from textclf.train_together import train_together

pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # of forks

LABEL_SET = LabelSet.of(LABELS)
TRAINING, HELD_OUT = Examples.of(make_articles(7), LABEL_SET), Examples.of(make_articles(4, seed=1), LABEL_SET)
RECIPES: dict[str, dict[str, Any]] = {
    "plain": {},
    "every": {"ema_decay": 0.9, "r_drop": 0.5, "accumulate": 2, "dropout_samples": 2, "loss": "focal"},
    "uneven": {"batch_size": 5, "join_neighbours": 0.3, "strip_punctuation": 0.5, "loss": "balanced"},
    "padded": {"gradient_checkpointing": True, "freeze_embeddings": True, "loss": "asymmetric"},
    "tokens": {"batch_tokens": 40, "pooling": "mean", "layer_decay": 0.8},
}
TOLERANCE = 5e-6  # of weights, in float32, after two epochs
FAULTS = ["", "", "RanksError", "StoppedError"]


def fit(encoder: Path, **changes: Any) -> Finetuned:
    options = {**TINY_OPTIONS["finetuned"], "epochs": 2, "learning_rate": 1e-3, "patience": 9, **changes}
    model = Finetuned(LABEL_SET, FinetunedOptions(encoder=str(encoder), **options), seed=3)
    return model.fit(TRAINING.texts, TRAINING.targets, validation=(HELD_OUT.texts, HELD_OUT.targets))


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def together(world: int, act: Callable[[Ranks], None], *, join: bool = True) -> list[int]:
    """Run a function in so many processes, which have joined each other if asked; return how each ended.

    A fault of `FAULTS` ends a process with its place in there.
    """
    port = free_port()

    def begin(rank: int) -> None:
        given = {"RANK": rank, "WORLD_SIZE": world, "LOCAL_RANK": rank, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        os.environ.update({name: str(value) for name, value in given.items()})
        try:
            with joined_ranks() if join else nullcontext(ALONE) as ranks:
                act(ranks if join else Ranks(rank, world))
        except TextclfError as fault:
            os._exit(FAULTS.index(type(fault).__name__))

    processes = [multiprocessing.get_context("fork").Process(target=begin, args=(rank,)) for rank in range(world)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=300)
    return [-1 if process.exitcode is None else process.exitcode for process in processes]


def keep(model: Finetuned, folder: Path) -> None:
    save_file({name: v.contiguous().clone() for name, v in model.model.state_dict().items()}, folder / "weights")
    (folder / "info").write_text(json.dumps(model.info))


def check_same(whole: Finetuned, folder: Path) -> None:
    """Compare what `keep` wrote; biases of keys are left out, since they change nothing and are moved by rounding."""
    info = json.loads((folder / "info").read_text())
    curve, expected = ([epoch["loss"] for epoch in i["epochs"]] for i in (info, whole.info))
    np.testing.assert_allclose(curve, expected, atol=1e-4)  # four digits are kept of them
    assert info["best_epoch"] == whole.info["best_epoch"]
    found = load_file(folder / "weights")
    for name, value in whole.model.state_dict().items():
        if not name.endswith("key.bias"):
            torch.testing.assert_close(found[name], value, atol=TOLERANCE, rtol=0, msg=name)


def without_dropout(encoder: Path) -> Path:
    settings = json.loads((encoder / "config.json").read_text())
    settings |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (encoder / "config.json").write_text(json.dumps(settings))
    return encoder


@pytest.mark.parametrize(("recipe", "world"), [(name, 2) for name in sorted(RECIPES)] + [("uneven", 4)])
def test_several_processes_end_where_one_does(recipe: str, world: int, tmp_path: Path) -> None:
    encoder = make_encoder(tmp_path / "e")
    if recipe == "padded":  # whose dropout is the encoder's own, and draws by process
        without_dropout(encoder)
    whole = fit(encoder, **RECIPES[recipe])

    def act(ranks: Ranks) -> None:
        with training_with(ranks):
            model = fit(encoder, **RECIPES[recipe])
        if ranks.first:
            assert model.info["processes"] == world
            keep(model, tmp_path)

    assert together(world, act) == [0] * world
    check_same(whole, tmp_path)


def test_what_two_were_asked_to_stop_at_one_goes_on_with_and_the_other_way_round(tmp_path: Path) -> None:
    encoder = make_encoder(tmp_path / "e")
    whole = fit(encoder)

    def stopped(ranks: Ranks) -> None:
        with (
            training_with(ranks),
            checkpoints_in(tmp_path / "kept", keeps=ranks.first),
            reporting_epochs(lambda epoch, scores: None if ranks.first else os.kill(os.getpid(), signal.SIGTERM)),
        ):
            fit(encoder)

    def ended(ranks: Ranks) -> None:
        with training_with(ranks), checkpoints_in(tmp_path / "kept", keeps=ranks.first):
            model = fit(encoder)
        if ranks.first:
            keep(model, tmp_path)

    assert together(2, stopped) == [FAULTS.index("StoppedError")] * 2  # one was asked, both did
    (checkpoint,) = (tmp_path / "kept").glob("step-*")
    shutil.copytree(tmp_path / "kept", tmp_path / "again")
    assert together(3, ended) == [0, 0, 0]
    check_same(whole, tmp_path)
    assert not checkpoint.exists()
    with checkpoints_in(tmp_path / "again"):
        keep(fit(encoder), tmp_path)
    check_same(whole, tmp_path)


def test_when_one_is_killed_the_others_end_with_a_reason(tmp_path: Path) -> None:
    encoder = make_encoder(tmp_path / "e")

    def act(ranks: Ranks) -> None:
        with training_with(ranks), reporting_epochs(lambda epoch, scores: ranks.first or os._exit(99)):
            fit(encoder)

    assert together(2, act) == [FAULTS.index("RanksError"), 99]


def test_processes_that_read_other_settings_are_told(tmp_path: Path) -> None:
    encoder = make_encoder(tmp_path / "e")

    def act(ranks: Ranks) -> None:
        with training_with(ranks):
            fit(encoder, weight_decay=0.1 * ranks.rank)

    assert together(2, act) == [FAULTS.index("RanksError")] * 2


def make_config(folder: Path, kind: str, options: dict[str, Any]) -> Path:
    for seed, (name, n) in enumerate({"train": 7, "validation": 4}.items()):
        records = [{**a.to_json(), "article_id": f"{name}-{i}"} for i, a in enumerate(make_articles(n, seed=seed))]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    given = {
        "labels": list(LABELS),
        "data": {name: f"{folder}/{name}.jsonl" for name in ("train", "validation")},
        "model": {"kind": kind, "options": options},
        "evaluation": {"resamples": 100},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(given))
    return folder / "config.yaml"


def test_a_kind_that_does_not_share_is_trained_by_the_first(tmp_path: Path) -> None:
    config = load_config(make_config(tmp_path, "tfidf", TINY_OPTIONS["tfidf"]))

    def act(ranks: Ranks) -> None:
        result = train_together(config, out=tmp_path / "out")
        assert (result is not None) == ranks.first

    assert together(2, act, join=False) == [0, 0]
    assert tuple(load_bundle(tmp_path / "out").labels) == LABELS


def test_the_command_under_torchrun_gives_the_bundle_of_one_process(tmp_path: Path) -> None:
    options = {**TINY_OPTIONS["finetuned"], "epochs": 2, "encoder": str(make_encoder(tmp_path / "e"))}
    config = make_config(tmp_path, "finetuned", options)
    run = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m", "textclf"]
    given = ["train", str(config), "--out", str(tmp_path / "two")]
    done = subprocess.run([*run, *given], capture_output=True, text=True, check=False, cwd=Path(__file__).parent.parent)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("epoch epoch=2 ") == 1
    train(load_config(config), out=tmp_path / "one")
    one, two = load_bundle(tmp_path / "one"), load_bundle(tmp_path / "two")
    assert two.card["training"]["processes"] == 2
    np.testing.assert_allclose(one.predict_proba(HELD_OUT.texts), two.predict_proba(HELD_OUT.texts), atol=1e-4)
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith(".")) == []


def test_without_torchrun_a_process_is_alone() -> None:
    with joined_ranks() as ranks:
        assert ranks.alone
        assert ranks.share([3, 1, 2]).tolist() == [1, 2, 0]


def test_variables_that_lead_nowhere_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("MASTER_ADDR", raising=False)
    with pytest.raises(RanksError, match="start them with torchrun"), joined_ranks():
        pass


@quick
@given(st.lists(st.integers(1, 9), min_size=1, max_size=12), st.integers(1, 5), st.integers(0, 2**32))
def test_every_text_is_of_one_process_and_its_dropout_does_not_hang_on_which(
    lengths: list[int], world: int, seed: int
) -> None:
    starts, order = np.cumsum([0, *sorted(lengths)]), np.argsort(lengths, kind="stable")
    of_tokens, of_texts = torch.ones(int(starts[-1]), 4), torch.ones(len(lengths), 4)
    whole = Dropout(np.random.default_rng(seed), 0.5)
    tokens, texts = whole(of_tokens), whole(of_texts)
    shares = [Ranks(rank, world).share(lengths) for rank in range(world)]
    assert sorted(np.concatenate(shares).tolist()) == list(range(len(lengths)))
    for own in shares:
        if not len(own):
            continue
        part = Part.of(lengths, own)
        assert order[part.texts].tolist() == own.tolist()
        drawn = Dropout(np.random.default_rng(seed), 0.5, part)
        assert torch.equal(drawn(of_tokens[part.tokens]), tokens[part.tokens])
        if len(part.tokens) > len(own):  # where every text is one token, both are drawn as tokens are
            assert torch.equal(drawn(of_texts[part.texts]), texts[part.texts])
