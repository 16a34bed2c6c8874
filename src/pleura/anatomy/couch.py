"""The patient on the table: which voxels are body, and which are the couch, its mattress,
blankets and wires.
"""

import numpy as np
from numpy.typing import NDArray

from pleura.core.codes import finding
from pleura.core.findings import Finding
from pleura.geometry.morphology import (
    components,
    convex_hull,
    dilated,
    eroded,
    opened,
    slice_holes_filled,
    within_fov,
)
from pleura.geometry.resample import Upright, enlarge, factors_for, shrink
from pleura.geometry.volume import AIR_HU, Volume

Bool = NDArray[np.bool_]

COARSE_MM = 3.0
"""Spacing at which the body is looked for; its rim is then refined on the volume's own grid."""
TISSUE_HU = -400
"""Above: fat, muscle, bone, couch shells. Below: air, lung, foam."""
THICK_MM = 6.0
"""Half of the thickness that a body part has everywhere at its core and that shells, blankets
and wires have not.
"""
SPECK_ML = 0.2
"""Smaller pieces outside the body are noise."""
NARROW_MM, MOSTLY = 200.0, 0.5
"""A field of view of less area than a circle so wide, or with more body along its edge, may lie
wholly within the patient.
"""
CHILD_MM = 200.0
"""A body no wider and no deeper is a child's, whose chest wall may be too thin to be seen as
body: nothing is called couch.
"""
OPEN_CM2 = 5.0
"""More air than that within the hull of a patient whom the field of view cuts may be lung too
thin to be told from air.
"""
GAS_HU = -960
"""A region whose median lies below is gas; inflated lung lies above, even with emphysema."""


def body_mask(volume: Volume) -> Bool:
    """Where the patient is, lungs and other cavities included; couch, blankets and the air around
    are not.

    Thick soft tissue is the seed (a couch's shell is thin, and what is thick of it is not soft
    tissue in median HU); arms and a part cut off by the field of view count. Cavities are filled
    slice by slice; a cavity that touches the edge of the field of view is filled too where its
    median is lung's and not gas's, so a narrow field of view keeps its lungs. Looked for at 3 mm,
    its outer rim refined to the half-way HU of skin on the volume's own grid.

    Args:
        volume: CT in HU, any orientation; padding counts as outside.

    Returns:
        bool of the volume's shape; empty where no body is seen.
    """
    upright = Upright.of(volume.grid)
    hu = upright.turn(volume.filled())
    factors = factors_for(upright.spacing_mm, COARSE_MM)
    spacing = (
        upright.spacing_mm[0] * factors[0],
        upright.spacing_mm[1] * factors[1],
        upright.spacing_mm[2] * factors[2],
    )
    coarse = shrink(hu, factors)
    fov = _coarse_fov(volume, upright, factors, coarse.shape)
    tissue = (coarse > TISSUE_HU) & fov
    body = _body_parts(coarse, tissue, spacing)
    body = dilated(body, spacing, THICK_MM + COARSE_MM) & tissue
    for k in range(body.shape[0]):
        body[k] |= _cavities(body[k], coarse[k], fov[k])
    body = opened(body, spacing, COARSE_MM)
    rim = dilated(body, spacing, 1.5 * COARSE_MM)
    core = (
        eroded(body | ~fov, spacing, 1.5 * COARSE_MM) & rim
    )  # what the field of view cuts goes on beyond its edge
    fine = enlarge(core, factors, hu.shape) | (enlarge(rim, factors, hu.shape) & (hu > -500))
    if volume.padding is not None:
        fine &= ~upright.turn(volume.padding)
    return np.ascontiguousarray(upright.back(fine))


