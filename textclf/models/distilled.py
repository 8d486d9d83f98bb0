"""A small model that learns from a large one: from its probabilities, besides the answers people gave.

The teacher, a bundle or a kind that is trained first, answers for every training text, and for texts nobody has
labelled. What is kept is the student alone, and it is stored and served as its own kind would be.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from pydantic import BeforeValidator, Field, model_validator

from textclf.calibration import sigmoid
from textclf.errors import ModelError
from textclf.files import sha256_of
from textclf.labels import LabelSet
from textclf.models.epoch_hook import unreported
from textclf.models.interface import (
    CountsWindows,
    HeldOut,
    Kind,
    Options,
    TakesCalibration,
    Trainable,
    Validation,
    constant_columns,
)
from textclf.models.members import Member, MemberOptions, class_of, options_of, read_member, train_member
from textclf.progress import log


class StudentOptions(Options):
    """What learns: a kind and its options."""

    kind: str = Field(description="A kind that can match probabilities: static, tfidf, finetuned, frozen_encoder.")
    options: dict[str, Any] = Field(default_factory=dict, description="Of that kind.")

    @model_validator(mode="after")
    def _can_learn(self) -> Self:
        options_of(self.kind, self.options)
        if not class_of(self.kind).takes_probabilities:
            raise ValueError(f"a student of the kind {self.kind} cannot match probabilities; static, for one, can")
        return self


def _bundle(given: Any) -> Any:
    return {"bundle": given} if isinstance(given, (str, Path)) else given


def _kind(given: Any) -> Any:
    return {"kind": given} if isinstance(given, str) else given


class DistilledOptions(Options):
    """Options of the `distilled` kind."""

    teacher: Annotated[MemberOptions, BeforeValidator(_bundle)] = Field(
        description="The folder of a trained model; or a kind with its options, which is trained first."
    )
    student: Annotated[StudentOptions, BeforeValidator(_kind)] = Field(
        StudentOptions(kind="static"), description="A kind, or a kind with its options."
    )
    teacher_weight: float = Field(
        0.5, ge=0, le=1, description="What the teacher counts against a known answer; unknown ones are its alone."
    )
    temperature: float = Field(1.0, gt=0, description="The teacher's log-odds are divided by this.")

    def bundles(self) -> tuple[Path, ...]:
        """Return the teacher's folder, where it is a bundle (see `Options.bundles`)."""
        if self.teacher.bundle is not None:
            return (self.teacher.bundle,)
        return options_of(str(self.teacher.kind), self.teacher.options).bundles()


