"""Encoders of any architecture as ONNX graphs, traced by torch; for those that `onnx_encoders` does not draw."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from textclf.errors import ModelError, import_extra
from textclf.models.encoders import quiet
from textclf.models.onnx_graph import OPSET


def traced_classifier(model: Any, *, inputs: list[str]) -> Any:
    """Return the ModelProto of a classifier: token ids in, log-odds out.

    Raises:
        ModelError: When its architecture cannot be traced.
        MissingExtraError: When what traces is not installed.
    """
    return _traced(model, lambda given: model(**given).logits, inputs=inputs)


def traced_embedding(encoder: Any, coefficients: np.ndarray, intercepts: np.ndarray, *, inputs: list[str]) -> Any:
    """Return the ModelProto of a linear head (k, d) over mean-pooled embeddings of length 1: log-odds out.

    Raises:
        ModelError: When its architecture cannot be traced.
        MissingExtraError: When what traces is not installed.
    """
    import torch

    from textclf.models.embeddings import pooled

    weight = torch.as_tensor(coefficients, dtype=torch.float32)
    bias = torch.as_tensor(intercepts, dtype=torch.float32)
    head = lambda given: torch.nn.functional.linear(pooled(encoder, given), weight, bias)  # noqa: E731
    return _traced(encoder, head, inputs=inputs)


def _traced(model: Any, answer: Callable[[dict[str, Any]], Any], *, inputs: list[str]) -> Any:
    """Trace `answer` on an example, with as many texts and tokens as there may be."""
    import torch

    import_extra("onnxscript", extra="export", purpose=f"exporting the architecture {model.config.model_type}")

    class Answering(torch.nn.Module):  # type: ignore[misc]
        """What is traced: tensors by position in, log-odds out."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *given: Any) -> Any:
            """Return log-odds (b, k)."""
            return answer(dict(zip(inputs, given, strict=True)))

    example = torch.ones((2, 9), dtype=torch.int64)
    sizes = {0: torch.export.Dim("batch", min=1), 1: torch.export.Dim("tokens", min=1)}
    attention = getattr(model.config, "_attn_implementation", None)
    try:
        with warnings.catch_warnings(), quiet(), _silent(), torch.no_grad():
            warnings.simplefilter("ignore")
            model.eval().set_attn_implementation("eager")  # plain products, which runtimes fuse themselves
            program = torch.onnx.export(
                Answering().eval().cpu(),
                tuple(example.clone() for _ in inputs),  # one tensor twice would be one input
                dynamo=True,
                opset_version=OPSET,
                dynamic_shapes=((sizes,) * len(inputs),),
                input_names=inputs,
                output_names=["logits"],
                verbose=False,
            )
    except (RuntimeError, ValueError, torch.onnx.OnnxExporterError) as fault:
        told = str(fault).strip().splitlines() or [type(fault).__name__]
        raise ModelError(f"the architecture {model.config.model_type} cannot be traced: {told[0][:300]}") from fault
    finally:
        model.eval()  # which torch does not leave it in
        if attention is not None:
            model.set_attn_implementation(attention)
    return program.model_proto


@contextmanager
def _silent() -> Iterator[None]:
    """Keep back what torch and its helpers log while they trace; errors still raise."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
