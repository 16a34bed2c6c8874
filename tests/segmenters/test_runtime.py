"""Weights are checked before they are loaded. The models here are made with the `onnx` package,
which the code never uses.
"""

import hashlib

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from pleura.core.errors import InputRefused
from pleura.segmenters.runtime import check_weights, open_network


def model(*, domain="", nested=False, external=False):
    """A network that adds one, with a flaw: the same where the graph nests as an If's branch."""
    one = numpy_helper.from_array(np.array([1.0], np.float32), "one")
    if external:
        one.ClearField("raw_data")
        one.data_location = TensorProto.EXTERNAL
        entry = one.external_data.add()
        entry.key, entry.value = "location", "elsewhere.bin"
    kind = "Add" if not domain else "Unknown"
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None])
    if not nested:
        graph = helper.make_graph(
            [helper.make_node(kind, ["x", "one"], ["y"], domain=domain)], "g", [x], [y], [one]
        )
    else:
        inner = helper.make_tensor_value_info("z", TensorProto.FLOAT, [None])
        add = helper.make_node(kind, ["x", "one"], ["z"], domain=domain)
        branch = helper.make_graph([add], "branch", [], [inner], [one])
        yes = numpy_helper.from_array(np.array(True), "yes")
        fork = helper.make_node("If", ["yes"], ["y"], then_branch=branch, else_branch=branch)
        graph = helper.make_graph([fork], "g", [x], [y], [yes])
    sets = [helper.make_opsetid("", 17)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    return helper.make_model(graph, opset_imports=sets, ir_version=8).SerializeToString()


def digest(data):
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("nested", [False, True])
def test_sound_weights_are_accepted_and_run(nested):
    data = model(nested=nested)
    check_weights(data, digest(data))
    (result,) = open_network(data, ["y"], threads=1)({"x": np.array([2.0, 3.0], np.float32)})
    assert result.tolist() == [3.0, 4.0]


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize(
    ("flaw", "code"),
    [
        ({"external": True}, "WEIGHTS-EXTERNAL"),
        ({"domain": "com.example"}, "WEIGHTS-CUSTOM-OPERATOR"),
    ],
)
def test_what_the_checksum_does_not_cover_is_refused(nested, flaw, code):
    data = model(nested=nested, **flaw)
    with pytest.raises(InputRefused) as error:
        check_weights(data, digest(data))
    assert error.value.code == code


def test_a_constant_node_with_external_data_is_refused():
    tensor = onnx.load_from_string(model(external=True)).graph.initializer[0]
    node = helper.make_node("Constant", [], ["y"], value=tensor)
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None])
    data = helper.make_model(helper.make_graph([node], "g", [], [y])).SerializeToString()
    with pytest.raises(InputRefused) as error:
        check_weights(data, digest(data))
    assert error.value.code == "WEIGHTS-EXTERNAL"


def test_tampered_weights_are_refused():
    data = bytearray(model())
    recorded = digest(data)
    data[-1] ^= 1
    with pytest.raises(InputRefused) as error:
        check_weights(bytes(data), recorded)
    assert error.value.code == "WEIGHTS-CHANGED"


def code_of(data):
    """The code that refuses these weights; `None` where they load."""
    try:
        check_weights(data, digest(data))
        open_network(data, ["y"], threads=1)
    except InputRefused as error:
        return error.code
    return None


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused(data):
    assert code_of(data) in ("WEIGHTS-UNREADABLE", "WEIGHTS-EXTERNAL", "WEIGHTS-CUSTOM-OPERATOR")


@settings(max_examples=30)
@given(st.data())
def test_a_cut_or_changed_model_is_refused_or_loads(data):
    whole = model(nested=True)
    place = data.draw(st.integers(0, len(whole) - 1))
    value = data.draw(st.integers(0, 255))
    for changed in (whole[:place], whole[:place] + bytes([value]) + whole[place + 1 :]):
        assert str(code_of(changed) or "WEIGHTS-").startswith("WEIGHTS-")
