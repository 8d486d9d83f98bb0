"""Linear layers of an ONNX graph in 8-bit integers, the rest in float.

Every linear layer reads its input through one scale that is fixed beforehand, so no text's scores hang on what else is
in a batch. Three things keep the error small, each chosen for each layer by the error it leaves on sample activations:

- *smoothing* (SmoothQuant, Xiao et al. 2022): what varies much between channels of the input is moved into the weights;
- *outliers apart* (after LLM.int8, Dettmers et al. 2022): the few channels with far larger values are multiplied in
  float beside the integers, with their own columns of the weight;
- weights have a scale for each output.

The graph holds standard operators alone (QuantizeLinear, DequantizeLinear, MatMul), which runtimes fuse.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from textclf.errors import import_extra
from textclf.models.onnx_graph import HEAD

FEWEST_CHANNELS = 32  # a layer with fewer inputs is not worth integers
OUTLIERS = 16  # channels multiplied in float, where that helps
WORTH = 0.75  # outliers apart must leave at most this share of the error to be worth their time
SMOOTHING = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
ROWS_A_TEXT = 8  # sample activations kept of a text
HALF_FROM = 1_000_000  # numbers from which a table of embeddings is kept in half precision
LEVELS = 127

Run = Callable[[Mapping[str, np.ndarray]], Sequence[np.ndarray]]


@dataclass(frozen=True)
class Plan:
    """How one linear layer becomes integers.

    Attributes:
        name: Of its weight.
        smooth: float32 (d,): the input is divided by it and the weight multiplied; ones change nothing.
        outliers: int64 (m,): channels multiplied in float.
        low: Least value of the smoothed input, outliers left out.
        high: Greatest value.
        error: Root mean square error of the output on samples, against that of the output itself.
    """

    name: str
    smooth: np.ndarray
    outliers: np.ndarray
    low: float
    high: float
    error: float


def linear_layers(model: Any) -> dict[str, Any]:
    """Return weight name to node of every linear layer that may become integers.

    Those of the head stay in float, and so does a weight that several layers share.
    """
    uses = Counter(name for node in model.graph.node for name in node.input)
    shapes = {constant.name: tuple(constant.dims) for constant in model.graph.initializer}
    return {
        node.input[1]: node
        for node in model.graph.node
        if node.op_type == "MatMul"
        and len(shapes.get(node.input[1], ())) == 2
        and shapes[node.input[1]][0] >= FEWEST_CHANNELS
        and uses[node.input[1]] == 1
        and not node.input[1].startswith(HEAD)
    }


def plan_layers(model: Any, open_run: Callable[[Any], Run], samples: Iterable[Mapping[str, np.ndarray]]) -> list[Plan]:
    """Choose how each linear layer becomes integers, by what flows through it when samples are run.

    Args:
        model: A float graph.
        open_run: Makes a function out of a graph that returns all its outputs.
        samples: Inputs of one text each, so that no padding is seen.
    """
    onnx = import_extra("onnx", extra="export", purpose="exporting a model")
    layers = linear_layers(model)
    observed = onnx.ModelProto()
    observed.CopyFrom(model)
    watched = list(dict.fromkeys(node.input[0] for node in layers.values()))
    del observed.graph.output[:]
    observed.graph.output.extend(
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in watched
    )
    run, rng = open_run(observed), np.random.default_rng(0)
    kept: dict[str, list[np.ndarray]] = {name: [] for name in watched}
    lows: dict[str, np.ndarray] = {}
    highs: dict[str, np.ndarray] = {}
    for sample in samples:
        for name, found in zip(watched, run(sample), strict=True):
            rows = found.reshape(-1, found.shape[-1])
            lows[name] = np.minimum(lows.get(name, np.inf), rows.min(axis=0))
            highs[name] = np.maximum(highs.get(name, -np.inf), rows.max(axis=0))
            kept[name].append(rows[rng.permutation(len(rows))[:ROWS_A_TEXT]])
    weights = {constant.name: onnx.numpy_helper.to_array(constant) for constant in model.graph.initializer}
    return [
        _plan(name, np.concatenate(kept[x]), lows[x], highs[x], weights[name])
        for name, x in ((name, node.input[0]) for name, node in layers.items())
    ]


def quantized(model: Any, plans: Iterable[Plan], *, levels: int = LEVELS) -> Any:
    """Return a graph in which the planned layers work in integers and large tables are in half precision.

    Args:
        model: A float graph.
        plans: Of the layers that are to change; others stay.
        levels: Greatest weight: 127, or 63 for processors whose multiplication would overflow.
    """
    onnx = import_extra("onnx", extra="export", purpose="exporting a model")
    made, by_name = onnx.ModelProto(), {plan.name: plan for plan in plans}
    made.CopyFrom(model)
    weights = {constant.name: constant for constant in made.graph.initializer}
    nodes: list[Any] = []
    constants: dict[str, Any] = {}
    for node in made.graph.node:
        if node.op_type == "MatMul" and node.input[1] in by_name:
            plan = by_name[node.input[1]]
            weight = onnx.numpy_helper.to_array(weights.pop(plan.name))
            nodes += _integer_nodes(onnx, node, plan, weight, constants, levels)
        elif node.op_type == "Gather" and np.prod(getattr(weights.get(node.input[0]), "dims", [0])) >= HALF_FROM:
            nodes += _half_gather(onnx, node, weights, constants)
        else:
            nodes.append(node)
    del made.graph.node[:]
    made.graph.node.extend(nodes)
    rest = [constant for name, constant in weights.items() if name not in constants]
    del made.graph.initializer[:]
    made.graph.initializer.extend([*rest, *constants.values()])
    onnx.checker.check_model(made)
    return made


def _plan(name: str, x: np.ndarray, low: np.ndarray, high: np.ndarray, weight: np.ndarray) -> Plan:
    """Choose smoothing, and whether outliers stand apart, by the error on sample inputs (r, d)."""
    wanted = x @ weight
    size = float(np.sqrt((wanted**2).mean())) + 1e-12
    greatest = np.maximum(np.maximum(-low, high), 1e-5)
    order = np.argsort(-greatest, kind="stable")

    def best(outliers: np.ndarray) -> Plan:
        return min((_tried(name, x, low, high, weight, wanted, size, outliers, s) for s in SMOOTHING), key=_error)

    together = best(np.zeros(0, dtype=np.int64))
    apart = best(np.sort(order[:OUTLIERS]))
    return apart if apart.error <= WORTH * together.error else together


def _error(plan: Plan) -> float:
    return plan.error


def _tried(
    name: str,
    x: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    weight: np.ndarray,
    wanted: np.ndarray,
    size: float,
    outliers: np.ndarray,
    strength: float,
) -> Plan:
    """Return the plan for one smoothing strength, with the error it leaves."""
    inner = np.ones(len(low), dtype=bool)
    inner[outliers] = False
    smooth = np.ones(len(low), dtype=np.float32)
    if strength:
        activity = np.maximum(np.maximum(-low, high), 1e-5)
        factors = activity**strength / np.maximum(np.abs(weight).max(axis=1), 1e-5) ** (1 - strength)
        smooth[inner] = (factors / np.exp(np.log(factors[inner]).mean()))[inner]
    least = min(float((low / smooth)[inner].min()), 0.0)
    most = max(float((high / smooth)[inner].max()), 1e-5)
    scale, zero = _scale(least, most)
    levels = np.clip(np.round(x / smooth / scale) + zero, 0, 255) - zero
    inside, scales = _rounded(weight * smooth[:, None] * inner[:, None], LEVELS)
    found = (levels * scale * inner) @ (inside * scales) + x[:, outliers] @ weight[outliers]
    error = float(np.sqrt(((found - wanted) ** 2).mean())) / size
    return Plan(name, smooth, outliers, least, most, error)


def _scale(low: float, high: float) -> tuple[np.float32, int]:
    """Return scale and zero point of unsigned bytes that reach from low to high, 0 among them exactly."""
    scale = np.float32((high - low) / 255)
    return scale, int(np.clip(round(-low / float(scale)), 0, 255))


def _rounded(weight: np.ndarray, levels: int) -> tuple[np.ndarray, np.ndarray]:
    """Return weights (d, o) as whole numbers of at most `levels`, and float32 (o,) what one is worth."""
    scales = (np.maximum(np.abs(weight).max(axis=0), 1e-8) / levels).astype(np.float32)
    return np.clip(np.round(weight / scales), -levels, levels), scales


def _integer_nodes(
    onnx: Any, node: Any, plan: Plan, weight: np.ndarray, constants: dict[str, Any], levels: int
) -> list[Any]:
    """Return the nodes that stand for one linear layer, and store their constants."""
    made: list[Any] = []

    def store(value: np.ndarray, suffix: str) -> str:
        """Store a constant beside the weight, and return its name."""
        name = f"{plan.name}.{suffix}"
        constants[name] = onnx.numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def add(op: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """Make a node and return the name of its output."""
        name = output or f"{plan.name}.{op}_{len(made)}"
        made.append(onnx.helper.make_node(op, list(inputs), [name], name=name, **attributes))
        return name

    x = node.input[0]
    inner = np.ones((len(weight), 1), dtype=np.float32)
    inner[plan.outliers] = 0
    inside, scales = _rounded(weight * plan.smooth[:, None] * inner, levels)
    scale, zero = _scale(plan.low, plan.high)
    places = store(np.array(scale), "input_scale"), store(np.array(zero, dtype=np.uint8), "input_zero")
    smoothed = x if (plan.smooth == 1).all() else add("Mul", x, store(1 / plan.smooth, "smooth"))
    read = add("DequantizeLinear", add("QuantizeLinear", smoothed, *places), *places)
    stored = (
        store(inside.astype(np.int8), "int8"),
        store(scales, "scales"),
        store(np.zeros(len(scales), np.int8), "zeros"),
    )
    factor = add("DequantizeLinear", *stored, axis=1)
    if not len(plan.outliers):
        add("MatMul", read, factor, output=node.output[0])
        return made
    product = add("MatMul", read, factor)
    apart = add("Gather", x, store(plan.outliers, "outliers"), axis=-1)
    extra = add("MatMul", apart, store(weight[plan.outliers], "outlier_weights"))
    add("Add", product, extra, output=node.output[0])
    return made


def _half_gather(onnx: Any, node: Any, weights: dict[str, Any], constants: dict[str, Any]) -> list[Any]:
    """Return the nodes that look vectors up in half precision and widen them."""
    name = node.input[0]
    table = onnx.numpy_helper.to_array(weights[name])
    constants[name] = onnx.numpy_helper.from_array(table.astype(np.float16), name)
    found = f"{node.output[0]}.half"
    return [
        onnx.helper.make_node("Gather", list(node.input), [found], name=found),
        onnx.helper.make_node("Cast", [found], [node.output[0]], name=node.output[0], to=onnx.TensorProto.FLOAT),
    ]
