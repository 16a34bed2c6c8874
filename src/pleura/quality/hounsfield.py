"""Check that values are HU: air near −1000 and soft tissue near 40; else the rescale is wrong."""

import numpy as np
from numpy.typing import NDArray

from pleura.core.codes import finding
from pleura.core.findings import Finding, Verdict, worst
from pleura.geometry import hu as landmarks
from pleura.geometry.resample import Upright
from pleura.geometry.volume import Volume
from pleura.quality import offsets
from pleura.quality import thresholds as t
from pleura.quality.clipping import check_ends
from pleura.quality.field_of_view import mark_filler, mark_inner_padding
from pleura.quality.offsets import Counts, share
from pleura.quality.slices import check_slices
from pleura.quality.tissue_peaks import check_peaks


def check_hounsfield(volume: Volume, every: int = 1) -> tuple[Volume, tuple[Finding, ...]]:
    """Validate a volume's values, and correct an intercept that was left out or applied twice.

    An offset is corrected only where it is certain: the values cannot be HU, exactly one of the
    usual errors makes both air and soft tissue appear in bulk, and the most frequent value near air
    is then within 60 HU of -1000. Errors of scale, smaller offsets and offsets of single slices are
    refused, never corrected.

    Args:
        volume: CT as its header describes it.
        every: the volume has every n-th slice of its series.

    Returns:
        The volume (a corrected copy where it was repaired; filler around its circle is marked as
        padding) and findings: `PADDING`, `SATURATED` (ok), `HU-OFFSET` (repaired),
        `VALUES-CLIPPED`, `VALUES-WRAPPED` (review), `NOT-HU` (refused), `SLICES-DISAGREE` and those
        of `check_slices` (refused, or review).
    """
    volume = mark_inner_padding(mark_filler(volume))
    jumps = _rescale_jumps(volume)
    findings = (*_padding(volume), *check_slices(volume, every), *jumps)
    if worst(jumps) is Verdict.REFUSED:
        return volume, findings
    counts = _histogram(volume)
    saturated = (finding("SATURATED", n=int(counts[-1])),) if counts[-1] else ()
    if _is_plausible(counts):
        not_hu = check_peaks(volume, counts)
        ends = (not_hu,) if not_hu else check_ends(volume, counts)
        return volume, (*findings, *saturated, *ends)
    corrected, offset = _corrected(volume)
    if corrected is None:
        return volume, (*findings, *saturated, _not_hu(counts))
    return corrected, (*_padding(corrected), *check_slices(corrected, every), *saturated, offset)


def _corrected(volume: Volume) -> tuple[Volume, Finding] | tuple[None, None]:
    """The volume with a certain offset corrected, and the finding; or nothing."""
    # subtracted twice, air looks like padding
    everything = _histogram(Volume(volume.hu, volume.grid))
    offset = offsets.certain_offset(everything)
    if offset is None:
        return None, None
    hu = np.clip(volume.hu.astype(np.int32) + offset, -32768, 32767).astype(np.int16)
    corrected = mark_filler(Volume(hu, volume.grid, hu < landmarks.NOISE_FLOOR))
    if check_peaks(corrected, _histogram(corrected)):
        return None, None
    air = offsets.air_centre(everything, offset) - offset
    return corrected, finding("HU-OFFSET", air_hu=air, added_hu=offset)


