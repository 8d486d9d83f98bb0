"""Opening a study: in a SQLite file of its own, or in a database that several machines share."""

from __future__ import annotations

import sqlite3
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from textclf.errors import ConfigError, TextclfError, import_extra
from textclf.files import check_writable
from textclf.study.sampler import seeded_by_trial

HEARTBEAT = 60  # seconds between two signs of life of a running trial
GRACE = 180  # seconds without one after which a trial counts as lost
WAIT = 60  # seconds that a write to SQLite waits for the other processes
ATTEMPTS = 5  # at making the tables, which two processes may begin at once

PRUNERS = ("median", "hyperband", "none")


class StudyError(TextclfError):
    """A study that cannot be opened, stored or joined, or that has nothing to show."""


def import_optuna() -> Any:
    """Import optuna, or say which extra brings it.

    Raises:
        MissingExtraError: When it is not installed.
    """
    return import_extra("optuna", extra="tune", purpose="textclf tune")


@contextmanager
def open_study(
    name: str, *, folder: Path, storage: str | None, pruner: str, seed: int, made_for: Mapping[str, str]
) -> Iterator[Any]:
    """Give the study of a name, new or begun before, and close its storage afterwards.

    Args:
        name: The study's name in its storage.
        folder: Where `study.db` is, when no storage is given.
        storage: The URL of a database, as SQLAlchemy takes it.
        pruner: One of `PRUNERS`.
        seed: Of the sampler, together with the number of the trial.
        made_for: What makes its trials comparable, by name, as short texts; a study begun with others is refused.

    Raises:
        StudyError: When the storage cannot be opened, or stops working.
        ConfigError: When the study was begun for something else.
    """
    optuna = import_optuna()
    url = storage or _sqlite_url(folder)
    kept = _open_storage(url)
    try:
        with quiet():
            study = optuna.create_study(
                storage=kept,
                study_name=name,
                direction="maximize",
                load_if_exists=True,
                sampler=seeded_by_trial(seed),
                pruner=_pruner(optuna, pruner),
            )
            _check_purpose(study, made_for, where=shown(url))
            yield study
    except optuna.exceptions.StorageInternalError as fault:
        reason = _reason(fault.__cause__ or fault, url)
        raise StudyError(
            f"the study in {shown(url)} cannot be read or written any more: {reason}. What was done is kept there; run "
            f"the command again to go on"
        ) from fault
    finally:
        kept.remove_session()
        kept.engine.dispose()


@contextmanager
def quiet() -> Iterator[None]:
    """Keep optuna from logging lines of its own and from telling that what is used of it may change."""
    optuna = import_optuna()
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


@contextmanager
def no_experimental_warnings() -> Iterator[None]:
    """Hide that heartbeats may change in later versions."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", import_optuna().exceptions.ExperimentalWarning)
        yield


def shown(url: str) -> str:
    """Return a storage's URL without the password in it."""
    with suppress(ValueError):
        password = urlsplit(url).password
        if password:
            return url.replace(f":{password}@", ":***@", 1)
    return url


def _sqlite_url(folder: Path) -> str:
    urls = import_extra("sqlalchemy.engine", extra="tune", purpose="textclf tune")
    path = str((folder / "study.db").absolute())
    url: str = urls.URL.create("sqlite", database=path).render_as_string(hide_password=False)
    if urls.make_url(url).database != path:  # versions differ in which characters they can write and read again
        raise StudyError(f"a study cannot be kept in {path}, for the name of its folder; choose another with --out DIR")
    check_writable(folder / "study.db")  # says more clearly than a database what is wrong with the place
    return url.replace("{", "{{").replace("}", "}}")  # optuna fills in what stands in braces


def _open_storage(url: str) -> Any:
    optuna = import_optuna()
    faults = import_extra("sqlalchemy.exc", extra="tune", purpose="textclf tune")
    waits = {"connect_args": {"timeout": WAIT}} if url.startswith("sqlite:") else {}
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with no_experimental_warnings(), quiet():
                return optuna.storages.RDBStorage(
                    url, engine_kwargs=waits, heartbeat_interval=HEARTBEAT, grace_period=GRACE
                )
        except (
            faults.SQLAlchemyError,
            optuna.exceptions.OptunaError,
            ImportError,
            KeyError,
            RuntimeError,
            TypeError,
            ValueError,
        ) as fault:
            if _was_overtaken(fault) and attempt < ATTEMPTS:
                continue
            raise StudyError(
                f"cannot open the storage {shown(url)}: {_reason(fault, url)}. Give --storage the URL of a database "
                f"that can be written, such as sqlite:///study.db or postgresql+psycopg://user@host/name (whose driver "
                f"is a package of its own), or leave it out for a SQLite file beside the output"
            ) from fault
    raise AssertionError("every attempt returns or raises")


def _was_overtaken(fault: Exception) -> bool:
    """Tell whether another process made the tables, or filled the first, at the same time."""
    return "already exists" in str(fault) or "IntegrityError" in (type(fault).__name__, type(fault.__cause__).__name__)


def _reason(fault: BaseException, url: str) -> str:
    """Return the first line of what a database said, without the password."""
    told = getattr(fault, "orig", None) or fault
    if isinstance(told, sqlite3.DatabaseError) and "not a database" in str(told):
        return "the file is no SQLite database"
    line = (str(told).strip() or type(told).__name__).splitlines()[0]
    return line.replace(url, shown(url)).rstrip(".")


def _pruner(optuna: Any, name: str) -> Any:
    if name == "hyperband":
        return optuna.pruners.HyperbandPruner()
    return optuna.pruners.MedianPruner(n_warmup_steps=1) if name == "median" else optuna.pruners.NopPruner()


def _check_purpose(study: Any, made_for: Mapping[str, str], *, where: str) -> None:
    """Refuse a study whose trials could not be compared with ours; a new one notes what it is for."""
    begun = study.user_attrs.get("made_for")
    if begun is None:
        study.set_user_attr("made_for", dict(made_for))
    elif differing := [name for name, value in made_for.items() if begun.get(name) != value]:
        raise ConfigError(
            f"the study {study.study_name!r} in {where} was begun with other {' and other '.join(differing)}, so its "
            f"trials cannot be compared with new ones. Undo the change, or begin another study with --out DIR or "
            f"--study NAME"
        )
