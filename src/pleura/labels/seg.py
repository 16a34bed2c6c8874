"""Read DICOM Segmentations (PS3.3 A.51): lungs by codes or labels, frames by their positions."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pleura.core.codes import finding, refused
from pleura.core.errors import GridMismatch, InputRefused, UnreadableFile
from pleura.core.findings import Finding
from pleura.core.lung_names import LungPart, part_of
from pleura.files.limits import SEGMENTS
from pleura.geometry.grid import Grid
from pleura.geometry.volume import LungMask
from pleura.labels.lattice import TOLERANCE_VOXELS, describe, mismatch
from pleura.labels.objects import Scan, check_frame, items_in
from pleura.labels.seg_codes import part_of_segment
from pleura.labels.structures import Structure, assemble

if TYPE_CHECKING:
    from pleura.dicom.series import Series

Pixels = NDArray[np.bool_]

ONE_POSITION = 0.1
"""[steps] Frames that are nearer to each other along the normal lie on one slice."""


@dataclass(frozen=True)
class _Frame:
    """A frame's position: centre of its first pixel, steps to the next row and column; LPS mm."""

    number: int
    corner: NDArray[np.float64]
    steps: NDArray[np.float64]


class _Segmentation:
    """The frames of a segmentation, each with its segment, position and pixels."""

    def __init__(self, dataset: Any) -> None:
        for keyword in ("Rows", "Columns", "BitsAllocated", "PixelData"):
            if dataset.get(keyword) in (None, "", b""):
                raise _lacks(keyword, "the segmentation")
        frames = items_in(dataset, "PerFrameFunctionalGroupsSequence")
        stated = int(dataset.get("NumberOfFrames") or frames)
        if frames != stated:
            raise refused("SEG-FRAMES", UnreadableFile, stated=stated, described=frames)
        if not frames:
            raise _lacks("PerFrameFunctionalGroupsSequence", "the segmentation")
        self.dataset = dataset
        self.kind = str(dataset.get("SegmentationType") or "BINARY").strip().upper()
        self.shared = (dataset.get("SharedFunctionalGroupsSequence") or [None])[0]
        self.groups = dataset.PerFrameFunctionalGroupsSequence
        self.rows, self.columns = int(dataset.Rows), int(dataset.Columns)
        self._bits = self._packed()

    def _packed(self) -> NDArray[np.uint8] | None:
        """The bytes of native one-bit frames; `None` where frames are encoded otherwise.

        Raises:
            UnreadableFile: native frames are truncated.
        """
        if self.dataset.file_meta.TransferSyntaxUID.is_encapsulated:
            return None
        stored = np.frombuffer(self.dataset.PixelData, dtype=np.uint8)
        count, bits = len(self.groups), int(self.dataset.BitsAllocated)
        needed = -(-count * self.rows * self.columns * bits // 8)
        if len(stored) < needed:
            raise refused("SEG-PIXELS", UnreadableFile, found=len(stored), expected=needed, n=count)
        return stored if bits == 1 else None

    def group(self, frame: int, keyword: str) -> Any:
        """A functional group of a frame, its own or the shared one."""
        own = self.groups[frame].get(keyword)
        if not own and self.shared is not None:
            own = self.shared.get(keyword)
        if not own:
            raise _lacks(keyword, f"frame {frame + 1} of the segmentation")
        return own[0]

    def numbers(self, frame: int, sequence: str, keyword: str, count: int) -> NDArray[np.float64]:
        """The numbers of an attribute in a functional group of a frame."""
        values = self.group(frame, sequence).get(keyword)
        try:
            numbers = np.array(values, dtype=np.float64)
        except (TypeError, ValueError):
            numbers = np.array(np.nan)
        if numbers.shape != (count,) or not np.isfinite(numbers).all():
            raise _lacks(keyword, f"frame {frame + 1} of the segmentation")
        return numbers

    def segment_of(self, frame: int) -> int | None:
        """The number of a frame's segment; `None` for a label map, whose pixels are the numbers."""
        if self.kind == "LABELMAP":
            return None
        number = self.group(frame, "SegmentIdentificationSequence").get("ReferencedSegmentNumber")
        if number is None:
            raise _lacks("ReferencedSegmentNumber", f"frame {frame + 1} of the segmentation")
        return int(number)

    def place(self, frame: int) -> _Frame:
        """The position of a frame."""
        corner = self.numbers(frame, "PlanePositionSequence", "ImagePositionPatient", 3)
        cosines = self.numbers(frame, "PlaneOrientationSequence", "ImageOrientationPatient", 6)
        row, column = cosines.reshape(2, 3)
        spacing = self.numbers(frame, "PixelMeasuresSequence", "PixelSpacing", 2)
        steps = np.stack([column * spacing[0], row * spacing[1]])
        return _Frame(frame, corner, steps)

    def pixels(self, frame: int) -> NDArray[Any]:
        """The stored values of a frame `[row, column]`."""
        if self._bits is None:
            from pydicom.pixels import pixel_array

            return pixel_array(self.dataset, index=frame).reshape(self.rows, self.columns)
        size = self.rows * self.columns
        first, last = frame * size // 8, -(-(frame + 1) * size // 8)
        bits = np.unpackbits(self._bits[first:last], bitorder="little")
        start = frame * size - first * 8
        return bits[start : start + size].reshape(self.rows, self.columns)

    def regions(self, frame: int, numbers: Sequence[int]) -> Iterator[tuple[int, Pixels, int]]:
        """For each wanted segment of a frame: its number, its pixels, and how many are not zero."""
        number = self.segment_of(frame)
        if number is not None and number not in numbers:
            return
        pixels = self.pixels(frame)
        if number is None:
            for wanted in np.intersect1d(pixels, np.asarray(numbers)).tolist():
                region = pixels == wanted
                yield int(wanted), region, int(np.count_nonzero(region))
            return
        present = pixels > 0
        count = int(np.count_nonzero(present))
        if self.kind == "FRACTIONAL":
            present = pixels / float(self.dataset.MaximumFractionalValue) >= 0.5
        yield number, present, count


def _lacks(keyword: str, what: str) -> InputRefused:
    return refused("SEG-LACKS", UnreadableFile, what=what, keyword=keyword)


def read(
    dataset: Any, grid: Grid | None, series: "Series | Scan | None" = None
) -> tuple[LungMask, tuple[Finding, ...]]:
    """Read the lungs of a segmentation: BINARY, FRACTIONAL (from one half) or LABELMAP.

    Positions decide where frames go, in any order; slices without a frame are empty. Without `grid`
    the mask is on the lattice of the segmentation itself.

    Raises:
        GridMismatch: frames do not lie on the voxels of `grid`.
        InputRefused: another frame of reference, no lung, or segments that contradict each other
            (`structures.assemble`).
        UnreadableFile: not as many frames as functional groups (PS3.3 C.7.6.16) or pixels, or one
            without a position, an orientation, a spacing or a segment.
    """
    check_frame(dataset, series)
    parts: dict[int, tuple[str, LungPart]] = {}
    names = []
    if (count := items_in(dataset, "SegmentSequence")) > SEGMENTS:
        raise refused("SEGMENTS-TOO-MANY", n=count, limit=SEGMENTS)
    if not count:
        raise _lacks("SegmentSequence", "the segmentation")
    for segment in dataset.SegmentSequence:
        name = str(segment.get("SegmentLabel") or "")
        names.append(name)
        part = part_of_segment(segment)
        if part is not None:
            parts[int(segment.SegmentNumber)] = (name, part)
    found = _contradictions(parts.values())
    image = _Segmentation(dataset)
    grid = grid or _own_grid(image)
    voxels = {number: np.zeros(grid.shape, dtype=bool) for number in parts}
    counts: Counter[int] = Counter()
    for frame in range(len(image.groups)):
        for number, region, count in image.regions(frame, list(parts)):
            counts[number] += count
            if region.any():
                _put(region, image.place(frame), voxels[number], grid, image)
    structures = [
        Structure(name, part, voxels[number], counts[number], "labelled voxels")
        for number, (name, part) in parts.items()
    ]
    mask, more = assemble(structures, names, grid)
    return mask, (*found, *more)


def _put(region: Pixels, frame: _Frame, voxels: Pixels, grid: Grid, image: _Segmentation) -> None:
    """Set the voxels of a frame's pixels, whatever its orientation on the grid."""
    last = np.array([image.rows - 1, image.columns - 1])
    ends = np.array([[0, 0], [0, last[1]], [last[0], 0], last])
    corners = grid.to_index(frame.corner + ends @ frame.steps)
    whole = np.rint(frame.steps @ np.linalg.inv(grid.affine[:3, :3]).T).astype(int)
    apart = corners - np.rint(corners[0]) - ends @ whole
    if np.abs(apart).max() > TOLERANCE_VOXELS or not np.array_equal(
        np.abs(whole).sum(axis=1), [1, 1]
    ):
        raise _elsewhere(image, frame, grid)
    start = np.rint(corners[0]).astype(int)
    if (
        np.array_equal(whole, [[0, 1, 0], [0, 0, 1]])
        and not start[1:].any()
        and region.shape == grid.shape[1:]
    ):
        if not 0 <= start[0] < grid.shape[0]:
            raise refused("GRID-BEYOND", GridMismatch, n=int(np.count_nonzero(region)))
        voxels[start[0]] |= region
        return
    index = start + np.argwhere(region) @ whole
    beyond = ((index < 0) | (index >= grid.shape)).any(axis=1)
    if beyond.any():
        raise refused("GRID-BEYOND", GridMismatch, n=int(beyond.sum()))
    voxels[tuple(index.T)] = True


def _elsewhere(image: _Segmentation, frame: _Frame, grid: Grid) -> GridMismatch:
    try:
        return mismatch(_own_grid(image), grid)
    except GridMismatch:
        affine = np.eye(4)
        affine[:3, 0] = np.cross(frame.steps[1], frame.steps[0])
        affine[:3, 1], affine[:3, 2], affine[:3, 3] = *frame.steps, frame.corner
        lattice = describe(Grid((1, image.rows, image.columns), affine))
        error = refused(
            "GRID-MISMATCH", GridMismatch, mask=lattice, other="volume", volume=describe(grid)
        )
        assert isinstance(error, GridMismatch)
        return error


def _contradictions(parts: Iterable[tuple[str, LungPart]]) -> list[Finding]:
    """Segments whose name is one lung and whose code the other."""
    count = 0
    for name, part in parts:
        named = part_of(name)
        count += named is not None and {named.side, part.side} == {"right", "left"}
    return [finding("SEGMENT-SIDES-DISAGREE", n=count)] if count else []


def _own_grid(image: _Segmentation) -> Grid:
    """The lattice of the frames, slices ascending along cross(row cosine, column cosine).

    Raises:
        GridMismatch: the frames are not parallel, or their distances are not multiples of one step.
    """
    frames = [image.place(k) for k in range(len(image.groups))]
    steps = frames[0].steps
    if any(np.abs(frame.steps - steps).max() > 1e-3 for frame in frames):
        raise refused("SEG-UNEVEN", GridMismatch)
    normal = np.cross(steps[1], steps[0])
    normal = normal / np.linalg.norm(normal)
    corners = np.array([frame.corner for frame in frames])
    depth = (corners - corners[0]) @ normal
    order = np.argsort(depth, kind="stable")
    low, high = corners[order[0]], corners[order[-1]]
    step = _step(image, depth[order])
    count = int(np.rint((depth[order[-1]] - depth[order[0]]) / step)) + 1
    places = (depth - depth[order[0]]) / step
    if np.abs(places - np.rint(places)).max() > ONE_POSITION:
        raise refused("SEG-UNEVEN", GridMismatch)
    affine = np.eye(4)
    affine[:3, 0] = (high - low) / (count - 1) if count > 1 else normal * step
    affine[:3, 1], affine[:3, 2], affine[:3, 3] = *steps, low
    return Grid((count, image.rows, image.columns), affine)


def _step(image: _Segmentation, depth: NDArray[np.float64]) -> float:
    """The slice spacing: the smallest between frames, or else that in the header."""
    measures = image.group(0, "PixelMeasuresSequence")
    stated = [measures.get(keyword) for keyword in ("SpacingBetweenSlices", "SliceThickness")]
    usual = next(
        (abs(float(value)) for value in stated if value not in (None, "") and float(value)), 1.0
    )
    gaps = np.diff(depth)
    gaps = gaps[gaps > ONE_POSITION * min(usual, max(float(gaps.max(initial=0.0)), 1e-6))]
    if not len(gaps):
        return usual
    whole = np.rint(gaps / gaps.min())
    return float(gaps.sum() / whole.sum())
