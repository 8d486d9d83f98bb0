"""Pretraining: whole words are hidden, the loss falls, what was killed goes on, and what is written is an encoder."""

from __future__ import annotations

import json
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
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import FILLER, LABELS, WORDS, make_articles
from tests.models import TINY_OPTIONS, make_encoder
from tests.props import quick
from textclf.cli import main
from textclf.errors import ConfigError, DataError, ModelError, TextclfError
from textclf.labels import LabelSet
from textclf.models.checkpoints import Checkpoints
from textclf.models.encoders import find_encoder, is_mean_pooled, load_tokenizer
from textclf.models.finetuned import Finetuned, FinetunedOptions
from textclf.models.masked_encoder import open_masked
from textclf.models.masked_language import MaskedSettings, MaskedTraining
from textclf.models.masked_loss import Asked, ask, packed_losses, padded_losses
from textclf.models.packed import Dropout
from textclf.models.token_stream import CutRows, TokenStream
from textclf.models.whole_words import IGNORED, mask_words, word_beginnings
from textclf.pretrain import CARD, PretrainingResult, part, perplexity, pretrain
from textclf.records import Examples

LABEL_SET = LabelSet.of(LABELS)
QUICK: dict[str, Any] = {"batch_tokens": 128, "max_length": 32, "precision": "float32", "held_out": 0.2, "seed": 5}


