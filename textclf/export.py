"""Exporting: a trained bundle becomes one that runs fast, with neither torch nor transformers.

The graph is checked against the model it was drawn from. In 8-bit integers it is checked on validation articles, and
layers go back to float until the drift is inside what was asked for.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from textclf.bundle import MANIFEST, check_replaceable, load_bundle, save_bundle
from textclf.errors import BundleError, DataError, ModelError
from textclf.evaluate import paired_difference
from textclf.files import check_writable, sha256_of
from textclf.labeller import Labeller
from textclf.locks import held
from textclf.metrics import Scored
from textclf.models.exported import GRAPH, TOKENIZER, Exported, ExportedOptions, write_shifts
from textclf.models.interface import Drawing, Draws
from textclf.models.onnx_quantizing import LEVELS, Plan, plan_layers, quantized
from textclf.models.processor import NARROW, multiplies_bytes
from textclf.models.running import padded
from textclf.models.runtimes import Precision, Runtime, open_all_outputs
from textclf.models.windows import windows_of
from textclf.own_articles import own_articles
from textclf.progress import log
from textclf.records import Article, Examples
from textclf.thresholds import decide

SAMPLES = 128  # training paragraphs that integers are fitted on
CLOSE = 1e-4  # the most a probability may differ between a model and its float graph
RESAMPLES = 1_000
TIMED = 48  # texts that batches of several sizes are timed with
TIMED_TEXT = "Shelling resumed at dawn, and the council met the mediators again in the afternoon. " * 8


@dataclass(frozen=True)
class Drift:
    """How far an exported model's answers on validation articles are from those of the model it came from.

    Attributes:
        paragraphs: Paragraphs compared.
        greatest: The greatest difference of a probability.
        mean: The mean difference.
        flips: Decisions that came out otherwise.
        decisions: Decisions compared: paragraphs x labels.
        macro_f1: Macro-F1 of the exported model less that of the other, with its paired interval; NaN without labels.
        low: The interval's lower end.
        high: Its upper end.
    """

    paragraphs: int
    greatest: float
    mean: float
    flips: int
    decisions: int
    macro_f1: float
    low: float
    high: float

    @property
    def share(self) -> float:
        """The share of decisions that came out otherwise."""
        return self.flips / max(self.decisions, 1)

    def to_json(self) -> dict[str, Any]:
        """Return the drift JSON-ready; an undefined number is null."""
        found = {k: None if isinstance(v, float) and np.isnan(v) else v for k, v in asdict(self).items()}
        return {**found, "flip_share": self.share}


@dataclass(frozen=True)
class Export:
    """What an export gave.

    Attributes:
        model: The exported labeller, as saved.
        path: Its bundle.
        drift: Against the model it came from; None where there was nothing to compare on.
        layers: Linear layers of the graph, but for the head's.
        integer_layers: How many of them work in integers.
        bound: The most flips that were allowed, as a share.
        inside: Whether the drift is within the bound.
    """

    model: Labeller
    path: Path
    drift: Drift | None
    layers: int
    integer_layers: int
    bound: float
    inside: bool


def export(
    model: str | Path,
    out: str | Path,
    *,
    int8: bool = False,
    runtime: Runtime = "onnx",
    samples: Sequence[str | Path] = (),
    validation: Sequence[str | Path] = (),
    most_flips: float = 0.001,
) -> Export:
    """Write a bundle that runs by a graph runtime, numpy and `tokenizers` alone.

    Labels, thresholds and calibration are those of the model.

    Args:
        model: The bundle of a fine-tuned or frozen encoder (or `setfit`).
        out: The new bundle's folder.
        int8: Work in 8-bit integers where that keeps the decisions.
        runtime: ``"onnx"`` (ONNX Runtime) or ``"openvino"``.
        samples: Labelled files whose texts integers are fitted on; by default the model's training files.
        validation: Labelled files that drift is measured on; by default the model's validation files.
        most_flips: The share of decisions that may come out otherwise in integers; layers go back to float until it
            holds.

    Raises:
        BundleError: When the model cannot be read, or `out` holds something else.
        ModelError: When its kind or architecture cannot be exported, or the graph does not give what the model does.
        DataError: When integers are asked for and there are no texts to fit them on.
        LockedError: When another export into the same folder is under way.
    """
    model, out = Path(model), Path(out)
    if out.resolve() == model.resolve():
        raise BundleError(f"{out} is the model itself; write the exported one to another folder")
    check_replaceable(out)
    check_writable(out)
    before = load_bundle(model)
    if not isinstance(before.predictor, Draws):
        raise ModelError(
            f"a model of kind {before.card['kind']} is not exported: only encoders under a linear head are "
            f"(finetuned, frozen_encoder, setfit). tfidf and static run without torch as they are"
        )
    drawing = before.predictor.draw()
    held_out = own_articles(before, validation, split="validation")
    texts = _texts(own_articles(before, samples, split="train")) if int8 else []
    if int8 and not texts:
        raise DataError(
            "integers are fitted on training paragraphs, and the files the model was trained on are not to be found "
            "here; name labelled files of the same kind of text with --samples FILE"
        )
    with held(out, what="export"), TemporaryDirectory() as folder:
        maker = _Maker(before, drawing, runtime, Path(folder), held_out, texts)
        maker.check_float()
        plans = maker.plans() if int8 else []
        labeller, drift, kept = maker.within(plans, most_flips=most_flips)
        maker.tune(labeller)
        inside = drift is None or drift.share <= most_flips
        card = _card(before, labeller, drift, plans=plans, kept=kept, bound=most_flips, int8=int8)
        saved = save_bundle(labeller, out, kind="onnx", card=card)
    return Export(saved, out, drift, len(plans), len(kept), most_flips, inside)


class _Maker:
    """Makes labellers out of a drawing with more or fewer layers in integers, and measures them."""

    def __init__(
        self,
        before: Labeller,
        drawing: Drawing,
        runtime: Runtime,
        folder: Path,
        held_out: list[Article],
        texts: list[str],
    ) -> None:
        self.before, self.drawing, self.folder, self.texts = before, drawing, folder, texts
        self.options = ExportedOptions(**drawing.options, runtime=runtime)
        self.examples = Examples.of(held_out, before.labels, context=before.context) if held_out else None
        self.wanted = None
        if self.examples is not None:
            self.wanted = before.predict_proba(self.examples.texts, self.examples.contexts)

    def labeller(self, plans: Sequence[Plan], *, precision: Precision = "auto") -> Labeller:
        """Return the exported labeller with these layers in integers and the rest in some precision."""
        levels = _weight_levels()
        graph = quantized(self.drawing.graph, plans, levels=levels) if plans else self.drawing.graph
        folder = self.folder / f"{len(plans)}"
        folder.mkdir(exist_ok=True)
        (folder / GRAPH).write_bytes(graph.SerializeToString(deterministic=True))
        self.drawing.tokenizer.save(str(folder / TOKENIZER))
        write_shifts(folder, np.ones(len(self.before.labels)), np.zeros(len(self.before.labels)))
        options = self.options.model_copy(update={"precision": precision, "weight_levels": levels if plans else 0})
        predictor = Exported.load(folder, self.before.labels, options, seed=0)
        return Labeller(predictor, self.before.calibration, self.before.thresholds)

    def check_float(self) -> None:
        """Make sure that the float graph gives what the model gives."""
        texts = (self.examples.texts if self.examples is not None else self.texts)[:64]
        texts = [*texts, "Talks went on.", " ".join(["Shells fell on the town."] * 200)]
        found, wanted = (
            m.predictor.predict_proba(texts) for m in (self.labeller([], precision="float32"), self.before)
        )
        apart = float(np.abs(found - wanted).max())
        if not apart <= CLOSE:
            raise ModelError(f"the graph gives probabilities up to {apart:.2g} from the model's; it is not written")

    def measured(self, plans: Sequence[Plan], *, precision: Precision = "auto") -> tuple[Labeller, Drift | None]:
        """Return the labeller with these layers in integers and the rest in some precision, and its drift."""
        labeller = self.labeller(plans, precision=precision)
        if self.examples is None or self.wanted is None:
            return labeller, None
        found = labeller.predict_proba(self.examples.texts, self.examples.contexts)
        return labeller, drift_of(labeller, self.examples, found, self.wanted)

    def tune(self, labeller: Labeller) -> None:
        """Have the exported model use batches of the size that is fastest on this machine."""
        held_out = [] if self.examples is None else self.examples.texts
        texts = sorted([*held_out, *self.texts], key=len)[-TIMED:] or [TIMED_TEXT] * TIMED
        predictor: Exported = labeller.predictor  # type: ignore[assignment]
        size = predictor.fastest_batches(texts)
        predictor.options = predictor.options.model_copy(update={"batch_tokens": size})

    def plans(self) -> list[Plan]:
        """Choose how each linear layer becomes integers."""
        log.info("fitting integers on %d training paragraphs", len(self.texts))
        if not multiplies_bytes():
            log.info("this processor adds products of bytes in 16 bits: weights are kept half as large, so as to fit")
        options = self.options
        feed = Exported.load(self.folder / "0", self.before.labels, options, seed=0).tokenizer
        rows, _ = windows_of(feed, self.texts, None, long_texts="first", overlap=0)
        inputs = (padded([row], names=options.inputs, padding=options.padding) for row in rows)
        return plan_layers(self.drawing.graph, open_all_outputs, inputs)

    def within(self, plans: list[Plan], *, most_flips: float) -> tuple[Labeller, Drift | None, list[Plan]]:
        """Return the labeller with as many layers in integers as the bound allows, its drift, and those layers.

        The layers with the greatest error go back to float first: one, two, four, eight and so on.
        """
        by_error = sorted(plans, key=lambda plan: plan.error)
        left_out = 0
        while True:
            kept = by_error[: len(plans) - left_out]
            labeller, drift = self.measured(kept)
            if drift is None or drift.share <= most_flips:
                return labeller, drift, kept
            if not kept:
                return (*self.measured([], precision="float32"), [])
            log.info(
                "with %d of %d layers in integers %d of %d decisions flip, more than %g allow; fewer are tried",
                len(kept),
                len(plans),
                drift.flips,
                drift.decisions,
                most_flips,
            )
            left_out = min(max(1, 2 * left_out), len(plans))


def drift_of(labeller: Labeller, examples: Examples, found: np.ndarray, wanted: np.ndarray) -> Drift:
    """Return how far probabilities (n, k) are from those wanted, under the same thresholds."""
    decided, before = (decide(p, labeller.thresholds) for p in (found, wanted))
    apart = np.abs(found - wanted)
    difference = paired_difference(
        labeller.labels,
        examples,
        Scored(examples.targets, found, decided),
        Scored(examples.targets, wanted, before),
        resamples=RESAMPLES,
        confidence=0.95,
        seed=0,
    ).overall["macro_f1"]
    return Drift(
        paragraphs=len(found),
        greatest=float(apart.max()),
        mean=float(apart.mean()),
        flips=int((decided != before).sum()),
        decisions=int(decided.size),
        macro_f1=difference.value,
        low=difference.interval.low,
        high=difference.interval.high,
    )


def _weight_levels() -> int:
    """Return the greatest weight of a layer in integers that this processor multiplies without overflow."""
    return LEVELS if multiplies_bytes() else NARROW


def _texts(articles: Sequence[Article]) -> list[str]:
    """Return up to `SAMPLES` paragraphs spread evenly over the articles'."""
    texts = [p.text for article in articles for p in article.paragraphs if p.text.strip()]
    if len(texts) <= SAMPLES:
        return texts
    return [texts[i] for i in np.linspace(0, len(texts) - 1, SAMPLES).astype(int)]


def _card(
    before: Labeller,
    labeller: Labeller,
    drift: Drift | None,
    *,
    plans: Sequence[Plan],
    kept: Sequence[Plan],
    bound: float,
    int8: bool,
) -> dict[str, Any]:
    """Return the new bundle's card: the old one's, with what was done."""
    own = ("format_version", "textclf_version", "created", "kind", "labels", "thresholds", "calibration", "libraries")
    card = {key: value for key, value in before.card.items() if key not in own}
    options: ExportedOptions = labeller.predictor.options  # type: ignore[attr-defined]
    config = {**card["config"], "model": {"kind": "onnx", "options": options.model_dump(mode="json")}}
    manifest = None if before.path is None else sha256_of(before.path / MANIFEST)
    exported = {
        "from": {"kind": before.card["kind"], "manifest_sha256": manifest, "model": card["config"]["model"]},
        "int8": int8,
        "layers": len(plans),
        "integer_layers": len(kept),
        "most_flips": bound,
        "drift": None if drift is None else drift.to_json(),
        "machine": platform.machine(),
        "weight_levels": _weight_levels() if int8 else None,
    }
    return {**card, "config": config, "export": exported}
