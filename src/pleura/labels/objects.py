"""What RTSTRUCT and SEG objects share: reading them, and the scan that they belong to."""

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

from pleura.codecs.frames import DEFLATED
from pleura.core.codes import refused
from pleura.core.errors import InputRefused, UnreadableFile
from pleura.dicom.deflated import inflated
from pleura.dicom.fast_header import UNDEFINED
from pleura.files.limits import most_expanded

if TYPE_CHECKING:
    from pleura.dicom.plane import Plane
    from pleura.dicom.series import Series

RTSTRUCT = "1.2.840.10008.5.1.4.1.1.481.3"
SEGMENTATIONS = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
"""Segmentation and Label Map Segmentation."""


ITEM_HEAD = 8
"""[bytes] Tag and length of an item."""
META_BYTES = 1024
"""The file meta group lies within this many bytes."""


@dataclass(frozen=True)
class Scan:
    """What is known of a scan without its `Series`, as in a cohort."""

    frame_uid: str
    series_uid: str = ""
    id: str = ""
    files: Sequence["Plane"] = ()
    instances: frozenset[str] = frozenset()


@dataclass(frozen=True)
class LabelObject:
    """A label object that was matched with a case, by `series`, `instances` or `frame`."""

    path: Path
    by: str


def open_dataset(path: Path | IO[bytes], *, pixels: bool = True) -> Any:
    """Read a label object.

    Raises:
        UnreadableFile: it is corrupt.
    """
    from pydicom import dcmread

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # callers check the values that they use
        try:
            # some have no preamble
            dataset = dcmread(_source(path), stop_before_pixels=not pixels, force=True)
        except Exception as error:  # pydicom raises various exceptions on a broken file
            if isinstance(error, InputRefused):
                raise
            raise refused("LABEL-OBJECT-BROKEN", UnreadableFile) from error
    if "SOPClassUID" not in dataset:
        raise refused("LABEL-OBJECT-BROKEN", UnreadableFile)
    return dataset


def _source(path: Path | IO[bytes]) -> Path | IO[bytes]:
    """The file, or its inflated bytes (of limited size) where its data set is deflated."""
    if not isinstance(path, Path):
        return path
    with path.open("rb") as file:
        if DEFLATED.encode() not in file.read(META_BYTES):
            return path
    data = path.read_bytes()
    return BytesIO(inflated(data, most_expanded(len(data))))


def items_in(dataset: Any, keyword: str) -> int:
    """Number of items of a sequence (PS3.5 7.5); 0 where it is absent.

    They are counted by their lengths, where these are stated: reading them takes 50 µs each.
    """
    raw = dataset.get_item(keyword) if keyword in dataset else None
    value = None if raw is None else raw.value
    if raw is None or not isinstance(value, bytes):
        return len(dataset.get(keyword) or ())
    order: Literal["little", "big"] = "little" if raw.is_little_endian else "big"
    count, at = 0, 0
    while at + ITEM_HEAD <= len(value):
        length = int.from_bytes(value[at + 4 : at + ITEM_HEAD], order)
        if length == UNDEFINED:
            return len(dataset.get(keyword) or ())
        count += 1
        at += ITEM_HEAD + length
    return count


def source_headers(planes: Sequence["Plane"]) -> list[Any]:
    """Headers of the objects of slices, once each, in slice order, from archives too."""
    from pleura.files.archives import read_members

    wanted: dict[Path, set[int]] = {}
    for plane in planes:
        if plane.archive is not None:
            wanted.setdefault(plane.archive, set()).add(plane.member)
    archived = {
        (archive, number): BytesIO(data)
        for archive, numbers in wanted.items()
        for number, data in read_members(archive, numbers)
    }
    objects = dict.fromkeys((plane.archive, plane.member, plane.file) for plane in planes)
    return [
        source_header(Path(file) if archive is None else archived[archive, member])
        for archive, member, file in objects
    ]


def source_header(path: Path | IO[bytes]) -> Any:
    """The header of a slice, with patient and study for a label object. Raises `UnreadableFile`."""
    return open_dataset(path, pixels=False)


def frames_of(dataset: Any) -> set[str]:
    """The frames of reference that a label object declares."""
    items = [
        dataset,
        *dataset.get("ReferencedFrameOfReferenceSequence", ()),
        *dataset.get("StructureSetROISequence", ()),
    ]
    uids = {str(one.get("FrameOfReferenceUID") or "") for one in items}
    uids |= {str(one.get("ReferencedFrameOfReferenceUID") or "") for one in items}
    return uids - {""}


