"""A training that is killed or stopped goes on from its newest whole checkpoint, the same to the last bit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.conftest import LABELS, make_articles
from tests.models import TINY_OPTIONS, make_encoder
from textclf.labels import LabelSet
from textclf.models.checkpoints import Checkpoints, StoppedError, checkpoints_in, current_checkpoints
from textclf.models.epoch_hook import reporting_epochs
from textclf.models.finetuned import Finetuned, FinetunedOptions
from textclf.records import Examples

LABEL_SET = LabelSet.of(LABELS)
TRAINING, HELD_OUT = Examples.of(make_articles(8), LABEL_SET), Examples.of(make_articles(4, seed=1), LABEL_SET)
RECIPES: dict[str, dict[str, Any]] = {
    "plain": {},
    "average": {"ema_decay": 0.9, "r_drop": 0.5, "accumulate": 2, "layer_decay": 0.8, "dropout_samples": 2},
    "augmented": {"join_neighbours": 0.3, "strip_punctuation": 0.5, "batch_tokens": 64, "schedule": "cosine"},
    "padded": {"gradient_checkpointing": True, "freeze_embeddings": True},
}


def _fit(encoder: Path, **changes: Any) -> Finetuned:
    options = {**TINY_OPTIONS["finetuned"], "epochs": 3, "learning_rate": 1e-3, "patience": 9, **changes}
    model = Finetuned(LABEL_SET, FinetunedOptions(encoder=str(encoder), **options), seed=3)
    return model.fit(TRAINING.texts, TRAINING.targets, validation=(HELD_OUT.texts, HELD_OUT.targets))


class Killed(BaseException):
    """What stands for a kill inside a process."""


def _killed_at(monkeypatch: pytest.MonkeyPatch, step: int, folder: Path, encoder: Path, **changes: Any) -> None:
    """Train until so many checkpoints were kept, then die."""
    save, count = Checkpoints.save, iter(range(1_000))

    def dying(self: Checkpoints, *given: Any) -> None:
        save(self, *given)
        if next(count) + 1 == step:
            raise Killed

    def train() -> None:
        with checkpoints_in(folder, every=0.0):
            _fit(encoder, **changes)

    with monkeypatch.context() as patched:
        patched.setattr(Checkpoints, "save", dying)
        with pytest.raises(Killed):
            train()


@pytest.mark.parametrize("recipe", sorted(RECIPES))
def test_what_goes_on_is_the_same_to_the_last_bit(recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = make_encoder(tmp_path / "e")
    whole = _fit(encoder, **RECIPES[recipe])
    n_steps = 0
    for step in (1, 2, 1):
        _killed_at(monkeypatch, step, tmp_path / "kept", encoder, **RECIPES[recipe])
        n_steps = max(n_steps, *(int(f.name.removeprefix("step-")) for f in (tmp_path / "kept").glob("step-*")))
    with checkpoints_in(tmp_path / "kept", every=1e9):
        again = _fit(encoder, **RECIPES[recipe])
    assert n_steps == 4
    assert not (tmp_path / "kept").exists()  # done: nothing is left
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[name]), name
    for one, other in zip(whole.info["epochs"], again.info["epochs"], strict=True):
        assert {k: v for k, v in one.items() if k != "seconds"} == {k: v for k, v in other.items() if k != "seconds"}


@pytest.mark.parametrize("harm", ["cut", "changed", "lost"])
def test_of_a_damaged_newest_checkpoint_the_one_before_is_taken(
    harm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    encoder = make_encoder(tmp_path / "e")
    whole = _fit(encoder)
    _killed_at(monkeypatch, 4, tmp_path / "kept", encoder)
    newest = tmp_path / "kept" / "step-00000004"
    tensors = newest / "tensors.safetensors"
    if harm == "cut":
        tensors.write_bytes(tensors.read_bytes()[:-100])
    elif harm == "changed":
        (newest / "state.json").write_text((newest / "state.json").read_text().replace('"step": 4', '"step": 9'))
    else:
        tensors.unlink()
    with caplog.at_level("INFO", logger="textclf"), checkpoints_in(tmp_path / "kept", every=1e9):
        again = _fit(encoder)
    assert "checkpoint step-00000004 is damaged" in caplog.text
    assert "going on from a checkpoint: epoch 1, step 3" in caplog.text
    assert torch.equal(whole.model.classifier.weight, again.model.classifier.weight)


def test_a_training_with_other_settings_or_data_begins_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    encoder = make_encoder(tmp_path / "e")
    whole = _fit(encoder, weight_decay=0.5)
    _killed_at(monkeypatch, 4, tmp_path / "kept", encoder)
    with caplog.at_level("INFO", logger="textclf"), checkpoints_in(tmp_path / "kept", every=1e9):
        again = _fit(encoder, weight_decay=0.5)
    assert "of a training with other settings or data" in caplog.text
    assert torch.equal(whole.model.classifier.weight, again.model.classifier.weight)


def test_two_are_kept_and_a_full_disk_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    kept = Checkpoints(tmp_path / "kept")
    for step in (1, 2, 3):
        kept.save(step, {"a": torch.full((2,), float(step))}, {"training": "one"})
    assert sorted(f.name for f in kept.folder.iterdir()) == ["step-00000002", "step-00000003"]
    found = kept.newest("one")
    assert found is not None
    assert found[0]["a"].tolist() == [3.0, 3.0]
    monkeypatch.setattr("shutil.disk_usage", lambda place: type("Usage", (), {"free": 10}))
    with caplog.at_level("WARNING", logger="textclf"):
        kept.save(4, {"a": torch.zeros(1_000)}, {"training": "one"})
    assert "no checkpoint at step 4" in caplog.text
    assert kept.newest("two") is None
    assert list(kept.folder.iterdir()) == []  # those of another training are of no use


def test_asked_to_stop_it_keeps_what_it_did_and_goes_on_later(tmp_path: Path) -> None:
    encoder = make_encoder(tmp_path / "e")
    whole = _fit(encoder)

    def train() -> None:
        with checkpoints_in(tmp_path / "kept"), reporting_epochs(lambda epoch, scores: _terminate()):
            _fit(encoder)

    with pytest.raises(StoppedError, match="the same command goes on"):
        train()
    assert current_checkpoints() is None
    with checkpoints_in(tmp_path / "kept"):
        again = _fit(encoder)
    assert torch.equal(whole.model.classifier.weight, again.model.classifier.weight)


def _terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_where_nothing_keeps_checkpoints_being_asked_to_stop_stops(tmp_path: Path) -> None:
    with pytest.raises(StoppedError, match="keeps no checkpoints"), checkpoints_in(tmp_path / "kept"):
        _terminate()


SCRIPT = """
import sys
from pathlib import Path
import tests.test_checkpoints as t
from textclf.models.checkpoints import checkpoints_in
with checkpoints_in(Path(sys.argv[2]), every=0.0):
    model = t._fit(Path(sys.argv[1]))
    model.save(Path(sys.argv[3]))
"""


def test_killed_at_any_moment_it_ends_at_the_same_weights(tmp_path: Path) -> None:
    encoder = make_encoder(tmp_path / "e")
    whole, rng, kills = _fit(encoder), np.random.default_rng(5), 0
    arguments = [sys.executable, "-c", SCRIPT, str(encoder), str(tmp_path / "kept"), str(tmp_path / "out")]
    (tmp_path / "out").mkdir()
    for _ in range(12):
        child = subprocess.Popen(arguments, cwd=Path(__file__).parent.parent, stderr=subprocess.DEVNULL)
        while kills < 4 and child.poll() is None and not list((tmp_path / "kept").glob("*step-*")):
            time.sleep(0.01)
        if kills < 4:
            time.sleep(float(rng.uniform(0, 0.25)))
            child.send_signal(signal.SIGKILL)
            kills += child.wait() == -signal.SIGKILL
        elif child.wait() == 0:
            break
    assert (tmp_path / "out" / "model.safetensors").is_file()
    loaded = Finetuned.load(tmp_path / "out", LABEL_SET, whole.options, seed=3)
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, loaded.model.state_dict()[name]), name
