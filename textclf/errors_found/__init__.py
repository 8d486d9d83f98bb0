"""Error analysis: which decisions are wrong, whose fault that likely is, and what they have in common."""

from textclf.errors_found.found import ErrorsFound, find_errors

__all__ = ["ErrorsFound", "find_errors"]
