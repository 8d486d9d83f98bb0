"""A classifier over an encoder whose token vectors are pooled by mean, by attention, or to the first.

transformers' own classifiers pool as each architecture does. This one is for encoders that do better otherwise; it is
stored as the encoder's own files and `head.safetensors` beside them.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

from textclf.errors import BundleError

Pooling = Literal["native", "cls", "mean", "attention"]
HEAD = "head.safetensors"


def make_pooled(base: Any, *, pooling: Pooling, n_labels: int) -> Any:
    """Return a torch module that classifies by the pooled token vectors of a transformers encoder.

    Like a transformers classifier it has `config`, `base_model`, `classifier` and `device`, and gives an object with
    `logits`; `pool` is its pooling alone.
    """
    import torch

    class PooledClassifier(torch.nn.Module):  # type: ignore[misc]
        """An encoder, a pooling and a linear layer."""

        def __init__(self) -> None:
            super().__init__()
            width = base.config.hidden_size
            self.base_model, self.pooling, self.config = base, pooling, base.config
            self.scorer = torch.nn.Linear(width, 1) if pooling == "attention" else None
            self.dropout = torch.nn.Dropout(0.1)
            self.classifier = torch.nn.Linear(width, n_labels)
            torch.nn.init.normal_(self.classifier.weight, std=0.02)

        @property
        def device(self) -> Any:
            return self.classifier.weight.device

        def pool(self, hidden: Any, mask: Any) -> Any:
            """Return (n, d) of hidden states (n, l, d) whose mask (n, l) is 1 for a token."""
            hidden, mask = hidden.float(), mask.float()
            if self.pooling == "cls":
                return hidden[:, 0]
            if self.scorer is None:
                weights = mask
            else:
                scores = torch.nn.functional.linear(hidden, self.scorer.weight, self.scorer.bias).squeeze(-1)
                weights = torch.softmax(scores.masked_fill(mask == 0, -1e4), dim=-1)
            return (hidden * weights.unsqueeze(-1)).sum(dim=1) / weights.sum(dim=1, keepdim=True).clamp(min=1e-6)

        def forward(self, **inputs: Any) -> Any:
            """Return logits (n, k)."""
            hidden = self.base_model(**inputs).last_hidden_state
            pooled = self.dropout(self.pool(hidden, inputs["attention_mask"]))
            return SimpleNamespace(logits=torch.nn.functional.linear(pooled, *self.classifier.parameters()))

    return PooledClassifier()


def save_pooled(model: Any, folder: Path) -> None:
    """Write the encoder's files and the head."""
    from safetensors.torch import save_file

    model.base_model.save_pretrained(folder)
    head = {name: value.contiguous() for name, value in model.state_dict().items() if not _of_base(name)}
    save_file(head, folder / HEAD)


def load_pooled_head(model: Any, folder: Path) -> None:
    """Read back the head that `save_pooled` wrote.

    Raises:
        BundleError: When its parts are not those of the model.
    """
    from safetensors.torch import load_file

    found = load_file(folder / HEAD)
    wanted = {name: tuple(value.shape) for name, value in model.state_dict().items() if not _of_base(name)}
    if {name: tuple(value.shape) for name, value in found.items()} != wanted:
        raise BundleError(f"{folder / HEAD} holds {sorted(found)}, not what the model's pooling and labels need")
    model.load_state_dict(found, strict=False)


def _of_base(name: str) -> bool:
    return name.startswith("base_model.")