def couch_mask(volume: Volume, body: Bool) -> Bool:
    """Everything solid outside the patient, and what it encloses: couch, mattress, blankets, wires,
    head rest.

    What may be patient is left alone, so that no lung is taken where the field of view cuts the
    body mask short: voxels within 3 mm (or a pixel) of the body, voxels from which body is met in
    three of the four directions along rows and columns (in two, where the field of view cuts the
    torso), slices where it cuts the torso and air opens to its edge from within the body's convex
    hull (lung with emphysema looks so), and slices whose field of view is narrower than a chest or
    mostly body at its edge.

    Args:
        volume: CT in HU.
        body: bool of its shape, as `body_mask` gives it.

    Returns:
        bool of the same shape: above -900 HU, not padding, in pieces of 0.2 ml and 8 voxels or more
            (noise in air is not
        couch), with the hollows of each slice. A slice without body has no couch, because nothing
            distinguishes one from the
        other. No voxel of the body is ever in it.
    """
    upright = Upright.of(volume.grid)
    patient = upright.turn(body)
    factors = factors_for(upright.spacing_mm, COARSE_MM)
    spacing = (
        upright.spacing_mm[0] * factors[0],
        upright.spacing_mm[1] * factors[1],
        upright.spacing_mm[2] * factors[2],
    )
    coarse = shrink(patient, factors) > 0
    kept = dilated(
        coarse, spacing, max(COARSE_MM, 1.01 * spacing[1], 1.01 * spacing[2])
    )  # skin's partial volume is one pixel
    kept |= _is_child(coarse, spacing)
    kept |= _may_be_patient(
        coarse, _coarse_fov(volume, upright, factors, coarse.shape), spacing[1] * spacing[2]
    )
    free = ~enlarge(kept, factors, patient.shape)
    free[~patient.any(axis=(1, 2))] = False
    solid = (upright.turn(volume.filled()) > -900) & ~patient
    labels, counts = components(solid, connectivity=6)
    large = counts >= max(8.0, SPECK_ML / volume.grid.voxel_ml)
    large[0] = False
    solid = large[labels]
    pixel = upright.spacing_mm[1] * upright.spacing_mm[2]
    couch = slice_holes_filled(solid, pixel, solid[0].size * pixel) & free
    if volume.padding is not None:
        couch &= ~upright.turn(volume.padding)
    return np.ascontiguousarray(upright.back(couch))


def hidden_slices(volume: Volume, body: Bool) -> int:
    """In how many slices no couch is looked for, because the field of view may lie within the
    patient, or it is a child.
    """
    upright = Upright.of(volume.grid)
    factors = factors_for(upright.spacing_mm, COARSE_MM)
    coarse = shrink(upright.turn(body), factors) > 0
    fov = _coarse_fov(volume, upright, factors, coarse.shape)
    height, width = (upright.spacing_mm[axis] * factors[axis] for axis in (1, 2))
    if body.any() and _is_child(coarse, (upright.spacing_mm[0] * factors[0], height, width)):
        return int(body.shape[upright.axes[0]])
    pixel = height * width
    hidden = sum(_hidden(one, seen, pixel) for one, seen in zip(coarse, fov, strict=True))
    return min(factors[0] * hidden, body.shape[upright.axes[0]])


def check_couch(volume: Volume, body: Bool, couch: Bool) -> tuple[Finding, ...]:
    """`COUCH-REMOVED` (repaired), `COUCH-UNSEEN` (ok), or `NO-BODY` (review), for a couch that
    `couch_mask` found.
    """
    if not body.any():
        return (finding("NO-BODY"),)
    found = []
    if hidden := hidden_slices(volume, body):
        found.append(finding("COUCH-UNSEEN", slices=hidden))
    ml = float(np.count_nonzero(couch)) * volume.grid.voxel_ml
    if ml:
        found.append(finding("COUCH-REMOVED", ml=round(ml, 1)))
    return tuple(found)


def without_couch(volume: Volume, couch: Bool) -> Volume:
    """The volume with air (-1024 HU) in place of the couch; every other voxel as it was."""
    hu = volume.hu.copy()
    hu[couch] = AIR_HU
    return Volume(hu, volume.grid, volume.padding)


def _may_be_patient(body: Bool, fov: Bool, pixel_mm2: float) -> Bool:
    """Where something outside the body mask may be patient all the same, slice by slice."""
    kept = np.zeros_like(body)
    for k in range(body.shape[0]):
        if _hidden(body[k], fov[k], pixel_mm2):
            kept[k] = True
            continue
        labels, counts = components(body[k][None], connectivity=6)
        torso = labels[0] == (int(np.argmax(counts[1:])) + 1 if len(counts) > 1 else -1)
        cut = bool((torso & fov[k] & ~within_fov(fov[k])).any())
        kept[k] = _directions_met(body[k]) >= (2 if cut else 3)
        if cut and np.count_nonzero(_open_within(body[k], fov[k])) * pixel_mm2 > OPEN_CM2 * 100:
            kept[k] = True
    return kept


