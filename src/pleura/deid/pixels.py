"""Overwrite rectangles of the stored pixel values (PS3.15 E.3.1), for burned-in text."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pleura.core.codes import refused
from pleura.deid.choices import Box

if TYPE_CHECKING:
    from pydicom import Dataset


def blank(dataset: "Dataset", boxes: Sequence[Box]) -> bool:
    """Overwrite rectangles in every frame with the frame's lowest value.

    Rectangles are `x0, y0, x1, y1` (columns and rows, end-exclusive). Compressed pixels are decoded
    and written as Explicit VR Little Endian.

    Returns:
        Whether anything was overwritten.

    Raises:
        InputRefused: the pixels cannot be decoded, or a rectangle lies outside the image.
    """
    if not boxes or "PixelData" not in dataset:
        return False
    import numpy as np
    from pydicom.uid import ExplicitVRLittleEndian

    try:
        pixels: Any = np.array(dataset.pixel_array)
    except Exception as error:
        raise refused("UNDECODABLE", reason=type(error).__name__) from None
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    grey = int(dataset.get("SamplesPerPixel") or 1) == 1
    frames = pixels.reshape((-1, rows, columns) if grey else (-1, rows, columns, pixels.shape[-1]))
    for x0, y0, x1, y1 in boxes:
        if not (0 <= x0 < x1 <= columns and 0 <= y0 < y1 <= rows):
            raise refused("BLANK-OUTSIDE")
        frames[:, y0:y1, x0:x1] = frames.min()
    if dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.set_original_encoding(False, True, dataset.original_character_set)
        if not grey:
            dataset.PhotometricInterpretation, dataset.PlanarConfiguration = "RGB", 0
        little: Any = True
    else:
        _, little = dataset.original_encoding
    order = "<" if little else ">"
    vr = "OW" if int(dataset.BitsAllocated) > 8 else "OB"
    dataset.add_new(0x7FE00010, vr, frames.astype(frames.dtype.newbyteorder(order)).tobytes())
    dataset.BurnedInAnnotation = "NO"
    return True
