"""Sentence embeddings kept on disk by the content they were made from, so that no text is embedded twice."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from textclf.progress import log


def cache_folder() -> Path | None:
    """Return the folder for caches: `TEXTCLF_CACHE`, or `textclf` in the user's cache folder; None without a home."""
    given = os.environ.get("TEXTCLF_CACHE")
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return Path(given) if given else (Path(base) if base else Path.home() / ".cache") / "textclf"
    except RuntimeError:  # HOME is not set, and the system knows no home of this user
        log.warning("there is no home folder, so no embeddings are kept; name a folder for them in TEXTCLF_CACHE")
        return None


def row_key(row: Mapping[str, Sequence[int]]) -> bytes:
    """Return the key of a row of tokens: SHA-256 of every input it gives a model, by name."""
    digest = hashlib.sha256()
    for name, values in sorted(row.items()):
        digest.update(f"{name}:{len(values)}:".encode())
        digest.update(np.asarray(values, dtype="<i4").tobytes())
    return digest.digest()


class EmbeddingCache:
    """Embeddings of one encoder with one setting, in one SQLite file, safe for several processes at once.

    Args:
        name: Names encoder and setting by their content; another name is another file.
        width: The length of an embedding.
        folder: Where the file lies; by default `cache_folder()`.
    """

    def __init__(self, name: str, *, width: int, folder: Path | None = None) -> None:
        folder = folder or cache_folder()
        self.path = None if folder is None else folder / "embeddings" / f"{name}.sqlite"
        self.width = width

    def get(self, keys: Sequence[bytes]) -> dict[bytes, np.ndarray]:
        """Return the embeddings known, by key; an unreadable cache knows none."""
        found: dict[bytes, np.ndarray] = {}
        if self.path is None or not _is_file(self.path):
            return found
        try:
            with closing(_connect(self.path)) as connection:
                for start in range(0, len(keys), 500):
                    part = keys[start : start + 500]
                    marks = ",".join("?" * len(part))
                    rows = connection.execute(
                        f"SELECT key, vector FROM embeddings WHERE key IN ({marks})",  # noqa: S608 (marks only)
                        part,
                    )
                    for key, vector in rows:
                        if len(vector) == 4 * self.width:
                            found[key] = np.frombuffer(vector, dtype="<f4")
        except (sqlite3.Error, OSError) as fault:
            log.warning("the embedding cache %s cannot be read (%s); going on without it", self.path, fault)
        return found

    def put(self, embeddings: Mapping[bytes, np.ndarray]) -> None:
        """Keep embeddings; a cache that cannot be written is left alone with a warning."""
        if self.path is None:
            return
        rows = [(key, np.asarray(vector, dtype="<f4").tobytes()) for key, vector in embeddings.items()]
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(_connect(self.path)) as connection, connection:
                connection.execute("CREATE TABLE IF NOT EXISTS embeddings (key BLOB PRIMARY KEY, vector BLOB)")
                connection.executemany("INSERT OR IGNORE INTO embeddings VALUES (?, ?)", rows)
        except (sqlite3.Error, OSError) as fault:
            log.warning("the embedding cache %s cannot be written (%s); going on without it", self.path, fault)


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=30)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a home that may not be entered
        return False
