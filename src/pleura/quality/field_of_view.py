"""The reconstruction circle: outside it a scanner has measured nothing, whatever it writes there (pitfall 18)."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label

from pleura.core.findings import Finding, Verdict
from pleura.geometry.volume import NO_TISSUE_HU, Volume

ROUND = 1.0
"""The rim of a circle is as far from its fit as pixels are coarse: root mean square, in pixels."""
LEAST_RIM, LEAST_OUTSIDE = 20, 0.005
SPARSE = 4
"""Every how many rows and columns are looked at."""
LEAST_FILLER = -900
"""HU; what fills the surroundings of a circle and is lower stands for air."""


class Circle(NamedTuple):
    """A field of view: its centre on the middle slice, LPS, and its diameter, in mm."""

    centre_mm: tuple[float, float, float]
    diameter_mm: float


def field_of_view(volume: Volume) -> Circle | None:
    """The circle that slices were reconstructed in, from what lies outside it in every slice: padding, or one value that a
    corner holds. `None` where nothing lies outside, or what lies inside is not round.

    The circle is the least-squares one (Kåsa, 1976) through the rim, in mm, where the rim is not the picture's edge.
    """
    outside = _outside(volume)
    if np.mean(outside) < LEAST_OUTSIDE or outside.all():
        return None
    inside = ~outside
    ringed = np.pad(inside, 1, constant_values=True)  # beyond the edge nothing is known
    shut = ringed[:-2, 1:-1] & ringed[2:, 1:-1] & ringed[1:-1, :-2] & ringed[1:-1, 2:]
    at = np.argwhere(inside & ~shut)
    if len(at) < LEAST_RIM:
        return None
    spacing = np.array(volume.grid.spacing_mm[1:])
    points = at * spacing
    terms = np.column_stack([points, np.ones(len(points))])
    (y, x, c), *_ = np.linalg.lstsq(terms, (points**2).sum(axis=1), rcond=None)
    centre = np.array([y, x]) / 2
    radius = float(np.sqrt(max(0.0, c + centre @ centre)))
    misses = np.linalg.norm(points - centre, axis=1) - radius
    if np.sqrt(np.mean(misses**2)) > ROUND * spacing.max():
        return None
    world = volume.grid.to_world([(volume.grid.shape[0] - 1) / 2, *(centre / spacing)])
    return Circle((float(world[0]), float(world[1]), float(world[2])), 2 * radius + float(spacing.mean()))


def ringed(volume: Volume) -> Volume:
    """A volume whose circle is filled up with one value that is not air's (0 HU, mostly), with that marked as padding.

    Air around the circle needs no mark, and values below all matter were marked when they were read (pitfall 18).
    """
    value = int(volume.hu[0, 0, 0])
    corners = volume.hu[:, [0, 0, -1, -1], [0, -1, 0, -1]]
    if volume.padding is not None or value < LEAST_FILLER or (corners != value).any() or field_of_view(volume) is None:
        return volume
    return Volume(volume.hu, volume.grid, np.broadcast_to(_outside(volume), volume.hu.shape))


def layered(volume: Volume) -> Volume:
    """A volume whose padding has another value within the first, as after padding anew, with both marked."""
    if volume.padding is None:
        return volume
    few = volume.hu[:, ::SPARSE, ::SPARSE]
    low = few[(few < NO_TISSUE_HU) & ~volume.padding[:, ::SPARSE, ::SPARSE]]
    if low.size < LEAST_OUTSIDE * few.size:
        return volume
    values, counts = np.unique(low, return_counts=True)
    if counts.max() < low.size / 2:
        return volume
    return layered(Volume(volume.hu, volume.grid, volume.padding | (volume.hu == values[counts.argmax()])))


def field_findings(volume: Volume) -> tuple[Finding, ...]:
    """`FIELD-OF-VIEW`, a note, where there is a circle."""
    circle = field_of_view(volume)
    if circle is None:
        return ()
    left, back, up = circle.centre_mm
    text = f"the field of view is a circle of {circle.diameter_mm:.0f} mm around L {left:.0f}, P {back:.0f}, S {up:.0f} mm"
    evidence = {"diameter_mm": round(circle.diameter_mm, 1), "centre_lps_mm": [round(x, 1) for x in circle.centre_mm]}
    return (Finding("FIELD-OF-VIEW", Verdict.OK, text, evidence),)


def _outside(volume: Volume) -> NDArray[np.bool_]:
    """`[row, column]`: what is padding, or the corner's value, in every slice, and goes on to a corner of the picture."""
    corner = volume.hu[:, :1, :1]
    same = volume.hu == corner
    pieces, _ = label((same if volume.padding is None else same | volume.padding).all(axis=0))
    corners = {int(pieces[row, column]) for row in (0, -1) for column in (0, -1)} - {0}
    return np.isin(pieces, list(corners))
