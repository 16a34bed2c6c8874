"""Draw a view of a case with Pillow alone: CT in grey, mask outlines, or where they differ."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pleura.core.atomic import atomic_file
from pleura.page.palette import LEFT_LUNG, PREDICTION, REFERENCE, RIGHT_LUNG, WRONG_SIDE, rgb
from pleura.store.pictures import View

Bool = NDArray[np.bool_]
Pixels = NDArray[np.uint8]
Kind = Literal["ct", "outlines", "errors", "sides"]

SIDE_PX = 512
"""Pixels of a picture's longer side."""
LINE_PX = 3
HATCH_PX = 8
LETTER_PX = 24
SCALE_MM = 50.0
WHITE = (255, 255, 255)
FLAT = 96
"""Grey of the background where there is no CT."""
NO_CT = "no CT"


def panel(view: View, kind: Kind, *, before_cleaning: bool = False, words: str = "") -> Any:
    """Draw a view as a Pillow image.

    Args:
        view: the view.
        kind: `ct` alone; `outlines` of reference (solid) and prediction (dashed); `errors`: voxels
            of one mask only, hatched in its colour, and those on the wrong side; `sides`: outlines
            of the predicted right and left lung.
        before_cleaning: draw the mask before cleaning in place of the prediction.
        words: written into the picture, top left.
    """
    size = _size(view)
    pixels = _ground(view, size)
    prediction = view.raw if before_cleaning and view.raw is not None else view.prediction
    masks = [_scaled(labels, size) for labels in (view.reference, prediction)]
    if kind == "sides":
        for label, colour in ((1, RIGHT_LUNG), (2, LEFT_LUNG)):
            pixels[_outline(masks[1] == label)] = rgb(colour)
    elif kind == "outlines":
        pixels[_outline(masks[0] > 0)] = rgb(REFERENCE)
        dashed = _stripes(pixels.shape, 1, 12) | _stripes(pixels.shape, -1, 12)
        pixels[_outline(masks[1] > 0) & dashed] = rgb(PREDICTION)
    elif kind == "errors":
        _hatch_errors(pixels, *masks, sided=not before_cleaning)
    return _lettered(pixels, view, words)


def beside(images: Sequence[Any]) -> Any:
    """Pictures of one size side by side."""
    from PIL import Image

    width, height = images[0].size
    joined = Image.new("RGB", (width * len(images), height))
    for number, image in enumerate(images):
        joined.paste(image, (number * width, 0))
    return joined


def save_panel(image: Any, path: Path) -> None:
    """Write a picture as PNG, atomically and reproducibly."""
    with atomic_file(path) as part:
        image.save(part, format="PNG", compress_level=6)


def save_film(frames: Sequence[Any], path: Path) -> None:
    """Write pictures as a looping GIF, nine frames per second."""
    from PIL import Image

    small = [
        frame.quantize(64, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        for frame in frames
    ]
    with atomic_file(path) as part:
        small[0].save(
            part,
            format="GIF",
            save_all=True,
            append_images=small[1:],
            duration=110,
            loop=0,
            optimize=False,
        )


def _size(view: View) -> tuple[int, int]:
    """Width and height in pixels, in true proportion."""
    rows, columns = view.prediction.shape
    height, width = rows * view.aspect, float(columns)
    scale = SIDE_PX / max(height, width)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _ground(view: View, size: tuple[int, int]) -> Pixels:
    from PIL import Image

    if view.ct is None:
        return np.full((size[1], size[0], 3), FLAT, dtype=np.uint8)
    grey = np.array(Image.fromarray(view.ct).resize(size, Image.Resampling.BILINEAR))
    # 32 greys: noise would take most of the bytes
    return np.repeat((grey // 8 * 8)[..., None], 3, axis=2)


def _scaled(labels: Pixels, size: tuple[int, int]) -> Pixels:
    from PIL import Image

    return np.array(
        Image.fromarray(np.ascontiguousarray(labels)).resize(size, Image.Resampling.NEAREST)
    )


def _outline(region: Bool) -> Bool:
    """The outermost pixels of a region, `LINE_PX` wide."""
    inner = region
    for _ in range(LINE_PX):
        ringed = np.pad(inner, 1)
        inner = ringed[:-2, 1:-1] & ringed[2:, 1:-1] & ringed[1:-1, :-2] & ringed[1:-1, 2:]
    return region & ~inner


def _stripes(shape: tuple[int, ...], direction: int, period: int) -> Bool:
    """Diagonal stripes: `direction` 1 rises to the right, -1 falls."""
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    stripes: Bool = (columns + direction * rows) % period < period // 2
    return stripes


def _hatch_errors(pixels: Pixels, reference: Pixels, prediction: Pixels, *, sided: bool) -> None:
    """Hatch and outline voxels of one mask only, and mark those with different sides."""
    missed, added = (reference > 0) & (prediction == 0), (prediction > 0) & (reference == 0)
    for region, colour, direction in ((missed, REFERENCE, 1), (added, PREDICTION, -1)):
        hatched = region & _stripes(pixels.shape, direction, HATCH_PX)
        pixels[hatched | _outline(region)] = rgb(colour)
    if sided and reference.max(initial=0) > 1 and prediction.max(initial=0) > 1:
        swapped = (reference > 0) & (prediction > 0) & (reference != prediction)
        crossed = _stripes(pixels.shape, 1, HATCH_PX) & _stripes(pixels.shape, -1, HATCH_PX)
        pixels[(swapped & crossed) | _outline(swapped)] = rgb(WRONG_SIDE)


def _lettered(pixels: Pixels, view: View, words: str) -> Any:
    """The picture with the patient's directions, a bar of 5 cm, and words."""
    from PIL import Image, ImageDraw

    image = Image.fromarray(pixels)
    pen = ImageDraw.Draw(image)
    width, height = image.size
    text = {"font": _font(LETTER_PX), "fill": WHITE, "stroke_width": 2, "stroke_fill": (0, 0, 0)}
    pen.text((8, height / 2), view.ends[0], anchor="lm", **text)
    pen.text((width - 8, height / 2), view.ends[1], anchor="rm", **text)
    bar = SCALE_MM / view.column_mm * width / view.prediction.shape[1]
    if bar < 0.6 * width:
        pen.line([(10, height - 12), (10 + bar, height - 12)], fill=WHITE, width=4)
        pen.text((10, height - 18), "5 cm", anchor="ls", **text | {"font": _font(18)})
    words = "; ".join(filter(None, [words, NO_CT if view.ct is None else ""]))
    if words:
        pen.text((8, 6), words, anchor="la", **text | {"font": _font(20)})
    return image


@cache
def _font(size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size=size)
