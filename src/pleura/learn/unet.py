"""The report's light U-Net (§2.1, Fig 2.1), after Ronneberger O, Fischer P, Brox T (2015), MICCAI, LNCS 9351:234-241."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

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


class LightUNet(nn.Module):
    """3 levels of 16-32-64 and a bottleneck of 128; max-pooling with dropout on the way down, transposed convolutions and
    skip concatenation on the way up, 1×1 to one logit.

    Input float32 `(batch, 1, rows, columns)`, sides divisible by 8; output logits of the same shape.
    """

    def __init__(self, widths: Sequence[int] = WIDTHS, bottleneck: int = BOTTLENECK, dropout: float = 0.1) -> None:
        super().__init__()
        into = [1, *widths[:-1]]
        self.down = nn.ModuleList(Double(a, b) for a, b in zip(into, widths, strict=True))
        self.pool = nn.ModuleList(nn.Sequential(nn.MaxPool2d(2), nn.Dropout(dropout)) for _ in widths)
        self.bottom = Double(widths[-1], bottleneck)
        below = [bottleneck, *reversed(widths[1:])]
        self.up = nn.ModuleList(nn.ConvTranspose2d(a, b, 2, stride=2) for a, b in zip(below, reversed(widths), strict=True))
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
    """The model told layer by layer, for a drawing: kind, channels, side of the picture, parameters, skips."""
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
    stage("bottom", "double convolution", net.bottom[0].out_channels, size >> len(widths), net.bottom)  # type: ignore[arg-type]
    for step, (width, up, merge) in enumerate(zip(reversed(widths), net.up, net.merge, strict=True)):
        level = len(widths) - 1 - step
        stage(f"up {level + 1}", "transposed convolution", width, size >> level, up)
        stage(f"merge {level + 1}", "skip and double convolution", width, size >> level, merge)
    stage("head", "1×1 convolution to one logit", 1, size, net.head)
    total = sum(parameter.numel() for parameter in net.parameters())
    return {"format": "pleura-architecture/1", "input": [1, size, size], "stages": stages, "parameters": total}
