"""Explaining a fine-tuned encoder by integrated gradients (Sundararajan, Taly and Yan 2017) over its token embeddings.

The text's tokens are led in a straight line from a blank to what they are, the frame of special tokens and the context
staying; the gradients on the way, added up, say how much of the change in log-odds each token accounts for. The sum is
taken at points that are doubled until it is as large as the change, so that the weights add up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from textclf.errors import import_extra
from textclf.models.attributions import share_out
from textclf.models.interface import Attribution
from textclf.models.windows import LongTexts, PlacedRow

TOLERANCE = 0.05  # of log-odds: an error that moves no probability by more than 0.0125
FEWEST_STEPS, MOST_STEPS = 16, 256
GRADIENT_TOKENS = 2_048  # read at a time, with all that a gradient needs


def attribute_windows(
    model: Any,
    tokenizer: Any,
    windows: Sequence[PlacedRow],
    logits: np.ndarray,
    spans: Sequence[tuple[int, int]],
    *,
    how: LongTexts,
    columns: Sequence[int],
) -> Attribution:
    """Return what each word adds to the pooled log-odds of a text's windows.

    With ``"max"`` the window with a label's highest log-odds decided, and it is explained: words outside add nothing.
    With ``"mean"`` the windows' explanations are averaged as their log-odds are.

    Args:
        model: A classifier of the `finetuned` kind.
        tokenizer: Its tokenizer.
        windows: The text's rows.
        logits: (rows, k): the model's log-odds of each.
        spans: Where the text's words are.
        how: How the windows are pooled.
        columns: The labels to explain; the weights and baselines of others are 0.
    """
    shares = np.full(logits.shape, 1 / len(windows))
    if how != "mean":
        shares = (np.arange(len(windows))[:, None] == logits.argmax(axis=0)).astype(np.float64)
    weights, baseline = np.zeros((len(spans), logits.shape[1])), np.zeros(logits.shape[1])
    for window, own, share in zip(windows, logits, shares, strict=True):
        wanted = [column for column in columns if share[column] > 0]
        if not wanted:
            continue
        added, blank = integrate(model, tokenizer, window, own, wanted)
        weights[:, wanted] += share_out(window.places, added, spans) * share[wanted]
        baseline[wanted] += blank * share[wanted]
    return Attribution(weights, baseline, log_odds=(logits * shares).sum(axis=0), method="integrated gradients")


def integrate(
    model: Any, tokenizer: Any, window: PlacedRow, logits: np.ndarray, columns: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return what each of the text's tokens in one row adds, float64 (tokens, c), and the blank row's log-odds (c,).

    Steps are doubled, for the labels that need it, until the error is at most 0.05 or there are 256.
    """
    captum = import_extra("captum.attr", extra="explain", purpose="explaining a fine-tuned encoder")
    import torch

    own = slice(window.first, window.first + len(window.places))
    ids = torch.tensor([window.row["input_ids"]], device=model.device)
    blanked = ids.clone()
    blanked[:, own] = _blank(tokenizer)
    embed = model.base_model.get_input_embeddings()
    with torch.no_grad():
        given, empty = embed(ids), embed(blanked)
        forward = _reader_of(model, window)
        blank = forward(empty)[0].cpu().numpy().astype(np.float64)
    added = np.zeros((len(window.places), logits.shape[0]))
    method, left, steps = captum.IntegratedGradients(forward), list(columns), FEWEST_STEPS
    room = max(1, GRADIENT_TOKENS // ids.shape[1])
    while left and len(window.places) and steps <= MOST_STEPS:
        for part in (left[start : start + room] for start in range(0, len(left), room)):
            found = method.attribute(
                given.expand(len(part), -1, -1),
                baselines=empty.expand(len(part), -1, -1),
                target=torch.tensor(part, device=model.device),
                n_steps=steps,
                internal_batch_size=room,
            )
            added[:, part] = found.sum(dim=-1)[:, own].T.detach().cpu().numpy()
        gaps = np.abs(blank + added.sum(axis=0) - logits)
        left, steps = [column for column in left if gaps[column] > TOLERANCE], steps * 2
    return added[:, columns], blank[columns]


def _reader_of(model: Any, window: PlacedRow) -> Callable[[Any], Any]:
    """Return a function from embeddings (n, l, d) to log-odds (n, k), all else as in the row."""
    import torch

    rest = {name: torch.tensor([row]) for name, row in window.row.items() if name != "input_ids"}

    def forward(embeddings: Any) -> Any:
        """Return the log-odds of embedded rows."""
        beside = {name: row.expand(len(embeddings), -1).to(embeddings.device) for name, row in rest.items()}
        return model(inputs_embeds=embeddings, **beside).logits.float()

    return forward


def _blank(tokenizer: Any) -> int:
    """Return the token that stands for no word: the mask, or padding where there is none."""
    known = (tokenizer.mask_token_id, tokenizer.pad_token_id, tokenizer.unk_token_id)
    return next((int(token) for token in known if token is not None), 0)
