"""Networks written by hand with the `onnx` package, whose right result is known."""

import hashlib
import json

import onnx
from onnx import TensorProto, helper

LEVEL = -400.0
"""The hand-made network says lung from −950 HU (not the air around) to here."""


def write_run(folder, size=32, below=LEVEL, **card):
    """A run folder whose network is a band-pass of HU: sigmoid of a steep parabola between −950 and `below`."""
    low, high = (1000 - 950) / 1400, (below + 1000) / 1400
    constants = {"middle": (low + high) / 2, "half": (high - low) / 2, "steep": 200.0}
    weights = [helper.make_tensor(name, TensorProto.FLOAT, [], [value]) for name, value in constants.items()]
    nodes = [
        helper.make_node("Sub", ["picture", "middle"], ["centred"]),
        helper.make_node("Abs", ["centred"], ["off"]),
        helper.make_node("Sub", ["half", "off"], ["within"]),
        helper.make_node("Mul", ["within", "steep"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["probability"]),
    ]
    sides = ["batch", 1, size, size]
    graph = helper.make_graph(
        nodes,
        "band",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, sides)],
        [helper.make_tensor_value_info("probability", TensorProto.FLOAT, sides)],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    folder.mkdir(parents=True, exist_ok=True)
    data = model.SerializeToString()
    (folder / "model.onnx").write_bytes(data)
    told = {
        "format": "pleura-model/1",
        "sha256": hashlib.sha256(data).hexdigest(),
        "input": {"size": size, "low_hu": -1000.0, "high_hu": 400.0},
        "threshold": 0.5,
        "loss": "bce_dice",
        "preset": "default",
    }
    (folder / "model.json").write_text(json.dumps(told | card))
    return folder
