"""A small builder of ONNX graphs: nodes named by what they make, constants stored once."""

from __future__ import annotations

from typing import Any

import numpy as np

from textclf.errors import import_extra

OPSET = 20  # the first with Gelu
IR_VERSION = 9
HEAD = "head."  # constants of the head begin so; they are few, and stay in float


class Graph:
    """A graph that grows node by node. A tensor is known by its name."""

    def __init__(self) -> None:
        self.onnx: Any = import_extra("onnx", extra="export", purpose="exporting a model")
        self.nodes: list[Any] = []
        self.constants: dict[str, Any] = {}

    def constant(self, value: np.ndarray, name: str) -> str:
        """Store an array under a name, unless it is there already, and return the name."""
        if name not in self.constants:
            self.constants[name] = self.onnx.numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def integers(self, *values: int) -> str:
        """Return a constant vector of integers, as shapes and axes are given."""
        return self.constant(np.array(values, dtype=np.int64), "i" + "_".join(map(str, values)))

    def number(self, value: float) -> str:
        """Return a constant scalar, float32."""
        return self.constant(np.array(value, dtype=np.float32), f"f{value!r}")

    def add(self, op: str, *inputs: str, **attributes: Any) -> str:
        """Add a node and return the name of its output."""
        name = f"{op}_{len(self.nodes)}"
        self.nodes.append(self.onnx.helper.make_node(op, list(inputs), [name], name=name, **attributes))
        return name

    def linear(self, x: str, weight: np.ndarray, bias: np.ndarray | None, name: str) -> str:
        """Multiply the last axis of `x` with a weight (out, in) as torch keeps it, and add the bias (out,)."""
        product = self.add("MatMul", x, self.constant(weight.T.astype(np.float32), f"{name}.weight"))
        if bias is None:
            return product
        return self.add("Add", product, self.constant(bias.astype(np.float32), f"{name}.bias"))

    def normalise(self, x: str, weight: np.ndarray, bias: np.ndarray, name: str, *, epsilon: float) -> str:
        """Normalise the last axis (LayerNorm)."""
        scale, shift = self.constant(weight, f"{name}.weight"), self.constant(bias, f"{name}.bias")
        return self.add("LayerNormalization", x, scale, shift, axis=-1, epsilon=epsilon)

    def part(self, x: str, begin: int, end: int, *, axis: int) -> str:
        """Cut ``[begin:end]`` out of one axis."""
        return self.add("Slice", x, self.integers(begin), self.integers(end), self.integers(axis))

    def model(self, inputs: list[str], output: str, *, width: int) -> Any:
        """Return the ModelProto: int64 inputs (batch, tokens), one float32 output ``logits`` (batch, width).

        Raises:
            onnx.checker.ValidationError: When the graph does not hold together.
        """
        helper, types = self.onnx.helper, self.onnx.TensorProto
        last = helper.make_node("Identity", [output], ["logits"], name="logits")
        graph = helper.make_graph(
            [*self.nodes, last],
            "classifier",
            [helper.make_tensor_value_info(name, types.INT64, ["batch", "tokens"]) for name in inputs],
            [helper.make_tensor_value_info("logits", types.FLOAT, ["batch", width])],
            list(self.constants.values()),
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="textclf"
        )
        self.onnx.checker.check_model(model)
        return model
