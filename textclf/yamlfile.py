"""Reading YAML strictly: no tags that make objects, no key given twice, no endless structure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from textclf.errors import ConfigError


def read_yaml(path: Path, *, what: str) -> Any:
    """Read a YAML file in UTF-8.

    Args:
        path: The file.
        what: What it is, to begin a message with: ``"the config"``.

    Raises:
        ConfigError: When it cannot be read or is no plain YAML.
    """
    try:
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
        json.dumps(content, default=str, skipkeys=True)  # an anchor that holds itself would never end
    except (yaml.YAMLError, ValueError, RecursionError) as fault:
        raise ConfigError(f"{source} is not readable as YAML: {fault}") from fault
    return content


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