class Distilled(Kind):
    """A student, trained on a teacher's probabilities and on known answers."""

    options_type: ClassVar[type[Options]] = DistilledOptions

    options: DistilledOptions
    student: Trainable
    scale_logits: Callable[[np.ndarray, np.ndarray], None]  # where the student has it (see `TakesCalibration`)
    count_windows: Callable[[Sequence[str], Sequence[str] | None], list[int]]  # as well (see `CountsWindows`)
    trained = False

    def __init__(self, labels: LabelSet, options: DistilledOptions, *, seed: int) -> None:
        super().__init__(labels, options, seed=seed)
        kind = options.student.kind
        self._put_in_place(class_of(kind)(labels, options_of(kind, options.student.options), seed=seed))
        self._unlabelled: tuple[list[str], list[str] | None] = ([], None)

    def take_unlabelled(self, texts: Sequence[str], contexts: Sequence[str] | None = None) -> None:
        """Keep texts that the teacher is to answer for (see `TakesUnlabelled`)."""
        self._unlabelled = (list(texts), None if contexts is None else list(contexts))

    def fit(
        self,
        texts: Sequence[str],
        targets: np.ndarray,
        *,
        contexts: Sequence[str] | None = None,
        validation: Validation | None = None,
    ) -> Self:
        """Learn from texts and targets (see `Trainable.fit`), and from what the teacher says of more texts.

        A label with only one known answer has it everywhere, whatever the teacher says.

        Raises:
            ModelError: When the teacher is missing, or has other labels or another order of them.
        """
        started = time.perf_counter()
        held_out = None if validation is None else HeldOut(*validation)
        teacher = self._teacher(texts, targets, contexts, held_out)
        more, beside = self._unlabelled
        log.info("the teacher answers for %d training texts and %d more", len(texts), len(more))
        answers = [self._ask(teacher, texts, contexts), self._ask(teacher, more, beside)]
        learned = blend(targets, answers[0], self.options.teacher_weight)
        wanted = np.concatenate([learned, answers[1]]).astype(np.float32)
        for column, probability in constant_columns(targets).items():
            wanted[:, column] = round(probability)
        together = None
        if contexts is not None or beside is not None:
            together = [*(contexts or [""] * len(texts)), *(beside or [""] * len(more))]
        self.student.fit([*texts, *more], wanted, contexts=together, validation=held_out)
        self.trained = True
        self.info = {
            "teacher": self._told_of(teacher),
            "student": {"kind": self.options.student.kind, **self.student.info},
            "texts": {"labelled": len(texts), "answered by the teacher alone": len(more)},
            "seconds": round(time.perf_counter() - started, 3),
        }
        return self

    def predict_proba(self, texts: Sequence[str], contexts: Sequence[str] | None = None) -> np.ndarray:
        """Return float32 (n, k): what the student gives (see `Predictor.predict_proba`)."""
        if not self.trained:
            raise ModelError("this distilled model is not trained; call fit first")
        return self.student.predict_proba(texts, contexts)

    def save(self, folder: Path) -> None:
        """Write what the student writes; the teacher is not needed again."""
        self.student.save(folder)

    @classmethod
    def load(cls, folder: Path, labels: LabelSet, options: DistilledOptions, *, seed: int) -> Self:
        """Read back what `save` wrote."""
        model = cls(labels, options, seed=seed)
        kind = options.student.kind
        own = options_of(kind, options.student.options)
        model._put_in_place(class_of(kind).load(folder, labels, own, seed=seed))
        model.trained = True
        return model

    def _put_in_place(self, student: Trainable) -> None:
        """Take a student, and what it can do besides: jobs ask whether a model can."""
        self.student = student
        if isinstance(student, TakesCalibration):
            self.scale_logits = student.scale_logits
        if isinstance(student, CountsWindows):
            self.count_windows = student.count_windows

    def _teacher(
        self, texts: Sequence[str], targets: np.ndarray, contexts: Sequence[str] | None, held_out: HeldOut | None
    ) -> Member:
        given = self.options.teacher
        if given.bundle is not None:
            return read_member(given.bundle, self.labels, what="the teacher")
        log.info("training the teacher: %s", given.kind)
        with unreported():
            return train_member(
                str(given.kind),
                given.options,
                self.labels,
                texts,
                targets,
                contexts=contexts,
                held_out=held_out,
                seed=self.seed,
            )

    def _told_of(self, teacher: Member) -> dict[str, str]:
        """Return the teacher's kind, and of a bundle the SHA-256 of its manifest."""
        path = self.options.teacher.bundle
        manifest = None if path is None else path / "manifest.json"
        if manifest is None or not manifest.is_file():
            return {"kind": teacher.kind}
        return {"kind": teacher.kind, "sha256": sha256_of(manifest)}

    def _ask(self, teacher: Member, texts: Sequence[str], contexts: Sequence[str] | None) -> np.ndarray:
        """Return the teacher's probabilities (n, k) at the temperature; one trained without contexts is given none."""
        found = teacher.log_odds(texts, contexts if teacher.reads_contexts else None)
        return soften(found, self.options.temperature)


def soften(log_odds: np.ndarray, temperature: float) -> np.ndarray:
    """Return probabilities (n, k) from log-odds divided by a temperature: above 1 they are less sure."""
    return np.asarray(sigmoid(log_odds / temperature))


def blend(targets: np.ndarray, probabilities: np.ndarray, teacher_weight: float) -> np.ndarray:
    """Return what a student is to match (n, k): a known answer and the teacher's, weighed; the teacher's where unknown.

    Args:
        targets: float32 (n, k): 1, 0 or NaN.
        probabilities: (n, k): the teacher's.
        teacher_weight: From 0, the known answer alone, to 1, the teacher's alone.
    """
    weighed = teacher_weight * probabilities + (1 - teacher_weight) * targets
    return np.where(np.isnan(targets), probabilities, weighed)
