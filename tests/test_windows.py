"""Long texts are read in overlapping windows, for every family of tokenizer; a context stands in each of them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import LABELS, make_articles
from tests.models import TINY_OPTIONS, make_encoder
from tests.props import quick
from textclf.labels import LabelSet
from textclf.models.batching import WINDOW
from textclf.models.encoders import load_tokenizer
from textclf.models.finetuned import Finetuned, FinetunedOptions
from textclf.models.frozen_encoder import FrozenEncoder, FrozenEncoderOptions
from textclf.models.windows import (
    PASS_CHARACTERS,
    _starts,
    count_windows,
    passes,
    pool_windows,
    tokenize,
    windows_of,
)
from textclf.records import MAX_CHARACTERS, Examples

LABEL_SET = LabelSet.of(LABELS)
WORDS = "shells fell near the bridge while gunmen fired at soldiers"


def _roberta(folder: Path) -> None:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: i for i, token in enumerate(["<s>", "<pad>", "</s>", "<unk>", *letters])}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    names = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names, model_max_length=512)
    wrapped.model_input_names = ["input_ids", "attention_mask"]
    wrapped.save_pretrained(folder)


def _with_template(pair: str, single: str = "[CLS] $A [SEP]") -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        from tokenizers import processors
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(make_encoder(folder))
        tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
            single=single, pair=pair, special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
        )
        if ":1" in pair:
            tokenizer.model_input_names = ["input_ids", "token_type_ids", "attention_mask"]
        tokenizer.save_pretrained(folder)

    return make


FAMILIES = {
    "bert": _with_template("[CLS] $A [SEP] $B:1 [SEP]:1"),
    "roberta": _roberta,
    "modernbert": _with_template("[CLS]:0 $A:0 [SEP]:0 $B:0 [SEP]:0"),
    "xlnet": _with_template("$A:0 [SEP]:0 $B:1 [SEP]:1 [CLS]:2", "$A:0 [SEP]:0 [CLS]:2"),
}


@pytest.fixture(scope="module", params=sorted(FAMILIES))
def tokenizer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp(request.param)
    FAMILIES[request.param](folder)
    return load_tokenizer(folder, max_length=64)


TEXTS = ["shells fell near the bridge", "", "Syria's “mill”, 2024.", "صحيفة النهار"]
CONTEXTS = ["the town", "the mill.", "", "وصل"]


def test_a_text_that_fits_is_tokenized_as_transformers_does(tokenizer: Any) -> None:
    for theirs, ours in (
        (tokenizer(list(TEXTS)), tokenize(tokenizer, TEXTS)),
        (tokenizer(TEXTS[:2], CONTEXTS[:2]), tokenize(tokenizer, TEXTS[:2], CONTEXTS[:2])),
    ):
        assert [set(row) for row in ours] == [set(theirs)] * len(ours)
        for name, values in theirs.items():
            assert [row[name] for row in ours] == values


@pytest.mark.parametrize("context", [None, "an old mill"])
def test_windows_are_those_of_the_tokenizer_itself_but_for_the_last(tokenizer: Any, context: str | None) -> None:
    text = f"{WORDS} " * 30
    contexts = None if context is None else [context]
    rows, owners = windows_of(tokenizer, [text], contexts, long_texts="max", overlap=10)
    settings = {"truncation": "only_first", "max_length": 64, "stride": 10, "return_overflowing_tokens": True}
    theirs = tokenizer(*([text] if context is None else [text, context]), **settings)["input_ids"]
    assert len(rows) == len(theirs) == len(owners)
    assert [row["input_ids"] for row in rows[:-1]] == theirs[:-1]
    assert {len(row["input_ids"]) for row in rows} == {64}


def test_no_row_is_longer_than_the_model_reads(tokenizer: Any) -> None:
    rows, _ = windows_of(tokenizer, [WORDS * 40] * 3, ["", WORDS, WORDS * 40], long_texts="max", overlap=60)
    assert max(len(row["input_ids"]) for row in rows) == 64


def test_of_a_long_context_the_end_is_read_and_a_third_of_the_row_at_most(tokenizer: Any) -> None:
    (long,) = tokenize(tokenizer, ["the mill"], [f"{'garden ' * 100}bridge"])
    (short,) = tokenize(tokenizer, ["the mill"])
    kept = len(long["input_ids"]) - len(short["input_ids"])
    assert 21 <= kept <= 21 + 2  # the special tokens of a pair besides
    end = tokenizer("bridge", add_special_tokens=False)["input_ids"]
    assert str(end)[1:-1] in str(long["input_ids"])


def test_a_window_does_not_depend_on_its_neighbours(tokenizer: Any) -> None:
    texts, contexts = [WORDS * 9, "", "the mill", WORDS * 3], ["the town", "", WORDS * 9, ""]
    together, owners = windows_of(tokenizer, texts, contexts, long_texts="max", overlap=8)
    for number, (text, context) in enumerate(zip(texts, contexts, strict=True)):
        alone, _ = windows_of(tokenizer, [text], [context], long_texts="max", overlap=8)
        assert alone == [row for row, owner in zip(together, owners, strict=True) if owner == number]
    first, firsts = windows_of(tokenizer, texts, contexts, long_texts="first", overlap=8)
    assert firsts.tolist() == [0, 1, 2, 3]
    assert first == [together[int(np.flatnonzero(owners == number)[0])] for number in range(4)]


def test_counts_are_those_of_the_windows_read(tokenizer: Any) -> None:
    texts = ["", *(f"{WORDS} " * n for n in range(12)), "a" * 47, "a b " * 16, "é" * 30, "他" * 30, "\u3000\ufdfa" * 20]
    for contexts in (None, ["the town has an old mill"] * len(texts)):
        for how in ("max", "first"):
            _, owners = windows_of(tokenizer, texts, contexts, long_texts=how, overlap=16)
            counts = count_windows(tokenizer, texts, contexts, long_texts=how, overlap=16)
            assert counts == np.bincount(owners).tolist()
    assert max(counts) == 1


def test_of_a_ten_megabyte_text_the_first_100_000_characters_are_tokenized(tokenizer: Any) -> None:
    (row,) = tokenize(tokenizer, ["shells " * 1_500_000])
    assert row == tokenize(tokenizer, ["shells " * 1_000])[0]
    options = {"long_texts": "max", "overlap": 0}
    assert count_windows(tokenizer, ["a " * 5_000_000], **options) == count_windows(
        tokenizer, ["a " * (MAX_CHARACTERS // 2)], **options
    )


@given(st.integers(0, 2_000), st.integers(1, 300), st.integers(0, 400))
def test_windows_cover_a_text_overlap_and_are_all_as_long(length: int, room: int, overlap: int) -> None:
    starts = _starts(length, room, overlap)
    assert starts[0] == 0
    assert starts == sorted(set(starts))
    assert starts[-1] == max(0, length - room)
    shared = min(overlap, room // 2)
    assert all(before + room - after >= shared for before, after in pairwise(starts))
    if len(starts) > 1:  # no fewer would do
        assert starts[-2] + room < length


def test_windows_are_pooled_per_label() -> None:
    values = np.array([[1, 5], [2, -6], [-1, 1], [3, 4], [4, 0]], dtype=np.float32)
    owners = np.array([0, 1, 1, 1, 2])
    np.testing.assert_array_equal(pool_windows(values, owners, how="max"), [[1, 5], [3, 4], [4, 0]])
    np.testing.assert_allclose(pool_windows(values, owners, how="mean"), [[1, 5], [4 / 3, -1 / 3], [4, 0]], rtol=1e-6)
    np.testing.assert_array_equal(pool_windows(values, np.arange(5), how="max"), values)
    assert pool_windows(values[:0], owners[:0], how="mean").shape == (0, 2)


@quick
@given(st.lists(st.sampled_from([0, 1, 500, MAX_CHARACTERS, 3 * MAX_CHARACTERS]), max_size=60))
def test_passes_hold_every_text_once_and_few_characters(sizes: list[int]) -> None:
    texts = ["x" * size for size in sizes]
    parts = list(passes(texts))
    assert [row for part in parts for row in range(part.start, part.stop)] == list(range(len(texts)))
    for part in parts:
        held = sum(min(len(text), MAX_CHARACTERS) for text in texts[part])
        assert part.stop - part.start <= WINDOW
        assert held <= PASS_CHARACTERS or part.stop - part.start == 1
    assert len(list(passes([""] * (WINDOW + 1)))) == 2


def make(kind: str, folder: Path, **changes: Any) -> Any:
    settings = {**TINY_OPTIONS[kind], "encoder": str(make_encoder(folder)), **changes}
    if kind == "finetuned":
        return Finetuned(LABEL_SET, FinetunedOptions(**settings), seed=0)
    return FrozenEncoder(LABEL_SET, FrozenEncoderOptions(**settings), seed=0)


@pytest.mark.parametrize("kind", ["finetuned", "frozen_encoder"])
def test_what_a_long_text_says_late_is_read(kind: str, tmp_path: Path) -> None:
    training = Examples.of(make_articles(24), LABEL_SET)
    model = make(kind, tmp_path / "e", max_length=32).fit(training.texts, training.targets)
    rain = "rain fell on the market all week. " * 20
    late, dry = rain + f"{WORDS} " * 8, rain
    p = model.predict_proba([late, dry])
    assert p[0, 0] > p[1, 0] + 0.03  # random embeddings can only go so far
    assert model.count_windows([late, dry, WORDS])[0] > 3
    folder = tmp_path / "saved"
    folder.mkdir()
    model.save(folder)
    for how, check in (("first", np.equal), ("mean", np.less)):
        options = model.options.model_copy(update={"long_texts": how})
        other = type(model).load(folder, LABEL_SET, options, seed=0)
        q = other.predict_proba([late, dry])
        assert check(q[0, 0], q[1, 0] if how == "first" else p[0, 0])
        assert other.count_windows([late]) == ([1] if how == "first" else model.count_windows([late]))


@pytest.mark.parametrize("kind", ["finetuned", "frozen_encoder"])
def test_training_says_how_many_texts_are_longer_than_it_reads(
    kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    training = Examples.of(make_articles(6, uncertain=False), LABEL_SET)
    texts = [*training.texts, "shells fell " * 100, "envoys met " * 100]
    targets = np.concatenate([training.targets, [[1, 0, 0], [0, 1, 0]]]).astype(np.float32)
    changes = {"epochs": 1} if kind == "finetuned" else {}
    with caplog.at_level(logging.WARNING, logger="textclf"):
        make(kind, tmp_path / "e", **changes).fit(texts, targets)
    told = [record.getMessage() for record in caplog.records]
    assert told == [
        f"2 of {len(texts)} training texts are longer than max_length (64 tokens) and teach by their first window alone"
    ]
    caplog.clear()
    make(kind, tmp_path / "e2", **changes).fit(training.texts, training.targets)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_platt_scaling_in_the_weights_is_the_same_for_long_texts(tmp_path: Path) -> None:
    training = Examples.of(make_articles(12), LABEL_SET)
    for how in ("max", "mean"):
        model = make("finetuned", tmp_path / how, epochs=1, long_texts=how)
        model.fit(training.texts, training.targets)
        before = model.predict_logits([f"{WORDS} " * 20])
        model.scale_logits(np.array([1.5, 1.0, 0.4]), np.array([-0.3, 0.0, 0.8]))
        wanted = before * [1.5, 1.0, 0.4] + [-0.3, 0.0, 0.8]
        np.testing.assert_allclose(model.predict_logits([f"{WORDS} " * 20]), wanted, atol=1e-4)
