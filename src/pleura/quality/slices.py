"""Slices that are blank, repeated, or misplaced."""

import numpy as np
from numpy.typing import NDArray

from pleura.core.codes import finding
from pleura.core.findings import Finding, Verdict
from pleura.geometry.resample import Upright, factors_for, shrink
from pleura.geometry.volume import Volume
from pleura.quality import thresholds as t


def check_slices(volume: Volume, every: int = 1) -> tuple[Finding, ...]:
    """Find slices that are blank, that repeat another one, or that do not match their neighbours.

    Args:
        volume: CT in HU.
        every: the volume has every n-th slice of its series; findings name slices of the series.

    Returns:
        `BLANK-SLICES`, `SLICES-REPEATED`, `SLICES-OUT-OF-PLACE`: refused or review.
    """
    return (
        *check_blank(volume, every),
        *check_repeated(volume, every),
        *check_neighbours(volume, every),
    )


def check_blank(volume: Volume, every: int = 1) -> tuple[Finding, ...]:
    """`BLANK-SLICES`: slices, or their last rows, with a single value.

    An interrupted copy into a pre-allocated file leaves such slices. Refused where the slices
    beside them show the patient at that place; review where the first or last slices are blank.
    """
    rows = volume.hu.shape[1]
    blank_rows = np.array([_blank_rows(hu) for hu in volume.hu])
    written = np.flatnonzero(blank_rows < rows)
    if len(written) < 2:
        return ()
    first, last = int(written[0]), int(written[-1])
    lost = [k for k in range(first, last + 1) if _is_lost(volume, k, blank_rows)]
    if lost:
        return (finding("BLANK-SLICES", n=len(lost), where=f"slice {_numbers(lost, every)}"),)
    at_ends = len(blank_rows) - (last - first + 1)
    if at_ends:
        return (finding("BLANK-SLICES", Verdict.REVIEW, n=at_ends, where="at the ends"),)
    return ()


def check_repeated(volume: Volume, every: int = 1) -> tuple[Finding, ...]:
    """`SLICES-REPEATED`: slices equal to the one before; refused, or review if they are many."""
    hu = volume.hu
    row = hu.shape[1] // 2
    likely = (np.flatnonzero((hu[1:, row] == hu[:-1, row]).all(axis=1)) + 1).tolist()
    repeated = [
        k
        for k in likely
        if np.array_equal(hu[k], hu[k - 1]) and len(np.unique(hu[k])) >= t.LEAST_VALUES
    ]
    if not repeated:
        return ()
    many = len(repeated) > t.MANY_REPEATED * len(hu)
    verdict = Verdict.REVIEW if many else Verdict.REFUSED
    return (finding("SLICES-REPEATED", verdict, n=len(repeated), where=_numbers(repeated, every)),)


def check_neighbours(volume: Volume, every: int = 1) -> tuple[Finding, ...]:
    """`SLICES-OUT-OF-PLACE`: slices that do not match their neighbours.

    They resemble neither neighbour although these resemble each other, or fit better when
    exchanged, mirrored or turned, or the images jump after them. Review, because metal and motion
    look the same; refused where there are many. Only axial stacks are checked: a coronal slice
    along the couch resembles no other.
    """
    grid = volume.grid
    if (
        Upright.of(grid).axes[0] != 0
        or grid.spacing_mm[0] > t.WIDEST_STEP_MM
        or len(volume.hu) < t.LEAST_SLICES
    ):
        return ()
    coarse = _coarse_slices(volume)
    if coarse[0].size < t.LEAST_COARSE_PIXELS:
        return ()
    near = np.abs(coarse[1:] - coarse[:-1]).mean(axis=(1, 2))
    far = np.abs(coarse[2:] - coarse[:-2]).mean(axis=(1, 2))
    odd = np.flatnonzero(np.minimum(near[:-1], near[1:]) > t.ODD_RATIO * np.maximum(far, 1.0)) + 1
    swapped = np.flatnonzero(far[:-1] + far[1:] < t.SWAPPED_RATIO * (near[:-2] + near[2:])) + 1
    turned = _turned(coarse, near)
    alone = turned & {k + 1 for k in turned}
    misplaced = sorted({*odd, *swapped, *(swapped + 1), *alone})
    if misplaced:
        many = len(misplaced) > t.MANY_ODD * len(coarse)
        verdict = Verdict.REFUSED if many else Verdict.REVIEW
        return (
            finding(
                "SLICES-OUT-OF-PLACE", verdict, n=len(misplaced), where=_numbers(misplaced, every)
            ),
        )
    jumps = sorted({*(_jumps(near) if grid.is_even else []), *turned})
    if jumps:
        return (
            finding(
                "SLICES-OUT-OF-PLACE",
                Verdict.REVIEW,
                n=len(jumps),
                where=f"after {_numbers(jumps, every)}",
            ),
        )
    return ()


