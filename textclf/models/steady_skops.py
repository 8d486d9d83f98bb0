"""Writing scikit-learn models by skops so that the same model gives the same bytes.

skops names objects by where they lie in memory and files by the second; both differ from run to run and say nothing.
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

SCHEMA = "schema.json"
_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the first day that a zip file knows


def dump_steadily(model: Any, path: Path) -> None:
    """Write a model as `skops.io.dump` does, with its objects numbered in order and without the time."""
    import skops.io

    path.write_bytes(settled(skops.io.dumps(model)))


def settled(dumped: bytes) -> bytes:
    """Return what skops dumped, the same but for the names of its objects and files and for its times."""
    with zipfile.ZipFile(io.BytesIO(dumped)) as archive:
        files = {entry.filename: archive.read(entry) for entry in archive.infolist()}
        how = archive.getinfo(SCHEMA).compress_type
    schema, numbers, names = json.loads(files.pop(SCHEMA)), dict[int, int](), dict[str, str]()
    waiting = [schema]
    while waiting:
        node = waiting.pop()
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            if key == "__id__" and isinstance(value, int):
                node[key] = numbers.setdefault(value, len(numbers) + 1)
            elif key == "file" and isinstance(value, str) and value in files:
                node[key] = names.setdefault(value, f"{len(names) + 1}{Path(value).suffix}")
            elif isinstance(value, (dict, list)):
                waiting.append(value)
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for old, new in names.items():
            archive.writestr(zipfile.ZipInfo(new, _LONG_AGO), files[old], compress_type=how)
        archive.writestr(zipfile.ZipInfo(SCHEMA, _LONG_AGO), json.dumps(schema, indent=2), compress_type=how)
    return written.getvalue()
