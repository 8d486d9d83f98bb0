"""Clients other people wrote, as they come from the package index, against a server that listens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from tests.conftest import WORDS
from tests.server import guarded, listening
from tests.test_bundle import train_tiny
from textclf.bundle import load_bundle
from textclf.server.served import Served

TEXTS = [WORDS["fight"], "", WORDS["talk"], "Überfall \U0001f642 — " + WORDS["fight"]]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tiny(tmp_path_factory.mktemp("served"), "tfidf")


@pytest.fixture(scope="module")
def address(bundle: Path) -> Iterator[str]:
    with listening(guarded(Served.load(bundle))) as port:
        yield f"127.0.0.1:{port}"


@pytest.fixture(scope="module")
def scores(bundle: Path) -> np.ndarray:
    return load_bundle(bundle).predict_proba(TEXTS)


def carried(bundle: Path) -> list[str]:
    return [";".join(labels) for labels in load_bundle(bundle).predict(TEXTS)]


def test_the_client_of_the_hub_gets_every_label_with_its_score(
    address: str, bundle: Path, scores: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)  # it asks this machine alone
    names = list(load_bundle(bundle).labels)
    with hub.InferenceClient(base_url=f"http://{address}") as client:
        for text, row in zip(TEXTS, scores, strict=True):
            found = client.text_classification(text)
            assert {each.label: each.score for each in found} == pytest.approx(
                dict(zip(names, row.tolist(), strict=True)), abs=1e-6
            )
        assert len(client.text_classification(TEXTS[0], top_k=1, function_to_apply="sigmoid")) == 1


def test_the_client_of_the_open_inference_protocol_gets_health_metadata_and_scores(
    address: str, bundle: Path, scores: np.ndarray
) -> None:
    protocol = pytest.importorskip("open_inference.openapi.client")
    types = pytest.importorskip("open_inference.openapi.types")
    with httpx.Client() as connection:
        client = protocol.OpenInferenceClient(base_url=f"http://{address}", httpx_client=connection)
        client.check_server_liveness()
        client.check_server_readiness()
        client.check_model_readiness("tiny")
        assert client.read_server_metadata().name == "textclf"
        told = client.read_model_metadata("tiny")
        assert [(t.name, t.datatype, t.shape) for t in told.inputs] == [("text", "BYTES", [-1])]
        given = types.RequestInput(
            name="text", shape=[len(TEXTS)], datatype="BYTES", data=types.TensorData.parse_obj(TEXTS)
        )
        answer = client.model_infer("tiny", request=types.InferenceRequest(id="7", inputs=[given]))
    found = {output.name: output for output in answer.outputs}
    assert answer.id == "7"
    assert np.reshape(found["scores"].data.__root__, found["scores"].shape) == pytest.approx(scores, abs=1e-6)
    assert list(found["labels"].data.__root__) == carried(bundle)


@pytest.fixture
def triton(address: str) -> Iterator[tuple[Any, Any]]:
    library = pytest.importorskip("tritonclient.http")
    client = library.InferenceServerClient(address)
    yield library, client
    client.close()


def test_the_client_of_triton_gets_health_and_metadata(triton: tuple[Any, Any]) -> None:
    _, client = triton
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("tiny")
    assert not client.is_model_ready("other")
    assert client.get_server_metadata()["name"] == "textclf"
    assert client.get_model_metadata("tiny")["outputs"][0]["datatype"] == "FP32"


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("shape", [(4,), (4, 1)])
def test_the_client_of_triton_gets_scores_and_labels(
    triton: tuple[Any, Any], bundle: Path, scores: np.ndarray, binary: bool, shape: tuple[int, ...]
) -> None:
    library, client = triton
    given = library.InferInput("text", shape, "BYTES")
    given.set_data_from_numpy(np.array(TEXTS, dtype=object).reshape(shape), binary_data=binary)
    wanted = [library.InferRequestedOutput(name, binary_data=binary) for name in ("labels", "scores")]
    for outputs in (None, wanted):
        answer = client.infer("tiny", [given], request_id="9", outputs=outputs)
        assert answer.as_numpy("scores") == pytest.approx(scores, abs=1e-6)
        assert [each.decode() if isinstance(each, bytes) else each for each in answer.as_numpy("labels")] == carried(
            bundle
        )
        assert answer.get_response()["id"] == "9"


def test_the_client_of_triton_is_told_what_was_wrong(triton: tuple[Any, Any]) -> None:
    library, client = triton
    given = library.InferInput("words", [1], "BYTES")
    given.set_data_from_numpy(np.array(["a"], dtype=object))
    with pytest.raises(library.InferenceServerException, match="expected one input, named text"):
        client.infer("tiny", [given])


@pytest.mark.parametrize(
    ("length", "behind", "told"),
    [
        ("9999", b"", "expected a number of bytes"),
        ("-1", b"", "expected a number of bytes"),
        ("²", b"", "expected a number of bytes"),
        (None, b"\x05\0\0\0ab", "longer than the bytes that are left"),
        (None, b"\x01\0", "longer than the bytes that are left"),
        (None, b"\x02\0\0\0\xff\xfe", "in UTF-8"),
        (None, b"\x02\0\0\0abcdef", "belong to no input"),
        (None, b"", "at most the 0 there are"),
    ],
)
def test_bytes_that_are_no_texts_are_told_with_their_place(
    address: str, length: str | None, behind: bytes, told: str
) -> None:
    size = 6 if behind.endswith(b"abcdef") else len(behind) or 7
    head = (
        b'{"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": %d}}]}'
        % size
    )
    headers = {"Inference-Header-Content-Length": (length or str(len(head))).encode()}
    answer = httpx.post(f"http://{address}/v2/models/tiny/infer", content=head + behind, headers=headers)
    assert answer.status_code == 422
    assert told in answer.json()["error"]
    assert answer.json()["faults"][0]["at"].startswith(("body", "header"))


def test_only_the_protocols_own_path_takes_bodies_without_a_name(address: str) -> None:
    for path in ("/v1/predict", "/predict", "/", "/v2/models/tiny/infer/more"):
        assert httpx.post(f"http://{address}{path}", content=b'{"texts": ["a"]}').status_code == 415
