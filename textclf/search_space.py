"""What a search may change in a config, and between which bounds: one small YAML of dotted keys.

model.options.learning_rate: {low: 1e-5, high: 5e-4, log: true}
model.options.batch_size: {choices: [8, 16, 32]}
model.options.epochs: {low: 2, high: 6}
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from types import NoneType
from typing import Any, Literal, Protocol, get_args, get_origin

from pydantic import BaseModel

from textclf.config import Config, DataSettings, Section, ThresholdSettings, build_config
from textclf.errors import ConfigError, did_you_mean, one_of
from textclf.models.registry import get_kind
from textclf.yamlfile import read_yaml

SPACES = Path("configs") / "spaces"
EXPONENT = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+")  # a number that YAML 1.1 reads as text
BESIDE_OPTIONS: dict[str, type[Section]] = {
    "data.context": DataSettings,
    "thresholds.shrinkage": ThresholdSettings,
    "thresholds.calibration": ThresholdSettings,
}


class Suggests(Protocol):
    """What draws values: a trial of a study."""

    def suggest_float(self, name: str, low: float, high: float, *, step: float | None, log: bool) -> float:
        """Draw a number."""
        ...

    def suggest_int(self, name: str, low: int, high: int, *, step: int, log: bool) -> int:
        """Draw a whole number."""
        ...

    def suggest_categorical(self, name: str, choices: list[Any]) -> Any:
        """Draw one of some values."""
        ...


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both among them.

    Attributes:
        low: The least.
        high: The greatest.
        step: Between neighbours; None for any number between (for whole numbers, 1).
        log: Draw evenly by magnitude.
        whole: Whole numbers alone.
    """

    low: float
    high: float
    step: float | None = None
    log: bool = False
    whole: bool = False

    def suggest(self, trial: Suggests, key: str) -> float:
        """Draw a value for a key."""
        if self.whole:
            return trial.suggest_int(key, int(self.low), int(self.high), step=int(self.step or 1), log=self.log)
        return trial.suggest_float(key, self.low, self.high, step=self.step, log=self.log)

    def decode(self, stored: Any) -> Any:
        """Return the value that a study stores as `stored`."""
        return stored

    def probes(self) -> dict[str, Any]:
        """Return values to try the setting with, by what they are."""
        return {"low": self.low, "high": self.high}


@dataclass(frozen=True)
class Choices:
    """One of some values; a study stores lists and mappings among them as JSON text."""

    values: tuple[Any, ...]

    def suggest(self, trial: Suggests, key: str) -> Any:
        """Draw a value for a key."""
        return self.decode(trial.suggest_categorical(key, [_stored(value) for value in self.values]))

    def decode(self, stored: Any) -> Any:
        """Return the value that a study stores as `stored`."""
        return next(value for value in self.values if _stored(value) == stored)

    def probes(self) -> dict[str, Any]:
        """Return values to try the setting with, by what they are."""
        return {f"choices: {value!r}": value for value in self.values}


