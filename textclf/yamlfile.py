"""Reading YAML strictly: no tags that make objects, no key given twice, no endless structure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from textclf.errors import ConfigError

LARGEST = 10_000_000  # bytes of a file; and characters of what its anchors make of it
MOST_MERGED = 100  # mappings merged into one by "<<"


def read_yaml(path: Path, *, what: str) -> Any:
    """Read a YAML file in UTF-8.

    Args:
        path: The file.
        what: What it is, to begin a message with: ``"the config"``.

    Raises:
        ConfigError: When it cannot be read or is no plain YAML.
    """
    try:
        if path.is_file() and path.stat().st_size > LARGEST:
            raise ConfigError(f"{path} has {path.stat().st_size:,} bytes; {what} has at most {LARGEST:,}")
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as fault:
        raise ConfigError(f"{path} is not valid UTF-8: {fault}") from fault
    except (OSError, ValueError) as fault:
        raise ConfigError(f"cannot read {what} {path}: {getattr(fault, 'strerror', None) or fault}") from fault
    return parse_yaml(text, source=str(path))


def parse_yaml(text: str, *, source: str) -> Any:
    """Parse YAML text.

    Raises:
        ConfigError: When it is no plain YAML; the message begins with `source`.
    """
    try:
        content = yaml.load(text, Loader=_StrictLoader)  # noqa: S506 (a SafeLoader)
        if _written_out(content, {}) > LARGEST:
            raise ValueError(f"with its anchors written out it has more than {LARGEST:,} characters")
    except (yaml.YAMLError, ValueError, RecursionError) as fault:
        raise ConfigError(f"{source} is not readable as YAML: {fault}") from fault
    return content


def _written_out(value: Any, known: dict[int, int]) -> int:
    """Return how many characters a value has, about, where each anchor is written out at each of its places.

    Args:
        value: What was read.
        known: The size of each list and mapping met, by its id; -1 while it is being looked at.

    Raises:
        ValueError: When an anchor holds itself, so that it would never end.
    """
    if not isinstance(value, (dict, list, tuple, set)):
        return 1 + len(value) if isinstance(value, (str, bytes)) else 8
    if known.setdefault(id(value), 0) < 0:
        raise ValueError("an anchor holds itself")
    if not known[id(value)]:
        known[id(value)] = -1
        held = [*value.keys(), *value.values()] if isinstance(value, dict) else value
        known[id(value)] = 2 + sum(_written_out(inner, known) for inner in held)
    return known[id(value)]


class _StrictLoader(yaml.SafeLoader):
    """A safe loader that refuses a key given twice, where YAML would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Make a mapping of a node, refusing a doubled key."""
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in seen:
                    raise yaml.YAMLError(f"key {key.value!r} is given twice, at line {key.start_mark.line + 1}")
                seen.add(key.value)
        return super().construct_mapping(node, deep)

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Merge what "<<" names, unless that is more than anyone writes."""
        for key, value in node.value:
            is_merge = isinstance(key, yaml.ScalarNode) and key.tag == "tag:yaml.org,2002:merge"
            if is_merge and isinstance(value, yaml.SequenceNode) and len(value.value) > MOST_MERGED:
                raise yaml.YAMLError(f"more than {MOST_MERGED} mappings are merged, at line {key.start_mark.line + 1}")
        super().flatten_mapping(node)
        if len(node.value) > MOST_MERGED * MOST_MERGED:
            raise yaml.YAMLError(f"too much is merged, at line {node.start_mark.line + 1}")
