"""What every model is: something that turns texts into probabilities, and may learn to.

A model never reads a file of data, never splits, never chooses thresholds. Jobs, server and reports know only these
protocols, so a new kind is one file in this folder, one line in `registry.py` and one YAML in `configs/`.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol, Self, runtime_checkable

import numpy as np
from pydantic import BaseModel, ConfigDict

from textclf.errors import ModelError, TextclfWarning
from textclf.labels import LabelSet


class Options(BaseModel):
    """The options of a kind: what stands under `model.options` in a config. Unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def bundles(self) -> tuple[Path, ...]:
        """Return the trained models a model with these options learns from: what they have seen, it has seen."""
        return ()


class Predictor(Protocol):
    """Anything that serves: trained, exported, remote."""

    labels: LabelSet

    def predict_proba(self, texts: Sequence[str], contexts: Sequence[str] | None = None) -> np.ndarray:
        """Return float32 (n, k): the probability of each label for each text.

        Rows keep the order of `texts`; no texts gives ``(0, k)``; what stands beside a text in the list never changes
        its row beyond float rounding.

        Args:
            texts: The n texts.
            contexts: What stands around each text in its article, for models that were trained to read it; an empty
                context, or no contexts at all, is the text alone.
        """
        ...


class HeldOut(NamedTuple):
    """Held-out texts, for kinds that stop early; a plain pair of texts and targets does as well.

    Attributes:
        texts: The n paragraphs.
        targets: float32 (n, k): 1, 0, or NaN for unknown.
        contexts: Their n contexts, if the model is to read them.
    """

    texts: Sequence[str]
    targets: np.ndarray
    contexts: Sequence[str] | None = None


Validation = HeldOut | tuple[Sequence[str], np.ndarray]


class Trainable(Predictor, Protocol):
    """A predictor that learns from texts and can be stored in a folder."""

    options_type: ClassVar[type[Options]]
    taught: ClassVar[bool]  # whether targets teach it anything
    takes_probabilities: ClassVar[bool]  # whether a target between 0 and 1 is a probability it learns to match
    info: dict[str, Any]  # what training has to tell: epochs, losses, seconds; JSON-ready

    def __init__(self, labels: LabelSet, options: Any, *, seed: int) -> None: ...

    def fit(
        self,
        texts: Sequence[str],
        targets: np.ndarray,
        *,
        contexts: Sequence[str] | None = None,
        validation: Validation | None = None,
    ) -> Self:
        """Learn from n texts and their targets.

        Args:
            texts: The n paragraphs.
            targets: float32 (n, k): 1, 0, or NaN for unknown, which teaches nothing.
            contexts: What stands around each paragraph in its article; "" where nothing does.
            validation: Held-out texts and targets, for kinds that stop early.
        """
        ...

    def save(self, folder: Path) -> None:
        """Write everything `load` needs into an empty folder; no pickle."""
        ...

    @classmethod
    def load(cls, folder: Path, labels: LabelSet, options: Any, *, seed: int) -> Self:
        """Read back what `save` wrote; no code in the folder is run."""
        ...


@runtime_checkable
class TakesCalibration(Protocol):
    """A model that can work Platt scaling into its last layer, so that other tools see calibrated scores too."""

    def scale_logits(self, slopes: np.ndarray, intercepts: np.ndarray) -> None:
        """Replace each label's logit z (k,) by ``slope * z + intercept``."""
        ...


@runtime_checkable
class TakesUnlabelled(Protocol):
    """A model that can learn from texts nobody has labelled, besides those that are."""

    def take_unlabelled(self, texts: Sequence[str], contexts: Sequence[str] | None = None) -> None:
        """Keep m texts, and what stands around them, for the `fit` that follows."""
        ...


@runtime_checkable
class CountsWindows(Protocol):
    """A model that reads a long text in several overlapping windows."""

    def count_windows(self, texts: Sequence[str], contexts: Sequence[str] | None = None) -> list[int]:
        """Return in how many windows each text is read, beside its context: 1 for one that fits."""
        ...


