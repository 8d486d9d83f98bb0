"""Texts become rows of tokens no longer than a model takes: a long text as several overlapping windows.

A context, where there is one, is the second text of a pair and stands in every window of the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from textclf.errors import ModelError
from textclf.models.batching import WINDOW
from textclf.progress import log
from textclf.records import MAX_CHARACTERS

Row = dict[str, list[int]]
LongTexts = Literal["max", "mean", "first"]

PASS_CHARACTERS = 4_000_000  # tokenized at a time, so that memory stays flat where texts are long
CONTEXT_SHARE = 3  # a context takes at most one third of a row


@dataclass(frozen=True)
class Frame:
    """The special tokens a tokenizer puts before, between and after its one or two texts, and all token types."""

    before: list[int]
    between: list[int]
    after: list[int]
    types: tuple[list[int], int, list[int], int, list[int]]  # before, first text, between, second text, after

    @classmethod
    def of(cls, tokenizer: Any, *, pair: bool) -> Frame:
        """Learn the frame from how the tokenizer encodes a letter, or two.

        Raises:
            ModelError: When it has no token for a letter.
        """
        found = tokenizer.backend_tokenizer.encode(*(["a"] * (1 + pair)))
        ids, types, sides = found.ids, found.type_ids, found.sequence_ids
        if 0 not in sides or (pair and 1 not in sides):
            raise ModelError("the tokenizer has no token for the letter a; its vocabulary is damaged")
        first, last = sides.index(0), len(sides) - 1 - sides[::-1].index(0)
        if not pair:
            return cls(ids[:first], [], ids[last + 1 :], (types[:first], types[first], [], 0, types[last + 1 :]))
        second, end = sides.index(1), len(sides) - 1 - sides[::-1].index(1)
        between, after = slice(last + 1, second), slice(end + 1, None)
        shape = (types[:first], types[first], types[between], types[second], types[after])
        return cls(ids[:first], ids[between], ids[after], shape)

    @property
    def size(self) -> int:
        """How many special tokens there are."""
        return len(self.before) + len(self.between) + len(self.after)

    def row(self, text: list[int], context: list[int], names: Sequence[str]) -> Row:
        """Return a model's inputs for the tokens of a text and its context."""
        ids = [*self.before, *text, *self.between, *context, *self.after]
        before, first, between, second, after = self.types
        types = [*before, *[first] * len(text), *between, *[second] * len(context), *after]
        inputs = {"input_ids": ids, "token_type_ids": types, "attention_mask": [1] * len(ids)}
        return {name: inputs[name] for name in inputs if name in names or name == "input_ids"}


def windows_of(
    tokenizer: Any,
    texts: Sequence[str],
    contexts: Sequence[str] | None = None,
    *,
    long_texts: LongTexts,
    overlap: int,
) -> tuple[list[Row], np.ndarray]:
    """Turn n texts into unpadded rows of at most the tokenizer's `model_max_length` tokens.

    A window holds as many tokens of the text as fit beside the special tokens and the context; the last one ends with
    the text and is as long as the others. A context longer than a third of a row loses its beginning.

    Args:
        tokenizer: A fast tokenizer with neither truncation nor padding set.
        texts: The n texts; of one over 100,000 characters the first 100,000 are read.
        contexts: The n contexts; an empty one is none.
        long_texts: ``"first"`` keeps the first window alone.
        overlap: Tokens that neighbouring windows share; at most half of a window.

    Returns:
        The rows, those of one text together and in order, and int64 (rows,): the text each row belongs to.
    """
    rows: list[Row] = []
    owners: list[int] = []
    names = tokenizer.model_input_names
    for number, (frame, text, context, room) in enumerate(_encoded(tokenizer, texts, contexts)):
        starts = _starts(len(text), room, overlap)
        for start in starts[:1] if long_texts == "first" else starts:
            rows.append(frame.row(text[start : start + room], context, names))
            owners.append(number)
    return rows, np.array(owners, dtype=np.int64)


@dataclass(frozen=True)
class PlacedRow:
    """A row that knows where its tokens come from.

    Attributes:
        row: The model's inputs.
        first: Which token of the row is the first of the text's.
        places: int64 (n, 2): where each of the text's n tokens in the row begins and ends in it, in characters.
    """

    row: Row
    first: int
    places: np.ndarray


def placed_windows(tokenizer: Any, text: str, context: str, *, long_texts: LongTexts, overlap: int) -> list[PlacedRow]:
    """Return the rows of one text beside its context as `windows_of` does, with the places of their tokens."""
    beside = [context] if context else None
    rows, _ = windows_of(tokenizer, [text], beside, long_texts=long_texts, overlap=overlap)
    frame, tokens, _, room = next(_encoded(tokenizer, [text], beside))
    read = tokenizer.backend_tokenizer.encode(text[:MAX_CHARACTERS], add_special_tokens=False)
    places = np.array(read.offsets, dtype=np.int64).reshape(-1, 2)
    starts = _starts(len(tokens), room, overlap)[: len(rows)]
    first = len(frame.before)
    return [PlacedRow(row, first, places[s : s + room]) for row, s in zip(rows, starts, strict=True)]


