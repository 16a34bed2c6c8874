"""Write the trained network as ONNX, node by node, with batch norm folded into convolutions.

torch's exporter needs another library, embeds stack traces with paths of this machine, and is not
byte-stable; the network has five kinds of node only. A test compares the outputs of both networks.
"""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from pleura.core.atomic import atomic_file
from pleura.learn.unet import Double, LightUNet

OPSET = 17


def write_onnx(net: LightUNet, size: int, path: Path) -> None:
    """Write `net` (in eval mode) as ONNX.

    The input is `picture` and the output `probability`, float32 `(batch, 1, size, size)`.
    """
    graph = _Graph()
    x = "picture"
    skips = []
    for level, double in enumerate(net.down):
        x = graph.double(f"down{level + 1}", double, x)  # type: ignore[arg-type]
        skips.append(x)
        x = graph.node("MaxPool", f"pool{level + 1}", [x], kernel_shape=[2, 2], strides=[2, 2])
    x = graph.double("bottom", net.bottom, x)
    for step, (up, merge) in enumerate(zip(net.up, net.merge, strict=True)):
        level = len(skips) - step
        assert isinstance(up, nn.ConvTranspose2d)
        x = graph.upsampling(f"up{level}", up, x)
        x = graph.node("Concat", f"skip{level}", [skips[level - 1], x], axis=1)
        x = graph.double(f"merge{level}", merge, x)  # type: ignore[arg-type]
    x = graph.convolution("head", "Conv", net.head.weight, net.head.bias, x, kernel_shape=[1, 1])
    graph.nodes.append(helper.make_node("Sigmoid", [x], ["probability"], name="sigmoid"))
    sides: list[str | int | None] = ["batch", 1, size, size]
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "pleura light U-Net",
            [helper.make_tensor_value_info("picture", TensorProto.FLOAT, sides)],
            [helper.make_tensor_value_info("probability", TensorProto.FLOAT, sides)],
            graph.weights,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=8,
        producer_name="pleura",
    )
    onnx.checker.check_model(model)
    with atomic_file(path) as part:
        part.write_bytes(model.SerializeToString(deterministic=True))


class _Graph:
    """Collects nodes and weights; every method returns the name of its output."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def node(self, kind: str, name: str, inputs: list[str], **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def convolution(
        self, name: str, kind: str, weight: Any, bias: Any, x: str, **attributes: Any
    ) -> str:
        for suffix, value in (("weight", weight), ("bias", bias)):
            array = value.detach().cpu().numpy() if isinstance(value, Tensor) else value
            self.weights.append(
                numpy_helper.from_array(np.ascontiguousarray(array, np.float32), f"{name}.{suffix}")
            )
        return self.node(kind, name, [x, f"{name}.weight", f"{name}.bias"], **attributes)

    def upsampling(self, name: str, up: nn.ConvTranspose2d, x: str) -> str:
        """A transposed convolution with the kernel, stride and padding of the network's variant."""
        attributes = {
            "kernel_shape": list(up.kernel_size),
            "strides": list(up.stride),
            "pads": [int(padding) for padding in up.padding] * 2,
            "output_padding": list(up.output_padding),
        }
        return self.convolution(name, "ConvTranspose", up.weight, up.bias, x, **attributes)

    def double(self, name: str, double: Double, x: str) -> str:
        """Two convolutions with batch norm folded in, each followed by ReLU."""
        for number, at in enumerate((0, 3), 1):
            weight, bias = _folded(double[at], double[at + 1])  # type: ignore[arg-type]
            x = self.convolution(
                f"{name}.{number}", "Conv", weight, bias, x, kernel_shape=[3, 3], pads=[1, 1, 1, 1]
            )
            x = self.node("Relu", f"{name}.{number}.relu", [x])
        return x


def _folded(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[NDArray[Any], NDArray[Any]]:
    """Weight and bias of a convolution with batch norm folded in."""
    assert norm.running_var is not None
    assert norm.running_mean is not None
    assert convolution.bias is not None
    scale = (norm.weight / (norm.running_var + norm.eps).sqrt()).detach().double()
    weight = convolution.weight.detach().double() * scale[:, None, None, None]
    bias = (
        convolution.bias.detach().double() - norm.running_mean.double()
    ) * scale + norm.bias.detach().double()
    return weight.cpu().numpy(), bias.cpu().numpy()
