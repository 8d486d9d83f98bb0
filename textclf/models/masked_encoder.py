"""An encoder with a head that tells hidden words, and the encoder alone again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from textclf.errors import ModelError
from textclf.models.encoders import load_pretrained, most_tokens, pick_device


def open_masked(source: Path, tokenizer: Any, *, seed: int, allow_bin: bool) -> tuple[Any, bool]:
    """Return the encoder in a folder as a masked-language model, and whether its head is new.

    Sentence encoders have lost theirs. The head's matrix is the encoder's table of tokens in either case.

    Args:
        source: The folder.
        tokenizer: Its tokenizer; made no longer than the encoder has positions.
        seed: Fixes a new head.
        allow_bin: Read pytorch_model.bin where there is no safetensors.

    Raises:
        ModelError: When the architecture knows no masked-language model.
    """
    import torch
    from transformers import AutoModelForMaskedLM

    fresh: list[str] = []
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = load_pretrained(AutoModelForMaskedLM, source, new_head=True, allow_bin=allow_bin, fresh=fresh)
    if model.base_model is model:
        raise ModelError(f"{model.config.model_type}: this architecture has no head for hidden words apart from itself")
    if model.get_input_embeddings().num_embeddings <= tokenizer.mask_token_id:
        raise ModelError(f"the encoder in {source} has no vector for its tokenizer's mask token")
    tokenizer.model_max_length = most_tokens(model, wanted=tokenizer.model_max_length)
    matrices = {name for name, parameter in model.named_parameters() if parameter.ndim > 1}
    return model.to(pick_device()), bool(matrices & set(fresh))


def settle(model: Any, source: Path, *, seed: int, allow_bin: bool) -> Any:
    """Return the trained encoder without its head: what it had beside, such as a pooler, as it was.

    Args:
        model: From `open_masked`, trained.
        source: The folder it was opened from.
        seed: Fixes a pooler that the folder lacks.
        allow_bin: As it was opened.
    """
    import torch
    from transformers import AutoModel

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        base = load_pretrained(AutoModel, source, new_head=True, allow_bin=allow_bin)
    base.load_state_dict({**base.state_dict(), **{k: v.cpu() for k, v in model.base_model.state_dict().items()}})
    return base
