"""Tensors as bytes behind the JSON of a body: the binary extension of the Open Inference Protocol.

Triton's clients speak it unless told otherwise. A text is its length, in four bytes, and its UTF-8; a score is a float
of four bytes.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Collection
from typing import Any

import numpy as np
from starlette.responses import JSONResponse, Response

from textclf.server.refusals import invalid

HEADER = "Inference-Header-Content-Length"
SIZE = "binary_data_size"
LENGTH = struct.Struct("<I")


def json_length(given: str, size: int) -> int:
    """Return how many bytes of a body are its JSON.

    Args:
        given: What the header says; "" where there is none.
        size: Of the whole body.

    Raises:
        RefusalError: When the header cannot be right.
    """
    if not given:
        return size
    if not (given.isascii() and given.isdecimal()) or int(given[:20]) > size:
        raise invalid((f"header.{HEADER}", f"expected a number of bytes, at most the body's {size}"))
    return int(given)


def unpacked(body: bytes, length: int) -> bytes:
    """Return the JSON of a body in which the texts that lie behind it have their places.

    Args:
        body: JSON and, behind it, the bytes of inputs, in order.
        length: How many bytes are JSON.

    Raises:
        RefusalError: When bytes are missing or left over, or are no texts.
    """
    try:
        told = json.loads(body[:length])
    except ValueError:
        return body[:length]  # what is wrong with it is told where JSON is read
    rest, inputs = body[length:], told.get("inputs") if isinstance(told, dict) else None
    for number, tensor in enumerate(inputs if isinstance(inputs, list) else []):
        parameters = tensor.get("parameters") if isinstance(tensor, dict) else None
        size = parameters.pop(SIZE, None) if isinstance(parameters, dict) else None
        if size is None:
            continue
        at = f"body.inputs[{number}]"
        if not isinstance(size, int) or not 0 <= size <= len(rest):
            raise invalid((f"{at}.parameters.{SIZE}", f"expected a number of bytes, at most the {len(rest)} there are"))
        tensor["data"], rest = texts_of(rest[:size], at=at), rest[size:]
    if rest:
        raise invalid(("body", f"{len(rest)} bytes behind the JSON belong to no input"))
    return json.dumps(told).encode()


def texts_of(packed: bytes, *, at: str) -> list[str]:
    """Return the texts of an input.

    Raises:
        RefusalError: When the lengths do not add up, or a text is not UTF-8.
    """
    texts: list[str] = []
    start = 0
    while start < len(packed):
        begin = start + LENGTH.size
        start = begin + LENGTH.unpack(packed[start:begin])[0] if begin <= len(packed) else begin
        if start > len(packed):
            raise invalid((f"{at}.data[{len(texts)}]", "it is longer than the bytes that are left"))
        try:
            texts.append(packed[begin:start].decode())
        except UnicodeDecodeError as fault:
            raise invalid((f"{at}.data[{len(texts)}]", "expected a text in UTF-8")) from fault
    return texts


def packed_answer(answer: dict[str, Any], names: Collection[str]) -> Response:
    """Return an answer whose outputs of these names are bytes behind the JSON."""
    if not names:
        return JSONResponse(answer)
    behind = b""
    outputs = []
    for output in answer["outputs"]:
        if output["name"] in names:
            data = _packed(output["datatype"], output["data"])
            behind += data
            kept = {key: value for key, value in output.items() if key != "data"}
            output = {**kept, "parameters": {**output.get("parameters", {}), SIZE: len(data)}}
        outputs.append(output)
    head = json.dumps({**answer, "outputs": outputs}).encode()
    return Response(head + behind, media_type="application/octet-stream", headers={HEADER: str(len(head))})


def _packed(datatype: str, data: list[Any]) -> bytes:
    if datatype == "FP32":
        return np.asarray(data, dtype="<f4").tobytes()
    encoded = [text.encode() for text in data]
    return b"".join(LENGTH.pack(len(text)) + text for text in encoded)
