"""One YAML becomes validated settings; every fault is reported together, with the nearest known name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from textclf.errors import ConfigError, did_you_mean
from textclf.labels import LabelSet
from textclf.models.interface import Options
from textclf.models.registry import get_kind


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, (str, Path)) else value


Paths = Annotated[tuple[Path, ...], BeforeValidator(_as_list), Field(min_length=1)]


class Section(BaseModel):
    """A part of a config; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DataSettings(Section):
    """Where the labelled files are: one path or a list of paths each."""

    train: Paths = Field(description="Articles to learn from.")
    validation: Paths | None = Field(None, description="For thresholds and early stopping; none: out of fold.")
    test: Paths | None = Field(None, description="Held out; read by evaluate and compare only.")


class ModelSettings(Section):
    """Which kind of model, and its options, which depend on the kind."""

    kind: str = "finetuned"
    options: dict[str, Any] = Field(default_factory=dict)


class ThresholdSettings(Section):
    """How decisions are fitted on validation articles."""

    objective: Literal["f1"] = "f1"
    shrinkage: float = Field(50.0, ge=0, description="Positives at which a label's own threshold counts half.")
    calibration: Literal["auto", "platt", "isotonic", "none"] = "auto"
    folds: int = Field(5, ge=2, description="Article folds, used when there is no validation file.")


class EvaluationSettings(Section):
    """How scores get their intervals."""

    resamples: int = Field(1_000, ge=100, description="Article resamples.")
    confidence: float = Field(0.95, gt=0, lt=1)


class Config(Section):
    """Everything one training needs; made by `load_config`."""

    name: str
    labels: LabelSet
    data: DataSettings
    model: ModelSettings = ModelSettings()
    thresholds: ThresholdSettings = ThresholdSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    seed: int = Field(13, ge=0, lt=2**32)
    out: Path

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    def options(self) -> Options:
        """Return the validated options of the model's kind."""
        return get_kind(self.model.kind).options_type.model_validate(self.model.options)

    def to_json(self) -> dict[str, Any]:
        """Return the resolved settings, every default written out, JSON-ready."""
        record = self.model_dump(mode="json", exclude={"labels"})
        record["labels"] = list(self.labels)
        record["model"]["options"] = self.options().model_dump(mode="json")
        return record


def load_config(path: str | Path, *, overrides: Sequence[str] = ()) -> Config:
    """Read a config file and apply overrides.

    Args:
        path: A YAML file. Relative paths in it are looked for from the working folder, then from the project the
            file belongs to (the folder that holds its `configs/` folder, else its own folder).
        overrides: Such as ``"model.options.epochs=3"``; the value is read as YAML.

    Raises:
        ConfigError: With every fault found: unknown keys (and the nearest known), wrong values, missing files.
    """
    path = Path(path)
    settings = _read_yaml(path)
    for override in overrides:
        _apply(settings, override)
    return build_config(settings, name=path.stem, near=path, source=str(path))


def build_config(settings: Mapping[str, Any], *, name: str, near: Path, source: str) -> Config:
    """Validate settings already in memory.

    Args:
        settings: What the YAML holds.
        name: The config's name; `out` defaults to ``runs/<name>``.
        near: The config file, for finding relative paths.
        source: Named in messages.

    Raises:
        ConfigError: With every fault found.
    """
    faults: list[str] = []
    given = {"out": f"runs/{name}", **settings, "name": name}
    labels = given.pop("labels", None)
    try:
        given["labels"] = _labels(labels, near)
    except ConfigError as fault:
        faults.append(str(fault))
        given["labels"] = LabelSet.of(["unreadable"])
    if isinstance(given.get("data"), Mapping):
        given["data"] = {key: _locate(value, near) for key, value in given["data"].items()}
    config = None
    try:
        config = Config.model_validate(given)
    except ValidationError as found:
        faults += list(_explain(found, Config))
    model = given.get("model", {})
    faults += _option_faults(model) if isinstance(model, Mapping) else []
    faults += list(_missing_files(given.get("data")))
    if faults or config is None:
        listed = "\n".join(f"  - {fault}" for fault in faults)
        raise ConfigError(f"{source} has {len(faults)} fault(s):\n{listed}")
    return config


