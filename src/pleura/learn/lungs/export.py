"""Write the network as ONNX, node by node, with standardised weights and gains folded in.

Space to depth and the stem become one strided convolution; the head and depth to space become one
transposed convolution. The graph has Clip, Add, Mul, Concat, Conv, ConvTranspose and Relu only.
"""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor

from pleura.core.atomic import atomic_file
from pleura.learn.lungs.net import (
    CLASSES,
    MULTIPLE,
    RELU_GAIN,
    WINDOWS,
    LungNet,
    StandardConv,
)

OPSET = 17
Floats = NDArray[np.float32]


def write_onnx(net: LungNet, path: Path) -> None:
    """Write `net` as ONNX.

    The input `ct` is (1, 1, D, H, W) HU, the output `logits` (1, classes, D, H, W), float32.
    """
    graph = _Graph()
    x = graph.windowed("ct")
    weight, bias = _weights(net.stem)
    x = graph.conv("stem", x, stem_weight(weight), bias, kernel=6, stride=2, pad=2)
    x = graph.residual("refine", x, [net.refine])
    skips = [x]
    for level, (down, encode) in enumerate(zip(net.down, net.encode, strict=True), 1):
        weight, bias = _weights(down, activated=True)
        x = graph.conv(f"down{level}", graph.relu(x), weight, bias, kernel=2, stride=2, pad=0)
        x = graph.residual(f"encode{level}", x, [encode.first, encode.second])
        skips.append(x)
    skips.pop()
    for step, (up, decode) in enumerate(zip(reversed(net.up), reversed(net.decode), strict=True)):
        level = len(net.up) - step
        weight, bias = _weights(up, activated=True)
        spread = np.broadcast_to(weight.transpose(1, 0, 2, 3, 4), (*weight.shape[1::-1], 2, 2, 2))
        x = graph.transposed(f"up{level}", graph.relu(x), spread, bias)
        x = graph.add(f"skip{level}", skips.pop(), x)
        x = graph.residual(f"decode{level}", x, [decode])
    weight, bias = _weights(net.head, activated=True)
    graph.transposed("logits", graph.relu(x), head_weight(weight), bias)
    _save(graph, path)


def stem_weight(weight: Floats) -> Floats:
    """Weights over cells of eight voxels, `(out, 8 · c, 3, 3, 3)`, as weights over voxels.

    These are `(out, c, 6, 6, 6)`, with `c` the number of input channels.
    """
    out, inputs = weight.shape[:2]
    blocks = weight.reshape(out, 2, 2, 2, inputs // 8, 3, 3, 3).transpose(0, 4, 5, 1, 6, 2, 7, 3)
    return np.ascontiguousarray(blocks.reshape(out, inputs // 8, 6, 6, 6))


def head_weight(weight: Floats) -> Floats:
    """Weights `(8 · classes, in, 1, 1, 1)` as those of a transposed convolution.

    These are `(in, classes, 2, 2, 2)`.
    """
    inputs = weight.shape[1]
    spread = weight.reshape(2, 2, 2, CLASSES, inputs).transpose(4, 3, 0, 1, 2)
    return np.ascontiguousarray(spread)


def _weights(layer: Any, *, activated: bool = False) -> tuple[Floats, Floats]:
    """Standardised weights and bias.

    Those of `activated` layers include the gain of the activation before, which is then a plain
    ReLU.
    """
    assert isinstance(layer, StandardConv)
    weight: Tensor = layer.standardised().detach().double()
    if activated:
        weight = weight * RELU_GAIN
    return weight.float().numpy(), layer.bias.detach().numpy()


class _Graph:
    """Collects nodes and constants; every method returns the name of its output."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.count = 0

    def constant(self, name: str, value: NDArray[Any] | float) -> str:
        array = (
            np.ascontiguousarray(value, dtype=np.float32)
            if np.ndim(value)
            else np.array(value, np.float32)
        )
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def node(self, kind: str, name: str, inputs: list[str], **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def windowed(self, ct: str) -> str:
        channels = []
        for number, (low, high, unit) in enumerate(WINDOWS):
            limits = [self.constant(f"low{number}", low), self.constant(f"high{number}", high)]
            x = self.node("Clip", f"clipped{number}", [ct, *limits])
            x = self.node("Add", f"above{number}", [x, self.constant(f"minus_low{number}", -low)])
            unit_name = self.constant(f"per_hu{number}", 1.0 / unit)
            channels.append(self.node("Mul", f"window{number}", [x, unit_name]))
        return self.node("Concat", "windows", channels, axis=1)

    def relu(self, x: str) -> str:
        self.count += 1
        return self.node("Relu", f"relu{self.count}", [x])

    def add(self, name: str, one: str, two: str) -> str:
        return self.node("Add", name, [one, two])

    def conv(
        self, name: str, x: str, weight: Floats, bias: Floats, *, kernel: int, stride: int, pad: int
    ) -> str:
        inputs = [x, self.constant(f"{name}.weight", weight), self.constant(f"{name}.bias", bias)]
        shape = {"kernel_shape": [kernel] * 3, "strides": [stride] * 3, "pads": [pad] * 6}
        return self.node("Conv", name, inputs, **shape)

    def transposed(self, name: str, x: str, weight: Floats, bias: Floats) -> str:
        """A transposed convolution that spreads each cell over 2 × 2 × 2."""
        inputs = [x, self.constant(f"{name}.weight", weight), self.constant(f"{name}.bias", bias)]
        return self.node("ConvTranspose", name, inputs, kernel_shape=[2, 2, 2], strides=[2, 2, 2])

    def residual(self, name: str, x: str, layers: list[Any]) -> str:
        y = x
        for number, layer in enumerate(layers, 1):
            weight, bias = _weights(layer, activated=True)
            y = self.conv(f"{name}.{number}", self.relu(y), weight, bias, kernel=3, stride=1, pad=1)
        return self.add(f"{name}.sum", x, y)


def _save(graph: _Graph, path: Path) -> None:
    def value(name: str, channels: int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(
            name, TensorProto.FLOAT, [1, channels, "depth", "height", "width"]
        )

    body = helper.make_graph(
        graph.nodes,
        "pleura lungs",
        [value("ct", 1)],
        [value("logits", CLASSES)],
        graph.constants,
    )
    model = helper.make_model(
        body,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=8,
        producer_name="pleura",
    )
    model.doc_string = f"HU in patient axes [S, P, L]; sides are multiples of {MULTIPLE}"
    onnx.checker.check_model(model)
    with atomic_file(path) as part:
        part.write_bytes(model.SerializeToString(deterministic=True))
