"""What goes wrong with CT series, each as a small function from the data sets of a good series to
those of a flawed one.

`writer.series` makes the good one, `writer.write_files` writes either. Nothing given is changed.
Flaws of files, which no data set can hold, go from bytes to bytes.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pleura.core.errors import UsageError
from pleura.phantom.identity import uid
from pleura.phantom.writer import SYNTAXES, copied, decimal, encode

if TYPE_CHECKING:
    from pydicom import Dataset

    Slices = Sequence[Dataset]
    Flawed = list[Dataset]

NATIVE = ("implicit", "explicit", "deflated", "big endian")


# Which slices there are


def missing(slices: "Slices", *which: int) -> "Flawed":
    """Slices are lost; at the ends nobody can see it."""
    return [one for k, one in enumerate(slices) if k not in {w % len(slices) for w in which}]


def duplicated(
    slices: "Slices", k: int, *, new_uid: bool = False, other_pixels: bool = False
) -> "Flawed":
    """Slice `k` is there twice: the same object, or with a UID of its own, or with other pixels."""
    twin = copied(slices[k])
    if new_uid:
        _name(twin, uid("twin", twin.SOPInstanceUID))
    if other_pixels:
        _set(twin, _values(twin)[::-1])
    return [*[copied(one) for one in slices], twin]


def repeated_uid(slices: "Slices", k: int) -> "Flawed":
    """Slice `k` carries the SOPInstanceUID of its neighbour."""
    changed = [copied(one) for one in slices]
    _name(changed[k], changed[k - 1].SOPInstanceUID)
    return changed


def two_passes(
    slices: "Slices", *, told_apart_by: str = "AcquisitionNumber", values: tuple[Any, Any] = (1, 2)
) -> "Flawed":
    """The whole stack twice under one SeriesInstanceUID, as phases, kernels or passes are; the
    second 10 units brighter.

    `told_apart_by` is the keyword that separates them, with its two `values`; an empty keyword
    leaves nothing to tell by.
    """
    first, second = [copied(one) for one in slices], [copied(one) for one in slices]
    for stack, value in zip((first, second), values, strict=True):
        for one in stack:
            if told_apart_by:
                setattr(one, told_apart_by, value)
    for one in second:
        _name(one, uid("second pass", one.SOPInstanceUID))
        one.InstanceNumber = str(int(one.InstanceNumber) + len(first))
        _set(one, _values(one) + 10)
    return first + second


def one_series(*stacks: "Slices") -> "Flawed":
    """Several series glued under the SeriesInstanceUID of the first."""
    changed = [copied(one) for stack in stacks for one in stack]
    for one in changed:
        one.SeriesInstanceUID = stacks[0][0].SeriesInstanceUID
    return changed


def with_localizer(slices: "Slices") -> "Flawed":
    """A coronal scout lies in the series."""
    scout = copied(slices[0])
    scout.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    scout.ImageOrientationPatient = ["1", "0", "0", "0", "0", "-1"]
    scout.InstanceNumber = "0"
    _name(scout, uid("scout", scout.SOPInstanceUID))
    return [scout, *[copied(one) for one in slices]]


# Where they say they lie


def shifted(slices: "Slices", offsets_mm: Sequence[float]) -> "Flawed":
    """Slice `k` lies `offsets_mm[k]` further along the normal: uneven steps, overlaps, wobble."""
    changed = [copied(one) for one in slices]
    for one, offset in zip(changed, offsets_mm, strict=True):
        cosines = np.array(one.ImageOrientationPatient, dtype=float)
        corner = np.array(one.ImagePositionPatient, dtype=float) + offset * np.cross(
            cosines[:3], cosines[3:]
        )
        one.ImagePositionPatient = [decimal(c) for c in corner]
    return changed


def tilted(slices: "Slices", degrees: float) -> "Flawed":
    """The gantry was tilted: the planes turn about the left-right axis, the stack goes on
    straight.
    """
    changed = [copied(one) for one in slices]
    angle = np.deg2rad(degrees)
    for one in changed:
        one.ImageOrientationPatient = [
            "1",
            "0",
            "0",
            "0",
            decimal(np.cos(angle)),
            decimal(np.sin(angle)),
        ]
        one.GantryDetectorTilt = decimal(degrees)
    return changed


def instance_numbers(slices: "Slices", numbers: Sequence[int]) -> "Flawed":
    """InstanceNumber tells another order than space does."""
    changed = [copied(one) for one in slices]
    for one, number in zip(changed, numbers, strict=True):
        one.InstanceNumber = str(number)
    return changed


def mirrored(slices: "Slices") -> "Flawed":
    """Left and right changed places in the pixels, the header unaware."""
    changed = [copied(one) for one in slices]
    for one in changed:
        _set(one, _values(one)[:, ::-1])
    return changed


def upside_down(slices: "Slices") -> "Flawed":
    """The positions run the wrong way for the pixels: head and feet changed places, the header
    unaware.
    """
    changed = [copied(one) for one in slices]
    for one, other in zip(changed, reversed(slices), strict=True):
        one.ImagePositionPatient = other.ImagePositionPatient
        one.SliceLocation = other.SliceLocation
    return changed


# What the header says


def tags(slices: "Slices", *which: int, **values: Any) -> "Flawed":
    """Attributes set by keyword, `None` to delete, on the slices `which` (default: all):
    rescale, spacing, cosines, units …
    """
    changed = [copied(one) for one in slices]
    for k in which or range(len(changed)):
        for keyword, value in values.items():
            if value is None:
                if keyword in changed[k]:
                    delattr(changed[k], keyword)
            else:
                setattr(changed[k], keyword, value)
    return changed


def rescaled(slices: "Slices", *which: int, intercept: float, slope: float = 1.0) -> "Flawed":
    """Slices `which` have stored values and a rescale pair of their own: HU stay as they were."""
    changed = [copied(one) for one in slices]
    for k in which:
        one = changed[k]
        hu = _values(one) * float(one.RescaleSlope) + float(one.RescaleIntercept)
        _set(one, np.rint((hu - intercept) / slope))
        one.RescaleSlope, one.RescaleIntercept = decimal(slope), decimal(intercept)
    return changed


def padded(slices: "Slices", stored_value: int, *, declared: int | None = None) -> "Flawed":
    """A reconstruction circle filled with `stored_value` outside; `declared` is
    PixelPaddingValue, if any.
    """
    changed = [copied(one) for one in slices]
    for one in changed:
        rows, columns = (np.arange(n) - (n - 1) / 2 for n in (one.Rows, one.Columns))
        outside = rows[:, None] ** 2 + columns[None, :] ** 2 > (min(one.Rows, one.Columns) / 2) ** 2
        _set(one, np.where(outside, stored_value, _values(one)))
        if "PixelPaddingValue" in one:
            del one.PixelPaddingValue
        if declared is not None:
            one.add_new(0x00280120, "SS" if one.PixelRepresentation else "US", declared)
    return changed


def overlay_bits(slices: "Slices") -> "Flawed":
    """An overlay sits in the bits above BitsStored, which must be less than 16."""
    changed = [copied(one) for one in slices]
    for one in changed:
        if one.BitsStored >= 16:
            raise UsageError("overlay bits need a series with fewer than 16 bits stored")
        plain = _values(one).astype(np.int64) & (2**one.BitsStored - 1)
        plain[::3, ::2] |= 1 << 15
        one.PixelData = plain.astype(_order(one)).tobytes()
    return changed


def syntaxes(slices: "Slices", names: Sequence[str]) -> "Flawed":
    """Each slice in the next of the transfer syntaxes `names` of `writer.SYNTAXES`, going round."""
    from pydicom.uid import UID

    changed = [copied(one) for one in slices]
    for k, one in enumerate(changed):
        values = _values(one)
        one.file_meta.TransferSyntaxUID = UID(SYNTAXES[names[k % len(names)]])
        encode(one, values)
    return changed


def screenshots(slices: "Slices") -> "Flawed":
    """Eight-bit windowed pictures as Secondary Capture, Modality still CT."""
    from pydicom.uid import UID

    changed = [copied(one) for one in slices]
    for one in changed:
        hu = _values(one) * float(one.RescaleSlope) + float(one.RescaleIntercept)
        picture = np.clip((hu + 160) / 400 * 255, 0, 255).astype(np.uint8)
        one.SOPClassUID = one.file_meta.MediaStorageSOPClassUID = UID("1.2.840.10008.5.1.4.1.1.7")
        one.ImageType = ["DERIVED", "SECONDARY"]
        one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 8, 8, 7, 0
        for keyword in ("RescaleSlope", "RescaleIntercept", "RescaleType"):
            delattr(one, keyword)
        one.PixelData = picture.tobytes() + b"\0" * (picture.size % 2)
    return changed


def smaller(slices: "Slices", *which: int) -> "Flawed":
    """Slices `which` have half the rows and columns."""
    changed = [copied(one) for one in slices]
    for k in which:
        one = changed[k]
        values = _values(one)[::2, ::2]
        one.Rows, one.Columns = values.shape
        one.PixelSpacing = [decimal(2 * float(s)) for s in one.PixelSpacing]
        _set(one, values)
    return changed


def short_pixels(slices: "Slices", k: int, missing_bytes: int = 64) -> "Flawed":
    """PixelData of slice `k` holds fewer bytes than Rows x Columns need."""
    changed = [copied(one) for one in slices]
    changed[k].PixelData = changed[k].PixelData[:-missing_bytes]
    return changed


# Files, as bytes


def truncated(data: bytes, part: float = 0.7) -> bytes:
    """A file cut off in a transfer."""
    return data[: int(len(data) * part)]


def without_preamble(data: bytes) -> bytes:
    """A file without preamble and file meta, as old archives write it; `data` must be implicit
    VR little endian.
    """
    group_length = int.from_bytes(data[140:144], "little")
    return data[144 + group_length :]


def with_trailing(data: bytes, extra: bytes = b"\0" * 512) -> bytes:
    """A file with bytes behind the data set."""
    return data + extra


def _order(one: "Dataset") -> str:
    big = str(one.file_meta.TransferSyntaxUID) == SYNTAXES["big endian"]
    return (">" if big else "<") + "u2"


def _values(one: "Dataset") -> NDArray[Any]:
    """Stored values, int32 `[row, column]`, of a slice with uncompressed pixels."""
    if str(one.file_meta.TransferSyntaxUID) not in {SYNTAXES[name] for name in NATIVE}:
        raise UsageError(
            "flaws in pixels are made before compression: give the slices uncompressed, then "
            "`syntaxes`"
        )
    raw = (
        np.frombuffer(one.PixelData, dtype=_order(one))
        .reshape(one.Rows, one.Columns)
        .astype(np.int32)
    )
    raw &= 2**one.BitsStored - 1
    if one.PixelRepresentation:
        raw[raw >= 2 ** (one.BitsStored - 1)] -= 2**one.BitsStored
    return raw


def _set(one: "Dataset", values: NDArray[Any]) -> None:
    encode(one, np.asarray(values))


def _name(one: "Dataset", name: str) -> None:
    from pydicom.uid import UID

    one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = UID(name)