@dataclass(frozen=True)
class SearchSpace:
    """Dotted config keys and what each may be; made by `read_space`."""

    keys: Mapping[str, Range | Choices]

    def suggest(self, trial: Suggests) -> dict[str, Any]:
        """Draw a value for every key."""
        return {key: allowed.suggest(trial, key) for key, allowed in self.keys.items()}

    def decode(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return the settings that a study stored as `params`."""
        return {key: self.keys[key].decode(stored) for key, stored in params.items()}

    def to_json(self) -> dict[str, Any]:
        """Return the space JSON-ready."""
        return {key: asdict(allowed) for key, allowed in self.keys.items()}


def find_space(kind: str) -> Path:
    """Return the file of a kind's usual search space: of the working folder's project, or as shipped.

    Raises:
        ConfigError: When there is none.
    """
    folders = (SPACES, Path(__file__).parent.parent / SPACES)
    for folder in folders:
        if (folder / f"{kind}.yaml").is_file():
            return folder / f"{kind}.yaml"
    there = sorted({path.stem for folder in folders for path in folder.glob("*.yaml")})
    known = f"; there is one for {one_of(there)}" if there else ""
    raise ConfigError(
        f"no search space for the kind {kind!r}: {SPACES / kind}.yaml is not there{known}. Write one, with lines such "
        f"as `model.options.C: {{low: 0.1, high: 10, log: true}}`, and give it with --space FILE"
    )


def read_space(path: str | Path, config: Config) -> SearchSpace:
    """Read a search space and check it against the config it is for.

    Args:
        path: A YAML file that maps dotted config keys to ``{low, high}``, with ``step`` or ``log``, or ``{choices}``.
        config: The config that is to be varied; its kind says which options there are.

    Raises:
        ConfigError: With every fault found: unknown keys (and the nearest known), bounds that the setting refuses.
    """
    content = read_yaml(Path(path), what="the search space")
    if not isinstance(content, dict) or not content:
        raise ConfigError(
            f"{path} must map config keys to what they may be, such as "
            f"`model.options.C: {{low: 0.1, high: 10, log: true}}`"
        )
    known, faults, keys = tunable_keys(config), [], {}
    for key, given in content.items():
        if key not in known:
            faults.append(_unknown(str(key), known))
            continue
        try:
            keys[key] = _allowed(given, known[key])
        except ConfigError as fault:
            faults.append(f"{key}: {fault}")
        else:
            faults += _refused(config, key, keys[key])
    if faults:
        listed = "\n".join(f"  - {fault}" for fault in faults)
        raise ConfigError(f"{path} has {len(faults)} fault(s):\n{listed}")
    return SearchSpace(keys)


def vary(config: Config, settings: Mapping[str, Any]) -> Config:
    """Return the config with some settings changed, validated.

    Args:
        config: What to change.
        settings: Dotted keys and their values.

    Raises:
        ConfigError: When the settings do not go together.
    """
    whole = {**config.model_dump(exclude={"name", "labels"}), "labels": config.labels}
    for key, value in settings.items():
        *parents, last = key.split(".")
        place = whole
        for parent in parents:
            if place.get(parent) is None:
                place[parent] = {}
            place = place[parent]
        place[last] = value
    source = ", ".join(f"{key}={value}" for key, value in settings.items()) or config.name
    return build_config(whole, name=config.name, near=Path(config.name), source=source)


def tunable_keys(config: Config) -> dict[str, frozenset[Any]]:
    """Return the keys that a search may change, each with the plain types its setting may have."""
    keys = _leaves(get_kind(config.model.kind).options_type, "model.options.")
    for key, section in BESIDE_OPTIONS.items():
        keys[key] = _types(section.model_fields[key.rpartition(".")[2]].annotation)
    return keys


def _leaves(model: type[BaseModel], prefix: str = "") -> dict[str, frozenset[Any]]:
    """Return the dotted keys of a settings class, and of the settings inside it, with their types."""
    found: dict[str, frozenset[Any]] = {}
    for name, field in model.model_fields.items():
        types = _types(field.annotation)
        for inner in types:
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                found |= _leaves(inner, f"{prefix}{name}.")
        found[prefix + name] = types
    return found


def _types(annotation: Any) -> frozenset[Any]:
    """Return the types that an annotation unites; a generic one, such as a tuple, stays whole."""
    if isinstance(annotation, type) or get_origin(annotation) in (Literal, tuple, list, dict) or annotation is Any:
        return frozenset([annotation])
    return frozenset(t for part in get_args(annotation) for t in _types(part if part is not None else NoneType))


def _unknown(key: str, known: Mapping[str, Any]) -> str:
    if key in _leaves(Config):
        return (
            f"{key}: this cannot be searched, for trials with different ones could not be compared, or none could be "
            f"run; set it in the config (known: {', '.join(known)})"
        )
    return f"{key}: unknown key{did_you_mean(key, known)} (known: {', '.join(known)})"


def _allowed(given: Any, types: frozenset[Any]) -> Range | Choices:
    """Return what a key may be.

    Raises:
        ConfigError: When it is no range and no choices.
    """
    if not isinstance(given, dict) or not ({"choices"} & set(given) or {"low", "high"} & set(given)):
        raise ConfigError(f"give {{low: .., high: ..}} or {{choices: [..]}}; given: {given!r}")
    allowed = ("choices",) if "choices" in given else ("low", "high", "step", "log")
    for name in given:
        if name not in allowed:
            raise ConfigError(f"{name}: unknown key{did_you_mean(str(name), allowed)} (known: {', '.join(allowed)})")
    return _choices(given["choices"]) if "choices" in given else _range(given, types)


def _choices(given: Any) -> Choices:
    if not isinstance(given, list) or len(given) < 2:
        raise ConfigError(f"choices: give a list of two values or more; given: {given!r}")
    values = tuple(float(v) if isinstance(v, str) and EXPONENT.fullmatch(v) else v for v in given)
    for place, value in enumerate(values):
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError):
            raise ConfigError(f"choices: give plain values, numbers among them finite; given: {value!r}") from None
        if _stored(value) in [_stored(other) for other in values[:place]]:
            raise ConfigError(f"choices: {value!r} is listed twice")
    return Choices(values)


def _range(given: Mapping[str, Any], types: frozenset[Any]) -> Range:
    if not types & {int, float}:
        raise ConfigError("this setting is no number; give {choices: [..]}")
    for name in ("low", "high"):
        if name not in given:
            raise ConfigError(f"{name}: missing; it must be given")
    low, high = _number(given, "low"), _number(given, "high")
    step = None if given.get("step") is None else _number(given, "step")
    log = given.get("log", False)
    if not isinstance(log, bool):
        raise ConfigError(f"log: give true or false; given: {log!r}")
    if low >= high:
        raise ConfigError(f"low must be below high; given: {given['low']} and {given['high']}")
    if log and low <= 0:
        raise ConfigError(f"low must be above 0 where log is true; given: {given['low']}")
    if log and step is not None:
        raise ConfigError("give step or log, not both")
    if step is not None and (step <= 0 or (_exact(high) - _exact(low)) % _exact(step) != 0):
        raise ConfigError(f"step must lead from low to high in whole steps; given: {given['step']}")
    whole = float not in types
    if whole and not all(float(value).is_integer() for value in (low, high, step or 1)):
        raise ConfigError("this setting is a whole number, and so must low, high and step be")
    return (
        Range(int(low), int(high), None if step is None else int(step), log, True)
        if whole
        else Range(float(low), float(high), step, log)
    )


def _exact(number: float) -> Decimal:
    return Decimal(str(number))


def _number(given: Mapping[str, Any], name: str) -> float:
    value = given[name]
    if isinstance(value, str) and EXPONENT.fullmatch(value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ConfigError(f"{name}: give a finite number; given: {given[name]!r}")
    return value


def _refused(config: Config, key: str, allowed: Range | Choices) -> Iterator[str]:
    """Yield a fault for each bound or choice that the setting itself refuses."""
    for what, value in allowed.probes().items():
        try:
            vary(config, {key: value})
        except ConfigError as fault:
            told = [line.removeprefix("  - ") for line in str(fault).splitlines()[1:]]
            own = [line for line in told if line.startswith(key)]
            if own:
                yield f"{own[0]} ({what})"


def _stored(value: Any) -> Any:
    """Return a value as a study stores it: what is not a plain value, as JSON text."""
    return value if value is None or isinstance(value, (bool, int, float, str)) else json.dumps(value)
