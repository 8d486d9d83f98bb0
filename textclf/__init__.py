"""textclf: multi-label classifiers for the paragraphs of news articles.

    import textclf
    model = textclf.load("runs/minilm")
    model.predict(["Shells fell on the market quarter for a third day."])
    for p in model.label(textclf.read_article("article.txt")):
        print(p.labels, p.scores, p.text)

Importing this is light: torch, transformers and scikit-learn are imported when first needed.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from textclf.version import __version__

if TYPE_CHECKING:
    from textclf.articles import read_article, read_articles
    from textclf.bundle import load_bundle as load
    from textclf.classifier import TextClassifier
    from textclf.client import AsyncClient, Client
    from textclf.config import load_config
    from textclf.datasets import read_labelled, write_labelled
    from textclf.errors import TextclfError
    from textclf.explanation import Explanation
    from textclf.labeller import Labeller
    from textclf.labels import LabelSet
    from textclf.records import Article, Paragraph

__all__ = [
    "Article",
    "AsyncClient",
    "Client",
    "Explanation",
    "LabelSet",
    "Labeller",
    "Paragraph",
    "TextClassifier",
    "TextclfError",
    "__version__",
    "load",
    "load_config",
    "read_article",
    "read_articles",
    "read_labelled",
    "write_labelled",
]

_HOMES = {
    "Article": "textclf.records",
    "AsyncClient": "textclf.client",
    "Client": "textclf.client",
    "Explanation": "textclf.explanation",
    "LabelSet": "textclf.labels",
    "Labeller": "textclf.labeller",
    "Paragraph": "textclf.records",
    "TextClassifier": "textclf.classifier",
    "TextclfError": "textclf.errors",
    "load": "textclf.bundle:load_bundle",
    "load_config": "textclf.config",
    "read_article": "textclf.articles",
    "read_articles": "textclf.articles",
    "read_labelled": "textclf.datasets",
    "write_labelled": "textclf.datasets",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'textclf' has no attribute {name!r}")
    module, _, attribute = _HOMES[name].partition(":")
    return getattr(importlib.import_module(module), attribute or name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
