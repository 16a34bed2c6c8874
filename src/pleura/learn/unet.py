"""The report's light U-Net (§2.1, Fig 2.1).

After Ronneberger O, Fischer P, Brox T (2015), MICCAI, LNCS 9351:234-241.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pleura.learn.recipe import Network

WIDTHS = (16, 32, 64)
BOTTLENECK = 128


class Double(nn.Sequential):
    """Two 3×3 convolutions, each with batch norm and ReLU."""

    def __init__(self, narrow: int, wide: int) -> None:
        super().__init__(
            nn.Conv2d(narrow, wide, 3, padding=1),
            nn.BatchNorm2d(wide),
            nn.ReLU(inplace=True),
            nn.Conv2d(wide, wide, 3, padding=1),
            nn.BatchNorm2d(wide),
            nn.ReLU(inplace=True),
        )


UPSAMPLING: dict[str, dict[str, int]] = {
    "light": {"kernel_size": 2, "stride": 2},
    "report": {"kernel_size": 3, "stride": 2, "padding": 1, "output_padding": 1},
}
"""Transposed convolutions by variant; both double the side."""
DROPOUT: dict[str, type[nn.Module]] = {"light": nn.Dropout, "report": nn.Dropout2d}
"""Dropout in the max-pool block by variant: of single values, or of whole channels."""


class LightUNet(nn.Module):
    """A U-Net with 3 levels of 16, 32 and 64 channels and a bottleneck of 128.

    Max-pooling with dropout on the way down, transposed convolutions and skip concatenation on the
    way up, 1 × 1 to one logit. Variant `report` has 3 × 3 transposed convolutions and `Dropout2d`:
    536,913 parameters. Variant `light` has 2 × 2 ones and `Dropout`: 483,153 parameters.

    Input float32 `(batch, 1, rows, columns)`, sides divisible by 8; output logits of the same
    shape.
    """

    def __init__(
        self,
        widths: Sequence[int] = WIDTHS,
        bottleneck: int = BOTTLENECK,
        dropout: float = 0.1,
        variant: Network = "light",
    ) -> None:
        super().__init__()
        into = [1, *widths[:-1]]
        below = [bottleneck, *reversed(widths[1:])]
        drop, upsampling = DROPOUT[variant], UPSAMPLING[variant]
        self.down = nn.ModuleList(Double(a, b) for a, b in zip(into, widths, strict=True))
        self.pool = nn.ModuleList(nn.Sequential(nn.MaxPool2d(2), drop(dropout)) for _ in widths)
        self.bottom = Double(widths[-1], bottleneck)
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(a, b, **upsampling)  # type: ignore[arg-type]
            for a, b in zip(below, reversed(widths), strict=True)
        )
        self.merge = nn.ModuleList(Double(2 * b, b) for b in reversed(widths))
        self.head = nn.Conv2d(widths[0], 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of lung."""
        skips = []
        for double, pool in zip(self.down, self.pool, strict=True):
            x = double(x)
            skips.append(x)
            x = pool(x)
        x = self.bottom(x)
        for up, merge, skip in zip(self.up, self.merge, reversed(skips), strict=True):
            x = merge(torch.cat([skip, up(x)], dim=1))
        logits: Tensor = self.head(x)
        return logits


def architecture(net: LightUNet, size: int) -> dict[str, Any]:
    """The layers for a drawing: name, kind, channels, side in pixels, and parameters."""
    widths = [double[0].out_channels for double in net.down]  # type: ignore[index]
    stages = []

    def stage(name: str, kind: str, channels: int, side: int, module: nn.Module) -> None:
        stages.append(
            {
                "name": name,
                "kind": kind,
                "channels": int(channels),
                "side": side,
                "parameters": sum(parameter.numel() for parameter in module.parameters()),
            }
        )

    for level, (width, double, pool) in enumerate(zip(widths, net.down, net.pool, strict=True)):
        stage(f"down {level + 1}", "double convolution", width, size >> level, double)
        stage(f"pool {level + 1}", "max-pool and dropout", width, size >> (level + 1), pool)
    deepest: Any = net.bottom[0]
    stage("bottom", "double convolution", deepest.out_channels, size >> len(widths), net.bottom)
    for step, (width, up, merge) in enumerate(
        zip(reversed(widths), net.up, net.merge, strict=True)
    ):
        level = len(widths) - 1 - step
        stage(f"up {level + 1}", "transposed convolution", width, size >> level, up)
        stage(f"merge {level + 1}", "skip and double convolution", width, size >> level, merge)
    stage("head", "1×1 convolution to one logit", 1, size, net.head)
    total = sum(parameter.numel() for parameter in net.parameters())
    return {
        "format": "pleura-architecture/1",
        "input": [1, size, size],
        "stages": stages,
        "parameters": total,
    }