def tokenize(tokenizer: Any, texts: Sequence[str], contexts: Sequence[str] | None = None) -> list[Row]:
    """Turn texts into one unpadded row each, cut at the tokenizer's `model_max_length` (see `windows_of`)."""
    return windows_of(tokenizer, texts, contexts, long_texts="first", overlap=0)[0]


def count_windows(
    tokenizer: Any,
    texts: Sequence[str],
    contexts: Sequence[str] | None = None,
    *,
    long_texts: LongTexts,
    overlap: int,
) -> list[int]:
    """Return in how many windows each text is read (see `windows_of`); only what may be long is tokenized."""
    counts = [1] * len(texts)
    if long_texts == "first":
        return counts
    # A text of plain ASCII has no more tokens than characters; a tokenizer may add one for a space before it.
    limit, paired = tokenizer.model_max_length, contexts is not None
    sure = limit - Frame.of(tokenizer, pair=paired).size - paired * (limit // CONTEXT_SHARE)
    doubtful = [row for row, text in enumerate(texts) if len(text) >= sure or not text.isascii()]
    for part in passes([texts[row] for row in doubtful]):
        chosen = doubtful[part]
        beside = None if contexts is None else [contexts[row] for row in chosen]
        encoded = _encoded(tokenizer, [texts[row] for row in chosen], beside)
        for row, (_, text, _, room) in zip(chosen, encoded, strict=True):
            counts[row] = len(_starts(len(text), room, overlap))
    return counts


def tell_of_long_texts(tokenizer: Any, texts: Sequence[str], contexts: Sequence[str] | None) -> None:
    """Log how many training texts are longer than a model takes, and that their first window alone teaches."""
    counts = count_windows(tokenizer, texts, contexts, long_texts="max", overlap=0)
    long = sum(count > 1 for count in counts)
    if long:
        log.warning(
            "%d of %d training texts are longer than max_length (%d tokens) and teach by their first window alone",
            long,
            len(texts),
            tokenizer.model_max_length,
        )


def pool_windows(values: np.ndarray, owners: np.ndarray, *, how: LongTexts) -> np.ndarray:
    """Return (n, k): the values (rows, k) of each text's windows pooled per label.

    Args:
        values: Log-odds or probabilities of the rows that `windows_of` gave.
        owners: What it gave with them; every text has a row.
        how: ``"max"`` or ``"mean"``; of a single window both are the window itself.
    """
    starts = np.flatnonzero(np.diff(owners, prepend=-1))
    if len(starts) == len(values):
        return values
    if how == "max":
        return np.asarray(np.maximum.reduceat(values, starts, axis=0))
    sizes = np.diff(starts, append=len(values)).astype(values.dtype)
    return np.asarray(np.add.reduceat(values, starts, axis=0) / sizes[:, None])


def passes(texts: Sequence[str]) -> Iterator[slice]:
    """Part texts into runs that are tokenized and sorted together: 4,096 texts, fewer where they are long."""
    start, held = 0, 0
    for row, text in enumerate(texts):
        size = min(len(text), MAX_CHARACTERS)
        if row > start and (row - start >= WINDOW or held + size > PASS_CHARACTERS):
            yield slice(start, row)
            start, held = row, 0
        held += size
    if start < len(texts):
        yield slice(start, len(texts))


def _encoded(
    tokenizer: Any, texts: Sequence[str], contexts: Sequence[str] | None
) -> Iterator[tuple[Frame, list[int], list[int], int]]:
    """Yield each text's frame, its tokens, its context's, and how many of its tokens fit in a row."""
    backend, limit = tokenizer.backend_tokenizer, tokenizer.model_max_length
    backend.no_truncation()  # a call of the tokenizer's own with truncation leaves it set
    backend.no_padding()
    encoded = backend.encode_batch_fast([text[:MAX_CHARACTERS] for text in texts], add_special_tokens=False)
    given = [""] * len(texts) if contexts is None else [context[-MAX_CHARACTERS:] for context in contexts]
    beside = backend.encode_batch_fast(given, add_special_tokens=False)
    alone = Frame.of(tokenizer, pair=False)
    pair = Frame.of(tokenizer, pair=True) if any(given) else alone
    for text, context in zip(encoded, beside, strict=True):
        kept = context.ids[-(limit // CONTEXT_SHARE) :]
        frame = pair if kept else alone
        yield frame, text.ids, kept, max(1, limit - frame.size - len(kept))


def _starts(length: int, room: int, overlap: int) -> list[int]:
    """Return where the windows of a text begin that has `length` tokens and shows `room` of them at a time."""
    if length <= room:
        return [0]
    step = room - min(overlap, room // 2)
    return [*range(0, length - room, step), length - room]
