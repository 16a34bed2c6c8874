"""The main job in Python, without files: an image in, lungs and numbers or images out."""

import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pleura.core.errors import UsageError
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LungMask, Volume

if TYPE_CHECKING:
    from pleura.dicom.series import Series
    from pleura.segmenters.protocol import Segmentation

RAS_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


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
        InputRefused: the volume cannot be used; `code` says why.
    """
    from dataclasses import replace

    from pleura.quality.gate import gate
    from pleura.segmenting.recipe import SegmentRecipe

    segmenter = SegmentRecipe(Path(), "nifti", None if model is None else Path(model)).segmenter()
    judged = gate(volume_of(ct)).require_usable()
    found = segmenter(judged.volume, anatomy=judged.anatomy)
    return replace(found, findings=(*found.findings, *judged.with_lungs(found.mask).findings))


def measure(ct: Any, lungs: "LungMask | Segmentation") -> dict[str, Any]:
    """Measure lungs on their CT; see `quantify.lungs.measure_lungs` for the numbers.

    Args:
        ct: as for `find_lungs`.
        lungs: a `LungMask` on the grid of the CT, or what `find_lungs` returned.
    """
    from pleura.quantify.lungs import measure_lungs

    return measure_lungs(volume_of(ct), lungs if isinstance(lungs, LungMask) else lungs.mask)


def volume_of(ct: Any) -> Volume:
    """A `Volume` of an image of another library; see `find_lungs`."""
    if isinstance(ct, Volume):
        return ct
    if hasattr(ct, "GetDirection") and hasattr(ct, "GetSpacing"):
        return _from_sitk(ct)
    if hasattr(ct, "affine") and hasattr(ct, "dataobj"):
        affine = RAS_LPS @ np.asarray(ct.affine, dtype=np.float64)
        return _volume(np.asarray(ct.dataobj).T, affine[:, [2, 1, 0, 3]])
    if isinstance(ct, tuple) and len(ct) == 2:
        array = np.asarray(ct[0])
        if array.ndim != 3 or len(ct[1]) != 3:
            raise UsageError(
                "give (array, spacing): HU [slice, row, column], and its three spacings in mm"
            )
        return _volume(array, Grid.axial(array.shape, [float(mm) for mm in ct[1]]).affine)
    raise UsageError(
        "a CT is a Volume, a SimpleITK or nibabel image, or (array, spacing), not "
        f"{type(ct).__name__}"
    )


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


def _from_sitk(image: Any) -> Volume:
    sitk = import_module("SimpleITK")
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise UsageError(
            "the SimpleITK image must have three dimensions and one value in each voxel"
        )
    axes = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    affine = np.eye(4)
    affine[:3, :3] = axes[:, ::-1]
    affine[:3, 3] = image.GetOrigin()
    return _volume(sitk.GetArrayFromImage(image), affine)


def _volume(array: NDArray[Any], affine: NDArray[np.float64]) -> Volume:
    if array.ndim != 3:
        raise UsageError(f"the CT has {array.ndim} dimensions; expected three")
    if not np.isfinite(array).all():
        raise UsageError("the CT has values that are not finite numbers")
    hu = np.clip(np.rint(array), -32768, 32767).astype(np.int16)
    shape = (int(hu.shape[0]), int(hu.shape[1]), int(hu.shape[2]))
    return Volume.without_header(np.ascontiguousarray(hu), Grid(shape, affine))
