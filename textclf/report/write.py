"""Writing a report, in the format its name asks for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from textclf.errors import ConfigError, import_extra
from textclf.files import check_writable, written_aside
from textclf.report.content import Report
from textclf.report.document import Document
from textclf.report.html import to_html
from textclf.report.markdown import to_markdown
from textclf.report.sections import compose

FORMATS: dict[str, Callable[[Document], str]] = {
    ".html": to_html,
    ".htm": to_html,
    ".md": to_markdown,
}


def check_report_paths(paths: Sequence[Path]) -> None:
    """Make sure, before long work is begun, that reports can be written there.

    Raises:
        ConfigError: When a name does not end in .html or .md.
        MissingExtraError: When HTML is asked for and the extra `report` is not installed.
        WriteError: When nothing can be written there.
    """
    for path in paths:
        if _format(path) is to_html:
            import_extra("jinja2", extra="report", purpose="a report in HTML")
        check_writable(path)


def write_report(path: Path, report: Report) -> None:
    """Write a report, whole or not at all: HTML or Markdown, as the name ends in .html or .md.

    Args:
        path: The file.
        report: What `build_report` gave.

    Raises:
        ConfigError: When the name ends otherwise.
        MissingExtraError: When HTML is asked for and the extra `report` is not installed.
        WriteError: When it cannot be written.
    """
    written = _format(path)(compose(report))
    with written_aside(path) as aside:
        aside.write_text(written, encoding="utf-8")


def _format(path: Path) -> Callable[[Document], str]:
    found = FORMATS.get(path.suffix.lower())
    if found is None:
        raise ConfigError(f"a report is written as .html or .md, not {path.name!r}; choose a name that ends so")
    return found