def _missing_files(data: Any) -> Iterator[str]:
    """Yield a fault for each data file that is not there."""
    for key, value in data.items() if isinstance(data, Mapping) else ():
        for file in value if isinstance(value, list) else [value]:
            if key in DataSettings.model_fields and isinstance(file, (str, Path)) and not Path(file).exists():
                yield f"data.{key}: no such file: {file} (looked for from {Path.cwd()})"


def _option_faults(model: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with `model.kind` and `model.options`."""
    try:
        options_type = get_kind(str(model.get("kind", "finetuned"))).options_type
        options_type.model_validate(model.get("options") or {})
    except ConfigError as fault:
        return [str(fault)]
    except ValidationError as found:
        return list(_explain(found, options_type, prefix="model.options."))
    return []


def _labels(given: Any, near: Path) -> LabelSet:
    if isinstance(given, str):
        return LabelSet.read(_locate(given, near))
    if isinstance(given, (list, dict)):
        return LabelSet.of(given)
    raise ConfigError("labels: give a YAML file of labels, a list of names, or a mapping of name to definition")


def _locate(given: Any, near: Path) -> Any:
    """Return a relative path from where it exists: the working folder first, then the config's project."""
    if isinstance(given, (list, tuple)):
        return [_locate(item, near) for item in given]
    if not isinstance(given, str) or Path(given).is_absolute() or Path(given).exists():
        return given
    folder = near.absolute().parent
    project = folder.parent if folder.name == "configs" else folder
    return project / given if (project / given).exists() else given


class _UniqueKeyLoader(yaml.SafeLoader):
    """A safe loader that refuses a key given twice, where YAML would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, (str, int)) and key in seen:
                raise yaml.YAMLError(f"key {key!r} is given twice, at line {key_node.start_mark.line + 1}")
            seen.add(key if isinstance(key, (str, int)) else id(key_node))
        return super().construct_mapping(node, deep)


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as fault:
        raise ConfigError(f"cannot read the config {path}: {fault.strerror}") from fault
    except UnicodeDecodeError as fault:
        raise ConfigError(f"{path} is not valid UTF-8: {fault}") from fault
    try:
        settings = yaml.load(text, Loader=_UniqueKeyLoader)  # noqa: S506 (a SafeLoader)
    except (yaml.YAMLError, RecursionError) as fault:
        raise ConfigError(f"{path} is not readable as YAML: {fault}") from fault
    if not isinstance(settings, dict):
        raise ConfigError(f"{path} must hold settings such as `labels:` and `data:`, not {type(settings).__name__}")
    return settings


def _apply(settings: dict[str, Any], override: str) -> None:
    """Set one ``a.b=value`` in the settings; the value is read as YAML."""
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set {override!r}: write it as key=value, such as model.options.epochs=3")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as fault:
        raise ConfigError(f"--set {override!r}: the value is not readable as YAML: {fault}") from fault
    *parents, last = key.strip().split(".")
    place = settings
    for parent in parents:
        child = place.get(parent)
        if child is None:
            child = place[parent] = {}
        if not isinstance(child, dict):
            raise ConfigError(f"--set {override!r}: {parent!r} holds a value, not settings")
        place = child
    place[last] = value


def _explain(found: ValidationError, model: type[BaseModel], *, prefix: str = "") -> Iterator[str]:
    """Yield one line per fault: its key, what is wrong, what was given, the nearest known name."""
    for error in found.errors(include_url=False):
        place = [str(part) for part in error["loc"]]
        key = prefix + ".".join(place)
        if error["type"] == "extra_forbidden":
            known = _fields(model, place[:-1])
            yield f"{key}: unknown key{did_you_mean(place[-1], known)} (known: {', '.join(known)})"
        elif error["type"] == "missing":
            yield f"{key}: missing; it must be given"
        else:
            given = "" if isinstance(error["input"], dict) else f"; given: {error['input']!r}"
            yield f"{key}: {error['msg'][:1].lower()}{error['msg'][1:]}{given}"


def _fields(model: type[BaseModel], place: Sequence[str]) -> list[str]:
    """Return the known keys at a place inside a settings class."""
    current = model
    for part in place:
        annotation = current.model_fields[part].annotation if part in current.model_fields else None
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            break
        current = annotation
    return [name for name in current.model_fields if name != "name"]
