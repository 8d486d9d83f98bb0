"""The labels a model knows: their names, order and definitions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from textclf.errors import ConfigError, DataError, did_you_mean, one_of

SEPARATORS = ";,|"  # these part labels in a flat table, so no name may hold them


@dataclass(frozen=True)
class LabelSet:
    """An ordered set of label names, each with a definition; column j of every array is label j.

    Build one with `LabelSet.of` (names or a mapping) or `LabelSet.read` (a YAML file).
    """

    names: tuple[str, ...]
    definitions: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        faults = []
        if not self.names:
            faults.append("at least one label is needed")
        for name in self.names:
            if not isinstance(name, str) or not name.strip():
                faults.append(f"a label must be a non-empty text, not {name!r}")
            elif name != name.strip() or any(c in SEPARATORS or not c.isprintable() for c in name):
                faults.append(f"label {name!r} may not begin or end with a space or hold any of '{SEPARATORS}'")
        doubled = sorted({name for name in self.names if isinstance(name, str) and self.names.count(name) > 1})
        if doubled:
            faults.append(f"listed twice: {one_of(doubled)}")
        if faults:
            raise ConfigError("labels: " + "; ".join(faults))

    @classmethod
    def of(cls, labels: Iterable[str] | Mapping[str, str | None]) -> LabelSet:
        """Make a set from names, or from a mapping of name to definition.

        Raises:
            ConfigError: When a name is empty, doubled, or holds a character that parts labels in tables.
        """
        if isinstance(labels, str):
            raise ConfigError(f"labels: give a list of names, not the text {labels!r}")
        if isinstance(labels, Mapping):
            definitions = {name: " ".join(str(text or "").split()) for name, text in labels.items()}
            return cls(tuple(labels), definitions)
        return cls(tuple(labels))

    @classmethod
    def read(cls, path: str | Path) -> LabelSet:
        """Read a YAML file: a list of names, or a mapping of name to definition.

        Raises:
            ConfigError: When the file is missing, is no YAML, or holds something else.
        """
        from textclf.yamlfile import read_yaml

        content = read_yaml(Path(path), what="the labels file")
        if not isinstance(content, (list, dict)):
            raise ConfigError(
                f"labels: {path} must hold a list of names or a mapping of name to definition, "
                f"not {type(content).__name__}"
            )
        return cls.of(content)

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __getitem__(self, column: int) -> str:
        return self.names[column]

    def index(self, name: str) -> int:
        """Return the column of `name`.

        Raises:
            DataError: When the set has no such label; the nearest one is named.
        """
        try:
            return self.names.index(name)
        except ValueError:
            raise DataError(self.unknown(name)) from None

    def unknown(self, name: str) -> str:
        """Return the message for a label outside the set."""
        hint = did_you_mean(name, self.names)
        return f"label {name!r} is not in the label set ({', '.join(self.names)}){hint}"

    def encode(self, labels: Iterable[Iterable[str]]) -> np.ndarray:
        """Turn label names per row into a float32 array (n, k) of 1 and 0.

        Raises:
            DataError: When a name is not in the set.
        """
        rows = [[self.index(name) for name in row] for row in labels]
        targets = np.zeros((len(rows), len(self)), dtype=np.float32)
        for row, columns in enumerate(rows):
            targets[row, columns] = 1.0
        return targets

    def decode(self, decisions: np.ndarray) -> list[tuple[str, ...]]:
        """Turn a boolean array (n, k) into label names per row, in the set's order."""
        return [tuple(name for name, on in zip(self.names, row, strict=True) if on) for row in decisions]

    def to_json(self) -> list[dict[str, str]]:
        """Return the set as JSON-ready records of name and definition."""
        return [{"name": name, "definition": self.definitions.get(name, "")} for name in self.names]

    @classmethod
    def from_json(cls, records: Iterable[Mapping[str, str]]) -> LabelSet:
        """Read back what `to_json` gave."""
        return cls.of({record["name"]: record.get("definition", "") for record in records})
