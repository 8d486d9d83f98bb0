"""Low-rank adapters (LoRA, Hu et al. 2021) through peft: small matrices are trained in place of the encoder's own."""

from __future__ import annotations

from typing import Any

from textclf.errors import import_extra


def add_adapters(model: Any, *, rank: int) -> Any:
    """Return a classifier whose encoder is frozen but for adapters; its head is trained as a whole.

    Args:
        model: A transformers sequence classifier.
        rank: Of the adapters; their scale is twice that.

    Raises:
        MissingExtraError: When peft is not installed.
    """
    peft = import_extra("peft", extra="lora", purpose="low-rank adapters (model.options.lora_rank)")
    heads = [name for name in ("classifier", "pooler", "score", "head") if _has(model, name)]
    config = peft.LoraConfig(
        r=rank, lora_alpha=2 * rank, lora_dropout=0.05, target_modules="all-linear", modules_to_save=heads
    )
    return peft.get_peft_model(model, config)


def merge_adapters(model: Any) -> Any:
    """Return the plain classifier with the adapters worked into its weights."""
    return model.merge_and_unload() if hasattr(model, "merge_and_unload") else model


def _has(model: Any, name: str) -> bool:
    return any(part == name or part.endswith(f".{name}") for part, _ in model.named_modules())
