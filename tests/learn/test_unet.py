"""The net of Fig. 2.1: its parts counted by hand, and the drawing's data held against the net
itself.
"""

import pytest
import torch
from torch import nn

from pleura.learn.unet import LightUNet, architecture


def double(narrow, wide):
    """Parameters of two 3×3 convolutions with bias, each with batch norm."""
    return narrow * wide * 9 + wide + 2 * wide + wide * wide * 9 + wide + 2 * wide


def test_parameters_counted_by_hand():
    down = double(1, 16) + double(16, 32) + double(32, 64)
    up = (128 * 64 * 4 + 64) + (64 * 32 * 4 + 32) + (32 * 16 * 4 + 16)
    merge = double(128, 64) + double(64, 32) + double(32, 16)
    wanted = down + double(64, 128) + up + merge + 16 + 1
    assert sum(parameter.numel() for parameter in LightUNet().parameters()) == wanted


@pytest.mark.parametrize("size", [16, 40, 64])
def test_one_logit_a_pixel(size):
    assert LightUNet()(torch.zeros(2, 1, size, size)).shape == (2, 1, size, size)


def test_the_blocks_are_those_of_the_report():
    net = LightUNet(dropout=0.2)
    kinds = [type(module) for module in net.modules()]
    assert (
        kinds.count(nn.MaxPool2d) == kinds.count(nn.Dropout) == kinds.count(nn.ConvTranspose2d) == 3
    )
    assert kinds.count(nn.BatchNorm2d) == kinds.count(nn.ReLU) == 14
    assert {module.p for module in net.modules() if isinstance(module, nn.Dropout)} == {0.2}
    assert net.head.kernel_size == (1, 1)


def test_every_pixel_sees_a_wide_neighbourhood_and_every_skip_is_used():
    net = LightUNet().eval()
    picture = torch.zeros(1, 1, 64, 64, requires_grad=True)
    net(picture)[0, 0, 32, 32].backward()
    seen = picture.grad[0, 0].abs().sum(dim=0) > 0
    assert seen.sum() > 40
    for parameter in net.parameters():
        assert parameter.grad is not None


@pytest.mark.parametrize("step", range(3))
def test_a_skip_carries_the_slice_past_all_that_lies_below(step):
    """With the transposed convolution of a level silent, only its skip reaches the logits."""
    net = LightUNet().eval()
    with torch.no_grad():
        for parameter in net.up[step].parameters():
            parameter.zero_()
        dark, bright = torch.zeros(1, 1, 32, 32), torch.ones(1, 1, 32, 32)
        assert not torch.equal(net(dark), net(bright))


def test_the_drawing_tells_the_net_as_it_is():
    net = LightUNet()
    told = architecture(net, 64)
    shapes = {}
    names = dict(zip([stage["name"] for stage in told["stages"]], _modules(net), strict=True))
    for name, module in names.items():
        module.register_forward_hook(
            lambda _, __, out, name=name: shapes.__setitem__(name, tuple(out.shape))
        )
    net(torch.zeros(1, 1, 64, 64))
    for stage in told["stages"]:
        assert shapes[stage["name"]] == (1, stage["channels"], stage["side"], stage["side"]), stage[
            "name"
        ]
        assert stage["parameters"] == sum(
            parameter.numel() for parameter in names[stage["name"]].parameters()
        )
    assert told["parameters"] == sum(stage["parameters"] for stage in told["stages"])


def _modules(net):
    down = [module for pair in zip(net.down, net.pool, strict=True) for module in pair]
    up = [module for pair in zip(net.up, net.merge, strict=True) for module in pair]
    return [*down, net.bottom, *up, net.head]


def test_the_report_network_has_its_parameters():
    """536,913: the practical's net with 3 × 3 transposed convolutions (counted by hand: 9
    weights for each of the 4).
    """
    down = double(1, 16) + double(16, 32) + double(32, 64)
    up = (128 * 64 * 9 + 64) + (64 * 32 * 9 + 32) + (32 * 16 * 9 + 16)
    merge = double(128, 64) + double(64, 32) + double(32, 16)
    assert down + double(64, 128) + up + merge + 16 + 1 == 536_913
    net = LightUNet(dropout=0.5, variant="report")
    assert sum(parameter.numel() for parameter in net.parameters()) == 536_913
    assert net(torch.zeros(2, 1, 24, 40)).shape == (2, 1, 24, 40)


def test_the_report_network_drops_whole_channels_at_half():
    net = LightUNet(dropout=0.5, variant="report").train()
    torch.manual_seed(0)
    for pool in net.pool:
        out = pool(torch.ones(8, 16, 8, 8))
        per_channel = out.amax(dim=(2, 3))
        assert torch.equal(per_channel, out.amin(dim=(2, 3)))
        assert set(per_channel.unique().tolist()) == {0.0, 2.0}
        assert 0.3 < float((per_channel == 0).float().mean()) < 0.7
