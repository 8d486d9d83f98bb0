"""What one would write in twenty lines: a FastAPI function that runs in its pool of threads and calls the model.

    python scripts/bench/serving_naive.py MODEL PORT

A fine-tuned encoder is called through `transformers.pipeline`, any other bundle through `textclf.load`. No queue, no
shared batches.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

folder = Path(sys.argv[1])
app = FastAPI()


class Texts(BaseModel):
    """Paragraphs."""

    texts: list[str]


if json.loads((folder / "textclf.json").read_text(encoding="utf-8"))["kind"] == "finetuned":
    from transformers import pipeline

    model: Any = pipeline("text-classification", model=str(folder / "model"), top_k=None, function_to_apply="sigmoid")

    def scores_of(texts: list[str]) -> list[dict[str, float]]:
        """Return each text's scores."""
        rows = model(texts, truncation=True)
        return [{each["label"]: each["score"] for each in row} for row in rows]

else:
    import textclf

    labeller = textclf.load(folder)

    def scores_of(texts: list[str]) -> list[dict[str, float]]:
        """Return each text's scores."""
        rows = labeller.predict_proba(texts)
        return [dict(zip(labeller.labels, map(float, row), strict=True)) for row in rows]


@app.post("/predict")
def predict(body: Texts) -> list[dict[str, float]]:
    """Answer one request."""
    return scores_of(body.texts)


@app.get("/health")
def health() -> str:
    """Tell that it runs."""
    return "alive"


uvicorn.run(app, port=int(sys.argv[2]), log_level="error", access_log=False)
