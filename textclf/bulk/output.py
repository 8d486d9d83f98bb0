"""The folder of a bulk job: parts, each written whole; what was rejected and repeated; and what the job was."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from textclf.errors import DataError
from textclf.files import written_aside

LABELS, REJECTS, REPEATED, MANIFEST = "labels", "rejects", "repeated", "manifest.json"
KEY = b"textclf"


@dataclass(frozen=True)
class Done:
    """What became of a block; written into its part, JSON-ready.

    Attributes:
        block: Its number.
        job: The fingerprint of the job.
        sha256: Of the block.
        rows: Paragraphs (or sentences) labelled.
        rejects: Records, or rows, that were not.
        repeated: Rows whose id an earlier one has.
        unread: Rows without a letter.
        per_label: Rows carrying each label.
        foreign: Rows by their script, of scripts the model was not trained on.
    """

    block: int
    job: str
    sha256: str
    rows: int = 0
    rejects: int = 0
    repeated: int = 0
    unread: int = 0
    per_label: Mapping[str, int] = field(default_factory=dict)
    foreign: Mapping[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return it JSON-ready."""
        return asdict(self)


def part_name(block: int, ending: str) -> str:
    """Return the name of a block's file."""
    return f"part-{block:05d}{ending}"


def write_part(
    out: Path, done: Done, table: Any, *, rejects: Iterable[Mapping[str, Any]], repeated: Iterable[Mapping[str, Any]]
) -> None:
    """Write what became of a block. The part with its labels comes last: once it is there, the block is done.

    Args:
        out: The job's folder.
        done: What is said of the block.
        table: Its rows, a pyarrow table.
        rejects: What was rejected, JSON-ready.
        repeated: The rows whose ids an earlier row has, JSON-ready.

    Raises:
        WriteError: When it cannot be written; then nothing of it counts.
    """
    import pyarrow.parquet as pq

    for folder, told in ((REJECTS, list(rejects)), (REPEATED, list(repeated))):
        if told:
            with written_aside(out / folder / part_name(done.block, ".jsonl")) as aside:
                aside.write_text("".join(json.dumps(one) + "\n" for one in told), encoding="utf-8")
    table = table.replace_schema_metadata({KEY: json.dumps(done.to_json(), sort_keys=True)})
    with written_aside(out / LABELS / part_name(done.block, ".parquet")) as aside:
        pq.write_table(table, aside)


def read_done(out: Path, block: int) -> Done | None:
    """Return what a block's part says of it, or None where there is no whole part."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = out / LABELS / part_name(block, ".parquet")
    try:
        told = json.loads((pq.read_metadata(path).metadata or {})[KEY])
        done = Done(**told)
    except (OSError, pa.ArrowException, LookupError, TypeError, ValueError):
        return None
    beside = ((REJECTS, done.rejects), (REPEATED, done.repeated))
    there = all((out / folder / part_name(block, ".jsonl")).is_file() for folder, count in beside if count)
    return done if there else None


def read_manifest(out: Path) -> dict[str, Any] | None:
    """Return what is known of the job whose folder it is, or None where there is none.

    Raises:
        DataError: When it cannot be read.
    """
    path = out / MANIFEST
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if not {"job", "bundle"} <= found.keys():
            raise LookupError("it names neither job nor bundle")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, LookupError, AttributeError) as fault:
        raise DataError(f"{path} is no manifest of a bulk job ({fault}); choose another --out") from fault
    return found


def write_manifest(out: Path, manifest: Mapping[str, Any]) -> None:
    """Write what is known of a job.

    Raises:
        WriteError: When it cannot be written.
    """
    with written_aside(out / MANIFEST) as aside:
        aside.write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n", encoding="utf-8")
