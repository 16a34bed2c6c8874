"""Separate the patient from the couch, its mattress, blankets and wires."""

import numpy as np
from numpy.typing import NDArray

from pleura.anatomy import thresholds as t
from pleura.core.codes import finding
from pleura.core.findings import Finding
from pleura.geometry import hu as landmarks
from pleura.geometry.morphology import (
    components,
    convex_hull,
    dilated,
    directions_met,
    eroded,
    opened,
    present,
    slice_holes_filled,
    within_fov,
)
from pleura.geometry.resample import Upright, enlarge, factors_for, shrink
from pleura.geometry.volume import AIR_HU, Volume

Bool = NDArray[np.bool_]


def body_mask(volume: Volume) -> Bool:
    """The patient with lungs and other cavities, without couch, blankets and the air around.

    Thick soft tissue is the seed: the shell of a couch is thin, and its thick parts do not have the
    median HU of soft tissue. Arms, and parts cut by the field of view, belong to the body. Cavities
    are filled slice by slice. A cavity that touches the edge of the field of view is filled where
    its median is that of lung and not of gas, so a narrow field of view keeps its lungs. The body
    is found at 3 mm; its outer rim is refined on the volume's own grid, at the HU half-way between
    air and skin.

    Args:
        volume: CT in HU, any orientation; padding counts as outside.

    Returns:
        bool of the volume's shape; empty where no body is seen.
    """
    upright = Upright.of(volume.grid)
    hu = upright.turn(volume.filled())
    factors = factors_for(upright.spacing_mm, t.COARSE_MM)
    spacing = (
        upright.spacing_mm[0] * factors[0],
        upright.spacing_mm[1] * factors[1],
        upright.spacing_mm[2] * factors[2],
    )
    coarse = shrink(hu, factors)
    fov = _coarse_fov(volume, upright, factors, coarse.shape)
    tissue = (coarse > landmarks.BODY) & fov
    body = _body_parts(coarse, tissue, spacing)
    body = dilated(body, spacing, t.THICK_MM + t.COARSE_MM) & tissue
    for k in range(body.shape[0]):
        body[k] |= _cavities(body[k], coarse[k], fov[k])
    body = opened(body, spacing, t.COARSE_MM)
    rim = dilated(body, spacing, 1.5 * t.COARSE_MM)
    # parts cut by the field of view continue beyond its edge
    core = eroded(body | ~fov, spacing, 1.5 * t.COARSE_MM) & rim
    fine = enlarge(core, factors, hu.shape) | (
        enlarge(rim, factors, hu.shape) & (hu > landmarks.SKIN)
    )
    if volume.padding is not None:
        fine &= ~upright.turn(volume.padding)
    return np.ascontiguousarray(upright.back(fine))


def couch_mask(volume: Volume, body: Bool) -> Bool:
    """Solid matter outside the patient, with its hollows: couch, mattress, blankets and wires.

    What may be patient is left out, so that no lung is lost where the field of view cuts the body
    mask:

    * voxels within 3 mm (or one pixel) of the body;
    * voxels from which the body lies in three of the four directions along rows and columns, or in
      two where the field of view cuts the torso;
    * slices where the field of view cuts the torso and air opens to its edge from within the convex
      hull of the body, because emphysematous lung looks like that;
    * slices whose field of view is narrower than a chest, or has mostly body along its edge.

    Args:
        volume: CT in HU.
        body: bool of its shape, as `body_mask` gives it.

    Returns:
        bool of the same shape: above -900 HU, not padding, never body, in pieces of at least 0.2 ml
        and 8 voxels (smaller ones are noise in air), with the hollows of each slice. A slice
        without body has no couch, because nothing separates the two.
    """
    upright = Upright.of(volume.grid)
    patient = upright.turn(body)
    factors = factors_for(upright.spacing_mm, t.COARSE_MM)
    spacing = (
        upright.spacing_mm[0] * factors[0],
        upright.spacing_mm[1] * factors[1],
        upright.spacing_mm[2] * factors[2],
    )
    coarse = shrink(patient, factors) > 0
    # partial volume at the skin is one pixel wide
    kept = dilated(coarse, spacing, max(t.COARSE_MM, 1.01 * spacing[1], 1.01 * spacing[2]))
    kept |= _is_child(coarse, spacing)
    kept |= _may_be_patient(
        coarse, _coarse_fov(volume, upright, factors, coarse.shape), spacing[1] * spacing[2]
    )
    free = ~enlarge(kept, factors, patient.shape)
    free[~patient.any(axis=(1, 2))] = False
    solid = (upright.turn(volume.filled()) > landmarks.LUMEN) & ~patient
    labels, counts = components(solid, connectivity=6)
    large = counts >= max(t.SPECK_VOXELS, t.SPECK_ML / volume.grid.voxel_ml)
    large[0] = False
    solid = large[labels]
    pixel = upright.spacing_mm[1] * upright.spacing_mm[2]
    couch = slice_holes_filled(solid, pixel, solid[0].size * pixel) & free
    if volume.padding is not None:
        couch &= ~upright.turn(volume.padding)
    return np.ascontiguousarray(upright.back(couch))


