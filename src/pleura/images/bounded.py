"""Read image files of a stated size: regular ones, no more memory than stated, to the last byte."""

import bz2
import re
import stat
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

from pleura.core.codes import refused
from pleura.core.errors import InputRefused, UnreadableFile
from pleura.core.faults import note
from pleura.files.sparse import is_sparse

IMAGE_BYTES: Final = 4 << 30
"""Largest image: 512 x 512 x 4,000 voxels of 32 bits."""
HEADER_BYTES: Final = 1 << 20
"""Largest text header of NRRD and MetaImage."""
DEFLATE_GROWTH: Final = 1040
"""Most that deflate can expand (1,032 to 1); what states more is truncated."""
CHUNK: Final = 1 << 20
DETACHED: Final = (".mhd", ".nhdr")
"""Suffixes of headers whose voxels are in a file beside them."""
VOXELS: Final = re.compile(
    rb"^(?:ElementDataFile\s*=|data ?file:)\s*(\S.*?)\s*$", re.MULTILINE | re.I
)
"""Where such a header names that file."""
TRAILING: Final = 1 << 16
"""What may follow the voxels: padding of some writers."""


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file; raise `UnreadableFile` for pipes, devices, folders and mere holes."""
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):
            raise refused("MASK-NOT-A-FILE", UnreadableFile)
        file = path.open("rb")
        if is_sparse(file, about.st_size):
            file.close()
            raise refused("SPARSE-FILE", UnreadableFile, n=1)
        return file
    except OSError as error:
        if isinstance(error, UnreadableFile):
            raise
        raise refused(
            "MASK-UNREADABLE", UnreadableFile, problem=error.strerror or "disk error"
        ) from error


def beside(header: Path, name: str) -> Path:
    """The data file of a detached header: a regular file in the same folder, and nowhere else."""
    if not name or Path(name).name != name or name in (".", ".."):
        raise refused("MASK-DATA-ELSEWHERE", UnreadableFile)
    data = header.with_name(name)
    if not data.exists():
        raise refused("MASK-DATA-ELSEWHERE", UnreadableFile)
    return data


def image_parts(path: Path) -> list[Path]:
    """An image file, and the file of its voxels where its header is detached.

    Raises:
        UnreadableFile: the header cannot be read, or the voxels are not beside it.
    """
    if path.suffix.lower() not in DETACHED:
        return [path]
    with open_regular(path) as file:
        named = VOXELS.search(file.read(HEADER_BYTES))
    if named is None or named[1] == b"LOCAL":
        return [path]
    return [path, beside(path, named[1].decode("utf-8", "surrogateescape"))]


def image_files(path: Path) -> list[Path]:
    """The files of an image, as `image_parts` finds them; the path alone where it is broken."""
    try:
        return image_parts(path)
    except (OSError, InputRefused) as error:
        note(error)
        return [path]


def check_size(size: int) -> None:
    """Refuse an image whose header states more bytes than the limit."""
    if size > IMAGE_BYTES:
        raise refused(
            "MASK-TOO-LARGE", UnreadableFile, size_gb=size / 1e9, limit_gb=IMAGE_BYTES / 1e9
        )


class Inflater:
    """A gzip or zlib stream, read as a file; at its end the checksum is verified.

    `wbits` is 31 for gzip (several members in a row too) and 15 for zlib.
    """

    def __init__(self, file: BinaryIO, wbits: int) -> None:
        self.file, self.wbits = file, wbits
        self.engine = zlib.decompressobj(wbits)
        self.pending = b""
        self.done = False

    def read(self, count: int) -> bytes:
        """At most `count` bytes, fewer only at the end. Raises `zlib.error` if it is broken."""
        parts = []
        while count > 0 and not self.done:
            data = self.pending or self.file.read(CHUNK)
            self.pending = b""
            if not data and not self.engine.eof:
                raise zlib.error("the stream is truncated")
            piece = self.engine.decompress(data, count)
            self.pending = self.engine.unconsumed_tail
            parts.append(piece)
            count -= len(piece)
            if self.engine.eof:
                self._next_member()
        return b"".join(parts)

    def _next_member(self) -> None:
        rest = self.engine.unused_data or self.file.read(CHUNK)
        if self.wbits == 31 and rest[:2] == b"\x1f\x8b":
            self.engine = zlib.decompressobj(self.wbits)
            self.pending = rest
        else:
            self.done = True


def read_exactly(read: Callable[[int], bytes], size: int, compressed: int) -> bytearray:
    """`size` bytes of a stream that then must end.

    Args:
        read: gives at most so many bytes.
        size: what the header states.
        compressed: size of the file, from which the stream cannot expand without limit.

    Raises:
        UnreadableFile: the size is over the limit, or the stream has fewer or many more bytes.
    """
    check_size(size)
    if size > DEFLATE_GROWTH * compressed + CHUNK:
        raise refused("MASK-TRUNCATED", UnreadableFile, found=compressed, expected=size)
    data = bytearray()
    while len(data) < size:
        piece = read(min(CHUNK, size - len(data)))
        if not piece:
            raise refused("MASK-TRUNCATED", UnreadableFile, found=len(data), expected=size)
        data += piece
    extra = 0
    while piece := read(TRAILING):
        extra += len(piece)
        if extra > TRAILING:
            raise refused("MASK-TOO-LONG", UnreadableFile, expected=size)
    return data


def unpack(file: BinaryIO, encoding: str, size: int, compressed: int) -> bytearray:
    """Voxels of a `raw`, `gzip`, `zlib` or `bzip2` stream from here on, checksums verified."""
    if encoding == "raw":
        return read_exactly(file.read, size, compressed)
    if encoding == "bzip2":
        with bz2.open(file) as stream:
            return read_exactly(stream.read, size, 64 * compressed)
    return read_exactly(Inflater(file, 31 if encoding == "gzip" else 15).read, size, compressed)
