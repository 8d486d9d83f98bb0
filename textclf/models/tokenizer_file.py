"""Opening a `tokenizer.json`, which may be damaged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from textclf.errors import BundleError


def open_tokenizer(file: Path) -> Any:
    """Return the `tokenizers.Tokenizer` of a file.

    Raises:
        BundleError: When it is none.
    """
    from tokenizers import Tokenizer

    with damage_told(file):
        return Tokenizer.from_file(str(file))


@contextmanager
def damage_told(file: Path) -> Iterator[None]:
    """Turn what the tokenizers library raises for a damaged file into a `BundleError` that names it."""
    try:
        yield
    except Exception as fault:
        if type(fault) is not Exception:  # the library has no narrower kind than this
            raise
        raise BundleError(f"{file} is no tokenizer: {fault!s:.300}") from fault