def _is_child(body: Bool, spacing: tuple[float, float, float]) -> bool:
    """Whether the body spans less than an adult's chest along rows and along columns."""
    spans = (np.count_nonzero(body.any(axis=(0, 3 - axis))) * spacing[axis] for axis in (1, 2))
    return bool(max(spans) < CHILD_MM)


def _open_within(body: Bool, fov: Bool) -> Bool:
    """What lies in the convex hull of a slice's body, is no body, and opens to the edge of the
    field of view.
    """
    labels, _ = components((fov & ~body)[None], connectivity=6)
    at_edge = np.unique(labels[0][fov & ~within_fov(fov) & ~body])
    opening: Bool = convex_hull(body) & np.isin(labels[0], at_edge[at_edge > 0])
    return opening


def _hidden(body: Bool, fov: Bool, pixel_mm2: float) -> bool:
    """Whether the field of view of a slice is too small for a whole chest, or mostly body along
    its edge.
    """
    edge = fov & ~within_fov(fov)
    narrow = np.count_nonzero(fov) * pixel_mm2 < np.pi / 4 * NARROW_MM**2
    return bool(narrow or np.count_nonzero(body & edge) > MOSTLY * np.count_nonzero(edge))


def _coarse_fov(
    volume: Volume, upright: Upright, factors: tuple[int, int, int], shape: tuple[int, ...]
) -> Bool:
    if volume.padding is None:
        return np.ones(shape, dtype=np.bool_)
    mostly: Bool = shrink(upright.turn(volume.padding), factors) < 0.5
    return mostly


def _body_parts(
    coarse: NDArray[np.float32], tissue: Bool, spacing: tuple[float, float, float]
) -> Bool:
    """The thick cores of the torso and of other parts of soft tissue (arms), without the
    couch's.
    """
    cores = eroded(tissue, spacing, THICK_MM)
    labels, counts = components(cores, connectivity=6)  # a corner's touch joins no limb to a couch
    if len(counts) < 2:
        return cores
    torso = int(np.argmax(counts[1:])) + 1
    keep = np.zeros(len(counts), dtype=np.bool_)
    for label in range(1, len(counts)):
        if label == torso:
            keep[label] = True
        elif counts[label] >= 0.01 * counts[torso]:
            keep[label] = -150 < float(np.median(coarse[labels == label])) < 150
    return keep[labels]


def _cavities(body: Bool, coarse: NDArray[np.float32], fov: Bool) -> Bool:
    """What one slice's body encloses; and what it encloses but for the edge of the field of view,
    if that is lung.

    The space under a patient whose shoulders reach both edges is closed off too, and foam has
    lung's density. But it lies on both sides of the middle, and body is met before the edge in one
    direction along rows and columns, seldom in three.
    """
    if not body.any():
        return body
    labels, counts = components((~body & fov)[None], connectivity=6)
    labels = labels[0]
    edge = fov & ~within_fov(fov)
    fill = np.ones(len(counts), dtype=np.bool_)
    fill[0] = False
    met = _directions_met(body)
    columns = np.flatnonzero(body.any(axis=0))
    middle = (columns[0] + columns[-1]) / 2
    for label in np.unique(labels[edge & ~body]):
        region = labels == label
        lung_like = GAS_HU < float(np.median(coarse[region])) < TISSUE_HU
        to_the_left = float(region[:, int(middle) + 1 :].sum()) / float(region.sum())
        one_sided = not 0.15 < to_the_left < 0.85
        fill[label] = label > 0 and lung_like and (one_sided or float(met[region].mean()) > 2.0)
    return fill[labels]


def _directions_met(body: Bool) -> NDArray[np.uint8]:
    """In how many of the four directions along rows and columns of a slice there is body."""
    met = np.zeros(body.shape, dtype=np.uint8)
    for axis in (0, 1):
        met += np.logical_or.accumulate(body, axis=axis)
        met += np.flip(np.logical_or.accumulate(np.flip(body, axis), axis=axis), axis)
    return met
