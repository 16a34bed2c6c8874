"""Run an ONNX network from verified bytes, without telemetry. The only use of onnxruntime."""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from pleura.core.codes import refused
from pleura.core.cores import threads as available_threads
from pleura.core.errors import InputRefused, UsageError

Floats = NDArray[np.float32]
Network = Callable[[Mapping[str, Floats]], list[Floats]]
"""Inputs by name to outputs in order."""

STANDARD_DOMAINS = ("", "ai.onnx", "ai.onnx.ml")
"""Operator sets of the ONNX standard; others need a library that the hash does not cover."""
EXTERNAL = 1
"""`TensorProto.DataLocation.EXTERNAL`: the weights are in another file."""

GRAPH, FUNCTION, NODE, ATTRIBUTE, TENSOR, SPARSE = (
    "graph",
    "function",
    "node",
    "attribute",
    "tensor",
    "sparse",
)
CHILDREN: Mapping[str, Mapping[int, str]] = {
    "model": {7: GRAPH, 25: FUNCTION},
    GRAPH: {1: NODE, 5: TENSOR, 15: SPARSE},
    FUNCTION: {7: NODE},
    NODE: {5: ATTRIBUTE},
    ATTRIBUTE: {5: TENSOR, 6: GRAPH, 10: TENSOR, 11: GRAPH, 22: SPARSE, 23: SPARSE},
    SPARSE: {1: TENSOR, 2: TENSOR},
}
"""Field numbers of onnx.proto3 that lead to operators and weights."""
NODE_DOMAIN, TENSOR_LOCATION, TENSOR_EXTERNAL = 7, 14, 13
DEEPEST = 32


def check_weights(data: bytes, sha256: str) -> None:
    """Refuse weights other than the model card's, and weights outside their own file.

    Args:
        data: the content of an ONNX file.
        sha256: what the model card gives, in hex.

    Raises:
        InputRefused: `WEIGHTS-CHANGED`, `WEIGHTS-UNREADABLE`, `WEIGHTS-EXTERNAL` or
            `WEIGHTS-CUSTOM-OPERATOR`.
    """
    if hashlib.sha256(data).hexdigest() != sha256:
        raise refused("WEIGHTS-CHANGED")
    try:
        _check_message(data, "model", 0)
    except InputRefused:
        raise
    except (IndexError, ValueError) as error:
        raise refused("WEIGHTS-UNREADABLE") from error


def open_network(
    data: bytes, outputs: list[str], *, device: str = "cpu", threads: int = 0
) -> Network:
    """Load a network from memory and return the function that runs it.

    Args:
        data: the content of an ONNX file, as `check_weights` accepted it.
        outputs: names of the outputs to compute.
        device: `cpu` or `cuda`.
        threads: threads within one run; 0 = one per core that this process may use.

    Raises:
        UsageError: `cuda`, and this onnxruntime has none.
        InputRefused: `WEIGHTS-UNREADABLE`.
    """
    # onnxruntime 1.32 sends telemetry unless this is set before its import; the later API call does
    # not stop it.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    available = onnxruntime.get_available_providers()
    if device == "cuda" and "CUDAExecutionProvider" not in available:
        raise UsageError("--device cuda: this onnxruntime has no CUDA; leave the option out")
    providers = ["CPUExecutionProvider"]
    if device == "cuda":
        providers.insert(0, "CUDAExecutionProvider")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads or available_threads()
    options.inter_op_num_threads = 1
    # waiting threads sleep: spinning ones take the cores of whatever runs beside the network
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(data, options, providers=providers)
    except Exception as error:  # exceptions of onnxruntime have no common base class
        raise refused("WEIGHTS-UNREADABLE") from error

    how = onnxruntime.RunOptions()
    # memory of intermediate tensors is returned after each run: 50 MB for a chest
    how.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")

    def run(inputs: Mapping[str, Floats]) -> list[Floats]:
        results: list[Floats] = session.run(outputs, dict(inputs), how)
        return results

    return run


def _check_message(data: bytes | memoryview, message: str, depth: int) -> None:
    """Walk a protobuf message of onnx.proto3 and refuse external data and custom operators.

    Raises:
        ValueError, IndexError: it is not a protobuf message.
    """
    if depth > DEEPEST:
        raise ValueError("the graph is nested too deep")
    for number, value in _fields(memoryview(data)):
        if message == NODE and number == NODE_DOMAIN:
            if bytes(_nested(value)).decode("utf-8", "replace") not in STANDARD_DOMAINS:
                raise refused("WEIGHTS-CUSTOM-OPERATOR")
        elif message == TENSOR and (
            number == TENSOR_EXTERNAL or (number == TENSOR_LOCATION and value == EXTERNAL)
        ):
            raise refused("WEIGHTS-EXTERNAL")
        elif number in CHILDREN.get(message, {}):
            _check_message(_nested(value), CHILDREN[message][number], depth + 1)


def _nested(value: int | memoryview) -> memoryview:
    """The bytes of a field. Raises `ValueError` where it is a number."""
    if isinstance(value, int):
        raise ValueError("a number where a message belongs")
    return value


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """The fields of a protobuf message: number, and an integer or the bytes of its value."""
    place = 0
    while place < len(data):
        key, place = _varint(data, place)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, place = _varint(data, place)
            yield number, value
            continue
        if wire == 2:
            length, place = _varint(data, place)
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
        else:
            raise ValueError(f"wire type {wire}")
        if place + length > len(data):
            raise ValueError("truncated")
        yield number, data[place : place + length]
        place += length


def _varint(data: memoryview, place: int) -> tuple[int, int]:
    """A base-128 integer at `place`, and the position after it."""
    value = 0
    for shift in range(0, 70, 7):
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise ValueError("a varint is longer than ten bytes")