def _numbers(slices: list[int], every: int) -> str:
    """The first few slice numbers in the series, counted from 1."""
    return ", ".join(str(k * every + 1) for k in slices[: t.MOST_LISTED])


def _blank_rows(hu: NDArray[np.int16]) -> int:
    """Number of last rows of a slice that contain only its last value."""
    if (hu[-1] != hu[-1, -1]).any():  # the usual case, in one row
        return 0
    written = np.flatnonzero((hu != hu[-1, -1]).any(axis=1))
    return len(hu) - (int(written[-1]) + 1 if len(written) else 0)


def _is_lost(volume: Volume, k: int, blank_rows: NDArray[np.intp]) -> bool:
    """Whether slices below and above show the patient where slice `k` begins to be blank.

    Compared are the nearest slices that are less blank.
    """
    rows, blank = volume.hu.shape[1], int(blank_rows[k])
    if blank < max(2, t.LEAST_BLANK_ROWS * rows):
        return False
    others = np.flatnonzero(blank_rows <= blank // 2)
    neighbours = [*others[others < k][-1:], *others[others > k][:1]]
    part = slice(rows - blank, rows - blank // 2)
    shares = [float(np.mean(volume.hu[j, part] > t.BLANK_PATIENT_HU)) for j in neighbours]
    return bool(shares) and min(shares) >= t.BLANK_PATIENT_SHARE


def _jumps(near: NDArray[np.float32]) -> list[int]:
    """Slices after which the images jump."""
    usual = np.maximum(near[:-2], near[2:])
    jumps = (near[1:-1] > t.JUMP_RATIO * usual) & (near[1:-1] > t.LEAST_JUMP_HU)
    return [int(k) + 1 for k in np.flatnonzero(jumps)]


def _turned(coarse: NDArray[np.float32], near: NDArray[np.float32]) -> set[int]:
    """Slices after which the next one fits better when it is mirrored, or turned by 180 degrees.

    Two in a row are a single slice that was turned; one alone is where the rest was, or one end.
    """
    turned: set[int] = set()
    for mirrored in (coarse[:, :, ::-1], coarse[:, ::-1], coarse[:, ::-1, ::-1]):
        distance = np.abs(mirrored[1:] - coarse[:-1]).mean(axis=(1, 2))
        turned.update(int(k) for k in np.flatnonzero(distance < t.TURNED_RATIO * near))
    return turned


def _coarse_slices(volume: Volume) -> NDArray[np.float32]:
    """All slices at about 6 mm, from every other pixel where these are small; padding is air."""
    step = 2 if max(volume.grid.spacing_mm[1:]) < t.CONTINUITY_MM / 4 else 1
    hu = volume.hu[:, ::step, ::step]
    if volume.padding is not None:
        hu = np.where(volume.padding[:, ::step, ::step], np.int16(t.CONTINUITY_HU[0]), hu)
    _, rows, columns = factors_for(volume.grid.spacing_mm, t.CONTINUITY_MM / step)
    return shrink(hu, (1, rows, columns)).clip(*t.CONTINUITY_HU)
