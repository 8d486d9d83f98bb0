"""How texts go through a model that reads tokens, whatever runs it.

Texts are tokenized some thousands at a time, the next ones while the present ones run; rows that are alike are computed
once; batches hold rows of like length, up to a budget of tokens; several may run at once; results go back in order.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from textclf.models.batching import BATCH_TOKENS, WINDOW, batches_by_length
from textclf.models.windows import LongTexts, Row, passes, pool_windows, windows_of
from textclf.progress import track

RunRows = Callable[[Sequence[Row], bool], np.ndarray]


def run_texts(
    texts: Sequence[str],
    contexts: Sequence[str] | None,
    *,
    tokenizer: Any,
    run_rows: RunRows,
    width: int,
    long_texts: LongTexts,
    overlap: int,
) -> np.ndarray:
    """Return float32 (n, width): what a model gives for each text, its windows pooled, rows in order.

    Args:
        texts: The n texts.
        contexts: Their n contexts, or None.
        tokenizer: As `windows_of` takes it.
        run_rows: Turns m rows of tokens into (m, width), in order; the second argument says whether to show progress.
        width: Numbers for each text.
        long_texts: How the windows of a long text are pooled.
        overlap: Tokens that neighbouring windows share.
    """
    results = np.zeros((len(texts), width), dtype=np.float32)
    tokenized = _tokenized(texts, contexts, tokenizer=tokenizer, long_texts=long_texts, overlap=overlap)
    for part, rows, owners in tokenized:
        kept, which = distinct(rows)
        found = run_rows([rows[i] for i in kept], len(texts) <= WINDOW)
        results[part] = pool_windows(found[which], owners, how=long_texts)
    return results


def _tokenized(
    texts: Sequence[str], contexts: Sequence[str] | None, **settings: Any
) -> Iterator[tuple[slice, list[Row], np.ndarray]]:
    """Yield each part of the texts, its rows and their owners; the next part is made while one is used."""
    tokenizer = settings.pop("tokenizer")

    def make(part: slice) -> tuple[slice, list[Row], np.ndarray]:
        beside = None if contexts is None else contexts[part]
        return (part, *windows_of(tokenizer, texts[part], beside, **settings))

    parts = iter(passes(texts))
    first = next(parts, None)
    if first is None:
        return
    following = next(parts, None)
    if following is None:  # nothing to do meanwhile, and a thread costs a little
        yield make(first)
        return
    with ThreadPoolExecutor(max_workers=1) as ahead:
        present = ahead.submit(make, first)
        while following is not None:
            coming = ahead.submit(make, following)
            yield present.result()
            present, following = coming, next(parts, None)
        yield present.result()


def distinct(rows: Sequence[Row]) -> tuple[list[int], np.ndarray]:
    """Return the first of each set of equal rows, and int64 (n,): which of those each row is."""
    kept: list[int] = []
    places: dict[tuple[bytes, ...], int] = {}
    which = np.empty(len(rows), dtype=np.int64)
    for number, row in enumerate(rows):
        key = tuple(np.asarray(values, dtype=np.int32).tobytes() for values in row.values())
        if key not in places:
            places[key] = len(kept)
            kept.append(number)
        which[number] = places[key]
    return kept, which


def run_batches(
    rows: Sequence[Row],
    run_batch: Callable[[list[Row]], np.ndarray],
    *,
    width: int,
    batch_tokens: int = BATCH_TOKENS,
    threads: int = 1,
    show: bool = False,
) -> np.ndarray:
    """Return float32 (n, width): what a model gives for rows, run in batches of like length.

    Args:
        rows: The n rows.
        run_batch: Turns m rows of like length into (m, width).
        width: Numbers for each row.
        batch_tokens: The most tokens of a batch, padding counted.
        threads: Batches run at once; there are at least so many, where there are rows for them.
        show: Whether to show progress.
    """
    results = np.zeros((len(rows), width), dtype=np.float32)
    batches = batches_by_length([len(row["input_ids"]) for row in rows], max_tokens=batch_tokens)
    if 0 < len(batches) < threads:  # few rows, too, keep every thread at work
        pieces = -(-threads // len(batches))
        batches = [piece for batch in batches for piece in np.array_split(batch, pieces) if len(piece)]

    def run(batch: np.ndarray) -> None:
        results[batch] = run_batch([rows[i] for i in batch])

    shown = track(batches, what="predicting") if show else batches
    if threads == 1 or len(batches) == 1:
        for batch in shown:
            run(batch)
        return results
    with ThreadPoolExecutor(max_workers=threads) as pool:
        pending = [pool.submit(run, batch) for batch in batches]
        for done in track(pending, what="predicting") if show else pending:
            done.result()
    return results


def cores() -> int:
    """Return how many cores this process may use."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdigit() and int(asked) > 0:
        return int(asked)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def padded(rows: Sequence[Row], *, names: Sequence[str], padding: int) -> dict[str, np.ndarray]:
    """Return int64 (n, longest) arrays of rows, padded on the right: ids with `padding`, the rest with 0."""
    longest = max(len(row["input_ids"]) for row in rows)
    arrays = {}
    for name in names:
        filled = np.full((len(rows), longest), padding if name == "input_ids" else 0, dtype=np.int64)
        for number, row in enumerate(rows):
            values = row.get(name)
            if values is None:  # a mask that the tokenizer does not name
                values = [1] * len(row["input_ids"])
            filled[number, : len(values)] = values
        arrays[name] = filled
    return arrays
