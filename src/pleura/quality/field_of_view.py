"""The reconstruction circle: outside it nothing was measured, whatever values stand there."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pleura.core.codes import finding
from pleura.core.findings import Finding
from pleura.geometry import hu as landmarks
from pleura.geometry.morphology import components
from pleura.geometry.volume import Volume
from pleura.quality import thresholds as t


class Circle(NamedTuple):
    """A field of view: its centre on the middle slice (LPS), and its diameter, in mm."""

    centre_mm: tuple[float, float, float]
    diameter_mm: float


def field_of_view(volume: Volume) -> Circle | None:
    """Find the circle in which slices were reconstructed.

    Outside it every slice has padding, or the value of a corner. The circle is fitted to its rim in
    mm by least squares (Kåsa I 1976, IEEE Trans Instrum Meas 25:8-14), where the rim is not the
    edge of the image.

    Returns:
        The circle; `None` where nothing is outside, or what is inside is not round.
    """
    outside = _outside(volume)
    if np.mean(outside) < t.LEAST_OUTSIDE or outside.all():
        return None
    inside = ~outside
    framed = np.pad(inside, 1, constant_values=True)  # nothing is known beyond the edge
    closed = framed[:-2, 1:-1] & framed[2:, 1:-1] & framed[1:-1, :-2] & framed[1:-1, 2:]
    at = np.argwhere(inside & ~closed)
    if len(at) < t.LEAST_RIM:
        return None
    spacing = np.array(volume.grid.spacing_mm[1:])
    points = at * spacing
    terms = np.column_stack([points, np.ones(len(points))])
    (y, x, c), *_ = np.linalg.lstsq(terms, (points**2).sum(axis=1), rcond=None)
    centre = np.array([y, x]) / 2
    radius = float(np.sqrt(max(0.0, c + centre @ centre)))
    distances = np.linalg.norm(points - centre, axis=1) - radius
    if np.sqrt(np.mean(distances**2)) > t.ROUND_PIXELS * spacing.max():
        return None
    world = volume.grid.to_world([(volume.grid.shape[0] - 1) / 2, *(centre / spacing)])
    return Circle(
        (float(world[0]), float(world[1]), float(world[2])), 2 * radius + float(spacing.mean())
    )


def mark_filler(volume: Volume) -> Volume:
    """Mark the surroundings of the circle as padding, where they have one value that is not air.

    That value is usually 0 HU. Air around the circle needs no mark, and values below air were
    marked when the volume was read.
    """
    value = int(volume.hu[0, 0, 0])
    corners = volume.hu[:, [0, 0, -1, -1], [0, -1, 0, -1]]
    if (
        volume.padding is not None
        or value < t.LEAST_FILLER_HU
        or (corners != value).any()
        or field_of_view(volume) is None
    ):
        return volume
    return Volume(volume.hu, volume.grid, np.broadcast_to(_outside(volume), volume.hu.shape))


def mark_inner_padding(volume: Volume) -> Volume:
    """Mark a second padding value inside the first one; some volumes were padded twice."""
    if volume.padding is None:
        return volume
    few = volume.hu[:, :: t.SPARSE_STEP, :: t.SPARSE_STEP]
    low = few[(few < landmarks.NO_MATTER) & ~volume.padding[:, :: t.SPARSE_STEP, :: t.SPARSE_STEP]]
    if low.size < t.LEAST_OUTSIDE * few.size:
        return volume
    values, counts = np.unique(low, return_counts=True)
    if counts.max() < low.size / 2:
        return volume
    return mark_inner_padding(
        Volume(volume.hu, volume.grid, volume.padding | (volume.hu == values[counts.argmax()]))
    )


def check_field_of_view(volume: Volume) -> tuple[Finding, ...]:
    """`FIELD-OF-VIEW`, a note, where there is a circle."""
    circle = field_of_view(volume)
    if circle is None:
        return ()
    left, posterior, superior = (round(x, 1) for x in circle.centre_mm)
    diameter = round(circle.diameter_mm, 1)
    return (
        finding(
            "FIELD-OF-VIEW",
            diameter_mm=diameter,
            left_mm=left,
            posterior_mm=posterior,
            superior_mm=superior,
        ),
    )


def _outside(volume: Volume) -> NDArray[np.bool_]:
    """`[row, column]`: pixels outside the field of view.

    They have padding, or the value of a corner, in every slice, and are connected to a corner of
    the image.
    """
    same = np.ones(volume.hu.shape[1:], dtype=np.bool_)
    for k, hu in enumerate(volume.hu):
        if not same.any():
            return same
        alike = hu == hu[0, 0]
        same &= alike if volume.padding is None else alike | volume.padding[k]
    pieces = components(same[None], connectivity=6)[0][0]
    corners = {int(pieces[row, column]) for row in (0, -1) for column in (0, -1)} - {0}
    return np.isin(pieces, list(corners))
