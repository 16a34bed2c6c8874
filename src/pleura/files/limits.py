"""Limits of the input: bytes, members, growth and depth."""

from typing import Final

HEAD_BYTES: Final = 8 << 10
"""First read of every file: enough for most DICOM headers, and to recognise other kinds."""

FILE_BYTES: Final = 5 << 30
"""Largest DICOM file: PixelData has at most 4 GiB (its length is 32 bits, PS3.5 7.1)."""

MEMBER_BYTES: Final = 1 << 30
"""Largest file in an archive; no CT slice is nearly as large."""

MEMBERS: Final = 100_000
"""Most files in an archive."""

FREE_MEMBERS: Final = 10_000
"""Files that any archive may have; more must have `BYTES_A_MEMBER` bytes of the archive each."""

BYTES_A_MEMBER: Final = 64
"""Fewest bytes of an archive for each of its files: a CT slice compresses to thousands."""

GROWTH: Final = 100
"""Most times its size that a compressed file may expand to; CT has 2 to 4, a bomb 1000."""

GROWTH_FREE: Final = 256 << 20
"""Size that any compressed file may expand to; masks compress several hundredfold."""

DICOMDIR_BYTES: Final = 64 << 20
"""Largest DICOMDIR that is searched; one of 10,000 images has about 5 MB."""

SPARSE_FREE: Final = 64 << 20
"""Files up to this size are not checked for holes."""

ZIP_DIRECTORY_BYTES: Final = 16 << 20
"""Largest central directory of a zip file."""

TAR_HEADER_BYTES: Final = 1 << 20
"""Largest header of a file in a tar archive, extended (pax) attributes and long names included."""

CONTOURS_IN_PLANE: Final = 500
"""Most contours of one structure on one slice: each pair of them is compared."""

CONTOUR_POINTS: Final = 50_000
"""Most points of one contour: a lung traced pixel by pixel has a few thousand."""

SEGMENTS: Final = 2000
"""Most segments of a DICOM segmentation; the largest models have some hundred."""

PLANE_POINTS: Final = 200_000
"""Most points of all contours of one structure on one slice."""


def most_members(size: int) -> int:
    """Most files of an archive of `size` bytes: each costs time, an empty one too."""
    return min(MEMBERS, max(FREE_MEMBERS, size // BYTES_A_MEMBER))


def most_expanded(size: int) -> int:
    """Most bytes that a compressed file of `size` bytes may expand to."""
    return max(GROWTH_FREE, GROWTH * size)
