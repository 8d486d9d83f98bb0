"""The kinds of model, by the name a config gives: one line each, imported only when asked for."""

from __future__ import annotations

import importlib

from textclf.errors import ConfigError, did_you_mean
from textclf.models.interface import Trainable

KINDS = {
    "tfidf": "textclf.models.tfidf:Tfidf",
    "frozen_encoder": "textclf.models.frozen_encoder:FrozenEncoder",
    "static": "textclf.models.static:Static",
    "zero_shot": "textclf.models.zero_shot:ZeroShot",
    "setfit": "textclf.models.setfit:Setfit",
    "finetuned": "textclf.models.finetuned:Finetuned",
    "ensemble": "textclf.models.ensemble:Ensemble",
    "distilled": "textclf.models.distilled:Distilled",
}
SERVED = {
    "onnx": "textclf.models.exported:Exported",
    "cascade": "textclf.models.cascade:Cascade",
}
"""Kinds that are made from others and learn nothing themselves."""


def get_kind(name: str) -> type[Trainable]:
    """Return the class of a kind.

    Raises:
        ConfigError: When there is no such kind; the nearest name is given.
    """
    found = {**KINDS, **SERVED}.get(name)
    if found is None:
        known = ", ".join(KINDS)
        raise ConfigError(f"model.kind: unknown kind {name!r}; allowed: {known}{did_you_mean(name, KINDS)}")
    module, attribute = found.split(":")
    kind: type[Trainable] = getattr(importlib.import_module(module), attribute)
    return kind
