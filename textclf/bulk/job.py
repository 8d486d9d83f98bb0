"""Labelling an archive: parted into blocks, which any engine labels, in any order, and each of which is done once."""

from __future__ import annotations

import hashlib
import importlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from textclf.articles.sentences import check_unit
from textclf.bulk.blocks import BLOCK_ROWS, Block, Plan, make_plan
from textclf.bulk.output import LABELS, MANIFEST, Done, read_done, read_manifest, write_manifest
from textclf.bulk.stopping import stops_cleanly
from textclf.bulk.work import Job
from textclf.bundle import FOR_PEOPLE, library_versions, read_card, read_json
from textclf.errors import DataError, TextclfError
from textclf.locks import held
from textclf.progress import log, log_skipped, track
from textclf.records import Unit
from textclf.version import __version__

MAX_REJECTS = 1_000
TELL_EVERY = 30.0  # seconds between two lines of progress

Engine = Callable[[Job, Sequence[Block]], Iterator[Done]]
"""Labels blocks: yields what became of each as it is written, in any order, and ends its workers when it is closed."""


class TooManyRejectsError(TextclfError):
    """More could not be labelled than was allowed."""


@dataclass
class BulkSummary:
    """What a bulk job did, the parts that earlier runs wrote counted too.

    Attributes:
        out: The job's folder.
        paragraphs: Rows labelled; sentences, where they are the unit.
        per_label: Rows carrying each label.
        rejects: Records and rows that could not be labelled.
        repeated: Rows whose id an earlier row has.
        unread: Rows without a letter.
        foreign: Rows by their script, of scripts the model was not trained on.
        blocks: Blocks of the input.
        new_blocks: Of these, those that this run labelled.
        new_paragraphs: The rows of those.
        seconds: How long this run took to label them, workers' start included.
    """

    out: Path
    paragraphs: int = 0
    per_label: Counter[str] = field(default_factory=Counter)
    rejects: int = 0
    repeated: int = 0
    unread: int = 0
    foreign: Counter[str] = field(default_factory=Counter)
    blocks: int = 0
    new_blocks: int = 0
    new_paragraphs: int = 0
    seconds: float = 0.0

    @property
    def per_second(self) -> float:
        """Paragraphs per second of this run."""
        return self.new_paragraphs / self.seconds if self.seconds else 0.0

    def add(self, done: Done, *, new: bool) -> None:
        """Count a block."""
        self.paragraphs += done.rows
        self.rejects += done.rejects
        self.repeated += done.repeated
        self.unread += done.unread
        self.per_label.update(done.per_label)
        self.foreign.update(done.foreign)
        self.new_blocks += new
        self.new_paragraphs += done.rows if new else 0


def label_in_bulk(
    model: str | Path,
    inputs: Iterable[str | Path],
    out: str | Path,
    *,
    engine: Literal["local", "ray"] | Engine = "local",
    processes: int | None = None,
    resume: bool = False,
    max_rejects: int = MAX_REJECTS,
    block_rows: int = BLOCK_ROWS,
    unit: Unit = "paragraph",
    language: str = "en",
    **engine_options: Any,
) -> BulkSummary:
    """Label every paragraph of an archive into a folder of Parquet parts, exactly once, whatever dies on the way.

    A job that is done is left as it is. Where a folder holds the job of another bundle, this one gets a folder of its
    own in it, ``model-`` and the beginning of its fingerprint.

    Args:
        model: The bundle's folder.
        inputs: Files, folders and addresses (see `textclf.bulk.sources`).
        out: The folder to be: `labels/`, `rejects/`, `repeated/` and `manifest.json`.
        engine: What runs the work, by name or as a function.
        processes: Of the local engine: how many; by default as many as there are cores. Of Ray: how many actors.
        resume: Go on with a job that was stopped. Without it a folder with a part of the job is refused.
        max_rejects: Stop when more than this cannot be labelled.
        block_rows: Paragraphs labelled and written at a time; what a death costs at most, for each worker.
        unit: What is labelled at a time: ``"paragraph"`` or ``"sentence"``.
        language: Of the inputs, as sentences end differently.
        **engine_options: What else the engine takes.

    Raises:
        DataError: When an input is missing or no text, or the folder holds another job, or a part of this one.
        BundleError: When the model is missing or damaged.
        TooManyRejectsError: Past `max_rejects`; what is done is kept.
        WriteError: When a part cannot be written; what is done is kept.
        ModelError: When workers die over and over; what is done is kept.
        StoppedError: On SIGTERM; what is done is kept.
    """
    check_unit(unit)
    if block_rows < 1:
        raise DataError(f"block_rows must be at least 1, found {block_rows}")
    given = list(inputs)
    if not given:
        raise DataError("nothing was given to label; give files, folders or addresses behind the model")
    if not callable(engine) and engine not in ENGINES:
        raise DataError(f"engine must be one of {', '.join(ENGINES)}, found {engine!r}")
    read_card(model)  # says what is wrong with a bundle before anything is read
    bundle, root = bundle_fingerprint(Path(model)), Path(out).absolute()
    plan = make_plan(given, block_rows=block_rows, exclude=root)
    log_skipped([Path(place) for place in plan.passed_over], why="not a kind of file that is read")
    manifest = describe(plan, bundle, options={"unit": unit, "language": language, "block_rows": block_rows})
    root = place_for(root, manifest)
    job = Job(str(Path(model).absolute()), str(root), manifest["job"], unit, language)
    root.mkdir(parents=True, exist_ok=True)
    with held(root, what="bulk labelling"), stops_cleanly():
        summary, waiting = _before(root, plan, manifest, resume=resume)
        if waiting:
            run = engine if callable(engine) else _engine(engine, processes, engine_options)
            _check_rejects(summary, max_rejects)
            _label(run, job, waiting, summary, max_rejects)
        _finish(root, manifest, summary, plan)
    return summary


