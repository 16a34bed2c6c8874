"""The main job in Python, without files: an image in, lungs and numbers or images out."""

import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pleura.core.errors import UsageError
from pleura.geometry.volume import LungMask, Volume

if TYPE_CHECKING:
    from pleura.dicom.series import Series
    from pleura.segmenters.protocol import Segmentation


def find_lungs(ct: Any, model: "str | os.PathLike[str] | None" = None) -> "Segmentation":
    """Find the lungs in one CT volume.

    Args:
        ct: a `Volume`; a SimpleITK image; a nibabel image; or `(array, spacing)`, HU `[slice, row,
            column]` of an axial stack from feet to head, front to back and right to left, with its
            spacing in mm in that order.
        model: `classical`, or the run folder of a trained model; by default the network that comes
            with pleura.

    Returns:
        The segmentation: `mask` is the `LungMask` (1 right, 2 left), `verdict` and `reason` say how
        far to trust it.

    Raises:
        UsageError: the image is of a kind that is not known, or is not three-dimensional.
        UnreadableFile: its header is invalid, or leaves the sides open.
        InputRefused: the volume cannot be used; `code` says why.
    """
    from dataclasses import replace

    from pleura.quality.gate import gate
    from pleura.segmenting.recipe import SegmentRecipe

    segmenter = SegmentRecipe(Path(), "nifti", None if model is None else Path(model)).segmenter()
    judged = gate(volume_of(ct)).require_usable()
    found = segmenter(judged.volume, anatomy=judged.anatomy)
    return replace(found, findings=(*found.findings, *judged.with_lungs(found.mask).findings))


def measure(ct: Any, lungs: Any) -> dict[str, Any]:
    """Measure lungs on their CT; see `quantify.lungs.measure_lungs` for the numbers.

    Args:
        ct: as for `find_lungs`.
        lungs: what `find_lungs` returned; or a `LungMask`, a SimpleITK or nibabel image, or an
            array, on the voxels of the CT.

    Raises:
        GridMismatch: the lungs do not lie on the voxels of the CT.
    """
    from pleura.labels.in_memory import mask_on
    from pleura.quantify.lungs import measure_lungs

    volume = volume_of(ct)
    return measure_lungs(volume, mask_on(lungs, volume.grid))


def volume_of(ct: Any) -> Volume:
    """A `Volume` of an image of another library; see `find_lungs`."""
    from pleura.images import volumes
    from pleura.images.in_memory import as_image

    if isinstance(ct, Volume):
        return ct
    if isinstance(ct, np.ndarray):
        raise UsageError("an array has no spacing: give (array, spacing), (slice, row, column) mm")
    if isinstance(ct, tuple) and len(ct) == 2:
        return volumes.volume_of(as_image(*ct))
    return volumes.volume_of(as_image(ct, oriented=True))


def to_sitk(lungs: LungMask) -> Any:
    """The mask as a SimpleITK image of uint8, with its origin, spacing and direction.

    Raises:
        UsageError: the slices are uneven or sheared, which a SimpleITK image cannot say.
    """
    sitk = import_module("SimpleITK")
    axes = lungs.grid.affine[:3, [2, 1, 0]]
    spacing = np.linalg.norm(axes, axis=0)
    direction = axes / spacing
    if not lungs.grid.is_even or not np.allclose(direction.T @ direction, np.eye(3), atol=1e-4):
        raise UsageError("the slices are uneven or tilted; write the mask with write_mask instead")
    image = sitk.GetImageFromArray(np.array(lungs.labels))
    image.SetSpacing([float(mm) for mm in spacing])
    image.SetDirection([float(x) for x in direction.ravel()])
    image.SetOrigin([float(mm) for mm in lungs.grid.affine[:3, 3]])
    return image


def to_nifti(lungs: LungMask) -> Any:
    """The mask as a nibabel image of uint8; uneven slices go on an even grid (nearest slice)."""
    from pleura.images.nifti import image_of

    return image_of(lungs)


def to_seg(lungs: LungMask, series: "Series", path: "str | os.PathLike[str]") -> None:
    """Write the mask as DICOM Segmentation that refers to its series, to a `.seg.dcm` file."""
    from pleura.labels.registry import write_mask

    write_mask(Path(path), lungs, series)
