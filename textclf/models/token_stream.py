"""Articles as one long row of tokens, cut into full-length rows for a model: almost nothing is padding."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from textclf.models.whole_words import word_beginnings
from textclf.models.windows import Frame, Row
from textclf.records import MAX_CHARACTERS


@dataclass(frozen=True)
class TokenStream:
    """The tokens of articles, end to end, paragraph after paragraph.

    Attributes:
        ids: int32 (tokens,).
        begins: bool (tokens,): whether each begins a word.
        bounds: int64 (articles + 1,): where each article begins, and the end.
    """

    ids: np.ndarray
    begins: np.ndarray
    bounds: np.ndarray

    @classmethod
    def of(cls, tokenizer: Any, articles: Iterable[Sequence[str]]) -> TokenStream:
        """Tokenize articles, each given as its paragraphs; an article without a token is left out.

        Of a paragraph over 100,000 characters the first 100,000 are read.
        """
        ids, begins, bounds = [np.zeros(0, np.int32)], [np.zeros(0, bool)], [0]
        for paragraphs in articles:
            texts, size = [text[:MAX_CHARACTERS] for text in paragraphs], 0
            encoded = tokenizer.backend_tokenizer.encode_batch(texts, add_special_tokens=False)
            for text, encoding in zip(texts, encoded, strict=True):
                ids.append(np.array(encoding.ids, dtype=np.int32))
                begins.append(word_beginnings(text, encoding))
                size += len(encoding.ids)
            if size:
                bounds.append(bounds[-1] + size)
        return cls(np.concatenate(ids), np.concatenate(begins), np.array(bounds, dtype=np.int64))

    def __len__(self) -> int:
        """Return the number of articles."""
        return len(self.bounds) - 1

    def take(self, articles: np.ndarray) -> TokenStream:
        """Return the stream of these articles alone, in the order given."""
        parts = [slice(self.bounds[a], self.bounds[a + 1]) for a in articles]
        sizes = [0, *(part.stop - part.start for part in parts)]
        ids = np.concatenate([self.ids[:0], *(self.ids[part] for part in parts)])
        begins = np.concatenate([self.begins[:0], *(self.begins[part] for part in parts)])
        return TokenStream(ids, begins, np.cumsum(sizes, dtype=np.int64))


class CutRows:
    """A stream cut into rows of equal length, the last one shorter; a separator stands between two articles.

    Args:
        stream: The articles, in the order they are to be laid.
        tokenizer: Its special tokens frame each row; its `model_max_length` is how long a row is.
    """

    def __init__(self, stream: TokenStream, tokenizer: Any) -> None:
        self.frame, self.names = Frame.of(tokenizer, pair=False), tokenizer.model_input_names
        self.room = tokenizer.model_max_length - self.frame.size
        between = stream.bounds[1:-1] if tokenizer.sep_token_id is not None else stream.bounds[:0]
        self.ids = np.insert(stream.ids, between, tokenizer.sep_token_id or 0)
        self.begins = np.insert(stream.begins, between, True)
        self.words = np.cumsum(self.begins, dtype=np.int64)
        self.words[np.isin(self.ids, tokenizer.all_special_ids)] = -1

    def __len__(self) -> int:
        """Return the number of rows."""
        return int(-(-len(self.ids) // self.room))

    def row(self, number: int) -> tuple[Row, np.ndarray]:
        """Return a row, and int64 (tokens,): the word of each token.

        The word is below 0 for special tokens, and for a word that the row's edge cuts: it could not be hidden whole.
        """
        start, end = number * self.room, min((number + 1) * self.room, len(self.ids))
        words = self.words[start:end].copy()
        if not self.begins[start]:
            words[words == words[0]] = -1
        if end < len(self.ids) and not self.begins[end]:
            words[words == words[-1]] = -1
        row = self.frame.row(self.ids[start:end].tolist(), [], self.names)
        outside = np.full(len(self.frame.before), -1), np.full(len(self.frame.after), -1)
        return row, np.concatenate([outside[0], words, outside[1]])
