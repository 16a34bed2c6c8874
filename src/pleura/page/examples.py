"""Slices to look at: best, median and worst (Fig 2.10), and a film through a case nobody trained on."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pleura.core.atomic import atomic_file
from pleura.core.errors import InputRefused
from pleura.geometry.grid import Grid
from pleura.geometry.volume import AIR_HU
from pleura.labels.registry import read_mask
from pleura.page.canvas import ORANGE, SKY, figure
from pleura.page.planes import DARK, TURN, WINDOW_HU
from pleura.page.story import SliceScore, mask_file
from pleura.store.case import Case

FILM_SIDE = 320
FILM_SLICES = 60
TRUTH_RGB, ANSWER_RGB = (230, 159, 0), (86, 180, 233)


def chosen_slices(scores: Sequence[SliceScore]) -> list[tuple[str, SliceScore]]:
    """The best, the median and the worst slice by Dice, of those with lung in the truth."""
    lung = sorted(
        (s for s in scores if s.dice is not None and s.kind in ("lung", "missed")), key=lambda s: (s.dice, s.case, s.number)
    )
    if not lung:
        return []
    return [("best", lung[-1]), ("median", lung[len(lung) // 2]), ("worst", lung[0])]


def examples_png(rows: Sequence[tuple[str, SliceScore]], cohort: Path, masks: Path, path: Path) -> None:
    """Draw each slice as CT, truth and prediction, with its scores."""
    with figure(path, (11, 3.9 * len(rows))) as drawn:
        panels = drawn.subplots(len(rows), 3, squeeze=False)
        for axes, (word, score) in zip(panels, rows, strict=True):
            case = Case.open(cohort / "cases" / score.case)
            ct = _shown(case, score.number)
            truth = case.mask().lungs[score.number]
            answer = _answer(masks, case)[score.number]
            low, high = WINDOW_HU
            _, down, across = case.grid.spacing_mm
            for axis, mask, colour, name in (
                (axes[0], None, "", "CT"),
                (axes[1], truth, ORANGE, "truth"),
                (axes[2], answer, SKY, "prediction"),
            ):
                axis.imshow(ct, cmap="gray", vmin=low, vmax=high, aspect=down / across, interpolation="nearest")
                if mask is not None and mask.any():
                    axis.contour(mask, [0.5], colors=colour, linewidths=1.6)
                axis.set_xticks([])
                axis.set_yticks([])
                axis.set_title(name)
                style = {"transform": axis.transAxes, "color": "white", "fontsize": 13, "va": "center", "bbox": DARK}
                for letter, place, side in zip(_sides(case.grid), (0.02, 0.98), ("left", "right"), strict=True):
                    axis.text(place, 0.5, letter, ha=side, **style)
            accuracy = "" if score.accuracy is None else f", accuracy {score.accuracy:.4f}"
            axes[0].set_ylabel(f"{word}: {score.case}, slice {score.number}\nDice {score.dice:.3f}{accuracy}", fontsize=11)
        drawn.supxlabel(f"window {low} to {high} HU".replace("-", "−"), fontsize=11)


def film_gif(case: Case, masks: Path, path: Path) -> None:
    """Write a GIF through a case, at most 60 slices: outlines of truth (orange) and prediction (blue; both: white)."""
    from PIL import Image, ImageDraw

    truth = case.mask().lungs
    answer = _answer(masks, case)
    count = case.grid.shape[0]
    step = max(1, -(-count // FILM_SLICES))
    factor = max(1, round(max(case.grid.shape[1:]) / FILM_SIDE))
    frames = []
    for number in range(0, count, step):
        ct = _shown(case, number)[::factor, ::factor]
        low, high = WINDOW_HU
        grey = np.clip((ct - low) * (255 / (high - low)), 0, 255).astype(np.uint8)
        rgb = np.repeat((grey // 8 * 8)[..., None], 3, axis=2)
        lines = [_outline(mask[number][::factor, ::factor]) for mask in (truth, answer)]
        rgb[lines[0]] = TRUTH_RGB
        rgb[lines[1]] = ANSWER_RGB
        rgb[lines[0] & lines[1]] = 255
        picture = Image.fromarray(rgb)
        ImageDraw.Draw(picture).text((5, 3), f"{case.id}  {number + 1}/{count}", fill=(255, 255, 255))
        for letter, across in zip(_sides(case.grid), (5, picture.width - 11), strict=True):
            ImageDraw.Draw(picture).text((across, picture.height // 2 - 5), letter, fill=(255, 255, 255))
        frames.append(picture.quantize(64, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE))
    with atomic_file(path) as part:
        frames[0].save(part, format="GIF", save_all=True, append_images=frames[1:], duration=110, loop=0, optimize=False)


def _answer(masks: Path, case: Case) -> NDArray[np.bool_]:
    path = mask_file(masks, case.id)
    if path is None:
        raise InputRefused(f"report: {case.id}: no mask to draw; run segment again")
    return read_mask(path, case.grid).lungs


def _sides(grid: Grid) -> tuple[str, str]:
    """The patient's directions at the left and right edge of a slice as it is stored."""
    end = grid.orientation()[2]
    return TURN[end], end


def _shown(case: Case, number: int) -> NDArray[np.int16]:
    volume = case.volume()
    one: NDArray[Any] = np.array(volume.hu[number])
    if volume.padding is not None:
        one[volume.padding[number]] = AIR_HU
    return one


def _outline(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Voxels of a mask with a neighbour outside, in the plane."""
    padded = np.pad(mask, 1)
    inside = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return mask & ~inside
