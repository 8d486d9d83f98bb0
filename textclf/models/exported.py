"""A model that was exported to a graph: it serves like the one it came from, with neither torch nor transformers.

To predict it needs `tokenizers`, numpy and a runtime alone.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from textclf.calibration import log_odds, sigmoid
from textclf.errors import BundleError
from textclf.labels import LabelSet
from textclf.models.interface import Options, Served
from textclf.models.processor import NARROW, multiplies_bytes
from textclf.models.running import cores, padded, run_batches, run_texts
from textclf.models.runtimes import Precision, Run, Runtime, open_graph
from textclf.models.tokenizer_file import open_tokenizer
from textclf.models.windows import LongTexts, Row, count_windows, windows_of
from textclf.progress import log

BATCH_SIZES = (256, 512, 1_024, 2_048, 4_096)  # tokens; tried when a model is exported
TURNS = 3
GRAPH, TOKENIZER, SHIFTS = "model.onnx", "tokenizer.json", "shifts.json"


class ExportedOptions(Options):
    """Options of an exported model; written by `textclf export`."""

    runtime: Runtime = Field("onnx", description="What runs the graph: ONNX Runtime or OpenVINO.")
    precision: Precision = Field("auto", description="auto: OpenVINO may work in bfloat16.")
    inputs: tuple[str, ...] = Field(("input_ids", "attention_mask"), description="The graph's inputs.")
    padding: int = Field(0, ge=0, description="The token that fills a batch.")
    max_length: int = Field(256, ge=8, description="Tokens read at a time.")
    long_texts: LongTexts = "max"
    overlap: int = Field(64, ge=0)
    pools: Literal["log_odds", "probabilities"] = Field("log_odds", description="What the windows of a text pool.")
    batch_tokens: int = Field(1_024, ge=1, description="Tokens of a batch, padding counted.")
    weight_levels: int = Field(0, ge=0, le=127, description="Greatest weight of layers in integers; 0 where none are.")


@dataclass
class PlainTokenizer:
    """The parts of a transformers tokenizer that `windows` reads."""

    backend_tokenizer: Any
    model_input_names: Sequence[str]
    model_max_length: int


class Exported(Served):
    """A graph, a tokenizer and what calibration was added since."""

    options_type: ClassVar[type[Options]] = ExportedOptions
    made_by: ClassVar[str] = "train the model it was exported from, then: textclf export MODEL DIR"

    options: ExportedOptions
    folder: Path
    tokenizer: PlainTokenizer
    slopes: np.ndarray
    intercepts: np.ndarray
    _run: Run

    def predict_proba(self, texts: Sequence[str], contexts: Sequence[str] | None = None) -> np.ndarray:
        """Return float32 (n, k) (see `Predictor.predict_proba`)."""
        pools_odds = self.options.pools == "log_odds"

        def run_rows(rows: Sequence[Row], show: bool) -> np.ndarray:
            """Return what the windows of a text are pooled by."""
            found = run_batches(
                rows,
                self._run_batch,
                width=len(self.labels),
                batch_tokens=self.options.batch_tokens,
                threads=cores(),
                show=show,
            )
            return found if pools_odds else np.asarray(sigmoid(found), dtype=np.float32)

        values = run_texts(
            texts,
            contexts,
            tokenizer=self.tokenizer,
            run_rows=run_rows,
            width=len(self.labels),
            long_texts=self.options.long_texts,
            overlap=self.options.overlap,
        )
        if not pools_odds and (self.slopes == 1).all() and (self.intercepts == 0).all():
            return values
        odds = values if pools_odds else log_odds(values)
        return np.asarray(sigmoid(odds * self.slopes + self.intercepts), dtype=np.float32)

    def fastest_batches(self, texts: Sequence[str]) -> int:
        """Return the number of tokens of a batch with which these texts take the least processor time here.

        How much of a batch the processor's cache holds decides, so it hangs on the machine, the runtime and the graph.
        """
        rows, _ = windows_of(self.tokenizer, texts, None, long_texts=self.options.long_texts, overlap=0)

        def seconds(batch_tokens: int) -> float:
            """Return the processor time of running the rows once."""
            started = time.process_time()
            run_batches(rows, self._run_batch, width=len(self.labels), batch_tokens=batch_tokens)
            return time.process_time() - started

        seconds(BATCH_SIZES[0])  # so that the first size does not pay for waking the runtime
        times = np.array([[seconds(size) for size in BATCH_SIZES] for _ in range(TURNS)])
        return BATCH_SIZES[int(times.min(axis=0).argmin())]

    def count_windows(self, texts: Sequence[str], contexts: Sequence[str] | None = None) -> list[int]:
        """Return in how many windows each text is read (see `CountsWindows`)."""
        how, overlap = self.options.long_texts, self.options.overlap
        return count_windows(self.tokenizer, texts, contexts, long_texts=how, overlap=overlap)

    def scale_logits(self, slopes: np.ndarray, intercepts: np.ndarray) -> None:
        """Put ``slope * logit + intercept`` per label after the graph (see `TakesCalibration`)."""
        self.slopes, self.intercepts = self.slopes * slopes, self.intercepts * slopes + intercepts

    def save(self, folder: Path) -> None:
        """Copy the graph and the tokenizer, and write what was added to the logits."""
        for name in (GRAPH, TOKENIZER):
            shutil.copyfile(self.folder / name, folder / name)
        write_shifts(folder, self.slopes, self.intercepts)

    @classmethod
    def load(cls, folder: Path, labels: LabelSet, options: ExportedOptions, *, seed: int) -> Self:
        """Open graph and tokenizer.

        Raises:
            BundleError: When graph, tokenizer and labels do not fit each other.
            ModelError: When the runtime cannot run the graph here.
            MissingExtraError: When the runtime is not installed.
        """
        model = cls(labels, options, seed=seed)
        model.folder = folder
        backend = open_tokenizer(folder / TOKENIZER)
        model.tokenizer = PlainTokenizer(backend, options.inputs, options.max_length)
        shifts = json.loads((folder / SHIFTS).read_text(encoding="utf-8"))
        model.slopes, model.intercepts = np.array(shifts["slopes"]), np.array(shifts["intercepts"])
        if options.weight_levels > NARROW and not multiplies_bytes():
            log.warning(
                "the integers of this model were made for another processor; on this one sums of their products may "
                "overflow and scores be wrong. Export the model here again, or without --int8"
            )
        model._run = open_graph(folder / GRAPH, runtime=options.runtime, precision=options.precision)
        width = model._run(padded([{"input_ids": [options.padding] * 3}], names=options.inputs, padding=0)).shape
        if width != (1, len(labels)) or not model.slopes.shape == model.intercepts.shape == (len(labels),):
            raise BundleError(f"{folder}: a graph with outputs {width} does not fit {len(labels)} labels")
        return model

    def _run_batch(self, rows: list[Row]) -> np.ndarray:
        return self._run(padded(rows, names=self.options.inputs, padding=self.options.padding))


def write_shifts(folder: Path, slopes: np.ndarray, intercepts: np.ndarray) -> None:
    """Write what is done to each label's logit after the graph: ``slope * logit + intercept``."""
    shifts = {"slopes": slopes.tolist(), "intercepts": intercepts.tolist()}
    (folder / SHIFTS).write_text(json.dumps(shifts), encoding="utf-8")
