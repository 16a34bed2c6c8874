"""Group planes by matrix size, pixel spacing, orientation and kind of image."""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from pleura.dicom.plane import Plane
from pleura.dicom.projections import is_projection
from pleura.dicom.stack import is_even

COSINE_TOLERANCE = 1e-3
SPACING_TOLERANCE_MM = 1e-3
MAPS = tuple(
    "RCBF RCBV CBF CBV MTT TTP TTD TMAX TTS PERMEABILITY FLOW_MAP PBV SUBTRACTION DIVISION "
    "MULTIPLICATION STD_DEVIATION QUANTITY VELOCITY MAT_SPECIFIC MAT_FRACTION MAT_VALUE_BASED "
    "EFF_ATOMIC_NUM ELECTRON_DENSITY".split()
)
"""Values of ImageType for maps of other quantities than HU (PS3.3 C.8.15.2.1.1, C.8.15.3.10)."""


class Shape(NamedTuple):
    """What all slices of a volume have in common; `kind` comes from ImageType."""

    rows: int
    columns: int
    samples: int
    spacing: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    kind: tuple[str, ...]

    def is_near(self, other: "Shape") -> bool:
        """Whether two shapes are equal except for rounding."""
        return (
            self._replace(spacing=None, orientation=None)
            == other._replace(spacing=None, orientation=None)
            and _are_near(self.spacing, other.spacing, SPACING_TOLERANCE_MM)
            and _are_near(self.orientation, other.orientation, COSINE_TOLERANCE)
        )


def _are_near(
    first: Sequence[float] | None, second: Sequence[float] | None, tolerance: float
) -> bool:
    if first is None or second is None:
        return first is second
    return all(abs(a - b) <= tolerance for a, b in zip(first, second, strict=True))


def by_shape(planes: Sequence[Plane]) -> list[list[Plane]]:
    """Group planes by shape; planes of a group get its most frequent spacing and cosines.

    A stack that is uniform only as a whole is kept together, even where ImageType changes along it.
    """
    exact: dict[Shape, list[Plane]] = {}
    groups: dict[tuple[Any, ...], list[Plane]] = defaultdict(list)
    for plane in planes:
        key = (
            plane.rows,
            plane.columns,
            plane.cells.samples,
            plane.spacing,
            plane.orientation,
            image_kind(plane.image_type),
        )
        groups[key].append(plane)
    for key, group in groups.items():
        exact[Shape(*key)] = group
    merged: dict[Shape, list[Plane]] = {}
    for shape in sorted(exact, key=lambda shape: -len(exact[shape])):
        near = next((other for other in merged if other.is_near(shape)), None)
        if near is None:
            merged[shape] = list(exact[shape])
            continue
        for plane in exact[shape]:
            merged[near].append(plane._replace(orientation=near.orientation, spacing=near.spacing))
    return _rejoined(merged)


@lru_cache(maxsize=1024)
def image_kind(image_type: Sequence[str]) -> tuple[str, ...]:
    """The kind of an image by ImageType: localizer, projection, map, derived or original."""
    if "LOCALIZER" in image_type:
        return ("LOCALIZER",)
    computed = tuple(value for value in image_type if is_projection(value) or value in MAPS)
    return computed or tuple(value for value in image_type[:2] if value in ("DERIVED", "SECONDARY"))


def _rejoined(groups: dict[Shape, list[Plane]]) -> list[list[Plane]]:
    """Join originals and derived slices where they make one uniform stack."""
    alike: dict[Hashable, list[list[Plane]]] = defaultdict(list)
    for shape, group in groups.items():
        is_plain = not any(
            value in ("LOCALIZER", *MAPS) or is_projection(value) for value in shape.kind
        )
        alike[shape._replace(kind=()) if is_plain else shape].append(group)
    joined = []
    for parts in alike.values():
        together = [plane for part in parts for plane in part]
        if len(parts) > 1 and is_even(together):
            joined.append(together)
        else:
            joined += parts
    return joined
