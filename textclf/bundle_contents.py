"""What the files of a bundle may hold: no way to code, nothing that unpacks without end, no number that is none."""

from __future__ import annotations

import json
import math
import struct
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from textclf.errors import BundleError
from textclf.onnx_contents import graph_faults

LARGEST_CARD = 64_000_000  # bytes of textclf.json, manifest.json and configs
LARGEST_JSON = 256_000_000  # bytes of a tokenizer or vocabulary
MOST_UNPACKED = 1_000_000_000  # bytes that a skops file may unpack to
MOST_ENTRIES = 10_000  # files in it
MOST_RATIO = 100  # unpacked to packed
MOST_LAYERS = 1_000  # of an encoder
LARGEST_SIZE = 10_000_000  # of a side of it
DEEPEST = 100  # braces and brackets inside each other

CONFIGS = ("config.json", "tokenizer_config.json", "processor_config.json", "preprocessor_config.json")
CODE_KEYS = (
    *("auto_map", "custom_pipelines", "custom_generate", "trust_remote_code", "fast_tokenizer_files"),
    *("use_kernels", "kernel_config", "quantization_config", "backbone", "use_timm_backbone"),
)
"""Keys of an encoder's config by which transformers finds code or files that are not in the bundle."""

PLAIN_ATTENTION = (None, "eager", "sdpa")  # any other can be fetched, as code, from a hub
ATTENTION_KEYS = ("attn_implementation", "experts_implementation")

BROKEN = (BundleError, OSError, ValueError, KeyError, TypeError, AttributeError, NotImplementedError, struct.error)

_CHUNK = 1 << 18  # numbers looked at together
_EXPONENTS = {"F16": ("<u2", 0x7C00), "BF16": ("<u2", 0x7F80), "F32": ("<u4", 0x7F800000), "F64": ("<u8", 0x7FF << 52)}
"""How each kind of float is laid out: its bits are read as this integer, and a number that is none has these set."""

