"""Changes for `cases`: stacks that lie in each other, values that end too soon or too late, and
what is behind the pixels.
"""

import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import RLELossless

from pleura.geometry.volume import Volume
from pleura.phantom.enhanced import enhanced
from pleura.phantom.identity import uid
from testing import flaws
from testing.series_changes import SHAPE, Slices, concatenated


def interleaved(mm: float, *, by: str = "ConvolutionKernel") -> Callable[[Slices], Slices]:
    """The stack twice, the second `mm` beside the first."""

    def make(slices: Slices) -> Slices:
        values = ("B30f", "B70f") if by == "ConvolutionKernel" else (1, 2)
        both = flaws.two_passes(slices, told_apart_by=by, values=values)
        return [*both[: len(slices)], *flaws.shifted(both[len(slices) :], [mm] * len(slices))]

    return make


def near_copy(slices: Slices) -> Slices:
    """A slice again, under a name of its own, a micrometre beside itself."""
    *all_, twin = flaws.duplicated(slices, 4, new_uid=True)
    return [*all_, *flaws.shifted([twin], [0.001])]


def alternating(slices: Slices) -> Slices:
    """Every other slice of another acquisition."""
    return flaws.tags(
        flaws.tags(slices, AcquisitionNumber="1"), *range(1, len(slices), 2), AcquisitionNumber="2"
    )


def tracked(count: int) -> Callable[[Slices], Slices]:
    """Images of one place from before the scan, as of bolus tracking."""

    def make(slices: Slices) -> Slices:
        scan = flaws.tags(slices, AcquisitionNumber="2")
        before = [
            flaws.duplicated(slices, 9, new_uid=True, other_pixels=True)[-1] for _ in range(count)
        ]
        for k, one in enumerate(before):
            name = uid("tracked", k)
            one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = name
        return [*flaws.tags(before, AcquisitionNumber="1"), *scan]

    return make


def small_scout(slices: Slices) -> Slices:
    """An axial scout between two slices, named so in small letters."""
    scout = flaws.duplicated(slices, 9, new_uid=True, other_pixels=True)[-1:]
    return [
        *slices,
        *flaws.shifted(flaws.tags(scout, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]), [3.0]),
    ]


def last_part_lost(slices: Slices) -> Slices:
    return concatenated(slices)[:1]


def wrong_offsets(slices: Slices) -> Slices:
    """An Enhanced CT in RLE, a fragment each frame, whose offset table points beside them."""
    one = enhanced(slices)
    one.compress(RLELossless)
    frames = list(generate_frames(one.PixelData, number_of_frames=len(slices)))
    packed = bytearray(encapsulate(frames, has_bot=True))
    for k in range(1, len(frames)):
        at = 8 + 4 * k
        packed[at : at + 4] = (int.from_bytes(packed[at : at + 4], "little") + 16).to_bytes(
            4, "little"
        )
    one.PixelData = bytes(packed)
    return [one]


def followed(slices: Slices) -> Slices:
    """Zeros behind each frame's data, within its fragment."""
    changed = flaws.tags(slices)
    for one in changed:
        (frame,) = generate_frames(one.PixelData, number_of_frames=1)
        one.PixelData = encapsulate([b"".join([frame, bytes(6)])])
    return changed


def windowed(volume: Volume) -> Volume:
    """A lung's window baked in."""
    return Volume(volume.hu.clip(-1350, 150), volume.grid)


def framed(slices: Slices) -> Slices:
    """A circle of −2000 within a frame of −3024."""
    changed = flaws.padded(slices, -2000)
    for one in changed:
        values = np.frombuffer(one.PixelData, "<i2").reshape(one.Rows, one.Columns).copy()
        values[[0, 1, -2, -1]] = values[:, [0, 1, -2, -1]] = -3024
        one.PixelData = values.tobytes()
    return changed


def framed_truth(volume: Volume, _: Slices) -> Volume:
    rows, columns = (np.arange(n) - (n - 1) / 2 for n in SHAPE[1:])
    outside = rows[:, None] ** 2 + columns[None, :] ** 2 > (min(SHAPE[1:]) / 2) ** 2
    hu = np.where(outside, np.int16(-2000), volume.hu)
    hu[:, [0, 1, -2, -1]] = -3024
    hu[:, :, [0, 1, -2, -1]] = -3024
    return Volume(hu, volume.grid)


def nameless(folder: Path, paths: Sequence[Path]) -> None:
    """A packed tar whose name tells nothing."""
    with tarfile.open(folder / "disc", "w:bz2") as archive:
        for path in paths:
            archive.add(path, path.name)
            path.unlink()
