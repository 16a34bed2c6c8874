"""What may differ from one patient, scanner and kernel to the next: pose, size, brightness, noise, sharpness."""

import math

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, avg_pool2d, grid_sample

TURN_DEGREES = 15.0
SCALE = 0.25
"""Size changes by up to a factor of exp(±0.25): bodies and fields of view."""
STRETCH = 0.08
SHIFT = 0.12
CONTRAST = 0.12
BRIGHTNESS = 0.06
"""Of the window of 1,400 HU: about ±80 HU."""
NOISE = 0.05


def augmented(pictures: Tensor, targets: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Pictures and targets `(batch, 1, size, size)`, moved alike, pictures altered in value too; decided by `generator`."""
    batch = pictures.shape[0]

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return torch.rand(batch, *shape, generator=generator) * (high - low) + low

    turn = uniform(-1, 1) * math.radians(TURN_DEGREES)
    size = torch.exp(uniform(-SCALE, SCALE))
    wide = torch.exp(uniform(-STRETCH, STRETCH))
    mirror = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
    theta = torch.zeros(batch, 2, 3)
    theta[:, 0, 0] = torch.cos(turn) * size * wide * mirror
    theta[:, 0, 1] = -torch.sin(turn) * size
    theta[:, 1, 0] = torch.sin(turn) * size * wide * mirror
    theta[:, 1, 1] = torch.cos(turn) * size
    theta[:, :, 2] = uniform(-SHIFT, SHIFT, 2)
    where = affine_grid(theta.to(pictures.device), list(pictures.shape), align_corners=False)
    both = grid_sample(torch.cat([pictures, targets], dim=1), where, mode="bilinear", align_corners=False)
    pictures, targets = both[:, :1], both[:, 1:].clamp(0, 1)
    soft = (uniform(0, 1, 1, 1, 1) < 0.3).to(pictures.device)
    pictures = torch.where(soft, avg_pool2d(pictures, 3, 1, 1, count_include_pad=False), pictures)
    gain = (1 + uniform(-CONTRAST, CONTRAST, 1, 1, 1)).to(pictures.device)
    shift = uniform(-BRIGHTNESS, BRIGHTNESS, 1, 1, 1).to(pictures.device)
    noise = torch.randn(pictures.shape, generator=generator) * uniform(0, NOISE, 1, 1, 1)
    return (pictures * gain + shift + noise.to(pictures.device)).clamp(0, 1), targets
