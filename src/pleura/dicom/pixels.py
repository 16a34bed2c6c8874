"""Stored values to HU: bits, sign, rescale per plane, padding."""

import os
import sys
import warnings
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from io import BytesIO, FileIO
from pathlib import Path
from threading import Thread
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pleura.codecs.frames import BIG_ENDIAN, DEFLATED, decode_frame, unreadable_pixels
from pleura.core.progress import Progress, silent
from pleura.dicom.deflated import inflated
from pleura.dicom.padding import find_padding
from pleura.dicom.plane import Cells, Plane, rescale_of
from pleura.files.archives import read_members

BATCH = 64
"""Most slices of an archive that are in memory at once."""
BLOCK = 3
"""Slices processed at once: they fit into a core's cache, and threads rarely wait for the GIL."""

Part = Sequence[tuple[int, bytes | None]]
"""Numbers of planes, each with its bytes where it is in an archive."""


def read_hu(
    planes: Sequence[Plane], *, workers: int = 0, progress: Progress = silent
) -> tuple[NDArray[np.int16], NDArray[np.bool_] | None, int]:
    """Read planes, in the order given, as one array of HU.

    HU = stored × RescaleSlope + RescaleIntercept with each plane's own pair (PS3.3 C.11.1.1.2),
    rounded to the nearest whole HU, saturated at the ends of int16.

    Returns:
        `hu` int16 `(planes, rows, columns)`, true values with padding included; `padding`, bool of
        the same shape or `None`; and how many voxels were saturated.

    Raises:
        UnreadableFile: pixel data are truncated or cannot be decoded.
    """
    reader = _Reader(planes, progress)
    reader.read(workers or min(4, os.cpu_count() or 1))
    return reader.hu, reader.padding(), sum(block.saturated for block in reader.blocks)


class _ReadBlock(NamedTuple):
    """What was read at once: its place in the stack, saturated voxels, and the kind of padding."""

    where: slice
    saturated: int
    has_usual_padding: bool