def bundle_fingerprint(path: Path) -> str:
    """Return the SHA-256 of what a bundle's manifest lists; what is written for people in it is no part of that.

    Raises:
        BundleError: When the manifest cannot be read.
    """
    listed = {name: entry for name, entry in read_json(path / MANIFEST).items() if name not in FOR_PEOPLE}
    return _digest(listed)


def describe(plan: Plan, bundle: str, *, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the manifest of a job that is yet to be done."""
    named = {"input": plan.sha256, "bundle": bundle, "options": dict(options)}
    return {
        "format_version": 1,
        "job": _digest(named),
        **named,
        "blocks": len(plan.blocks),
        "versions": {"textclf": __version__, **library_versions()},
        "complete": False,
    }


def place_for(root: Path, manifest: Mapping[str, Any]) -> Path:
    """Return the folder of a job: the one asked for, or one in it where that holds the job of another bundle.

    Raises:
        DataError: When the folder holds another job of the same bundle, or something else.
    """
    there = read_manifest(root)
    if there is not None and there["bundle"] != manifest["bundle"]:
        root = root / f"model-{manifest['bundle'][:12]}"
        log.info("the folder holds what another model said; this one writes beside it, to %s", root)
        there = read_manifest(root)
    if there is not None and there["job"] != manifest["job"]:
        same = there.get("options") == manifest["options"]  # another size of blocks is another input as parted
        what = "another input, or of one that has changed since" if same else "a job with other options"
        raise DataError(f"{root} holds the labels of {what}; choose another --out, or remove it")
    if there is None and (root / LABELS).exists():
        raise DataError(f"{root} holds {LABELS}/ but no {MANIFEST}; it is left alone. Choose another --out")
    return root


def _before(root: Path, plan: Plan, manifest: Mapping[str, Any], *, resume: bool) -> tuple[BulkSummary, list[Block]]:
    """Return what earlier runs did, and the blocks that are left; the manifest is there from here on.

    Raises:
        DataError: When a part of the job is there and it is not to be resumed.
    """
    summary, waiting, there = BulkSummary(root, blocks=len(plan.blocks)), list[Block](), read_manifest(root)
    for block in plan.blocks:
        done = read_done(root, block.number) if there else None
        if done and done.job == manifest["job"] and done.sha256 == block.sha256:
            summary.add(done, new=False)
        else:
            waiting.append(block)
    if there and waiting and not resume:
        raise DataError(
            f"{root} holds a part of this job: {len(plan.blocks) - len(waiting):,} of {len(plan.blocks):,} blocks. "
            f"Go on with it by --resume, or choose another --out"
        )
    if there and there.get("versions") != manifest["versions"] and waiting:
        log.warning("%s was begun with other versions of libraries: scores may differ in the last digit", root)
    if not there:
        write_manifest(root, manifest)
    return summary, waiting


def _label(run: Engine, job: Job, waiting: Sequence[Block], summary: BulkSummary, max_rejects: int) -> None:
    """Let an engine label blocks, counting what becomes of each."""
    began = told = time.perf_counter()
    engine = run(job, waiting)
    with closing(engine):  # type: ignore[type-var]
        for done in track(engine, what="labelling", total=len(waiting), unit=" blocks"):
            summary.add(done, new=True)
            summary.seconds = (now := time.perf_counter()) - began
            if now - told >= TELL_EVERY:
                told = now
                log.info(
                    "%d of %d blocks, %s paragraphs, %.0f a second",
                    *(summary.new_blocks, len(waiting), f"{summary.new_paragraphs:,}", summary.per_second),
                )
            _check_rejects(summary, max_rejects)


def _check_rejects(summary: BulkSummary, most: int) -> None:
    if summary.rejects > most:
        raise TooManyRejectsError(
            f"{summary.rejects:,} records could not be labelled, and at most {most:,} may be (--max-rejects). They are "
            f"in {summary.out / 'rejects'}, each with its reason; what was labelled is kept. Mend the input and label "
            f"it into another folder, or go on with --resume and a higher --max-rejects"
        )


def _finish(root: Path, manifest: Mapping[str, Any], summary: BulkSummary, plan: Plan) -> None:
    """Write the manifest of a job that is done, with its counts; one that was done before is left as it is.

    Raises:
        DataError: When there was no paragraph to label.
    """
    if summary.paragraphs == 0 and summary.rejects == 0:
        raise DataError("there is no paragraph in the input")
    there = read_manifest(root) or {}
    if not there.get("complete"):
        counts = {
            "paragraphs": summary.paragraphs,
            "rejects": summary.rejects,
            "repeated": summary.repeated,
            "unread": summary.unread,
            "per_label": dict(summary.per_label),
            "foreign": dict(summary.foreign),
            "passed_over": len(plan.passed_over),
        }
        write_manifest(root, {**there, "complete": True, "counts": counts})


def _engine(name: str, processes: int | None, options: Mapping[str, Any]) -> Engine:
    module, _, attribute = ENGINES[name].partition(":")
    run = getattr(importlib.import_module(module), attribute)
    return lambda job, blocks: run(job, blocks, processes=processes, **options)


ENGINES = {"local": "textclf.bulk.local_engine:run_locally", "ray": "textclf.bulk.ray_engine:run_on_ray"}
"""Each engine's function; its module is imported when it is asked for."""


def _digest(told: Any) -> str:
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
