"""Are these numbers HU? Air and soft tissue lie where physics puts them, or the rescale was wrong (pitfalls 17, 21)."""

import numpy as np
from numpy.typing import NDArray

from pleura.core.findings import Finding, Verdict, worst
from pleura.geometry.resample import Upright
from pleura.geometry.volume import Volume
from pleura.quality.blank_slices import blank_findings
from pleura.quality.clipping import ends_findings
from pleura.quality.field_of_view import layered, ringed
from pleura.quality.repeated_pixels import repeated_findings
from pleura.quality.slice_continuity import neighbour_findings
from pleura.quality.tissue_peaks import strange

AIR = (-1100, -700)
"""Air outside, in airways and in most of a lung. By definition air is −1000 HU."""
TISSUE = (-200, 200)
"""Fat (−100), water (0), muscle, blood, liver (40 to 60), and contrast in part."""
DENSE = 800
"""Cortical bone, metal and much contrast lie above; nobody has a tenth of it."""
NO_MATTER = -1250
"""Nothing that is not padding lies below, but for a little noise and streaks."""
LEAST_AIR, LEAST_TISSUE, MOST_DENSE, MOST_NOTHING = 0.005, 0.02, 0.10, 0.02
OFFSETS = (-1024, 1024, -1000, 1000, -2048, 2048)
"""What goes wrong with an intercept: it is left out, or applied twice."""
LEAST_HEAP = 0.02
"""Of the air, what its lowest value alone holds where values were clipped; noise puts far less there."""
CLEAR_AIR, CLEAR_TISSUE, NEAR = 0.05, 0.08, 60
CLEARLY_NEARER = 8
"""HU; between 1000 and 1024 lie 24."""
RISE = 10
"""HU from a floor at −1024 up to air's peak, at least; from one at −1000 air falls."""
BAND, AGREE = 400, 250
"""Both ends of a slice's values jump by so much, and by the same within so much, only where its rescale is wrong."""


def settled(volume: Volume) -> tuple[Volume, tuple[Finding, ...]]:
    """Judge a volume's values, and put an intercept right that was certainly left out or applied twice.

    An offset is certain where the values as they are cannot be HU, exactly one of the usual slips makes both air and soft
    tissue appear in bulk, and the most frequent value near air then lies within 60 HU of −1000. Scale errors are never
    guessed at, nor are smaller offsets or some slices' own put right: they are refused.

    Args:
        volume: CT as its header says it is.

    Returns:
        The volume (a corrected copy where it was repaired; filler around its circle marked as padding) and findings:
        `PADDING` (note), `HU-OFFSET` (repaired), `VALUES-CLIPPED`, `VALUES-WRAPPED` (review), `BLANK-SLICES`,
        `SLICES-OUT-OF-PLACE`, `SLICES-DISAGREE` (refused, or review), `NOT-HU` (refused).
    """
    volume = layered(ringed(volume))
    notes = _seen(volume)
    bands = _bands(volume)
    if worst(bands) is Verdict.REFUSED:
        return volume, (*notes, *bands)
    notes = (*notes, *bands)
    counts = _histogram(volume)
    saturated: tuple[Finding, ...] = ()
    if counts[-1]:
        text = f"{counts[-1]} voxels were denser than 16 bits hold, and are written as 32767 HU"
        saturated = (Finding("SATURATED", Verdict.OK, text, {"n": int(counts[-1])}),)
    if _plausible(counts):
        wrong = strange(volume, counts)
        return volume, (*notes, *saturated, *((wrong,) if wrong else ends_findings(volume, counts)))
    everything = _histogram(Volume(volume.hu, volume.grid))  # twice subtracted, air looks like padding
    offset = _certain_one(everything)
    if offset is not None:
        hu = np.clip(volume.hu.astype(np.int32) + offset, -32768, 32767).astype(np.int16)
        padding = hu < NO_MATTER
        right = ringed(Volume(hu, volume.grid, padding if padding.any() else None))
        if strange(right, _histogram(right)):
            return volume, (*notes, *saturated, _refused(counts))
        finding = Finding(
            "HU-OFFSET",
            Verdict.REPAIRED,
            f"RescaleIntercept is wrong: air lies at {_air_centre(everything, offset) - offset}; {offset:+d} was added to all",
            {"added_hu": offset},
        )
        return right, (*_seen(right), *saturated, finding)
    return volume, (*notes, *saturated, _refused(counts))


