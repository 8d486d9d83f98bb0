"""One YAML becomes validated settings; every fault is reported together, with the nearest known name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import compress
from pathlib import Path
from typing import Annotated, Any, Self, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from textclf.calibration import Method as CalibrationMethod
from textclf.errors import ConfigError, did_you_mean
from textclf.intervals import Method as IntervalMethod
from textclf.labels import LabelSet
from textclf.models.interface import Options
from textclf.models.registry import get_kind
from textclf.models.trackers import Tracker
from textclf.objectives import Name, Objective
from textclf.records import ContextSetting
from textclf.yamlfile import parse_yaml, read_yaml


def _as_list(value: Any) -> Any:
    if value == "" or (isinstance(value, list) and "" in value):
        raise ValueError("a path must not be empty")
    return [value] if isinstance(value, (str, Path)) else value


Paths = Annotated[tuple[Path, ...], BeforeValidator(_as_list), Field(min_length=1)]


class Section(BaseModel):
    """A part of a config; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class DataSettings(Section):
    """Where the files are, one path or a list of paths each, and what is read of an article."""

    train: Paths = Field(description="Articles to learn from.")
    validation: Paths | None = Field(None, description="For thresholds and early stopping; none: out of fold.")
    test: Paths | None = Field(None, description="Held out; train reads it only to refuse leakage.")
    unlabelled: Paths | None = Field(
        None, description="Articles as predict takes them, files or folders, for kinds that learn from them too."
    )
    context: ContextSetting = Field(
        "none", description="What a model reads beside a paragraph: its article's title, the previous paragraph, both."
    )


DATA_FILES = ("train", "validation", "test", "unlabelled")


class ModelSettings(Section):
    """Which kind of model, and its options, which depend on the kind."""

    kind: str = "finetuned"
    options: dict[str, Any] = Field(default_factory=dict)


class ObjectiveSettings(Section):
    """What a threshold is to reach (docs/thresholds.md)."""

    objective: Name = "f1"
    value: float | None = Field(None, description="Of f_beta, precision_at_least and recall_at_least.")
    miss: float | None = Field(None, description="Of cost: what a miss costs.")
    false_alarm: float | None = Field(None, description="Of cost: what a false alarm costs.")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        self.chosen()
        return self

    def chosen(self) -> Objective:
        """Return the objective itself."""
        return Objective(self.objective, self.value, self.miss, self.false_alarm)


class ThresholdSettings(ObjectiveSettings):
    """How decisions are fitted on validation articles."""

    per_label: dict[str, ObjectiveSettings] = Field(
        default_factory=dict, description="Labels that are fitted for something else."
    )
    shrinkage: float = Field(100.0, ge=0, description="Positives at which a label's own threshold counts half.")
    calibration: CalibrationMethod = "auto"
    folds: int = Field(5, ge=2, description="Article folds, used when there is no validation file.")

    def objectives(self, labels: LabelSet) -> list[Objective]:
        """Return the objective of each label, in the label set's order."""
        return [self.per_label.get(name, self).chosen() for name in labels]


class EvaluationSettings(Section):
    """How scores get their intervals."""

    resamples: int = Field(1_000, ge=100, description="Article resamples.")
    confidence: float = Field(0.95, gt=0, lt=1)
    interval: IntervalMethod = Field("bca", description="How intervals are read off the resamples: bca or percentile.")


class TrackingSettings(Section):
    """Where the scores of each epoch go, besides the log."""

    to: tuple[Tracker, ...] = Field((), description="None by default.")
    project: str = Field("textclf", min_length=1, description="The trackers' name for what runs belong to.")
    folder: Path = Field(Path("runs/tracking"), description="For trackers that write files.")


