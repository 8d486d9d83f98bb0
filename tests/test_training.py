"""The training loop of fine-tuned encoders: its loss, its best epoch, its seed, and augmentation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import LABELS, make_articles
from tests.models import TINY_OPTIONS, make_encoder
from tests.props import quick
from textclf.labels import LabelSet
from textclf.models.augment import augment, draw_rows, unite
from textclf.models.batching import batches_by_length, shuffled_batches
from textclf.models.finetuned import Finetuned, FinetunedOptions
from textclf.models.losses import masked_bce
from textclf.models.training import use_bf16
from textclf.records import Examples

LABEL_SET = LabelSet.of(LABELS)


def test_masked_loss_by_hand() -> None:
    logits = torch.tensor([[0.0, 2.0], [-1.0, 5.0]], requires_grad=True)
    targets = torch.tensor([[1.0, float("nan")], [0.0, float("nan")]])
    loss = masked_bce(logits, targets)
    expected = (np.log(2) + np.log1p(np.exp(-1))) / 2
    assert loss.item() == pytest.approx(expected, rel=1e-6)
    loss.backward()
    assert logits.grad is not None
    assert (logits.grad[:, 1] == 0).all()
    assert (logits.grad[:, 0] != 0).all()


def test_nothing_known_gives_no_loss_and_no_gradient() -> None:
    logits = torch.randn(3, 2, generator=torch.Generator().manual_seed(0), requires_grad=True)
    loss = masked_bce(logits, torch.full((3, 2), float("nan")))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert (logits.grad == 0).all()


def test_training_keeps_the_epoch_with_the_best_macro_f1(tmp_path: Path) -> None:
    training = Examples.of(make_articles(24), LABEL_SET)
    held_out = Examples.of(make_articles(12, seed=1), LABEL_SET)
    encoder = make_encoder(tmp_path / "encoder")
    options = FinetunedOptions(encoder=str(encoder), **{**TINY_OPTIONS["finetuned"], "patience": 20})
    model = Finetuned(LABEL_SET, options, seed=0)
    model.fit(training.texts, training.targets, validation=(held_out.texts, held_out.targets))
    scores = [epoch["macro_f1"] for epoch in model.info["epochs"]]
    assert model.info["best_epoch"] == 1 + int(np.argmax(scores))
    assert max(scores) > 0.9


def test_training_leaves_the_callers_random_state_alone(tmp_path: Path) -> None:
    encoder = make_encoder(tmp_path / "encoder")
    options = FinetunedOptions(encoder=str(encoder), **{**TINY_OPTIONS["finetuned"], "epochs": 1})
    training = Examples.of(make_articles(4), LABEL_SET)
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    Finetuned(LABEL_SET, options, seed=0).fit(training.texts, training.targets)
    assert torch.equal(torch.rand(1), expected)


def test_precision_is_as_asked() -> None:
    assert use_bf16("bf16", "cpu")
    assert not use_bf16("float32", "cuda")
    assert isinstance(use_bf16("auto", "cpu"), bool)


def test_joined_texts_are_labelled_by_both() -> None:
    nan = float("nan")
    first = np.array([1, 0, 0, nan, nan, 1], dtype=np.float32)
    second = np.array([0, 0, nan, 1, nan, nan], dtype=np.float32)
    np.testing.assert_array_equal(unite(first, second), np.array([1, 0, nan, 1, nan, 1], dtype=np.float32))


def test_augmentation_keeps_rows_and_can_be_off() -> None:
    texts = ["One, two.", "Three.", "Four."]
    targets = np.eye(3, dtype=np.float32)
    rng = np.random.default_rng(0)
    off, same, none = augment(texts, targets, join_neighbours=0, strip_punctuation=0, rng=rng)
    assert off == texts
    assert none is None
    np.testing.assert_array_equal(same, targets)
    joined, united, _ = augment(texts, targets, join_neighbours=1, strip_punctuation=0, rng=rng)
    assert joined == ["One, two. Three.", "Three. Four.", "Four."]
    np.testing.assert_array_equal(united, [[1, 1, 0], [0, 1, 1], [0, 0, 1]])
    np.testing.assert_array_equal(targets, np.eye(3))
    long = ["word " * 100, "word " * 100]
    assert augment(long, targets[:2], join_neighbours=1, strip_punctuation=0, rng=rng)[0] == long


@quick
@given(st.integers(0, 40), st.integers(0, 20), st.floats(0, 1), st.integers(0, 9))
def test_only_texts_without_a_label_are_left_out(empty: int, others: int, share: float, seed: int) -> None:
    targets = np.zeros((empty + others, 2), dtype=np.float32)
    targets[empty:, 0] = [(1.0, np.nan, 0.2)[i % 3] for i in range(others)]
    targets = np.random.default_rng(seed).permutation(targets)
    rows = draw_rows(targets, keep_empty=share, rng=np.random.default_rng(seed))
    np.testing.assert_array_equal(rows, np.unique(rows))
    assert set(np.flatnonzero(targets[:, 0] != 0)) <= set(rows)
    assert len(rows) == others + int(np.ceil(share * empty))


def test_other_texts_without_a_label_are_read_in_other_epochs() -> None:
    targets = np.zeros((50, 2), dtype=np.float32)
    first, second = (draw_rows(targets, keep_empty=0.5, rng=np.random.default_rng([0, epoch])) for epoch in (1, 2))
    assert set(first) != set(second)


def test_stripped_texts_lose_punctuation_and_nothing_else() -> None:
    text = "“We don’t know,” he said — the army (2nd brigade) left; villagers, half-asleep, stayed."
    stripped, _, _ = augment([text] * 200, np.zeros((200, 1)), join_neighbours=0, strip_punctuation=1, rng=_rng())
    assert len(set(stripped)) > 5
    assert "We dont know he said the army 2nd brigade left villagers half asleep stayed." in stripped
    letters = "".join(filter(str.isalnum, text))
    assert {"".join(filter(str.isalnum, t)) for t in stripped} == {letters}


def test_contexts_keep_to_their_rows_and_lose_what_their_texts_lose() -> None:
    texts, contexts = ["One, two.", "Three, four.", "Five."] * 200, ["Nought, then.", "One, two.", ""] * 200
    targets = np.zeros((600, 1), dtype=np.float32)
    joined, _, beside = augment(texts, targets, contexts, join_neighbours=1, strip_punctuation=0.5, rng=_rng())
    assert beside is not None
    pairs = set(zip(joined[:-1], beside[:-1], strict=True))
    assert ("One, two. Three, four.", "Nought, then.") in pairs  # the first part's context: the second's is the first
    assert ("One two. Three four.", "Nought then.") in pairs
    assert all(("," in text) == ("," in context) for text, context in pairs if context and "," in text + context)
    left_out = sum(not context for context in beside[::3])
    assert 5 < left_out < 40  # one in ten
    same, _, without = augment(texts, targets, join_neighbours=1, strip_punctuation=0.5, rng=_rng())
    assert same == joined
    assert without is None


def _rng() -> np.random.Generator:
    return np.random.default_rng(0)


@given(st.lists(st.integers(1, 300), max_size=80), st.integers(64, 512))
def test_length_batches_hold_every_row_once_within_the_budget(lengths: list[int], budget: int) -> None:
    batches = batches_by_length(lengths, max_tokens=budget)
    assert sorted(row for batch in batches for row in batch.tolist()) == list(range(len(lengths)))
    for batch in batches:
        longest = max(lengths[row] for row in batch)
        assert len(batch) == 1 or len(batch) * longest <= budget


@given(st.lists(st.integers(1, 300), max_size=80), st.integers(1, 9), st.integers(0, 5))
def test_training_batches_hold_every_row_once(lengths: list[int], size: int, seed: int) -> None:
    batches = shuffled_batches(lengths, batch_size=size, rng=np.random.default_rng(seed))
    assert sorted(row for batch in batches for row in batch.tolist()) == list(range(len(lengths)))
    assert all(1 <= len(batch) <= size for batch in batches)


def test_embeddings_are_cached_by_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from textclf.models.frozen_encoder import FrozenEncoder, FrozenEncoderOptions

    monkeypatch.setenv("TEXTCLF_CACHE", str(tmp_path / "cache"))
    encoder = make_encoder(tmp_path / "encoder")
    training = Examples.of(make_articles(6), LABEL_SET)
    computed: list[int] = []
    compute = FrozenEncoder._compute

    def counting(self: FrozenEncoder, texts: list[str]) -> np.ndarray:
        computed.append(len(texts))
        return compute(self, texts)

    monkeypatch.setattr(FrozenEncoder, "_compute", counting)
    options = FrozenEncoderOptions(encoder=str(encoder), max_length=64)
    first = FrozenEncoder(LABEL_SET, options, seed=0).fit(training.texts, training.targets)
    second = FrozenEncoder(LABEL_SET, options, seed=0).fit(training.texts, training.targets)
    np.testing.assert_array_equal(first.predict_proba(training.texts), second.predict_proba(training.texts))
    assert computed == [len(set(training.texts))]
    shorter = FrozenEncoderOptions(encoder=str(encoder), max_length=8)
    FrozenEncoder(LABEL_SET, shorter, seed=0).fit(training.texts, training.targets)
    assert len(computed) == 2  # what is read of a text with another setting is kept by itself
    third = FrozenEncoder(LABEL_SET, options, seed=0)
    third.fit(training.texts, training.targets, contexts=["beside it"] * len(training))
    assert len(computed) == 3  # and so is a text with its context


def test_a_broken_cache_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from textclf.models.embedding_cache import EmbeddingCache, row_key

    first, second = row_key({"input_ids": [1, 2]}), row_key({"input_ids": [1], "token_type_ids": [2]})
    cache = EmbeddingCache("name", width=2, folder=tmp_path)
    vector = np.array([1.0, 2.0], dtype=np.float32)
    cache.put({first: vector})
    assert set(cache.get([first, second])) == {first}
    np.testing.assert_array_equal(cache.get([first])[first], vector)
    cache.path.write_bytes(b"not a database at all")
    assert cache.get([first]) == {}
    cache.put({first: vector})
    blocked = EmbeddingCache("name", width=2, folder=tmp_path / "file")
    (tmp_path / "file").write_text("in the way")
    blocked.put({first: vector})
    assert blocked.get([first]) == {}


def test_the_warm_start_puts_the_mean_into_the_first_token(tmp_path: Path) -> None:
    from textclf.models.warm_start import align_first_token
    from textclf.models.windows import tokenize

    options = FinetunedOptions(encoder=str(make_encoder(tmp_path / "encoder")), max_length=64)
    made = Finetuned(LABEL_SET, options, seed=0)
    made._open_encoder()
    texts = Examples.of(make_articles(120), LABEL_SET).texts
    rows = tokenize(made.tokenizer, texts[:40])
    inputs = made.tokenizer.pad(rows, return_tensors="pt")
    base = made.model.base_model.eval()
    frozen = {name: value.clone() for name, value in base.named_parameters() if ".layer.0." in name or "embed" in name}

    def hidden() -> tuple[torch.Tensor, torch.Tensor]:
        with torch.no_grad():
            output = base(**inputs)
        mask = inputs["attention_mask"].unsqueeze(-1)
        return output.pooler_output, (output.last_hidden_state * mask).sum(1) / mask.sum(1)

    before, mean = hidden()
    align_first_token(made.model, made.tokenizer, texts, bf16=False, rng=_rng())
    after, _ = hidden()
    cosine = torch.nn.functional.cosine_similarity
    assert cosine(after, mean).mean() > max(0.8, float(cosine(before, mean).mean()) + 0.2)
    assert all(torch.equal(dict(base.named_parameters())[name], value) for name, value in frozen.items())
    assert all(parameter.requires_grad for parameter in made.model.parameters())


def test_the_warm_start_refuses_an_encoder_without_a_pooler() -> None:
    from transformers import DistilBertConfig, DistilBertForSequenceClassification

    from textclf.errors import ModelError
    from textclf.models.warm_start import align_first_token

    config = DistilBertConfig(vocab_size=10, dim=8, n_layers=1, n_heads=1, hidden_dim=8)
    with pytest.raises(ModelError, match="align_first_token: false"):
        align_first_token(DistilBertForSequenceClassification(config), None, ["text"], bf16=False, rng=_rng())


def test_frozen_embeddings_stay_and_the_rest_learns(tmp_path: Path) -> None:
    options = {**TINY_OPTIONS["finetuned"], "epochs": 1, "freeze_embeddings": True}
    training = Examples.of(make_articles(4), LABEL_SET)
    made = Finetuned(LABEL_SET, FinetunedOptions(encoder=str(make_encoder(tmp_path / "e")), **options), seed=0)
    made._open_encoder()
    words, query = made.model.get_input_embeddings().weight.clone(), _query(made).clone()
    made.fit(training.texts, training.targets)
    assert torch.equal(made.model.get_input_embeddings().weight, words)
    assert not torch.equal(_query(made), query)


def _query(made: Finetuned) -> torch.Tensor:
    weight: torch.Tensor = made.model.base_model.encoder.layer[0].attention.self.query.weight
    return weight


def test_a_rate_too_high_is_said_and_not_saved(tmp_path: Path) -> None:
    from textclf.errors import ModelError

    options = {**TINY_OPTIONS["finetuned"], "learning_rate": 1e30, "epochs": 2}
    training = Examples.of(make_articles(12), LABEL_SET)
    made = Finetuned(LABEL_SET, FinetunedOptions(encoder=str(make_encoder(tmp_path / "e")), **options), seed=0)
    with pytest.raises(ModelError, match=r"training diverged: .* Lower model\.options\.learning_rate \(now 1e\+30\)"):
        made.fit(training.texts, training.targets)


def test_the_rate_follows_the_encoders_width_unless_given(tmp_path: Path) -> None:
    encoder = str(make_encoder(tmp_path / "e"))
    for options, rate in (({}, 2e-4), ({"learning_rate": 1e-5}, 1e-5)):
        made = Finetuned(LABEL_SET, FinetunedOptions(encoder=encoder, **options), seed=0)
        made._open_encoder()
        assert made.learning_rate() == rate
        assert not made.aligns  # a plain encoder is not mean-pooled
        made.model.config.hidden_size = 768
        assert made.learning_rate() == min(rate, 3e-5)


def _family(name: str, folder: Path) -> Path:
    """Write a tiny encoder of another family, with the same words, to a folder."""
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(make_encoder(folder / "bert"))
    shared = {"vocab_size": len(tokenizer), "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    shared |= {"intermediate_size": 64, "pad_token_id": 0}
    made = {
        "roberta": lambda: transformers.RobertaModel(
            transformers.RobertaConfig(**{**shared, "pad_token_id": 1}, max_position_embeddings=66)
        ),
        "deberta": lambda: transformers.DebertaV2Model(
            transformers.DebertaV2Config(
                **shared, relative_attention=True, pos_att_type=["p2c", "c2p"], position_biased_input=False
            )
        ),
        "modernbert": lambda: transformers.ModernBertModel(
            transformers.ModernBertConfig(**shared, cls_token_id=2, sep_token_id=3, bos_token_id=2, eos_token_id=3)
        ),
        "distilbert": lambda: transformers.DistilBertModel(
            transformers.DistilBertConfig(
                vocab_size=len(tokenizer), dim=32, n_layers=2, n_heads=2, hidden_dim=64, max_position_embeddings=64
            )
        ),
    }[name]()
    made.save_pretrained(folder / name)
    tokenizer.save_pretrained(folder / name)
    return folder / name


@pytest.mark.parametrize("name", ["roberta", "deberta", "modernbert", "distilbert"])
def test_other_families_of_encoders_work(name: str, tmp_path: Path) -> None:
    from transformers import pipeline

    encoder = _family(name, tmp_path)
    options = {**TINY_OPTIONS["finetuned"], "epochs": 1, "max_length": 512, "long_texts": "first"}
    training = Examples.of(make_articles(4), LABEL_SET, context="both")
    made = Finetuned(LABEL_SET, FinetunedOptions(encoder=str(encoder), **options), seed=0)
    made.fit(training.texts, training.targets, contexts=training.contexts)
    made.scale_logits(np.array([2.0, 1.0, 0.5]), np.array([0.1, 0.0, -0.2]))
    texts = [*training.texts[:3], "shells fell " * 400]
    made.save(tmp_path / "saved")
    loaded = Finetuned.load(tmp_path / "saved", LABEL_SET, made.options, seed=0)
    np.testing.assert_allclose(loaded.predict_proba(texts), made.predict_proba(texts), atol=1e-6)
    classify = pipeline("text-classification", model=str(tmp_path / "saved"), top_k=None, function_to_apply="sigmoid")
    rows = [{r["label"]: r["score"] for r in found} for found in classify(texts, truncation=True)]
    theirs = np.array([[row[label] for label in LABELS] for row in rows])
    np.testing.assert_allclose(made.predict_proba(texts), theirs, atol=1e-5)


@pytest.mark.parametrize(
    "recipe",
    [
        {"lora_rank": 4, "learning_rate": 1e-2},
        {"gradient_checkpointing": True},
        {"pooling": "mean"},
        {"pooling": "attention"},
        {"pooling": "cls"},
        {"keep_empty": 0.3},
        {"loss": "weighted", "label_smoothing": 0.05},
        {"loss": "asymmetric"},
        {"loss": "balanced", "batch_tokens": 96},
        {"loss": "focal", "ema_decay": 0.8},
        {"r_drop": 0.5, "dropout_samples": 3, "layer_decay": 0.9, "schedule": "cosine", "accumulate": 2},
        {"perturb": {"typos": 0.1, "lower_case": 0.2}, "monitor": "macro_ap"},
    ],
    ids=lambda recipe: "+".join(recipe),
)
def test_every_ingredient_learns_and_is_stored(recipe: dict[str, object], tmp_path: Path) -> None:
    training = Examples.of(make_articles(24), LABEL_SET)
    held_out = Examples.of(make_articles(12, seed=1), LABEL_SET)
    options = {**TINY_OPTIONS["finetuned"], "encoder": str(make_encoder(tmp_path / "e")), "patience": 9, **recipe}
    model = Finetuned(LABEL_SET, FinetunedOptions.model_validate(options), seed=0)
    model.fit(training.texts, training.targets, validation=(held_out.texts, held_out.targets))
    scores = [epoch[str(recipe.get("monitor", "macro_f1"))] for epoch in model.info["epochs"]]
    assert max(scores) > 0.85
    assert scores.index(max(scores)) + 1 == model.info["best_epoch"]
    (tmp_path / "m").mkdir()
    model.save(tmp_path / "m")
    loaded = Finetuned.load(tmp_path / "m", LABEL_SET, model.options, seed=0)
    wanted = model.predict_proba(held_out.texts)
    np.testing.assert_allclose(loaded.predict_proba(held_out.texts), wanted, atol=1e-6)
    if "pooling" not in recipe:
        from transformers import AutoModelForSequenceClassification

        AutoModelForSequenceClassification.from_pretrained(tmp_path / "m")


def test_what_an_encoder_cannot_do_is_said(tmp_path: Path) -> None:
    from textclf.errors import ModelError

    training = Examples.of(make_articles(4), LABEL_SET)
    options = FinetunedOptions(encoder=str(_family("distilbert", tmp_path)), dropout_samples=3, epochs=1)
    with pytest.raises(ModelError, match="dropout_samples works for plain BERT and RoBERTa"):
        Finetuned(LABEL_SET, options, seed=0).fit(training.texts, training.targets)
