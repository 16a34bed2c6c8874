"""Augmentation: pose, size, brightness, noise and sharpness, as they differ between scans."""

import math
from collections.abc import Collection

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, conv2d, grid_sample, pad

from pleura.geometry.network_grid import NetInput

MOVES = {"rotate", "scale", "stretch", "translate", "flip"}
"""Augmentations that move slice and target together."""
ROTATION_DEGREES = 15.0
SCALE = 0.25
"""Sizes change by a factor of up to exp(±0.25), as bodies and fields of view do."""
STRETCH = 0.08
SHIFT = 0.12
"""[share of half the side of the slice]"""
CONTRAST = 0.12
BRIGHTNESS = 0.06
"""[share of the window of 1,400 HU] About ±80 HU."""
NOISE = 0.05
"""[share of the window] Largest standard deviation: 70 HU."""
BLUR_PIXELS = (0.4, 1.0)
"""[pixels] Standard deviation of the Gaussian blur."""
BLUR_RADIUS = 3
BLURRED = 0.3
"""Share of slices that are blurred."""


def augmented(
    slices: Tensor,
    targets: Tensor,
    generator: torch.Generator,
    chosen: Collection[str],
    network_input: NetInput,
) -> tuple[Tensor, Tensor]:
    """Move slices and targets `(batch, 1, size, size)` together, and alter the slices' values.

    Args:
        slices: as `shown` gives them.
        targets: share of lung, 0 to 1.
        generator: decides everything. Every number is drawn whatever is chosen, so adding or
            removing an augmentation leaves the others unchanged.
        chosen: names of `recipe.AUGMENTATIONS`.
        shown: the network's input, which has the value of air and the width of the window.
    """
    batch = slices.shape[0]
    # air is 0, the value outside the slice after a move
    values = (slices - network_input.air) / network_input.span
    theta = _moves(batch, generator, chosen).to(slices.device)
    if MOVES & set(chosen):
        where = affine_grid(theta, list(values.shape), align_corners=False)
        both = grid_sample(
            torch.cat([values, targets], dim=1), where, mode="bilinear", align_corners=False
        )
        values, targets = both[:, :1], both[:, 1:].clamp(0, 1)
    values = _altered(values, generator, chosen)
    if network_input.scaling == "window":
        values = values.clamp(0, 1)
    return values * network_input.span + network_input.air, targets


def _moves(batch: int, generator: torch.Generator, chosen: Collection[str]) -> Tensor:
    """One affine matrix for each sample, `(batch, 2, 3)`, for `affine_grid`."""
    drawn = torch.rand(batch, 6, generator=generator)
    signed = 2 * drawn - 1
    kept = {name: float(name in chosen) for name in ("rotate", "scale", "stretch", "translate")}
    angle = signed[:, 0] * math.radians(ROTATION_DEGREES) * kept["rotate"]
    size = torch.exp(signed[:, 1] * SCALE * kept["scale"])
    wide = torch.exp(signed[:, 2] * STRETCH * kept["stretch"])
    mirrored = (drawn[:, 3] < 0.5) & ("flip" in chosen)
    mirror = torch.where(mirrored, -1.0, 1.0)
    theta = torch.zeros(batch, 2, 3)
    theta[:, 0, 0] = torch.cos(angle) * size * wide * mirror
    theta[:, 0, 1] = -torch.sin(angle) * size
    theta[:, 1, 0] = torch.sin(angle) * size * wide * mirror
    theta[:, 1, 1] = torch.cos(angle) * size
    theta[:, :, 2] = signed[:, 4:] * SHIFT * kept["translate"]
    return theta


def _altered(values: Tensor, generator: torch.Generator, chosen: Collection[str]) -> Tensor:
    """Blur, contrast, brightness and noise, in units of the window."""
    drawn = torch.rand(values.shape[0], 5, generator=generator).to(values.device)
    noise = torch.randn(values.shape, generator=generator).to(values.device)
    if "blur" in chosen:
        low, high = BLUR_PIXELS
        soft = blurred(values, low + (high - low) * drawn[:, 0])
        values = torch.where(_column(drawn[:, 1]) < BLURRED, soft, values)
    if "contrast" in chosen:
        gain = 1 + CONTRAST * (2 * drawn[:, 2] - 1)
        values = values * _column(gain) + BRIGHTNESS * (2 * _column(drawn[:, 3]) - 1)
    if "noise" in chosen:
        values = values + noise * NOISE * _column(drawn[:, 4])
    return values


def _column(per_sample: Tensor) -> Tensor:
    return per_sample[:, None, None, None]


def blurred(values: Tensor, sigma: Tensor) -> Tensor:
    """Convolve each sample `(batch, 1, rows, columns)` with a Gaussian of its own `sigma`.

    `sigma` is in pixels; the rim is repeated.
    """
    offsets = torch.arange(-BLUR_RADIUS, BLUR_RADIUS + 1, device=values.device)
    weights = torch.exp(-0.5 * (offsets[None, :] / sigma[:, None]) ** 2)
    weights = (weights / weights.sum(dim=1, keepdim=True))[:, None]
    samples = pad(values.transpose(0, 1), (BLUR_RADIUS,) * 4, mode="replicate")
    rows = conv2d(samples, weights[:, :, :, None], groups=len(values))
    return conv2d(rows, weights[:, :, None, :], groups=len(values)).transpose(0, 1)