def hu_findings(volume: Volume) -> tuple[Finding, ...]:
    """The findings of `settled` alone."""
    return settled(volume)[1]


def _seen(volume: Volume) -> tuple[Finding, ...]:
    """What is seen of a volume's slices, whatever their values are worth."""
    return (*_padding(volume), *blank_findings(volume), *repeated_findings(volume), *neighbour_findings(volume))


def _padding(volume: Volume) -> tuple[Finding, ...]:
    if volume.padding is None:
        return ()
    count = int(np.count_nonzero(volume.padding))
    values = np.unique(volume.hu[volume.padding][:: max(1, count // 10_000)])
    share = count / volume.padding.size
    written = ", ".join(str(value) for value in values[:3])
    message = f"{100 * share:.0f} % of the voxels are padding ({written} HU); marked, and kept as they are"
    return (Finding("PADDING", Verdict.OK, message, {"share": round(share, 4), "hu": [int(v) for v in values[:3]]}),)


def _histogram(volume: Volume) -> NDArray[np.int64]:
    """Counts of every int16 value but padding; index 0 is −32768. Slice by slice, for bincount makes eight bytes of two."""
    counts = np.zeros(65536, np.int64)
    for k, hu in enumerate(volume.hu):
        seen = hu if volume.padding is None else hu[~volume.padding[k]]
        counts += np.bincount(seen.ravel().view(np.uint16) ^ np.uint16(0x8000), minlength=65536)
    return counts


def _share(counts: NDArray[np.int64], low: int, high: int) -> float:
    low, high = (min(max(end + 32768, 0), 65536) for end in (low, high))
    return float(counts[low:high].sum()) / max(1, int(counts.sum()))


def _plausible(counts: NDArray[np.int64]) -> bool:
    return (
        _share(counts, *AIR) >= LEAST_AIR
        and _share(counts, *TISSUE) >= LEAST_TISSUE
        and _share(counts, DENSE, 32768) <= MOST_DENSE
        and _share(counts, -32768, NO_MATTER) <= MOST_NOTHING
    )


def _certain(counts: NDArray[np.int64], offset: int) -> bool:
    """Whether `offset`, added, makes these values HU beyond doubt."""
    air, tissue, dense = ((low - offset, high - offset) for low, high in (AIR, TISSUE, (DENSE, 32768)))
    clear = _share(counts, *air) >= CLEAR_AIR and _share(counts, *tissue) >= CLEAR_TISSUE
    below = counts[: max(0, NO_MATTER - offset + 32768)]
    nothing = int(below.sum()) - int(below.max(initial=0)) <= MOST_NOTHING * counts.sum()  # one value alone is padding
    return clear and nothing and _share(counts, *dense) <= MOST_DENSE and abs(_air_centre(counts, offset) + 1000) <= NEAR


def _air_centre(counts: NDArray[np.int64], offset: int) -> int:
    """The median of air once `offset` is added, without its lowest value, where scanners heap up what lies below."""
    start = max(0, -1000 - NEAR - 15 - offset + 32768)
    air = counts[start : max(start + 1, -1000 + NEAR + 15 - offset + 32768)].copy()
    lowest = int(np.argmax(air > 0))
    if air.sum() > air[lowest]:
        air[lowest] = 0
    return int(np.searchsorted(np.cumsum(air), air.sum() / 2)) + start - 32768 + offset


def _certain_one(counts: NDArray[np.int64]) -> int | None:
    """The one slip that explains the values beyond doubt. Between 1000 and 1024 the heap of clipped values decides, where
    there is one; else air's place, where it is clearly nearer to −1000 after the one than after the other."""
    certain = [offset for offset in OFFSETS if _certain(counts, offset)]
    if len({round(offset, -3) for offset in certain}) != 1:
        return None
    if len(certain) == 1:
        return certain[0]
    heap, rises = _heap(counts, certain)
    if heap is not None:
        heaped = [offset for offset in certain if heap == _floor(offset)]
        usual = [offset for offset in heaped if abs(offset) % 1024 == 0]
        return usual[0] if len(usual) == 1 and (rises or len(heaped) == 1) else None
    near, far = sorted(certain, key=lambda offset: abs(_air_centre(counts, offset) + 1000))
    margin = abs(_air_centre(counts, far) + 1000) - abs(_air_centre(counts, near) + 1000)
    return near if margin >= CLEARLY_NEARER else None


def _floor(offset: int) -> int:
    """Where 0 as stored stands: for an intercept that was left out at 0, for one applied twice at twice the intercept."""
    return 0 if offset < 0 else -2 * offset


def _heap(counts: NDArray[np.int64], offsets: list[int]) -> tuple[int | None, bool]:
    """Air's lowest value as it stands, where scanners heap up what lies below 0 as stored, or `None` where nothing is heaped
    up; and whether air grows more frequent above it, as it does above a floor at −1024, and does not above one at −1000."""
    low, high = (-1000 + end - offset + 32768 for end, offset in ((-NEAR - 15, max(offsets)), (NEAR + 15, min(offsets))))
    air = counts[max(0, low) : max(0, high)].astype(np.float64)
    lowest = int(np.argmax(air > 0))
    if air[lowest] < LEAST_HEAP * air.sum():
        return None, False
    above = np.convolve(air[lowest + 1 :], np.ones(7) / 7, "valid")
    return lowest + max(0, low) - 32768, bool(np.argmax(above) + 4 >= RISE)


def _bands(volume: Volume) -> tuple[Finding, ...]:
    """`SLICES-DISAGREE`, where both ends of the values of a slice jump by the same against the slice below it."""
    step = max(1, min(volume.hu.shape[1:]) // 128)
    few = volume.hu[:, ::step, ::step]
    hidden = None if volume.padding is None else volume.padding[:, ::step, ::step]
    usual = False if hidden is None else hidden.mean(axis=0) > 0.5  # a slice of another intercept has padding that is not seen
    seen = [one if hidden is None else one[~(hidden[k] | usual)] for k, one in enumerate(few)]
    ends = np.array([np.percentile(one, (2, 95)) for one in seen if one.size > 50])
    jumps = np.diff(ends, axis=0)
    wrong = (np.abs(jumps) > BAND).all(axis=1) & (np.abs(jumps[:, 1:] - jumps[:, :1]) < AGREE).all(axis=1) if len(jumps) else []
    if not np.any(wrong):
        return ()
    most = int(jumps[wrong][np.abs(jumps[wrong]).sum(axis=1).argmax()].mean())
    text = f"slices jump by {most:+d} HU against their neighbours: some have a wrong rescale of their own; export again"
    axial = Upright.of(volume.grid).axes[0] == 0  # slices along a couch jump so where they meet it
    return (Finding("SLICES-DISAGREE", Verdict.REFUSED if axial else Verdict.REVIEW, text, {"jump_hu": most}),)


def _refused(counts: NDArray[np.int64]) -> Finding:
    total = np.cumsum(counts)
    low, middle, high = (int(np.searchsorted(total, part * total[-1])) - 32768 for part in (0.01, 0.5, 0.99))
    return Finding(
        "NOT-HU",
        Verdict.REFUSED,
        f"the values are not HU: 1 % lie below {low}, half below {middle}, 99 % below {high}; there should be air near -1000 "
        "and tissue near 0: export the original series",
        {"p1": low, "median": middle, "p99": high},
    )
