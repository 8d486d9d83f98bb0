"""The head of a model card: the metadata a Hugging Face hub reads, as YAML."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from textclf.markdown import plain

OVERALL = {
    "macro_f1": ("f1", "macro-F1", "macro"),
    "micro_f1": ("f1", "micro-F1", "micro"),
    "macro_ap": ("average_precision", "macro average precision", "macro"),
    "exact_match": ("exact_match", "exact match", None),
    "false_alarm_rate": ("false_alarm_rate", "false-alarm rate", None),
}
"""Scores a card shows: their key in the scores, the hub's type of metric, their name, and what is averaged how."""

_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


def loads_in_transformers(card: Mapping[str, Any]) -> bool:
    """Tell whether the model's files are a plain sequence classifier of transformers."""
    model = card.get("config", {}).get("model", {})
    return card.get("kind") == "finetuned" and model.get("options", {}).get("pooling", "native") == "native"


def front_matter(card: Mapping[str, Any], *, name: str) -> str:
    """Return the YAML between its lines of dashes.

    Language, licence and datasets stand in it only where the config's `card` section says what they are.

    Args:
        card: What `textclf.json` holds.
        name: The model's name.
    """
    content = yaml.safe_dump(metadata(card, name=name), sort_keys=False, allow_unicode=True, width=1_000)
    return f"---\n{content}---\n"


def metadata(card: Mapping[str, Any], *, name: str) -> dict[str, Any]:
    """Return the metadata, keys in the order a reader looks for them."""
    own = card.get("config", {}).get("card", {})
    at_root = loads_in_transformers(card) and card.get("layout") == "flat"
    tags = ["textclf", "news", "multi-label-classification"]
    found = {
        "language": [plain(language) for language in own.get("language", ())],
        "license": plain(own.get("license") or ""),
        "library_name": "transformers" if at_root else "textclf",
        "pipeline_tag": "text-classification",
        "tags": [*tags, "transformers"] if loads_in_transformers(card) else tags,
        "base_model": [*base_models(card)],
        "datasets": [plain(each) for each in own.get("datasets", ())],
        "metrics": ["f1", "average_precision"],
        "model-index": model_index(card, name=name),
    }
    return {key: value for key, value in found.items() if value}


def base_models(card: Mapping[str, Any]) -> list[str]:
    """Return the hub's names of the encoders a model was made from; local folders are not named."""
    config = card.get("export", {}).get("from", {}) or card.get("config", {})
    named = dict.fromkeys(_encoders(config.get("model", {})))
    return [name for name in named if _HUB_NAME.fullmatch(name) and not Path(name).exists()]


def _encoders(model: Mapping[str, Any]) -> Iterator[str]:
    options = model.get("options") or {}
    if isinstance(options.get("encoder"), str):
        yield options["encoder"]
    for member in options.get("members") or ():
        yield from _encoders(member)


def model_index(card: Mapping[str, Any], *, name: str) -> list[dict[str, Any]]:
    """Return the scores as the hub shows them: the held-out ones, or, said to flatter, those of validation."""
    evaluations = card.get("evaluations", ())
    results = [
        _result(scores, data=plain(scores["data"]), kind=f"sha256-{scores['sha256'][:16]}") for scores in evaluations
    ]
    if not results and "validation_scores" in card:
        scores = card["validation_scores"]
        told = f"{plain(scores.get('fitted_on', 'validation articles'))} (thresholds were fitted on these: it flatters)"
        results = [_result(scores, data=told, kind="validation")]
    results = [result for result in results if result["metrics"]]
    return [{"name": plain(name) or "model", "results": results}] if results else []


def _result(scores: Mapping[str, Any], *, data: str, kind: str) -> dict[str, Any]:
    metrics = []
    for key, (metric, shown, average) in OVERALL.items():
        if scores.get(key) is None:
            continue
        ends = scores.get("intervals", {}).get(key)
        told: dict[str, Any] = {"average": average} if average else {}
        if ends and None not in ends:
            told |= {"confidence": scores["intervals"].get("confidence"), "interval": list(ends)}
        metrics.append({"type": metric, "name": shown, "value": scores[key], **({"args": told} if told else {})})
    counts = {"articles": scores.get("n_articles"), "paragraphs": scores.get("n_paragraphs")}
    return {
        "task": {"type": "text-classification", "name": "multi-label classification of paragraphs"},
        "dataset": {"type": kind, "name": data, "args": counts},
        "metrics": metrics,
    }


def intervals_of(scores: Mapping[str, Any], key: str, *, label: str | None = None) -> Sequence[float | None]:
    """Return both ends of a score's interval, which may be unknown."""
    intervals = scores.get("intervals", {})
    if label is not None:
        intervals = intervals.get("per_label", {}).get(label, {})
    found: Sequence[float | None] = intervals.get(key) or (None, None)
    return found