class CardSettings(Section):
    """What the model card is to say that nobody can tell from the data (docs/model-cards.md)."""

    language: tuple[str, ...] = Field((), description="Of the texts: en, es, ar and so on.")
    license: str | None = Field(None, min_length=1, description="Of the model, as the hub names it: apache-2.0.")
    datasets: tuple[str, ...] = Field((), description="The hub's names of datasets it was trained on.")

    @field_validator("language", "datasets", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value


class Config(Section):
    """Everything one training needs; made by `load_config`."""

    name: str
    labels: LabelSet
    data: DataSettings
    model: ModelSettings = ModelSettings()
    thresholds: ThresholdSettings = ThresholdSettings()
    evaluation: EvaluationSettings = EvaluationSettings()
    tracking: TrackingSettings = TrackingSettings()
    card: CardSettings = CardSettings()
    seed: int = Field(13, ge=0, lt=2**32, strict=True)
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
        path: A YAML file. Relative paths to data in it are looked for from the project it belongs to (the folder that
            holds its `configs/` folder, else its own folder), then from the working folder.
        overrides: Such as ``"model.options.epochs=3"``; the value is read as YAML, and paths in it are looked for from
            the working folder first.

    Raises:
        ConfigError: With every fault found: unknown keys (and the nearest known), wrong values, missing files.
    """
    path = Path(path)
    settings = read_yaml(path, what="the config")
    if not isinstance(settings, dict):
        raise ConfigError(f"{path} must hold settings such as `labels:` and `data:`, not {type(settings).__name__}")
    kind_before = _kind_of(settings)
    names_kind = [_key_of(override) == "model.kind" for override in overrides]
    for override in compress(overrides, names_kind):
        _apply(settings, override)
    if any(names_kind) and _kind_of(settings) != kind_before:  # options belong to a kind: another begins with its own
        settings["model"].pop("options", None)
    for override in compress(overrides, (not names for names in names_kind)):
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
    if "name" in settings:
        faults.append("name: unknown key (a config is named after its file)")
    given = {"out": f"runs/{name}", **settings, "name": name}
    labels = given.pop("labels", None)
    try:
        given["labels"] = known = _labels(labels, near)
    except ConfigError as fault:
        faults.append(str(fault))
        given["labels"], known = LabelSet.of(["unreadable"]), None
    if isinstance(given.get("data"), Mapping):
        given["data"] = {
            key: _locate(value, near) if key in DATA_FILES else value for key, value in given["data"].items()
        }
    config = None
    try:
        config = Config.model_validate(given)
    except ValidationError as found:
        faults += list(_explain(found, Config))
    faults += _unknown_labels(given.get("thresholds"), known) if known is not None else []
    model = given.get("model", {})
    faults += _option_faults(model) if isinstance(model, Mapping) else []
    faults += list(_missing_files(given.get("data")))
    if faults or config is None:
        listed = "\n".join(f"  - {fault}" for fault in faults)
        raise ConfigError(f"{source} has {len(faults)} fault(s):\n{listed}")
    return config


def _unknown_labels(thresholds: Any, labels: LabelSet) -> list[str]:
    """Return a fault for each label of `thresholds.per_label` that is none."""
    own = thresholds.get("per_label") if isinstance(thresholds, Mapping) else None
    return [
        f"thresholds.per_label.{name}: unknown label{did_you_mean(str(name), labels)} (known: {', '.join(labels)})"
        for name in (own if isinstance(own, Mapping) else ())
        if name not in labels.names
    ]


def _missing_files(data: Any) -> Iterator[str]:
    """Yield a fault for each data file that is not there."""
    for key, value in data.items() if isinstance(data, Mapping) else ():
        for file in value if isinstance(value, list) else [value]:
            if key in DATA_FILES and isinstance(file, (str, Path)) and not _is_data(file):
                yield f"data.{key}: no such file: {file} (looked for from {Path.cwd()})"


def _option_faults(model: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with `model.kind` and `model.options`."""
    try:
        kind = model.get("kind", "finetuned")
        if not isinstance(kind, str):
            return []  # told already
        options_type = get_kind(kind).options_type
        options_type.model_validate(model.get("options") or {})
    except ConfigError as fault:
        return [str(fault)]
    except ValidationError as found:
        return list(_explain(found, options_type, prefix="model.options."))
    return []


def _is_data(path: str | Path) -> bool:
    """Tell whether there is a file or folder of the name, or it is the name of a dataset on the hub."""
    return str(path).startswith("hf:") or _exists(path)


def _exists(path: str | Path) -> bool:
    try:
        return Path(path).exists()
    except (OSError, ValueError):  # a name no file system takes
        return False


def _labels(given: Any, near: Path) -> LabelSet:
    if isinstance(given, str):
        return LabelSet.read(_locate(given, near))
    if isinstance(given, LabelSet):
        return given
    if isinstance(given, (list, tuple, dict)):
        return LabelSet.of(given)
    raise ConfigError("labels: give a YAML file of labels, a list of names, or a mapping of name to definition")


def _locate(given: Any, near: Path) -> Any:
    """Return a relative path from where it exists: the config's project first, then the working folder."""
    if isinstance(given, (list, tuple)):
        return [_locate(item, near) for item in given]
    if not isinstance(given, str) or Path(given).is_absolute() or (isinstance(given, _FromHere) and _exists(given)):
        return given
    folder = near.absolute().parent
    project = folder.parent if folder.name == "configs" else folder
    found = project / given
    if not _exists(found):
        return given
    return str(found.relative_to(Path.cwd())) if found.is_relative_to(Path.cwd()) else str(found)


def _apply(settings: dict[str, Any], override: str) -> None:
    """Set one ``a.b=value`` in the settings; the value is read as YAML."""
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set {override!r}: write it as key=value, such as model.options.epochs=3")
    value = parse_yaml(text, source=f"--set {override!r}: the value")
    *parents, last = key.strip().split(".")
    place = settings
    for parent in parents:
        child = place.get(parent)
        if child is None:
            child = place[parent] = {}
        if not isinstance(child, dict):
            raise ConfigError(f"--set {override!r}: {parent!r} holds a value, not settings")
        place = child
    names_file = key.strip() == "labels" or (parents == ["data"] and last in DATA_FILES)
    place[last] = _from_here(value) if names_file else value


class _FromHere(str):
    """A path given on the command line: it is meant from the working folder."""

    __slots__ = ()


def _key_of(override: str) -> str:
    return override.partition("=")[0].strip()


def _kind_of(settings: Mapping[str, Any]) -> Any:
    model = settings.get("model")
    return model.get("kind", "finetuned") if isinstance(model, dict) else None


def _from_here(value: Any) -> Any:
    if isinstance(value, list):
        return [_from_here(item) for item in value]
    return _FromHere(value) if isinstance(value, str) else value


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
            yield f"{key}: {error['msg'][:1].lower()}{error['msg'][1:]}{given[:100]}"


def _fields(model: type[BaseModel], place: Sequence[str]) -> list[str]:
    """Return the known keys at a place inside a settings class."""
    current = model
    below: Any = None  # what every key of a mapping holds
    for part in place:
        field = current.model_fields.get(part)
        annotation = below or (field.annotation if field else None)
        below = get_args(annotation)[1] if get_args(annotation)[:1] == (str,) else None
        if below is not None:
            continue
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            break
        current = annotation
    return [name for name in current.model_fields if name != "name"]
