"""The order of slices and the grid of a stack.

Slices are ordered by the projection of ImagePositionPatient on cross(row cosine, column cosine),
never by InstanceNumber, SliceLocation or file name. The spacing comes from the positions, never
from SliceThickness. Gantry tilt is in `dicom.tilt`.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from pleura.core.codes import finding
from pleura.core.errors import GridMismatch
from pleura.core.findings import Finding
from pleura.dicom.plane import Plane
from pleura.dicom.spacing import ROUNDING_MM, SAME_POSITION_MM, check_spacing
from pleura.dicom.tilt import check_tilt
from pleura.geometry.grid import Grid

COSINE_TOLERANCE = 1e-3
OFFSET_PIXELS = 0.25
"""[pixels] With a larger in-plane offset of a slice, no grid describes the stack."""


def depth(plane: Plane) -> float:
    """Position of a plane along cross(row cosine, column cosine), in mm."""
    return depths_of((plane,))[0]


def depths_of(planes: Iterable[Plane]) -> list[float]:
    """`depth` of each plane."""
    depths = []
    known = None
    i = j = k = 0.0
    for plane in planes:
        if plane.orientation is not known:
            known = plane.orientation
            assert known is not None
            a, b, c, d, e, f = known  # by hand: np.cross takes longer than reading a header
            i, j, k = b * f - c * e, c * d - a * f, a * e - b * d
        assert plane.position is not None
        x, y, z = plane.position
        depths.append(i * x + j * y + k * z)
    return depths


def in_order(planes: Iterable[Plane]) -> list[Plane]:
    """Planes sorted by depth."""
    planes = list(planes)
    ordered = sorted(zip(depths_of(planes), range(len(planes)), planes, strict=True))
    return [plane for _, _, plane in ordered]


def is_even(planes: Sequence[Plane]) -> bool:
    """Whether planes make one stack of uniform spacing, with one plane at each position."""
    if not all(plane.position and plane.orientation for plane in planes):
        return False
    depths = np.sort(depths_of(planes))
    return (
        len(depths) > 2
        and float(np.diff(depths).min()) > SAME_POSITION_MM
        and not check_spacing(depths)
    )


def in_one_position(planes: Sequence[Plane]) -> bool:
    """Whether all planes share one position, as the images of bolus tracking do."""
    depths = depths_of(planes)
    return max(depths) - min(depths) < SAME_POSITION_MM


def grid_of(planes: Sequence[Plane]) -> tuple[Grid | None, list[Finding]]:
    """The grid of an ascending stack of two or more planes, and findings about its geometry.

    The affine maps `[slice, row, column]` to LPS mm. A tilted stack keeps its shear, an uneven one
    its true positions.
    """
    first, last = planes[0], planes[-1]
    assert first.position is not None
    assert last.position is not None
    assert first.orientation is not None
    assert first.spacing is not None
    cosines = _orthonormal(first.orientation)
    if cosines is None:
        return None, [finding("BAD-COSINES", n=len(planes), total=len(planes))]
    row, column = cosines
    depths = np.array(depths_of(planes))
    step = (np.array(last.position) - np.array(first.position)) / (len(planes) - 1)
    findings = check_spacing(depths, [plane.instance_number for plane in planes])
    offset = _in_plane_offset_mm(planes, depths)
    if offset > max(ROUNDING_MM, OFFSET_PIXELS * min(first.spacing)):
        findings.append(finding("SLICES-ASIDE", mm=offset))
    findings += check_tilt(step, row, column)
    affine = np.eye(4)
    affine[:3, 0] = step
    affine[:3, 1] = column * first.spacing[0]
    affine[:3, 2] = row * first.spacing[1]
    affine[:3, 3] = first.position
    if np.linalg.det(affine[:3, :3]) == 0:
        return None, [finding("BAD-GEOMETRY")]
    is_uneven = any(found.code == "UNEVEN-SPACING" for found in findings)
    positions = depths - depths[0] if is_uneven else None
    try:
        return Grid((len(planes), first.rows, first.columns), affine, positions), findings
    except GridMismatch:  # no inverse
        return None, [finding("BAD-GEOMETRY")]


def _in_plane_offset_mm(planes: Sequence[Plane], depths: NDArray[np.float64]) -> float:
    """The largest distance of a slice from the line between the first and the last slice, in mm.

    The slices of a tilted stack lie on that line.
    """
    positions = np.array([plane.position for plane in planes], dtype=np.float64)
    line = positions[0] + np.outer(
        (depths - depths[0]) / (depths[-1] - depths[0]), positions[-1] - positions[0]
    )
    return float(np.linalg.norm(positions - line, axis=1).max())


def _orthonormal(orientation: Sequence[float]) -> NDArray[np.float64] | None:
    """Direction cosines as orthonormal rows; `None` where they are too far from orthonormal."""
    raw = np.array(orientation, dtype=np.float64).reshape(2, 3)
    left, sizes, right = np.linalg.svd(raw, full_matrices=False)
    error = np.abs(sizes - 1).max()
    if not np.isfinite(raw).all() or error > COSINE_TOLERANCE:
        return None
    cosines: NDArray[np.float64] = raw if error < 1e-9 else left @ right
    return cosines
