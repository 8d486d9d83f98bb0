"""What a graph of an exported bundle may hold: finite weights of its own, plain operations, inputs of texts."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.models import make_encoder
from tests.props import quick
from tests.test_bundle import train_tiny
from tests.test_bundle_safety import sign
from textclf import onnx_contents
from textclf.bundle import load_bundle
from textclf.bundle_check import check_bundle
from textclf.errors import BundleError
from textclf.inspection import inspect_bundle
from textclf.models.exported import GRAPH
from textclf.onnx_contents import graph_faults

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from textclf.export import export

    folder = tmp_path_factory.mktemp("export")
    model = train_tiny(folder, "finetuned", encoder=make_encoder(folder / "encoder"))
    return export(model, folder / "onnx").path


@pytest.fixture
def craft(exported: Path, tmp_path: Path) -> Callable[[Callable[[Any], None]], Path]:
    """Give a function that copies the bundle, changes its graph, and signs the whole."""

    def make(change: Callable[[Any], None]) -> Path:
        bundle = tmp_path / "crafted"
        shutil.copytree(exported, bundle)
        model = onnx.load(bundle / "model" / GRAPH)
        change(model)
        (bundle / "model" / GRAPH).write_bytes(model.SerializeToString())
        sign(bundle)
        return bundle

    return make


def weights_of(model: Any) -> Any:
    """Return the largest weight of a model."""
    return max(model.graph.initializer, key=lambda w: len(w.raw_data))


def with_number(value: float) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        weight = weights_of(model)
        array = onnx.numpy_helper.to_array(weight).copy()
        array.flat[7] = value
        weight.CopyFrom(onnx.numpy_helper.from_array(array, weight.name))

    return change


def in_halves(kind: int) -> Callable[[Any], None]:
    """Add a weight of halves, written as integers."""
    return lambda model: model.graph.initializer.append(onnx.helper.make_tensor("w", kind, [2], [1.0, float("nan")]))


def as_floats(model: Any) -> None:
    model.graph.initializer.append(onnx.helper.make_tensor("w", onnx.TensorProto.DOUBLE, [2], [1.0, float("inf")]))


def outside(location: str) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        weight = weights_of(model)
        onnx.external_data_helper.set_external_data(weight, location=location)
        weight.ClearField("raw_data")

    return change


def constant(model: Any) -> None:
    held = onnx.numpy_helper.from_array(np.array([1, np.nan], np.float32), "inside")
    model.graph.node.append(onnx.helper.make_node("Constant", [], ["unused"], value=held))


def endless(model: Any) -> None:
    body = onnx.helper.make_graph([], "body", [], [])
    branch = onnx.helper.make_graph([onnx.helper.make_node("Loop", ["a", "b"], ["c"], body=body)], "branch", [], [])
    model.graph.node.append(onnx.helper.make_node("If", ["a"], ["c"], then_branch=branch, else_branch=branch))


def deep(model: Any) -> None:
    graph = onnx.helper.make_graph([], "innermost", [], [])
    for _ in range(25):
        node = onnx.helper.make_node("If", ["a"], ["c"], then_branch=graph, else_branch=graph)
        graph = onnx.helper.make_graph([node], "g", [], [])
        if len(graph.SerializeToString()) > 1_000:  # one branch is enough to go deeper
            del graph.node[0].attribute[1]
    model.graph.node.extend(graph.node)


def other_domain(model: Any) -> None:
    model.graph.node.append(onnx.helper.make_node("Fetch", ["a"], ["b"], domain="com.example"))


def other_input(model: Any) -> None:
    model.graph.input.append(onnx.helper.make_tensor_value_info("path", onnx.TensorProto.STRING, [1]))


def no_output(model: Any) -> None:
    del model.graph.output[:]


def function(model: Any) -> None:
    model.functions.append(onnx.helper.make_function("d", "F", ["x"], ["x"], [], [onnx.helper.make_opsetid("", 20)]))


def odd_setting(model: Any) -> None:
    model.graph.node.append(onnx.helper.make_node("Elu", ["a"], ["b"], alpha=float("nan")))


CRAFTED: list[tuple[Callable[[Any], None], str]] = [
    (with_number(np.nan), "not finite"),
    (with_number(np.inf), "not finite"),
    (with_number(-np.inf), "not finite"),
    (in_halves(10), "not finite"),
    (in_halves(16), "not finite"),
    (as_floats, "not finite"),
    (constant, "not finite"),
    (odd_setting, "settings are not finite"),
    (outside("../secret"), "in another file"),
    (outside("/etc/passwd"), "in another file"),
    (outside("beside.bin"), "in another file"),
    (endless, "Loop may go on without end"),
    (deep, "graphs more than 20 deep"),
    (other_domain, "'com.example', and not of ONNX itself"),
    (other_input, "it asks for 'path'"),
    (no_output, "no output"),
    (function, "functions or training of its own"),
]


@pytest.mark.parametrize(("change", "says"), CRAFTED)
def test_a_graph_that_no_export_writes_is_refused(change: Any, says: str, craft: Callable[..., Path]) -> None:
    bundle = craft(change)
    (fault,) = check_bundle(bundle)
    assert says in fault
    assert inspect_bundle(bundle).faults == (fault,)
    with pytest.raises(BundleError, match="not safe to load"):
        load_bundle(bundle)


def test_an_honest_export_is_no_fault(exported: Path, craft: Callable[..., Path]) -> None:
    assert check_bundle(exported) == []
    assert check_bundle(craft(lambda model: None)) == []


def test_what_fills_a_mask_may_be_infinite(craft: Callable[..., Path]) -> None:
    filler = onnx.numpy_helper.from_array(np.array(-np.inf, np.float32), "filler")
    assert check_bundle(craft(lambda model: model.graph.initializer.append(filler))) == []


@pytest.mark.parametrize("content", [b"", b"not a graph", b"\x3a\xff\xff\xff\xff\x0f", b"\x80" * 30, b"\x0b", b"\x08"])
def test_bytes_that_are_no_graph_are_refused(content: bytes, exported: Path, tmp_path: Path) -> None:
    shutil.copytree(exported, tmp_path / "crafted")
    (tmp_path / "crafted" / "model" / GRAPH).write_bytes(content)
    sign(tmp_path / "crafted")
    (fault,) = check_bundle(tmp_path / "crafted")
    assert "model.onnx cannot be read" in fault


def test_a_graph_of_too_many_parts_is_refused(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_contents, "MOST_FIELDS", 100)
    (fault,) = check_bundle(exported)
    assert "more than 100 parts" in fault


@quick
@given(data=st.data())
def test_any_change_to_a_graph_is_looked_at_without_a_traceback(data: st.DataObject, exported: Path) -> None:
    content = bytearray((exported / "model" / GRAPH).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    changed = exported.parent / "changed.onnx"
    changed.write_bytes(content[: data.draw(st.integers(1, len(content)))])
    try:
        faults = [*graph_faults(changed, shown=GRAPH)]
    except ValueError as fault:
        faults = [str(fault)]
    assert all(faults)
