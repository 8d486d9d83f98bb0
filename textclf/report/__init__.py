"""An evaluation as a page to read, cite and print: one HTML file, or the same in Markdown."""

from textclf.report.content import Against, Contender, Leaderboard, ModelFacts, Report, build_report
from textclf.report.write import check_report_paths, write_report

__all__ = [
    "Against",
    "Contender",
    "Leaderboard",
    "ModelFacts",
    "Report",
    "build_report",
    "check_report_paths",
    "write_report",
]
