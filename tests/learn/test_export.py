"""The exported network answers as the trained one does, in another runtime."""

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from pleura.learn.export import write_onnx
from pleura.learn.unet import LightUNet


def lived_in(seed=0, variant="light"):
    """A net whose batch norms have seen data, so that folding them matters."""
    torch.manual_seed(seed)
    net = LightUNet(dropout=0.3, variant=variant)
    net.train()
    with torch.no_grad():
        for _ in range(3):
            net(torch.randn(4, 1, 32, 32) * 2 + 1)
        for parameter in net.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
        net.head.weight *= 30
    return net.eval()


@pytest.mark.parametrize("variant", ["light", "report"])
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("size", [32, 56])
def test_parity_with_torch(tmp_path, batch, size, variant):
    net = lived_in(variant=variant)
    write_onnx(net, size, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(
        tmp_path / "model.onnx", providers=["CPUExecutionProvider"]
    )
    pictures = np.random.default_rng(batch).random((batch, 1, size, size)).astype(np.float32)
    (ours,) = session.run(["probability"], {"picture": pictures})
    with torch.no_grad():
        wanted = torch.sigmoid(net(torch.from_numpy(pictures))).numpy()
    assert wanted.std() > 0.05
    assert np.abs(ours - wanted).max() < 1e-4


def test_the_same_net_gives_the_same_bytes_and_no_trace_of_this_machine(tmp_path):
    for name in ("one", "two"):
        write_onnx(lived_in(), 32, tmp_path / f"{name}.onnx")
    data = (tmp_path / "one.onnx").read_bytes()
    assert data == (tmp_path / "two.onnx").read_bytes()
    assert str(tmp_path.anchor + "home").encode() not in data
    assert b".py" not in data
    kinds = {node.op_type for node in onnx.load_from_string(data).graph.node}
    assert kinds == {"Conv", "Relu", "MaxPool", "ConvTranspose", "Concat", "Sigmoid"}