def hidden_slices(volume: Volume, body: Bool) -> int:
    """Number of slices in which no couch is searched for: narrow views, and children."""
    upright = Upright.of(volume.grid)
    factors = factors_for(upright.spacing_mm, t.COARSE_MM)
    coarse = shrink(upright.turn(body), factors) > 0
    fov = _coarse_fov(volume, upright, factors, coarse.shape)
    height, width = (upright.spacing_mm[axis] * factors[axis] for axis in (1, 2))
    if body.any() and _is_child(coarse, (upright.spacing_mm[0] * factors[0], height, width)):
        return int(body.shape[upright.axes[0]])
    pixel = height * width
    hidden = sum(_hidden(one, seen, pixel) for one, seen in zip(coarse, fov, strict=True))
    return min(factors[0] * hidden, body.shape[upright.axes[0]])


def check_couch(volume: Volume, body: Bool, couch: Bool) -> tuple[Finding, ...]:
    """Findings about a couch mask: `COUCH-REMOVED`, `COUCH-UNSEEN` or `NO-BODY`."""
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
    """Voxels outside the body mask that may be patient nevertheless."""
    kept = np.zeros_like(body)
    for k in range(body.shape[0]):
        if _hidden(body[k], fov[k], pixel_mm2):
            kept[k] = True
            continue
        labels, counts = components(body[k][None], connectivity=6)
        largest = int(np.argmax(counts[1:])) + 1 if len(counts) > 1 else -1
        torso = labels[0] == largest
        cut = bool((torso & fov[k] & ~within_fov(fov[k])).any())
        least = 2 if cut else 3
        kept[k] = directions_met(body[k]) >= least
        if cut and np.count_nonzero(_open_within(body[k], fov[k])) * pixel_mm2 > t.OPEN_CM2 * 100:
            kept[k] = True
    return kept


def _is_child(body: Bool, spacing: tuple[float, float, float]) -> bool:
    """Whether the body is narrower and flatter than an adult's chest."""
    spans = (np.count_nonzero(body.any(axis=(0, 3 - axis))) * spacing[axis] for axis in (1, 2))
    return bool(max(spans) < t.CHILD_MM)


def _open_within(body: Bool, fov: Bool) -> Bool:
    """Air in the convex hull of a slice's body that is connected to the image edge."""
    labels, _ = components((fov & ~body)[None], connectivity=6)
    at_edge = present(labels[0][fov & ~within_fov(fov) & ~body])
    opening: Bool = convex_hull(body) & np.isin(labels[0], at_edge[at_edge > 0])
    return opening


def _hidden(body: Bool, fov: Bool, pixel_mm2: float) -> bool:
    """Whether the field of view of a slice is too small for a chest, or mostly body at its edge."""
    edge = fov & ~within_fov(fov)
    narrow = np.count_nonzero(fov) * pixel_mm2 < np.pi / 4 * t.NARROW_MM**2
    return bool(narrow or np.count_nonzero(body & edge) > t.MOSTLY * np.count_nonzero(edge))


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
    """The thick cores of the torso and of other parts of soft tissue (arms), without the couch."""
    cores = eroded(tissue, spacing, t.THICK_MM)
    labels, counts = components(cores, connectivity=6)  # parts that touch at a corner are separate
    if len(counts) < 2:
        return cores
    torso = int(np.argmax(counts[1:])) + 1
    soft_low, soft_high = landmarks.SOFT
    keep = np.zeros(len(counts), dtype=np.bool_)
    for label in range(1, len(counts)):
        if label == torso:
            keep[label] = True
        elif counts[label] >= t.LEAST_PART * counts[torso]:
            keep[label] = soft_low < float(np.median(coarse[labels == label])) < soft_high
    return keep[labels]


def _cavities(body: Bool, coarse: NDArray[np.float32], fov: Bool) -> Bool:
    """Cavities of the body in one slice, and lungs that are open to the edge of the field of view.

    The space under a patient whose shoulders reach both edges is enclosed too, and foam has the
    density of lung. But that space lies on both sides of the middle, and from it the body is met in
    one direction along rows and columns, seldom in three.
    """
    if not body.any():
        return body
    labels, counts = components((~body & fov)[None], connectivity=6)
    labels = labels[0]
    edge = fov & ~within_fov(fov)
    fill = np.ones(len(counts), dtype=np.bool_)
    fill[0] = False
    met = directions_met(body)
    columns = np.flatnonzero(body.any(axis=0))
    middle = (columns[0] + columns[-1]) / 2
    for label in present(labels[edge & ~body]):
        region = labels == label
        lung_like = landmarks.GAS < float(np.median(coarse[region])) < landmarks.BODY
        to_the_left = float(region[:, int(middle) + 1 :].sum()) / float(region.sum())
        one_sided = not t.BOTH_SIDES[0] < to_the_left < t.BOTH_SIDES[1]
        enclosed = float(met[region].mean()) > t.DIRECTIONS_MET
        fill[label] = label > 0 and lung_like and (one_sided or enclosed)
    return fill[labels]
