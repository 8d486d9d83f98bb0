"""Tiny models for tests: a two-layer BERT with random weights, made on the spot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.conftest import FILLER, WORDS

TINY_OPTIONS: dict[str, dict[str, Any]] = {
    "tfidf": {"min_df": 1},
    "frozen_encoder": {"cache": False, "max_length": 64},
    "static": {
        "cache": False,
        "dimensions": 24,
        "hidden": 0,
        "epochs": 30,
        "learning_rate": 3e-3,
        "embedding_rate": 1e-2,
        "dropout": 0.1,
        "token_dropout": 0.0,
    },
    "zero_shot": {"cache": False, "max_length": 64, "none": ["a teacher spoke of her garden"]},
    "setfit": {
        "max_length": 64,
        "epochs": 2,
        "pairs_per_text": 12,
        "batch_size": 16,
        "learning_rate": 2e-3,
        "precision": "float32",
    },
    "finetuned": {
        "max_length": 64,
        "epochs": 12,
        "batch_size": 8,
        "learning_rate": 3e-3,
        "precision": "float32",
        "join_neighbours": 0.0,
        "strip_punctuation": 0.0,
    },
}
TINY_OPTIONS["ensemble"] = {
    "members": [{"kind": kind, "options": TINY_OPTIONS[kind]} for kind in ("tfidf", "finetuned")],
}
TINY_OPTIONS["distilled"] = {
    "teacher": {"kind": "tfidf", "options": TINY_OPTIONS["tfidf"]},
    "student": {"kind": "static", "options": TINY_OPTIONS["static"]},
    "teacher_weight": 0.2,
}


def options_of(kind: str, encoder: Path, **changes: Any) -> dict[str, Any]:
    """Return a kind's tiny options with an encoder where it, or a part of it, reads one."""
    options: dict[str, Any] = {**TINY_OPTIONS[kind], **changes}
    if "members" in options:
        return {"members": [{"kind": m["kind"], "options": options_of(m["kind"], encoder)} for m in options["members"]]}
    if "student" in options:
        parts = {part: options[part]["kind"] for part in ("teacher", "student")}
        return options | {part: {"kind": k, "options": options_of(k, encoder)} for part, k in parts.items()}
    return options if kind == "tfidf" else {**options, "encoder": str(encoder)}


READS_ALONE = {
    "tfidf": "a bag of words cannot tell a context's words from the text's",
    "static": "nor can a mean over tokens",
    "distilled": "its student here is static",
    "zero_shot": "a description is matched with the paragraph's own words",
}
"""Kinds that read no context and say so, and why they do not."""

UNTAUGHT = {"zero_shot": "it knows labels by their descriptions alone"}
"""Kinds that targets teach nothing, and why; of them it is tested that no target changes anything."""


def make_encoder(folder: Path, *, seed: int = 0) -> Path:
    """Write a tiny BERT encoder and its tokenizer to a folder, as a hub would have them."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    words = sorted({word for text in (*WORDS.values(), *FILLER) for word in text.split()} | {"and"})
    letters = [*"abcdefghijklmnopqrstuvwxyz0123456789.,", *(f"##{c}" for c in "abcdefghijklmnopqrstuvwxyz0123456789")]
    tokens = dict.fromkeys(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *letters, *words])
    vocabulary = {token: i for i, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.enable_truncation(16)  # published files may ship with both fixed; they must be reset
    tokenizer.enable_padding(length=16)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=128,
    ).save_pretrained(folder)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        config = BertConfig(
            vocab_size=len(vocabulary),
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=64,
            max_position_embeddings=128,
            initializer_range=0.2,  # wider than usual, so that so small a model learns in a few steps
        )
        BertModel(config).save_pretrained(folder)
    return folder
