"""The model a server holds: which it is, what it does with a batch, and how another takes its place."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from textclf.bundle import MANIFEST, load_bundle
from textclf.errors import BundleError, ModelError, TextclfError
from textclf.files import sha256_of
from textclf.labeller import Labeller
from textclf.server.measures import Measures
from textclf.thresholds import decide
from textclf.version import __version__

WARMING = ("A short text.", "A longer text, of more than one sentence. " * 40)
PRIVATE = ("article_ids",)


@dataclass(frozen=True, eq=False)
class Served:
    """A model that is loaded and warm.

    Attributes:
        labeller: The model itself.
        name: What it is called.
        digest: The SHA-256 of its bundle's manifest, which tells it from every other.
    """

    labeller: Labeller
    name: str
    digest: str

    @classmethod
    def load(cls, path: Path, *, name: str | None = None) -> Served:
        """Load a bundle and run it once, so that the first request waits no longer than others.

        Raises:
            BundleError: When it is missing, damaged, or exchanged meanwhile.
            ModelError: When it cannot be run.
        """
        digest = digest_of(path)
        labeller = load_bundle(path)
        if digest != digest_of(path):
            raise BundleError(f"{path} was exchanged while it was read; load it again")
        found = name or str(labeller.card.get("config", {}).get("name") or path.resolve().name)
        served = cls(labeller, found, digest)
        served.score([(text, "") for text in WARMING])
        return served

    @property
    def version(self) -> str:
        """A short form of the digest."""
        return self.digest[:12]

    @property
    def thresholds(self) -> dict[str, float]:
        """The threshold of each label."""
        return {
            name: round(float(t), 6) for name, t in zip(self.labeller.labels, self.labeller.thresholds, strict=True)
        }

    def identity(self) -> dict[str, str]:
        """Return which model this is, JSON-ready."""
        return {
            "name": self.name,
            "version": self.version,
            "manifest_sha256": self.digest,
            "textclf_version": __version__,
        }

    def score(self, items: Sequence[tuple[str, str]]) -> list[np.ndarray]:
        """Return the probabilities (k,) of each text, given with its context.

        Raises:
            ModelError: When the model gives what is no number.
        """
        texts, contexts = [text for text, _ in items], [context for _, context in items]
        found = self.labeller.predict_proba(texts, contexts if any(contexts) else None)
        if not np.isfinite(found).all():
            raise ModelError("the model gave a probability that is no number")
        return list(found)

    def explain(self, items: Sequence[tuple[str, str, tuple[str, ...]]]) -> list[dict[str, Any]]:
        """Return the explanation of each text, given with its context and the labels to explain; JSON-ready."""
        return [self.labeller.explain(text, context, labels=labels).to_json(labels) for text, context, labels in items]

    def decide(self, row: np.ndarray) -> tuple[tuple[str, ...], dict[str, float]]:
        """Return the labels a text carries, and every label's score."""
        labels = self.labeller.labels.decode(decide(row[None], self.labeller.thresholds))[0]
        return labels, {name: round(float(p), 6) for name, p in zip(self.labeller.labels, row, strict=True)}

    def card(self) -> dict[str, Any]:
        """Return what is known of the model, without the ids of the articles it learnt from."""
        return {**without(dict(self.labeller.card), PRIVATE), "served_as": self.identity()}


class Shelf:
    """Where the model of a server stands; another may take its place while it works.

    Args:
        path: The bundle's folder, which is read again on `reload`.
        served: The model as loaded from it.
        measures: Is told of reloads.
    """

    def __init__(self, path: Path, served: Served, *, name: str | None, measures: Measures) -> None:
        self.path, self.current, self._name, self._measures = path, served, name, measures
        self._one = asyncio.Lock()
        measures.model(served.name, served.version)

    async def reload(self) -> Served:
        """Load the bundle again, beside the old model, and put it in its place; work that waits keeps the old one.

        Raises:
            BundleError: When the new one does not load or run. The old one stays.
        """
        async with self._one:
            future = asyncio.get_running_loop().run_in_executor(None, lambda: Served.load(self.path, name=self._name))
            await asyncio.wait([future])  # whatever a broken bundle raises, the old model goes on
            fault = future.exception()
            if fault is not None:
                self._measures.reload(result="refused")
                told = str(fault) if isinstance(fault, TextclfError) else type(fault).__name__
                raise BundleError(f"the new model is refused and the old one kept: {told}") from fault
            self.current = future.result()
            self._measures.reload(result="done")
            self._measures.model(self.current.name, self.current.version)
            return self.current


def without(record: dict[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    """Return a record without some keys, at any depth."""
    return {
        key: without(value, keys) if isinstance(value, dict) else value
        for key, value in record.items()
        if key not in keys
    }


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a bundle's manifest; "" where there is none."""
    manifest = path / MANIFEST
    return sha256_of(manifest) if manifest.is_file() else ""
