"""What an ONNX graph may hold, read from its bytes alone: neither onnx nor a runtime is needed, and nothing is run.

Of the protobuf that a graph is written in, only the fields that matter here are looked at; their numbers are those of
the ONNX format.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
DOMAINS = ("", "ai.onnx")
ENDLESS = ("Loop", "Scan")  # operations that may go on without end
MOST_FIELDS = 2_000_000  # of a graph; one of 24 layers has some 50,000
DEEPEST = 20  # graphs inside each other

_CHUNK = 1 << 18  # numbers looked at together
_FLOATS = {1: ("<u4", 0x7F800000), 10: ("<u2", 0x7C00), 11: ("<u8", 0x7FF << 52), 16: ("<u2", 0x7F80)}
"""How each kind of float is laid out: its bits are read as this integer, and a number that is none has these set."""


def graph_faults(file: Path, *, shown: str) -> Iterator[str]:
    """Yield what is wrong with a graph: weights elsewhere or not finite, operations or inputs that no model has.

    Args:
        file: The graph.
        shown: Its name in the bundle, for messages.

    Raises:
        ValueError: When it is no ONNX graph.
        OSError: When it cannot be read.
    """
    look = _Look()
    look.model(np.memmap(file, dtype=np.uint8, mode="r").data)
    yield from (f"{shown}: {fault}" for fault in dict.fromkeys(look.faults))


@dataclass
class _Look:
    """What was found in a graph so far."""

    faults: list[str] = field(default_factory=list)
    fields: int = 0

    def parts(self, view: memoryview) -> Iterator[tuple[int, int | memoryview]]:
        """Yield the number and value of each field of a message."""
        at = 0
        while at < len(view):
            self.fields += 1
            if self.fields > MOST_FIELDS:
                raise ValueError(f"it has more than {MOST_FIELDS:,} parts")
            key, at = _number(view, at)
            number, kind = key >> 3, key & 7
            if kind == 0:
                value, at = _number(view, at)
                yield number, value
                continue
            if kind not in (1, 2, 5):
                raise ValueError("it is no protobuf")
            length, at = _number(view, at) if kind == 2 else ({1: 8, 5: 4}[kind], at)
            if at + length > len(view):
                raise ValueError("it ends too early")
            yield number, view[at : at + length]
            at += length

    def messages(self, view: memoryview, *numbers: int) -> Iterator[tuple[int, memoryview]]:
        """Yield the fields with these numbers that hold bytes: messages, names, arrays."""
        for number, value in self.parts(view):
            if number in numbers and isinstance(value, memoryview):
                yield number, value

    def model(self, view: memoryview) -> None:
        """Look at a model: its graph (7) and the functions it defines (25)."""
        graphs = 0
        for number, value in self.messages(view, 7, 20, 25):
            if number == 7:
                graphs += 1
                self.graph(value, depth=0)
            else:
                self.faults.append("it holds functions or training of its own, which no exported model has")
        if graphs != 1:
            raise ValueError(f"it holds {graphs} graphs")

    def graph(self, view: memoryview, *, depth: int) -> None:
        """Look at a graph: nodes (1), weights (5, 15), inputs (11) and outputs (12)."""
        if depth > DEEPEST:
            raise ValueError(f"it holds graphs more than {DEEPEST} deep")
        inputs, weights, outputs = [], set(), 0
        for number, value in self.messages(view, 1, 5, 11, 12, 15):
            if number == 1:
                self.node(value, depth=depth)
            elif number == 5:
                weights.add(self.tensor(value))
            elif number == 11:
                inputs += [_text(name) for _, name in self.messages(value, 1)]
            elif number == 12:
                outputs += 1
            else:
                self.faults.append("it holds sparse weights, which no exported model has")
        strays = [name for name in inputs if name not in weights and name not in INPUTS]
        if depth == 0 and strays:
            self.faults.append(f"it asks for {', '.join(map(repr, strays[:5]))}; allowed: {', '.join(INPUTS)}")
        if depth == 0 and not outputs:
            self.faults.append("it has no output")

    def node(self, view: memoryview, *, depth: int) -> None:
        """Look at an operation: its kind (4), attributes (5) and domain (7)."""
        kind, domain = "", ""
        for number, value in self.messages(view, 4, 5, 7):
            if number == 4:
                kind = _text(value)
            elif number == 7:
                domain = _text(value)
            else:
                self.attribute(value, depth=depth)
        if domain not in DOMAINS:
            self.faults.append(f"its operation {kind!r:.60} is of {domain!r:.60}, and not of ONNX itself")
        elif kind in ENDLESS:
            self.faults.append(f"its operation {kind} may go on without end, and no exported model has it")

    def attribute(self, view: memoryview, *, depth: int) -> None:
        """Look at what an operation is given: floats (2, 7), tensors (5, 10) and graphs (6, 11)."""
        for number, value in self.messages(view, 2, 5, 6, 7, 10, 11):
            if number in (5, 10):
                self.tensor(value)
            elif number in (2, 7):
                if not _is_finite(value, 1):
                    self.faults.append("it holds an operation whose settings are not finite")
            else:
                self.graph(value, depth=depth + 1)

    def tensor(self, view: memoryview) -> str:
        """Look at a tensor; return its name (8)."""
        name, kind, elsewhere, arrays = "", 0, False, []
        for number, value in self.parts(view):
            if number == 2 and isinstance(value, int):
                kind = value
            elif number == 13 or (number == 14 and value):
                elsewhere = True
            elif number == 8 and isinstance(value, memoryview):
                name = _text(value)
            elif number in (4, 5, 9, 10):
                arrays.append((number, value))
        if elsewhere:
            self.faults.append(f"it keeps {name!r:.80} in another file, which is not read")
        if len(arrays) > 1 or any(not isinstance(value, memoryview) for _, value in arrays):
            self.faults.append(f"{name!r:.80} is written number by number, which no exported model is")
        elif not all(self.holds_finite(number, kind, value) for number, value in arrays):
            self.faults.append(f"{name!r:.80} holds numbers that are not finite")
        return name

    def holds_finite(self, number: int, kind: int, value: Any) -> bool:
        """Tell whether an array's numbers are: floats (4), halves (5), raw bytes (9), doubles (10)."""
        if number != 5:
            return _is_finite(value, {4: 1, 10: 11}.get(number, kind))
        if kind not in (10, 16):
            return True
        halves, at = [], 0
        while at < len(value):
            bits, at = _number(value, at)
            halves.append(bits & 0xFFFF)
        return _is_finite(memoryview(np.array(halves, dtype="<u2").tobytes()), kind)


def _is_finite(view: memoryview, kind: int) -> bool:
    """Tell whether numbers are finite; a single one may be infinite, as what fills a mask is."""
    if kind not in _FLOATS:
        return True
    layout, exponent = _FLOATS[kind]
    width = np.dtype(layout).itemsize
    if len(view) % width:
        raise ValueError("it holds weights of a broken length")
    mask, alone = np.array(exponent, dtype=layout), len(view) == width
    rest = np.array((1 << (exponent.bit_length())) - 1, dtype=layout)
    for begin in range(0, len(view), _CHUNK * width):
        bits = np.frombuffer(bytes(view[begin : begin + _CHUNK * width]), dtype=layout)
        odd = bits[(bits & mask) == mask]
        if len(odd) and not (alone and (odd & rest == mask).all()):
            return False
    return True


def _number(view: memoryview, at: int) -> tuple[int, int]:
    """Return the whole number that begins at a place, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(view):
            raise ValueError("it ends too early")
        byte = view[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("it is no protobuf")


def _text(view: memoryview) -> str:
    return bytes(view[:200]).decode("utf-8", errors="replace")
