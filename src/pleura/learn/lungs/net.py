"""The coarse 3-D network: a residual U-Net whose finest level has twice the input's voxel size.

First, eight neighbouring voxels become eight channels (space to depth); last, eight voxels are read
from the channels of each cell. So no convolution runs at the full grid, which takes most of the
time of a 3-D U-Net. Weights are standardised (Brock A, De S, Smith SL 2021, arXiv:2101.08692)
instead of activations: a chest, a head and an empty field are processed by the same function,
whatever else is in the batch, and the export is plain convolutions.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import conv3d, interpolate, linear

WINDOWS = ((-1024.0, 400.0, 500.0), (-150.0, 150.0, 100.0))
"""[HU] Lower end, upper end and unit of each input channel: the whole range, and soft tissue alone.

Clipped and scaled so that air is 0; zero padding at the edges is then air. In the second, fluid
(0 to 25 HU) and airless lung (25 to 100 HU) lie apart.
"""
CLASSES = 5
"""Background, aerated right, aerated left, dense right, dense left."""
WIDTHS = (24, 48, 80, 80)
MULTIPLE = 2 ** len(WIDTHS)
"""Every side of the input must be a multiple of this."""
RELU_GAIN = 1.7139588594436646
"""Keeps the variance of a unit normal through ReLU: sqrt(2 / (1 - 1/pi))."""
BRANCH = 0.5
"""Initial weight of a residual branch."""


class StandardConv(nn.Module):
    """A 3-D convolution with standardised weights and a learnt gain.

    Weights have zero mean and unit variance over their inputs. `tied` groups of outputs share
    biases.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        stride: int = 1,
        gain: float = 1.0,
        tied: int = 1,
    ) -> None:
        super().__init__()
        self.stride = stride
        self.tied = tied
        self.padding = 1 if kernel == 3 else 0
        fan_in = inputs * kernel**3
        self.weight = nn.Parameter(
            torch.randn(outputs, inputs, kernel, kernel, kernel) / fan_in**0.5
        )
        self.gain = nn.Parameter(torch.full((outputs,), gain))
        self.bias = nn.Parameter(torch.zeros(outputs // tied))

    def standardised(self) -> Tensor:
        """The weights that are applied."""
        fan_in = self.weight[0].numel()
        variance, mean = torch.var_mean(self.weight, dim=(1, 2, 3, 4), keepdim=True)
        scale = self.gain.view(-1, 1, 1, 1, 1) * torch.rsqrt(variance * fan_in + 1e-6)
        return (self.weight - mean) * scale

    def forward(self, x: Tensor) -> Tensor:
        """Apply the convolution; a kernel of 1 as a matrix product, which is faster."""
        weight = self.standardised()
        if weight.shape[-1] == 1:
            flat = linear(x.permute(0, 2, 3, 4, 1), weight.flatten(1), self.bias.repeat(self.tied))
            return flat.permute(0, 4, 1, 2, 3)
        weight = weight.contiguous(memory_format=torch.channels_last_3d)
        return conv3d(x, weight, self.bias, stride=self.stride, padding=self.padding)


class Head(StandardConv):
    """A convolution with free weights, because confident logits need weights that can grow."""

    def standardised(self) -> Tensor:
        """The weights as they are."""
        return self.weight * self.gain.view(-1, 1, 1, 1, 1)


def activate(x: Tensor) -> Tensor:
    """ReLU that keeps the variance."""
    return torch.relu(x) * RELU_GAIN


class Residual(nn.Module):
    """Two convolutions beside the identity, with the activations first."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = StandardConv(width, width, 3)
        self.second = StandardConv(width, width, 3, gain=BRANCH)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(batch, width, d, h, w)` to the same shape."""
        return x + self.second(activate(self.first(activate(x))))


class LungNet(nn.Module):
    """Maps HU `(batch, 1, depth, height, width)` float32 to logits.

    Logits are `(batch, CLASSES, depth, height, width)`. Axes rise to S, P and L; every side is a
    multiple of `MULTIPLE`.
    """

    def __init__(self, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        steps = list(pairwise(widths))
        self.stem = StandardConv(8 * len(WINDOWS), widths[0], 3)
        self.refine = StandardConv(widths[0], widths[0], 3, gain=BRANCH)
        self.down = nn.ModuleList(StandardConv(above, below, 2, stride=2) for above, below in steps)
        self.encode = nn.ModuleList(Residual(width) for width in widths[1:])
        self.up = nn.ModuleList(StandardConv(below, above, 1) for above, below in steps)
        self.decode = nn.ModuleList(
            StandardConv(width, width, 3, gain=BRANCH) for width in widths[:-1]
        )
        self.head = Head(widths[0], CLASSES * 8, 1, gain=0.5, tied=8)

    def forward(self, ct: Tensor) -> Tensor:
        """Compute the logits."""
        x = space_to_depth(windowed(ct))
        x = self.stem(x.contiguous(memory_format=torch.channels_last_3d))
        x = x + self.refine(activate(x))
        skips = [x]
        for down, encode in zip(self.down, self.encode, strict=True):
            x = encode(down(activate(x)))
            skips.append(x)
        skips.pop()
        for up, decode in zip(reversed(self.up), reversed(self.decode), strict=True):
            x = skips.pop() + interpolate(up(activate(x)), scale_factor=2.0, mode="nearest")
            x = x + decode(activate(x))
        return depth_to_space(self.head(activate(x)))


def windowed(ct: Tensor) -> Tensor:
    """HU `(batch, 1, d, h, w)` as one channel for each of `WINDOWS`."""
    channels = [(ct.clamp(low, high) - low) / unit for low, high, unit in WINDOWS]
    return torch.cat(channels, dim=1)


def space_to_depth(x: Tensor) -> Tensor:
    """Turn each 2 × 2 × 2 block of `(batch, c, d, h, w)` into `8 · c` channels of one cell.

    In the channels, the position comes before the channel of the input.
    """
    batch, channels, d, h, w = x.shape
    blocks = x.reshape(batch, channels, d // 2, 2, h // 2, 2, w // 2, 2)
    cells = blocks.permute(0, 3, 5, 7, 1, 2, 4, 6)
    return cells.reshape(batch, 8 * channels, d // 2, h // 2, w // 2)


def depth_to_space(x: Tensor) -> Tensor:
    """Inverse of `space_to_depth` for `(batch, 8 · classes, d, h, w)`.

    In the channels, the position comes before the class.
    """
    batch, channels, d, h, w = x.shape
    blocks = x.reshape(batch, 2, 2, 2, channels // 8, d, h, w)
    return blocks.permute(0, 4, 5, 1, 6, 2, 7, 3).reshape(batch, channels // 8, 2 * d, 2 * h, 2 * w)


def multiply_adds(widths: Sequence[int] = WIDTHS) -> float:
    """Number of multiply-adds of the convolutions for each input voxel."""
    first, *rest = widths
    total = 27 * (8 * len(WINDOWS) * first + 2 * first * first) + first * CLASSES * 8
    above = first
    for level, width in enumerate(rest, 1):
        decode = 27 * width * width if level < len(rest) else 0
        here = 8 * above * width + 2 * 27 * width * width + decode + above * width
        total += here / 8**level
        above = width
    return total / 8
