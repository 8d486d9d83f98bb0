"""The shapes a server's answer may have: whichever comes, the rest of the client sees one.

That one is: `model` (id, version, labels, thresholds), `title`, `date`, `paragraphs` (index, text, start, end, labels,
scores, explanation: method, words, weights), `left_out`. The other tells `thresholds` beside the model, numbers
paragraphs under `paragraph`, and explains by label.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def one_shape(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return an answer to a prediction in the one shape; what is missing raises a KeyError."""
    model, thresholds = answer["model"], answer["model"].get("thresholds") or answer["thresholds"]
    told = {
        "id": model.get("id") or model["name"],
        "version": model["version"],
        "labels": model.get("labels") or [{"name": name} for name in thresholds],
        "thresholds": thresholds,
    }
    paragraphs = [
        {
            **each,
            "index": each["index"] if "index" in each else each["paragraph"],
            "explanation": _explanation(each.get("explanation")),
        }
        for each in answer["paragraphs"]
    ]
    return {**answer, "model": told, "paragraphs": paragraphs}


def _explanation(told: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if told is None:
        return None
    words = [(word["start"], word["end"]) if isinstance(word, Mapping) else word for word in told["words"]]
    weights = told["weights"] if "weights" in told else {name: by["weights"] for name, by in told["labels"].items()}
    return {"method": told["method"], "words": words, "weights": weights}


def error_of(answer: Any) -> tuple[str, str | None]:
    """Return the message of an error's JSON, "" where there is none, and the place it names."""
    error = answer.get("error") if isinstance(answer, Mapping) else None
    if isinstance(error, str):
        faults = answer.get("faults")
        where = faults[0].get("at") if isinstance(faults, list) and faults and isinstance(faults[0], Mapping) else None
        return error[:2_000], str(where) if where else None
    if not isinstance(error, Mapping):
        return "", None
    where = error.get("where")
    return str(error.get("message") or "")[:2_000], str(where) if where else None
