"""What runs an ONNX graph on a CPU: ONNX Runtime or OpenVINO, each as one function of arrays."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from textclf.errors import BundleError, ModelError, import_extra

Runtime = Literal["onnx", "openvino"]
Precision = Literal["float32", "auto"]
Run = Callable[[Mapping[str, np.ndarray]], np.ndarray]

# How protobuf writes the entry that names a file with weights outside of the graph.
OUTSIDE = b"\x0a\x08location\x12"


def open_graph(path: Path, *, runtime: Runtime, precision: Precision = "auto") -> Run:
    """Return a function that runs a graph: arrays by input name in, its first output out. Threads may share it.

    Every call runs on the thread that makes it, so as many cores are used as there are callers.

    Args:
        path: The graph.
        runtime: What runs it.
        precision: ``"auto"`` lets OpenVINO work in bfloat16 where the processor has it; ONNX Runtime does not.

    Raises:
        BundleError: When the file is no graph, or keeps weights in another file.
        ModelError: When the runtime cannot run it on this machine.
        MissingExtraError: When the runtime is not installed.
    """
    content = path.read_bytes()
    if OUTSIDE in content:
        raise BundleError(f"{path} keeps weights in another file, which is not read; export the model again")
    return _open_onnx(content, path) if runtime == "onnx" else _open_openvino(content, path, precision)


def _open_onnx(content: bytes, path: Path) -> Run:
    onnxruntime = import_extra("onnxruntime", extra="onnx", purpose=f"running {path.name}")
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    settings.log_severity_level = 3
    faults = onnxruntime.capi.onnxruntime_pybind11_state
    try:
        session = onnxruntime.InferenceSession(content, settings, providers=["CPUExecutionProvider"])
    except (faults.InvalidProtobuf, faults.InvalidGraph) as fault:
        raise BundleError(f"{path} is no graph that ONNX Runtime reads: {str(fault)[:300]}") from fault
    except (faults.Fail, faults.NotImplemented, faults.RuntimeException) as fault:
        raise ModelError(f"ONNX Runtime {onnxruntime.__version__} cannot run {path}: {str(fault)[:300]}") from fault
    output = session.get_outputs()[0].name

    def run(inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the first output."""
        return np.asarray(session.run([output], dict(inputs))[0])

    return run


def _open_openvino(content: bytes, path: Path, precision: Precision) -> Run:
    openvino = import_extra("openvino", extra="openvino", purpose=f"running {path.name} with OpenVINO")
    settings: dict[str, Any] = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "ENABLE_CPU_PINNING": False}
    if precision == "float32":
        settings["INFERENCE_PRECISION_HINT"] = "f32"
    try:
        graph = openvino.Core().read_model(content)
        compiled: Any = openvino.Core().compile_model(graph, "CPU", settings)
    except RuntimeError as fault:
        raise ModelError(f"OpenVINO {openvino.__version__} cannot run {path}: {str(fault)[:300]}") from fault
    own = threading.local()

    def run(inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the first output."""
        if not hasattr(own, "request"):
            own.request = compiled.create_infer_request()
        return np.array(own.request.infer(dict(inputs))[0])

    return run


def open_all_outputs(model: Any) -> Callable[[Mapping[str, np.ndarray]], list[np.ndarray]]:
    """Return a function that gives all outputs of a ModelProto, in its order, by ONNX Runtime."""
    onnxruntime = import_extra("onnxruntime", extra="onnx", purpose="fitting integers")
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), settings, providers=["CPUExecutionProvider"])
    names = [output.name for output in model.graph.output]
    return lambda inputs: [np.asarray(found) for found in session.run(names, dict(inputs))]
