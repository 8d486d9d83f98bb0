"""The articles a model has met, as its card names them: by their ids, or by hashes of these where it was published."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

IDS, HASHES = "article_ids", "article_id_sha256"
LISTED = ("articles_seen_in_training", "articles_thresholds_were_fitted_on")  # other places in a card that hold ids


@dataclass(frozen=True)
class KnownIds:
    """A set of article ids, some of them known by their hash alone; ``in`` asks after an id in the clear."""

    ids: frozenset[str] = frozenset()
    hashes: frozenset[str] = frozenset()

    def __contains__(self, article_id: str) -> bool:
        return article_id in self.ids or (bool(self.hashes) and hash_of(article_id) in self.hashes)

    def __or__(self, other: KnownIds) -> KnownIds:
        return KnownIds(self.ids | other.ids, self.hashes | other.hashes)


def hash_of(article_id: str) -> str:
    """Return the SHA-256 of an article's id, in hexadecimal."""
    return hashlib.sha256(article_id.encode("utf-8", errors="surrogatepass")).hexdigest()


def ids_in(described: Mapping[str, Any]) -> KnownIds:
    """Return the ids that a description of articles holds, such as `data.train` of a card."""
    return KnownIds(frozenset(described.get(IDS, ())), frozenset(described.get(HASHES, ())))


def met_by(card: Mapping[str, Any], split: str) -> KnownIds:
    """Return the ids of the articles that a model was trained on (``"train"``) or fitted on (``"validation"``)."""
    return ids_in(card.get("data", {}).get(split, {}))


def without_ids(record: Any) -> Any:
    """Return a JSON-ready record in which every list of article ids is a list of hashes, or gone.

    Whoever has the ids can still tell whether an article is among them. A hash does not hide an id that can be
    guessed.
    """
    if isinstance(record, Mapping):
        listed = {key for key in (IDS, *LISTED) if isinstance(record.get(key), list)}  # a label may have such a name
        kept = {key: without_ids(value) for key, value in record.items() if key not in listed}
        if IDS in listed:
            kept[HASHES] = sorted(map(hash_of, record[IDS]))
        return kept
    return [without_ids(value) for value in record] if isinstance(record, (list, tuple)) else record