def check_frame(dataset: Any, series: "Series | Scan | None") -> None:
    """Refuse a label object in another scan's frame of reference (`InputRefused`)."""
    frames = frames_of(dataset)
    if series is not None and series.frame_uid and frames and series.frame_uid not in frames:
        raise refused("FRAME-OF-REFERENCE")


def join(
    objects: Iterable["Series"], volumes: Sequence["Series | Scan"]
) -> tuple[dict[str, list[LabelObject]], list[str]]:
    """Match label objects with cases: by series, by instances, or else by frame of reference.

    Some collections have labels that were made before their UIDs were hashed. The frame of
    reference then decides, where only one volume lies in it; the caller compares the mask with that
    volume.

    Returns:
        Label objects by case id; and a line for each that belongs to no scan here.
    """
    found: dict[str, list[LabelObject]] = {}
    unmatched = []
    for one in objects:
        for path, archive in dict.fromkeys((plane.path, plane.archive) for plane in one.files):
            if archive is not None:
                unmatched.append(f"{one.id}: {refused('LABELS-ARCHIVED')}")
                continue
            try:
                case, by = _scan_of_labels(open_dataset(path, pixels=False), volumes)
            except InputRefused as error:
                unmatched.append(f"{one.id}: {error}")
                continue
            found.setdefault(case, []).append(LabelObject(path, by))
    return found, unmatched


def case_of(path: Path, scans: Sequence[Scan]) -> str | None:
    """The id of the scan that a label object belongs to; `None` for none or several.

    Raises:
        UnreadableFile: it is corrupt.
    """
    dataset = open_dataset(path, pixels=False)
    try:
        return _scan_of_labels(dataset, scans)[0]
    except InputRefused:
        return None


def scan_of(path: Path, case: str) -> Scan | None:
    """The scan that a label object references; `None` where it is corrupt."""
    try:
        dataset = open_dataset(path, pixels=False)
    except InputRefused:
        return None
    series, instances = _named(dataset)
    return Scan(
        next(iter(sorted(frames_of(dataset))), ""),
        next(iter(sorted(series)), ""),
        case,
        (),
        frozenset(instances),
    )


def _scan_of_labels(dataset: Any, volumes: Sequence["Series | Scan"]) -> tuple[str, str]:
    series, instances = _named(dataset)
    frames = frames_of(dataset)

    def shares(volume: "Series | Scan") -> bool:
        if isinstance(volume, Scan):
            own = set(volume.instances)
        else:
            own = {plane.sop_uid for plane in volume.files}
        return not own.isdisjoint(instances)

    # in this order, because the quick one nearly always suffices
    ways: dict[str, Callable[[Series | Scan], bool]] = {
        "series": lambda volume: volume.series_uid in series,
        "instances": shares,
        "frame": lambda volume: volume.frame_uid in frames,
    }
    for by, fits in ways.items():
        candidates = [volume for volume in volumes if fits(volume)]
        if len(candidates) > 1:  # one series may hold several volumes
            candidates = [volume for volume in candidates if shares(volume)] or candidates
        if len(candidates) == 1:
            return candidates[0].id, by
        if candidates:
            raise refused("LABELS-AMBIGUOUS", n=len(candidates), by=by)
    raise refused("LABELS-OF-NO-SERIES")


def _named(dataset: Any) -> tuple[set[str], set[str]]:
    """SeriesInstanceUIDs and SOPInstanceUIDs that a label object references."""
    listed = [
        (one, "ReferencedInstanceSequence") for one in dataset.get("ReferencedSeriesSequence", ())
    ]
    for frame in dataset.get("ReferencedFrameOfReferenceSequence", ()):
        for study in frame.get("RTReferencedStudySequence", ()):
            of_contours = study.get("RTReferencedSeriesSequence", ())
            listed += [(one, "ContourImageSequence") for one in of_contours]
    series: set[str] = set()
    instances: set[str] = set()
    for one, images in listed:
        series.add(str(one.get("SeriesInstanceUID", "")))
        for image in one.get(images, ()):
            instances.add(str(image.get("ReferencedSOPInstanceUID", "")))
    return series - {""}, instances - {""}