_BYTES = {"F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "I16": 2, "U16": 2}
_BYTES |= {"I8": 1, "U8": 1, "BOOL": 1}


def content_faults(file: Path, *, shown: str) -> Iterator[str]:
    """Yield what is wrong with the content of one file of a bundle.

    Args:
        file: The file.
        shown: Its name in the bundle, for messages.
    """
    try:
        if file.suffix == ".skops":
            yield from _zip_faults(file, shown)
        elif file.suffix == ".safetensors":
            yield from _weight_faults(file, shown)
        elif file.suffix == ".onnx":
            yield from graph_faults(file, shown=shown)
        elif shown == "textclf.json":
            yield from _card_faults(read_object(file, most=LARGEST_CARD))
        elif file.name in CONFIGS:
            config = read_object(file, most=LARGEST_CARD)
            yield from (f"{shown}: {fault}" for fault in [*code_faults(config), *size_faults(config)])
        elif file.name.endswith(".index.json"):
            parts = read_object(file, most=LARGEST_CARD).get("weight_map", {})
            strays = sorted({part for part in parts.values() if not (file.parent / _bare(part)).is_file()})
            yield from (f"{shown} names {part!r:.80}, which is no file beside it" for part in strays)
        elif file.suffix == ".json":
            if file.stat().st_size > LARGEST_JSON:
                yield f"{shown} has {file.stat().st_size:,} bytes; the most is {LARGEST_JSON:,}"
            elif _is_too_deep(file.read_bytes()):
                yield f"{shown} is nested deeper than {DEEPEST}"
    except (*BROKEN, zipfile.BadZipFile) as fault:
        yield f"{shown} cannot be read: {type(fault).__name__}: {fault}"


def read_object(file: Path, *, most: int) -> dict[str, Any]:
    """Read a JSON object of at most so many bytes, whose numbers are all finite.

    Raises:
        BundleError: When it is none.
    """
    try:
        if not file.is_file():
            raise BundleError(f"cannot read {file}: it is missing or no plain file. The model is damaged or incomplete")
        if file.stat().st_size > most:
            raise BundleError(f"{file.name} has {file.stat().st_size:,} bytes; the most is {most:,}")
        text = file.read_text(encoding="utf-8")
        content = json.loads(text, parse_constant=_finite, parse_float=_finite)
    except OSError as fault:
        raise BundleError(f"cannot read {file}: {fault.strerror}. The model is damaged or incomplete") from fault
    except (ValueError, RecursionError) as fault:
        raise BundleError(f"{file} is damaged: it is no JSON ({fault})") from fault
    if not isinstance(content, dict):
        raise BundleError(f"{file} is damaged: it holds no JSON object")
    return content


def code_faults(config: Any, *, depth: int = 0) -> list[str]:
    """Return the keys of a transformers config, at any depth, that lead to code or files elsewhere."""
    if depth > DEEPEST:
        return [f"it is nested deeper than {DEEPEST}"]
    if isinstance(config, list):
        return [fault for value in config for fault in code_faults(value, depth=depth + 1)]
    if not isinstance(config, Mapping):
        return []
    faults = []
    for key, value in config.items():
        bare = key.removeprefix("_").removesuffix("_internal")
        if bare in CODE_KEYS and value not in (None, False):
            faults.append(f"{key!r} leads to code or files that are not in the bundle")
        elif bare in ATTENTION_KEYS:
            asked = value.values() if isinstance(value, Mapping) else [value]
            faults += [f"{key!r} asks for {one!r:.80}, which is not built in" for one in asked if not _is_plain(one)]
        else:
            faults += code_faults(value, depth=depth + 1)
    return faults


def size_faults(config: Mapping[str, Any]) -> list[str]:
    """Return the sizes in an encoder's config that would take all memory or time before any weight is read."""
    faults = []
    for key, value in config.items():
        most = (
            MOST_LAYERS if key.endswith("layers") else LARGEST_SIZE if key.endswith(("_size", "_embeddings")) else None
        )
        if most is not None and isinstance(value, int) and not 0 <= value <= most:
            faults.append(f"{key!r} is {value:,}; allowed: 0 to {most:,}")
    return faults


def _bare(name: Any) -> str:
    """Return the name of a file in the same folder, or one that no file has."""
    return name if isinstance(name, str) and not {"/", "\\", "\0"} & set(name) and name.strip(".") else "\n"


def _is_plain(attention: Any) -> bool:
    return attention is None or attention in PLAIN_ATTENTION


def _finite(written: str) -> float:
    value = float(written)
    if not math.isfinite(value):
        raise ValueError(f"{written:.40} is no finite number")
    return value


def _card_faults(card: Mapping[str, Any]) -> Iterator[str]:
    """Yield where labels, thresholds and calibration do not fit each other."""
    try:
        names = [entry["name"] for entry in card["labels"]]
        thresholds, maps = card["thresholds"], card["calibration"]["labels"]
    except (KeyError, TypeError) as fault:
        yield f"textclf.json lacks a part or has it in another form: {type(fault).__name__}: {fault}"
        return
    for what, held in (("thresholds", thresholds), ("calibration", maps)):
        if not isinstance(held, Mapping) or set(held) != set(map(str, names)):
            yield f"textclf.json: {what} are not those of its {len(names)} labels"
    if isinstance(thresholds, Mapping):
        wrong = [name for name, value in thresholds.items() if type(value) not in (int, float) or not 0 <= value <= 2]
        yield from (f"textclf.json: the threshold of {name!r} is no number from 0 to 2" for name in wrong)
    if isinstance(maps, Mapping) and not all(map(_are_numbers, maps.values())):
        yield "textclf.json: the calibration holds something other than numbers"


def _are_numbers(entry: Any) -> bool:
    """Tell whether a calibration map holds numbers alone, beside the name of its method."""
    if not isinstance(entry, Mapping):
        return False
    rest = [value for key, value in entry.items() if key != "method"]
    while rest:
        value = rest.pop()
        if isinstance(value, list):
            rest += value
        elif type(value) not in (int, float):
            return False
    return True


def _is_too_deep(content: bytes) -> bool:
    """Tell whether JSON is nested too deep, without parsing it.

    Brackets inside strings count too, so what seems deep is parsed to be sure.
    """
    raw = np.frombuffer(content, dtype=np.uint8)
    steps = np.zeros(256, dtype=np.int8)
    steps[list(b"[{")], steps[list(b"]}")] = 1, -1
    if np.cumsum(steps[raw], dtype=np.int32).max(initial=0) <= DEEPEST:
        return False
    try:
        return _depth(json.loads(content)) > DEEPEST
    except RecursionError:
        return True


def _depth(value: Any) -> int:
    level, deep = [value], 0
    while level:
        level = [
            inner
            for held in level
            if isinstance(held, (dict, list))
            for inner in (held.values() if isinstance(held, dict) else held)
        ]
        deep += 1
    return deep


def _zip_faults(file: Path, shown: str) -> Iterator[str]:
    """Yield what is wrong with a skops file as an archive, from its table of contents alone."""
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
    unpacked = sum(entry.file_size for entry in entries)
    packed = max(1, sum(entry.compress_size for entry in entries))
    if len(entries) > MOST_ENTRIES:
        yield f"{shown} holds {len(entries):,} files; the most is {MOST_ENTRIES:,}"
    if unpacked > MOST_UNPACKED:
        yield f"{shown} would unpack to {unpacked:,} bytes; the most is {MOST_UNPACKED:,}"
    if unpacked > MOST_RATIO * packed or packed > file.stat().st_size:
        yield f"{shown} has {packed:,} bytes that would unpack to {unpacked:,}"
    if any(entry.filename.startswith("/") or ".." in entry.filename.split("/") for entry in entries):
        yield f"{shown} holds a file with a path out of it"


def _weight_faults(file: Path, shown: str) -> Iterator[str]:
    """Yield what is wrong with a safetensors file: its header, and every tensor with a number that is none."""
    size = file.stat().st_size
    with file.open("rb") as handle:
        (length,) = struct.unpack("<Q", handle.read(8))
        if length > min(LARGEST_CARD, size - 8):
            yield f"{shown} has a header of {length:,} bytes, which it cannot have"
            return
        try:
            header = json.loads(handle.read(length))
        except RecursionError:
            yield f"{shown} has a header that is nested too deep"
            return
    tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
    places = sorted(entry["data_offsets"] for entry in tensors.values())
    ends = [0, *(end for _, end in places)]
    if [begin for begin, _ in places] != ends[:-1] or ends[-1] != size - 8 - length:
        yield f"{shown} has tensors that overlap, leave gaps, or lie outside of the file"
        return
    for name, entry in tensors.items():
        begin, end = entry["data_offsets"]
        wanted = math.prod(entry["shape"]) * _BYTES[entry["dtype"]]
        if end - begin != wanted or min(entry["shape"], default=0) < 0:
            yield f"{shown}: the tensor {name!r:.80} has {end - begin:,} bytes for shape {entry['shape']!r:.80}"
        elif entry["dtype"] in _EXPONENTS and end > begin:
            raw = np.memmap(file, dtype=np.uint8, mode="r", offset=8 + length + begin, shape=(end - begin,))
            if not _all_finite(raw, entry["dtype"]):
                yield f"{shown}: the tensor {name!r:.80} holds numbers that are not finite"


def _all_finite(raw: np.ndarray, kind: str) -> bool:
    layout, exponent = _EXPONENTS[kind]
    step, mask = _CHUNK * _BYTES[kind], np.array(exponent, dtype=layout)
    parts = (np.frombuffer(raw[i : i + step].tobytes(), dtype=layout) for i in range(0, len(raw), step))
    return not any(((part & mask) == mask).any() for part in parts)
