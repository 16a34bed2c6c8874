"""A case in three planes, in true proportion, with window and sides (Figs 1.1, 1.2)."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pleura.geometry.display import DISPLAYS, Display
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LEFT, Volume
from pleura.page.canvas import figure
from pleura.page.palette import LEFT_LUNG, RIGHT_LUNG

WINDOW_HU = (-1350, 150)
"""The usual lung window: level −600, width 1500."""
DARK = {"facecolor": "black", "edgecolor": "none", "alpha": 0.55, "pad": 2.0}
REFERENCE = "reference mask, right lung orange, left lung blue"


def planes_png(
    volume: Volume, labels: NDArray[np.uint8] | None, path: Path, *, outline: str = REFERENCE
) -> None:
    """Draw three planes through the middle of what is labelled 1 (of the volume, where nothing is).

    Args:
        volume: HU on any grid; which plane is which comes from the affine.
        labels: uint8 of its shape, whose outlines are drawn, 1 orange and 2 blue; or `None`.
        path: the PNG to write.
        outline: what the outlines are, in words.
    """
    centre = _centre(volume.hu.shape, labels)
    with figure(path, (13, 5)) as drawn:
        axes = drawn.subplots(1, 3)
        for axis, name in zip(axes, DISPLAYS, strict=True):
            _plane(axis, volume, labels, centre, Display.of(volume.grid, name))
        low, high = WINDOW_HU
        words = "" if labels is None else f"; outline: {outline}"
        drawn.supxlabel(f"window {low} to {high} HU{words}".replace("-", "−"), fontsize=11)


def _centre(shape: tuple[int, ...], labels: NDArray[np.uint8] | None) -> tuple[int, ...]:
    """The index that the planes go through: the middle of the right lung, beside the spine."""
    if labels is None or not labels.any():
        return tuple(n // 2 for n in shape)
    chosen = labels == 1
    if not chosen.any():
        chosen = labels > 0
    centre = []
    for axis in range(3):
        others = tuple(k for k in range(3) if k != axis)
        weights = np.count_nonzero(chosen, axis=others)
        centre.append(int(np.searchsorted(np.cumsum(weights), weights.sum() / 2)))
    return tuple(centre)


def _plane(
    axis: Any,
    volume: Volume,
    drawn: NDArray[np.uint8] | None,
    centre: tuple[int, ...],
    display: Display,
) -> None:
    index = centre[display.through]
    spacing = volume.grid.spacing_mm
    image = display.cut(volume.hu, index)
    if volume.padding is not None:
        image = np.where(display.cut(volume.padding, index), -1024, image)
    aspect = spacing[display.down] / spacing[display.across]
    axis.imshow(
        image,
        cmap="gray",
        vmin=WINDOW_HU[0],
        vmax=WINDOW_HU[1],
        aspect=aspect,
        interpolation="nearest",
    )
    if drawn is not None:
        labels = display.cut(drawn, index)
        for label, colour in ((1, RIGHT_LUNG), (LEFT, LEFT_LUNG)):
            if (labels == label).any() and (labels != label).any():
                axis.contour(labels == label, [0.5], colors=colour, linewidths=1.4)
    axis.set_title(f"{display.name}, {_place(volume.grid, centre, display.through)}")
    axis.set_xticks([])
    axis.set_yticks([])
    left, right = display.ends
    style = {
        "transform": axis.transAxes,
        "color": "white",
        "fontsize": 15,
        "fontweight": "bold",
        "va": "center",
        "bbox": DARK,
    }
    axis.text(0.02, 0.5, left, ha="left", **style)
    axis.text(0.98, 0.5, right, ha="right", **style)
    _scale_bar(axis, image.shape, spacing[display.across])


def _scale_bar(axis: Any, shape: tuple[int, ...], column_mm: float) -> None:
    """Five centimetres, white, at the lower left."""
    length = 50.0 / column_mm
    if length > shape[1] * 0.6:
        return
    left, low = shape[1] * 0.04, shape[0] * 0.955
    axis.plot([left, left + length], [low, low], color="white", linewidth=3, solid_capstyle="butt")
    axis.text(
        left + length / 2,
        low - shape[0] * 0.015,
        "5 cm",
        color="white",
        ha="center",
        va="bottom",
        fontsize=11,
        bbox=DARK,
    )
    axis.set_xlim(-0.5, shape[1] - 0.5)
    axis.set_ylim(shape[0] - 0.5, -0.5)


def _place(grid: Grid, centre: tuple[int, ...], through: int) -> str:
    return f"{('slice', 'row', 'column')[through]} {centre[through] + 1} of {grid.shape[through]}"