def _padding(volume: Volume) -> tuple[Finding, ...]:
    if volume.padding is None:
        return ()
    counts = [int(np.count_nonzero(padding)) for padding in volume.padding]
    padded_slices = np.flatnonzero(counts)
    few = padded_slices[:: -(-len(padded_slices) // t.PADDING_SLICES)]
    seen = np.zeros(65536, np.bool_)
    for k in few:
        seen[volume.hu[k][volume.padding[k]].view(np.uint16)] = True
    hu = [int(value) - 32768 for value in np.flatnonzero(np.roll(seen, 32768))[:3]]
    padded = sum(counts) / volume.padding.size
    listed = ", ".join(str(value) for value in hu)
    return (
        finding(
            "PADDING", percent=round(100 * padded), values=listed, share=round(padded, 4), hu=hu
        ),
    )


def _histogram(volume: Volume) -> Counts:
    """Counts of every int16 value without padding; index 0 is -32768.

    Counted slice by slice, because bincount copies to 8 bytes a voxel.
    """
    counts = np.zeros(65536, np.int64)
    for k, hu in enumerate(volume.hu):
        measured = hu if volume.padding is None else hu[~volume.padding[k]]
        counts += np.bincount(measured.ravel().view(np.uint16), minlength=65536)
    return np.roll(counts, 32768)  # as uint16, negative values come last


def _is_plausible(counts: Counts) -> bool:
    return (
        share(counts, *t.AIR_BAND_HU) >= t.LEAST_AIR
        and share(counts, *t.TISSUE_BAND_HU) >= t.LEAST_TISSUE
        and share(counts, landmarks.DENSE, 32768) <= t.MOST_DENSE
        and share(counts, -32768, landmarks.NOISE_FLOOR) <= t.MOST_BELOW_AIR
    )


def _rescale_jumps(volume: Volume) -> tuple[Finding, ...]:
    """`SLICES-DISAGREE`, where both ends of a slice's values jump equally against its neighbour."""
    ends = _value_ends(volume)
    if len(ends) < 2:
        return ()
    jumps = np.diff(ends, axis=0)
    large = (np.abs(jumps) > t.RESCALE_JUMP_HU).all(axis=1)
    alike = np.abs(jumps[:, 1] - jumps[:, 0]) < t.RESCALE_AGREE_HU
    wrong = jumps[large & alike]
    if not len(wrong):
        return ()
    largest = int(wrong[np.abs(wrong).sum(axis=1).argmax()].mean())
    # slices along a couch jump like this where they reach it
    is_axial = Upright.of(volume.grid).axes[0] == 0
    return (
        finding(
            "SLICES-DISAGREE", Verdict.REFUSED if is_axial else Verdict.REVIEW, jump_hu=largest
        ),
    )


def _value_ends(volume: Volume) -> NDArray[np.float64]:
    """Low and high end of the measured values, `(slices, 2)`, of slices with enough of them."""
    step = max(1, min(volume.hu.shape[1:]) // t.SPARSE_PIXELS)
    sparse = volume.hu[:, ::step, ::step]
    if volume.padding is None:
        return _ends(sparse.reshape(len(sparse), -1))
    hidden = volume.padding[:, ::step, ::step]
    usual = hidden.mean(axis=0) > 0.5  # padding of a slice with another intercept is not recognised
    if hidden.strides[0] == 0:  # padding that all slices share
        return _ends(sparse[:, ~(hidden[0] | usual)])
    ends = []
    for hu, padding in zip(sparse, hidden, strict=True):
        ends.append(_ends(hu[~(padding | usual)][np.newaxis]))
    return np.concatenate(ends)


def _ends(values: NDArray[np.int16]) -> NDArray[np.float64]:
    """Low and high end of each row, `(rows, 2)`; no rows where these are too short."""
    if values.shape[1] <= t.LEAST_PIXELS:
        return np.empty((0, 2))
    return np.percentile(values, t.VALUE_ENDS, axis=1).T


def _not_hu(counts: Counts) -> Finding:
    total = np.cumsum(counts)
    p1, median, p99 = (
        int(np.searchsorted(total, part * total[-1])) - 32768 for part in (0.01, 0.5, 0.99)
    )
    why = (
        f"1 % are below {p1}, half below {median}, 99 % below {p99}; expected air near -1000 and "
        "tissue near 0"
    )
    return finding("NOT-HU", why=why, p1=p1, median=median, p99=p99)