class _Reader:
    """Reads planes in several threads into one array.

    The padding of a scanner is the same in every slice. So the first mask that is found is kept as
    the `usual` one, and only masks that differ are stored slice by slice.
    """

    def __init__(self, planes: Sequence[Plane], progress: Progress) -> None:
        self.planes, self.progress = planes, progress
        self.shape = (len(planes), planes[0].rows, planes[0].columns)
        self.hu = np.empty(self.shape, np.int16)
        self.masks = np.zeros(self.shape, np.bool_)  # untouched pages cost no memory
        self.usual: list[NDArray[np.bool_]] = []
        self.blocks: list[_ReadBlock] = []
        self.parts: deque[Part] = deque()
        self.failed: list[Exception] = []

    def read(self, workers: int) -> None:
        """Read all planes; raise the first error of any thread."""
        # long parts avoid page contention, short ones idle threads
        parts_per_thread = 24 if self.planes[0].offset is None else 4
        for batch in _batches(self.planes):
            length = -(-len(batch) // (parts_per_thread * workers)) or 1
            starts = range(0, len(batch), length)
            self.parts.extend(batch[start : start + length] for start in starts)
            # threads start faster than a pool does
            others = [Thread(target=self._work) for _ in range(workers - 1)]
            for other in others:
                other.start()
            self._work(self.progress)  # the calling thread reads as well
            for other in others:
                other.join()
            if self.failed:
                raise self.failed[0]
            self._report(self.progress)

    def padding(self) -> NDArray[np.bool_] | None:
        """The padding of all planes; one mask broadcast where all have the same."""
        if not self.usual:
            return None
        if all(block.has_usual_padding for block in self.blocks):
            return np.broadcast_to(self.usual[0], self.shape)
        for block in self.blocks:
            if block.has_usual_padding:
                self.masks[block.where] = self.usual[0]
        return self.masks

    def _work(self, progress: Progress = silent) -> None:
        """The work of each thread: take parts until none is left."""
        room = np.empty((BLOCK, *self.shape[1:]), np.bool_)
        try:
            for part in _taken(self.parts):
                self.blocks.extend([self._read(block, room) for block in _blocks(part)])
                self._report(progress)
        except Exception as error:  # raised in the calling thread
            self.failed.append(error)
        finally:
            self.parts.clear()  # where one fails, all stop

    def _read(self, block: Part, room: NDArray[np.bool_]) -> _ReadBlock:
        """Read one block; `room` is reused memory for its masks."""
        where = slice(block[0][0], block[-1][0] + 1)
        planes, hu, mask = self.planes[where], self.hu[where], room[: len(block)]
        saturated, least = _read_block(planes, [data for _, data in block], hu)
        if not find_padding(hu, planes, least, mask):
            return _ReadBlock(where, saturated, False)
        if not self.usual:
            self.usual.append(mask[0].copy())
        is_usual = bool((_words(mask) == _words(self.usual[0][np.newaxis])).all())
        if not is_usual:
            self.masks[where] = mask
        return _ReadBlock(where, saturated, is_usual)

    def _report(self, progress: Progress) -> None:
        done = sum(block.where.stop - block.where.start for block in self.blocks)
        progress("read pixels", done, len(self.planes))


def _batches(planes: Sequence[Plane]) -> Iterator[list[tuple[int, bytes | None]]]:
    """Plane numbers, with bytes of planes in archives, each read once and never as a whole."""
    yield [(number, None) for number, plane in enumerate(planes) if plane.archive is None]
    wanted: dict[Path, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for number, plane in enumerate(planes):
        if plane.archive is not None:
            wanted[plane.archive][plane.member].append(number)
    for path, members in wanted.items():
        batch: list[tuple[int, bytes | None]] = []
        for member, data in read_members(path, members):
            batch += [(number, data) for number in members[member]]
            if len(batch) >= BATCH:
                yield batch
                batch = []
        yield batch


def _taken(parts: deque[Part]) -> Iterator[Part]:
    """Yield parts, each for the first free thread."""
    while True:
        try:
            part = parts.popleft()
        except IndexError:
            return
        yield part


def _blocks(part: Part) -> Iterator[Part]:
    """Yield successive slices together, at most `BLOCK`; slices of an archive come in any order."""
    for start in range(0, len(part), BLOCK):
        block = part[start : start + BLOCK]
        if all(number == block[0][0] + k for k, (number, _) in enumerate(block)):
            yield block
        else:
            yield from ([one] for one in block)


def _words(mask: NDArray[np.bool_]) -> NDArray[Any]:
    """Masks, one in each row, in words that compare quickly."""
    flat = mask.reshape(len(mask), -1)
    return flat.view(np.uint64) if flat.shape[1] % 8 == 0 else flat


@contextmanager
def _open(plane: Plane, data: bytes | None) -> Iterator[IO[bytes]]:
    if plane.syntax == DEFLATED:
        with _open(plane._replace(syntax=""), data) as file:
            most = (plane.offset or 0) + plane.length * plane.frames
            yield BytesIO(inflated(file.read(), most))
    elif data is not None:
        yield BytesIO(data)
    elif plane.archive is not None:
        yield BytesIO(next(read_members(plane.archive, {plane.member}))[1])
    else:
        with FileIO(plane.file) as file:
            yield file


def _read_block(
    planes: Sequence[Plane], data: Sequence[bytes | None], out: NDArray[np.int16]
) -> tuple[int, int]:
    """Read planes into `out` in HU; return the number of saturated voxels and a lower bound of HU.

    `data` has the bytes of files that were read already.
    """
    least = _straight(planes, out)
    if least is not None:
        return 0, least
    saturated = [
        _rescale(stored_values(plane, file), plane, hu)
        for plane, file, hu in zip(planes, data, out, strict=True)
    ]
    return sum(saturated), -32768


def _straight(planes: Sequence[Plane], out: NDArray[np.int16]) -> int | None:
    """Read plain 16-bit pixels into `out` and add the intercept; return a lower bound of HU.

    `None` where this is not exact; `out` is then to be read in another way.
    """
    alike = {(p.syntax, p.cells, p.slope, p.intercept, p.archive, p.offset is None) for p in planes}
    syntax, cells, slope, intercept, archive, encapsulated = next(iter(alike))
    if len(alike) > 1 or encapsulated or archive is not None or syntax in (BIG_ENDIAN, DEFLATED):
        return None
    if (
        slope != 1.0
        or intercept is None
        or intercept != int(intercept)
        or sys.byteorder != "little"
    ):
        return None
    bits, is_signed = cells.stored, cells.signed
    if cells.allocated != 16 or cells.samples != 1 or cells.high_bit != bits - 1:
        return None
    for plane, pixels in zip(planes, out, strict=True):
        _fill(pixels, plane)
    shift, stored = int(intercept), out if is_signed else out.view(np.uint16)
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if is_signed else (0, (1 << bits) - 1)
    # computed only where values may exceed int16, or the stored bits: the other bits of a cell
    # do not belong to the value
    least = int(stored.min()) if low + shift < -32768 or (is_signed and bits < 16) else low
    most = int(stored.max()) if high + shift > 32767 or bits < 16 else high
    if least < low or most > high or least + shift < -32768 or most + shift > 32767:
        return None
    if shift:
        unsigned = out.view(np.uint16)  # arithmetic of uint16 wraps
        np.add(unsigned, np.uint16(shift & 0xFFFF), out=unsigned)
    return least + shift


def _fill(out: NDArray[np.int16], plane: Plane) -> None:
    """Read a plane's bytes into existing memory."""
    if hasattr(os, "preadv"):  # takes fewer calls than a file object
        file = os.open(plane.file, os.O_RDONLY)
        try:
            count = os.preadv(file, [out.data], plane.offset or 0)
        finally:
            os.close(file)
    else:
        with FileIO(plane.file) as handle:
            handle.seek(plane.offset or 0)
            count = handle.readinto(out.data) or 0
    if count != out.nbytes:
        raise unreadable_pixels("truncated")


def stored_values(plane: Plane, data: bytes | None = None) -> NDArray[Any]:
    """Stored values of a plane, `(rows, columns)`, with sign, and without unused bits.

    `data` is the content of the file, where it was read already.

    Raises:
        UnreadableFile: pixel data are truncated or cannot be decoded.
    """
    if plane.cells.allocated not in (8, 16, 32):
        raise unreadable_pixels("depth", found=plane.cells.allocated)
    shape = (plane.rows, plane.columns, plane.cells.samples)[: 2 if plane.cells.samples == 1 else 3]
    cell = np.dtype(f"u{plane.cells.allocated // 8}")
    with _open(plane, data) as file:
        if plane.offset is None:
            return _signed(
                decode_frame(_encoded(plane, file), plane.syntax, shape, plane.cells.allocated),
                plane.cells,
            )
        file.seek(plane.offset)
        raw = file.read(plane.length)
    if len(raw) != plane.length:
        raise unreadable_pixels("truncated")
    order = cell.newbyteorder(">" if plane.syntax == BIG_ENDIAN else "<")
    return _signed(np.frombuffer(raw, order).reshape(shape).astype(cell, copy=False), plane.cells)


def _encoded(plane: Plane, file: IO[bytes]) -> bytes:
    """The bytes of an encoded frame."""
    from pydicom.encaps import get_frame

    if plane.pixel_data is None:
        raise unreadable_pixels("not encapsulated")
    file.seek(plane.pixel_data + 12)
    if plane.frames == 1:
        return _one_frame(file.read())
    if plane.archive is None:
        status = os.fstat(file.fileno())
        fragments = _fragments_of(
            plane.file, plane.pixel_data + 12, status.st_size, status.st_mtime_ns
        )
    else:
        fragments = _fragments(file)
    # one fragment for each frame, whatever the offset table says
    if len(fragments) == plane.frames + 1:
        start, length = fragments[plane.frame + 1]
        file.seek(start)
        data = file.read(length)
        if len(data) != length:
            raise unreadable_pixels("truncated")
        return data
    file.seek(plane.pixel_data + 12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return get_frame(file, plane.frame, number_of_frames=plane.frames)
        except Exception as error:
            raise unreadable_pixels("frame") from error


@lru_cache(maxsize=8)
def _fragments_of(name: str, place: int, _size: int, _mtime_ns: int) -> list[tuple[int, int]]:
    """The result of `_fragments`, computed once for all frames of a file."""
    with FileIO(name) as file:
        file.seek(place)
        return _fragments(file)


def _fragments(file: IO[bytes]) -> list[tuple[int, int]]:
    """Start and length of each item from here on; the offset table is the first."""
    found: list[tuple[int, int]] = []
    at = file.tell()
    while (head := file.read(8))[:4] == b"\xfe\xff\x00\xe0" and len(head) == 8:
        length = int.from_bytes(head[4:], "little")
        found.append((at + 8, length))
        at += 8 + length
        file.seek(at)
    return found


def _one_frame(data: bytes) -> bytes:
    """The joined fragments of a single encapsulated frame, without offset table (PS3.5 A.4)."""
    fragments, at = [], 0
    while data[at : at + 4] == b"\xfe\xff\x00\xe0":
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        fragments.append(data[at + 8 : at + 8 + length])
        if len(fragments[-1]) != length:
            raise unreadable_pixels("truncated")
        at += 8 + length
    if len(fragments) < 2:
        raise unreadable_pixels("truncated")
    return b"".join(fragments[1:])


def _signed(cells: NDArray[Any], declared: Cells) -> NDArray[Any]:
    """Extract stored values from their cells, with their sign (PS3.5 section 8.1.1)."""
    if not declared.stored <= declared.high_bit + 1 <= declared.allocated:
        raise unreadable_pixels("cells")
    if declared.stored == declared.allocated:
        return cells.view(cells.dtype.str.replace("u", "i")) if declared.signed else cells
    shift = declared.high_bit + 1 - declared.stored
    values = (cells >> shift) & ((1 << declared.stored) - 1)
    if not declared.signed:
        return values
    left = declared.allocated - declared.stored
    signed: NDArray[Any] = (values << left).astype(cells.dtype).view(f"i{cells.itemsize}") >> left
    return signed


def _rescale(stored: NDArray[Any], plane: Plane, out: NDArray[np.int16]) -> int:
    slope, intercept = rescale_of(plane)
    if slope == 1.0 and intercept == int(intercept):
        shift = int(intercept)
        if (
            stored.itemsize == 2
            and int(stored.min()) + shift >= -32768
            and int(stored.max()) + shift <= 32767
        ):
            # wraps, and the sum fits
            np.add(stored.view(np.uint16), np.uint16(shift & 0xFFFF), out=out.view(np.uint16))
            return 0
        wide: NDArray[Any] = stored.astype(np.int32) + shift
    else:
        wide = np.rint(stored * slope + intercept)
    over = (wide > 32767) | (wide < -32768)
    np.copyto(out, np.clip(wide, -32768, 32767), casting="unsafe")
    return int(np.count_nonzero(over))