class Drawing(NamedTuple):
    """A model as a graph, and what is needed to feed it.

    Attributes:
        graph: An ONNX ModelProto: token ids in, log-odds (b, k) out.
        tokenizer: A `tokenizers.Tokenizer` with neither truncation nor padding.
        options: What `textclf.models.exported.ExportedOptions` is to hold, but for the runtime.
    """

    graph: Any
    tokenizer: Any
    options: dict[str, Any]


@runtime_checkable
class Draws(Protocol):
    """A model that can be drawn as a graph, which runs without the libraries that trained it."""

    def draw(self) -> Drawing:
        """Return the model as a graph.

        Raises:
            ModelError: When its architecture has none.
        """
        ...


class Attribution(NamedTuple):
    """What the words of a text add to the log-odds a model gives, before any calibration outside its weights.

    Attributes:
        weights: float64 (words, k).
        baseline: float64 (k,): the log-odds with nothing of the text read.
        log_odds: float64 (k,): those of the text.
        method: How it was found: ``"exact"``, ``"integrated gradients"`` or ``"occlusion"``.
    """

    weights: np.ndarray
    baseline: np.ndarray
    log_odds: np.ndarray
    method: str


@runtime_checkable
class Explains(Protocol):
    """A model that knows better than by leaving words out what each of them adds (see `textclf.models.occlusion`)."""

    def attribute(
        self, text: str, spans: Sequence[tuple[int, int]], *, context: str = "", columns: Sequence[int]
    ) -> Attribution:
        """Return what each word of a text adds to the log-odds.

        Args:
            text: The text.
            spans: Where its words are, in order and apart.
            context: What stands around it, which is read and given no weight.
            columns: The labels asked for; the columns of others may hold anything.
        """
        ...


class Kind:
    """What every kind here begins with.

    Where `taught` is False, targets teach it nothing, and it needs none. Where `takes_probabilities` is True, targets
    may lie between 0 and 1.

    Args:
        labels: The labels, one output each.
        options: Of the kind's `options_type`.
        seed: For everything that draws.
    """

    taught: ClassVar[bool] = True
    takes_probabilities: ClassVar[bool] = False

    def __init__(self, labels: LabelSet, options: Any, *, seed: int) -> None:
        self.labels = labels
        self.options = options
        self.seed = seed
        self.info: dict[str, Any] = {}


class Served(Kind):
    """What kinds begin with that are made of trained models and learn nothing themselves; `made_by` says how."""

    taught: ClassVar[bool] = False
    made_by: ClassVar[str]

    def fit(
        self,
        texts: Sequence[str],
        targets: np.ndarray,
        *,
        contexts: Sequence[str] | None = None,
        validation: Validation | None = None,
    ) -> Self:
        """Refuse: it is made, not taught.

        Raises:
            ModelError: Always.
        """
        raise ModelError(f"such a model cannot be trained; {self.made_by}")


def warn_of_contexts(kind: str, contexts: Sequence[str] | None) -> None:
    """Warn that a kind reads a paragraph alone, where there is any context it was to read."""
    if contexts is not None and any(contexts):
        warnings.warn(
            f"the kind {kind} reads a paragraph alone; data.context changes nothing for it",
            TextclfWarning,
            stacklevel=3,
        )


def constant_columns(targets: np.ndarray) -> dict[int, float]:
    """Return the columns with nothing to learn from, and the probability to give instead.

    A label with no known positive is never given, one with no known negative always. A target between 0 and 1, a
    probability to be matched, is something of both.
    """
    has_yes, has_no = (targets > 0).any(axis=0), (targets < 1).any(axis=0)
    never = dict.fromkeys(np.flatnonzero(~has_yes).tolist(), 1e-6)
    return {**never, **dict.fromkeys(np.flatnonzero(has_yes & ~has_no).tolist(), 1 - 1e-6)}