def make_maskable(folder: Path, *, pooled: bool = True) -> Path:
    """Write a tiny encoder whose tokenizer has a mask token; it says that it is mean-pooled."""
    from transformers import AutoModel, AutoTokenizer

    make_encoder(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_special_tokens({"mask_token": "[MASK]"})
    tokenizer.save_pretrained(folder)
    model = AutoModel.from_pretrained(folder)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    model.save_pretrained(folder)
    if pooled:
        (folder / "1_Pooling").mkdir()
        (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode_mean_tokens": true}')
        modules = [{"path": "", "type": "Transformer"}, {"path": "1_Pooling", "type": "Pooling"}]
        (folder / "modules.json").write_text(json.dumps(modules))
    return folder


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_maskable(tmp_path_factory.mktemp("maskable") / "encoder")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a few articles, as text and as labelled JSON Lines; all say the same few things."""
    folder = tmp_path_factory.mktemp("corpus")
    lines, rng = [*WORDS.values(), *FILLER], np.random.default_rng(0)
    for number in range(12):
        text = "\n\n".join(f"{lines[i]}." for i in rng.integers(len(lines), size=6))
        (folder / f"article-{number}.txt").write_text(f"Headline {number}\n\n{text}\n")
    labelled = "".join(json.dumps(article.to_json()) + "\n" for article in make_articles(4))
    (folder / "labelled.jsonl").write_text(labelled)
    (folder / "notes.docx").write_text("not read")
    return folder


def run(encoder: Path, corpus: Path, out: Path, **changes: Any) -> PretrainingResult:
    settings = MaskedSettings(**{**QUICK, "epochs": 2, **changes})
    return pretrain(str(encoder), [corpus], out=out, settings=settings)


def weights(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return dict(load_file(folder / "model.safetensors"))


# Words


words_of_sizes = st.lists(st.tuples(st.integers(1, 6), st.booleans()), min_size=1, max_size=60)


@quick
@given(words_of_sizes, st.floats(0.05, 0.6), st.integers(0, 2**31))
def test_words_are_hidden_whole_in_the_share_asked_for_and_special_tokens_never(
    sizes: list[tuple[int, bool]], share: float, seed: int
) -> None:
    words = np.concatenate([np.full(size, -1 if special else number) for number, (size, special) in enumerate(sizes)])
    ids = np.arange(100, 100 + len(words))
    rng = np.random.default_rng(seed)
    shown, labels = mask_words(ids, words, share=share, rng=rng, mask=7, others=np.array([8, 9]))
    asked = labels != IGNORED
    assert not asked[words < 0].any()
    for number in range(len(sizes)):
        assert asked[words == number].all() or not asked[words == number].any()
    assert (labels[asked] == ids[asked]).all()
    assert (shown[~asked] == ids[~asked]).all()
    assert np.isin(shown[asked], [7, 8, 9, *ids[asked]]).all()
    able = int((words >= 0).sum())
    if able:
        longest = max(size for size, special in sizes if not special)
        assert asked.any()
        assert abs(asked.sum() - share * able) <= longest / 2 + 0.5 or len(set(words[asked])) == 1


def test_of_ten_hidden_tokens_eight_are_masks_one_is_another_and_one_stays() -> None:
    ids, rng = np.full(60_000, 50), np.random.default_rng(0)
    shown, labels = mask_words(ids, np.arange(60_000), share=0.5, rng=rng, mask=7, others=np.array([8, 9]))
    asked = shown[labels != IGNORED]
    assert len(asked) == 30_000
    for token, share in ((7, 0.8), (50, 0.1), (8, 0.05), (9, 0.05)):
        assert (asked == token).mean() == pytest.approx(share, abs=0.01)


def test_where_nothing_can_be_hidden_nothing_is() -> None:
    ids = np.array([1, 2])
    shown, labels = mask_words(
        ids, np.array([-1, -1]), share=0.5, rng=np.random.default_rng(0), mask=7, others=np.array([8])
    )
    assert shown.tolist() == [1, 2]
    assert labels.tolist() == [IGNORED, IGNORED]


def test_a_word_begins_where_the_tokenizer_or_white_space_says(encoder: Path) -> None:
    from tokenizers import Tokenizer, models

    tokenizer = load_tokenizer(encoder, max_length=32).backend_tokenizer
    text = "mayor, rain fell"
    found = tokenizer.encode(text, add_special_tokens=False)
    assert found.tokens == ["m", "##a", "##y", "##o", "##r", ",", "rain", "fell"]
    assert word_beginnings(text, found).tolist() == [True, *[False] * 4, True, True, True]
    letters = Tokenizer(models.BPE({"a": 0, "b": 1, " ": 2}, []))  # it parts a text into no words
    text = "ab ba"
    assert word_beginnings(text, letters.encode(text)).tolist() == [True, False, True, True, False]


# Rows


def stream_of(encoder: Path, articles: list[list[str]], *, length: int) -> tuple[CutRows, TokenStream, Any]:
    tokenizer = load_tokenizer(encoder, max_length=length)
    stream = TokenStream.of(tokenizer, articles)
    return CutRows(stream, tokenizer), stream, tokenizer


@quick
@given(st.lists(st.lists(st.sampled_from([*FILLER, "mayor", "rain"]), min_size=1, max_size=4), min_size=1, max_size=6))
def test_rows_hold_every_token_once_and_no_word_that_their_edge_cuts_can_be_hidden(
    encoder: Path, articles: list[list[str]]
) -> None:
    cut, stream, tokenizer = stream_of(encoder, articles, length=8)
    rows = [cut.row(number) for number in range(len(cut))]
    assert all(len(row["input_ids"]) == 8 for row, _ in rows[:-1])
    tokens = [token for row, _ in rows for token in row["input_ids"][1:-1]]
    assert len(tokens) == len(stream.ids) + len(articles) - 1
    assert [t for t in tokens if t != tokenizer.sep_token_id] == stream.ids.tolist()
    seen: dict[int, int] = {}
    for number, (row, words) in enumerate(rows):
        special = np.isin(row["input_ids"], tokenizer.all_special_ids)
        assert (words[special] == -1).all()
        for word in set(words[words >= 0].tolist()):
            assert seen.setdefault(word, number) == number  # a word stands in one row
            assert (words == word).sum() == (cut.words == word).sum()  # with all its tokens


def test_an_article_without_a_token_is_left_out_and_articles_can_be_taken(encoder: Path) -> None:
    _, stream, tokenizer = stream_of(encoder, [["rain fell"], ["\u200b"], ["the town", "an old mill"]], length=16)
    assert len(stream) == 2
    other = stream.take(np.array([1, 0]))
    assert tokenizer.decode(other.ids) == "the town an old mill rain fell"
    assert other.bounds.tolist() == [0, 5, 7]


def test_at_least_one_article_is_held_out_and_one_learnt_from(encoder: Path) -> None:
    _, stream, _ = stream_of(encoder, [["rain fell"], ["the town"], ["an old mill"]], length=16)
    for share, expected in ((0.01, 1), (0.34, 1), (0.5, 2)):
        learnt, held_out = part(stream, share=share, seed=0)
        assert (len(learnt), len(held_out)) == (3 - expected, expected)


# The loss


def _asked(encoder: Path, *, roberta: bool = False) -> tuple[Any, Any, Asked]:
    tokenizer = load_tokenizer(encoder, max_length=24)
    if roberta:
        import transformers

        config = transformers.RobertaConfig(
            vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64
        )
        config.update({"max_position_embeddings": 66, "pad_token_id": tokenizer.pad_token_id})
        torch.manual_seed(0)
        model = transformers.RobertaForMaskedLM(config).eval()
        tokenizer.model_input_names = ["input_ids", "attention_mask"]
    else:
        model = open_masked(encoder, tokenizer, seed=0, allow_bin=False)[0].eval()
    cut = CutRows(TokenStream.of(tokenizer, [[*WORDS.values()], [*FILLER], ["mayor"]]), tokenizer)
    rng, others = np.random.default_rng(0), np.arange(5, 40)
    return model, tokenizer, ask(cut, range(len(cut)), tokenizer, share=0.3, others=others, rng=rng)


@pytest.mark.parametrize("roberta", [False, True])
def test_the_loss_without_padding_is_the_padded_loss_and_has_its_gradients(roberta: bool, encoder: Path) -> None:
    model, tokenizer, asked = _asked(encoder, roberta=roberta)
    assert len({len(row["input_ids"]) for row in asked.rows}) == 2  # the last one is shorter
    dropout = Dropout(np.random.default_rng(0), 0.0)
    found, gradients = [], []
    for losses in (
        packed_losses(model, asked, dtype=torch.float32, dropout=dropout),
        padded_losses(model, tokenizer, asked, bf16=False),
    ):
        model.zero_grad()
        losses.mean().backward()
        found.append(losses.detach().mean())
        gradients.append({n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None})
    torch.testing.assert_close(found[0], found[1], atol=1e-5, rtol=1e-5)
    assert set(gradients[0]) == set(gradients[1])
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, atol=1e-5, rtol=1e-3, msg=name)


def test_the_loss_falls_and_all_but_a_pooler_moves(encoder: Path, corpus: Path, tmp_path: Path) -> None:
    result = run(encoder, corpus, tmp_path / "out", epochs=40, learning_rate=5e-3)
    assert result.after < result.before - 0.1
    before, after = weights(encoder), weights(result.path)
    assert set(before) == set(after)
    for name, value in before.items():
        assert torch.equal(value, after[name]) == name.startswith("pooler"), name
    losses = [mark["held_out_loss"] for mark in result.info["training"]["history"]]
    assert losses[-1] == result.after


def test_a_new_head_learns_alone_at_first(encoder: Path, corpus: Path, tmp_path: Path) -> None:
    tokenizer = load_tokenizer(encoder, max_length=32)
    model, fresh = open_masked(encoder, tokenizer, seed=0, allow_bin=False)
    assert fresh
    stream = TokenStream.of(tokenizer, [[*FILLER] * 4, [*WORDS.values()] * 4, [*FILLER]])
    learnt, held_out = part(stream, share=0.3, seed=0)
    settings = MaskedSettings(**{**QUICK, "steps": 20})
    training = MaskedTraining(model, tokenizer, learnt, held_out, settings, fresh_head=True, name="")
    assert training.n_head_steps == 2
    body = {name: value.clone() for name, value in model.base_model.state_dict().items()}
    head = model.cls.predictions.transform.dense.weight.clone()
    for step in range(3):
        training._step(np.array([0]), step, step)
        same = all(torch.equal(value, body[name]) for name, value in model.base_model.state_dict().items())
        assert same == (step < 2)
    assert not torch.equal(head, model.cls.predictions.transform.dense.weight)
    model.save_pretrained(tmp_path / "whole")
    tokenizer.save_pretrained(tmp_path / "whole")
    assert not open_masked(tmp_path / "whole", tokenizer, seed=0, allow_bin=False)[1]  # it has a head now


def test_an_architecture_that_cannot_be_packed_runs_padded(corpus: Path, encoder: Path, tmp_path: Path) -> None:
    import shutil

    import transformers

    tokenizer = load_tokenizer(encoder, max_length=64)
    shutil.copytree(encoder, tmp_path / "e")
    config = transformers.DistilBertConfig(vocab_size=len(tokenizer), dim=16, n_layers=1, n_heads=2, hidden_dim=16)
    torch.manual_seed(0)
    transformers.DistilBertModel(config).save_pretrained(tmp_path / "e")
    result = run(tmp_path / "e", corpus, tmp_path / "out", steps=3)
    assert not result.info["training"]["packed"]
    assert np.isfinite(result.after)
    assert set(weights(result.path)) == set(weights(tmp_path / "e"))


def test_minutes_bound_the_training_and_the_rate_falls_with_them(
    encoder: Path, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 1_000_000, 6))  # every look at the clock is six seconds on
    monkeypatch.setattr("textclf.models.masked_language.time.perf_counter", lambda: float(next(clock)))
    result = run(encoder, corpus, tmp_path / "out", steps=100_000, max_minutes=1.0)
    assert 5 <= result.info["training"]["steps"] <= 15
    assert result.info["training"]["steps_planned"] == 100_000
    ways = [mark["way"] for mark in result.info["training"]["history"]]
    assert ways == sorted(ways)
    alone = next(mark for mark in result.info["training"]["history"] if mark["way"] >= 10_000)  # a new head's share
    assert 0 < alone["step"] < 5
    assert result.before == alone["held_out_loss"]


# Stopping


def test_killed_at_any_moment_it_ends_at_the_same_weights(encoder: Path, corpus: Path, tmp_path: Path) -> None:
    whole = run(encoder, corpus, tmp_path / "whole", epochs=3)
    arguments = [sys.executable, "-c", SCRIPT, str(encoder), str(corpus), str(tmp_path / "out")]
    kept, rng, kills = tmp_path / ".out.checkpoints", np.random.default_rng(5), 0
    for _ in range(8):
        child = subprocess.Popen(arguments, cwd=Path(__file__).parent.parent, stderr=subprocess.DEVNULL)
        had = {f.name for f in kept.glob("step-*")}
        while kills < 2 and child.poll() is None and not {f.name for f in kept.glob("step-*")} - had:
            time.sleep(0.005)
        if kills < 2:
            time.sleep(float(rng.uniform(0, 0.1)))
            child.send_signal(signal.SIGKILL)
            kills += child.wait() == -signal.SIGKILL
            assert not (tmp_path / "out").exists() or (tmp_path / "out" / CARD).is_file()
        elif child.wait() == 0:
            break
    assert kills == 2
    assert not kept.exists()
    for name, value in weights(whole.path).items():
        assert torch.equal(value, weights(tmp_path / "out")[name]), name
    assert not list(tmp_path.glob("*.partial"))


SCRIPT = """
import sys
from pathlib import Path
import textclf.pretrain
import tests.test_pretrain as t
from textclf.models.checkpoints import checkpoints_in
textclf.pretrain.checkpoints_in = lambda folder: checkpoints_in(folder, every=0.0)
t.run(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), epochs=3)
"""


def test_asked_to_stop_it_keeps_what_it_did_and_goes_on_later(
    encoder: Path, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = run(encoder, corpus, tmp_path / "whole")
    step = MaskedTraining._step

    def asked_to_stop(self: MaskedTraining, numbers: np.ndarray, number: int, at: int) -> None:
        step(self, numbers, number, at)
        if number == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    options = [f"--{name.replace('_', '-')}={value}" for name, value in {**QUICK, "epochs": 2}.items()]
    arguments = ["pretrain", str(encoder), str(corpus), f"--out={tmp_path / 'out'}", *options]
    with monkeypatch.context() as patched:
        patched.setattr(MaskedTraining, "_step", asked_to_stop)
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
    assert stopped.value.code == 143
    assert "asked to stop after step 4" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert not ended.value.code
    assert "perplexity" in capsys.readouterr().out
    for name, value in weights(whole.path).items():
        assert torch.equal(value, weights(tmp_path / "out")[name]), name


def test_a_checkpoint_of_other_text_or_settings_is_not_gone_on_with(
    encoder: Path, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Checkpoints, "due", lambda self: True)
    with monkeypatch.context() as patched:
        patched.setattr(MaskedTraining, "held_out_loss", lambda self: 1 / 0 if self.progress.step else 1.0)
        with pytest.raises(ZeroDivisionError):
            run(encoder, corpus, tmp_path / "out", steps=20)
    assert list((tmp_path / ".out.checkpoints").glob("step-*"))
    with caplog.at_level("INFO", logger="textclf"):
        run(encoder, corpus, tmp_path / "out", steps=20, mask=0.3)
    assert "of a training with other settings or data" in caplog.text


def test_a_loss_that_is_no_number_ends_it_with_advice(
    encoder: Path, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "textclf.models.masked_language.packed_losses",
        lambda model, *given, **named: sum(p.sum() for p in model.parameters()).view(1) * float("nan"),
    )
    with pytest.raises(ModelError, match="Lower --learning-rate"):
        run(encoder, corpus, tmp_path / "out", steps=2)
    assert not (tmp_path / "out").exists()


# What is written


def test_what_is_written_is_an_encoder_for_transformers_and_for_a_config(
    encoder: Path, corpus: Path, tmp_path: Path
) -> None:
    from transformers import AutoModel, AutoTokenizer

    result = run(encoder, corpus, tmp_path / "out", steps=4)
    assert find_encoder(str(result.path)) == result.path
    assert is_mean_pooled(result.path)
    model, tokenizer = AutoModel.from_pretrained(result.path), AutoTokenizer.from_pretrained(result.path)
    assert (result.path / "tokenizer.json").read_bytes() == (encoder / "tokenizer.json").read_bytes()
    assert model(**tokenizer("rain fell", return_tensors="pt")).last_hidden_state.shape[-1] == 32
    examples = Examples.of(make_articles(8), LABEL_SET)
    options = FinetunedOptions(encoder=str(result.path), **{**TINY_OPTIONS["finetuned"], "epochs": 1})
    finetuned = Finetuned(LABEL_SET, options, seed=3).fit(examples.texts, examples.targets)
    assert finetuned.aligns  # it was mean-pooled and still is
    card = json.loads((result.path / CARD).read_text())
    assert card["data"]["articles"] + card["data"]["held_out_articles"] == 16
    assert "shells" not in (result.path / CARD).read_text()  # never the text


def test_an_encoder_without_a_pooling_folder_gets_none(corpus: Path, tmp_path: Path) -> None:
    result = run(make_maskable(tmp_path / "e", pooled=False), corpus, tmp_path / "out", steps=1)
    assert not is_mean_pooled(result.path)


def test_an_older_one_is_replaced_and_anything_else_is_left_alone(encoder: Path, corpus: Path, tmp_path: Path) -> None:
    run(encoder, corpus, tmp_path / "out", steps=1)
    again = run(encoder, corpus, tmp_path / "out", steps=2)
    assert again.info["training"]["steps"] == 2
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    with pytest.raises(ModelError, match=r"holds thesis\.txt beside the encoder"):
        run(encoder, corpus, tmp_path / "out", steps=1)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("mine")
    with pytest.raises(ModelError, match="is no encoder of textclf pretrain"):
        run(encoder, corpus, tmp_path / "other", steps=1)
    with pytest.raises(ModelError, match="lies within"):
        run(encoder, corpus, corpus / "out", steps=1)


def test_copies_of_an_article_are_read_once(encoder: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name, text in {"a": "rain fell on the market", "b": "rain fell on the market", "c": "an old mill"}.items():
        (tmp_path / "in" / f"{name}.txt").write_text(f"{text} all week long and on.\n")
    result = run(encoder, tmp_path / "in", tmp_path / "out", steps=1)
    assert result.n_articles + result.n_held_out == 2


# Mistakes


@pytest.mark.parametrize(
    ("files", "kind", "told"),
    [
        ({}, DataError, "there is no paragraph in"),
        ({"a.txt": "Rain fell on the market all week, and the town has an old mill.\n"}, DataError, "only one article"),
        ({"a.csv": "text\n☃ ☃\n☃ ☃ ☃\n"}, DataError, "no word that the encoder knows"),
        ({"a.csv": "words\nrain\n"}, DataError, "no column `text`"),
    ],
)
def test_text_that_will_not_do_is_told(
    files: dict[str, str], kind: type[TextclfError], told: str, encoder: Path, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    for name, text in files.items():
        (tmp_path / "in" / name).write_text(text)
    with pytest.raises(kind, match=told):
        run(encoder, tmp_path / "in", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_encoder_without_a_mask_token_is_told(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no mask token, so no word can be hidden"):
        run(make_encoder(tmp_path / "e"), corpus, tmp_path / "out")


def test_a_tokenizer_that_must_be_converted_says_which_extra_does_it(
    corpus: Path, encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    def cannot(*given: Any, **named: Any) -> None:
        raise ImportError("sentencepiece is not there")

    shutil.copytree(encoder, tmp_path / "e")
    (tmp_path / "e" / "tokenizer.json").rename(tmp_path / "e" / "spm.model")
    monkeypatch.setattr("transformers.AutoTokenizer.from_pretrained", cannot)
    with pytest.raises(ModelError, match=r"textclf\[sentencepiece\]"):
        run(tmp_path / "e", corpus, tmp_path / "out")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"steps": 0}, "steps must be 1 or more; given: 0"),
        ({"mask": 1.5}, "mask must be between 0 and 1"),
        ({"held_out": 0.0}, "held_out must be above 0"),
        ({"precision": "half", "epochs": 0}, r"(?s)epochs must be.*precision must be"),
        ({"learning_rate": -1.0}, "learning_rate must be above 0"),
    ],
)
def test_settings_are_checked(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        MaskedSettings(**changes)


def test_steps_and_epochs_exclude_each_other(encoder: Path, corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["pretrain", str(encoder), str(corpus), "--out", "x", "--steps", "1", "--epochs", "1"])
    assert stopped.value.code == 1
    assert "not both" in capsys.readouterr().err


def test_perplexity_of_a_hopeless_loss_is_infinite() -> None:
    assert perplexity(np.log(8)) == pytest.approx(8)
    assert perplexity(1e4) == float("inf")
