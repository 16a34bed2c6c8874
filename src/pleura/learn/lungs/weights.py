"""Read the weights of an exported lung network back into the torch module, to train it further.

The export folds standardisation, gains and the scale of activations into plain weights; here they
are separated again. Only arrays of the ONNX file are read: nothing in it is executed.
"""

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn

from pleura.core.codes import refused
from pleura.learn.lungs.net import CLASSES, RELU_GAIN, Head, LungNet, Residual, StandardConv

Floats = NDArray[np.float32]
VARIANCE_FLOOR = 1e-6
"""Added to the variance of weights by `StandardConv.standardised`."""


def read_onnx(data: bytes) -> LungNet:
    """The network that `lungs.export.write_onnx` wrote; it computes the same logits.

    Args:
        data: the content of the file, whose hash the caller has checked.

    Raises:
        InputRefused: `WEIGHTS-UNREADABLE`: the file is not such a network.
    """
    try:
        graph = onnx.load_model_from_string(data).graph
        arrays = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
        net = LungNet()
        with torch.no_grad():
            _fill(net, arrays)
    except Exception as error:  # protobuf, onnx and torch have no common base class
        raise refused("WEIGHTS-UNREADABLE") from error
    return net.eval()


def _fill(net: LungNet, arrays: dict[str, Floats]) -> None:
    _set(net.stem, stem_cells(arrays["stem.weight"]), arrays["stem.bias"], 1.0)
    _set_activated(net.refine, arrays, "refine.1")
    for level, (down, encode) in enumerate(zip(net.down, net.encode, strict=True), 1):
        assert isinstance(encode, Residual)
        _set_activated(down, arrays, f"down{level}")
        _set_activated(encode.first, arrays, f"encode{level}.1")
        _set_activated(encode.second, arrays, f"encode{level}.2")
    for level, (up, decode) in enumerate(zip(net.up, net.decode, strict=True), 1):
        spread = arrays[f"up{level}.weight"][..., :1, :1, :1]  # eight equal copies
        _set(up, spread.transpose(1, 0, 2, 3, 4), arrays[f"up{level}.bias"], RELU_GAIN)
        _set_activated(decode, arrays, f"decode{level}.1")
    _set(net.head, head_cells(arrays["logits.weight"]), arrays["logits.bias"], RELU_GAIN)


def stem_cells(weight: Floats) -> Floats:
    """Inverse of `export.stem_weight`: `(out, c, 6, 6, 6)` as `(out, 8 · c, 3, 3, 3)`."""
    out, inputs = weight.shape[:2]
    blocks = weight.reshape(out, inputs, 3, 2, 3, 2, 3, 2).transpose(0, 3, 5, 7, 1, 2, 4, 6)
    return np.ascontiguousarray(blocks.reshape(out, 8 * inputs, 3, 3, 3))


def head_cells(weight: Floats) -> Floats:
    """Inverse of `export.head_weight`: `(in, classes, 2, 2, 2)` as `(8 · classes, in, 1, 1, 1)`."""
    cells = weight.transpose(2, 3, 4, 1, 0).reshape(8 * CLASSES, len(weight))
    return np.ascontiguousarray(cells[:, :, None, None, None])


def _set_activated(layer: nn.Module, arrays: dict[str, Floats], name: str) -> None:
    _set(layer, arrays[f"{name}.weight"], arrays[f"{name}.bias"], RELU_GAIN)


def _set(layer: nn.Module, weight: Floats, bias: Floats, folded: float) -> None:
    """Give a layer the parameters that are exported as `weight`, times `folded`, and `bias`."""
    assert isinstance(layer, StandardConv)
    wanted = torch.from_numpy(weight.astype(np.float64)) / folded
    if wanted.shape != layer.weight.shape or bias.shape != layer.bias.shape:
        raise ValueError(f"weights of shape {tuple(wanted.shape)}")
    layer.bias.copy_(torch.from_numpy(bias.copy()))
    if isinstance(layer, Head):
        layer.weight.copy_(wanted / layer.gain.double().view(-1, 1, 1, 1, 1))
        return
    gain = _gain(wanted)
    layer.gain.copy_(gain)
    layer.weight.copy_(wanted / gain.clamp(min=1e-12).view(-1, 1, 1, 1, 1))


def _gain(weight: Tensor) -> Tensor:
    """The gain of each output with which weights of the usual variance give these weights."""
    fan_in = weight[0].numel()
    deviation = (weight.var(dim=(1, 2, 3, 4)) * fan_in).sqrt()
    return deviation * (1 + VARIANCE_FLOOR) ** 0.5
