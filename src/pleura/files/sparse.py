"""Files that are mostly holes: a few bytes on disk that read as gigabytes of zeros."""

import errno
import os
from typing import IO

from pleura.core.faults import note
from pleura.files.limits import GROWTH, SPARSE_FREE


def is_sparse(stream: IO[bytes], size: int) -> bool:
    """Whether a file of `size` bytes has far more holes than data; the position is kept."""
    return size > SPARSE_FREE and _bytes_written(stream, size) * GROWTH < size


def _bytes_written(stream: IO[bytes], size: int) -> int:
    """Bytes of a file that are data, not holes, as far as known; the position is kept."""
    if not hasattr(os, "SEEK_DATA"):
        return size
    position = stream.tell()
    written = end = 0
    try:
        while end < size and written * GROWTH < size:
            start = stream.seek(end, os.SEEK_DATA)
            end = stream.seek(start, os.SEEK_HOLE)
            written += end - start
    except OSError as error:
        if error.errno != errno.ENXIO:  # no data behind `end`
            note(error)
            written = size
    stream.seek(position)
    return written
