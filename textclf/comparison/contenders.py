"""Who is compared: configs, each trained with one seed or several where it is not already, and trained models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from textclf.bundle import load_bundle
from textclf.config import Config, load_config
from textclf.errors import ConfigError, DataError
from textclf.progress import log
from textclf.train import is_trained, train

CONFIG_ENDINGS = (".yaml", ".yml")


@dataclass(frozen=True)
class Contender:
    """One model to compare, as one or several trainings of it.

    Attributes:
        name: Short and its own among those compared.
        kind: Its kind in the registry.
        labels: The names of its labels, in order.
        given: The config or folder it was given as.
        bundles: The folder of each training.
        configs: The config of each training, alike but for `seed` and `out`; none for a model given as a folder.
    """

    name: str
    kind: str
    labels: tuple[str, ...]
    given: Path
    bundles: tuple[Path, ...]
    configs: tuple[Config, ...] = ()


def find_contenders(given: Sequence[str | Path], *, seeds: int = 1) -> list[Contender]:
    """Read what is to be compared; nothing is trained yet.

    Args:
        given: Configs (.yaml) and folders of trained models.
        seeds: Trainings of each config, with its `seed`, the next one, and so on; the first lies where the config
            says, those after it beside that, as ``<out>-seed14``. A trained model is one training.

    Raises:
        ConfigError: When a config has faults, or two trainings would write to one folder.
        BundleError: When a folder holds no whole model.
        DataError: When labels differ.
    """
    if not given:
        raise ConfigError("give at least one config or trained model to compare")
    if seeds < 1:
        raise ConfigError(f"seeds: give at least 1; given: {seeds}")
    found: list[Contender] = []
    taken: dict[Path, str] = {}
    for path in map(Path, given):
        contender = _of_config(path, seeds) if path.suffix in CONFIG_ENDINGS else _of_bundle(path)
        for bundle in contender.bundles:
            where = bundle.absolute()
            if where in taken:
                writes = f"writes to {bundle}" if contender.configs else f"is {bundle}"
                raise ConfigError(f"{path} {writes}, as another model given does; change its `out`")
            taken[where] = contender.name
        found.append(contender)
    _check_labels(found)
    return _with_names_of_their_own(found)


def train_missing(contenders: Sequence[Contender]) -> int:
    """Train what is not trained as its config says on the data as they are; return how many that were.

    Each is kept as soon as it is done, so that a run that was cut off and is repeated trains only the rest.

    Raises:
        DataError: When data have faults.
        WriteError: When a model cannot be written.
    """
    wanted = [
        (contender.name, config) for contender in contenders for config in contender.configs if not is_trained(config)
    ]
    for number, (name, config) in enumerate(wanted, start=1):
        log.info("training %d of %d: %s, seed %d, into %s", number, len(wanted), name, config.seed, config.out)
        result = train(config)
        log.info("%s, seed %d: trained in %.1f s", name, config.seed, result.seconds)
    return len(wanted)


def with_seed(config: Config, number: int) -> Config:
    """Return a config for its training of a number, from 0: the first is the config itself."""
    if number == 0:
        return config
    seed = (config.seed + number) % 2**32
    return config.model_copy(update={"seed": seed, "out": config.out.with_name(f"{config.out.name}-seed{seed}")})


def _of_config(path: Path, seeds: int) -> Contender:
    config = load_config(path)
    configs = tuple(with_seed(config, number) for number in range(seeds))
    return Contender(config.name, config.model.kind, config.labels.names, path, tuple(c.out for c in configs), configs)


def _of_bundle(path: Path) -> Contender:
    model = load_bundle(path)
    return Contender(path.absolute().name, model.card["kind"], model.labels.names, path, (path,))


def _check_labels(found: Sequence[Contender]) -> None:
    first = found[0]
    for other in found[1:]:
        if other.labels != first.labels:
            ours, theirs = ", ".join(first.labels), ", ".join(other.labels)
            raise DataError(
                f"{first.name} and {other.name} have different labels ({ours} against {theirs}); they cannot "
                f"be compared"
            )


def _with_names_of_their_own(found: list[Contender]) -> list[Contender]:
    """Name those that share a name by their folder, so that each has its own."""
    names = [contender.name for contender in found]
    return [
        contender if names.count(contender.name) == 1 else replace(contender, name=str(contender.bundles[0]))
        for contender in found
    ]
