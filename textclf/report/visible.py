"""Texts as they can be shown: what would upset a page, or hide what is really there, is made visible."""

from __future__ import annotations

import re

_OVERRIDES = {code: f"⟨U+{code:04X}⟩" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))}
_CONTROLS = {
    code: "\ufffd" for code in (*range(0x20), *range(0x7F, 0xA0), *range(0xD800, 0xE000)) if code not in (9, 10, 13)
}
_SHOWN = {**_OVERRIDES, **_CONTROLS, 0x2028: "\n", 0x2029: "\n"}

_MARKS = re.compile(r"([\\`*_\[\]#|~$!{}])")
_STARTS = re.compile(r"^(\d*)([-+=.)])(?=\s|$|[-=])")  # what makes a line a list, a rule or a heading


def visible(text: str) -> str:
    """Return a text that can stand in a page of any encoding.

    Characters that turn the direction of what follows are written by their code, since they make a reader see another
    order than is there; control characters and half characters become the sign for what cannot be shown.
    """
    return text.translate(_SHOWN)


def one_line(text: str) -> str:
    """Return a visible text on one line, white space folded."""
    return " ".join(visible(text).split())


def in_markdown(text: str) -> str:
    """Return a text on one line that Markdown shows letter by letter, whatever it holds."""
    escaped = _MARKS.sub(r"\\\1", one_line(text))
    escaped = escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _STARTS.sub(r"\1\\\2", escaped)
