"""Networks written by hand with the `onnx` package, whose right result is known."""

import hashlib
import json

import onnx
from onnx import TensorProto, helper

LEVEL = -400.0
"""The hand-made network says lung from −950 HU (not the air around) to here."""


def write_run(folder, size=32, below=LEVEL, **card):
    """A run folder whose network is a band-pass of HU: sigmoid of a steep parabola between −950
    and `below`.
    """
    low, high = (1000 - 950) / 1400, (below + 1000) / 1400
    constants = {"middle": (low + high) / 2, "half": (high - low) / 2, "steep": 200.0}
    weights = [
        helper.make_tensor(name, TensorProto.FLOAT, [], [value])
        for name, value in constants.items()
    ]
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


def write_lung_network(folder, spacing_mm=3.0, below_hu=-500.0, multiple_of=4, **card):
    """A network for `segmenters.shipped`: lung between two mean HU, and sides left and right of the
    middle column.

    It calls the skin's rim lung too, which cleaning must take out.
    """
    numbers = {
        "level": below_hu,
        "gas": -935.0,
        "scale": 0.02,
        "zero": 0.0,
        "one": 1.0,
        "half": 0.5,
        "steep": 0.5,
    }
    weights = [
        helper.make_tensor(name, TensorProto.FLOAT, [], [value]) for name, value in numbers.items()
    ]
    weights.append(helper.make_tensor("columns", TensorProto.INT64, [], [4]))
    weights.append(helper.make_tensor("last", TensorProto.INT64, [1], [4]))
    edges = {"kernel_shape": [3, 3, 3], "pads": [1] * 6, "count_include_pad": 0}
    nodes = [
        helper.make_node("AveragePool", ["ct"], ["mean"], **edges),
        helper.make_node("Sub", ["level", "mean"], ["deeper"]),
        helper.make_node("Sub", ["mean", "gas"], ["above"]),
        helper.make_node("Min", ["deeper", "above"], ["within"]),
        helper.make_node("Mul", ["within", "scale"], ["lung"]),
        helper.make_node("Mul", ["ct", "zero"], ["zeros"]),
        helper.make_node("Add", ["zeros", "one"], ["ones"]),
        helper.make_node("CumSum", ["ones", "columns"], ["column"]),
        helper.make_node("ReduceMax", ["column"], ["count"], axes=[4], keepdims=1),
        helper.make_node("Mul", ["count", "half"], ["middle"]),
        helper.make_node("Sub", ["column", "middle"], ["off"]),
        helper.make_node("Mul", ["off", "steep"], ["to_left"]),
        helper.make_node("Sub", ["lung", "to_left"], ["right"]),
        helper.make_node("Add", ["lung", "to_left"], ["left"]),
        helper.make_node("Abs", ["to_left"], ["background"]),
        helper.make_node("Concat", ["background", "right", "left"], ["logits"], axis=1),
    ]
    sides = ["slices", "rows", "columns_in"]
    graph = helper.make_graph(
        nodes,
        "band",
        [helper.make_tensor_value_info("ct", TensorProto.FLOAT, [1, 1, *sides])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 3, *sides])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    folder.mkdir(parents=True, exist_ok=True)
    data = model.SerializeToString()
    (folder / "lungs.onnx").write_bytes(data)
    about = {
        "format": "pleura-lungs/1",
        "sha256": hashlib.sha256(data).hexdigest(),
        "spacing_mm": spacing_mm,
        "labels": {"0": "background", "1": "right lung", "2": "left lung"},
        "multiple_of": multiple_of,
    }
    (folder / "lungs.json").write_text(json.dumps(about | card))
    return folder
